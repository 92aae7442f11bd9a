"""Supervisors that were forked from a stem: they are as if each had been executed."""

import os
import re
import select
import shutil
import signal
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.scanning import LOGGER, SLEEPER, Scanning, add
from tests.support.launchers import is_launched
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE, wait_for
from tests.support.processes import status
from tests.support.world import SYSTEM_PATH
from ucspi.unix import chain, forking, native

STEM = re.compile(r"^supervise --warm \d+ \d+$")
KILLED = b"svscan: warning: the stem of supervise was killed or does not answer; starting another"
LONG = "--stop-on-term=60"

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(5)]


@pytest.fixture
def commands(our_commands: Path, tmp_path: Path) -> Path:
    """Give a directory of its own with our supervise, which a test may replace."""
    if native.lib is None or not forking.is_there() or not is_launched():
        pytest.skip("supervisors are executed here: nothing was compiled")
    if chain.look(os.fsencode(tmp_path / "missing")) is None:
        pytest.skip("this file system does not remember that a name is missing")
    place = tmp_path / "ours"
    place.mkdir()
    (place / "supervise").symlink_to(our_commands / "supervise")
    return place


@pytest.fixture
def svscan(our_commands: Path) -> list[str]:
    return [str(our_commands / "svscan")]


@pytest.fixture
def scanning(tmp_path: Path, commands: Path, oracle: Oracle) -> Iterator[Scanning]:
    for program in ("svc", "svstat", "multilog"):
        oracle(program)
    with Scanning(tmp_path, path=f"{commands}:{SYSTEM_PATH}") as made:
        yield made


def stem(scanning: Scanning) -> int:
    """Return the pid of the stem; 0 if there is none."""
    found = [pid for pid, command in scanning.running().items() if STEM.match(command)]
    assert len(found) <= 1
    return found[0] if found else 0


def supervisor(scanning: Scanning, name: str) -> int:
    """Return the pid of the supervisor of a service, or of its logger; 0 if there is none."""
    place = str(scanning.scanned / name)
    for pid, command in scanning.running().items():
        try:
            if command == f"supervise {name.rpartition('/')[2]}" and os.readlink(f"/proc/{pid}/cwd") == place:
                return pid
        except FileNotFoundError:
            pass
    return 0


