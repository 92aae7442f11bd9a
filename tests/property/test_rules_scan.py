"""The C scanner on any bytes; meant to run under a sanitizer too (cdbext/checking/sanitize.sh)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cdbfiles import packed
from tests.support.examples import examples
from tests.support.rules_scan import ASK, END, FULL, needs_core, scan
from ucspi.rules import Diagnostic, compile_rules, lint

pieces = st.sampled_from(
    [
        b"1",
        b"25",
        b"255.",
        b".",
        b":deny",
        b":allow",
        b":",
        b"=",
        b"=a.",
        b",A=",
        b'"',
        b"'",
        b"/",
        b"\n",
        b"#",
    ]
    + [b" ", b"\t", b"\0", b"\r", b"den", b"allow", b"-", b"\xff", b"@"]
)
texts = st.lists(pieces, max_size=30).map(b"".join)

networks = st.tuples(
    st.sampled_from(
        [b"10.0.0.0", b"10.64.0.0", b"::", b"a::d", b"2001:DB8::", b"::ffff:1.2.3.4", b"fe80::1:"]
    )
    | st.ip_addresses().map(lambda ip: str(ip).encode()),
    st.sampled_from([b"", b"/2", b"/8", b"/32", b"/64", b"/128", b"/129", b"/1", b"/07", b"/", b"/x", b":"]),
).map(b"".join)
numbers = st.sampled_from([b"0", b"1", b"9", b"10", b"99", b"100", b"101", b"255", b"256", b"01", b""])
parts = st.lists(numbers, min_size=1, max_size=2).map(b"-".join)
addresses = st.tuples(st.lists(parts, min_size=1, max_size=5), st.sampled_from([b"", b"."])).map(
    lambda pair: b".".join(pair[0]) + pair[1]
)
instructions = st.sampled_from([b"deny", b"allow", b'allow,A="b"', b'deny,A="b",C=/d/ \t'])
lines = st.tuples(addresses | networks, instructions).map(lambda pair: b":".join(pair) + b"\n")
ranges = st.lists(st.one_of(lines, st.just(b"\n"), st.just(b"# 1-2.:x\n")), max_size=6).map(b"".join)


def check(text: bytes) -> None:
    room = 2 * len(text)
    status, at, records = scan(text, room)
    assert status in ((END, ASK) if not set(b"-/:") & set(text) else (END, ASK, FULL))
    assert 0 <= at <= len(text)
    assert at == 0 or text[at - 1 : at] == b"\n"
    assert len(records) <= room
    assert status != END or b"\n" not in text[at:]


@needs_core
@given(text=st.one_of(texts, st.binary(max_size=80)))
def test_scan_stops_at_the_start_of_a_line_and_within_its_room(text: bytes) -> None:
    check(text)


@needs_core
@pytest.mark.slow
@examples(20_000)
@given(text=st.one_of(texts, st.binary(max_size=200)))
def test_scan_at_length(text: bytes) -> None:
    check(text)


@needs_core
@given(text=ranges, room=st.integers(0, 2000))
def test_every_line_that_is_taken_is_what_the_parser_makes_of_it(text: bytes, room: int) -> None:
    _, at, records = scan(text, 2 * len(text) + room)
    made: list[tuple[bytes, bytes]] = []
    compile_rules([text[:at]], lambda key, data: made.append((key, data)))
    assert records == packed(*made)
    heard: list[Diagnostic] = []
    compile_rules([text[:at]], lambda key, data: None, heard.append)
    assert heard == [], "a line with a remark is for the parser"


@needs_core
@given(text=texts, room=st.integers(0, 100))
def test_scan_with_too_little_room_touches_nothing(text: bytes, room: int) -> None:
    status, at, records = scan(text, room)
    if room < 2 * len(text):
        assert (status, at, records) == (FULL, 0, b"")


limits = st.sampled_from(
    [b"MAXCONNIP", b"MAXCONIP", b"MAXPERIP", b"MAXCONNC", b"MAXLOAD", b"MAXTIME", b"MAXCONN", b"MAXLOADS"]
)
odd_numbers = st.sampled_from([b"0", b"5", b"", b"x", b"1.5", b"9" * 18, b"9" * 19, b"\xb2", b" 1"])


@needs_core
@given(name=limits | limits.map(bytes.lower) | limits.map(bytes.title), value=odd_numbers, rest=odd_numbers)
def test_scan_takes_a_limit_exactly_when_nothing_is_to_be_said_of_it(
    name: bytes, value: bytes, rest: bytes
) -> None:
    line = b':allow,%s="%s",A="%s"\n' % (name, value, rest)
    remarks = [found for found in lint(line) if "limit" in found.reason]
    assert (scan(line, 2 * len(line))[0] == ASK) == bool(remarks)
