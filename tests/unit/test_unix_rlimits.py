"""Limits of a process as softlimit sets them, and memory that was reserved before."""

import subprocess
import sys
from resource import RLIM_INFINITY, RLIMIT_CORE, RLIMIT_NOFILE, getrlimit

import pytest

from tests.support.patience import PATIENCE
from ucspi.unix import rlimits


@pytest.mark.parametrize(
    ("value", "set_to"),
    [
        (0, 0),
        (2**63 - 1, 2**63 - 1),
        (2**63, -(2**63)),
        (2**64 - 2, -2),
        (2**64 - 1, -1),
        (2**70, -1),
        (None, -1),
    ],
)
def test_value_below_no_limit_at_all_is_what_the_kernel_gets(
    monkeypatch: pytest.MonkeyPatch, value: int | None, set_to: int
) -> None:
    monkeypatch.setattr(rlimits, "getrlimit", lambda number: (7, RLIM_INFINITY))
    assert rlimits.soft(RLIMIT_CORE, value) == (RLIMIT_CORE, (set_to, RLIM_INFINITY))


@pytest.mark.parametrize(("value", "set_to"), [(9, 9), (10, 10), (11, 10), (2**64 - 1, 10), (None, 10)])
def test_value_above_the_hard_limit_is_the_hard_limit(
    monkeypatch: pytest.MonkeyPatch, value: int | None, set_to: int
) -> None:
    monkeypatch.setattr(rlimits, "getrlimit", lambda number: (7, 10))
    assert rlimits.soft(RLIMIT_CORE, value) == (RLIMIT_CORE, (set_to, 10))


def test_limits_are_applied_one_after_the_other() -> None:
    before = getrlimit(RLIMIT_NOFILE)
    try:
        rlimits.apply([rlimits.soft(RLIMIT_NOFILE, 100), rlimits.soft(RLIMIT_NOFILE, 90)])
        assert getrlimit(RLIMIT_NOFILE) == (90, before[1])
    finally:
        rlimits.apply([(RLIMIT_NOFILE, before)])


USE = """\
from ucspi.unix import rlimits
cork = rlimits.reserve(4_000_000 if {reserved} else 0)
rlimits.apply([rlimits.soft(rlimits.AS, 0), rlimits.soft(rlimits.DATA, 0)])
try:
    held = [bytearray(1000) for _ in range(3000)]
except MemoryError:
    print("none")
else:
    print("enough")
"""


@pytest.mark.parametrize(("reserved", "said"), [(True, b"enough\n"), (False, b"none\n")])
def test_what_was_reserved_is_there_when_the_system_gives_nothing(reserved: bool, said: bytes) -> None:
    done = subprocess.run(
        [sys.executable, "-c", USE.format(reserved=reserved)],
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )
    assert done.stdout == said
