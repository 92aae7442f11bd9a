"""``svstat`` with ``--json``, ``--check`` and ``--table``: what programs and people are told of services."""

import datetime
import json
import os
import pty
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.differential.supervise.conftest import Make as MakeReal
from tests.support.commands import ENVIRONMENT, Outcome, ours, run
from tests.support.fakeservices import DOWN, UP, FakeService, record
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE, wait_for
from ucspi.programs import _svstat_json, _tabletext
from ucspi.service import statusrecord
from ucspi.service.statusrecord import Details, Status
from ucspi.tcp.report import jsontext
from ucspi.unix import tai

Make = Callable[..., FakeService]
READY = statusrecord.TELLS_READY | statusrecord.READY


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Make]:
    made: list[FakeService] = []

    def one(name: str | bytes, status: bytes | None = None) -> FakeService:
        made.append(FakeService(tmp_path / os.fsdecode(name), status))
        return made[-1]

    yield one
    for service in made:
        service.end()


def svstat(where: Path, *arguments: str | bytes, zone: str = "UTC") -> Outcome:
    command: list[str | bytes] = [*ours("svstat"), *arguments]
    return run(command, where, TZ=zone)


def as_json(where: Path, *names: str | bytes) -> Any:
    code, output, said = svstat(where, "--json", *names)
    assert (code, said) == (0, b"")
    assert output.isascii()
    return json.loads(output)


def ready(pid: int = 7, flags: int = READY, **details: Any) -> bytes:
    since = tai.pack(time.time_ns() - 3 * 10**9)
    return record(pid, age=5, details=Details(phase=statusrecord.RUN, flags=flags, ready=since, **details))


class TestJson:
    def test_classic_service(self, tmp_path: Path, fake: Make) -> None:
        service = fake("x", record(7, age=100))
        [shown] = as_json(tmp_path, "x")
        since = datetime.datetime.fromisoformat(shown.pop("since"))
        assert abs(time.time() - 100 - since.timestamp()) < PATIENCE
        assert 100 <= shown.pop("seconds") < 100 + PATIENCE
        assert shown == {
            "directory": "x",
            "problem": None,
            "normally_up": True,
            "state": "up",
            "pid": 7,
            "wanted": "up",
            "paused": False,
            "ready": None,
            "ready_since": None,
            "failed": False,
            "awaits_client": False,
            "last_end": None,
        }
        assert service.state.exists()

    def test_service_that_tells_and_has_ended_before(self, tmp_path: Path, fake: Make) -> None:
        fake("x", ready(code=3))
        fake("y", ready(flags=statusrecord.TELLS_READY, code=statusrecord.BY_SIGNAL, signal=9))
        (tmp_path / "y" / "down").touch()
        x, y = as_json(tmp_path, "x", "y")
        assert (x["ready"], x["last_end"], x["ready_since"] > x["since"]) == (True, {"exit": 3}, True)
        assert (y["ready"], y["last_end"], y["ready_since"]) == (False, {"signal": 9}, None)
        assert (x["normally_up"], y["normally_up"]) == (True, False)

    def test_states_that_are_not_up(self, tmp_path: Path, fake: Make) -> None:
        fake("down", record(0, DOWN))
        finishing = Details(phase=statusrecord.FINISH, flags=statusrecord.FINISHING)
        fake("finishing", record(8, details=finishing))
        fake("failed", record(0, DOWN, details=Details(flags=statusrecord.FAILED, code=125)))
        shown = as_json(tmp_path, "down", "finishing", "failed")
        assert [(one["state"], one["pid"], one["wanted"], one["failed"]) for one in shown] == [
            ("down", None, "down", False),
            ("finishing", 8, "up", False),
            ("down", None, "down", True),
        ]

    def test_service_that_cannot_be_asked_has_a_problem(self, tmp_path: Path, fake: Make) -> None:
        fake("short", b"x" * 17)
        fake("dead", record(7)).end()
        assert as_json(tmp_path, "absent", "short", "dead") == [
            {"directory": "absent", "problem": "unable to chdir: file does not exist", "normally_up": None},
            {
                "directory": "short",
                "problem": "unable to read supervise/status: bad format",
                "normally_up": True,
            },
            {"directory": "dead", "problem": "supervise not running", "normally_up": True},
        ]

    def test_no_directory_is_an_empty_array(self, tmp_path: Path) -> None:
        assert as_json(tmp_path) == []

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            (b"a\xffb", "a\\xffb"),
            ("\N{SNOWMAN}\n".encode(), "\N{SNOWMAN}\n"),
            (b'"\\', '"\\\\'),
            (b"\x1b[2J", "\x1b[2J"),
        ],
    )
    def test_name_can_be_restored(self, tmp_path: Path, fake: Make, name: bytes, shown: str) -> None:
        fake(name, record(7))
        [one] = as_json(tmp_path, name)
        assert (one["directory"], one["state"]) == (shown, "up")

    def test_supervisors_of_both_kinds(self, make: MakeReal, supervise: list[str]) -> None:
        service = make("x").start(supervise)
        pid = service.wait_up()
        [shown] = as_json(service.directory.parent, "x")
        assert (shown["state"], shown["pid"], shown["wanted"]) == ("up", pid, "up")

    @settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(record=st.binary(min_size=18, max_size=64))
    def test_any_record_is_json(self, record: bytes) -> None:
        status = statusrecord.unpack(record)
        assert status
        shown = json.loads(jsontext.encode(_svstat_json._of_status(status, int(time.time()))))
        assert shown["state"] in ("up", "down", "finishing")


