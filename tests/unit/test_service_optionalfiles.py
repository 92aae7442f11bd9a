"""What a service asks for by optional files; garbage is one line, and the default."""

import errno
import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.patience import wait_for
from tests.support.peers import fill
from ucspi.service.optionalfiles import NAMES, OptionalFiles
from ucspi.service.optionalvalues import PAUSE_MAX
from ucspi.service.wishes import PLAIN, Wishes
from ucspi.unix.cachedstat import is_local
from ucspi.unix.procfiles import mount_of

C_SOURCE = Path(__file__).resolve().parent.parent.parent / "cdbext" / "system" / "servicefiles.c"


class Read:
    """The files of a directory, and what was said about them."""

    def __init__(self, directory: Path) -> None:
        self.said: list[bytes] = []
        self.folder = os.open(directory, os.O_RDONLY)
        self.files = OptionalFiles(b"x", self.folder, self.said.append, lambda: 100)

    def close(self) -> None:
        os.close(self.folder)


def read(directory: Path, **files: str) -> tuple[Wishes, list[bytes]]:
    fill(directory, {name.replace("_", "-"): text for name, text in files.items()})
    one = Read(directory)
    wishes = one.files.read()
    one.close()
    return wishes, one.said


def test_c_knows_the_same_names() -> None:
    found = re.search(r"optional\[\] = \{(.*?)\}", C_SOURCE.read_text(), re.DOTALL)
    assert found
    assert re.findall(r'"([^"]+)"', found[1]) == [name.decode() for name in NAMES]


def test_without_files_it_is_plain(tmp_path: Path) -> None:
    assert read(tmp_path, run="#!/bin/sh\n", down="", log="") == (PLAIN, [])
    assert PLAIN.is_plain


@pytest.mark.parametrize("name", [name.decode() for name in NAMES])
def test_with_any_it_is_not(tmp_path: Path, name: str) -> None:
    assert not read(tmp_path, **{name: ""})[0].is_plain


def test_directory_that_nobody_has_changed_is_still_plain(tmp_path: Path) -> None:
    os.utime(tmp_path, (1, 1))
    one = Read(tmp_path)
    assert one.files.read() is PLAIN
    assert not one.files.is_still_plain(), "it was changed too recently to be certain"
    wait_for(lambda: one.files.read() is PLAIN and one.files.is_still_plain(), "a second")
    (tmp_path / "finish").symlink_to("nowhere")
    assert not one.files.is_still_plain()
    assert not one.files.read().is_plain
    (tmp_path / "finish").unlink()
    assert not one.files.is_still_plain()
    one.close()


