"""root's multilog in a directory of another user: what that user put there does not direct it elsewhere.

The original follows every link, and so serves as a proof that each trap works.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import ours, run
from tests.support.logtrees import tree
from tests.support.oracles import Oracle
from ucspi.logs import processor
from ucspi.unix import safeopen

pytestmark = pytest.mark.sampled(3)

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
OTHER = 65534
PRECIOUS = b"#!/bin/sh\nprecious\n"
ANOTHER_NAME = b"has another name, in a directory of another user"

Trap = Callable[[Path, Path], object]
TRAPS: dict[str, tuple[Trap, bytes]] = {
    "link": (lambda name, to: name.symlink_to(to), b"symbolic link loop"),
    "second name": (lambda name, to: name.hardlink_to(to), ANOTHER_NAME),
}


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """Give a file of ours elsewhere, which can be executed: so a ``current`` was closed."""
    path = tmp_path / "precious"
    path.write_bytes(PRECIOUS)
    path.chmod(0o755)
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Give the log directory of another user."""
    path = tmp_path / "log"
    path.mkdir()
    if os.geteuid() == 0:
        os.chown(path, OTHER, -1)
    return path


def is_untouched(path: Path) -> bool:
    return path.read_bytes() == PRECIOUS and path.stat().st_mode & 0o777 == 0o755


def assert_refused(where: Path, action: str, why: bytes) -> None:
    """Run our multilog with one action, which it must refuse in these words."""
    said = b"multilog: fatal: unable to %s\n" % why
    assert run([*ours("multilog"), action], where, b"line\n") == (111, b"", said)


@AS_ROOT
@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize(
    ("action", "name", "step"),
    [
        ("./log", "current", b"append to ./log/current"),
        ("=log/last", "last", b"create log/last"),
    ],
)
def test_file_of_a_log_leads_nowhere_else(
    log: Path, precious: Path, tmp_path: Path, oracle: Oracle, trap: str, action: str, name: str, step: bytes
) -> None:
    """It is neither written to nor given a mode."""
    put, why = TRAPS[trap]
    put(log / name, precious)
    assert_refused(tmp_path, action, step + b": " + why)
    assert is_untouched(precious)
    run([oracle("multilog"), action], tmp_path, b"line\n")
    assert not is_untouched(precious)


@AS_ROOT
@pytest.mark.parametrize("trap", TRAPS)
def test_lock_that_leads_elsewhere_is_refused(log: Path, precious: Path, tmp_path: Path, trap: str) -> None:
    put, why = TRAPS[trap]
    put(log / "lock", precious)
    assert_refused(tmp_path, "./log", b"lock directory ./log: " + why)


@AS_ROOT
@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize("name", ["previous", "processed", "state", "newstate"])
def test_files_of_a_processor_lead_nowhere_else(
    log: Path, precious: Path, monkeypatch: pytest.MonkeyPatch, trap: str, name: str
) -> None:
    """Neither is another file read, which the owner could then read as a log, nor one emptied."""
    monkeypatch.chdir(log)
    for usual in {"previous", "state"} - {name}:
        (log / usual).touch()
    TRAPS[trap][0](log / name, precious)
    with pytest.raises(OSError, match=r"symbolic links|another name"):
        processor.open_files()
    assert is_untouched(precious)


@AS_ROOT
def test_mode_is_not_set_through_a_link(log: Path, precious: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(log)
    (log / "previous").symlink_to(precious)
    with pytest.raises(OSError, match="symbolic links"):
        safeopen.set_mode(b"previous", 0o700)
    assert is_untouched(precious)
    (log / "previous").unlink()
    (log / "previous").touch(0o600)
    safeopen.set_mode(b"previous", 0o744)
    assert (log / "previous").stat().st_mode & 0o777 == 0o744


@pytest.mark.parametrize("program", ["ours", "original"])
def test_in_a_directory_of_ours_links_are_as_ever(tmp_path: Path, oracle: Oracle, program: str) -> None:
    """The log directory is one, too."""
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "current").symlink_to("../elsewhere")
    (tmp_path / "last").symlink_to("of all")
    (tmp_path / "main").symlink_to("log")
    (tmp_path / "elsewhere").touch(0o744)
    command = ours("multilog") if program == "ours" else [oracle("multilog")]
    assert run([*command, "./main", "=last"], tmp_path, b"line\n") == (0, b"", b"")
    assert (tmp_path / "elsewhere").read_bytes() == b"line\n"
    assert (tmp_path / "of all").read_bytes().startswith(b"line\n")


@AS_ROOT
def test_root_follows_no_link_of_another_user_to_a_log_directory(
    log: Path, tmp_path: Path, oracle: Oracle
) -> None:
    (tmp_path / "real").mkdir()
    (log / "main").symlink_to("../real")
    assert_refused(
        tmp_path, "./log/main", b"open directory ./log/main: is a link in a directory of another user"
    )
    assert os.listdir(tmp_path / "real") == []
    assert run([oracle("multilog"), "./log/main"], tmp_path, b"line\n")[0] == 0


@AS_ROOT
def test_root_logs_into_a_user_s_directory_as_the_original_does(tmp_path: Path, oracle: Oracle) -> None:
    """Begun by that user's own multilog, with a processor, and rotated."""
    trees = []
    for name, command in (("ours", ours("multilog")), ("original", [oracle("multilog")])):
        where = tmp_path / name
        (where / "log").mkdir(parents=True)
        (where / "log" / "current").write_bytes(b"first\n")
        (where / "log" / "current").chmod(0o744)
        for file in ("lock", "state"):
            (where / "log" / file).touch()
        for path in (where / "log", *(where / "log").iterdir()):
            os.chown(path, OTHER, -1)
        text = b"".join(b"%05d\n" % number for number in range(1500))
        script = ["s4096", "!tr 0 x; echo seen >&5", "./log"]
        assert run([*command, *script], where, text) == (0, b"", b"")
        trees.append(tree(where))
    assert trees[0] == trees[1]
    assert len(trees[0]) > 4


@AS_ROOT
def test_directory_that_a_group_may_write_to_is_nobody_s(log: Path, precious: Path, tmp_path: Path) -> None:
    os.chown(log, 0, -1)
    log.chmod(0o775)
    assert run([*ours("multilog"), "./log"], tmp_path, b"line\n") == (0, b"", b"")
    (log / "current").unlink()
    (log / "current").symlink_to(precious)
    assert run([*ours("multilog"), "./log"], tmp_path, b"line\n")[0] == 111
    assert is_untouched(precious)