def places(pid: int) -> list[str]:
    """Return where the first mappings of a process lie, which no exec leaves as they are."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return [line.split()[0] for line in lines if line.endswith("/python3") or ".so" in line]


def is_warm(scanning: Scanning, name: str) -> bool:
    """Say whether a supervisor was forked from the stem that runs; it may have loaded more since."""
    return set(places(stem(scanning))) <= set(places(supervisor(scanning, name)))


def facts(pid: int, scanned: Path) -> dict[str, object]:
    """Return what can be seen of a process, and must not depend on how it was started."""
    folder, place = Path(f"/proc/{pid}"), str(scanned.parent)
    named = ("Umask", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "NoNewPrivs", "Seccomp", "Name", "CapEff")
    fields = status(pid)
    files = {
        (os.readlink(f"{folder}/fd/{number}"), int(number) if int(number) < 3 else 3)
        for number in os.listdir(folder / "fd")
    }
    return {
        "fields": [fields[name] for name in named],
        "command": (folder / "cmdline").read_bytes(),
        "environ": re.sub(rb"UCSPI_WARM=.\0", b"", (folder / "environ").read_bytes()).replace(
            os.fsencode(place), b""
        ),
        "limits": (folder / "limits").read_bytes(),
        "score": (folder / "oom_score_adj").read_bytes(),
        "where": os.readlink(folder / "cwd").removeprefix(place),
        "group": [os.getpgid(pid) == os.getsid(pid)],
        "files": sorted(
            re.sub(r"\d+", "N", path.replace(place, "")) + f" {number}"
            for path, number in files
            # Some are kept for the first event.
            if not path.startswith(("anon_inode", "pipe", "/dev/null")) or number < 3
        ),
        "locks": [
            line.split()[1:4] for line in Path("/proc/locks").read_text().splitlines() if f" {pid} " in line
        ],
    }


def pair(tmp_path: Path, commands: Path, svscan: list[str], *, warm: bool) -> dict[str, dict[str, object]]:
    """Return the facts about all processes of two services."""
    place = tmp_path / ("warm" if warm else "cold")
    place.mkdir()
    with Scanning(
        place, path=f"{commands}:{SYSTEM_PATH}", variables={"UCSPI_WARM": "1" if warm else "0"}
    ) as made:
        add(made.scanned, "logged", log=LOGGER)
        add(made.scanned, "down", None)
        (made.scanned / "down/down").touch()
        asking = add(made.scanned, "asking", log=LOGGER)
        for path in (asking, asking / "log"):  # they have optional files, so C leaves them to Python
            (path / "timeout-kill").write_text("100\n")
        made.start(svscan)
        names = ("logged", "logged/log", "down", "asking", "asking/log")
        pids = {name: made.wait_up(name)[0] for name in names if name != "down"}
        wait_for(lambda: supervisor(made, "down"), "a supervisor")
        pids |= {f"supervise {name}": supervisor(made, name) for name in names}
        wait_for(lambda: made.stat("down")[0].startswith("down: down"), "a status")
        assert bool(stem(made)) is warm
        if warm:
            assert all(is_warm(made, name) for name in names)
        found = {name: facts(pid, made.scanned) for name, pid in pids.items()}
        found["tree"] = {
            name: sorted(path.name for path in (made.scanned / name / "supervise").iterdir())
            for name in names
        }
        found["modes"] = {
            str(path.relative_to(made.scanned)): path.lstat().st_mode
            for path in made.scanned.rglob("supervise/*")
        }
        return found


def test_nothing_can_be_seen_of_how_they_were_started(
    tmp_path: Path, commands: Path, svscan: list[str]
) -> None:
    warm, cold = (pair(tmp_path, commands, svscan, warm=warm) for warm in (True, False))
    assert warm.keys() == cold.keys()
    for name, seen in warm.items():
        assert seen == cold[name], name


def test_they_obey_and_restart(scanning: Scanning, svscan: list[str]) -> None:
    add(scanning.scanned, "a", log=LOGGER)
    add(scanning.scanned, "b")
    (scanning.scanned / "b/down").touch()
    scanning.start(svscan)
    first = scanning.wait_up("a", "a/log")
    os.kill(first[0], signal.SIGKILL)
    second = scanning.wait_new("a", first[0])
    begun = time.monotonic()
    os.kill(second, signal.SIGKILL)
    scanning.wait_new("a", second)
    assert time.monotonic() - begun > 0.9, "it rests after a start"
    wait_for(lambda: supervisor(scanning, "b"), "the supervisor of what is down")
    assert is_warm(scanning, "b")
    scanning.control("-u", "b")
    assert scanning.wait_up("b")
    scanning.control("-dx", "b")
    wait_for(lambda: not scanning.pid("b") and "want" not in scanning.stat("b")[0], "its end")
    assert scanning.pid("a/log") == first[1]
    assert not scanning.lines()


def test_byte_in_the_first_second_waits_for_the_rest(scanning: Scanning, svscan: list[str]) -> None:
    add(scanning.scanned, "a")
    scanning.start(svscan)
    begun = time.monotonic()
    [pid] = scanning.wait_up("a")
    scanning.control("-t", "a")
    scanning.wait_new("a", pid)
    assert time.monotonic() - begun > 0.9
    assert is_warm(scanning, "a")


def test_run_that_cannot_be_executed_is_tried_each_second(scanning: Scanning, svscan: list[str]) -> None:
    add(scanning.scanned, "a", None)
    scanning.start(svscan)
    line = b"supervise: fatal: unable to start a/run: file does not exist"
    wait_for(lambda: scanning.lines().count(line) >= 2, "a second try")
    assert is_warm(scanning, "a")
    assert set(scanning.lines()) == {line}
    script = scanning.scanned / "a/run.new"
    script.write_text(SLEEPER)
    script.chmod(0o755)
    script.rename(scanning.scanned / "a/run")
    assert scanning.wait_up("a")


def test_stem_that_is_killed_is_replaced(scanning: Scanning, svscan: list[str]) -> None:
    add(scanning.scanned, "a")
    process = scanning.start([*svscan, LONG])
    scanning.wait_up("a")
    old, kept = stem(scanning), supervisor(scanning, "a")
    os.kill(old, signal.SIGKILL)
    add(scanning.scanned, "b")
    process.send_signal(signal.SIGHUP)
    scanning.wait_up("b")  # executed
    assert scanning.lines() == [KILLED]
    time.sleep(1)  # no sooner than a second later there is another
    add(scanning.scanned, "c")
    process.send_signal(signal.SIGHUP)
    scanning.wait_up("c")
    wait_for(lambda: stem(scanning), "another stem")
    add(scanning.scanned, "d")
    time.sleep(0.5)  # it gets ready meanwhile; nobody waits for it
    process.send_signal(signal.SIGHUP)
    scanning.wait_up("d")
    assert stem(scanning) != old
    assert is_warm(scanning, "d")
    assert supervisor(scanning, "a") == kept
    assert scanning.lines() == [KILLED]


def test_stem_that_is_stopped_holds_nothing_up(scanning: Scanning, svscan: list[str]) -> None:
    add(scanning.scanned, "a")
    process = scanning.start([*svscan, LONG])
    scanning.wait_up("a")
    old = stem(scanning)
    os.kill(old, signal.SIGSTOP)
    add(scanning.scanned, "b")
    process.send_signal(signal.SIGHUP)
    scanning.wait_up("b")
    assert scanning.lines() == [KILLED]
    assert old not in scanning.running()
    process.terminate()
    assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "ended"])
def test_stem_ends_with_its_scanner_even_if_it_was_stopped(
    scanning: Scanning, svscan: list[str], how: signal.Signals
) -> None:
    add(scanning.scanned, "a")
    process = scanning.start(svscan)
    [pid] = scanning.wait_up("a")
    os.kill(stem(scanning), signal.SIGSTOP)
    process.send_signal(how)
    process.wait(PATIENCE)
    wait_for(lambda: not stem(scanning), "the end of the stem")
    assert pid in scanning.running()
    assert supervisor(scanning, "a")


def test_killed_supervisor_is_followed_by_one_that_takes_over(scanning: Scanning, svscan: list[str]) -> None:
    add(scanning.scanned, "a")
    process = scanning.start([*svscan, LONG])
    [pid] = scanning.wait_up("a")
    os.kill(supervisor(scanning, "a"), signal.SIGKILL)
    wait_for(lambda: not supervisor(scanning, "a"), "its end")
    process.send_signal(signal.SIGHUP)
    line = b"supervise: warning: taking over a, which runs as process %d" % pid
    wait_for(lambda: scanning.said(line), "a successor")
    assert scanning.pid("a") == pid
    assert scanning.lines() == [line]


def test_second_scanner_gets_no_lock(scanning: Scanning, svscan: list[str]) -> None:
    add(scanning.scanned, "a")
    scanning.start(svscan)
    [pid] = scanning.wait_up("a")
    scanning.start(svscan)
    line = b"supervise: fatal: unable to acquire a/supervise/lock: temporary failure"
    wait_for(lambda: scanning.said(line), "a refusal")
    assert set(scanning.lines()) == {line}
    assert scanning.pid("a") == pid


@pytest.mark.parametrize("kind", ["link", "file", "open to others", "control is a file", "lock is a fifo"])
def test_what_is_out_of_the_ordinary_is_as_if_executed(
    tmp_path: Path, commands: Path, svscan: list[str], kind: str
) -> None:
    def lines(warm: str) -> list[bytes]:
        place = tmp_path / warm
        place.mkdir()
        with Scanning(place, path=f"{commands}:{SYSTEM_PATH}", variables={"UCSPI_WARM": warm}) as made:
            state = add(made.scanned, "a") / "supervise"
            if kind == "file":
                state.touch()
            elif kind == "link":
                (made.scanned.parent / "elsewhere").mkdir()
                state.symlink_to(made.scanned.parent / "elsewhere")
            else:
                state.mkdir()
                state.chmod(0o777 if kind == "open to others" else 0o700)
            if kind == "control is a file":
                (state / "control").touch()
            if kind == "lock is a fifo":
                os.mkfifo(state / "lock")
            made.start(svscan)
            if kind in ("link", "open to others"):
                assert made.wait_up("a")
                assert supervisor(made, "a")
            else:
                wait_for(made.lines, "a message")
            return made.lines()[:1]

    assert lines("1") == lines("0")


def test_replaced_supervise_is_the_next_one(
    scanning: Scanning, svscan: list[str], commands: Path, our_commands: Path
) -> None:
    add(scanning.scanned, "a")
    process = scanning.start([*svscan, LONG])
    scanning.wait_up("a")
    shutil.copy(our_commands / "supervise", commands / "new")
    (commands / "new").write_text('#!/bin/sh\necho "$1" > replaced\nexec sleep 1000\n')
    (commands / "new").rename(commands / "supervise")
    add(scanning.scanned, "b")
    process.send_signal(signal.SIGHUP)
    wait_for(lambda: (scanning.scanned / "replaced").exists(), "the new supervise")
    wait_for(lambda: not stem(scanning), "the end of the old stem")
    assert supervisor(scanning, "a")
    assert not scanning.lines()
    process.kill()


def test_others_of_the_same_name_are_executed(scanning: Scanning, svscan: list[str], commands: Path) -> None:
    (commands / "supervise").unlink()
    (commands / "supervise").write_text('#!/bin/sh\necho "$*" >> calls\nexec sleep 1000\n')
    (commands / "supervise").chmod(0o755)
    add(scanning.scanned, "a")
    scanning.start(svscan)
    calls = scanning.scanned / "calls"
    wait_for(lambda: calls.exists() and calls.read_text(), "the call")
    assert calls.read_text() == "a\n"


def test_service_that_is_removed_can_be_ended(scanning: Scanning, svscan: list[str]) -> None:
    add(scanning.scanned, "a")
    scanning.start(svscan)
    [pid] = scanning.wait_up("a")
    (scanning.scanned / "a").rename(scanning.scanned.parent / "gone")
    control = os.open(scanning.scanned.parent / "gone/supervise/control", os.O_WRONLY | os.O_NONBLOCK)
    os.write(control, b"dx")
    os.close(control)
    wait_for(lambda: pid not in scanning.running() and len(scanning.running()) == 2, "the end of both")
    shutil.rmtree(scanning.scanned.parent / "gone")
    assert not scanning.lines()


def test_what_is_no_question_ends_the_stem(our_commands: Path, commands: Path) -> None:
    """The channel is svscan's alone; whatever comes there, nothing but a stem is at risk."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    cell = os.memfd_create("cell")
    os.ftruncate(cell, 4)
    with near, far:
        command = [str(our_commands / "supervise"), "--warm", str(far.fileno()), str(cell)]
        process = subprocess.Popen(command, pass_fds=(far.fileno(), cell), stdin=subprocess.DEVNULL)
        far.close()
        near.settimeout(PATIENCE)
        assert near.recv(99) == b"+"
        for packet in (
            b"\0",
            b"\0\0x",
            b"\0name",
            b"\0" + b"n" * 256 + b"\0p",
            b"\7a\0a",
            b"\0a\0" + b"p" * 2000,
        ):
            near.send(packet)
            assert int.from_bytes(near.recv(99), "little", signed=True) < 0, packet
        assert os.pread(cell, 4, 0) == bytes(4)
        near.send(b"")
        assert process.wait(PATIENCE) == 0
    os.close(cell)


