"""The order of candidates, and what a record makes of a verdict."""

import pytest

from tests.support.rules_files import image_of, image_with
from ucspi.cdb import Reader
from ucspi.errors import BadAddressError
from ucspi.rules import RuleSet, Verdict, candidates, is_address
from ucspi.rules._lookup import KNOWN_MOST

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


def test_truth_of_a_verdict_is_the_verdict() -> None:
    rules = rules_of(b"1.:allow\n:deny\n")
    assert rules.judge(b"1.2.3.4")
    assert not rules.judge(b"2.2.3.4")
    assert rules_of(b"").judge(b"2.2.3.4")


NO_ADDRESSES = [b"", b"127", b"127.evil", b"127.0.0.1.5", b"127.0.0.1, 9.9.9.9", b"127.0.0.1 ", b" 127.0.0.1"]
NO_ADDRESSES += [
    b"127.0.0.1\n",
    b"127.0.0.1\0",
    b"127.0.0.256",
    b"127.0.0.01",
    b"127.00.0.1",
    b"0x7f.0.0.1",
    b"127.1",
]
NO_ADDRESSES += [
    b"127.0.0.1%lo",
    b"127.0.0.1:80",
    b"[::1]",
    b"::1%",
    b"::1%a b",
    b"::1%a,::2",
    b"::1, ::2",
    b"::g",
]
NO_ADDRESSES += [
    b"unix.",
    b"unix.x",
    b"unix.01",
    b"unix.-1",
    b"unix.1 ",
    b"Unix.1",
    b"\xff",
    "\u0661.2.3.4".encode(),
]


@pytest.mark.parametrize("ip", NO_ADDRESSES)
def test_what_is_no_address_is_judged_by_nobody(ip: bytes) -> None:
    rules = rules_of(b"127.:allow\nunix.:allow\n:allow\n")
    with pytest.raises(BadAddressError, match="no address of a client") as caught:
        rules.judge(ip)
    assert isinstance(caught.value, ValueError)
    assert caught.value.text == ip
    assert not is_address(ip)


@pytest.mark.parametrize(
    "ip",
    [
        b"0.0.0.0",
        b"127.0.0.1",
        b"255.255.255.255",
        b"::",
        b"::1",
        b"2001:DB8::1",
        b"::ffff:1.2.3.4",
        b"fe80::1%eth0",
    ]
    + [b"0001:0::0:1", b"unix.0", b"unix.1000", b"unix.4294967295"],
)
def test_every_form_of_an_address_is_judged(ip: bytes) -> None:
    assert rules_of(b":allow\n").judge(ip).rule == b""
    assert is_address(ip)


def test_names_in_capitals_meet_rules_in_lower_case() -> None:
    rules = rules_of(b"=bad.example:deny\n=.worse.example:deny\njoe@=bad.example:deny\n:allow\n")
    for name in (b"bad.example", b"BAD.example", b"Bad.Example", b"x.WORSE.example"):
        assert not rules.judge(b"1.2.3.4", name), name
    assert rules.judge(b"1.2.3.4", b"BAD.example", b"joe").rule == b"joe@=bad.example"
    assert rules.judge(b"1.2.3.4", b"BAD.example", b"JOE").rule == b"=bad.example"


def test_rules_in_capitals_deny_names_as_given_and_allow_none() -> None:
    rules = rules_of(
        b"=Bad.example:deny\n=Good.example:allow\n=ok.example:allow\n=.x:allow\n=:deny\n:allow\n"
    )
    assert not rules.judge(b"1.2.3.4", b"Good.example")
    assert not rules.judge(b"1.2.3.4", b"good.example")
    rules = rules_of(b"=Bad.x:deny\n=.x:allow\n")
    assert not rules.judge(b"1.2.3.4", b"Bad.x")
    assert rules.judge(b"1.2.3.4", b"bad.x").rule == b"=.x"


def test_names_are_found_as_they_are_given() -> None:
    """The command's way, which is the original's: it has tcpserver's names, which are in lower case."""
    rules = rules_of(b"=bad.example:deny\n:allow\n")
    assert rules.find(b"1.2.3.4", b"BAD.example") == (b"", b"")


def test_verdicts_are_equal_by_their_parts() -> None:
    assert hash(Verdict(True)) == hash(Verdict(True))
    assert Verdict(True) != Verdict(False)
    assert Verdict(True) != True  # noqa: E712 - a verdict is not its answer
    assert repr(Verdict(False, (), b"1.")) == "Verdict(False, (), b'1.')"


def test_remembered_verdict_is_that_of_the_rules() -> None:
    rules = rules_of(b'1.:allow,A="b"\n2.:deny\n')
    addresses = [b"%d.0.%d.1" % (first, number) for number in range(KNOWN_MOST) for first in (1, 2, 3)]
    for _ in range(2):
        for ip in addresses:  # more of them than are remembered
            assert rules.judge_again(ip) == rules.judge(ip)
    assert rules.judge_again(addresses[-1]) is rules.judge_again(addresses[-1])
    for _ in range(2):
        with pytest.raises(BadAddressError):
            rules.judge_again(b"1.x")


def test_only_a_denial_that_was_seen_and_says_nothing_else_is_remembered_as_one() -> None:
    rules = rules_of(b'1.:allow\n2.:deny\n3.:deny,MAXCONNIP="x"\n')
    addresses = (b"1.0.0.1", b"2.0.0.1", b"3.0.0.1", b"4.0.0.1")
    assert not any(map(rules.denies_again, addresses))
    for ip in addresses:
        rules.judge(ip)
        rules.judge_again(ip, b"name")
    assert not any(map(rules.denies_again, addresses))
    for ip in addresses:
        rules.judge_again(ip)
    assert [rules.denies_again(ip) for ip in addresses] == [False, True, False, False]
    for number in range(KNOWN_MOST):
        rules.judge_again(b"5.0.0.%d" % number)
    assert not rules.denies_again(b"2.0.0.1")


def test_verdicts_of_another_address_with_the_same_rule_are_not_mixed() -> None:
    rules = rules_of(b'1.2.3.4:deny\n1.2.3.:allow,N="x"\n:deny\n')
    assert [bool(rules.judge_again(ip)) for ip in (b"1.2.3.4", b"1.2.3.5", b"9.9.9.9", b"1.2.3.4")] == [
        *(False, True, False, False)
    ]
