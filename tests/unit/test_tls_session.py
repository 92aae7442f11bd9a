"""The TLS of one connection in memory, against Python's own client."""

import ssl
from pathlib import Path

import pytest

from tests.support.tlsworld import certificate, trusting
from ucspi.tls.choices import TlsChoices
from ucspi.tls.context import new_context
from ucspi.tls.session import Session, TlsError

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


class Client:
    """A client on buffers in memory, and the session that it talks to."""

    def __init__(self, folder: Path, version: ssl.TLSVersion) -> None:
        pem = certificate(folder, "own.pem", "localhost")
        context = new_context(TlsChoices())
        context.load_cert_chain(pem)
        self.session = Session(context)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        trust = trusting(pem)
        trust.maximum_version = version
        self.tls = trust.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    def shake(self) -> None:
        done = False
        while not done:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            self.session.feed(self.outgoing.read())
            done = self.session.shake()
            self.receive()
        self.tls.do_handshake()

    def receive(self) -> None:
        while block := self.session.take():
            self.incoming.write(block)

    def send(self, text: bytes) -> bytes:
        if text:
            self.tls.write(text)
        return self.outgoing.read()

    def end(self) -> bytes:
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass
        return self.outgoing.read()


@pytest.fixture(params=VERSIONS, ids=lambda version: version.name)
def client(tmp_path: Path, request: pytest.FixtureRequest) -> Client:
    made = Client(tmp_path, request.param)
    made.shake()
    return made


def test_bytes_both_ways(client: Client) -> None:
    client.session.feed(client.send(b"question"))
    assert (client.session.read(), client.session.read()) == (b"question", b"")
    client.session.write(b"answer" * 20_000)
    client.receive()
    got = b""
    while len(got) < 120_000:
        got += client.tls.read(65536)
    assert got == b"answer" * 20_000
    proven = client.session.proven()
    assert proven.version == (client.tls.version() or "").encode()
    assert (proven.hash, proven.names) == (b"", ())


def test_record_is_read_however_it_is_cut(client: Client) -> None:
    got = b""
    for byte in client.send(b"question"):
        assert got == b""
        client.session.feed(bytes([byte]))
        got += client.session.read()
    assert got == b"question"


def test_after_the_clients_end_writing_goes_on(client: Client) -> None:
    client.session.feed(client.send(b"last") + client.end())
    assert client.session.read() == b"last"
    assert not client.session.has_ended
    assert client.session.read() == b""
    assert client.session.has_ended
    assert client.session.read() == b""
    client.session.write(b"answer")
    client.session.close()
    client.receive()
    assert client.tls.read(100) == b"answer"
    with pytest.raises(ssl.SSLZeroReturnError):
        client.tls.read(100)


def test_after_our_end_reading_goes_on(client: Client) -> None:
    flying = client.send(b"in flight")
    client.session.close()
    client.session.close()
    client.session.feed(flying)
    assert client.session.read() == b"in flight"
    client.session.feed(client.send(b" and more"))
    assert client.session.read() == b" and more"
    with pytest.raises(TlsError):
        client.session.write(b"x")


def test_damage_is_an_error(client: Client) -> None:
    record = bytearray(client.send(b"question"))
    record[-1] ^= 1
    client.session.feed(bytes(record))
    with pytest.raises(TlsError) as caught:
        client.session.read()
    assert b"bad record mac" in caught.value.args[0]
    assert client.session.waiting()  # an alert


def test_garbage_in_place_of_a_hello(tmp_path: Path) -> None:
    client = Client(tmp_path, ssl.TLSVersion.TLSv1_3)
    client.session.feed(b"GET / HTTP/1.0\r\n\r\n")
    with pytest.raises(TlsError) as caught:
        client.session.shake()
    assert caught.value.args[0] == b"http request"
