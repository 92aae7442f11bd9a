"""One supervisor's trouble, however strange, stays its own."""

import os
from _thread import allocate_lock
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from tests.support.patience import PATIENCE, wait_for
from ucspi.service import diskthreads, periodicscan
from ucspi.service.eventloop import EventLoop
from ucspi.service.loggerpipe import LoggerPipe
from ucspi.service.registry import LOG, MAIN, Registry
from ucspi.service.scanner import Scanner
from ucspi.service.serviceprocess import ServiceSetup
from ucspi.service.startinprocess import InProcessStarter
from ucspi.service.supervisor import Supervisor
from ucspi.service.supervisorhost import SupervisorHost


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("bad", "good"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "down").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def loop() -> Iterator[EventLoop]:
    loop = EventLoop()
    yield loop
    for host in HOSTS:
        for supervisor in host.supervisors():
            host.remove(supervisor)
    HOSTS.clear()


HOSTS: list[SupervisorHost] = []  # of all starters of a test


def starter(loop: EventLoop, ended: Callable[[int], object] = lambda token: None) -> InProcessStarter:
    """Return a starter; its supervisors are closed at the end of the test."""
    made = InProcessStarter(loop, ended)
    HOSTS.append(made.host)
    return made


def hosted() -> list[bytes]:
    """Return the names of all supervisors that are hosted."""
    return [supervisor.name for host in HOSTS for supervisor in host.supervisors()]


def turn_until(loop: EventLoop, reached: Callable[[], bool]) -> None:
    """Run the loop until something holds."""
    deadline = monotonic() + PATIENCE

    def look() -> None:
        assert monotonic() < deadline
        if reached():
            loop._is_stopping = True
        else:
            loop.after(0.01, look)

    loop._is_stopping = False
    look()
    loop.run()


