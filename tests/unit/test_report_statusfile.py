"""The status file, with a clock of its own."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.reported import ManualClocks, connected
from ucspi.tcp.clientnotes import ClientNotes
from ucspi.tcp.report.statusfile import StatusFile


class Shown:
    """A status file, and its warnings."""

    def __init__(self, path: Path, on_demand: bool = False) -> None:
        self.path, self.clocks = path, ManualClocks()
        self.warnings: list[bytes] = []
        places = [b"127.0.0.1:25"]
        self.file = StatusFile(
            os.fsencode(path), 40, places, self.clocks.pair, self.warnings.append, on_signal=on_demand
        )

    def publish(self) -> None:
        self.file.publish_if_due()

    def read(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.path.read_text("ascii"))
        return found


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    return Shown(tmp_path / "status")


def test_first_state_is_written_at_once(shown: Shown) -> None:
    before = os.umask(0o022)
    try:
        shown.publish()
    finally:
        os.umask(before)
    assert shown.read() == {
        "pid": os.getpid(),
        "started": "2026-06-30T13:30:00.000000Z",
        "listeners": ["127.0.0.1:25"],
        "time": "2026-06-30T13:30:00.000000Z",
        "seconds": 0.0,
        "draining": False,
        "children": 0,
        "limit": 40,
        "accepted": 0,
        "denied": 0,
        "dropped": 0,
        "ended": 0,
        "connections": [],
    }
    assert shown.path.stat().st_mode & 0o777 == 0o644
    assert [entry.name for entry in shown.path.parent.iterdir()] == ["status"]


def test_clients_are_shown_until_they_leave(shown: Shown) -> None:
    with connected(b"10.0.0.1", b"\xff", b"me") as first, connected(b"::1") as second:
        for number, client in enumerate((first, second), 1):
            client.notes = ClientNotes(number, shown.clocks.pair)
            shown.file.add_client(client)
        assert first.notes is not None
        first.notes.pid = 77
        first.notes.note_rule(b"10.", 3)
        shown.clocks.pass_by(2.5)
        shown.publish()
        one, two = shown.read()["connections"]
        assert shown.path.read_text().count("\n") == 3
        assert (one["pid"], one["remote_ip"], one["remote_host"]) == (77, "10.0.0.1", "\\xff")
        assert (one["since"], one["seconds"]) == ("2026-06-30T13:30:00.000000Z", 2.5)
        assert (one["rule"], one["line"]) == ("10.", 3)
        assert (two["pid"], two["remote_ip"]) == (None, "::1")
        shown.file.request()
        shown.clocks.pass_by(1)
        shown.publish()
        again, _ = shown.read()["connections"]
        assert again == {**one, "seconds": 3.5}
        shown.file.remove_client(first, b"ended")
        shown.file.remove_client(second, b"denied")
        shown.file.note_draining()
        shown.clocks.pass_by(1)
        shown.publish()
    last = shown.read()
    assert last["connections"] == []
    assert (last["accepted"], last["ended"], last["denied"], last["draining"]) == (2, 1, 1, True)


def test_change_is_shown_once_a_second_has_passed(shown: Shown) -> None:
    shown.publish()
    assert shown.file.deadline() is None
    shown.file.note_change()
    assert shown.file.deadline() == pytest.approx(5001.0)
    shown.clocks.pass_by(0.9)
    shown.publish()
    assert shown.read()["seconds"] == 0.0
    shown.clocks.pass_by(0.1)
    shown.publish()
    assert shown.read()["seconds"] == 1.0
    assert shown.file.deadline() is None


def test_clock_that_is_set_back_delays_nothing(shown: Shown) -> None:
    shown.publish()
    shown.file.note_change()
    shown.clocks.pass_by(1)
    shown.clocks.wall -= 10**15
    shown.publish()
    assert shown.read()["seconds"] == 1.0


def test_on_demand_a_change_alone_writes_nothing(tmp_path: Path) -> None:
    shown = Shown(tmp_path / "status", on_demand=True)
    shown.publish()
    shown.clocks.pass_by(5)
    shown.file.note_change()
    assert shown.file.deadline() is None
    shown.publish()
    assert shown.read()["seconds"] == 0.0
    shown.file.request()
    shown.publish()
    assert shown.read()["seconds"] == 5.0


def test_trouble_is_told_once_until_it_is_over(tmp_path: Path) -> None:
    shown = Shown(tmp_path / "folder" / "status")
    for _ in range(3):
        shown.file.note_change()
        shown.publish()
        shown.clocks.pass_by(1)
    complaint = b"unable to write %s: file does not exist" % os.fsencode(shown.path)
    assert shown.warnings == [complaint]
    shown.path.parent.mkdir()
    shown.file.note_change()
    shown.publish()
    assert shown.read()["children"] == 0
    shown.path.unlink()
    shown.path.parent.rmdir()
    shown.clocks.pass_by(1)
    shown.file.note_change()
    shown.publish()
    assert shown.warnings == [complaint, complaint]
    shown.file.remove_file()


@pytest.mark.parametrize("kind", ["link", "fifo", "directory"])
def test_nothing_but_a_file_is_replaced(shown: Shown, kind: str) -> None:
    target = shown.path.parent / "target"
    target.write_text("kept")
    if kind == "link":
        shown.path.symlink_to(target)
    elif kind == "fifo":
        os.mkfifo(shown.path)
    else:
        shown.path.mkdir()
    shown.publish()
    shown.file.remove_file()
    assert shown.warnings == [b"unable to write %s: not a regular file" % os.fsencode(shown.path)]
    assert target.read_text() == "kept"
    assert os.path.lexists(shown.path)
    assert len(list(shown.path.parent.iterdir())) == 2


def test_temporary_that_a_killed_server_left_is_replaced_and_not_followed(shown: Shown) -> None:
    target = shown.path.parent / "target"
    target.write_text("kept")
    (shown.path.parent / "status.tmp").symlink_to(target)
    shown.publish()
    assert shown.read()["children"] == 0
    assert target.read_text() == "kept"
    assert not (shown.path.parent / "status.tmp").exists()


def test_file_is_removed_at_the_end_unless_another_server_has_written_it(shown: Shown) -> None:
    shown.publish()
    shown.file.remove_file()
    assert not shown.path.exists()
    shown.file.request()
    shown.publish()
    Shown(shown.path).publish()
    shown.file.remove_file()
    assert shown.path.exists()
