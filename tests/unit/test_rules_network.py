"""Networks and IPv6 addresses: their keys, their spellings, and what is refused."""

import pytest

from tests.support.rules_files import image_of, image_with
from ucspi.cdb import Reader
from ucspi.errors import CdbFormatError, RuleSyntaxError
from ucspi.rules import Rule, RuleSet, candidates, expand, parse, readable
from ucspi.rules._networkkey import PLACES, bits4


@pytest.mark.parametrize(
    ("address", "key"),
    [
        (b"10.0.0.0/8", b"_0000e0g0"),
        (b"127./8", b"_0bcdefgh"),
        (b"10./8", b"_0000e0g0"),
        (b"10/8", b"_0000e0g0"),
        (b"10.0/8", b"_0000e0g0"),
        (b"10.0.0./8", b"_0000e0g0"),
        (b"127.0/16", b"_0bcdefgh00000000"),
        (b"192.168./16", b"_ab000000i0k0m000"),
        (b"192.0.0.0/2", b"_ab"),
        (b"0.0.0.1/32", b"_" + b"0" * 31 + b"6"),
        (b"2001:db8::/32", b"^00`000000000000a0000bc0de0fgh000"),
        (b"[2001:db8::]/32", b"^00`000000000000a0000bc0de0fgh000"),
        (b"[2001:db8::/32]", b"^00`000000000000a0000bc0de0fgh000"),
        (b"::/2", b"^00"),
        (b"2001:db8::1", b"2001:0DB8:0000:0000:0000:0000:0000:0001"),
        (b"[2001:DB8:0::0001]", b"2001:0DB8:0000:0000:0000:0000:0000:0001"),
        (b"64:ff9b::192.0.2.1", b"0064:FF9B:0000:0000:0000:0000:C000:0201"),
        (b"::1", b"0000:0000:0000:0000:0000:0000:0000:0001"),
        (b"joe@::1", b"joe@0000:0000:0000:0000:0000:0000:0000:0001"),
    ],
)
def test_network_is_filed_as_ucspi_tcp6_does(address: bytes, key: bytes) -> None:
    assert expand(address) == (key,)
    assert parse(address + b":deny") == Rule(address, False)


@pytest.mark.parametrize(
    "address",
    [
        b"10.0.0.0./8",
        b"10../8",
        b"./8",
        b"/8",
        b"10.0.0.0.0/8",
        b"10.0.0.0/",
        b"a@10.0.0.0/8",
        b"/",
        b"=a/8",
        b"1.2.3.4/x",
    ],
)
def test_what_is_not_wholly_a_network_stays_what_it_was(address: bytes) -> None:
    assert expand(address) == (address,)


def test_network_with_numbers_left_out_judges_its_clients() -> None:
    """As ucspi-tcp6's manual and its own tests write networks."""
    rules = RuleSet(Reader(image_of(b"127./8:deny\n10.1/16:deny\n:allow\n")))
    assert [rules.judge(ip).allowed for ip in (b"127.0.0.1", b"127.9.9.9", b"128.0.0.1")] == [
        False,
        False,
        True,
    ]
    assert [rules.judge(ip).allowed for ip in (b"10.1.9.9", b"10.2.0.0")] == [False, True]
    assert readable(expand(b"127./8")[0]) == b"127.0.0.0/8"


def test_range_with_a_length_stays_a_range() -> None:
    assert expand(b"10.0-1.0.0/8") == [b"10.0.0.0/8", b"10.1.0.0/8"]


