"""Services under svscan, whatever befalls them, it, or their supervisors: what runs goes on."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.e2e.scanning import (
    COUNTER,
    IN_PROCESS,
    LOGGER,
    OURS,
    SLEEPER,
    Scanning,
    add,
    have_only_three,
    pipe_of,
)
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE, remove, wait_for
from tests.support.telnet_service import END
from tests.support.world import SYSTEM_PATH

pytestmark = [pytest.mark.sampled(3), pytest.mark.e2e, pytest.mark.oracle]

ORIGINAL = ["/usr/bin/svscan"]

# A scanner, and whose supervise it finds.
MIXED = pytest.mark.parametrize(
    ("command", "whose"),
    [(OURS, "ours"), (OURS, "original"), (ORIGINAL, "ours")],
    ids=["both ours", "our svscan", "our supervise"],
)
EACH_MODE = pytest.mark.parametrize("command", [OURS, IN_PROCESS], ids=["processes", "in process"])


@pytest.fixture
def whose() -> str:
    """Say whose supervise is found, for tests that do not care."""
    return "ours"


@pytest.fixture
def scanning(tmp_path: Path, oracle: Oracle, our_commands: Path, whose: str) -> Iterator[Scanning]:
    for program in ("svscan", "supervise", "svc", "svstat", "multilog"):
        oracle(program)
    ours = tmp_path / "ours"  # supervise alone: everything else is the original's
    ours.mkdir()
    (ours / "supervise").symlink_to(our_commands / "supervise")
    path = f"{ours}:{SYSTEM_PATH}" if whose == "ours" else SYSTEM_PATH
    with Scanning(tmp_path, path=path) as made:
        yield made


def supervisors(scanning: Scanning) -> dict[str, int]:
    """Return the pids of the supervisors, by the directory that they are in."""
    found = {}
    for pid, command in scanning.running().items():
        words = command.split()
        if "--warm" not in words and "supervise" in [word.rpartition("/")[2] for word in words[:2]]:
            try:
                place = os.readlink(f"/proc/{pid}/cwd")
            except FileNotFoundError:
                continue  # it has ended
            found[place.removeprefix(f"{scanning.scanned}/")] = pid
    return found


def all_numbers(scanning: Scanning, name: str) -> bool:
    """Say whether no number was left out."""
    numbers = scanning.numbers(name)
    return sorted(set(numbers)) == list(range(max(numbers) + 1))


def is_at_rest(scanning: Scanning, name: str) -> bool:
    """Say whether the log holds the same lines for a tenth of a second."""
    before = scanning.numbers(name)
    time.sleep(0.1)
    return before == scanning.numbers(name)


@MIXED
def test_ours_and_the_originals_work_together(scanning: Scanning, command: list[str]) -> None:
    add(scanning.scanned, "a", log=LOGGER)
    add(scanning.scanned, "b")
    scanning.start(command)
    a, logger, b = scanning.wait_up("a", "a/log", "b")
    assert pipe_of(a, 1) == pipe_of(logger, 0) != pipe_of(b, 1)
    have_only_three(a, b)
    assert [line.split(")")[0] for line in scanning.stat("a", "b")] == [f"a: up (pid {a}", f"b: up (pid {b}"]
    scanning.control("-dx", "b")
    wait_for(lambda: scanning.pid("b") == 0, "the end of b")
    assert set(supervisors(scanning)) >= {"a", "a/log"}
    assert scanning.lines() == []


def test_closed_descriptors_become_the_null_device(scanning: Scanning) -> None:
    add(scanning.scanned, "a")
    scanning.start(["sh", "-c", 'exec "$@" <&- >&-', "sh", *OURS])
    [pid] = scanning.wait_up("a")
    assert [pipe_of(pid, number) for number in (0, 1)] == ["/dev/null"] * 2


@pytest.mark.slow
class TestKilled:
    @MIXED
    def test_supervise_is_started_again_on_the_same_pipe(
        self, scanning: Scanning, command: list[str]
    ) -> None:
        add(scanning.scanned, "a", COUNTER, LOGGER)
        scanning.start(command)
        service, logger = scanning.wait_up("a", "a/log")
        pipe = pipe_of(logger, 0)
        before = supervisors(scanning)
        # What a logger has read and not written goes with it.
        wait_for(lambda: scanning.numbers("a") != [], "the first line in the log")
        os.kill(service, signal.SIGSTOP)
        wait_for(lambda: is_at_rest(scanning, "a"), "all lines in the log")
        # The service too, for the original's supervise would start a second one beside it.
        for pid in (before["a"], service, before["a/log"], logger):
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: len(set(supervisors(scanning).values()) - set(before.values())) == 2, "both anew")
        new_service, new_logger = scanning.wait_new("a", service), scanning.wait_new("a/log", logger)
        assert pipe_of(new_service, 1) == pipe_of(new_logger, 0) == pipe
        last = len(scanning.numbers("a"))
        wait_for(lambda: len(scanning.numbers("a")) > last + 3, "more lines")
        assert all_numbers(scanning, "a")

    @MIXED
    def test_svscan_is_started_again_and_starts_nothing_twice(
        self, scanning: Scanning, command: list[str]
    ) -> None:
        add(scanning.scanned, "a", COUNTER, LOGGER)
        scanning.start(command)
        pids = scanning.wait_up("a", "a/log")
        before = supervisors(scanning)
        scanning.kill()
        scanning.start(command)
        complaints = [
            b"supervise: fatal: unable to acquire %s/supervise/lock: temporary failure" % name
            for name in (b"a", b"log")
        ]
        wait_for(lambda: sorted(scanning.lines()) == sorted(complaints * 2), "two rounds of complaints")
        # One that found the lock taken may not have ended yet.
        wait_for(lambda: supervisors(scanning) == before, "the same supervisors, and no others")
        assert scanning.wait_up("a", "a/log") == pids
        assert all_numbers(scanning, "a")

    def test_pipe_is_found_again_when_svscan_was_killed(self, scanning: Scanning) -> None:
        add(scanning.scanned, "a", COUNTER, LOGGER)
        scanning.start(OURS)
        service, logger = scanning.wait_up("a", "a/log")
        before = supervisors(scanning)
        scanning.kill()
        scanning.start(OURS)
        wait_for(lambda: len(scanning.lines()) == 2, "the complaints of both that are not needed")
        os.kill(before["a"], signal.SIGKILL)
        wait_for(lambda: supervisors(scanning).get("a", before["a"]) != before["a"], "another supervise")
        wait_for(
            lambda: any(b"taking over a," in line for line in scanning.lines()), "the service's adoption"
        )
        scanning.control("-t", "a")
        new = scanning.wait_new("a", service)
        assert pipe_of(new, 1) == pipe_of(logger, 0)
        last = len(scanning.numbers("a"))
        wait_for(lambda: len(scanning.numbers("a")) > last + 3, "more lines")
        assert all_numbers(scanning, "a")

    @pytest.mark.parametrize("whose", ["ours", "original"])
    def test_pipe_is_found_at_a_supervise_that_has_nothing_running(self, scanning: Scanning) -> None:
        """As a logger's at the end of its input: it is started once a second, and mostly rests."""
        add(scanning.scanned, "a", log=SLEEPER)
        scanning.start(OURS)
        _, logger = scanning.wait_up("a", "a/log")
        pipe = pipe_of(logger, 0)
        scanning.control("-d", "a", "a/log")
        wait_for(lambda: scanning.pid("a") == scanning.pid("a/log") == 0, "both to end")
        scanning.kill()
        os.kill(supervisors(scanning)["a"], signal.SIGKILL)
        wait_for(lambda: "a" not in supervisors(scanning), "the supervisor's end")
        scanning.start(IN_PROCESS)
        [service] = scanning.wait_up("a")
        assert pipe_of(service, 1) == pipe

    def test_ignored_sigchld_does_not_hide_the_end_of_a_supervisor(self, scanning: Scanning) -> None:
        add(scanning.scanned, "a")
        scanning.start(OURS, before=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
        scanning.wait_up("a")
        before = supervisors(scanning)["a"]
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: supervisors(scanning).get("a", before) != before, "another supervise")


