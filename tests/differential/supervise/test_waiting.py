"""``svc --wait`` and ``svwait`` beside our supervise and the original's."""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.differential.supervise.conftest import Make
from tests.support.commands import ENVIRONMENT, ours, run
from tests.support.fakeservices import DOWN, FakeService, record
from tests.support.oracles import find_oracle, missing
from tests.support.patience import PATIENCE, wait_for
from tests.support.supervised import PLAIN, STUBBORN

pytestmark = pytest.mark.sampled(3)

LONG = str(int(PATIENCE))
QUICK = "#!/bin/sh\necho started >> starts\n"


def svc(*arguments: str) -> list[str]:
    return [*ours("svc"), *arguments]


def svwait(*arguments: str) -> list[str]:
    return [*ours("svwait"), *arguments]


@pytest.fixture
def fakes(tmp_path: Path) -> Iterator[list[FakeService]]:
    made: list[FakeService] = []
    yield made
    for service in made:
        service.end()


def test_each_state_is_waited_for(make: Make, supervise: list[str]) -> None:
    service = make("x", PLAIN, down=True).start(supervise)
    where = service.directory.parent
    for arguments, up in (
        (("--wait", "up", "--timeout", LONG, "-u", "x"), True),
        (("--wait=down", f"--timeout={LONG}", "-d", "x"), False),
        (("-u", "--wait", "up", "x"), True),
        (("--wait", "finished", "--timeout", LONG, "-d", "x"), False),
    ):
        assert run(svc(*arguments), where) == (0, b"", b""), arguments
        assert (service.pid() > 0) == up


def test_restart_is_over_when_svc_returns(make: Make, supervise: list[str]) -> None:
    service = make("x").start(supervise)
    before = service.wait_up()
    where = service.directory.parent
    for letters, starts in (("-t", 2), ("-du", 3)):
        assert run(svc("--wait", "up", "--timeout", LONG, letters, "x"), where) == (0, b"", b"")
        after = service.pid()
        assert after not in (0, before)
        before = service.wait_up(starts)


def test_run_that_is_done_once_is_waited_for(make: Make, supervise: list[str]) -> None:
    service = make("x", QUICK, down=True).start(supervise)
    for count in (1, 2):
        outcome = run(svc("--wait", "finished", "--timeout", LONG, "-o", "x"), service.directory.parent)
        assert outcome == (0, b"", b"")
        assert (service.pid(), service.starts()) == (0, count)


def test_supervise_that_leaves_after_its_service_is_no_failure(make: Make, supervise: list[str]) -> None:
    service = make("x").start(supervise)
    service.wait_up()
    assert run(svc("--wait", "down", "--timeout", LONG, "-dx", "x"), service.directory.parent) == (
        0,
        b"",
        b"",
    )
    assert service.wait_left() == 0


def test_time_out_is_99_and_names_what_is_missing(make: Make, supervise: list[str]) -> None:
    service = make("x", STUBBORN).start(supervise)
    service.wait_up()
    where = service.directory.parent
    said = b"svc: fatal: not down within 1 seconds: x\n"
    assert run(svc("--wait", "down", "--timeout", "1", "-d", "x"), where) == (99, b"", said)
    said = b"svwait: fatal: not finished within 0 seconds: x\n"
    assert run(svwait("--timeout", "0", "finished", "x"), where) == (99, b"", said)
    assert run(svwait("--timeout", "0", "up", "x"), where) == (0, b"", b"")


def test_service_that_cannot_tell_is_ready_when_it_is_up(make: Make, supervise: list[str]) -> None:
    service = make("x").start(supervise)
    said = b"svwait: warning: x cannot tell when it is ready; it is up\n"
    assert run(svwait("--timeout", LONG, "ready", "x"), service.directory.parent) == (0, b"", said)


def test_service_that_tells_is_waited_for(make: Make, mine: list[str]) -> None:
    """It is up long before it is ready."""
    service = make("x", "#!/bin/sh\nread go < go\necho >&3\nexec sleep 1000\n")
    where = service.directory.parent
    (service.directory / "notification-fd").write_text("3\n")
    os.mkfifo(service.directory / "go")
    go = os.open(service.directory / "go", os.O_RDWR)
    service.start(mine)
    assert run(svwait("--timeout", LONG, "up", "x"), where) == (0, b"", b"")
    said = b"svwait: fatal: not ready within 0 seconds: x\n"
    assert run(svwait("--timeout", "0", "ready", "x"), where) == (99, b"", said)
    assert run([*ours("svstat"), "--check", "--ready", "x"], where)[0] == 1
    waits = begin(svwait("ready", "x"), where)
    os.write(go, b"\n")
    assert end(waits) == (0, b"")
    assert run([*ours("svstat"), "--check", "--ready", "x"], where) == (0, b"", b"")
    os.close(go)
    assert run(svc("--wait", "finished", "--timeout", LONG, "-dx", "x"), where) == (0, b"", b"")


