"""tcpclient as a step of a chain, three ways: the original, ours executed, and the step."""

import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.differential.tcpclient.both import Seen, assert_alike, see
from tests.differential.tcpclient.lines import ALIKE, INHERITED, SLOW, arguments
from tests.support.patience import PATIENCE
from tests.support.probe import Report
from tests.support.serving import read_all
from ucspi.programs import tcpclient
from ucspi.unix import native, search
from ucspi.unix.chain import Chain, Step
from ucspi.unix.chainlayout import lay_out
from ucspi.unix.spawn import NativeSpawner, Program

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.e2e,
    pytest.mark.sampled(3),
    pytest.mark.skipif(native.lib is None, reason="the compiled module is not built"),
]

PATH = b"/usr/bin:/bin"
OURS_ALONE = {
    "a header": "-RHl0 --proxy v1 127.0.0.1 PORT PROBE",
    "a binary header": "-RHl0 --proxy v2 127.0.0.1 PORT PROBE",
    "a header, refused": "-RHl0 --proxy v2 127.0.0.9 PORT PROBE",
    "an unknown version": "-RHl0 --proxy v3 127.0.0.1 PORT PROBE",
    "refused in IPv6": "-RHl0 ::1 9 PROBE",
    "every address of IPv6": "-RHl0 [::] 9 PROBE",
    "a family that is another": "-RHl0 -i ::1 127.0.0.1 PORT PROBE",
    "a zone": "-RHl0 fe80::1%lo PORT PROBE",
    "a link without its zone": "-RHl0 fe80::1 PORT PROBE",
    "a mapped address": "-RHl0 ::ffff:127.0.0.1 PORT PROBE",
    "no such socket": "unix:/no/such/socket PORT PROBE",
    "no such socket, silent": "-q unix:/no/such/socket PORT PROBE",
    "no path": "unix: PORT PROBE",
    "the longest path": f"-v unix:/{'x' * 106} PORT PROBE",
    "a path that is too long": f"unix:/{'x' * 107} PORT PROBE",
    "a file that is no socket": "unix:/etc/passwd 0 PROBE",
    "a directory": "unix:/etc/passwd/x 0 PROBE",
    "a port that is too large": "-RHl0 127.0.0.1 65536 PROBE",
}
STEPS = (
    *("plain", "verbose", "silent", "the last of contrary options", "an empty local name", "no delay"),
    *("delay after all", "from another address", "this machine", "this machine, by nothing"),
    *("an odd literal", "no time for ident", "two dashes", "the second address"),
    *("a rest behind the addresses", "a program that does not exist"),
    *("a program that does not exist, silent", "a program that is a directory", "a program that is none"),
    *(
        "no such socket",
        "no such socket, silent",
        "the longest path",
        "a file that is no socket",
        "a directory",
    ),
    *("a header", "a binary header", "a header, refused", "refused in IPv6", "every address of IPv6"),
)
FAILING = {
    "refused": "-RHl0 127.0.0.9 PORT PROBE",
    "refused twice": "-RHl0 127.0.0.9.127.0.0.8 PORT PROBE",
    "refused, silent": "-qRHl0 127.0.0.9 PORT PROBE",
    "refused, port 0": "-RHl0 127.0.0.1 0 PROBE",
    "no port at all": "-RHl0 127.0.0.1 EMPTY PROBE",
    "an address that is not ours": "-RHl0 -i 10.9.8.7 127.0.0.1 PORT PROBE",
    "an address that is not ours, silent": "-qRHl0 -i 10.9.8.7 127.0.0.1 PORT PROBE",
    "a port that is taken": "-RHl0 -i 127.0.0.1 -p PORT 127.0.0.1 PORT PROBE",
    "a network that is not there": "-RHl0 255.255.255.255 PORT PROBE",
}
_FOREVER: list[object] = []


class Ran:
    """Starts a command line as a server starts its handler, with a file for what it complains of."""

    def __init__(self, folder: Path, command: Sequence[bytes], entries: list[bytes]) -> None:
        self._log, self._argv = folder / "stderr", list(command)
        program = Program(self._argv, search.files(self._argv[0], PATH), entries, b"server: fatal: ")
        self._spawner = NativeSpawner(program)

    def take_steps(self) -> bool:
        """Connect in a step from now on; return whether that can be done."""
        argv = [self._argv[0].rpartition(b"/")[2], *self._argv[1:]]
        plan = tcpclient.plan(argv)
        if plan is None:
            return False
        chain = Chain([Step(plan, b"", search.files(plan.program, PATH))], [])
        self._spawner._program.chain, kept = lay_out(chain, self._spawner._program.command)
        _FOREVER.append(kept)
        return True

    def begin(self) -> tuple[int, socket.socket]:
        """Start it; return its pid and our end of its connection."""
        mine, its = socket.socketpair()
        mine.settimeout(PATIENCE)
        kept = os.dup(2)
        try:
            with self._log.open("ab") as log:
                os.dup2(log.fileno(), 2)
            return self._spawner.spawn(its.detach(), b"", b""), mine
        finally:
            os.dup2(kept, 2)
            os.close(kept)

    def visit(self) -> Seen:
        """Start it, and wait for its end."""
        self._log.write_bytes(b"")
        pid, client = self.begin()
        with client:
            client.shutdown(socket.SHUT_WR)
            text = read_all(client)
        status = os.waitpid(pid, 0)[1]
        return see(os.waitstatus_to_exitcode(status), text, self._log.read_bytes())