def test_directory_out_of_reach_is_plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file server that has forgotten it: ``run`` cannot be executed then, which is tried again."""
    fill(tmp_path, {"finish": "#!/bin/sh\n"})
    one = Read(tmp_path)

    def fail(*arguments: object, **more: object) -> None:
        raise OSError(errno.ESTALE, "stale")

    monkeypatch.setattr("ucspi.service.optionalfiles.os.stat", fail)
    assert one.files.read() is PLAIN
    monkeypatch.undo()
    assert not one.files.is_still_plain()
    assert one.files.read().finish
    one.close()


def test_place_is_found_out(tmp_path: Path) -> None:
    one = Read(tmp_path)
    assert not one.files.is_local()
    one.files.find_place()
    assert one.files.is_local() == is_local(mount_of(one.folder))
    one.close()
    elsewhere = Read(Path("/proc/self"))
    elsewhere.files.find_place()
    assert not elsewhere.files.is_local()
    elsewhere.close()


def test_values(tmp_path: Path) -> None:
    wishes, said = read(
        tmp_path,
        down_signal="SIGHUP\n",
        timeout_kill="1500\n",
        timeout_finish="0",
        flag_timeout_killpg="",
        finish="#!/bin/sh\n",
        check="#!/bin/sh\n",
        flag_finish_runit="",
        flag_permanent_100="",
        flag_notify_socket="",
        backoff="0.5 60\n",
        max_death_tally="5000",
        notification_fd="99",
    )
    assert said == []
    assert (wishes.down_signal, wishes.kill_time, wishes.finish_time) == (1, 1.5, 0.0)
    assert (wishes.backoff, wishes.deaths, wishes.notification) == ((0.5, 60.0), 4096, 99)
    assert wishes.kills_group
    assert wishes.finish
    assert wishes.check
    assert wishes.is_like_runit
    assert wishes.fails_with_100
    assert wishes.has_socket
    assert wishes.has_session
    assert wishes.tells_ready


@pytest.mark.parametrize(
    ("name", "text", "default"),
    [
        *[
            ("down_signal", text, b"SIGTERM is used")
            for text in ("", "x", "0", "65", "SIG_IGN", "SIGNAL", "9 9")
        ],
        *[("timeout_kill", text, b"there is no limit") for text in ("", "-1", "1.5", "4294967296", "1 2")],
        *[("timeout_finish", text, b"5000 is used") for text in ("soon", "\N{DIGIT ONE}s")],
        *[
            ("backoff", text, b"there is no pause")
            for text in ("", "1", "2 1", "0 1", "1 x", "1 1e3", "1 2 3")
        ],
        *[
            ("backoff", text, b"there is no pause")
            for text in (". 1", "1..2 3", f"1 {PAUSE_MAX + 1}", "1 -2")
        ],
        *[("max_death_tally", text, b"100 is used") for text in ("", "-1", "many")],
        *[("notification_fd", text, b"there is none") for text in ("", "0", "1", "2", "100", "-1", "1" * 30)],
    ],
)
def test_garbage(tmp_path: Path, name: str, text: str, default: bytes) -> None:
    wishes, said = read(tmp_path, **{name: text})
    assert len(said) == 1
    assert said[0].startswith(b"x/%s: unusable value " % name.replace("_", "-").encode())
    assert said[0].endswith(b"; " + default)
    assert (wishes.down_signal, wishes.kill_time, wishes.finish_time) == (15, 0.0, 5.0)
    assert (wishes.backoff, wishes.deaths, wishes.notification) == (None, 100, -1)


@settings(max_examples=300)
@given(name=st.sampled_from(NAMES), text=st.binary(max_size=30))
def test_any_content_is_a_value_or_a_line(
    tmp_path_factory: pytest.TempPathFactory, name: bytes, text: bytes
) -> None:
    directory = tmp_path_factory.mktemp("x")
    (directory / name.decode()).write_bytes(text)
    one = Read(directory)
    wishes = one.files.read()
    one.close()
    assert len(one.said) <= 1
    assert all(b"\n" not in line for line in one.said)
    assert 0 < wishes.down_signal < 65
    assert wishes.notification < 100
    assert not wishes.finish


def test_sockets(tmp_path: Path) -> None:
    one = Read(tmp_path)
    fill(tmp_path, {"sockets": "0 80 a\n0 81\n", "flag-on-demand": "", "notification-fd": "4"})
    wishes = one.files.read()
    assert wishes.wants_sockets
    assert wishes.is_on_demand
    assert [place.port for place in wishes.sockets] == [80, 81]
    assert wishes.notification == -1
    (tmp_path / "sockets").write_text("0 80\n0\n0 81\n0 82")
    again = one.files.read()
    assert again.sockets == wishes.sockets, "it is wrong, so the last one counts"
    assert again.wants_sockets
    (tmp_path / "sockets").unlink()
    gone = one.files.read()
    assert (gone.wants_sockets, gone.sockets, gone.is_on_demand) == (False, (), False)
    assert gone.notification == 4
    assert [line.partition(b": ")[::2] for line in one.said] == [
        (b"x/notification-fd", b"4 is the descriptor of a socket in the file sockets; there is none"),
        (
            b"x/sockets",
            b"line 2: %s is wanted, not '0'; the sockets stay as they were"
            % b"ADDRESS PORT [NAME] or unix:PATH[,mode=MODE] [NAME]",
        ),
        (b"x/flag-on-demand", b"there is no file sockets; the service is started at once"),
    ]
    one.close()


@pytest.mark.parametrize("kind", ["fifo", "directory", "endless", "link to nothing", "long"])
def test_sockets_that_are_no_such_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "sockets"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "long":
        path.write_bytes(b"0 80\n" * 100_000)
    else:
        path.symlink_to("/dev/zero" if kind == "endless" else "nowhere")
    wishes, said = read(tmp_path)
    assert wishes.wants_sockets
    assert wishes.sockets == ()
    assert len(said) == 1
    assert said[0].startswith(b"x/sockets: ")
    assert said[0].endswith(b"; the service is not started")


def test_sockets_that_were_never_right(tmp_path: Path) -> None:
    wishes, said = read(tmp_path, sockets="0 80\nmail 25\n")
    assert wishes.wants_sockets
    assert wishes.sockets == ()
    assert said == [b"x/sockets: line 2: a numeric address is wanted, not 'mail'; the service is not started"]


def test_same_complaint_is_made_once_in_a_row(tmp_path: Path) -> None:
    fill(tmp_path, {"timeout-kill": "x", "finish": "no bit"})
    one = Read(tmp_path)
    for _ in range(3):
        one.files.read()
    assert [line.partition(b":")[0] for line in one.said] == [b"x/finish", b"x/timeout-kill"]
    (tmp_path / "timeout-kill").write_text("5")
    one.files.read()
    (tmp_path / "timeout-kill").write_text("x")
    one.files.read()
    assert len(one.said) == 3
    one.close()


def test_what_is_no_file_is_neither_waited_for_nor_run(tmp_path: Path) -> None:
    for name in ("timeout-kill", "finish"):
        os.mkfifo(tmp_path / name, 0o755)
    (tmp_path / "check").mkdir()
    (tmp_path / "backoff").symlink_to("/dev/zero")
    (tmp_path / "down-signal").mkdir()
    one = Read(tmp_path)
    wishes = one.files.read()
    one.close()
    assert not wishes.finish
    assert not wishes.check
    assert wishes.kill_time == 0
    assert wishes.down_signal == 15
    assert len(one.said) == 5