def test_finish_is_waited_for(make: Make, mine: list[str]) -> None:
    service = make("x")
    where = service.directory.parent
    (service.directory / "finish").write_text("#!/bin/sh\nread go < go\n")
    (service.directory / "finish").chmod(0o755)
    (service.directory / "timeout-finish").write_text("0\n")
    os.mkfifo(service.directory / "go")
    go = os.open(service.directory / "go", os.O_RDWR)
    service.start(mine)
    assert run(svwait("--timeout", LONG, "up", "x"), where) == (0, b"", b"")
    assert run(svc("--wait", "down", "--timeout", LONG, "-d", "x"), where) == (0, b"", b"")
    assert run(svwait("--timeout", "0", "finished", "x"), where)[0] == 99
    waits = begin(svwait("finished", "x"), where)
    os.write(go, b"\n")
    assert end(waits) == (0, b"")
    os.close(go)
    assert run(svc("--wait", "finished", "--timeout", LONG, "-dx", "x"), where) == (0, b"", b"")


def test_failure_for_good_ends_the_wait(make: Make, mine: list[str]) -> None:
    service = make("x", "#!/bin/sh\nexit 100\n", down=True)
    where = service.directory.parent
    (service.directory / "flag-permanent-100").touch()
    service.start(mine)
    said = b"svc: fatal: unable to wait for x: it has failed for good; svc -u starts it again\n"
    for _ in range(2):
        outcome = run(svc("--wait", "ready", "--timeout", LONG, "-u", "x"), where)
        # It may be seen while it is up, for it cannot tell that it is ready.
        assert outcome[0] in (0, 111)
        assert outcome[0] == 0 or outcome[2] == said
        assert run(svwait("--timeout", LONG, "down", "x"), where) == (0, b"", b"")
    assert run(svwait("up", "x"), where) == (111, b"", said.replace(b"svc:", b"svwait:"))
    assert run(svc("--wait", "finished", "--timeout", LONG, "-dx", "x"), where) == (0, b"", b"")


def test_killed_supervise_ends_the_wait(make: Make, supervise: list[str]) -> None:
    service = make("x").start(supervise)
    service.wait_up()
    waits = begin(svwait("down", "x"), service.directory.parent)
    os.kill(supervisor(service.directory), signal.SIGKILL)
    assert end(waits) == (111, b"svwait: fatal: unable to wait for x: supervise has ended\n")


def supervisor(directory: Path) -> int:
    """Return the process that has ``supervise/lock`` open."""
    lock = str(directory / "supervise" / "lock")
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and any(os.readlink(fd) == lock for fd in (entry / "fd").iterdir()):
                return int(entry.name)
        except OSError:
            continue
    raise AssertionError("no supervisor")


def begin(
    command: list[str], where: Path, before: Callable[[], object] | None = None
) -> "subprocess.Popen[bytes]":
    """Start a program, and return when it waits in poll."""
    process = subprocess.Popen(command, cwd=where, env=ENVIRONMENT, stderr=subprocess.PIPE, preexec_fn=before)
    wait_for(lambda: b"poll" in Path(f"/proc/{process.pid}/wchan").read_bytes(), "it waits")
    return process


def end(process: "subprocess.Popen[bytes]") -> tuple[int, bytes]:
    try:
        said = process.communicate(timeout=PATIENCE)[1]
    finally:
        process.kill()
        process.wait(PATIENCE)
    return process.returncode, said


def test_nothing_is_looked_at_until_something_happens(
    make: Make, supervise: list[str], tmp_path: Path
) -> None:
    """The status of the original's supervise is renamed, too: an event tells of it."""
    strace = find_oracle("strace") or missing("strace is not installed")
    service = make("x").start(supervise)
    service.wait_up()
    trace = tmp_path / "trace"
    calls = "trace=poll,ppoll,fcntl,openat,execve"
    waits = subprocess.Popen(
        [strace, "-f", "-o", str(trace), "-e", calls, *svwait("down", "x")], cwd=tmp_path, env=ENVIRONMENT
    )

    def waiting() -> list[str]:
        lines = trace.read_text().splitlines() if trace.exists() else []
        watched = [at for at, line in enumerate(lines) if re.search(r"F_NOTIFY.* = 0", line)]
        return lines[watched[0] :] if watched else []

    try:
        wait_for(lambda: any("poll(" in line for line in waiting()), "it waits")
        before = waiting()
        service.send(b"d")
        assert waits.wait(PATIENCE) == 0
    finally:
        waits.kill()
        waits.wait(PATIENCE)
    polls = [line for line in before if "poll(" in line]
    assert polls
    assert all(", -1" in poll or ", NULL" in poll for poll in polls), polls