def test_error_of_a_step_ends_that_supervisor_alone(
    here: Path, loop: EventLoop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ended: list[int] = []
    own = starter(loop, ended.append)
    bad, good = (own.start(name, MAIN, None) for name in (b"bad", b"good"))
    turn_until(loop, lambda: len(hosted()) == 2)
    honest = Supervisor.resume

    def resume(self: Supervisor) -> float:
        if self.name == b"bad":
            raise RuntimeError("nobody thought of this")
        return honest(self)

    monkeypatch.setattr(Supervisor, "resume", resume)
    (here / "bad/supervise/control").write_bytes(b"t")
    turn_until(loop, lambda: ended == [bad])
    assert (
        capfd.readouterr().err == "supervise: fatal: giving up bad: RuntimeError('nobody thought of this')\n"
    )
    (here / "good/supervise/control").write_bytes(b"x")
    turn_until(loop, lambda: ended == [bad, good])


def test_error_while_it_begins_is_one_line_and_tried_again(
    here: Path, loop: EventLoop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ended: list[int] = []

    def note(token: int) -> None:
        ended.append(token)
        scanner.registry.ended(token)

    scanner = Scanner(starter(loop, note), Registry())
    with monkeypatch.context() as patch:
        patch.setattr(Supervisor, "__init__", lambda self, name, setup, parent=None: 1 // 0)
        scanner.scan()
        turn_until(loop, lambda: len(ended) == 2)
    lines = sorted(capfd.readouterr().err.splitlines())
    assert [line.partition(": ZeroDivisionError")[0] for line in lines] == [
        "svscan: warning: unable to start bad",
        "svscan: warning: unable to start good",
    ]
    scanner.scan()
    turn_until(loop, lambda: len(hosted()) == 2)


def test_unwatchable_supervisor_is_closed(
    here: Path, loop: EventLoop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(self: EventLoop, fd: int, call: object, *, is_needed: bool = False) -> None:
        raise OSError(28, "no space")

    ended: list[int] = []
    own = starter(loop, ended.append)
    with monkeypatch.context() as patch:
        patch.setattr(EventLoop, "on_readable", refuse)
        token = own.start(b"good", MAIN, None)
        turn_until(loop, lambda: ended == [token])
    assert capfd.readouterr().err == "supervise: fatal: unable to supervise good: out of disk space\n"
    # A thread that has opened its directory may be about to close what it needs no longer.
    wait_for(lambda: not files_below(here), lambda: files_below(here))


def files_below(place: Path) -> list[str]:
    """Return which of our open files are in a directory; another thread may close one meanwhile."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{number}"))
        except FileNotFoundError:
            continue
    return [path for path in found if path.startswith(f"{place}/")]


def test_logger_without_its_directory_is_a_warning(
    here: Path, loop: EventLoop, capfd: pytest.CaptureFixture[str]
) -> None:
    ended: list[int] = []
    own = starter(loop, ended.append)
    for name in (b"absent", b"good"):
        token = own.start(name, LOG, LoggerPipe(-1, -1))
        turn_until(loop, lambda token=token: token in ended)  # type: ignore[misc]
    assert capfd.readouterr().err == (
        "svscan: warning: unable to switch to absent: file does not exist\n"
        "supervise: fatal: unable to chdir to log: file does not exist\n"
    )


def test_directory_that_never_opens_holds_up_no_other(
    here: Path, loop: EventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a network disk that has gone away."""
    hanging = allocate_lock()
    honest = Supervisor.__init__

    def hang(self: Supervisor, name: bytes, setup: ServiceSetup, parent: int | None = None) -> None:
        if name == b"bad":
            hanging.acquire()
        honest(self, name, setup, parent)

    monkeypatch.setattr(Supervisor, "__init__", hang)
    own = starter(loop)
    with hanging:
        for name in (b"bad", b"good"):
            own.start(name, MAIN, None)
        turn_until(loop, lambda: len(hosted()) == 1)
        assert hosted() == [b"good"]
    turn_until(loop, lambda: len(hosted()) == 2)
    hanging.release()


def test_as_many_as_hang_hold_up_no_other(here: Path, loop: EventLoop) -> None:
    """Each costs a thread, one that hangs is replaced, and those of one disk leave the others' alone."""
    threads = diskthreads.DiskThreads(loop)
    hanging = allocate_lock()
    done: list[str] = []

    def hang() -> None:
        with hanging:
            pass

    with hanging:
        for _ in range(2 * diskthreads.WORKERS):
            threads.call(hang, lambda _: done.append("hung"))
        threads.call(lambda: None, lambda _: done.append("good"))
        turn_until(loop, lambda: done == ["good"])
        for _ in range(diskthreads.MOST):
            threads.call(hang, lambda _: done.append("hung"))
        threads.call(lambda: None, lambda _: done.append("late"))
        threads.call(lambda: None, lambda _: done.append("other"), disk=1)
        turn_until(loop, lambda: done == ["good", "other"])
    turn_until(
        loop, lambda: done.count("hung") == 2 * diskthreads.WORKERS + diskthreads.MOST and "late" in done
    )


def test_failed_work_is_a_line_and_no_result(
    here: Path, loop: EventLoop, capfd: pytest.CaptureFixture[str]
) -> None:
    done: list[int | None] = []
    diskthreads.DiskThreads(loop).call(lambda: 1 // 0, done.append)
    turn_until(loop, lambda: done == [None])
    assert capfd.readouterr().err.startswith("svscan: warning: unable to work aside: ZeroDivisionError(")


def test_without_threads_directories_are_opened_all_the_same(
    here: Path, loop: EventLoop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(body: Callable[[], object]) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(diskthreads, "start_deaf_thread", refuse)
    own = starter(loop)
    for name in (b"bad", b"good"):
        own.start(name, MAIN, None)
    turn_until(loop, lambda: len(hosted()) == 2)
    assert capfd.readouterr().err == "svscan: warning: unable to start a thread: temporary failure\n"


def test_scan_that_never_ends_holds_up_no_service(
    here: Path, loop: EventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a link leads to a network disk that has gone away."""
    monkeypatch.setattr(periodicscan, "INTERVAL", 0.05)
    hanging, begun = allocate_lock(), allocate_lock()
    begun.acquire()
    honest = Scanner.scan
    scans = periodicscan.PeriodicScan(loop, lambda ended: starter(loop, ended))
    scans.turn()
    turn_until(loop, lambda: len(hosted()) == 2)

    def hang(self: Scanner) -> None:
        if begun.locked():
            begun.release()
        with hanging:
            honest(self)

    with hanging:
        monkeypatch.setattr(Scanner, "scan", hang)
        turn_until(loop, lambda: not begun.locked())
        (here / "good/supervise/control").write_bytes(b"x")
        turn_until(loop, lambda: len(hosted()) == 1)
    turn_until(loop, lambda: len(hosted()) == 2)  # the next scan sees what has ended
    monkeypatch.undo()
    turn_until(loop, lambda: not scans._is_scanning)
