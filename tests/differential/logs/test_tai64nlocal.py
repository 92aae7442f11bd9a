"""tai64nlocal against the original, in zones of every kind."""

from random import Random
from zoneinfo import TZPATH

import pytest

from tests.support.commands import ENVIRONMENT, ours
from tests.support.filters import both, piped, run, run_on_pieces
from tests.support.labelled_lines import NO_LABELS, at, cut, leaps, lines
from tests.support.oracles import Oracle

pytestmark = [pytest.mark.oracle, pytest.mark.sampled(3)]

# With leap seconds, odd local mean times, names that are none, and none at all.
ZONES = [
    None,
    "",
    "US/Pacific",
    ":US/Pacific",
    "right/US/Pacific",
    "Europe/Amsterdam",
    "right/Africa/Monrovia",
    "Asia/Kathmandu",
    "<+0530>-5:30",
    "EST5EDT,M3.2.0,M11.1.0",
    "nonsense",
]


def environment(zone: str | None) -> dict[str, str]:
    return ENVIRONMENT if zone is None else {**ENVIRONMENT, "TZ": zone}


@pytest.mark.parametrize("zone", ZONES)
def test_labels_become_the_time_that_the_original_shows(oracle: Oracle, zone: str | None) -> None:
    stream = b"".join(lines(Random(str(zone)), 1500)) + b"".join(at(leap) + b"\n" for leap in leaps())
    mine, original = (
        run(command, stream, environment=environment(zone)) for command in both(oracle, "tai64nlocal")
    )
    assert original[0] == 0
    assert mine == original


def test_zones_are_there() -> None:
    """Or the test above compares Greenwich with Greenwich."""
    hours = {run(ours("tai64nlocal"), at(10**9) + b"\n", environment=environment(zone))[1] for zone in ZONES}
    assert len(hours) >= (6 if TZPATH else 3)


def test_streams_in_odd_pieces_come_out_as_from_the_original(oracle: Oracle) -> None:
    random = Random(76)
    for most in (3, 30, 300):
        stream = cut(random, b"".join([*lines(random, 40), b"plain\n", b"x" + at(7), b"\n\n", b"end"]), most)
        mine, original = (run_on_pieces(command, stream) for command in both(oracle, "tai64nlocal"))
        assert original[0] == 0
        assert mine == original


def test_line_without_a_label_stays_as_it_is() -> None:
    """Of ours alone; the original ends badly on some."""
    stream = b" x\n".join(NO_LABELS)
    assert run(ours("tai64nlocal"), stream) == (0, stream, b"")


def test_label_with_too_many_digits_stays_as_it_is(oracle: Oracle) -> None:
    line = b"@0" + at(0)[1:] + b" x\n"
    mine, original = (run(command, line)[1] for command in both(oracle, "tai64nlocal"))
    assert (mine, original) == (line, b"1970-01-01 00:00:00.123456500 x\n")


@pytest.mark.parametrize("second", [-62_200_000_000, 67_767_976_233_532_800])
def test_year_that_the_original_shows_as_another_stays(oracle: Oracle, second: int) -> None:
    line = at(second) + b" x\n"
    mine, original = (run(command, line)[1] for command in both(oracle, "tai64nlocal"))
    assert original.startswith(b"18446744")
    assert mine == line


def test_label_at_the_very_end_is_not_lost(oracle: Oracle) -> None:
    mine, original = (run(command, b"a\n" + at(0))[1] for command in both(oracle, "tai64nlocal"))
    assert (mine, original) == (b"a\n1970-01-01 00:00:00.123456500", b"a\n")
    mine, original = (run(command, b"a\n" + at(0)[:9])[1] for command in both(oracle, "tai64nlocal"))
    assert (mine, original) == (b"a\n" + at(0)[:9], b"a\n")


def test_any_bytes_pass() -> None:
    noise = Random(76).randbytes(300_000).replace(b"@", b"#")
    assert run(ours("tai64nlocal"), noise) == (0, noise, b"")


def test_labels_of_tai64n_pass_through_both(oracle: Oracle) -> None:
    """Ours reads what theirs writes, and theirs what ours does."""
    for writer, reader in (
        (ours("tai64n"), [oracle("tai64nlocal")]),
        ([oracle("tai64n")], ours("tai64nlocal")),
    ):
        labelled = run(writer, b"x\ny\n" * 5000)[1]
        mine, original = (run(command, labelled) for command in both(oracle, "tai64nlocal"))
        assert run(reader, labelled) == mine == original


def test_time_is_passed_on_when_it_is_known_what_follows() -> None:
    with piped(ours("tai64nlocal")) as (into, out):
        into.write(b"a\n" + at(0))
        assert out.read(100) == b"a\n"
        into.write(b" ")
        assert out.read(100) == b"1970-01-01 00:00:00.123456500 "
