"""The C scanner of plain lines, and blocks of records."""

import pytest

from tests.support.cdbfiles import packed
from tests.support.rules_files import image_of
from tests.support.rules_scan import ASK, END, FULL, needs_core, scan
from ucspi.cdb._core import Core
from ucspi.rules import compile_rules, expand

pytestmark = pytest.mark.sampled(3)


@needs_core
@pytest.mark.parametrize(
    ("line", "record"),
    [
        (b":deny", (b"", b"D\0")),
        (b":allow \t ", (b"", b"")),
        (b"1.:deny", (b"1.", b"D\0")),
        (b"0.255.9.:allow", (b"0.255.9.", b"")),
        (b"1.2.3.4:deny\t", (b"1.2.3.4", b"D\0")),
        (b"=:deny", (b"=", b"D\0")),
        (b"=.a-b.org:allow", (b"=.a-b.org", b"")),
        (b':allow,A="",B_2=/c"d:,e/', (b"", b'+A=\0+B_2=c"d:,e\0')),
        (b":deny,A='\xff' ", (b"", b"D\0+A=\xff\0")),
        (b':allow,MAXCONNIP="5",MAXCONNC="9"', (b"", b"+MAXCONNIP=5\0+MAXCONNC=9\0")),
        (
            b':allow,MAXCONIP="0",MAXPERIP="999999999999999999",MAXLOAD="350",MAXTIME="010"',
            (b"", b"+MAXCONIP=0\0+MAXPERIP=999999999999999999\0+MAXLOAD=350\0+MAXTIME=010\0"),
        ),
        (b':allow,MA="5",AMAXCONIP="5"', (b"", b"+MA=5\0+AMAXCONIP=5\0")),
    ],
)
def test_plain_line_is_taken(line: bytes, record: tuple[bytes, bytes]) -> None:
    assert scan(line + b"\n") == (END, len(line) + 1, packed(record))
    assert scan(line)[:2] == (END, 0), "a line without its newline is not whole"


@needs_core
@pytest.mark.parametrize(
    "address",
    [
        b"10.0.0.0/8",
        b"0.0.0.0/2",
        b"255.255.255.255/32",
        b"::/2",
        b"2001:db8::/32",
        b"DEAD:beef::/33",
        b"2001:db8::1/128",
        b"::1",
        b"::",
        b"1:2:3:4:5:6:7:8",
        b"a::d",
        b"a::de",
        b"a::a",
        b"0:0:0:0:0:fffe:1:2/127",
    ],
)
@pytest.mark.parametrize("instructions", [b":deny", b":allow", b':allow,A="b:deny"\t'])
def test_network_is_taken_where_there_is_room(address: bytes, instructions: bytes) -> None:
    text = address + instructions + b"\n:deny\n"
    record = {b":deny": b"D\0", b":allow": b""}.get(instructions, b"+A=b:deny\0")
    records = packed((expand(address)[0], record), (b"", b"D\0"))
    assert scan(text, 2 * len(text) + 129) == (END, len(text), records)
    assert scan(text)[0] in (FULL, END)
    assert scan(b":deny\n" + text) == (FULL, 6, packed((b"", b"D\0")))


@needs_core
def test_comments_and_empty_lines_are_taken() -> None:
    assert scan(b"\n# 1.:x\n\n:deny\n#") == (END, 15, packed((b"", b"D\0")))


