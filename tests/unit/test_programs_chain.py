"""How a command line is read as a chain."""

import errno
import os
from pathlib import Path

import pytest

from tests.support.warmed import require_memory_of_missing_names
from ucspi.programs import _chain
from ucspi.programs._chain import ChainReader
from ucspi.unix import chain as unix_chain
from ucspi.unix import native
from ucspi.unix.chain import Chain, Plan, Seen

pytestmark = pytest.mark.skipif(native.lib is None, reason="the compiled module is not built")


class EveryFile:
    """Takes each file for a command of ours, by its name, but for one that is foreign."""

    foreign = b""

    def command_in(self, seen: Seen) -> tuple[bytes, bytes] | None:
        name = os.path.basename(seen.path)
        if seen.error or seen.path.startswith(b"/bin/") or name == self.foreign:
            return None
        return name, b"programs." + name


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "programs").mkdir()
    for name in ("_begin.py", "_packed.bin"):  # tmpfs does not remember that a name is missing
        (tmp_path / name).touch()
    for name in ("argv0", "pgrphack", "softlimit", "fghack"):
        (tmp_path / name).touch(mode=0o755)
        (tmp_path / f"programs/{name}.py").touch()
    monkeypatch.setattr(_chain, "_HOME", bytes(tmp_path))
    return tmp_path


def reader(place: Path, *argv: bytes) -> ChainReader:
    return ChainReader(EveryFile(), list(argv), bytes(place))  # type: ignore[arg-type]  # it only looks so


def kinds(chain: Chain | None) -> list[str]:
    return [step.plan.kind for step in chain.steps] if chain else []


def test_steps_are_in_the_order_of_the_command_line(place: Path) -> None:
    chain = reader(place, b"softlimit", b"-o", b"5", b"pgrphack", b"argv0", b"/bin/sh", b"x", b"y").read()
    assert chain is not None
    assert kinds(chain) == ["USYS_LIMITS", "USYS_SESSION", "USYS_RENAME"]
    assert (chain.steps[-1].paths, chain.steps[-1].plan.argv) == ([b"/bin/sh"], [b"x", b"y"])


def test_chain_ends_at_what_is_no_step(place: Path) -> None:
    assert kinds(reader(place, b"argv0", b"fghack", b"x", b"argv0", b"/bin/sh", b"x").read()) == [
        "USYS_RENAME"
    ]
    assert kinds(reader(place, b"argv0", b"missing", b"x").read()) == ["USYS_RENAME"]
    assert reader(place, b"fghack", b"argv0", b"/bin/sh", b"x").read() is None
    assert reader(place, b"missing").read() is None


@pytest.mark.parametrize(
    "line", [b"argv0", b"argv0 x", b"pgrphack", b"pgrphack --help", b"softlimit -n5 x", b"softlimit -ox x"]
)
def test_what_is_not_plainly_right_is_executed(place: Path, line: bytes) -> None:
    assert reader(place, *line.split()).read() is None


def test_other_code_in_the_package_is_executed_for_good(place: Path) -> None:
    """After an upgrade a link does what the new version does; we have the old one."""
    read = reader(place, b"argv0", b"/bin/sh", b"x")
    assert kinds(read.read()) == ["USYS_RENAME"]
    (place / "programs/argv0.py").touch()
    assert read.read() is None
    (place / "_begin.py").unlink()
    assert read.read() is None


def test_link_that_was_not_there_at_first_becomes_a_step(place: Path) -> None:
    (place / "pgrphack").rename(place / "aside")
    read = reader(place, b"argv0", b"pgrphack", b"x", b"y")
    assert kinds(read.read()) == ["USYS_RENAME"]
    assert read.is_unsettled
    (place / "aside").rename(place / "pgrphack")
    assert kinds(read.read()) == ["USYS_RENAME", "USYS_SESSION"]
    assert not read.is_unsettled