@pytest.mark.parametrize(
    ("address", "column", "reason", "suggestion"),
    [
        (b"10.0.0.0/0", 10, "from 2 to 32", "the empty address is everybody"),
        (b"10.0.0.0/1", 10, "from 2 to 32", "write its two halves, of length 2"),
        (b"10.0.0.0/33", 10, "from 2 to 32", ""),
        (b"10.0.0.0/08", 10, "from 2 to 32", ""),
        (b"10.0.256.0/8", 6, "at most 255", ""),
        (b"10.00.0.0/8", 4, "leading zeros", ""),
        (b"10.0.0.1/8", 1, "bits beyond", "write 10.0.0.0/8"),
        (b"127.1./8", 1, "bits beyond", "write 127.0.0.0/8"),
        (b"127./33", 6, "from 2 to 32", ""),
        (b"127./1", 6, "from 2 to 32", "write its two halves"),
        (b"300./8", 1, "at most 255", ""),
        (b"010./8", 1, "leading zeros", ""),
        (b"2001:db8::/129", 12, "from 2 to 128", ""),
        (b"2001:db8::/", 12, "from 2 to 128", ""),
        (b"2001:db8::1/32", 1, "bits beyond", "write 2001:db8::/32"),
        (b"::ffff:10.0.0.1", 1, "IPv4 addresses are judged", "write 10.0.0.1"),
        (b"::ffff:0:0/96", 1, "IPv4 addresses are judged", "write the IPv4 networks of length 2"),
        (b"fe80::1%eth0", 1, "no scope", "leave out the % and what follows it"),
        (b"2001:db8:1:2", 1, "not an IPv6 address", ""),
        (b"1::2::3", 1, "not an IPv6 address", ""),
        (b"[::1", 1, "bracket", ""),
        (b"[::1]x", 1, "bracket", ""),
        (b"joe@::/2", 5, "network cannot follow", ""),
    ],
)
def test_wrong_network_is_an_error_with_its_column(
    address: bytes, column: int, reason: str, suggestion: str
) -> None:
    with pytest.raises(RuleSyntaxError, match=reason) as caught:
        parse(address + b":deny", 3)
    assert (caught.value.line, caught.value.column) == (3, column)
    assert suggestion in caught.value.suggestion
    assert caught.value.suggestion
    assert caught.value.text == address + b":deny"


def test_line_that_0_88_accepts_is_not_taken_for_ipv6() -> None:
    assert parse(b'1.2.3.4:allow,A="::1:deny"') == Rule(b"1.2.3.4", True, ((b"A", b"::1:deny"),))
    assert parse(b'::1:allow,A="x:deny"') == Rule(b"::1", True, ((b"A", b"x:deny"),))


@pytest.mark.parametrize(
    "key", [b"_0000e0g0", b"^00`000000000000a", b"_ab", b"10.", b"=", b"", b"joe@1.2.3.4"]
)
def test_readable_is_what_one_would_write(key: bytes) -> None:
    assert expand(readable(key)) == (key,)


@pytest.mark.parametrize("key", [b"_", b"_foo", b"_0", b"^", b"^zz", b"_" + b"0" * 33, b"_0000g0e0"])
def test_key_that_only_resembles_a_network_is_shown_as_it_is(key: bytes) -> None:
    assert readable(key) == key


def test_networks_come_after_dotted_prefixes_and_the_longest_first() -> None:
    rules = RuleSet(Reader(image_of(b"10.0.0.0/8:deny\n10.1.0.0/16:deny\n=:allow\n10.2.:allow\n")))
    assert repr(rules.lengths) == "Lengths((16, 8), ())"
    assert rules.judge(b"10.1.2.3").rule == expand(b"10.1.0.0/16")[0]
    assert rules.judge(b"10.9.2.3", b"name").rule == expand(b"10.0.0.0/8")[0]
    assert rules.judge(b"10.2.2.3").rule == b"10.2."
    assert rules.judge(b"11.2.2.3", b"name").rule == b"="


def test_ipv6_client_in_any_spelling_meets_the_same_rule() -> None:
    rules = RuleSet(Reader(image_of(b"2001:db8::1:deny\n2001:db8::/32:allow\n:deny\n")))
    for ip in (b"2001:db8::1", b"2001:0DB8:0:0:0:0:0:1", b"2001:db8::0.0.0.1"):
        assert not rules.judge(ip).allowed
        assert rules.judge(ip).rule == expand(b"2001:db8::1")[0]
    assert rules.judge(b"2001:db8::2%eth0").allowed
    assert rules.judge(b"2001:db9::2").rule == b""


