"""PROXY headers: captured ones, whole and cut anywhere, and hostile ones."""

import random
import struct

import pytest

from tests.support.proxy_headers import (
    ALPN,
    AUTHORITY,
    CRC32C,
    INET,
    NETNS,
    NOOP,
    SIGNATURE,
    TLS_CIPHER,
    TLS_KEY,
    TLS_NAME,
    TLS_SIGNATURE,
    TLS_VERSION,
    UNIQUE_ID,
    Captured,
    binary,
    bit_by_bit,
    captured,
    entry,
    reader,
    tls,
    with_checksum,
)
from ucspi.errors import ProxyHeaderError
from ucspi.tcp import proxyheader
from ucspi.tcp.proxyheader import Header, parse

pytestmark = pytest.mark.sampled(4)

CAPTURED = captured()
SOUND = [each for each in CAPTURED if not each.is_malformed]


@pytest.fixture(params=["native", "pure"], autouse=True)
def both(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test with the parser in C and with that in Python."""
    monkeypatch.setattr(proxyheader, "_read", reader(request.param))


def whole(data: bytes, most: int = proxyheader.LONGEST) -> Header:
    answer = parse(data, most)
    assert isinstance(answer, Header), answer
    return answer


def refusal(data: bytes, most: int = proxyheader.MOST) -> str:
    with pytest.raises(ProxyHeaderError) as caught:
        parse(data, most)
    assert str(caught.value) == caught.value.reason.decode()
    return str(caught.value)


def meaning(header: Header) -> str:
    if header.is_peer:
        return "peer"
    ends = header.source, header.source_port, header.destination, header.destination_port
    return (b"%b %d %b %d" % ends).decode()


def variables(data: bytes) -> dict[bytes, bytes]:
    return dict(whole(data).variables())


@pytest.mark.parametrize("each", CAPTURED, ids=lambda each: each.row)
def test_captured_header_means_what_its_sender_meant(each: Captured) -> None:
    if each.is_malformed:
        refusal(each.header)
        return
    for rest in (b"", b"GET / HTTP/1.0\r\n", b"PROXY UNKNOWN\r\n", b"\n"):
        header = whole(each.header + rest)
        assert (meaning(header), header.length) == (each.meaning, len(each.header))


@pytest.mark.parametrize("each", SOUND, ids=lambda each: each.row)
def test_no_prefix_asks_for_a_byte_beyond_the_header(each: Captured) -> None:
    for length in range(len(each.header)):
        more = parse(each.header[:length])
        assert isinstance(more, int)
        assert 1 <= more <= len(each.header) - length


@pytest.mark.parametrize("each", SOUND, ids=lambda each: each.row)
def test_header_can_be_consumed_exactly(each: Captured) -> None:
    """As it would be read without a peek, in pieces of any size that the network makes."""
    chance = random.Random(each.row)
    for _ in range(50):
        network = each.header + b"what the client sends"
        at, answer = 0, parse(b"")
        while isinstance(answer, int):
            at += chance.randint(1, answer)
            answer = parse(network[:at])
        assert network[at:] == b"what the client sends"
        assert meaning(answer) == each.meaning


def test_few_reads_without_a_peek_take_a_long_line() -> None:
    line = b"PROXY TCP6 ::ffff:127.0.0.1 ::ffff:127.0.0.1 36296 45979\r\n"
    at, reads, answer = 0, 0, parse(b"")
    while isinstance(answer, int):
        at, reads = at + answer, reads + 1
        answer = parse(line[:at])
    assert reads < 25


def test_any_buffer_is_taken() -> None:
    line = b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"
    assert whole(line) == parse(bytearray(line)) == parse(memoryview(line))


V1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\r\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"PROXY TCP4 192.0.2.01 192.0.2.2 40000 80\r\n", "source is no address"),
        (b"PROXY TCP4 1.2.3 192.0.2.2 40000 80\r\n", "source is no address"),
        (b"PROXY TCP4 1.2.3.256 192.0.2.2 40000 80\r\n", "source is no address"),
        (b"PROXY TCP4 1.2.3.4\0 192.0.2.2 40000 80\r\n", "source is no address"),
        (b"PROXY TCP4 ::1 192.0.2.2 40000 80\r\n", "source is no address"),
        (b"PROXY TCP6 192.0.2.1 ::1 40000 80\r\n", "source is no address"),
        (b"PROXY TCP6 ::1%lo ::1 40000 80\r\n", "source is no address"),
        (b"PROXY TCP6 [::1] ::1 40000 80\r\n", "source is no address"),
        (b"PROXY TCP6 " + b"0" * 44 + b":: ::1 40000 80\r\n", "source is no address"),
        (b"PROXY TCP4 unix:/a 192.0.2.2 40000 80\r\n", "source is no address"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 040000 80\r\n", "bad port"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 00 80\r\n", "bad port"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 080\r\n", "bad port"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 65536 80\r\n", "bad port"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 65536\r\n", "bad port"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 -1 80\r\n", "bad port"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 +1 80\r\n", "bad port"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 8\xb2\r\n", "bad port"),
        (b"PROXY TCP4 192.0.2.1 unix:/a 40000 x\r\n", "bad port"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 40000\r\n", "four fields"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 80 \r\n", "four fields"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 80 90\r\n", "four fields"),
        (b"PROXY TCP4  192.0.2.1 192.0.2.2 40000 80\r\n", "four fields"),
        (b"PROXY TCP4 192.0.2.1  40000 80\r\n", "four fields"),
        (b"PROXY TCP4 \r\n", "four fields"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\n", "carriage return"),
        (b"PROXY UNKNOWN\n", "carriage return"),
        (b"PROXY UNKNOWN a\nb\r\n", "carriage return"),
        (b"PROXY tcp4 192.0.2.1 192.0.2.2 40000 80\r\n", "unknown protocol"),
        (b"PROXY unknown\r\n", "unknown protocol"),
        (b"PROXY UNKNOWNx\r\n", "unknown protocol"),
        (b"PROXY UNKNOWN\rx\r\n", "unknown protocol"),
        (b"PROXY UDP4 192.0.2.1 192.0.2.2 40000 80\r\n", "unknown protocol"),
        (b"PROXY TCP4\t192.0.2.1 192.0.2.2 40000 80\r\n", "unknown protocol"),
        (b"PROXY  TCP4 192.0.2.1 192.0.2.2 40000 80\r\n", "unknown protocol"),
        (b"PROXY \r\n", "unknown protocol"),
        (b"proxy TCP4 192.0.2.1 192.0.2.2 40000 80\r\n", "no PROXY header"),
        (b" PROXY UNKNOWN\r\n", "no PROXY header"),
        (b"EHLO example.org\r\n", "no PROXY header"),
        (b"\n", "no PROXY header"),
        (b"\r\n\r\n\0\r\nQUIT\r", "no PROXY header"),
    ],
)
def test_line_that_no_sender_sends_is_refused(line: bytes, said: str) -> None:
    assert said in refusal(line)
    assert said in refusal(line + b"the client's")


@pytest.mark.parametrize(
    "text", [b"", b" ", b"    ", b" a b c d e f", b" a\rb", b" \0\xff", b" TCP4 1.2.3.4"]
)
def test_anything_may_follow_unknown(text: bytes) -> None:
    header = whole(b"PROXY UNKNOWN" + text + b"\r\nrest")
    assert (header.is_peer, header.source, header.length) == (True, b"", 15 + len(text))


def test_line_of_107_bytes_is_the_longest() -> None:
    fits = b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n"
    assert whole(fits).length == len(fits) == proxyheader.TEXT_LONGEST
    for length in range(106):
        assert isinstance(parse(fits[:length]), int)
    longer = b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n"
    assert refusal(longer) == "PROXY header without an end in 107 bytes"
    assert refusal(longer[:106]) == "PROXY header without an end in 107 bytes"
    assert isinstance(parse(longer[:105]), int)
    assert "107" in refusal(b"PROXY TCP4 1.2.3.4 " + b"x" * 100_000)


@pytest.mark.parametrize("to", [b"::1", b"::ffff:127.0.0.1", b"127.0.0.1"])
@pytest.mark.parametrize("name", [b"TCP4 192.0.2.1", b"TCP6 2001:db8::1"])
def test_destination_may_be_of_another_family(name: bytes, to: bytes) -> None:
    header = whole(b"PROXY %b %b 5 6\r\n" % (name, to))
    assert (header.source, header.source_port) == (name[5:], 5)
    assert (header.destination, header.destination_port) == (to.removeprefix(b"::ffff:"), 6)


@pytest.mark.parametrize("to", [b"unix:/run/sock", b"1.2.3.256", b"x", b"01.2.3.4", b":" * 50])
def test_destination_that_is_no_address_leaves_that_of_the_connection(to: bytes) -> None:
    header = whole(b"PROXY TCP4 192.0.2.1 %b 5 0\r\n" % to)
    assert (header.source, header.source_port) == (b"192.0.2.1", 5)
    assert (header.is_peer, header.destination, header.destination_port) == (False, b"", 0)


@pytest.mark.parametrize(
    "spelled", [b"::ffff:192.0.2.1", b"::FFFF:192.0.2.1", b"::ffff:c000:201", b"0:0:0:0:0:FFFF:C000:0201"]
)
def test_mapped_address_is_one_of_ip4_however_it_is_spelled(spelled: bytes) -> None:
    header = whole(b"PROXY TCP6 %b %b 1 2\r\n" % (spelled, spelled))
    assert header.source == header.destination == b"192.0.2.1"


def test_address_is_shown_in_our_own_form() -> None:
    assert whole(b"PROXY TCP6 2001:DB8:0:0::0:1 0:0:0:0:0:0:0:0 0 0\r\n").source == b"2001:db8::1"
    assert whole(b"PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n").source == b"0.0.0.0"


@pytest.mark.parametrize("family", [0x11, 0x12])
def test_datagrams_have_addresses_too(family: int) -> None:
    assert meaning(whole(binary(INET, family=family))) == "192.0.2.1 40000 192.0.2.2 80"


@pytest.mark.parametrize(
    ("family", "body"),
    [
        *[(0x00, b""), (0x01, b""), (0x02, b""), (0x10, INET), (0x20, bytes(36))],
        *[(0x30, bytes(216)), (0x31, b"/a" + bytes(214)), (0x32, bytes(216))],
    ],
)
def test_other_families_leave_the_addresses_of_the_connection(family: int, body: bytes) -> None:
    header = whole(binary(body + entry(AUTHORITY, b"a.example"), family=family))
    assert (header.is_peer, header.source) == (True, b"")
    assert header.variables() == [(b"SSL_TLS_SNI_SERVERNAME", b"a.example")]


@pytest.mark.parametrize("family", [0x00, 0x11, 0x21, 0x31, 0x99, 0xFF])
@pytest.mark.parametrize(
    "body", [b"", b"abc", INET, entry(CRC32C, b"????"), entry(AUTHORITY, b"a", 99), bytes(3000)]
)
def test_local_is_skipped_by_its_length_whatever_it_holds(family: int, body: bytes) -> None:
    header = whole(binary(body, command=0x20, family=family) + b"rest")
    assert (header.is_peer, header.length, header.variables()) == (True, 16 + len(body), [])


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (binary(INET, command=0x11), "version 1"),
        (binary(INET, command=0x31), "version 3"),
        (binary(INET, command=0x22), "command 2"),
        (binary(INET, command=0x2F), "command 15"),
        (binary(INET, family=0x13), "family 0x13"),
        (binary(INET, family=0x41), "family 0x41"),
        (binary(INET[:11]), "too short for its addresses: 27 bytes"),
        (binary(bytes(35), family=0x21), "too short for its addresses: 51 bytes"),
        (binary(bytes(215), family=0x31), "too short for its addresses: 231 bytes"),
        (binary(INET + b"\x04"), "inside its entry 0x04"),
        (binary(INET + b"\x04\0"), "inside its entry 0x04"),
        (binary(INET + entry(AUTHORITY, b"abc", 4)), "inside its entry 0x02"),
        (binary(INET + entry(0xEE, b"", 65535)), "inside its entry 0xee"),
        (binary(INET + entry(0x20, b"\1\0\0\0")), "inside its entry 0x20"),
        (binary(INET + tls(1, 0, entry(TLS_NAME, b"x", 2))), "inside its entry 0x20"),
        (binary(INET + tls(1, 0, b"\x21\0")), "inside its entry 0x20"),
        (binary(INET + entry(CRC32C, b"abcd")), "wrong checksum"),
        (binary(INET + entry(CRC32C, b"abc")), "wrong checksum"),
        (binary(INET + entry(UNIQUE_ID, bytes(129))), "unique id of 129 bytes"),
    ],
)
def test_malformed_header_of_version_2_is_refused(header: bytes, said: str) -> None:
    assert said in refusal(header)
    assert said in refusal(header + b"the client's")


def test_refusal_comes_with_the_first_byte_that_shows_it() -> None:
    assert "version" in refusal(SIGNATURE + b"\x11")
    assert "family" in refusal(SIGNATURE + b"\x21\x44")
    assert "too short" in refusal(binary(INET[:11])[:16])
    assert "unknown protocol" in refusal(b"PROXY X")
    assert "no PROXY header" in refusal(b"G")


def test_header_that_is_too_long_is_refused_once_its_length_is_known() -> None:
    header = binary(INET + entry(0xEE, bytes(65535 - 15)))
    assert len(header) == proxyheader.LONGEST
    assert isinstance(parse(header[:15]), int)
    assert refusal(header[:16]) == "PROXY header too long: 65551 bytes"
    assert parse(header[:16], proxyheader.LONGEST) == 65535
    assert whole(header + b"rest").length == 65551
    assert "65550" not in refusal(header, 65550)
    fits = binary(INET + entry(0xEE, bytes(4096 - 16 - 15)))
    assert parse(fits, 4096) == whole(fits)
    assert "4097" in refusal(binary(INET + entry(0xEE, bytes(4096 - 16 - 14))), 4096)


def test_checksum_is_compared_wherever_it_stands() -> None:
    sound = with_checksum(INET + entry(AUTHORITY, b"a.example"))
    assert variables(sound)[b"SSL_TLS_SNI_SERVERNAME"] == b"a.example"
    kind = len(sound) - 7  # with another type it is no checksum
    for at in {*range(16, len(sound))} - {kind}:
        refusal(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
    in_front = binary(INET + entry(CRC32C, bytes(4)) + entry(AUTHORITY, b"a.example"))
    number = struct.pack(">L", bit_by_bit(in_front))
    assert "checksum" in refusal(in_front)
    assert whole(in_front[:31] + number + in_front[35:]).texts == {"authority": b"a.example"}


def test_second_checksum_is_refused() -> None:
    """Each would be compared over the whole header: a long one of these alone would take minutes."""
    sound = with_checksum(INET)
    assert "checksum" in refusal(binary(sound[16:] + entry(CRC32C, bytes(4))))


def test_texts_are_found_in_any_order() -> None:
    parts = [
        entry(ALPN, b"h2"),
        entry(AUTHORITY, b"A.example"),
        entry(UNIQUE_ID, b"id-1"),
        entry(NETNS, b"blue"),
        entry(NOOP, b"padding"),
        entry(0xEE, b"unknown"),
        tls(
            *(7, 0, entry(TLS_VERSION, b"TLSv1.3"), entry(TLS_NAME, b"a client")),
            *(entry(TLS_CIPHER, b"AES"), entry(TLS_KEY, b"RSA2048"), entry(TLS_SIGNATURE, b"SHA256")),
            entry(0x26, b"unknown"),
        ),
    ]
    wanted = {
        "alpn": b"h2",
        "authority": b"A.example",
        "unique_id": b"id-1",
        "netns": b"blue",
        "tls_version": b"TLSv1.3",
        "tls_name": b"a client",
        "tls_cipher": b"AES",
        "tls_signature": b"SHA256",
        "tls_key": b"RSA2048",
    }
    for number in range(20):
        random.Random(number).shuffle(parts)
        header = whole(binary(INET + b"".join(parts)))
        assert header.texts == wanted
        assert dict(header.variables()) == {
            b"SSL_PROTOCOL": b"TLSv1.3",
            b"SSL_CIPHER": b"AES",
            b"SSL_TLS_SNI_SERVERNAME": b"a.example",
            b"SSL_PEER_CERT_CN": rb"a\040client",
            b"SSL_ALPN": b"h2",
            b"PROXY_UNIQUE_ID": b"id-1",
        }
        assert {name for name, _ in header.variables()} <= proxyheader.VARIABLES


@pytest.mark.parametrize(
    ("client", "verify", "is_there"),
    [
        (7, 0, True),
        (3, 0, True),
        (5, 0, True),
        (1, 0, False),
        (7, 18, False),
        (7, 1 << 31, False),
        (0, 0, False),
    ],
)
def test_name_of_a_certificate_is_told_only_if_it_was_verified(
    client: int, verify: int, is_there: bool
) -> None:
    header = binary(INET + tls(client, verify, entry(TLS_NAME, b"root")))
    assert (b"SSL_PEER_CERT_CN" in variables(header)) is is_there


def test_verification_of_one_tls_entry_says_nothing_about_another() -> None:
    lying = tls(7, 18, entry(TLS_NAME, b"root"))
    assert variables(binary(INET + lying + tls(7, 0))) == {}
    assert variables(binary(INET + tls(7, 0, entry(TLS_NAME, b"me")) + lying)) == {}


def test_values_are_escaped_as_names_are() -> None:
    hostile = b"a b\n\0'\"$`\\\xff/=;"
    header = binary(INET + entry(AUTHORITY, hostile) + entry(UNIQUE_ID, hostile) + entry(ALPN, b""))
    escaped = rb"a\040b\012\000\047\042\044\140\134\377\057\075\073"
    assert variables(header) == {
        b"SSL_TLS_SNI_SERVERNAME": escaped,
        b"PROXY_UNIQUE_ID": escaped,
        b"SSL_ALPN": b"",
    }
