"""The rate of connections of a source: a bucket of tokens for each, in bounded memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucspi.tcp.server.rate import LARGEST, NANOSECONDS, Buckets, Rate, parse_rate

ONE, OTHER = b"10.0.0.1", b"10.0.0.2"


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += int(seconds * NANOSECONDS)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def taken(buckets: Buckets, ip: bytes, tries: int) -> int:
    """Return how many of so many connections are taken in."""
    return sum(not buckets.take_token(ip) for _ in range(tries))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (b"10/60", (10, 60, 10)),
        (b"10/60,25", (10, 60, 25)),
        (b"1/1,1", (1, 1, 1)),
        (b"007/010", (7, 10, 7)),
        (b"%d/%d" % (LARGEST, LARGEST), (LARGEST, LARGEST, LARGEST)),
    ],
)
def test_rate_is_two_numbers_and_a_burst_that_is_the_first_unless_said(
    text: bytes, read: tuple[int, int, int]
) -> None:
    rate = parse_rate(text)
    assert (rate.count, rate.seconds, rate.burst) == read


@pytest.mark.parametrize(
    "text",
    [b"", b"/", b"5", b"5/", b"/5", b"0/5", b"5/0", b"5/5,", b"5/5,0", b"5/5,x", b"5/5,1,1", b"5/5/5"]
    + [b"-5/5", b"5.5/5", b" 5/5", b"5/5 ", b"%d/1" % (LARGEST + 1), b"9" * 5000 + b"/1", b"\xb2/1"],
)
def test_anything_else_is_no_rate(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the text is all it has to say
        parse_rate(text)


def test_burst_is_taken_at_once_and_then_one_for_each_token_that_came_back(clock: Clock) -> None:
    buckets = Buckets(Rate(2, 10, 3), clock)
    assert taken(buckets, ONE, 5) == 3
    clock.pass_by(4.999)
    assert buckets.take_token(ONE) == b"rate 2/10"
    clock.pass_by(0.001)
    assert taken(buckets, ONE, 2) == 1
    clock.pass_by(1000)
    assert taken(buckets, ONE, 5) == 3  # no more than the burst is ever saved up


def test_who_is_refused_loses_nothing_by_trying(clock: Clock) -> None:
    buckets = Buckets(Rate(1, 1, 1), clock)
    assert taken(buckets, ONE, 100) == 1
    clock.pass_by(1)
    assert taken(buckets, ONE, 1) == 1


def test_each_source_has_a_bucket_of_its_own(clock: Clock) -> None:
    buckets = Buckets(Rate(1, 60, 1), clock)
    assert [taken(buckets, ip, 2) for ip in (ONE, OTHER, b"2001:db8::1")] == [1, 1, 1]


def test_addresses_of_one_64_share_a_bucket(clock: Clock) -> None:
    buckets = Buckets(Rate(1, 60, 1), clock)
    assert buckets.take_token(b"2001:db8::1") == b""
    assert buckets.take_token(b"2001:db8::ffff:1") == b"rate 1/60"
    assert buckets.take_token(b"2001:db8:0:1::1") == b""


@given(
    rate=st.builds(Rate, st.integers(1, 7), st.integers(1, 7), st.integers(1, 5)),
    steps=st.lists(st.tuples(st.integers(0, 3 * NANOSECONDS), st.sampled_from([ONE, OTHER])), max_size=60),
)
def test_no_stretch_of_time_has_more_than_burst_and_rate_allow(
    rate: Rate, steps: list[tuple[int, bytes]]
) -> None:
    clock = Clock()
    buckets = Buckets(rate, clock)
    moments: dict[bytes, list[int]] = {ONE: [], OTHER: []}
    for wait, ip in steps:
        clock.now += wait
        if not buckets.take_token(ip):
            moments[ip].append(clock.now)
    for times in moments.values():
        for first, begin in enumerate(times):
            for last in range(first, len(times)):
                extra = (last - first + 1 - rate.burst) * rate.seconds * NANOSECONDS
                assert extra <= rate.count * (times[last] - begin)


@given(rate=st.builds(Rate, st.integers(1, 7), st.integers(1, 7), st.integers(1, 5)))
def test_who_waits_for_a_token_is_always_served(rate: Rate) -> None:
    clock = Clock()
    buckets = Buckets(rate, clock)
    taken(buckets, ONE, rate.burst)
    for _ in range(20):
        clock.now += -(-rate.seconds * NANOSECONDS // rate.count)
        assert buckets.take_token(ONE) == b""


def flood(buckets: Buckets, count: int, begin: int = 0) -> None:
    for number in range(begin, begin + count):
        assert buckets.take_token(b"2001:db8:%x:%x::1" % divmod(number, 65536)) == b""


def test_full_buckets_are_forgotten(clock: Clock) -> None:
    buckets = Buckets(Rate(1, 1, 1), clock)
    flood(buckets, 10000)
    assert len(buckets) == 10000
    clock.pass_by(1)
    flood(buckets, 10000, 10000)
    clock.pass_by(1)
    flood(buckets, 10500, 20000)
    assert len(buckets) < 11000


def test_flood_of_sources_takes_bounded_memory_and_forgets_the_busiest_last(clock: Clock) -> None:
    buckets = Buckets(Rate(1, 3600, 2), clock, most=2000)
    assert taken(buckets, ONE, 3) == 2
    for begin in range(0, 50000, 100):
        flood(buckets, 100, begin)
        clock.pass_by(0.001)
        assert len(buckets) <= 2000
    assert buckets.take_token(ONE) == b"rate 1/3600"


def test_table_of_equal_buckets_makes_room(clock: Clock) -> None:
    buckets = Buckets(Rate(1, 3600, 1), clock, most=8)
    flood(buckets, 100)
    assert 1 <= len(buckets) <= 8
    assert buckets.take_token(b"2001:db8:0:63::1") == b"rate 1/3600"  # the last that came
