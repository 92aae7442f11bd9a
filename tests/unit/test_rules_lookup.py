"""The order of candidates, and what a record makes of a verdict."""

import pytest

from tests.rules_text import image_of, image_with
from ucspi.cdb import Reader
from ucspi.rules import RuleSet, Verdict, candidates

DOCUMENTED = b"""\
xyz@86.75.30.9:allow,N="1"
xyz@=one.two.three:allow,N="2"
86.75.30.9:allow,N="3"
=one.two.three:allow,N="4"
86.75.30.:allow,N="5"
86.75.:allow,N="6"
86.:allow,N="7"
=.two.three:allow,N="8"
=.three:allow,N="9"
=:allow,N="10"
:deny,N="11"
"""


def rules_of(text: bytes) -> RuleSet:
    return RuleSet(Reader(image_of(text)))


def verdict_on(data: bytes) -> Verdict:
    return RuleSet(Reader(image_with((b"", data)))).judge(b"1.2.3.4")


def test_candidates_go_from_the_most_specific_to_the_default() -> None:
    assert list(candidates(b"1.2.3.4", b"a.b.c", b"joe")) == [
        b"joe@1.2.3.4",
        b"joe@=a.b.c",
        b"1.2.3.4",
        b"=a.b.c",
        b"1.2.3.",
        b"1.2.",
        b"1.",
        b"=.b.c",
        b"=.c",
        b"=",
        b"",
    ]


def test_candidates_without_name_and_info() -> None:
    assert list(candidates(b"1.2.3.4")) == [b"1.2.3.4", b"1.2.3.", b"1.2.", b"1.", b""]


def test_empty_name_and_info_are_set() -> None:
    assert list(candidates(b"1", b"", b"")) == [b"@1", b"@=", b"1", b"=", b"=", b""]


def test_ip_that_ends_in_a_dot_is_its_own_prefix() -> None:
    assert list(candidates(b"1.2.")) == [b"1.2.", b"1.2.", b"1.", b""]


@pytest.mark.parametrize(
    ("ip", "host", "info", "number"),
    [
        (b"86.75.30.9", b"one.two.three", b"xyz", b"1"),
        (b"86.75.30.10", b"one.two.three", b"xyz", b"2"),
        (b"86.75.30.9", b"one.two.three", None, b"3"),
        (b"86.75.30.10", b"one.two.three", None, b"4"),
        (b"86.75.30.10", b"four.two.three", b"abc", b"5"),
        (b"86.75.31.9", None, None, b"6"),
        (b"86.76.30.9", b"four.two.three", None, b"7"),
        (b"96.85.20.10", b"four.two.three", None, b"8"),
        (b"96.85.20.10", b"x.three", None, b"9"),
        (b"96.85.20.10", b"four", None, b"10"),
        (b"96.85.20.10", None, None, b"11"),
    ],
)
def test_documented_example(ip: bytes, host: bytes | None, info: bytes | None, number: bytes) -> None:
    assert rules_of(DOCUMENTED).judge(ip, host, info).environment == ((b"N", number),)


def test_verdict_names_the_rule_that_decided() -> None:
    rules = rules_of(b'1.2.:deny,A="b"\n1.:allow\n')
    assert rules.judge(b"1.2.3.4") == Verdict(False, ((b"A", b"b"),), b"1.2.")
    assert rules.judge(b"1.3.3.4") == Verdict(True, (), b"1.")


def test_no_rule_at_all_allows() -> None:
    assert rules_of(b"1.2.:deny\n").judge(b"2.2.3.4") == Verdict(True, (), None)
    assert rules_of(b"").judge(b"2.2.3.4", b"host", b"info").rule is None


def test_first_rule_of_an_address_counts_and_nothing_is_merged() -> None:
    rules = rules_of(b'1.:allow,A="1"\n1.:deny,B="2"\n:deny,C="3"\n')
    assert rules.judge(b"1.2.3.4") == Verdict(True, ((b"A", b"1"),), b"1.")


@pytest.mark.parametrize(
    ("data", "allowed", "environment"),
    [
        (b"", True, ()),
        (b"D\0", False, ()),
        (b"Dxx\0", False, ()),
        (b"D", True, ()),
        (b"+A=b\0D\0+C=d\0", False, ((b"A", b"b"), (b"C", b"d"))),
        (b"+A\0x=y\0+=\0+B=\0", True, ((b"", b""), (b"B", b""))),
        (b"+A=b=c\0+A=d", True, ((b"A", b"b=c"),)),
    ],
)
def test_pieces_of_a_record(data: bytes, allowed: bool, environment: tuple[tuple[bytes, bytes], ...]) -> None:
    assert verdict_on(data) == Verdict(allowed, environment, b"")


def test_address_text_of_the_wrong_type_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        rules_of(b":deny").judge("1.2.3.4")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        rules_of(b"").judge(b"1.2.3.4", "host")  # type: ignore[arg-type]


def test_verdicts_are_equal_by_their_parts() -> None:
    assert hash(Verdict(True)) == hash(Verdict(True))
    assert Verdict(True) != Verdict(False)
    assert Verdict(True) != True  # noqa: E712 - a verdict is not its answer
    assert repr(Verdict(False, (), b"1.")) == "Verdict(False, (), b'1.')"