@pytest.mark.parametrize("program", ["svc --wait up -u", "svwait up"])
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("absent", b"unable to chdir: file does not exist"),
        ("file", b"unable to chdir: not a directory"),
        ("bare", b"unable to open supervise/ok: file does not exist"),
        ("dead", b"supervise not running"),
    ],
)
def test_supervise_that_is_not_there_is_one_line(
    tmp_path: Path, program: str, name: str, reason: bytes
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "bare").mkdir()
    FakeService(tmp_path / "dead", record(7)).end()
    command, *arguments = program.split()
    said = b"%s: fatal: unable to wait for %s: %s\n" % (command.encode(), name.encode(), reason)
    assert run([*ours(command), *arguments, name], tmp_path) == (111, b"", said)


def test_others_are_told_although_one_is_not_there(tmp_path: Path, fakes: list[FakeService]) -> None:
    fakes.append(FakeService(tmp_path / "x", record(7)))
    fifo = os.open(tmp_path / "x" / "supervise" / "control", os.O_RDWR | os.O_NONBLOCK)
    outcome = run(svc("--wait", "down", "-dx", "absent", "x"), tmp_path)
    assert outcome[0] == 111
    assert os.read(fifo, 10) == b"dx"
    os.close(fifo)


def test_full_fifo_is_waited_for_until_the_time_is_over(tmp_path: Path, fakes: list[FakeService]) -> None:
    fakes.append(FakeService(tmp_path / "x", record(7)))
    fifo = os.open(tmp_path / "x" / "supervise" / "control", os.O_RDWR | os.O_NONBLOCK)
    assert os.write(fifo, b"Z" * 65536) == 65536
    said = b"svc: fatal: unable to wait for x: supervise takes no commands\n"
    assert run(svc("--wait", "down", "--timeout", "1", "-d", "x"), tmp_path) == (111, b"", said)
    os.close(fifo)


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("svwait", []),
        ("svwait", ["up"]),
        ("svwait", ["gone", "x"]),
        ("svwait", ["--wait", "up", "x"]),
        ("svwait", ["--timeout"]),
        ("svwait", ["-u", "x"]),
        *(("svwait", ["--timeout", bad, "up", "x"]) for bad in ("", "x", "-1", "1.5", "1e3", "9" * 4000)),
        ("svc", ["--wait", "up", "-u"]),
        ("svc", ["--wait", "gone", "-u", "x"]),
        ("svc", ["--wait"]),
        ("svc", ["--timeout", "1", "-u", "x"]),
        ("svc", ["--wait", "up", "--timeout", "soon", "-u", "x"]),
        ("svc", ["--waits", "up", "-u", "x"]),
    ],
)
def test_wrong_usage_is_100(tmp_path: Path, program: str, arguments: list[str]) -> None:
    code, output, said = run([*ours(program), *arguments], tmp_path)
    assert (code, output) == (100, b"")
    assert said.startswith(program.encode())
    assert len(said) < 500


def test_longest_time_is_a_time(tmp_path: Path, fakes: list[FakeService]) -> None:
    fakes.append(FakeService(tmp_path / "x", record(0, DOWN)))
    waits = begin(svwait("--timeout", str(2**31 - 1), "up", "x"), tmp_path)
    fakes[0].publish(record(7))
    assert end(waits) == (0, b"")


@pytest.mark.parametrize("inherited", ["blocked", "ignored"])
def test_signal_that_the_parent_did_not_want_does_its_work(
    tmp_path: Path, fakes: list[FakeService], inherited: str
) -> None:
    """SIGIO tells of files; whoever starts us may have blocked it."""

    def before() -> None:
        if inherited == "blocked":
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO})
        else:
            signal.signal(signal.SIGIO, signal.SIG_IGN)

    fakes.append(FakeService(tmp_path / "x", record(0, DOWN)))
    waits = begin(svwait("up", "x"), tmp_path, before)
    fakes[0].publish(record(7))
    assert end(waits) == (0, b"")


def test_interrupt_ends_it_at_once(tmp_path: Path, fakes: list[FakeService]) -> None:
    fakes.append(FakeService(tmp_path / "x", record(7)))
    waits = begin(svwait("down", "x"), tmp_path)
    waits.send_signal(signal.SIGINT)
    assert end(waits) == (-signal.SIGINT, b"")


def test_500_services_are_waited_for_by_one_process(tmp_path: Path, fakes: list[FakeService]) -> None:
    """More than half of the usual limit of descriptors."""
    names = [f"x{number}" for number in range(500)]
    fakes += [FakeService(tmp_path / name, record(0, DOWN)) for name in names]
    waits = begin(["sh", "-c", 'ulimit -Sn 256; exec "$@"', "sh", *svwait("up", *names)], tmp_path)
    for service in fakes:
        service.publish(record(7))
    assert end(waits) == (0, b"")
