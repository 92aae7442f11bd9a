"""The log as JSON."""

import errno
import json
import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.json_strings import undone
from tests.support.reported import ManualClocks, connected
from ucspi.rules import expand
from ucspi.tcp.connection import Connection
from ucspi.tcp.report import classic, jsonlog
from ucspi.tcp.report.several import SeveralReports
from ucspi.unix.signalnames import signal_name

if TYPE_CHECKING:
    from ucspi.tcp.report.protocol import Report

SERVER = os.getpid()


class CaughtLog:
    """Reports, and the lines that they have written."""

    def __init__(self, log: bytes, verbosity: int) -> None:
        self.clocks = ManualClocks()
        reports: list[Report] = [jsonlog.JsonReport(verbosity, 40, SERVER, [], self.clocks.pair)]
        if log == b"both":
            reports.insert(0, classic.ClassicReport(verbosity, 40, SERVER))
        self.reports = SeveralReports(reports, self.clocks.pair)
        self.writes: list[bytes] = []

    def objects(self) -> list[dict[str, Any]]:
        lines = b"".join(self.writes).splitlines(keepends=True)
        assert all(line.endswith(b"\n") and line.isascii() for line in lines)
        return [json.loads(line) for line in lines]


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    caught: list[bytes] = []
    monkeypatch.setattr(jsonlog, "emit", caught.append)
    monkeypatch.setattr(classic, "emit", caught.append)
    return caught


def catching(writes: list[bytes], log: bytes = b"json", verbosity: int = 2) -> CaughtLog:
    caught = CaughtLog(log, verbosity)
    caught.writes = writes
    return caught


def test_client_that_is_served_is_three_lines(writes: list[bytes]) -> None:
    caught = catching(writes)
    with connected(host=b"a.b", info=b"root") as client:
        caught.reports.admitted(client, 1)
        assert client.notes is not None
        caught.clocks.pass_by(0.25)
        client.notes.note_name()
        caught.clocks.pass_by(0.5)
        client.notes.note_info()
        client.notes.note_rule(b"192.168.", 7)
        line = caught.reports.starting(client)
        assert line.count(b"\0") == 1
        writes.append(line.replace(b"\0", b"2230"))
        caught.clocks.pass_by(60)
        caught.reports.ended([(2230, 256, 0, client)])
    who = {"connection": 1, "remote_ip": "192.168.1.33", "remote_port": 2600}
    assert caught.objects() == [
        {"time": "2026-06-30T13:30:00.000000Z", "event": "accept", **who, "children": 1, "limit": 40},
        {
            "time": "2026-06-30T13:30:00.750000Z",
            "event": "ok",
            **who,
            "remote_host": "a.b",
            "remote_info": "root",
            "local_ip": "192.168.1.44",
            "local_port": 23,
            "local_host": "0",
            "names_ms": 250.0,
            "ident_ms": 750.0,
            "rule": "192.168.",
            "line": 7,
            "pid": 2230,
        },
        {
            "time": "2026-06-30T13:31:00.750000Z",
            "event": "end",
            **who,
            "pid": 2230,
            "exit": 1,
            "seconds": 60.75,
            "children": 0,
            "limit": 40,
        },
    ]


def test_denied_client_is_one_write_and_names_the_limit(writes: list[bytes]) -> None:
    caught = catching(writes)
    with connected() as client:
        caught.reports.admitted(client, 1)
        caught.reports.denied(client, 0, b"per-ip 3/2")
    assert len(writes) == 1
    accept, deny = caught.objects()
    assert accept["event"] == "accept"
    assert (deny["event"], deny["reason"], deny["children"]) == ("deny", "per-ip 3/2", 0)
    assert "rule" not in deny  # nothing was judged


@pytest.mark.parametrize(
    ("rule", "shown"), [(None, None), (b"", ""), (expand(b"10.0.0.0/8")[0], "10.0.0.0/8")]
)
def test_rule_that_denied_is_shown_as_one_would_write_it(
    writes: list[bytes], rule: bytes | None, shown: str | None
) -> None:
    caught = catching(writes)
    with connected() as client:
        caught.reports.admitted(client, 1)
        assert client.notes is not None
        client.notes.note_rule(rule, None)
        caught.reports.denied(client, 0)
    assert caught.objects()[1]["rule"] == shown
    assert "reason" not in caught.objects()[1]


def test_clock_that_is_set_back_makes_no_time_negative(writes: list[bytes]) -> None:
    caught = catching(writes)
    with connected() as client:
        caught.reports.admitted(client, 1)
        caught.clocks.steady += 2_000_000_000
        caught.clocks.wall -= 3600_000_000_000
        caught.reports.dropped(client, 0, b"why not")
    drop = caught.objects()[1]
    assert (drop["event"], drop["reason"], drop["seconds"]) == ("drop", "why not", 2.0)
    assert drop["time"] == "2026-06-30T12:30:00.000000Z"


