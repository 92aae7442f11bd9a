"""Rules text to records: splitting, order, and the memory of instructions."""

import pytest

from ucspi.errors import RuleSyntaxError
from ucspi.rules import compile_rules


def compiled(*blocks: bytes) -> list[tuple[bytes, bytes]]:
    records: list[tuple[bytes, bytes]] = []
    compile_rules(blocks, lambda key, data: records.append((key, data)))
    return records


def test_records_come_in_the_order_of_the_lines_and_duplicates_stay() -> None:
    text = b'2.:allow\n1.:deny\n2.:deny,A="b"\n'
    assert compiled(text) == [(b"2.", b""), (b"1.", b"D\0"), (b"2.", b"D\0+A=b\0")]


def test_text_may_be_cut_anywhere() -> None:
    text = b'# head\n\n1.2-3.:deny,A="b"\n:allow\nno rule\n:deny'
    whole = compiled(text)
    assert len(whole) == 4
    assert compiled(*(text[at : at + 1] for at in range(len(text)))) == whole
    for at in range(len(text) + 1):
        assert compiled(text[:at], b"", text[at:]) == whole


def test_known_instructions_do_not_hide_comments_ranges_and_bad_bounds() -> None:
    text = b"1.:deny\n#2.:deny\n3-4.:deny\n"
    assert compiled(text) == [(b"1.", b"D\0"), (b"3.", b"D\0"), (b"4.", b"D\0")]
    with pytest.raises(RuleSyntaxError):
        compiled(b"1.:deny\nx-4.:deny\n")


def test_more_distinct_instructions_than_are_remembered() -> None:
    lines = [b'%d.:allow,N="%d"\n' % (number, number % 600) for number in range(2000)]
    expected = [(b"%d." % number, b"+N=%d\0" % (number % 600)) for number in range(2000)]
    assert compiled(b"".join(lines)) == expected


def test_error_names_the_line_in_the_whole_text() -> None:
    records: list[bytes] = []
    blocks = [b":allow\n\n#x\n1.:al", b"low\n", b"2.:bad\n3.:deny"]
    with pytest.raises(RuleSyntaxError) as caught:
        compile_rules(blocks, lambda key, _: records.append(key))
    assert (caught.value.line, caught.value.column, caught.value.text) == (5, 4, b"2.:bad")
    assert records == [b"", b"1."]


def test_line_of_many_blocks_is_joined_once() -> None:
    value = b"x" * 1000
    blocks = [b':allow,A="', *[value] * 3000, b'"\n']
    assert compiled(*blocks) == [(b"", b"+A=" + value * 3000 + b"\0")]
