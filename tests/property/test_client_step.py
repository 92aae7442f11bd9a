"""Addresses and PROXY headers in C, for a step of a chain: as Python has them, or left to the program."""

import socket

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ucspi.errors import ProxyHeaderError
from ucspi.tcp.proxywriter import make_header
from ucspi.unix import native

pytestmark = pytest.mark.skipif(native.lib is None, reason="the compiled module is not built")

MAPPED = bytes(10) + b"\xff\xff"
NAMES = [
    f"{protocol}{end}"
    for protocol in ("TCP", "TCP6")
    for end in ("REMOTEIP", "REMOTEPORT", "LOCALIP", "LOCALPORT")
]
packed = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)
sparse = st.lists(
    st.sampled_from([b"\0\0", b"\0\0", b"\0\1", b"\x20\x01", b"\xff\xff"]), min_size=8, max_size=8
)
packed |= sparse.map(b"".join)
addresses = packed.map(lambda ip: socket.inet_ntop(socket.AF_INET if len(ip) == 4 else socket.AF_INET6, ip))
addresses_or_not = addresses | st.text("0123456789abcdefF:.%x ", max_size=24)
ports = st.integers(-1, 70_000).map(str) | st.text("0129 x+-", max_size=7)
PLAIN = {
    "PROTO": "TCP",
    "TCPREMOTEIP": "192.0.2.1",
    "TCPREMOTEPORT": "40000",
    "TCPLOCALIP": "10.0.0.255",
    "TCPLOCALPORT": "0",
}
PLAIN6 = {name: "2001:db8::1" if name.endswith("IP") else "65535" for name in NAMES} | {"PROTO": "TCP6"}


def read(text: bytes) -> bytes | None:
    room = native.ffi.new("unsigned char[16]")
    length = native.lib.usys_read_ip(text, room)
    return bytes(native.ffi.buffer(room, length)) if length else None


def show(ip: bytes) -> bytes:
    room = native.ffi.new("char[]", native.lib.USYS_ADDRESS_TEXT)
    length = native.lib.usys_show_ip(ip, len(ip), room)
    text = bytes(native.ffi.string(room))
    assert len(text) == length
    return text


def header(version: int, variables: dict[str, str]) -> bytes:
    texts = [native.ffi.new("char[]", f"{name}={value}".encode()) for name, value in variables.items()]
    environ = native.ffi.new("char *[]", [*texts, native.ffi.NULL])
    room = native.ffi.new("unsigned char[]", native.lib.USYS_PROXY_HEADER)
    return bytes(native.ffi.buffer(room, native.lib.usys_put_proxy_header(version, environ, room)))


def header_in_python(version: int, variables: dict[str, str]) -> bytes | None:
    try:
        return make_header(version, [f"{name}={value}".encode() for name, value in variables.items()])
    except ProxyHeaderError:
        return None


@given(ip=packed)
def test_address_is_shown_as_libc_shows_it(ip: bytes) -> None:
    if not ip.startswith(MAPPED):
        shown = socket.inet_ntop(socket.AF_INET if len(ip) == 4 else socket.AF_INET6, ip).encode()
        assert show(ip) == shown
        if b":" not in shown or b"." not in shown:
            assert read(shown) == ip


@given(text=addresses_or_not)
@example(text="1.2.3.04")
@example(text="1.2.3.256")
@example(text="1.2.3.4%lo")
@example(text="fe80::1%lo")
@example(text="1:2:3:4:5:6:7::")
@example(text="::1:2:3:4:5:6:7:8")
def test_what_is_read_is_what_libc_reads(text: str) -> None:
    """What is not read is left to the program."""
    found = read(text.encode())
    if found is not None:
        family = socket.AF_INET6 if ":" in text else socket.AF_INET
        assert socket.inet_pton(family, text.partition("%")[0]) == found
        assert ":" in text or "%" not in text


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("variables", [PLAIN, PLAIN6, {}, {"A": "b"}, {"PROTO": "UNIX"}])
def test_plain_clients_need_no_program(version: int, variables: dict[str, str]) -> None:
    assert header(version, variables) == header_in_python(version, variables) != b""


@given(
    version=st.sampled_from([1, 2]),
    protocol=st.sampled_from(["TCP", "TCP6", "UNIX", "", "tcp", "TCP66", None]),
    values=st.fixed_dictionaries(
        {}, optional={name: addresses_or_not if name.endswith("IP") else ports for name in NAMES}
    ),
)
@example(version=1, protocol="TCP", values=PLAIN | {"TCPREMOTEIP": "nonsense"})
@example(version=1, protocol="TCP", values=PLAIN | {"TCPREMOTEIP": "1.2.3.4 5.6.7.8"})
@example(version=2, protocol="TCP", values=PLAIN | {"TCPREMOTEPORT": "65536"})
@example(version=2, protocol="TCP", values=PLAIN | {"TCPREMOTEPORT": "99999999999999999999"})
@example(version=2, protocol="TCP", values=PLAIN | {"TCPLOCALIP": "2001:db8::1"})
def test_header_is_that_of_the_program_or_left_to_it(
    version: int, protocol: str | None, values: dict[str, str]
) -> None:
    variables = {**values, **({} if protocol is None else {"PROTO": protocol})}
    made = header(version, variables)
    if made:
        assert made == header_in_python(version, variables)


@given(bad=st.sampled_from(["REMOTEIP", "LOCALIP", "REMOTEPORT", "LOCALPORT"]), text=addresses_or_not | ports)
def test_what_the_program_refuses_is_left_to_it(bad: str, text: str) -> None:
    variables = PLAIN | {f"TCP{bad}": text}
    if header_in_python(1, variables) is None:
        assert header(1, variables) == header(2, variables) == b""


@pytest.mark.parametrize("name", ["TCPREMOTEPORT", "TCPLOCALIP", "TCPLOCALPORT", "TCPREMOTEIP"])
def test_client_that_is_there_in_part_is_left_to_the_program(name: str) -> None:
    variables = {each: value for each, value in PLAIN.items() if each != name}
    assert header_in_python(1, variables) is None
    assert header(1, variables) == header(2, variables) == b""
