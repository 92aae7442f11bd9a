"""tai64n against the original: the same bytes but for the time, which is the right one."""

import re
from random import Random
from time import time_ns

import pytest

from tests.support.commands import ENVIRONMENT, ours
from tests.support.filters import both, pieces, piped, run, run_on_pieces
from tests.support.oracles import Oracle
from ucspi.lines.label import label

pytestmark = [pytest.mark.oracle, pytest.mark.sampled(3)]

LABEL = re.compile(rb"^@[0-9a-f]{24} ", re.MULTILINE)


def timeless(out: bytes, since: bytes) -> bytes:
    """Check that the labels are of the time since then and in order; return the rest, marked."""
    times = [since, *(found[:-1] for found in LABEL.findall(out)), label(time_ns())]
    assert times == sorted(times)
    assert all(int(time[17:], 16) % 1000 == 500 for time in times)  # the originals count microseconds
    return LABEL.sub(b"@ ", out)


def test_streams_in_odd_pieces_come_out_as_from_the_original(oracle: Oracle) -> None:
    random, since = Random(76), label(time_ns())
    for _ in range(4):
        stream = pieces(random, 60)
        mine, original = (run_on_pieces(command, stream) for command in both(oracle, "tai64n"))
        assert (mine[0], mine[2]) == (original[0], original[2]) == (0, b"")
        assert timeless(mine[1], since) == timeless(original[1], since)


def test_large_streams_come_out_as_from_the_original(oracle: Oracle) -> None:
    stream, since = b"".join(pieces(Random(76), 6000)) + b"end", label(time_ns())
    mine, original = (run(command, stream) for command in both(oracle, "tai64n"))
    assert len(mine[1]) > 10**6
    assert timeless(mine[1], since) == timeless(original[1], since)


def test_lines_of_one_block_have_times_of_their_own(oracle: Oracle) -> None:
    for command in both(oracle, "tai64n"):
        _, out, _ = run(command, b"\n" * 200_000)
        assert len(set(out.split(b"\n"))) > 1000


@pytest.mark.parametrize("count", [1, 200_000])
def test_zone_of_the_reader_changes_nothing(count: int) -> None:
    since = label(time_ns())
    _, out, _ = run(ours("tai64n"), b"x\n" * count, environment={**ENVIRONMENT, "TZ": "right/US/Pacific"})
    assert timeless(out, since) == b"@ x\n" * count


def test_label_has_the_time_at_which_its_line_began() -> None:
    with piped(ours("tai64n")) as (into, out):
        into.write(b"a\nb")
        begun = out.read(100)
        since = label(time_ns())
        into.write(b"b\nc\n")
        more = out.read(100)
    assert (begun[26:28], begun[-1:], more[:2], more[28:]) == (b"a\n", b"b", b"b\n", b"c\n")
    assert begun[28:53] <= since <= more[2:27]
