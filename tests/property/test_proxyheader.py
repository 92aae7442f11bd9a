"""PROXY headers, generated and damaged: what is written is read, and C and Python agree on every prefix."""

import struct

from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.proxy_headers import (
    SIGNATURE,
    binary,
    bit_by_bit,
    captured,
    entry,
    reader,
    tls,
    with_checksum,
)
from ucspi.tcp import _proxyanswer
from ucspi.tcp._crc32c import checksum
from ucspi.tcp._proxyanswer import PARTIAL, WHOLE

READERS = [reader("pure")]
try:
    READERS.append(reader("native"))
except BaseException as skipped:  # no compiled module: then there is nothing to compare
    if type(skipped).__name__ != "Skipped":
        raise

ip4 = st.ip_addresses(v=4).map(lambda ip: ip.packed)
ip6 = st.ip_addresses(v=6).map(lambda ip: ip.packed) | ip4.map(lambda ip: bytes(10) + b"\xff\xff" + ip)
ports = st.integers(0, 65535)
values = st.binary(max_size=20)
kinds = st.sampled_from([1, 2, 4, 5, 0x20, 0x30, 0xEE]) | st.integers(0, 255).filter(lambda kind: kind != 3)
sub_entries = st.builds(entry, st.integers(0x20, 0x27), values)
tls_entries = st.builds(
    lambda client, verify, inner: tls(client, verify, *inner),
    st.integers(0, 7),
    st.sampled_from([0, 1, 18, 1 << 31]),
    st.lists(sub_entries, max_size=4),
)
entries = st.lists(st.builds(entry, kinds, values) | tls_entries, max_size=5).map(b"".join)
addresses = {
    0x11: st.tuples(ip4, ip4, ports, ports),
    0x12: st.tuples(ip4, ip4, ports, ports),
    0x21: st.tuples(ip6, ip6, ports, ports),
}


def packed(ends: tuple[bytes, bytes, int, int]) -> bytes:
    return ends[0] + ends[1] + struct.pack(">HH", *ends[2:])


families = st.sampled_from(sorted(addresses))
bodies = families.flatmap(lambda family: st.tuples(st.just(family), addresses[family].map(packed), entries))
sound = bodies.flatmap(
    lambda parts: st.sampled_from(
        [binary(parts[1] + parts[2], family=parts[0]), with_checksum(parts[1] + parts[2], family=parts[0])]
    )
)
heads = st.builds(
    lambda command, family, length, body: (
        SIGNATURE + bytes([command, family]) + struct.pack(">H", length) + body
    ),
    st.sampled_from([0x20, 0x21, 0x21, 0x22, 0x11]) | st.integers(0, 255),
    st.sampled_from([0, 0x10, 0x11, 0x12, 0x21, 0x31, 0x13, 0x41]) | st.integers(0, 255),
    st.integers(0, 300) | st.integers(0, 65535),
    st.binary(max_size=300),
)
words = st.sampled_from(
    [b"PROXY", b"TCP4", b"TCP6", b"UNKNOWN", b" ", b" ", b" ", b"\r", b"\n", b"\r\n", b"1.2.3.4", b"01.2.3.4"]
    + [
        b"::1",
        b"::ffff:1.2.3.4",
        b"2001:DB8::1",
        b"unix:/a",
        b"0",
        b"1",
        b"65535",
        b"65536",
        b"00",
        b"\0",
        b"x" * 40,
    ]
)
lines = st.lists(words, max_size=14).map(lambda parts: b"PROXY " + b"".join(parts))
fields = st.lists(words, min_size=4, max_size=4).map(
    lambda parts: b"PROXY TCP4 " + b" ".join(parts) + b"\r\n"
)
known = st.sampled_from([each.header for each in captured()])


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(known | sound))
    for _ in range(draw(st.integers(1, 3))):
        if data:
            at = draw(st.integers(0, len(data) - 1))
            data[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    return bytes(data)


anything = known | sound | heads | lines | fields | damaged() | st.binary(max_size=40)


@given(anything, st.binary(max_size=20), st.sampled_from([16, 64, 4096, 65551]))
@example(b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", b"", 64)
def test_both_parsers_agree_on_every_prefix(data: bytes, rest: bytes, most: int) -> None:
    text = data + rest
    for length in range(len(text) + 1):
        answers = [read(text[:length], most) for read in READERS]
        assert all(answer == answers[0] for answer in answers), text[:length]


@given(anything, st.binary(max_size=20), st.sampled_from([16, 64, 4096, 65551]))
def test_what_is_said_of_a_prefix_stays_true(data: bytes, rest: bytes, most: int) -> None:
    """A refusal is final, a header stays what it is, and no byte that was asked for is the client's."""
    text = data + rest
    for read in READERS:
        answers = [read(text[:length], most) for length in range(len(text) + 1)]
        ended = next((at for at, answer in enumerate(answers) if answer[0] != PARTIAL), len(answers))
        for length, answer in enumerate(answers[:ended]):
            assert answer[1] >= 1
            if ended < len(answers) and answers[ended][0] == WHOLE:
                assert length + answer[1] <= answers[ended][1]
        for answer in answers[ended:]:
            assert answer == answers[ended]
        if ended < len(answers):
            assert answers[ended][0] == WHOLE or answers[ended][0] in _proxyanswer.REASONS
            assert answers[ended][0] != WHOLE or answers[ended][1] == ended


def shown(ip: bytes) -> bytes:
    import ipaddress
    import socket

    address = ipaddress.ip_address(ip)
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped).encode() if mapped else socket.inet_ntop(socket.AF_INET6, ip).encode()
    return str(address).encode()


@given(bodies, st.booleans())
def test_what_is_written_in_version_2_is_read(parts: tuple[int, bytes, bytes], is_checked: bool) -> None:
    family, ends, rest = parts
    header = (with_checksum if is_checked else binary)(ends + rest, family=family)
    width = 16 if family == 0x21 else 4
    source, destination = ends[:width], ends[width : 2 * width]
    source_port, destination_port = struct.unpack(">HH", ends[-4:])
    for read in READERS:
        answer = read(header, 65551)
        if answer[0] != WHOLE:  # entries of which no place was made, such as a TLS entry that is none
            assert answer[0] == _proxyanswer.CUT
            continue
        assert answer[4:8] == (shown(source), source_port, shown(destination), destination_port)


@given(ip4 | ip6, ip4 | ip6, ports, ports)
def test_what_is_written_in_version_1_is_read(source: bytes, destination: bytes, from_: int, to: int) -> None:
    import ipaddress

    texts = [str(ipaddress.ip_address(ip)).encode() for ip in (source, destination)]
    family = b"TCP6" if len(source) == 16 else b"TCP4"
    line = b"PROXY %b %b %b %d %d\r\n" % (family, texts[0], texts[1], from_, to)
    for read in READERS:
        answer = read(line, 65551)
        assert answer[:2] == (WHOLE, len(line))
        assert answer[4:8] == (shown(source), from_, shown(destination), to)


@given(st.binary(min_size=4, max_size=60), st.integers(0, 56))
def test_checksum_is_that_of_the_bytes_with_zeros(data: bytes, at: int) -> None:
    at = min(at, len(data) - 4)
    assert checksum(data, at) == bit_by_bit(data[:at] + bytes(4) + data[at + 4 :])
    assert bit_by_bit(b"123456789") == 0xE3069283  # the check value of the CRC catalogue