class TestCheck:
    def test_all_must_be_up(self, tmp_path: Path, fake: Make) -> None:
        fake("x", record(7))
        fake("y", record(0, DOWN, age=5))
        assert svstat(tmp_path, "--check", "x") == (0, b"", b"")
        code, output, said = svstat(tmp_path, "--check", "x", "y")
        assert (code, said) == (1, b"")
        assert re.fullmatch(rb"y: down \d+ seconds, normally up\n", output)

    def test_all_must_be_ready(self, tmp_path: Path, fake: Make) -> None:
        fake("cannot-tell", record(7))
        fake("ready", ready())
        fake("not-ready", ready(flags=statusrecord.TELLS_READY))
        assert svstat(tmp_path, "--check", "--ready", "cannot-tell", "ready") == (0, b"", b"")
        assert svstat(tmp_path, "--check", "not-ready")[0] == 0
        code, output, _ = svstat(tmp_path, "--check", "--ready", "ready", "not-ready")
        assert code == 1
        assert re.fullmatch(rb"not-ready: up \(pid 7\) \d+ seconds, not ready\n", output)

    def test_what_cannot_be_found_out_is_not_well(self, tmp_path: Path, fake: Make) -> None:
        fake("dead", record(7)).end()
        assert svstat(tmp_path, "--check", "dead") == (1, b"dead: supervise not running\n", b"")
        assert svstat(tmp_path, "--check", "absent")[0] == 111

    @pytest.mark.parametrize("arguments", [[], ["--ready"]])
    def test_no_service_is_not_well(self, tmp_path: Path, arguments: list[str]) -> None:
        code, output, said = svstat(tmp_path, "--check", *arguments)
        assert (code, output, said.startswith(b"svstat: usage: ")) == (100, b"", True)


def died(seconds_ago: float, code: int, signal: int = 0) -> bytes:
    """Return an end as s6 writes it."""
    second = int(time.time() - seconds_ago) + tai.EPOCH + 27
    return second.to_bytes(8) + bytes(4) + bytes((code, signal))


