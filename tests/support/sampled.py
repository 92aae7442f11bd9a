"""Parameters of which the default run takes a few: each costs servers or processes of its own."""

from collections.abc import Iterable

import pytest


def sampled(values: Iterable[object], every: int = 3) -> list[object]:
    """Return all values, but mark those between every so many as slow; the first is not."""
    return [
        pytest.param(value, marks=pytest.mark.slow) if number % every else value
        for number, value in enumerate(values)
    ]
