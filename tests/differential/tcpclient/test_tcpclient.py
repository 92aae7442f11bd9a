"""tcpclient against the original: every option, usage, order of attempts, what the program gets."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.differential.tcpclient.both import Seen, assert_alike, run
from tests.differential.tcpclient.lines import ALIKE, INHERITED, SLOW, arguments
from tests.support.launchers import is_launched

pytestmark = [pytest.mark.sampled(3), pytest.mark.oracle, pytest.mark.e2e]

Timed = tuple[Seen, float]  # and how many seconds it took


class Both:
    """Runs a command line with both programs."""

    def __init__(self, places: tuple[Path, Path], probe: str) -> None:
        self.places, self.probe = places, probe

    def __call__(
        self, line: str, port: int, *, setup: str = "", environment: dict[bytes, bytes] | None = None
    ) -> tuple[Seen, Seen]:
        given = arguments(line, port, self.probe)
        original, ours = (
            run([str(place / "tcpclient"), *given], setup=setup, environment=environment)
            for place in self.places
        )
        return original, ours


@pytest.fixture
def both(originals: Path, our_clients: Path, client_probe: str) -> Both:
    return Both((originals, our_clients), client_probe)


@pytest.mark.parametrize("name", ALIKE)
def test_it_shows_what_the_original_shows(both: Both, port: int, name: str) -> None:
    original, ours = both(ALIKE[name], port, environment=INHERITED)
    assert_alike(ours, original)


@pytest.fixture(scope="module")
def slow(originals: Path, our_clients: Path, client_probe: str, deaf: int) -> dict[str, list[Timed]]:
    """Run all that waits at the same time: what the original showed, what ours did."""

    def timed(line: str, place: Path) -> Timed:
        began = time.monotonic()
        seen = run([str(place / "tcpclient"), *arguments(line, deaf, client_probe)])
        return seen, time.monotonic() - began

    with ThreadPoolExecutor(2 * len(SLOW)) as pool:
        running = {
            line: [pool.submit(timed, line, place) for place in (originals, our_clients)] for line in SLOW
        }
        return {line: [future.result() for future in futures] for line, futures in running.items()}


@pytest.mark.slow
@pytest.mark.parametrize("line", SLOW)
def test_addresses_that_do_not_answer_get_their_time(slow: dict[str, list[Timed]], line: str) -> None:
    (original, _), (ours, seconds) = slow[line]
    assert_alike(ours, original)
    assert SLOW[line] <= seconds < SLOW[line] + 5


@pytest.mark.parametrize(
    "setup",
    [
        "exec 3</dev/null 5</etc/passwd 6</etc/passwd 7</etc/passwd 9</",
        "exec 3</dev/null 4</dev/null 5</dev/null",
        'trap "" HUP INT QUIT USR1 CHLD',
        'trap "" PIPE',
        "umask 077; ulimit -s 4096",
        "ulimit -n 64",
    ],
)
def test_surroundings_are_left_as_they_are(both: Both, port: int, setup: str) -> None:
    original, ours = both(ALIKE["plain"], port, setup=setup)
    assert original.report is not None
    assert_alike(ours, original)


def test_descriptors_that_cannot_be_set_up_are_named(both: Both, port: int) -> None:
    original, ours = both(ALIKE["plain"], port, setup="ulimit -n 7")
    assert original.code == 111
    assert_alike(ours, original)


def test_ignored_signals_are_passed_on_but_for_one(both: Both, port: int) -> None:
    original, ours = both(ALIKE["plain"], port, setup='trap "" PIPE XFSZ HUP')
    assert original.report is not None
    assert ours.report is not None
    lines = [
        [value for _, value in report.facts if value.startswith("SigIgn")]
        for report in (original.report, ours.report)
    ]
    assert lines[0] == ["SigIgn: 0000000001000001"]
    assert lines[1] == (lines[0] if is_launched() else ["SigIgn: 0000000000000001"])


def test_inherited_variables_keep_their_order(both: Both, port: int) -> None:
    given = {b"A": b"1", b"TCPREMOTEINFO": b"x", b"B": b"", b"PROTO": b"x", b"Z": b"a=b"}
    original, ours = both(ALIKE["plain"], port, environment=given)
    assert_alike(ours, original)
    names = [entry.partition(b"=")[0] for entry in ours.environment()]
    assert names[-6:] == [
        *(b"PROTO", b"TCPLOCALIP", b"TCPLOCALPORT", b"TCPLOCALHOST", b"TCPREMOTEIP", b"TCPREMOTEPORT"),
    ]
    assert [name for name in names if len(name) == 1] == [b"A", b"B", b"Z"]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_descriptor_is_occupied(
    originals: Path, our_clients: Path, client_probe: str, port: int, tmp_path: Path, closed: str
) -> None:
    """The original is started with /dev/null there instead."""
    occupied = closed.replace("<&-", "</dev/null").replace(">&-", ">/dev/null")
    # The probe writes to descriptor 1; it must not be where its own report goes.
    shell = ["-RHl0", "127.0.0.1", str(port), "sh", "-c", 'exec "$0" 9>&1 >"$1"', client_probe]
    lines: list[list[bytes]] = []
    for place, setup in ((originals, occupied), (our_clients, closed)):
        copy = tmp_path / f"seen-{len(lines)}"
        seen = run([str(place / "tcpclient"), *shell, str(copy)], setup=f"exec {setup}")
        assert (seen.code, seen.output, seen.error) == (0, b"", b"")
        lines.append([line for line in copy.read_bytes().splitlines() if line.startswith(b"fd ")])
    assert lines[0] == lines[1]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("-p x", b"-p wants a number of at most 65535, not x"),
        ("-p 65536", b"-p wants a number of at most 65535, not 65536"),
        ("-p 80x", b"-p wants a number of at most 65535, not 80x"),
        ("-t EMPTY", b"-t wants a number of at most 2147483647, not nothing"),
        ("-T EMPTY", b"-T wants seconds, such as 2+58, not nothing"),
        ("-T +", b"-T wants seconds, such as 2+58, not +"),
        ("-T 1x+2", b"-T wants a number of at most 2147483647, not 1x"),
        ("-T 1+2s", b"-T wants a number of at most 2147483647, not 2s"),
        ("-T -1", b"-T wants a number of at most 2147483647, not -1"),
        ("-i 127.0.0.1.5", b"usage: tcpclient"),
        ("-i 383.0.0.1", b"usage: tcpclient"),
    ],
)
def test_number_that_is_none_is_refused(both: Both, port: int, options: str, named: bytes) -> None:
    original, ours = both(f"{options} 127.0.0.9 PORT true", port)
    assert original.code == 111
    assert (ours.code, ours.output, ours.error.count(b"\n")) == (100, b"", 1)
    assert named in ours.error


def test_port_and_address_do_not_wrap(both: Both, port: int) -> None:
    original, ours = both("-RHl0 127.0.0.1 PORT+65536 PROBE", port)
    assert original.code == 0
    line = b"tcpclient: fatal: unable to figure out port number for %d: the largest is 65535\n" % (
        port + 65536
    )
    assert (ours.code, ours.error) == (100, line)
    original, ours = both("-RHl0 127.0.0.257 PORT PROBE", port)
    assert original.code == 0
    assert (ours.code, ours.error) == (111, b"tcpclient: fatal: no IP address for 127.0.0.257\n")


def test_long_option_is_refused(both: Both, port: int) -> None:
    original, ours = both("--timeout 127.0.0.9 PORT true", port)
    assert original.code == 111
    assert (ours.code, ours.error.splitlines()[0]) == (100, b"tcpclient: illegal option -- timeout")


def test_local_port_is_the_one_asked_for(originals: Path, our_clients: Path, port: int) -> None:
    for place in (originals, our_clients):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            number = str(free.getsockname()[1])
        command = [str(place / "tcpclient"), "-RHl0", "-p", number, "127.0.0.1", str(port)]
        seen = run([*command, "sh", "-c", "echo $TCPLOCALPORT"])
        assert (seen.code, seen.output.decode()) == (0, f"{number}\n")
