"""How supervise begins, what it leaves behind, and what it says when it cannot."""

import os
import re
import resource
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.differential.supervise.conftest import Make
from tests.support.commands import ours, run
from tests.support.oracles import Oracle
from tests.support.patience import wait_for
from tests.support.supervised import Service

pytestmark = pytest.mark.sampled(3)


def tree(directory: Path) -> dict[str, tuple[str, int]]:
    """Return type, mode and size of every file, but of ours; a directory's size is the file system's own."""
    found = {}
    for path in sorted(directory.rglob("*")):
        status = path.lstat()
        found[str(path.relative_to(directory))] = (
            oct(status.st_mode),
            0 if path.is_dir() else status.st_size,
        )
    found.pop("supervise/birth", None)
    return found


def both(make: Make, mine: list[str], original: list[str]) -> tuple[Service, Service]:
    return make("x1").start(mine), make("x2").start(original)


def test_same_tree_and_modes_while_running_and_after(
    make: Make, mine: list[str], original: list[str]
) -> None:
    services = both(make, mine, original)
    for service in services:
        service.wait_up()
    running = [tree(service.directory) for service in services]
    assert running[0] == running[1]
    for service in services:
        service.send(b"dx")
    assert [service.wait_left() for service in services] == [0, 0]
    assert tree(services[0].directory) == tree(services[1].directory) == running[0]
    assert services[0].said() == services[1].said() == b""


Break = Callable[[Path], object]


def linked(name: str, to: str) -> Break:
    """Return what makes a directory with a link in it."""

    def break_it(x: Path) -> None:
        x.mkdir()
        (x / name).symlink_to(to)

    return break_it


def occupied(x: Path) -> None:
    x.mkdir()
    (x / "supervise").write_bytes(b"")


