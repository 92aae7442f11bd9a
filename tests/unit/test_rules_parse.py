"""Lines of rules text, one at a time."""

import pytest

from ucspi.errors import EXIT_PERMANENT, RuleSyntaxError
from ucspi.rules import Rule, encode, parse, segments


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b":deny", Rule(b"", False)),
        (b"127.:allow\n", Rule(b"127.", True)),
        (b"1.2.3.4:deny \t \n", Rule(b"1.2.3.4", False)),
        (b" 1.2.3.4 :allow", Rule(b" 1.2.3.4 ", True)),
        (b"a\0b:deny", Rule(b"a\0b", False)),
        (b':allow,A="b"', Rule(b"", True, ((b"A", b"b"),))),
        (b":allow,A=/b/,C=xdx", Rule(b"", True, ((b"A", b"b"), (b"C", b"d")))),
        (b':deny,A="",=""', Rule(b"", False, ((b"A", b""), (b"", b"")))),
        (b':allow,A="b,c=d:e"', Rule(b"", True, ((b"A", b"b,c=d:e"),))),
        (b':allow,,A B="c"', Rule(b"", True, ((b",A B", b"c"),))),
        (b":allow,A=\0b\0", Rule(b"", True, ((b"A", b"b"),))),
        (b'10.1-2.:allow,A="b"', Rule(b"10.1-2.", True, ((b"A", b"b"),))),
    ],
)
def test_line_states_a_rule(line: bytes, rule: Rule) -> None:
    assert parse(line) == rule


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"# 1.2.3.4:deny", b"#", b" \t\n", b"1.2.3.4 deny", b" # indented"]
)
def test_empty_line_comment_and_line_without_colon_state_nothing(line: bytes) -> None:
    assert parse(line) is None


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        (b"1.2.3.4:", 9, "allow or deny"),
        (b"1.2.3.4: deny", 9, "allow or deny"),
        (b"1.2.3.4:Deny", 9, "allow or deny"),
        (b" # note: x", 9, "allow or deny"),
        (b":deny\r\n", 6, "carriage return"),
        (b":denyX", 6, "only a comma"),
        (b":deny # c", 6, "only a comma"),
        (b':allow,A="b"C', 13, "only a comma"),
        (b":deny,", 7, "NAME="),
        (b":deny,A", 7, "NAME="),
        (b":deny,A=", 9, "quoted value"),
        (b':deny,A="', 9, "not closed"),
        (b':deny,A="b', 9, "not closed"),
        (b":deny,A= b \n", 9, "not closed"),
        (b"a-b:deny", 1, "digits"),
        (b"a-b:foo", 1, "digits"),
        (b"1-b:foo", 3, "digits"),
    ],
)
def test_fault_is_named_with_its_column(line: bytes, column: int, reason: str) -> None:
    with pytest.raises(RuleSyntaxError, match=reason) as caught:
        parse(line, 7)
    assert (caught.value.line, caught.value.column) == (7, column)
    assert caught.value.text == line.rstrip(b" \t\n")
    assert caught.value.exit_code == EXIT_PERMANENT


@pytest.mark.parametrize(
    ("rule", "data"),
    [
        (Rule(b"", True), b""),
        (Rule(b"", False), b"D\0"),
        (Rule(b"", False, ((b"A", b"c"),)), b"D\0+A=c\0"),
        (Rule(b"", True, ((b"A", b""), (b"", b"c"))), b"+A=\0+=c\0"),
    ],
)
def test_data_is_a_denial_and_then_the_variables(rule: Rule, data: bytes) -> None:
    assert encode(rule) == data


def test_last_segment_without_nul_means_nothing() -> None:
    assert segments(b"D\0+A=b\0+C=d") == [b"D", b"+A=b"]
    assert segments(b"") == []


def test_rules_are_equal_by_their_parts() -> None:
    assert Rule(b"1.", True) == Rule(b"1.", True)
    assert hash(Rule(b"1.", True)) == hash(Rule(b"1.", True))
    assert Rule(b"1.", True) != Rule(b"1.", False)
    assert Rule(b"1.", True) != b"1."
    assert repr(Rule(b"1.", True)) == "Rule(b'1.', True, ())"