def entries() -> list[bytes]:
    return [b"PATH=" + PATH, *(b"%s=%s" % item for item in INHERITED.items() if item[0] != b"PROTO")]


def ways(folder: Path, places: Sequence[Path], words: Sequence[str], given: list[bytes]) -> list[Ran]:
    """Return the line as it is run from each place, and as a step of ours."""
    line = [os.fsencode(word) for word in words]
    ran = []
    for number, place in enumerate((*places, places[-1])):
        (folder / str(number)).mkdir(exist_ok=True)
        ran.append(Ran(folder / str(number), [bytes(place / "tcpclient"), *line], given))
    return ran


@pytest.mark.parametrize("name", [*ALIKE, *(f"failing: {name}" for name in FAILING)])
def test_step_shows_what_the_original_shows(
    tmp_path: Path, originals: Path, our_clients: Path, client_probe: str, port: int, name: str
) -> None:
    failing = FAILING.get(name.removeprefix("failing: "))
    line = failing if name.startswith("failing") and failing else ALIKE[name]
    original, cold, warm = ways(
        tmp_path, (originals, our_clients), arguments(line, port, client_probe), entries()
    )
    is_step = warm.take_steps()
    assert is_step or not (name in STEPS or name.startswith("failing"))
    seen = warm.visit()
    assert seen == cold.visit()
    if is_step:
        assert_alike(seen, original.visit())


@pytest.mark.parametrize("name", OURS_ALONE)
@pytest.mark.parametrize("has_client", [True, False])
def test_step_shows_what_the_executed_program_shows(
    tmp_path: Path, our_clients: Path, client_probe: str, port: int, name: str, has_client: bool
) -> None:
    client = [b"PROTO=TCP", b"TCPREMOTEIP=192.0.2.1", b"TCPREMOTEPORT=5", b"TCPLOCALIP=192.0.2.2"]
    given = [b"PATH=" + PATH, *([*client, b"TCPLOCALPORT=6", b"A=b"] if has_client else [])]
    words = arguments(OURS_ALONE[name], port, client_probe)
    cold, warm = ways(tmp_path, (our_clients,), words, given)
    assert warm.take_steps() or name not in STEPS
    assert warm.visit() == cold.visit()