# What is wrong with a directory ``x``.  None of it needs rights that root has.
BROKEN: dict[str, Break] = {
    "absent": lambda x: None,
    "a file": lambda x: x.write_bytes(b""),
    "supervise is a file": occupied,
    "lock is a directory": lambda x: (x / "supervise" / "lock").mkdir(parents=True),
    "control is a directory": lambda x: (x / "supervise" / "control").mkdir(parents=True),
    "down is a loop": linked("down", "down"),
    "supervise is a loop": linked("supervise", "supervise"),
    "supervise dangles too deep": linked("supervise", "a/b/c"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_same_complaint_about_what_is_broken(tmp_path: Path, oracle: Oracle, what: str) -> None:
    outcomes = []
    for name, command in (("1", ours("supervise")), ("2", [oracle("supervise")])):
        (tmp_path / name).mkdir()
        BROKEN[what](tmp_path / name / "x")
        outcomes.append(run([*command, "x"], tmp_path / name))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] == 111


def test_same_complaint_without_descriptors(tmp_path: Path, oracle: Oracle) -> None:
    """Ours needs one more than a pipe to wait at all, and so is told one earlier."""

    def limit(files: int) -> Callable[[], None]:
        return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    (tmp_path / "x").mkdir()
    outcome = run([*ours("supervise"), "x"], tmp_path, before=limit(5))
    assert outcome == run([oracle("supervise"), "x"], tmp_path, before=limit(4))
    complaint = b"supervise: fatal: unable to create pipe for x: process cannot open more files\n"
    assert outcome == (111, b"", complaint)


@pytest.mark.parametrize("arguments", [[], ["a", "b"]])
def test_same_usage(tmp_path: Path, oracle: Oracle, arguments: list[str]) -> None:
    assert run([*ours("supervise"), *arguments], tmp_path) == run([oracle("supervise"), *arguments], tmp_path)


def test_each_excludes_the_other(make: Make, oracle: Oracle, supervise: list[str]) -> None:
    """Whichever came first; and the second does no harm to the first."""
    service = make("x", down=True).start(supervise)
    before = service.status()
    for command in (ours("supervise"), [oracle("supervise")]):
        outcome = run([*command, "x"], service.directory.parent)
        complaint = b"supervise: fatal: unable to acquire x/supervise/lock: temporary failure\n"
        assert outcome == (111, b"", complaint)
    assert service.status() == before
    assert service.is_running()


def test_dangling_link_named_supervise_is_made(make: Make, supervise: list[str], tmp_path: Path) -> None:
    service = make("x", down=True)
    (service.directory / "supervise").symlink_to(tmp_path / "state")
    service.start(supervise)
    assert service.is_running()
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_missing_program_is_tried_once_a_second_and_can_be_stopped(
    make: Make, slow_supervise: list[str]
) -> None:
    """A letter is read between two starts, or a service that crashes could never be stopped."""
    service = make("x", run=None).start(slow_supervise)
    complaint = b"supervise: fatal: unable to start %s/run: file does not exist\n" % bytes(service.directory)
    wait_for(lambda: service.said() == 2 * complaint, "two attempts")
    service.send(b"d")
    wait_for(lambda: service.status()[12:] == b"\0\0\0\0\0d", "down")
    assert service.said() == 2 * complaint


@pytest.mark.parametrize("mode", [0o644, 0o755])
def test_program_that_cannot_be_executed(make: Make, mine: list[str], original: list[str], mode: int) -> None:
    services = []
    for name, command in (("ours", mine), ("original", original)):
        service = make(name, run="echo no first line\n")
        (service.directory / "run").chmod(mode)
        services.append(service.start(command))
    for service in services:
        wait_for(service.said, "a complaint")
    said = [service.said().replace(bytes(service.directory), b"x").splitlines()[0] for service in services]
    assert said[0] == said[1]
    assert re.fullmatch(rb"supervise: fatal: unable to start x/run: [a-z ]+", said[0])


def test_plain_file_for_a_fifo_is_refused(make: Make, mine: list[str]) -> None:
    """Of ours alone; the original goes on, which ends badly."""
    for name in ("control", "ok"):
        service = make(name)
        (service.directory / "supervise").mkdir()
        (service.directory / "supervise" / name).write_bytes(b"d")
        service.start(mine)
        assert service.wait_left() == 111
        assert service.said() == b"supervise: fatal: %s/supervise/%s is not a fifo\n" % (
            bytes(service.directory),
            name.encode(),
        )


def has_said_twice(service: Service, complaint: bytes) -> bool:
    return service.said().count(complaint) == 2


def test_link_in_the_place_of_the_new_status_is_not_followed(make: Make, original: list[str]) -> None:
    """Who owns ``supervise`` to control a service must not have root empty any file."""
    kept = []
    for name, command in (("1", ours("supervise")), ("2", original)):
        service = make(name, down=True)
        (service.directory / "supervise").mkdir()
        (service.directory / "other").write_bytes(b"not yours")
        (service.directory / "supervise" / "status.new").symlink_to("../other")
        service.start(command)
        kept.append((service.directory / "other").read_bytes() == b"not yours")
        complaint = b"unable to open %s/supervise/status.new: symbolic link loop\n" % bytes(service.directory)
        if kept[-1]:  # of each of its two writes, of which the second may be on its way still
            wait_for(partial(has_said_twice, service, complaint), "two complaints")
        else:
            assert complaint not in service.said()
    assert kept == [True, False]


def test_link_in_the_place_of_the_lock_is_not_followed(make: Make, original: list[str]) -> None:
    """Nor have it make one."""
    made = []
    for name, command in (("1", ours("supervise")), ("2", original)):
        service = make(name, down=True)
        (service.directory / "supervise").mkdir()
        (service.directory / "supervise" / "lock").symlink_to("../other")
        service.start(command)
        made.append((service.directory / "other").exists())
        complaint = b"supervise: fatal: unable to acquire %s/supervise/lock: symbolic link loop\n"
        assert service.said() == (b"" if made[-1] else complaint % bytes(service.directory))
    assert made == [False, True]


def test_service_finds_what_the_original_s_finds(make: Make, original: list[str]) -> None:
    """Descriptors, signals, arguments, directory, session: as far as they can be the same."""
    run_file = """#!/bin/sh
    ls /proc/self/fd > fds
    /bin/grep '^Sig[^Q]' /proc/self/status > signals
    { echo "$0 $#"; pwd -P | sed 's,.*/,,'; umask; env | grep -v PWD; } > rest
    cut -d' ' -f6 /proc/self/stat > session
    exec sleep 1000
    """
    texts = []
    for name, command in (("1", ours("supervise")), ("2", original)):
        service = make(f"{name}/x", run=run_file)
        os.environ["MARK"] = "as it was"
        service.start(command)
        session = service.wait_for_file("session")
        texts.append(
            [session, *((service.directory / file).read_bytes() for file in ("fds", "signals", "rest"))]
        )
    assert texts[0] == texts[1]
