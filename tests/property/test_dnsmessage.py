"""The little that the compiled module knows of DNS: what it says, dnspython and the rest of us say too."""

import dns.message
import dns.rcode
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.nameserver import Query, encode, reply
from ucspi.dnsbl import liststep
from ucspi.dnsbl.blocklist import query_name
from ucspi.dnsbl.nameservers import nameservers
from ucspi.unix import native

pytestmark = pytest.mark.skipif(native.lib is None, reason="the compiled module is not built")

numbers = st.integers(0, 300).map(str)
groups = st.sampled_from(["", "0", "ffff", "FFFF", "db8", "2001", "7f00", "12345", "g"])
addresses = st.one_of(
    st.tuples(numbers, numbers, numbers, numbers).map(".".join),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
    st.tuples(st.ip_addresses(v=6).map(str), st.sampled_from(["%eth0", "%", "%1", "\x00"])).map("".join),
    st.lists(groups, max_size=10).map(":".join),
    st.lists(st.sampled_from("1.:%a"), max_size=12).map("".join),
    st.text("0123456789abcdefx.:%", max_size=40),
)
bases = st.one_of(
    st.sampled_from([b"list.test", b"", b".", b"\\154ist.te\\.st", b"x" * 63 + b".a", b"y." * 127]),
    st.lists(st.sampled_from([b"a", b".", b"\\", b"0", b"7", b"\xff", b"x" * 63]), max_size=12).map(b"".join),
)


def question(ip: bytes, base: bytes, kind: int = 16, number: int = 0x1234) -> bytes:
    """Return what the compiled module would send; empty where it would send nothing."""
    ends = liststep._tail(base, kind)
    if not ends:
        return b""
    room = native.ffi.new("unsigned char[]", native.lib.USYS_QUESTION_MAX)
    length = native.lib.usys_put_question(room, number, ip, ends, len(ends))
    return bytes(native.ffi.buffer(room, length))


def says_none(answer: bytes, asked: bytes) -> bool:
    """Ask with both in memory of their own length, so that a sanitizer sees what is read behind it."""
    held, sent = native.ffi.new("char[]", len(answer) or 1), native.ffi.new("char[]", len(asked))
    native.ffi.memmove(held, answer, len(answer))
    native.ffi.memmove(sent, asked, len(asked))
    as_bytes = "unsigned char *"
    return bool(
        native.lib.usys_says_none(
            native.ffi.cast(as_bytes, held), len(answer), native.ffi.cast(as_bytes, sent), len(asked)
        )
    )


@given(addresses, bases, st.sampled_from([1, 16]))
@example("::ffff:1.2.3.4", b"l.test", 1)
@example("::ffff:102:304", b"l.test", 1)
@example("1:2:3:4:5:6:7::", b"l.test", 1)
@example("1:2:3:4:5:6:7:8", b"y." * 95, 16)
def test_question_is_that_of_rblsmtpd_or_none(ip: str, base: bytes, kind: int) -> None:
    text = ip.encode().partition(b"\0")[0]
    asked = question(text, base, kind)
    labels = query_name(base, text)
    if asked:
        name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
        head = b"\x12\x34\1\0\0\1\0\0\0\0\0\0"
        assert asked == head + name + kind.to_bytes(2, "big") + b"\0\1"
        assert dns.message.from_wire(asked).question[0].name.labels == (*labels, b"")


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
@example("::")
def test_question_is_there_for_each_address_that_tcpserver_writes(ip: object) -> None:
    is_mapped = getattr(ip, "ipv4_mapped", None) is not None
    assert bool(question(str(ip).encode(), b"list.test")) != is_mapped


ASKED = question(b"192.0.2.7", b"List.test") if native.lib is not None else b""
SOA = (
    b"\xc0\x16\0\6\0\1\0\0\0\x0a\0\x1c" + b"\1a\xc0\x16\1b\xc0\x16" + b"\0\0\0\1" * 5
)  # RFC 1035, 3.3.13, for the list's own name