@pytest.fixture
def port6() -> Iterator[int]:
    """Give a port of IPv6 that accepts."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
            yield listener.getsockname()[1]
    except OSError as error:
        pytest.skip(f"no IPv6: {error}")


@pytest.mark.parametrize(
    "line",
    [
        "-vRHl0 ::1 PORT PROBE",
        "-RHl0 -i ::1 [::1] PORT PROBE",
        "-RHl0 0:0::0:1 PORT PROBE",
        "-vRHl0 :: PORT PROBE",
    ],
)
def test_server_of_ip6_gives_the_variables_of_ip6(
    tmp_path: Path, our_clients: Path, client_probe: str, port6: int, line: str
) -> None:
    given = [
        *entries(),
        b"TCP6INTERFACE=old",
        b"TCP6LOCALHOST=old",
        b"TCP6X=kept",
        b"TCP7REMOTEIP=kept",
        b"PROTOX=kept",
    ]
    cold, warm = ways(tmp_path, (our_clients,), arguments(line, port6, client_probe), given)
    assert warm.take_steps()
    seen = warm.visit()
    assert seen == cold.visit()
    assert b"TCP6REMOTEIP=::1" in seen.environment()


@pytest.mark.parametrize(
    "line",
    [
        "-v HOST 0 PROBE",
        "-RHl0 --proxy v1 HOST PORT PROBE",
        "-i 1.2.3.4 -D HOST nosuch PROBE",
        "HOST 0 nosuch",
    ],
)
def test_path_gives_the_variables_of_paths(
    tmp_path: Path, our_clients: Path, client_probe: str, line: str
) -> None:
    old = [
        b"UNIXREMOTEPID=old",
        b"UNIXLOCALUID",
        b"UNIXLOCALHOST=kept",
        b"TCP6REMOTEIP=kept",
        b"TCPREMOTEIP=::1",
    ]
    ends = [b"TCPREMOTEPORT=1", b"TCPLOCALIP=::2", b"TCPLOCALPORT=2"]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        words = arguments(line.replace("HOST", f"unix:{tmp_path / 'socket'}"), 9, client_probe)
        cold, warm = ways(tmp_path, (our_clients,), words, [b"PATH=" + PATH, *old, *ends])
        assert warm.take_steps()
        seen = warm.visit()
        known = cold.visit()
        assert without_pid(seen) == without_pid(known)
    if seen.report is not None:
        assert b"UNIXREMOTEPID=%d" % os.getpid() in seen.environment()


def without_pid(seen: Seen) -> Seen:
    """Leave out the pid of the program, which its variable must have told."""
    report = seen.report
    if report is None:
        return seen
    told = [entry for entry in report.environment if entry.startswith(b"UNIXLOCALPID=")]
    assert len(told) == 1
    assert told[0].removeprefix(b"UNIXLOCALPID=").isdigit()
    kept = tuple(entry for entry in report.environment if entry not in told)
    return Seen(
        seen.code, seen.output, seen.error, Report(report.argv, kept, report.descriptors, report.facts, "")
    )


def test_path_that_does_not_answer_gets_its_time(tmp_path: Path, our_clients: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, ExitStack() as clients:
        listener.bind(str(tmp_path / "socket"))
        listener.listen(0)
        try:
            while True:
                client = clients.enter_context(socket.socket(socket.AF_UNIX))
                client.setblocking(False)
                client.connect(str(tmp_path / "socket"))
        except BlockingIOError:
            pass  # nobody more
        words = ["-T", "+1", f"unix:{tmp_path / 'socket'}", "0", "true"]
        cold, warm = ways(tmp_path, (our_clients,), words, [b"PATH=" + PATH])
        assert warm.take_steps()
        began = time.monotonic()
        seen = warm.visit()
        assert 1 <= time.monotonic() - began < 1 + PATIENCE
        assert seen == cold.visit()
        assert seen.error.endswith(b": timed out\n")


HOSTILE = [
    [b"TCPREMOTEIP=nonsense"],
    [b"TCPREMOTEIP=1.2.3.4 5.6.7.8"],
    [b"TCPREMOTEIP=1.2.3.4\r\nX"],
    [b"TCPREMOTEIP=" + b"9" * 5000],
    [b"TCPREMOTEIP=::1", b"TCPLOCALIP=::ffff:1.2.3.4"],
    [b"TCPREMOTEPORT=65536"],
    [b"TCPREMOTEPORT=-1"],
    [b"TCPREMOTEPORT="],
    [b"TCPLOCALIP="],
    [b"PROTO=SCTP"],
    [b"PROTO=UNIX"],
]


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("said", HOSTILE, ids=range(len(HOSTILE)))
def test_client_that_is_a_lie_is_judged_by_the_program(
    tmp_path: Path, our_clients: Path, client_probe: str, port: int, said: list[bytes], version: str
) -> None:
    """It is executed, and connects only when it has understood who the client is."""
    plain = [
        b"PROTO=TCP",
        b"TCPREMOTEIP=1.2.3.4",
        b"TCPREMOTEPORT=5",
        b"TCPLOCALIP=5.6.7.8",
        b"TCPLOCALPORT=6",
    ]
    names = [entry.partition(b"=")[0] for entry in said]
    given = [b"PATH=" + PATH, *(entry for entry in plain if entry.partition(b"=")[0] not in names), *said]
    words = ["-RHl0", "--proxy", version, "127.0.0.1", str(port), client_probe]
    cold, warm = ways(tmp_path, (our_clients,), words, given)
    assert warm.take_steps()
    assert warm.visit() == cold.visit()


@pytest.mark.slow
def test_places_that_do_not_answer_get_their_time(
    tmp_path: Path, originals: Path, our_clients: Path, client_probe: str, deaf: int
) -> None:
    lines = [line if "-RHl0" in line else f"-RHl0 {line}" for line in SLOW]
    for number, (line, least) in enumerate(zip(lines, SLOW.values(), strict=True)):
        folder = tmp_path / f"line{number}"
        folder.mkdir()
        words = arguments(line, deaf, client_probe)
        original, _, warm = ways(folder, (originals, our_clients), words, entries())
        assert warm.take_steps()
        began = time.monotonic()
        seen = warm.visit()
        assert least <= time.monotonic() - began < least + PATIENCE
        assert_alike(seen, original.visit())