@pytest.mark.parametrize("arguments", [["--warm", "x", "3"], ["--warm", "3"], ["--warm", "3", "4", "5"]])
def test_warm_is_no_word_for_users(our_commands: Path, arguments: list[str]) -> None:
    done = subprocess.run(
        [str(our_commands / "supervise"), *arguments], capture_output=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stderr) == (100, b"supervise: usage: supervise dir\n")


def memory(pids: list[int]) -> float:
    """Return the MB that processes have together; what several share counts once."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            total += int(line.split()[1]) if line.startswith("Pss:") else 0
    return total / 1024


def seconds(place: Path, command: list[str], path: str, count: int) -> tuple[float, float]:
    """Return how long a scanner takes until all services run, and the memory of its supervisors in MB."""
    place.mkdir()
    ready = place / "ready"
    os.mkfifo(ready)
    reader = os.open(ready, os.O_RDWR)
    with Scanning(place, path=path) as made:
        for number in range(count):
            add(made.scanned, str(number), f"#!/bin/sh\necho > {ready}\nexec sleep 1000\n")
        begun = time.monotonic()
        made.start(command)
        seen = 0
        while seen < count:
            assert select.select([reader], [], [], PATIENCE)[0], f"{seen} of {count} run"
            seen += len(os.read(reader, count))
        took = time.monotonic() - begun
        wait_for(lambda: all(made.pid(str(number)) for number in range(count)), "every status")
        size = memory([pid for pid, line in made.running().items() if line.startswith("supervise ")])
    os.close(reader)
    return took, size


@pytest.mark.slow
def test_five_hundred_are_there_soon_and_small(
    tmp_path: Path, commands: Path, svscan: list[str], oracle: Oracle
) -> None:
    count = 500
    ratios = []
    for turn in range(3):
        mine, size = seconds(tmp_path / f"mine{turn}", svscan, f"{commands}:{SYSTEM_PATH}", count)
        theirs, _ = seconds(tmp_path / f"theirs{turn}", [oracle("svscan")], SYSTEM_PATH, count)
        ratios.append(mine / theirs)
        assert size < 300
    assert statistics.median(ratios) < 6
