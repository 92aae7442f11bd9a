r"""The header of the PROXY protocol, versions 1 and 2: who the client of a balancer is.

A balancer sends it in front of the bytes of the client.  Nothing is read here.
Whoever reads a connection gives all bytes that have come:

    answer = parse(received)
    if isinstance(answer, int):
        # all of `received` is header, and so are the next `answer` bytes at least
    else:
        # received[:answer.length] is the header, the rest is the client's

So nobody has to take a byte away that belongs to the client: take what was seen
(MSG_PEEK) up to the end of the header, or only as much as is certainly header.

What real senders send decides, not the letter of the specification
(docs/differences.md): version 1 names the family of the source only, anything may
follow UNKNOWN, and version 2 may come with DGRAM over TCP.

Source: HAProxy's doc/proxy-protocol.txt; HAProxy, nginx, stunnel, hitch,
Varnish, dnsdist, swaks, kdig and curl as observed.
"""

import _socket

from ucspi.errors import ProxyHeaderError
from ucspi.tcp import names
from ucspi.tcp._proxyanswer import PARTIAL, REASONS, TEXTS, WHOLE, state_only
from ucspi.unix import native
from ucspi.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ucspi.tcp._proxyanswer import Answer, Read

    Parts = tuple[int, bool, bool, bytes, int, bytes, int, dict[str, bytes]]

MOST = 4096  # bytes of a header of version 2 that is taken unless somebody says otherwise
LONGEST = 65551  # bytes; no header is longer
GLIMPSE = 536  # bytes that are looked at first; nearly all headers are shorter
TEXT_LONGEST = 107  # bytes of a header of version 1

_BINARY = b"\r\n\r\n\0\r\nQUIT\n"  # what a header of version 2 begins with
_COMMAND = 0x0F  # in the byte behind it; 0 is LOCAL

# Those that become variables.  The first five names are those of s6's proxy-server.
_NAMES = {
    "tls_version": b"SSL_PROTOCOL",
    "tls_cipher": b"SSL_CIPHER",
    "authority": b"SSL_TLS_SNI_SERVERNAME",
    "tls_name": b"SSL_PEER_CERT_CN",
    "alpn": b"SSL_ALPN",
    "unique_id": b"PROXY_UNIQUE_ID",
}
VARIABLES = frozenset(_NAMES.values())  # what `Header.variables` may set


class Header(Value):
    """What a whole header says.

    Attributes:
        length: bytes of the header.
        is_peer: the connection's own addresses count, and those here are empty:
            UNKNOWN, LOCAL, or a family that is none of IP.
        source: the client's address, in the form in which all addresses are shown:
            one of IPv4 if it was mapped.
        source_port: its port.
        destination: the address that the client connected to, empty if that is
            no IP address; then the connection's own address and port count.
        destination_port: its port; 0 without an address.
        is_verified: the sender has verified the client's certificate.
        texts: what else it says, as it came; its keys are among those of ``_proxyanswer.TEXTS``.
    """

    __slots__ = __match_args__ = (
        "length",
        "is_peer",
        "is_verified",
        "source",
        "source_port",
        "destination",
        "destination_port",
        "texts",
    )

    def __init__(
        self,
        length: int,
        is_peer: bool,
        is_verified: bool,
        source: bytes,
        source_port: int,
        destination: bytes,
        destination_port: int,
        texts: dict[str, bytes],
    ) -> None:
        self.length, self.is_peer, self.is_verified, self.texts = length, is_peer, is_verified, texts
        self.source, self.source_port = source, source_port
        self.destination, self.destination_port = destination, destination_port

    def variables(self) -> list[tuple[bytes, bytes]]:
        r"""Return names and values for the environment of a handler, bytes outside of names as ``\ooo``.

        The name of a certificate is there only if the certificate was verified.
        """
        found = []
        for text, name in _NAMES.items():
            value = self.texts.get(text)
            if value is not None and (text != "tls_name" or self.is_verified):
                found.append((name, names.clean(value) if text == "authority" else names.escape(value)))
        return found

    __hash__ = None  # type: ignore[assignment]  # of the texts


def parse(received: "bytes | bytearray | memoryview", most: int = MOST) -> Header | int:
    """Return what a header says, or how many more bytes are certainly part of it, at least 1.

    Args:
        received: all bytes that have come, from the first; there may be more than the header.
        most: bytes of the longest header of version 2 that is taken.

    Raises:
        ProxyHeaderError: this is no header that can be taken, whatever follows.
    """
    answer = _read(bytes(received), most)
    state, number = answer[:2]
    if state == WHOLE:
        return Header(*answer[1:])
    if state == PARTIAL:
        return number
    reason = REASONS[state]
    raise ProxyHeaderError(reason % number if b"%" in reason else reason)


def is_local(header: bytes) -> bool:
    """Return whether a whole header is LOCAL of version 2: the balancer speaks for itself, perhaps."""
    return header.startswith(_BINARY) and not header[len(_BINARY)] & _COMMAND


def taker(most: int) -> "Callable[[int], Header | None] | None":
    """Return a function that takes a header off a socket where all of it has come: a short cut for most.

    It returns None, and takes nothing, where `parse` has to say more, or the
    header has more than `GLIMPSE` bytes.  Without the compiled module there is no such function.

    Args:
        most: as of `parse`.
    """
    if native.lib is None:
        return None
    new, recv, find = native.ffi.new, native.lib.recv, native.lib.usys_proxy_read
    place, header = new("unsigned char[]", GLIMPSE), new("struct usys_proxy_header *")
    answer, seen = _native_answer(), native.ffi.buffer(place)
    peek, at_once = _socket.MSG_PEEK | _socket.MSG_DONTWAIT, _socket.MSG_DONTWAIT

    def take(descriptor: int) -> "Header | None":
        length = recv(descriptor, place, GLIMPSE, peek)
        if length <= 0 or find(place, length, most, header) != WHOLE:
            return None
        found = Header(*answer(header, seen))
        return found if recv(descriptor, place, found.length, at_once) == found.length else None

    return take


def _native_reader() -> "Read":
    new, find = native.ffi.new, native.lib.usys_proxy_read
    kind, answer = native.ffi.typeof("struct usys_proxy_header *"), _native_answer()

    def read(data: bytes, most: int) -> "Answer":
        header = new(kind)
        state = find(data, len(data), most, header)
        return (state, *answer(header, data)) if state == WHOLE else state_only(state, header.number)

    return read


def _native_answer() -> "Callable[[Any, Any], Parts]":
    """Return a function that returns the parts of a `Header` that was read from some bytes."""
    string = native.ffi.string

    def answer(header: "Any", data: "Any") -> "Parts":
        texts = {}
        if header.has_texts:
            places = zip(TEXTS, header.texts, strict=True)
            texts = {text: data[place.at : place.at + place.length] for text, place in places if place.at}
        number, is_verified = header.number, header.is_verified != 0
        if header.is_peer:
            return number, True, is_verified, b"", 0, b"", 0, texts
        source, destination = string(header.source), string(header.destination)
        ports = header.source_port, header.destination_port
        return number, False, is_verified, source, ports[0], destination, ports[1], texts

    return answer


def _find_reader() -> "Read":
    if native.lib is not None:
        return _native_reader()
    from ucspi.tcp import _pureproxyheader

    return _pureproxyheader.read


_read = _find_reader()
