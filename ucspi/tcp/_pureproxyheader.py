"""The PROXY header in Python, where there is no compiled module: ``cdbext/proxy/`` gives the same answers."""

import _socket

from ucspi.tcp import _proxyanswer as answer
from ucspi.tcp._crc32c import checksum
from ucspi.tcp._proxyanswer import PARTIAL, TEXTS, WHOLE, state_only

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.tcp._proxyanswer import Answer

_TEXT = b"PROXY "
_BINARY = b"\r\n\r\n\0\r\nQUIT\n"

# Version 1: sizes in bytes.
_SHORTEST, _SHORTEST_TCP, _LONGEST = 15, 20, 107
_NAME, _FIELDS, _UNKNOWN = 6, 11, 13  # where the protocol begins, the fields of TCP begin, UNKNOWN ends
_ADDRESS_MOST = 45
_PORT_MAX = 65535

# Version 2.
_HEAD = 16
_LOCAL, _PROXY = 0, 1
_INET, _INET6 = 1, 2
_ADDRESSES = (0, 12, 36, 216)  # bytes for each family
_TRANSPORTS = 3
_ENTRY_HEAD, _TLS_HEAD = 3, 5
_CERTIFICATE = 0x06
_CRC32C, _UNIQUE_ID, _TLS = 0x03, 0x05, 0x20
_ID_MOST = 128
_ENTRIES = {0x01: "alpn", 0x02: "authority", _UNIQUE_ID: "unique_id", 0x30: "netns"}
_TLS_ENTRIES = dict(enumerate(TEXTS[4:], 0x21))


class _RefusedError(Exception):
    """A header cannot be taken: a state and its number."""

    def __init__(self, state: int, number: int = 0) -> None:
        """Take both."""
        super().__init__(state, number)
        self.state, self.number = state, number


def read(data: bytes, most: int) -> "Answer":
    """Say what the bytes mean that have come; ``most`` is the length of the longest header of version 2."""
    if not data:
        return state_only(PARTIAL, _SHORTEST)
    try:
        if data[: len(_TEXT)] == _TEXT[: len(data)]:
            return _read_text(data)
        if data[: len(_BINARY)] == _BINARY[: len(data)]:
            return _read_binary(data, most)
    except _RefusedError as refusal:
        return state_only(refusal.state, refusal.number)
    return state_only(answer.NONE)


def _read_text(data: bytes) -> "Answer":
    newline = data.find(b"\n", 0, _LONGEST)
    is_line = newline > 0 and data[newline - 1] == ord("\r")
    end = len(data) if newline < 0 else newline + is_line
    if end > _NAME and not _is_protocol(data[:end]):
        raise _RefusedError(answer.PROTOCOL)
    if 0 <= newline < _LONGEST - 1 and not is_line:
        raise _RefusedError(answer.NO_CR)
    if not is_line:
        return _judge_begun(data)
    if data[_NAME] == ord("U"):
        return WHOLE, end, True, False, b"", 0, b"", 0, {}
    return WHOLE, end, False, False, *_read_fields(data[:end]), {}


def _judge_begun(data: bytes) -> "Answer":
    """Judge bytes in which the line does not end."""
    if len(data) + (1 if data.endswith(b"\r") else 2) > _LONGEST:
        raise _RefusedError(answer.ENDLESS)
    return state_only(PARTIAL, min(_missing(data), _LONGEST - len(data)))


def _is_protocol(data: bytes) -> bool:
    """Return whether the name of the protocol is one, or may become one."""
    name = data[_NAME:]
    if any(tcp.startswith(name[: len(tcp)]) for tcp in (b"TCP4 ", b"TCP6 ")):
        return True
    if not b"UNKNOWN".startswith(name[:7]):
        return False
    behind = data[_UNKNOWN:]
    return behind[:1] in (b"", b" ") or behind[:2] in (b"\r", b"\r\n")


def _missing(data: bytes) -> int:
    """Return how many bytes are missing for certain; the line does not end in those that came."""
    length = len(data)
    if length > _UNKNOWN and data.endswith(b"\r"):
        return 1
    if length <= _NAME or data[_NAME] == ord("U"):
        return _SHORTEST - length if length < _UNKNOWN else 2
    if length < _FIELDS:
        return _SHORTEST_TCP - length
    blanks = data.count(b" ", _FIELDS)
    return 2 if blanks > 3 else 2 * (3 - blanks) + data.endswith(b" ") + 2


def _read_fields(line: bytes) -> "tuple[bytes, int, bytes, int]":
    fields = line[_FIELDS:-2].split(b" ")
    if len(fields) != 4 or b"" in fields:
        raise _RefusedError(answer.FIELDS)
    source = _address(fields[0], is_ip6=line[_FIELDS - 2] == ord("6"))
    if not source:
        raise _RefusedError(answer.SOURCE)
    source_port, destination_port = _port(fields[2]), _port(fields[3])
    return source, source_port, _address(fields[1], is_ip6=b":" in fields[1]), destination_port