def test_what_is_no_clients_is_logged_too(writes: list[bytes]) -> None:
    caught = catching(writes)
    caught.reports.listening(0)
    caught.reports.full([(b"::1", 3), (b"10.0.0.1", 2)])
    caught.reports.draining(4)
    caught.reports.warn(b"\xff\n")
    start, full, draining, warning = [
        {key: value for key, value in line.items() if key != "time"} for line in caught.objects()
    ]
    assert start == {"event": "start", "pid": SERVER, "listeners": [], "children": 0, "limit": 40}
    assert full["holders"] == [
        {"remote_ip": "::1", "children": 3},
        {"remote_ip": "10.0.0.1", "children": 2},
    ]
    assert draining == {"event": "draining", "children": 4, "limit": 40}
    assert warning == {"event": "warning", "reason": "\\xff\n"}


@pytest.mark.parametrize(("verbosity", "events"), [(0, []), (1, ["drop", "warning"])])
def test_verbosity_means_what_it_does_for_the_classic_lines(
    writes: list[bytes], verbosity: int, events: list[str]
) -> None:
    caught = catching(writes, verbosity=verbosity)
    caught.reports.listening(0)
    events_of_a_client: list[Callable[[Connection], None]] = [
        lambda client: caught.reports.denied(client, 0),
        lambda client: caught.reports.failed(client, OSError(errno.EAGAIN, ""), 0),
        lambda client: caught.reports.ended([(1, 0, 0, client)]),
    ]
    for report in events_of_a_client:
        with connected() as client:
            caught.reports.admitted(client, 1)
            assert caught.reports.starting(client) == b""
            report(client)
    caught.reports.full([])
    caught.reports.draining(0)
    caught.reports.warn(b"")
    assert [line["event"] for line in caught.objects()] == events


def test_both_says_the_classic_lines_first(writes: list[bytes]) -> None:
    caught = catching(writes, b"both")
    with connected() as client:
        caught.reports.admitted(client, 1)
        lines = caught.reports.starting(client).split(b"\n")
        caught.reports.ended([(5, 9, 0, client)])
    assert [line[:14] for line in lines] == [b"tcpserver: pid", b"tcpserver: ok ", b'{"time":"2026-', b""]
    assert writes[0] == b"tcpserver: status: 1/40\n"
    assert json.loads(writes[1])["event"] == "accept"
    assert writes[2] == b"tcpserver: end 5 status 9\ntcpserver: status: 0/40\n"
    assert json.loads(writes[3])["signal"] == "SIGKILL"


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (0, {b"exit": 0}),
        (111 << 8, {b"exit": 111}),
        (15, {b"signal": b"SIGTERM"}),
        (11 | 0x80, {b"signal": b"SIGSEGV", b"core": True}),
        (6, {b"signal": b"SIGABRT"}),
        (int(signal.SIGRTMIN), {b"signal": b"SIGRTMIN"}),
        (int(signal.SIGRTMIN) + 2, {b"signal": b"SIGRTMIN+2"}),
        (32, {b"signal": b"SIG32"}),
    ],
)
def test_wait_status_is_decoded(status: int, shown: dict[bytes, object]) -> None:
    assert jsonlog.decode(status) == shown


def test_every_signal_has_the_name_that_people_know() -> None:
    for known in set(signal.Signals) - {signal.SIGRTMAX}:
        assert signal_name(known).decode() == known.name


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ip=st.binary(max_size=50), host=st.none() | st.binary(), info=st.none() | st.binary(max_size=257),
    rule=st.none() | st.binary(),
)  # fmt: skip
def test_nothing_a_client_says_can_break_a_line(
    writes: list[bytes], ip: bytes, host: bytes | None, info: bytes | None, rule: bytes | None
) -> None:
    writes.clear()
    caught = catching(writes)
    with connected(ip, host, info) as client:
        caught.reports.admitted(client, 1)
        assert client.notes is not None
        client.notes.note_rule(rule, None)
        line = caught.reports.starting(client)
        caught.reports.denied(client, 0)
    assert line.count(b"\0") == 1
    writes.append(line.replace(b"\0", b"1"))
    accept, deny, ok = caught.objects()
    assert undone(accept["remote_ip"]) == ip
    for shown in (deny, ok):
        assert (host is None) == ("remote_host" not in shown)
        assert undone(shown.get("remote_host", "")) == (host or b"")
        assert undone(shown.get("remote_info", "")) == (info or b"")


def test_longest_names_and_answers_that_a_client_can_give_still_fit_one_write_to_a_pipe(
    writes: list[bytes],
) -> None:
    caught = catching(writes)
    with connected(b"1" * 45, b"\\377" * 255, b"\xff" * 257) as client:
        caught.reports.admitted(client, 1)
        assert len(caught.reports.starting(client)) < 4096 - 20
