"""Every state that can be reached, every control byte: ours does what the original does."""

import time
from random import Random

import pytest

from tests.differential.supervise.conftest import Make
from tests.support.patience import wait_for
from tests.support.supervised import PLAIN, STUBBORN, Service

# How to get into a state: whether there is a file ``down``, and what to send.
WAYS = {
    "up": (False, b""),
    "up once": (False, b"o"),
    "up, want down": (False, b"d"),
    "up paused": (False, b"p"),
    "up once paused": (False, b"op"),
    "up, want down, paused": (False, b"dp"),
    "leaving": (False, b"x"),
    "leaving once": (False, b"ox"),
    "leaving, want down": (False, b"dx"),
    "leaving paused": (False, b"px"),
    "leaving once paused": (False, b"opx"),
    "leaving, want down, paused": (False, b"dpx"),
    "down": (True, b""),
    "down once": (True, b"ok"),
    "down paused": (True, b"p"),
    "down once paused": (True, b"okp"),
}
LETTERS = [b"u", b"d", b"o", b"p", b"c", b"h", b"a", b"i", b"t", b"k", b"x", b"Z"]

Pair = tuple[Service, Service]


def compare(pairs: list[Pair], what: str) -> None:
    """Wait until each pair has heard all and looks the same, and still does a moment later."""

    def settled() -> bool:
        if not all(service.has_heard() for pair in pairs for service in pair):
            return False
        return all(one.state() == other.state() for one, other in pairs)

    try:
        wait_for(settled, what)
        time.sleep(0.3)  # what should not happen has the time to
        wait_for(settled, what)
    except AssertionError:
        differing = [(p[0].directory.name, p[0].state(), p[1].state()) for p in pairs]
        raise AssertionError([line for line in differing if line[1] != line[2]]) from None


def pair(make: Make, mine: list[str], original: list[str], name: str, run: str, *, down: bool) -> Pair:
    one = make(f"{name} ours", run, down=down).start(mine)
    return one, make(f"{name} original", run, down=down).start(original)


def walk(make: Make, mine: list[str], original: list[str], cases: list[tuple[str, bytes]]) -> None:
    """Bring two services into each state, send both a letter, and compare before and after."""
    pairs = []
    for way, letter in cases:
        down, _ = WAYS[way]
        pairs.append(pair(make, mine, original, f"{way} {letter.decode()}", STUBBORN, down=down))
    for (way, _), both in zip(cases, pairs, strict=True):
        for service in both:
            service.send(WAYS[way][1])
    compare(pairs, "the state is reached")
    for (_, letter), both in zip(cases, pairs, strict=True):
        for service in both:
            service.send(letter)
    compare(pairs, "the letter has had its effect")


def test_letters_in_some_states(make: Make, mine: list[str], original: list[str]) -> None:
    walk(make, mine, original, [("up", b"t"), ("up paused", b"d"), ("leaving", b"k"), ("down paused", b"u")])


@pytest.mark.slow
@pytest.mark.parametrize("letter", LETTERS)
def test_letter_in_every_state(make: Make, mine: list[str], original: list[str], letter: bytes) -> None:
    walk(make, mine, original, [(way, letter) for way in WAYS])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_generated_letters(make: Make, mine: list[str], original: list[str], seed: int) -> None:
    """Several at once, also while the supervisor rests.

    What may end the service comes last: whether a supervisor sees the end or
    the next letter first depends on which is quicker, for the original too.
    For the same reason nothing is paused, for signals wait then.
    """
    random = Random(seed)
    pairs = [
        pair(make, mine, original, str(number), random.choice((PLAIN, STUBBORN)), down=random.random() < 0.3)
        for number in range(8)
    ]
    for _ in range(4):
        for both in pairs:
            letters = b"".join(random.choices(b"u o c Z".split(), k=random.randint(0, 3)))
            letters += random.choice(b"u d d h a i t k".split())
            for service in both:
                service.send(letters)
        compare(pairs, "the letters have had their effect")
    for both in pairs:
        for service in both:
            service.send(b"dkx")
    compare(pairs, "all have left")
    assert {service.code() for both in pairs for service in both} == {0}
