"""What a client's ident or name server says never breaks a line, a variable or the judge."""

import _socket
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.identd import IdentServer
from tests.support.rules_files import image_of
from ucspi.cdb import Reader
from ucspi.rules import RuleSet
from ucspi.tcp import ident, names
from ucspi.tcp.background import Background
from ucspi.tcp.connection import Connection
from ucspi.tcp.environment import variables
from ucspi.tcp.report import classiclines

RULES = RuleSet(Reader(image_of(b'joe@127.0.0.1:allow,A="1"\n=.test:allow\n127.:allow\n:deny\n')))
CONTROLS = bytes(range(32)) + b"\x7f"
NAMES = [
    b"PROTO",
    *(b"TCP" + side + fact for side in (b"LOCAL", b"REMOTE") for fact in (b"IP", b"PORT", b"HOST")),
]

# Replies that look like ident's, and replies that do not.
pieces = st.sampled_from(
    [b"1,2", b":", b" : ", b"USERID", b"ERROR", b"joe", b"\r\n", b"\n", b"\0", b"\x1b[2J", b"%"]
)
replies = st.lists(pieces | st.binary(max_size=20), max_size=12).map(b"".join) | st.binary(max_size=600)


def answer_of(reply: bytes) -> bytes | None:
    return ident.ReplyParser().feed(reply)


def told_by(host: bytes | None, info: bytes | None) -> Connection:
    connection = Connection(-1, b"127.0.0.1", 23, b"127.0.0.1", 1)
    connection.local_host, connection.remote_host, connection.remote_info = b"0", host, info
    return connection


@given(reply=replies)
@example(b"1,2:USERID:UNIX:joe\0TCPREMOTEIP=9.9.9.9\n")
@example(b":::PATH=/tmp\r\n")
def test_answer_of_ident_is_one_variable_and_one_field(reply: bytes) -> None:
    info = answer_of(reply)
    connection = told_by(None, info)
    entries = variables(connection, ()).split(b"\0")
    expected = [name for name in NAMES if name != b"TCPREMOTEHOST"]
    expected += [] if info is None else [b"TCPREMOTEINFO"]
    assert sorted(entry.partition(b"=")[0] for entry in entries[:-1]) == sorted(expected)
    assert entries[-1] == b""
    if info is not None:
        assert not set(info) & set(b" \t\r\n\0")
        assert len(info) <= ident.NAME_MAX
    line = classiclines.verdict(b"ok", b"1", connection)
    assert (line.count(b":"), line.count(b" "), line.count(b"\n")) == (6, 4, 1)
    assert not set(line[:-1]) & set(CONTROLS)
    assert RULES.judge(b"127.0.0.1", None, info).allowed


resolved = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("\udc80\udcff\udcc3=\n\0.:"), max_size=300
)


@given(name=resolved)
def test_name_of_a_resolver_is_plain_wherever_it_goes(name: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_socket, "gethostbyaddr", lambda address: (name, [], [address]))
        host = names.reverse(b"127.0.0.1")
    assert host is None or set(host) <= set(b"abcdefghijklmnopqrstuvwxyz0123456789-_.\\")
    connection = told_by(host, None)
    assert variables(connection, ()).count(b"\0") == len(NAMES) - (host is None)
    assert classiclines.verdict(b"deny", b"1", connection).count(b":") == 6
    RULES.judge(b"127.0.0.1", host, None)


@pytest.fixture(scope="module")
def identd() -> Iterator[dict[str, bytes]]:
    """Give a server on a free port; it answers what stands under ``reply``."""
    says = {"reply": b""}
    server = IdentServer("127.0.0.1", lambda connection, _: connection.sendall(says["reply"]), port=0)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ident, "PORT", server.port)
        yield says
    server.close()


@examples(60)
@given(reply=replies)
@example(b"x" * 200_000)
@example(b":" * 200_000 + b"\n")
def test_hostile_ident_server_gets_an_answer_or_none(identd: dict[str, bytes], reply: bytes) -> None:
    identd["reply"] = reply
    background, names = Background(), list[bytes | None]()
    ident.query(background, (b"127.0.0.1", 1), (b"127.0.0.1", 2), 0, 5.0, names.append, failed)
    while not names:
        background.wait()
        background.turn()
    background.close()
    assert names == [answer_of(reply)] or (len(reply) > ident.REPLY_MAX and names == [None])


def failed(error: MemoryError) -> None:
    raise error