@pytest.mark.slow
class TestTroubles:
    @EACH_MODE
    def test_service_that_crashes_is_started_once_a_second(
        self, scanning: Scanning, command: list[str]
    ) -> None:
        crashing = "#!/bin/sh\ndate +%s.%N >> times\nexit 1\n"
        names = ["a", "b", "c"]
        for name in names:
            add(scanning.scanned, name, crashing)
        scanning.start(command)
        times = [scanning.scanned / name / "times" for name in names]
        wait_for(
            lambda: all(file.exists() and file.read_text().count("\n") >= 4 for file in times), "four starts"
        )
        for file in times:
            starts = [float(line) for line in file.read_text().splitlines()]
            gaps = [later - earlier for earlier, later in pairwise(starts)]
            assert all(0.95 < gap < 2.5 for gap in gaps), gaps

    @EACH_MODE
    def test_directories_are_removed_and_made_anew(self, scanning: Scanning, command: list[str]) -> None:
        scanning.start(command)
        first = add(scanning.scanned, "a", COUNTER, LOGGER)
        [pid, logger] = scanning.wait_up("a", "a/log")
        scanning.control("-dx", "a", "a/log")
        gone = [f"{name}: supervise not running" for name in ("a", "a/log")]
        wait_for(lambda: scanning.stat("a", "a/log") == gone, "the end of both")
        assert {pid, logger}.isdisjoint(scanning.running())
        keep = os.open(first, os.O_RDONLY)  # the new one must not get its inode
        remove(first)
        add(scanning.scanned, "a", COUNTER, LOGGER)
        new, new_logger = scanning.wait_up("a", "a/log")
        os.close(keep)
        assert pipe_of(new, 1) == pipe_of(new_logger, 0)
        # Removed while it runs: it goes on, and is no trouble for others.
        shutil.rmtree(scanning.scanned / "a", ignore_errors=True)
        add(scanning.scanned, "b")
        scanning.wait_up("b")
        assert new in scanning.running()

    @EACH_MODE
    def test_sticky_directories_are_services_like_others(
        self, scanning: Scanning, command: list[str]
    ) -> None:
        add(scanning.scanned, "a", log=LOGGER).chmod(0o1755)
        add(scanning.scanned, "b").chmod(0o3755)
        scanning.start(command)
        assert all(scanning.wait_up("a", "a/log", "b"))
        assert scanning.lines() == []

    def test_a_thousand_links_at_once(self, scanning: Scanning, tmp_path: Path) -> None:
        scanning.start(IN_PROCESS)
        services = tmp_path / "services"
        services.mkdir()
        names = [f"s{number:04}" for number in range(1003)]
        for name in names:
            add(services, name)
            (scanning.scanned / name).symlink_to(services / name)
        wait_for(lambda: sum(scanning.pid(name) > 0 for name in names) == 1000, "a thousand services")
        too_many = [name for name in names if not scanning.pid(name)]
        for name in too_many:
            line = f"svscan: warning: unable to start {name}: running too many services"
            wait_for(lambda line=line: scanning.said(line.encode()), line)  # type: ignore[misc]
        # One leaves, and there is room for one more.
        gone = next(name for name in names if name not in too_many)
        (scanning.scanned / gone).unlink()
        scanning.control("-dx", str(services / gone))
        wait_for(lambda: sum(scanning.pid(name) > 0 for name in too_many) == 1, "one more")


