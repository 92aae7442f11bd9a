"""PROXY headers: what HAProxy, as a receiver, makes of them; and what it sends."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.haproxy import judging, listener, sending, verdict
from tests.support.patience import PATIENCE
from tests.support.proxy_headers import (
    AUTHORITY,
    CRC32C,
    INET,
    TLS,
    UNIQUE_ID,
    binary,
    captured,
    entry,
    with_checksum,
)
from ucspi.errors import ProxyHeaderError
from ucspi.tcp.proxyheader import LONGEST, Header, parse

pytestmark = pytest.mark.sampled(3)

INET6 = bytes.fromhex("20010db800000000000000000000000120010db800000000000000000000000200010002")
MAPPED = bytes(10) + b"\xff\xff\1\2\3\4" + bytes(10) + b"\xff\xff\5\6\7\x08" + b"\0\1\0\2"

# What both take, with the same meaning, or both refuse.
SAME = [
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 0 65535\r\n",
    b"PROXY TCP4 0.0.0.0 255.255.255.255 0 0\r\n",
    b"PROXY TCP6 ::1 2001:DB8::2 1 2\r\n",
    b"PROXY TCP6 ::FFFF:1.2.3.4 ::ffff:506:708 1 2\r\n",
    b"PROXY UNKNOWN\r\n",
    b"PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n",
    b"PROXY unknown\r\n",
    b"proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
    b"PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
    b"PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n",
    b"PROXY TCP4 1.2.3.4  5.6.7.8 1 2\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 -2\r\n",
    b"PROXY TCP4 1.2.3.4.5 5.6.7.8 1 2\r\n",
    b"PROXY TCP4 ::1 5.6.7.8 1 2\r\n",
    b"PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
    b"PROXY TCP6 ::1%lo ::1 1 2\r\n",
    b"PROXY TCP6 [::1] ::1 1 2\r\n",
    b"PROXY TCP6 ::ffff:01.2.3.4 ::1 1 2\r\n",
    b"PROXY TCP5 ::1 ::1 1 2\r\n",
    b"PROXY UNKNOWNx\r\n",
    b"PROXY UNKNOWN\n",
    b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
    b"PROXY \r\n",
    b"PROXY TCP4 \r\n",
    binary(INET),
    binary(INET6, family=0x21),
    binary(MAPPED, family=0x21),
    binary(INET[:11]),
    binary(INET6[:35], family=0x21),
    binary(INET, family=0x13),
    binary(INET, family=0x41),
    binary(INET, command=0x11),
    binary(INET, command=0x31),
    binary(INET, command=0x22),
    binary(b"", command=0x20, family=0),
    binary(INET, command=0x20),
    binary(b"abc", command=0x20),
    binary(entry(CRC32C, b"abcd"), command=0x20, family=0),
    with_checksum(INET + entry(AUTHORITY, b"a.example")),
    binary(INET + entry(CRC32C, b"abcd")),
    binary(INET + entry(CRC32C, b"abc")),
    binary(INET + entry(AUTHORITY, b"abc", 10)),
    binary(INET + b"\4"),
    binary(INET + b"\4\0"),
    binary(INET + entry(0xEE, b"abc")),
    binary(INET + entry(0xEE, bytes(4000))),
    binary(INET + entry(UNIQUE_ID, bytes(128))),
    binary(INET + entry(UNIQUE_ID, bytes(129))),
]

# What real senders send, and HAProxy closes on.
OURS_ALONE = [
    b"PROXY TCP4 1.2.3.4 ::1 1 2\r\n",
    b"PROXY TCP6 ::1 1.2.3.4 1 2\r\n",
    b"PROXY TCP4 1.2.3.4 unix:/run/sock 1 0\r\n",
    b"PROXY UNKNOWN 1.2.3.4 5.6.7.8 1 2\r\n",
    b"PROXY UNKNOWN    \r\n",
    binary(INET, family=0x12),
    binary(INET6, family=0x22),
    binary(b"", family=0),
    binary(bytes(216), family=0x31),
]

# What no sender sends, and HAProxy takes, mostly for something else.
ITS_ALONE = [
    b"PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n",
    b"PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n",
    b"PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8  1\r\n",
    b"PROXY TCP6 ::1 ::1 1 2 3\r\n",
    binary(INET + entry(TLS, b"\1")),
]


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with judging(tmp_path_factory.mktemp("judge")) as port:
        yield port


def ours(header: bytes) -> bytes | None:
    """Return what we read, as the judge shows it: without a port that is 0."""
    try:
        answer = parse(header + b"GET / HTTP/1.0\r\n\r\n", LONGEST)
    except ProxyHeaderError:
        return None
    assert isinstance(answer, Header)
    if answer.is_peer:
        return b"peer"
    ends = answer.source, answer.source_port, answer.destination, answer.destination_port
    return b"%b %b %b %b" % tuple(
        end if isinstance(end, bytes) else b"%d" % end if end else b"" for end in ends
    )


def theirs(judge: int, header: bytes) -> bytes | None:
    said = verdict(judge, header)
    if said and said.endswith(b" 127.0.0.1 %d" % judge):
        return b"peer"
    return said and said.replace(b"::ffff:", b"")


@pytest.mark.parametrize("header", SAME, ids=lambda header: ascii(header[:60]))
def test_haproxy_reads_the_same(judge: int, header: bytes) -> None:
    assert ours(header) == theirs(judge, header)


@pytest.mark.parametrize("header", OURS_ALONE, ids=lambda header: ascii(header[:60]))
def test_haproxy_closes_on_what_others_send(judge: int, header: bytes) -> None:
    assert ours(header) is not None
    assert theirs(judge, header) is None


@pytest.mark.parametrize("header", ITS_ALONE, ids=lambda header: ascii(header[:60]))
def test_haproxy_takes_what_nobody_sends(judge: int, header: bytes) -> None:
    assert ours(header) is None
    assert theirs(judge, header) is not None


def test_haproxy_reads_captured_headers_as_we_do(judge: int) -> None:
    for each in captured():
        said = theirs(judge, each.header)
        if said is not None:
            assert said == ours(each.header), each


SENDS = [
    "send-proxy",
    "send-proxy-v2",
    "send-proxy-v2 proxy-v2-options crc32c,unique-id,ssl,authority,cert-cn",
]


@pytest.mark.parametrize("options", SENDS)
@pytest.mark.parametrize(("host", "of"), [("127.0.0.1", "127.0.0.2"), ("::1", "::1"), ("::", "127.0.0.2")])
def test_haproxy_says_who_its_client_is(tmp_path: Path, options: str, host: str, of: str) -> None:
    target = "::1" if ":" in of else "127.0.0.1"
    with listener(host) as clients, sending(tmp_path, clients, options) as servers:
        to = (target, clients.getsockname()[1])
        with socket.create_connection(to, PATIENCE, (of, 0)) as client:
            client.sendall(b"the client's")
            port = client.getsockname()[1]
            header, rest = received(servers)
    ends = header.source, header.source_port, header.destination, header.destination_port
    assert ends == (of.encode(), port, target.encode(), to[1])
    assert rest == b"the client's"


@pytest.mark.parametrize("options", SENDS)
def test_haproxy_has_no_addresses_of_a_local_client(tmp_path: Path, options: str) -> None:
    with socket.socket(socket.AF_UNIX) as clients:
        clients.bind(str(tmp_path / "clients"))
        clients.listen()
        with sending(tmp_path, clients, options) as servers, socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / "clients"))
            client.sendall(b"the client's")
            header, rest = received(servers)
    assert (header.is_peer, rest) == (True, b"the client's")


def received(servers: socket.socket) -> tuple[Header, bytes]:
    """Take a connection; return its header, and what follows it."""
    connection = servers.accept()[0]
    with connection:
        connection.settimeout(PATIENCE)
        answer: Header | int = parse(text := b"")
        while isinstance(answer, int):
            block = connection.recv(answer)
            assert 0 < len(block) <= answer
            text += block
            answer = parse(text)
        assert len(text) == answer.length
        return answer, connection.recv(100)