def test_ipv4_client_of_a_dual_stack_socket_is_judged_as_ipv4() -> None:
    rules = RuleSet(Reader(image_of(b"10.1.:deny\njoe@10.9.9.9:deny\n::/2:allow\n")))
    assert rules.judge(b"::ffff:10.1.2.3").rule == b"10.1."
    assert rules.judge(b"::ffff:10.9.9.9", None, b"joe").rule == b"joe@10.9.9.9"
    assert rules.judge(b"::ffff:11.1.2.3").rule is None


def test_lengths_that_no_rule_has_are_not_tried() -> None:
    rules = RuleSet(Reader(image_of(b"10.0.0.0/8:deny\n2001:db8::/32:deny\n")))
    tried = list(candidates(b"1.2.3.4", None, None, rules.lengths))
    assert [len(key) for key in tried if key.startswith(b"_")] == [9]
    tried = list(candidates(b"::1", None, None, rules.lengths))
    assert [len(key) for key in tried if key.startswith(b"^")] == [33]


def test_length_1_of_a_foreign_file_is_never_looked_up() -> None:
    rules = RuleSet(Reader(image_with((b"_0", b"D\0"), (b"^0", b"D\0"), (b"_", b"D\0"))))
    assert rules.judge(b"1.2.3.4").rule is None
    assert rules.judge(b"::1").rule is None


@pytest.mark.parametrize(
    "ip", [b"", b"::", b"1.2.3", b"1.2.3.4.5", b"300.1.2.3", b":", b"::g", b"\xff::1", b"a:b"]
)
def test_odd_client_is_found_a_rule_all_the_same(ip: bytes) -> None:
    rules = RuleSet(Reader(image_of(b"10.0.0.0/8:deny\n4000::/2:deny\n:allow\n")))
    assert rules.find(ip) == (b"", b"")


def test_search_without_name_agrees_with_the_candidates() -> None:
    """Two ways through the same order: C where it is there, and one look-up for each candidate."""
    text = b"1.2.3.4:deny\n1.2.:deny\n3.0.0.0/8:deny\n3.1.0.0/16:deny\n2001:db8::/32:deny\n:allow\n"
    rules = RuleSet(Reader(image_of(text)))
    odd = [b"", b".", b"...", b"1.2.", b"1" * 300 + b".2", b"1." * 300, b"\0", b"3.1.1.1.1", b"2001:db8::9"]
    for ip in [b"1.2.3.4", b"1.2.9.9", b"3.9.9.9", b"3.1.9.9", b"4.4.4.4", *odd]:
        tried = list(candidates(ip, None, None, rules.lengths))
        assert rules.find(ip) == next((key, rules.data(key)) for key in tried if rules.data(key) is not None)


def test_damage_met_by_the_search_for_a_network_is_a_format_error() -> None:
    image = bytearray(image_of(b"10.0.0.0/8:deny\n"))
    assert not RuleSet(Reader(image)).judge(b"10.1.2.3").allowed
    for at in range(4, 2048, 8):
        if image[at : at + 4] != bytes(4):
            image[at : at + 4] = b"\xff\xff\xff\xff"  # a table of four billion slots
    rules = RuleSet(Reader(bytes(image)))
    with pytest.raises(CdbFormatError):
        rules.judge(b"10.1.2.3")


@pytest.mark.parametrize(
    "ip",
    [
        b"",
        b"1.1.1",
        b"1.1.1.1.1",
        b"256.1.1.1",
        b"01.1.1.1",
        b"0001.1.1.1",
        b"+1.1.1.1",
        b"1..1.1",
        b"1.1.1. 1",
    ],
)
def test_text_that_is_no_address_has_no_bits(ip: bytes) -> None:
    for _ in range(2):  # what was seen before is remembered
        assert bits4(ip) == b""


def test_bits_of_addresses_are_theirs_whether_seen_before_or_not() -> None:
    for ip in (b"127.0.0.1", b"0.127.1.0", b"127.0.0.1", b"255.255.255.255"):
        number = int.from_bytes(map(int, ip.split(b".")))
        places = zip(PLACES, f"{number:032b}", strict=True)
        assert bits4(ip) == bytes(place if bit == "1" else 48 for place, bit in places)
