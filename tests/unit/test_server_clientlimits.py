"""Limits of clients by address and network: who is counted, who is turned away, and with which words."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucspi.rules._limitnames import LIMITS, limit_remark
from ucspi.tcp.server.census import HOLDERS_SHOWN, Census, network
from ucspi.tcp.server.clientlimits import (
    PAUSE,
    BadLimitError,
    LoadMeter,
    limit_message,
    over_rule_limit,
    over_server_limit,
    rule_time,
)
from ucspi.tcp.server.settings import Settings

ADDRESSES = [
    b"10.0.0.1",
    b"10.0.0.2",
    b"10.0.1.1",
    b"::1",
    b"2001:db8::1",
    b"2001:db8::2",
    b"2001:db8:0:1::1",
]


def census(*ips: bytes) -> Census:
    made = Census()
    for ip in ips:
        made.enter(ip)
    return made


def general(per_ip: int | None = None, per_net: int | None = None) -> Settings:
    settings = Settings()
    settings.per_ip, settings.per_net = per_ip, per_net
    return settings


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (b"10.0.0.1", b"10.0.0.255", True),
        (b"10.0.0.1", b"10.0.1.1", False),
        (b"2001:db8::1", b"2001:db8::ffff:ffff:ffff:ffff", True),
        (b"2001:db8::1", b"2001:db8:0:1::1", False),
        (b"0.0.0.1", b"::1", False),
    ],
)
def test_network_is_24_bits_of_ip4_and_64_of_ip6(one: bytes, other: bytes, same: bool) -> None:
    assert (network(one) == network(other)) == same


@pytest.mark.parametrize("bits", [0, 1, 31, 32])
def test_network_of_no_bits_is_everybody_and_of_all_bits_the_address(bits: int) -> None:
    assert (network(b"1.2.3.4", bits, 64) == network(b"1.2.3.5", bits, 64)) == (bits < 32)


@given(st.lists(st.sampled_from(ADDRESSES)), st.randoms(use_true_random=False))
def test_census_counts_who_entered_and_has_not_left(ips: list[bytes], random: "object") -> None:
    made = census(*ips)
    assert made.children == len(ips)
    assert all(made.of_ip(ip) == ips.count(ip) for ip in ADDRESSES)
    assert made.of_network(b"10.0.0.9", 24, 64) == ips.count(b"10.0.0.1") + ips.count(b"10.0.0.2")
    assert dict(made.holders()).items() <= {(ip, ips.count(ip)) for ip in ips}
    for ip in ips:
        made.leave(ip)
    assert (made.children, list(made.holders()), made._counts) == (0, [], {})
    assert made._networks == {(24, 64): {}}


@given(st.lists(st.sampled_from(ADDRESSES)), st.lists(st.sampled_from(ADDRESSES)))
def test_networks_are_counted_the_same_whenever_the_first_question_comes(
    before: list[bytes], after: list[bytes]
) -> None:
    early, late = census(*before), census(*before, *after)
    for bits in ((24, 64), (8, 48)):
        early.of_network(b"::1", *bits)
    for ip in after:
        early.enter(ip)
    for ip in before:
        early.leave(ip)
        late.leave(ip)
    for ip in ADDRESSES:
        for bits in ((24, 64), (8, 48)):
            expected = sum(network(ip, *bits) == network(other, *bits) for other in after)
            assert early.of_network(ip, *bits) == late.of_network(ip, *bits) == expected


@given(st.lists(st.sampled_from(ADDRESSES)), st.lists(st.sampled_from(ADDRESSES)))
def test_largest_holders_are_the_same_whenever_they_are_asked_for(
    before: list[bytes], after: list[bytes]
) -> None:
    early, late = census(*before), census(*before, *after)
    list(early.holders())
    for ip in after:
        early.enter(ip)
    for ip in before:
        early.leave(ip)
        late.leave(ip)
    largest = sorted((after.count(ip) for ip in set(after)), reverse=True)[:HOLDERS_SHOWN]
    for made in (early, late):
        held = list(made.holders())
        assert [count for _, count in held] == largest
        assert all(count == after.count(ip) for ip, count in held)


def test_asking_for_the_largest_holders_costs_the_same_among_thousands() -> None:
    made = census(*(b"10.0.%d.%d" % divmod(number, 256) for number in range(20_000)))
    start = time.process_time()
    for _ in range(1000):
        assert len(list(made.holders())) == HOLDERS_SHOWN
    assert time.process_time() - start < 1  # looking at each would take several


def test_client_over_the_limit_of_its_address_is_told_which() -> None:
    made = census(b"10.0.0.1", b"10.0.0.1", b"10.0.0.2")
    assert over_server_limit(made, b"10.0.0.1", general(per_ip=2)) == b""
    assert over_server_limit(made, b"10.0.0.1", general(per_ip=1)) == b"per-ip 2/1"
    assert over_server_limit(made, b"10.0.0.2", general(per_ip=1)) == b""


def test_client_over_the_limit_of_its_network_is_told_which() -> None:
    made = census(b"10.0.0.1", b"10.0.0.2", b"10.0.1.1")
    assert over_server_limit(made, b"10.0.0.1", general(per_net=1)) == b"per-net 2/1"
    assert over_server_limit(made, b"10.0.1.1", general(per_net=1)) == b""


def over(ips: list[bytes], *assignments: tuple[bytes, bytes], load: int | None = 0) -> bytes:
    """Return the limit of a rule that the first of some clients is over."""
    return over_rule_limit(census(*ips), ips[0], assignments, lambda: load)


THREE = [b"10.0.0.1", b"10.0.0.1", b"10.0.0.2"]


def test_rule_sets_limits_of_its_own() -> None:
    assert over(THREE, (b"MAXCONNIP", b"2")) == b""
    assert over(THREE, (b"MAXCONNIP", b"1")) == b"MAXCONNIP 2/1"
    assert over(THREE, (b"X", b"1"), (b"MAXCONNC", b"2")) == b"MAXCONNC 3/2"


@pytest.mark.parametrize("name", [b"MAXCONIP", b"MAXPERIP"])
def test_names_of_other_servers_limit_the_clients_of_an_address(name: bytes) -> None:
    assert over(THREE, (name, b"2")) == b""
    assert over(THREE, (name, b"1")) == name + b" 2/1"


@given(
    st.lists(
        st.tuples(st.sampled_from([b"MAXCONNIP", b"MAXCONIP", b"MAXPERIP"]), st.integers(0, 5)), min_size=1
    )
)
def test_of_several_limits_on_one_thing_the_smallest_counts(limits: list[tuple[bytes, int]]) -> None:
    said = over(THREE, *((name, b"%d" % limit) for name, limit in limits))
    smallest = min(limit for _, limit in limits)
    assert said == b"" if smallest >= 2 else said.endswith(b" 2/%d" % smallest)


def test_load_is_refused_from_the_limit_on() -> None:
    limit = (b"MAXLOAD", b"350")
    assert over(THREE, limit, load=349) == b""
    assert over(THREE, limit, load=350) == b"load 350/350"
    assert over(THREE, limit, load=412) == b"load 412/350"
    assert over(THREE, (b"MAXLOAD", b"0"), load=0) == b"load 0/0"
    assert over(THREE, (b"MAXLOAD", b"900"), limit, load=500) == b"load 500/350"


def test_unknown_load_is_an_error_and_never_no_limit() -> None:
    with pytest.raises(BadLimitError) as raised:
        over(THREE, (b"MAXLOAD", b"999999"), load=None)
    assert raised.value.name == b"MAXLOAD"
    assert raised.value.why == b"cannot be checked, the load average is unknown"


def test_load_is_not_asked_for_without_a_limit_on_it() -> None:
    def load() -> int:
        raise AssertionError

    assert over_rule_limit(census(*THREE), b"10.0.0.1", ((b"MAXCONNIP", b"5"),), load) == b""


class System:
    """A system whose load and clock are set by a test."""

    def __init__(self) -> None:
        self.loads: list[float | None] = []
        self.now = 1000.0
        self.meter = LoadMeter(self.read, lambda: self.now)

    def read(self) -> tuple[float, float, float]:
        load = self.loads.pop(0)
        if load is None:
            raise OSError("Load averages are unobtainable")
        return load, 0.0, 0.0


def test_load_is_read_at_most_once_in_a_pause() -> None:
    system = System()
    system.loads = [3.5, 0.004, 7.129]
    said = []
    for _ in range(6):
        said.append(system.meter.hundredths())
        system.now += PAUSE / 2
    assert said == [350, 350, 0, 0, 713, 713]


def test_load_that_cannot_be_read_is_unknown_until_it_can() -> None:
    system = System()
    system.loads = [1.0, None, 2.0]
    said = []
    for _ in range(6):
        said.append(system.meter.hundredths())
        system.now += PAUSE / 2
    assert said == [100, 100, None, None, 200, 200]


def test_load_is_that_of_the_kernel() -> None:
    for _ in range(100):  # it may change in between
        before, said, after = (
            Path("/proc/loadavg").read_text(),
            LoadMeter().hundredths(),
            Path("/proc/loadavg").read_text(),
        )
        if before.split()[0] == after.split()[0]:
            assert said is not None
            assert abs(said - round(float(before.split()[0]) * 100)) <= 1  # that file is rounded
            return
    pytest.fail("the load changes all the time")


@pytest.mark.parametrize("name", sorted(LIMITS))
@pytest.mark.parametrize(
    "value", [b"", b"x", b"-1", b"1.5", b" 1", b"0x10", b"1_000", b"\xb2", b"1" + b"0" * 18]
)
def test_limit_that_is_no_number_is_an_error_and_never_no_limit(name: bytes, value: bytes) -> None:
    for others in ((), ((b"MAXCONNIP", b"0"),)):  # also behind a limit that the client is over
        with pytest.raises(BadLimitError) as raised:
            check((*others, (name, value)))
        assert (raised.value.name, raised.value.why) == (name, b"is no number")
    assert limit_remark(name, value) is not None


def check(assignments: tuple[tuple[bytes, bytes], ...]) -> None:
    """Read all limits of a rule, as the server does."""
    over(THREE, *assignments)
    rule_time(assignments)


@given(st.sampled_from(sorted(LIMITS)), st.text("0123456789x ", max_size=20).map(str.encode))
def test_lint_and_server_agree_on_what_is_a_limit(name: bytes, value: bytes) -> None:
    try:
        check(((name, value),))
        dropped = False
    except BadLimitError:
        dropped = True
    assert (limit_remark(name, value) is not None) == dropped


def test_smallest_time_of_a_rule_counts() -> None:
    assert rule_time(()) is None
    assert rule_time(((b"MAXCONNIP", b"5"),)) is None
    assert rule_time(((b"MAXTIME", b"600"), (b"MAXTIME", b"060"))) == 60


@pytest.mark.parametrize("value", [b"0", b"000"])
def test_no_time_at_all_is_an_error(value: bytes) -> None:
    with pytest.raises(BadLimitError) as raised:
        rule_time(((b"MAXTIME", b"9"), (b"MAXTIME", value)))
    assert (raised.value.name, raised.value.why) == (b"MAXTIME", b"is 0")


def test_message_of_the_rule_comes_before_the_server_s_own() -> None:
    assert limit_message((), b"own") == b"own"
    assert limit_message(((b"DIEMSG", b"rule"),), b"own") == b"rule"


def test_limit_of_more_digits_than_any_number_is_refused() -> None:
    with pytest.raises(BadLimitError):
        over(THREE, (b"MAXCONNIP", b"9" * 5000))