@pytest.mark.parametrize("command", [OURS, IN_PROCESS, ORIGINAL], ids=["processes", "in process", "original"])
@pytest.mark.parametrize("page", ["README", pytest.param("svscan", marks=pytest.mark.slow)])
def test_last_words_of_a_service_that_is_removed_are_logged(
    scanning: Scanning, tmp_path: Path, command: list[str], page: str
) -> None:
    """By the commands that README and the manual page show: a logger that is told at once misses them."""
    slow = (
        "#!/bin/sh\ntrap 'sleep 0.3; echo last words; exit' TERM\necho first\nwhile :; do sleep 0.05; done\n"
    )
    made = add(scanning.scanned, "made", slow, LOGGER)
    made.rename(tmp_path / "telnet")
    link = scanning.scanned / "telnet"
    link.symlink_to(tmp_path / "telnet")
    scanning.start(command)
    current = tmp_path / "telnet/log/main/current"
    wait_for(lambda: current.exists() and current.read_bytes() != b"", "the first line")
    if page == "README":
        script = END.replace("/etc/service/telnet", str(link)).replace(
            "/etc/telnet", str(tmp_path / "telnet")
        )
    else:
        manual = (Path(__file__).parents[2] / "docs/man/svscan.1").read_text().replace("\\-", "-")
        script = manual.partition('is removed"\n.EX\n')[2].partition(".EE")[0]
        script = script.replace("/service/dnscache", str(link))
        assert script.startswith("cd ")
    tools = {"PATH": f"{tmp_path / 'ours'}:{SYSTEM_PATH}"}
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, env=tools, check=True, timeout=PATIENCE)
    wait_for(
        lambda: all("svscan" in line or "--warm" in line for line in scanning.running().values()),
        "the end of both",
    )
    assert current.read_bytes() == b"first\nlast words\n"