@needs_core
@pytest.mark.parametrize(
    "line",
    [
        b" ",
        b" :deny",
        b"1:deny",
        b"1.2.3:deny",
        b"256.:deny",
        b"01.:deny",
        b"1.2.3.4.:deny",
        b"1..:deny",
        b".:deny",
        b"2-1.:deny",
        b"1-256.:deny",
        b"01-2.:deny",
        b"1-02.:deny",
        b"1-2-3.:deny",
        b"1-2.3-4.:deny",
        b"-2.:deny",
        b"1-.:deny",
        b"1-2:deny",
        b"=1-2.:deny",
        b"10.0.0.0/1:deny",
        b"10.0.0.0/33:deny",
        b"10.0.0.0/08:deny",
        b"10.0.0.0/:deny",
        b"10.0.0.0/8 :deny",
        b"10.0.0.1/8:deny",
        b"10.0.0.0-1/32:deny",
        b"10.0.0/8:deny",
        b"127./8:deny",
        b"10.0.0.0./8:deny",
        b"2001:db8::/1:deny",
        b"2001:db8::/129:deny",
        b"2001:db8::/031:deny",
        b"2001:db8::1/127:deny",
        b"2001:db8:deny",
        b"::ffff:0:0/96:deny",
        b"::ffff:102:304:deny",
        b"::1.2.3.4:deny",
        b"[::1]:deny",
        b"fe80::1%eth0:deny",
        b"1:2:3:4:5:6:7:8:9:deny",
        b"::allow",
        b"=Org:deny",
        b"=a b:deny",
        b"joe@1.2.3.4:deny",
        b"org:deny",
        b":deny\r",
        b":denyx",
        b":den",
        b":Deny",
        b":deny,",
        b":deny,A",
        b":deny,A=",
        b':deny,A="',
        b':deny,A="b',
        b':deny,="b"',
        b':allow,MAXCONN="5"',
        b':allow,MAXCONNIP=""',
        b':allow,MAXLOAD="3.5"',
        b':allow,MAXTIME="0"',
        b':allow,MAXPERIP="1000000000000000000"',
        b':allow,A="b",maxconnip="5"',
        b':allow,MAXCONNIPS="5"',
        b':deny, A="b"',
        b":deny,A=xbx",
        b':deny,A="b\0"',
        b':deny,A="b"x',
        b"\0:deny",
    ],
)
def test_any_other_line_is_for_the_parser(line: bytes) -> None:
    assert scan(b":allow\n" + line + b"\n:deny\n") == (ASK, 7, packed((b"", b"")))


@needs_core
def test_scan_without_room_takes_nothing() -> None:
    assert scan(b":deny\n", 11) == (FULL, 0, b"")
    assert scan(b":deny\n", 12)[0] == END


@needs_core
@pytest.mark.parametrize(
    ("line", "keys"),
    [
        (b"9-11.", [b"9.", b"10.", b"11."]),
        (b"1.98-101.", [b"1.98.", b"1.99.", b"1.100.", b"1.101."]),
        (b"0-1.2.3.4", [b"0.2.3.4", b"1.2.3.4"]),
        (b"1.2.3.255-255", [b"1.2.3.255"]),
        (b"1.2.3.0-255", [b"1.2.3.%d" % number for number in range(256)]),
    ],
)
def test_range_is_taken_where_there_is_room(line: bytes, keys: list[bytes]) -> None:
    text = line + b':deny,A="b"\n:allow\n'
    records = packed(*((key, b"D\0+A=b\0") for key in keys), (b"", b""))
    assert scan(text, len(records) + 2 * len(text) + 2 * len(keys)) == (END, len(text), records)
    if len(keys) > 9:
        assert scan(text) == (FULL, 0, b"")
        assert scan(b":deny\n" + text) == (FULL, 6, packed((b"", b"D\0")))


def test_ranges_that_fill_the_buffer_make_the_same_file(core: Core) -> None:
    value = b"x" * 300  # 256 of these are more than the buffer has room for
    text = b"".join(b"1.2.%d.0-255:deny\n:allow\n" % number for number in range(40))
    text += b'1.3.4.0-255:allow,A="' + value + b'"\n5-6.:deny\n'
    text += b"".join(b"2001:%x::/32:deny\n" % number for number in range(3000))
    parts: list[bytes] = []
    builder = core.builder(parts.append)
    tally = compile_rules([text], builder.add, add_block=builder.add_block)
    assert builder.finish() + b"".join(parts) == image_of(text)
    assert (tally.lines, tally.rules, tally.records) == (3082, 3082, 41 * 256 + 40 + 2 + 3000)


def test_bulk_makes_the_same_file(core: Core) -> None:
    text = (
        b'# x\n1.:deny\n2-3.:allow,A="b"\n10.0.0.0/8:deny\n[::2]:deny\n'
        + b"4.5.6.7:deny\n" * 9000
        + b":allow"
    )
    blocks: list[bytes] = []
    builder = core.builder(blocks.append)
    tally = compile_rules([text[:50], text[50:]], builder.add, add_block=builder.add_block)
    header = builder.finish()
    assert header + b"".join(blocks) == image_of(text)
    assert (tally.lines, tally.rules, tally.records) == (9006, 9005, 9006)