def _address(text: bytes, *, is_ip6: bool) -> bytes:
    """Return an address in our own form, empty where there is none."""
    if len(text) > _ADDRESS_MOST:
        return b""
    family = _socket.AF_INET6 if is_ip6 else _socket.AF_INET
    try:
        return _shown(_socket.inet_pton(family, text.decode("ascii")))
    except (OSError, ValueError):
        return b""


def _shown(address: bytes) -> bytes:
    """Return an address of 4 or 16 bytes as text; a mapped one as that of IPv4."""
    if len(address) == 16 and address.startswith(b"\0\0\0\0\0\0\0\0\0\0\xff\xff"):
        address = address[12:]
    return _socket.inet_ntop(_socket.AF_INET6 if len(address) == 16 else _socket.AF_INET, address).encode()


def _port(text: bytes) -> int:
    if text.isdigit() and len(text) <= 5 and (text == b"0" or not text.startswith(b"0")):
        number = int(text)
        if number <= _PORT_MAX:
            return number
    raise _RefusedError(answer.PORT)


def _read_binary(data: bytes, most: int) -> "Answer":
    _judge_head(data)
    if len(data) < _HEAD:
        return state_only(PARTIAL, _HEAD - len(data))
    is_local = data[12] & 15 == _LOCAL
    family = 0 if is_local else data[13] >> 4
    length = _HEAD + int.from_bytes(data[14:16], "big")
    if length > most:
        raise _RefusedError(answer.LONG, length)
    if length < _HEAD + _ADDRESSES[family]:
        raise _RefusedError(answer.SHORT, length)
    if len(data) < length:
        return state_only(PARTIAL, length - len(data))
    is_peer = family not in (_INET, _INET6) or data[13] & 15 == 0
    ends = (b"", 0, b"", 0) if is_peer else _ends(data, family)
    is_verified, texts = False, dict[str, bytes]()
    if not is_local:
        is_verified = _read_entries(data[:length], _HEAD + _ADDRESSES[family], texts)
    return WHOLE, length, is_peer, is_verified, *ends, texts


def _judge_head(data: bytes) -> None:
    """Judge the head as far as it has come."""
    if len(data) <= 12:
        return
    version, command = data[12] >> 4, data[12] & 15
    if version != 2:
        raise _RefusedError(answer.VERSION, version)
    if command > _PROXY:
        raise _RefusedError(answer.COMMAND, command)
    if command == _LOCAL or len(data) <= 13:
        return
    if data[13] >> 4 >= len(_ADDRESSES) or data[13] & 15 >= _TRANSPORTS:
        raise _RefusedError(answer.FAMILY, data[13])


def _ends(data: bytes, family: int) -> "tuple[bytes, int, bytes, int]":
    width = 4 if family == _INET else 16
    at = [_HEAD, _HEAD + width, _HEAD + 2 * width, _HEAD + 2 * width + 2, _HEAD + 2 * width + 4]
    source, destination, source_port, destination_port = map(lambda a, b: data[a:b], at, at[1:])
    return (
        _shown(source),
        int.from_bytes(source_port, "big"),
        _shown(destination),
        int.from_bytes(destination_port, "big"),
    )


def _read_entries(data: bytes, at: int, texts: dict[str, bytes]) -> bool:
    """Fill the texts; return whether a certificate was verified."""
    is_verified = has_checksum = False
    while at < len(data):
        kind, at, end = _enter(data, at, data[at], len(data))
        if kind == _CRC32C:
            if has_checksum or end - at != 4 or checksum(data, at) != int.from_bytes(data[at:end], "big"):
                raise _RefusedError(answer.CHECKSUM)
            has_checksum = True
        elif kind == _TLS:
            is_verified = _read_tls(data, at, end, texts)
        elif kind in _ENTRIES:
            if kind == _UNIQUE_ID and end - at > _ID_MOST:
                raise _RefusedError(answer.ID, end - at)
            texts[_ENTRIES[kind]] = data[at:end]
        at = end
    return is_verified


def _read_tls(data: bytes, at: int, stop: int, texts: dict[str, bytes]) -> bool:
    """Fill the texts of a TLS entry; of several entries the last one counts as a whole."""
    if stop - at < _TLS_HEAD:
        raise _RefusedError(answer.CUT, _TLS)
    for text in _TLS_ENTRIES.values():
        texts.pop(text, None)
    is_verified = bool(data[at] & _CERTIFICATE) and not any(data[at + 1 : at + _TLS_HEAD])
    at += _TLS_HEAD
    while at < stop:
        kind, at, end = _enter(data, at, _TLS, stop)
        if kind in _TLS_ENTRIES:
            texts[_TLS_ENTRIES[kind]] = data[at:end]
        at = end
    return is_verified


def _enter(data: bytes, at: int, outer: int, stop: int) -> "tuple[int, int, int]":
    """Return the type of an entry, and where its value begins and ends; ``outer`` is named if it is cut."""
    begin = at + _ENTRY_HEAD
    if begin <= stop:
        end = begin + int.from_bytes(data[at + 1 : begin], "big")
        if end <= stop:
            return data[at], begin, end
    raise _RefusedError(answer.CUT, outer)
