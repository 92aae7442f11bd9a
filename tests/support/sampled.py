"""Parameters of which the default run takes a few: each costs servers or processes of its own."""

from collections.abc import Iterable, Iterator
from itertools import count

import pytest


def sampled(values: Iterable[object], every: int = 3) -> Iterator[object]:
    """Yield all values, but mark those between every so many as slow; the first is not."""
    for number, value in zip(count(), values):
        yield pytest.param(value, marks=pytest.mark.slow) if number % every else value