def test_chain_that_has_become_shorter_is_read_again(place: Path) -> None:
    launchers = EveryFile()
    line = [b"argv0", b"pgrphack", b"x", b"/bin/sh"]
    read = ChainReader(launchers, line, bytes(place))  # type: ignore[arg-type]  # as above
    assert not read.is_unsettled
    launchers.foreign = b"pgrphack"
    assert kinds(read.read()) == ["USYS_RENAME"]
    assert read.is_unsettled
    launchers.foreign = b""
    assert kinds(read.read()) == ["USYS_RENAME", "USYS_SESSION"]
    assert not read.is_unsettled


def test_missing_program_is_no_reason_to_read_again(place: Path) -> None:
    read = reader(place, b"argv0", b"missing", b"x")
    assert kinds(read.read()) == ["USYS_RENAME"]
    assert not read.is_unsettled


def test_what_a_plan_takes_is_loaded_before_the_link_can_be_a_step(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is imported later, and a plan may import."""
    planned: list[list[bytes]] = []
    monkeypatch.setattr("ucspi.programs.pgrphack.plan", planned.append)
    read = reader(place, b"missing", b"pgrphack", b"x", b"y")
    assert planned == [[b"pgrphack", b"x", b"y"]]
    assert read.read() is None
    assert len(planned) == 1


def test_each_path_that_decided_is_noted(place: Path) -> None:
    first = place / "first"
    first.mkdir()
    require_memory_of_missing_names(first)
    path = bytes(first) + b":" + bytes(place)
    chain = ChainReader(EveryFile(), [b"argv0", b"x", b"y"], path).read()  # type: ignore[arg-type]  # as above
    assert chain is not None
    assert [(seen.path, bool(seen.error)) for seen in chain.seen[-2:]] == [
        (bytes(first / "argv0"), True),
        (bytes(place / "argv0"), False),
    ]


def test_limits_that_may_concern_a_script_of_python(place: Path) -> None:
    (place / "script").write_text("#!/usr/bin/python3\n")
    (place / "program").write_text("#!/bin/sh\n")
    for name in ("script", "program"):
        (place / name).chmod(0o755)
    assert reader(place, b"softlimit", b"-m1000000", b"script").read() is None
    assert kinds(reader(place, b"softlimit", b"-m90000000", b"script").read()) == ["USYS_LIMITS"]
    chain = reader(place, b"softlimit", b"-m1000000", b"program").read()
    assert chain is not None
    assert bytes(place / "program") in [seen.path for seen in chain.seen]


@pytest.mark.parametrize("line", [b"envdir x", b"setlock -q x y", b"setlock x"])
def test_what_is_not_plainly_right_of_files_is_executed(place: Path, line: bytes) -> None:
    for name in ("envdir", "setlock"):
        (place / name).touch(mode=0o755)
        (place / f"programs/{name}.py").touch()
    assert reader(place, *line.split()).read() is None
    assert kinds(reader(place, b"envdir", b"d", b"setlock", b"-n", b"l", b"/bin/sh").read()) == [
        "USYS_DIRECTORY",
        "USYS_LOCK",
    ]


def test_behind_other_ids_a_closed_directory_in_path_ends_the_chain(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a file server root may have fewer rights than the new user."""
    closed = b"/closed"

    def look(path: bytes) -> Seen | None:
        return Seen(path, errno.EACCES, b"") if path.startswith(closed) else really_look(path)

    really_look = unix_chain.look
    monkeypatch.setattr(_chain, "look", look)
    monkeypatch.setattr("ucspi.programs.setuidgid.plan", change_ids)
    for name in ("setuidgid",):
        (place / name).touch(mode=0o755)
        (place / f"programs/{name}.py").touch()
    path = closed + b":" + bytes(place)
    line = [b"argv0", b"setuidgid", b"x", b"argv0", b"/bin/sh", b"x"]
    chain = ChainReader(EveryFile(), line, path).read()  # type: ignore[arg-type]  # as above
    assert kinds(chain) == ["USYS_RENAME", "USYS_IDS"]
    chain = ChainReader(EveryFile(), line, bytes(place)).read()  # type: ignore[arg-type]  # as above
    assert kinds(chain) == ["USYS_RENAME", "USYS_IDS", "USYS_RENAME"]


def change_ids(argv: list[bytes]) -> Plan:
    return Plan(b"setuidgid", "USYS_IDS", argv[1], argv[1:], ids=(1, 1))