def denial(*records: bytes, code: int = 3, asked: bytes = ASKED) -> bytes:
    head = asked[:2] + bytes([0x81, 0x80 | code]) + b"\0\1\0\0" + len(records).to_bytes(2, "big") + b"\0\0"
    return head + asked[12:] + b"".join(records)


@pytest.mark.parametrize(
    "answer",
    [
        denial(),
        denial(code=0),
        denial(SOA),
        denial(SOA, SOA, code=0),
        denial().replace(b"\4List\4test", b"\4lIST\4tesT"),
        denial().replace(b"\x81\x83", b"\x85\x03"),
    ],
)
def test_denial_is_understood(answer: bytes) -> None:
    assert says_none(answer, ASKED)
    assert dns.message.from_wire(ASKED).is_response(dns.message.from_wire(answer))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        ASKED,
        denial()[:-1],
        denial() + b"x",
        denial(SOA)[:-1],
        denial(SOA) + b"x",
        denial(b"\xc0"),
        denial(b"\x40" + SOA[2:]),
        *(denial(code=code) for code in (1, 2, 4, 5, 6, 15)),
        denial().replace(b"\x81\x83", b"\x83\x83"),  # truncated
        denial().replace(b"\x81\x83", b"\x89\x83"),  # another opcode
        denial().replace(b"\x12\x34", b"\x12\x35"),
        denial().replace(b"test\0", b"tesu\0"),
        denial().replace(b"\0\x10\0\1", b"\0\1\0\1"),
        reply(Query(ASKED, b"7.2.0.192.List.test", 16, False), [(16, b"\1a")]),
        reply(Query(ASKED, b"7.2.0.192.List.test", 16, False), [(16, b"\1a")], code=3),
        reply(Query(ASKED, b"7.2.0.192.List.test", 16, False), [(5, encode(b"x.test"))]),
        denial()[:10] + b"\0\1" + denial()[12:] + b"\0\0\x29\4\0\1\0\0\0\0\0",  # BADVERS: RFC 6891, 6.1.3
    ],
)
def test_whatever_else_is_no_denial(answer: bytes) -> None:
    assert not says_none(answer, ASKED)


damages = st.lists(st.tuples(st.integers(0, 120), st.integers(0, 255)), max_size=4)


@given(
    st.sampled_from([denial(), denial(code=0), denial(SOA), denial(SOA, SOA)]) if ASKED else st.just(b""),
    damages,
    st.integers(0, 3),
)
def test_damaged_answer_is_understood_as_dnspython_does(
    whole: bytes, damage: list[tuple[int, int]], cut: int
) -> None:
    """But for what is in a record of the authority: to us it need only fit in."""
    packet = bytearray(whole)
    for at, byte in damage:
        packet[at % len(packet)] = byte
    answer = bytes(packet[: len(packet) - cut])
    if says_none(answer, ASKED):
        without_authority = answer[:8] + b"\0\0" + answer[10 : len(ASKED)]
        parsed = dns.message.from_wire(without_authority)
        assert dns.message.from_wire(ASKED).is_response(parsed)
        assert parsed.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
        assert not parsed.answer


@given(st.binary(max_size=600))
def test_bytes_of_any_kind_are_no_denial(packet: bytes) -> None:
    assert not says_none(packet, ASKED)
    assert not says_none(ASKED[:2] + packet, ASKED)


@given(
    st.one_of(
        st.lists(st.sampled_from(["1", "255", "256", "007", "1234", ".", ".", "x", " "]), max_size=9).map(
            "".join
        ),
        st.ip_addresses(v=4).map(str),
    )
)
def test_first_server_of_the_variable_is_that_of_rblsmtpd(text: str) -> None:
    found = native.ffi.new("unsigned char[4]")
    is_there = native.lib.usys_first_server(text.encode(), found)
    first = nameservers(text.encode(), "/nonexistent/file")[0]
    if is_there:
        assert ".".join(map(str, found)).encode() == first
    else:
        assert nameservers(text.encode(), "/nonexistent/file") == [b"127.0.0.1"]
