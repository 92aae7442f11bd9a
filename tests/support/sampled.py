"""Cases of which the default run takes a few: each costs servers or processes of its own.

Two ways: `sampled` for the values of one parameter, and for all cases of a
function, whatever they are the product of, the marker ``sampled(every)``, which
may stand for a whole file.  The others run with ``-m slow``.
"""

import zlib
from collections.abc import Iterable, Sequence

import pytest

DEFAULT = "not slow"  # the expression in pyproject.toml


def sampled(values: Iterable[object], every: int = 3) -> list[object]:
    """Return all values, but mark those between every so many as slow; the first is not."""
    return [
        pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.slow)
        if number % every
        else value
        for number, value in enumerate(values)
    ]


def mark_sample(cases: Sequence[pytest.Item]) -> None:
    """Mark as slow all cases of one function but every so many, as its marker ``sampled`` says.

    Each function begins elsewhere, so that of a command or a link that all
    functions of a file try, each default run tries something.
    """
    marker = cases[0].get_closest_marker("sampled")
    if marker is None:
        return
    every = min(marker.args[0], len(cases))
    name = cases[0].nodeid.partition("[")[0].rpartition("::")[2]
    for number, case in enumerate(cases):
        if number % every != zlib.crc32(name.encode()) % every:
            case.add_marker(pytest.mark.slow)


def wanted(cases: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Leave out at once what the default run leaves out: all that is done with each case would take seconds.

    Who asks for single tests is told which of them are deselected.
    """
    config = cases[0].config
    if config.getoption("markexpr") != DEFAULT or any("::" in argument for argument in config.args):
        return list(cases)
    return [case for case in cases if case.get_closest_marker("slow") is None]