class TestTable:
    def rows(self, where: Path, zone: str = "UTC") -> list[list[str]]:
        code, output, said = svstat(where.parent, "--table", where.name, zone=zone)
        assert (code, said) == (0, b"")
        return [re.split(r" {2,}", line) for line in output.decode().splitlines()]

    def test_services_and_their_loggers(self, tmp_path: Path, fake: Make) -> None:
        web = fake("all/web", record(7))
        log = fake("all/web/log", ready(8))
        (web.state / "death_tally").write_bytes(died(4000, 1) + died(3000, 111) + died(5, 137, 9))
        fake("all/mail", record(0, DOWN, details=Details(flags=statusrecord.FAILED, code=125)))
        fake("all/old", record(7)).end()
        (tmp_path / "all" / ".hidden").mkdir()
        (tmp_path / "all" / "file").touch()
        before = time.strftime("%Y-%m-%d", time.gmtime())
        head, mail, old, first, second = self.rows(tmp_path / "all")
        assert head == ["SERVICE", "STATE", "PID", "SINCE", "RESTARTS/H", "LAST END"]
        assert (mail[:3], mail[4:]) == (["mail", "down, failed, normally up", "-"], ["-", "exit 125"])
        assert old == ["old", "supervise not running", "-", "-", "-", "-"]
        assert (first[:3], first[4:]) == (["web", "up", "7"], ["2", "SIGKILL"])
        assert (second[:3], second[4:]) == (["web/log", "up, ready", "8"], ["-", "-"])
        assert before <= first[3][:10] <= time.strftime("%Y-%m-%d", time.gmtime())
        assert log.state.exists()

    def test_time_is_local(self, tmp_path: Path, fake: Make) -> None:
        stamp = (tai.EPOCH + 10**9).to_bytes(8) + bytes(4)
        fake("all/x", Status(stamp, 7, 0, UP).pack())
        assert self.rows(tmp_path / "all", zone="XXX-2")[1][3] == "2001-09-09 03:46:40"

    def test_full_tally_may_have_forgotten_some(self, tmp_path: Path, fake: Make) -> None:
        (fake("all/x", record(7)).state / "death_tally").write_bytes(died(9, 1) * 100)
        (fake("all/y", record(7)).state / "death_tally").write_bytes(died(9, 1) * 99 + b"part")
        assert [row[4] for row in self.rows(tmp_path / "all")[1:]] == ["100+", "99"]

    def test_tally_of_another_kind_is_not_read(self, tmp_path: Path, fake: Make) -> None:
        os.mkfifo(fake("all/x", record(7)).state / "death_tally")
        (fake("all/y", record(7)).state / "death_tally").symlink_to("/etc/passwd")
        (fake("all/z", record(7)).state / "death_tally").mkdir()
        assert [row[4:] for row in self.rows(tmp_path / "all")[1:]] == [["-", "-"]] * 3

    def test_name_does_nothing_to_a_terminal(self, tmp_path: Path, fake: Make) -> None:
        names = [b"\x1b[2J", b"a\nb", b"\xff", "\u202e".encode(), b"a\\b"]
        for name in names:
            fake(b"all/" + name, record(7))
        shown = {row[0] for row in self.rows(tmp_path / "all")[1:]}
        assert shown == {r"\x1b[2J", r"a\x0ab", r"\xff", r"\xe2\x80\xae", r"a\\b"}

    def test_columns_are_those_of_the_terminal(self, tmp_path: Path, fake: Make) -> None:
        for name in ("abcd", "\u65e5\u672c", "e\u0301abc", "\u00fcabc"):
            fake("all/" + name, record(7))
        _, output, _ = svstat(tmp_path, "--table", "all")
        places = {_tabletext.width(line.partition(b" up ")[0]) for line in output.splitlines()[1:]}
        assert places == {len("SERVICE") + 1}

    def test_colours_are_for_a_terminal_only(self, tmp_path: Path, fake: Make) -> None:
        fake("all/x", record(7))
        assert b"\x1b" not in svstat(tmp_path, "--table", "all")[1]
        assert b"\x1b[32mup\x1b[m" in self.on_terminal(tmp_path, TERM="xterm")
        assert b"\x1b" not in self.on_terminal(tmp_path, TERM="xterm", NO_COLOR="1")
        assert b"\x1b" not in self.on_terminal(tmp_path, TERM="dumb")
        assert b"\x1b[32m" in self.on_terminal(tmp_path, TERM="xterm", NO_COLOR="")

    def on_terminal(self, where: Path, **environment: str) -> bytes:
        ours_end, theirs = pty.openpty()
        try:
            subprocess.run(
                [*ours("svstat"), "--table", "all"],
                cwd=where,
                env=ENVIRONMENT | environment,
                stdout=theirs,
                check=True,
                timeout=PATIENCE,
            )
            return os.read(ours_end, 4096)
        finally:
            os.close(ours_end)
            os.close(theirs)

    def test_directory_that_cannot_be_read_is_one_line(self, tmp_path: Path) -> None:
        said = b"svstat: fatal: unable to read directory absent: file does not exist\n"
        assert svstat(tmp_path, "--table", "absent") == (111, b"", said)

    @pytest.mark.parametrize("arguments", [[], ["a", "b"]])
    def test_one_directory_is_needed(self, tmp_path: Path, arguments: list[str]) -> None:
        assert svstat(tmp_path, "--table", *arguments)[0] == 100

    def test_empty_directory_is_a_head(self, tmp_path: Path) -> None:
        (tmp_path / "all").mkdir()
        assert len(self.rows(tmp_path / "all")) == 1

    @settings(max_examples=200)
    @given(st.binary(max_size=20))
    def test_any_name_is_printable(self, name: bytes) -> None:
        shown = _tabletext.escape(name)
        assert shown.decode().isprintable()
        assert _tabletext.width(shown) >= 0


def test_what_s6_writes_is_read(tmp_path: Path, oracle: Oracle) -> None:
    """The first run ends with 3, the second by a signal."""
    from ucspi.service import pastends

    service = tmp_path / "x"
    service.mkdir()
    (service / "run").write_text("#!/bin/sh\ntest -e again && kill -9 $$\ntouch again\nexit 3\n")
    (service / "run").chmod(0o755)
    before = int(time.time())
    supervise = subprocess.Popen([oracle("s6-supervise"), str(service)], env=ENVIRONMENT)
    try:
        wait_for(lambda: len(pastends.read(os.fsencode(service)) or ()) >= 2, "two ends")
    finally:
        supervise.terminate()
        supervise.wait(PATIENCE)
    ends = pastends.read(os.fsencode(service))
    assert ends
    assert [(end.code, end.signal) for end in ends[:2]] == [(3, 0), (137, 9)]
    assert all(before <= end.second <= time.time() for end in ends)


@pytest.mark.parametrize("word", ["--json", "--check", "--table", "--ready"])
def test_only_the_first_argument_is_an_option(tmp_path: Path, fake: Make, oracle: Oracle, word: str) -> None:
    """Behind it, and with ./ in front, it is a directory, as for the original."""
    fake(word, record(0, DOWN))
    fake("x", record(0, DOWN))
    for arguments in (["x", word], [f"./{word}"], ["--", word]):
        before = run([oracle("svstat"), *arguments], tmp_path)
        ours = svstat(tmp_path, *arguments)
        assert ours in (before, run([oracle("svstat"), *arguments], tmp_path))  # a second may begin meanwhile
    if word != "--ready":
        assert svstat(tmp_path, word, word) != run([oracle("svstat"), word, word], tmp_path)
