"""One connection's bytes, both ways, in pieces of any size, with ends in any order."""

import os
import random
import select
import socket
import ssl
from pathlib import Path

import pytest

from tests.support.patience import wait_for
from tests.support.tlsworld import certificate, trusting
from ucspi.tcp.background import Background
from ucspi.tls.choices import TlsChoices
from ucspi.tls.context import new_context
from ucspi.tls.mover import Mover
from ucspi.tls.proven import Proven


class World:
    """A client, a mover and a handler, all of them here, each of which does a step at a time."""

    def __init__(self, folder: Path, seed: int, *, is_pair: bool) -> None:
        self.random = random.Random(seed)
        pem = certificate(folder, "own.pem", "localhost")
        context = new_context(TlsChoices())
        context.load_cert_chain(pem)
        trust = trusting(pem)
        trust.maximum_version = self.random.choice([ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self.client = trust.wrap_socket(
            ours, server_hostname="localhost", do_handshake_on_connect=False, suppress_ragged_eofs=False
        )
        self.background = Background()
        self.proven: Proven | None = None
        self.is_over = False
        self.mover = Mover(self.background, context, theirs.detach(), self._prove, lambda _: None, self._end)
        wait_for(self._is_shaken, "the handshake", pause=0)
        if is_pair:
            one, other = socket.socketpair()
            self.input = self.output = one.detach()
            ends = [other.detach()]
        else:
            self.input, to_handler = os.pipe()
            from_handler, self.output = os.pipe()
            ends = [to_handler, from_handler]
        for end in {self.input, self.output}:
            os.set_blocking(end, False)
        self.mover.attach(ends, b"")
        self.to_send = {"client": self._text(), "handler": self._text()}
        self.sent = dict(self.to_send)
        self.got = {"client": b"", "handler": b""}
        self.has_ended: set[str] = set()  # those that have found the end of what they read
        self.has_said: set[str] = set()  # those that have ended what they write

    def _text(self) -> bytes:
        return self.random.randbytes(self.random.choice([0, 1, 5000, 300_000]))

    def _prove(self, proven: Proven | None, reason: bytes) -> None:
        assert proven is not None, reason
        self.proven = proven

    def _end(self) -> None:
        self.is_over = True

    def _is_shaken(self) -> bool:
        try:
            self.client.do_handshake()
        except ssl.SSLWantReadError:
            self.background.turn()
            return False
        self.background.turn()
        return self.proven is not None

    def step(self) -> bool:
        """Let one of them do something; return whether all is over."""
        self.random.choice([self._send, self._receive, self._write, self._read, self.background.turn])()
        self.background.turn()
        return self.is_over

    def _size(self) -> int:
        return self.random.choice([1, 100, 16384, 100_000])

    def _send(self) -> None:
        if "client" in self.has_said:
            return
        text = self.to_send["client"]
        try:
            if text:
                self.to_send["client"] = text[self.client.send(text[: self._size()]) :]
            else:
                self.has_said.add("client")
                # Python's client loses what comes after its own close_notify; so it says that last.
                has_all = len(self.got["client"]) == len(self.sent["handler"])
                if self.random.random() < 0.5 and has_all and "client" not in self.has_ended:
                    self.client.unwrap()
                    self.has_ended.add("client")
                else:
                    socket.socket.shutdown(self.client, socket.SHUT_WR)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass

    def _receive(self) -> None:
        if "client" in self.has_ended:
            return
        try:
            block = self.client.recv(self._size())
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except ssl.SSLZeroReturnError:
            block = b""
        self.got["client"] += block
        if not block:
            self.has_ended.add("client")

    def _write(self) -> None:
        if "handler" in self.has_said:
            return
        text = self.to_send["handler"]
        try:
            if text:
                self.to_send["handler"] = text[os.write(self.output, text[: self._size()]) :]
            else:
                self.has_said.add("handler")
                if self.output == self.input:
                    shut(self.output, socket.SHUT_WR)
                else:
                    os.close(self.output)
        except BlockingIOError:
            pass

    def _read(self) -> None:
        if "handler" in self.has_ended:
            return
        try:
            block = os.read(self.input, self._size())
        except BlockingIOError:
            return
        self.got["handler"] += block
        if not block:
            self.has_ended.add("handler")

    def told(self) -> str:
        """Return how far all are."""
        left = {who: len(text) for who, text in self.to_send.items()}
        got = {who: len(text) for who, text in self.got.items()}
        return f"ended {self.has_ended}, said {self.has_said}, left {left}, got {got}, over {self.is_over}"

    def close(self) -> None:
        """Close the handler's ends and the client."""
        os.close(self.input)
        if self.output != self.input and "handler" not in self.has_said:
            os.close(self.output)
        self.client.close()
        self.background.turn()
        self.mover.close()
        self.background.close()


def shut(descriptor: int, how: int) -> None:
    end = socket.socket(fileno=descriptor)
    try:
        end.shutdown(how)
    finally:
        end.detach()


@pytest.mark.parametrize("is_pair", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_all_bytes_arrive_and_each_finds_the_end(tmp_path: Path, seed: int, is_pair: bool) -> None:
    world = World(tmp_path, seed, is_pair=is_pair)
    try:
        both = {"client", "handler"}
        wait_for(lambda: world.step() or both <= world.has_ended, world.told, pause=0)
        wait_for(lambda: both <= world.has_ended or world.step() is None, world.told, pause=0)
        assert world.got["handler"] == world.sent["client"]
        assert world.got["client"] == world.sent["handler"]
    finally:
        world.close()
    assert world.is_over


def test_nothing_is_ready_where_nothing_can_be_done(tmp_path: Path) -> None:
    """Whatever waits for somebody else is not reported over and over."""
    world = World(tmp_path, 1, is_pair=False)
    try:
        os.close(world.output)  # and the input is not read
        world.has_said.add("handler")
        for _ in range(50):
            world.background.turn()
        assert not select.select([world.background], [], [], 0)[0]
    finally:
        world.close()
