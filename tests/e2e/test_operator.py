"""What an operator does with a running service: each command of `svc`, and what `svstat` then says."""

import re
import stat
from collections.abc import Iterator

import pytest

from tests.support.patience import wait_for
from tests.support.program_choices import EACH, IN_PROCESS
from tests.support.telnet_service import Service
from tests.support.world import FRIEND

# The walk-through has both ways in the default run.
WAYS = [*EACH[:-1], pytest.param("ours", IN_PROCESS, marks=pytest.mark.slow)]
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.oracle,
    pytest.mark.parametrize(("chosen", "scanner"), WAYS, indirect=True, scope="class"),
]

UP = r"up \(pid (\d+)\) \d+ seconds"
DOWN = r"down \d+ seconds"

TREE = {
    ".": "drwxr-xr-t",
    "run": "-rwxr-xr-x",
    "make_cdb": "-rwxr-xr-x",
    "tcp.telnet": "-rw-r--r--",
    "tcp.telnet.cdb": "-rw-r--r--",
    "supervise": "drwx------",
    "supervise/control": "prw-------",
    "supervise/lock": "-rw-------",
    "supervise/ok": "prw-------",
    "supervise/status": "-rw-r--r--",
    "log": "drwxr-xr-x",
    "log/run": "-rwxr-xr-x",
    "log/supervise": "drwx------",
    "log/supervise/control": "prw-------",
    "log/supervise/lock": "-rw-------",
    "log/supervise/ok": "prw-------",
    "log/supervise/status": "-rw-r--r--",
    "log/main": "drwxr-xr-x",
    "log/main/current": "-rw-r--r--",
    "log/main/lock": "-rw-------",
    "log/main/state": "-rw-r--r--",
}


def wait_for_state(service: Service, pattern: str, of: str = ".") -> re.Match[str]:
    """Wait until ``svstat`` says so of the service or its log; return the match."""
    found: list[re.Match[str]] = []

    def reached() -> bool:
        directory = str(service.directory / of)
        line = service.run(["svstat", directory]).stdout.decode()
        found[:] = filter(None, [re.fullmatch(f"{re.escape(directory)}: {pattern}\n", line)])
        return bool(found)

    wait_for(reached, pattern)
    return found[0]


def svc(service: Service, letters: str, of: str = ".") -> None:
    service.run(["svc", letters, str(service.directory / of)])


def status(service: Service) -> bytes:
    return (service.directory / "supervise" / "status").read_bytes()


def kernel_state(service: Service, pid: str) -> bytes:
    """Return the letter by which the kernel tells what a process does."""
    fields = service.world.run(["cat", f"/proc/{pid}/stat"]).stdout.rpartition(b")")[2].split()
    return fields[0] if fields else b""


def files(service: Service) -> Iterator[tuple[str, str]]:
    """Yield every file of the service that has no label in its name, and its mode."""
    for path in (service.directory, *service.directory.rglob("*")):
        if not path.name.startswith("@"):
            yield str(path.relative_to(service.directory)), stat.filemode(path.stat().st_mode)


def old_logs(service: Service, code: str) -> list[str]:
    return [path.name for path in (service.directory / "log" / "main").glob(f"@*.{code}")]


# One after the other, on one running service.
class TestOperator:
    def test_service_and_log_are_up(self, service: Service) -> None:
        wait_for_state(service, UP)
        wait_for_state(service, UP, "log")

    def test_every_file_has_the_mode_that_scripts_expect(self, service: Service) -> None:
        ours = {f"{where}supervise/birth": "-rw-------" for where in ("", "log/")}
        assert dict(files(service)) == TREE | (ours if "supervise" in service.world.ours else {})

    def test_t_restarts_at_once(self, service: Service) -> None:
        before = wait_for_state(service, UP)[1]
        svc(service, "-t")
        wait_for(lambda: wait_for_state(service, UP)[1] != before, "another process", patience=3)

    def test_p_stops_and_c_continues(self, service: Service) -> None:
        svc(service, "-p")
        pid = wait_for_state(service, UP + ", paused")[1]
        assert status(service)[16:] == b"\1u"
        # The signal was sent before that was said; the process has still to take it.
        wait_for(lambda: kernel_state(service, pid) == b"T", "a process that stands still")
        svc(service, "-c")
        assert wait_for_state(service, UP)[1] == pid
        assert status(service)[16:] == b"\0u"

    def test_d_keeps_it_down_and_closes_the_port(self, service: Service) -> None:
        svc(service, "-d")
        wait_for_state(service, DOWN + ", normally up")
        assert status(service)[12:] == b"\0\0\0\0\0d"
        assert not service.world.listens(23)

    def test_file_down_is_what_is_normal(self, service: Service) -> None:
        (service.directory / "down").touch()
        wait_for_state(service, DOWN)
        svc(service, "-u")
        wait_for_state(service, UP + ", normally down")
        (service.directory / "down").unlink()
        wait_for_state(service, UP)
        wait_for(lambda: service.world.listens(23), "the server")

    def test_o_lets_it_run_once(self, service: Service) -> None:
        svc(service, "-o")
        wait_for(lambda: status(service)[17] == 0, "no want")
        svc(service, "-t")
        wait_for_state(service, DOWN + ", normally up")
        svc(service, "-u")
        wait_for_state(service, UP)
        wait_for(lambda: service.world.listens(23), "the server")

    def test_a_rotates_the_log(self, service: Service) -> None:
        current = service.directory / "log" / "main" / "current"
        wait_for(lambda: current.stat().st_size > 0, "a line of log")
        svc(service, "-a", "log")
        wait_for(lambda: len(old_logs(service, "s")) == 1, "a finished log")
        wait_for(lambda: stat.filemode(current.stat().st_mode) == "-rw-r--r--", "a new log")
        (old,) = old_logs(service, "s")
        assert stat.filemode((current.parent / old).stat().st_mode) == "-rwxr--r--"

    def test_restarted_log_loses_nothing(self, service: Service) -> None:
        server, logger = wait_for_state(service, UP)[1], wait_for_state(service, UP, "log")[1]
        svc(service, "-t", "log")
        wait_for(lambda: wait_for_state(service, UP, "log")[1] != logger, "another multilog")
        assert wait_for_state(service, UP)[1] == server
        mark = len(service.log())
        assert service.world.telnet(FRIEND).endswith(b"login: ")
        assert len(service.log_since(mark, 5)) == 5
        assert old_logs(service, "u") == []

    def test_removed_in_the_other_order_it_leaves_clean_files(self, service: Service) -> None:
        remove(service)
        assert status(service)[12:] == b"\0\0\0\0\0d"
        modes = dict(files(service))
        assert modes.pop("log/main/current") == "-rwxr--r--"
        assert modes.items() >= {name: mode for name, mode in TREE.items() if name in modes}.items()

    def test_linked_again_it_continues_the_log(self, service: Service) -> None:
        before, kept = service.stored_log(), old_logs(service, "s")
        service.link.symlink_to(service.directory)
        wait_for(lambda: len(service.stored_log()) > len(before), "the server's first line")
        assert service.stored_log().startswith(before)
        assert (old_logs(service, "s"), old_logs(service, "u")) == (kept, [])
        wait_for_state(service, UP)
        remove(service)


def remove(service: Service) -> None:
    """Take the link away and end the service and its log."""
    service.end()
    wait_for(lambda: service.world.programs() == ["svscan"], "the end of both supervisors")
    line = service.run(["svstat", str(service.directory)]).stdout
    assert line.endswith(b": supervise not running\n")
    assert not service.is_supervised(service.directory)
