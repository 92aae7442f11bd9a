"""Patterns of multilog: a star takes what comes up to the next character of the pattern, and never more."""

import pytest

from ucspi.logs.pattern import matches
from ucspi.unix import native

CASES = [
    (b"", b"", True),
    (b"", b"a", False),
    (b"*", b"", True),
    (b"*", b"a\0b", True),
    (b"a", b"a", True),
    (b"a", b"ab", False),
    (b"ab", b"a", False),
    (b"*ab", b"ab", True),
    (b"*ab", b"xab", True),
    (b"*ab", b"aab", False),
    (b"*b", b"abb", False),
    (b"a*b*", b"axxbyy", True),
    (b"a*b*", b"axx", False),
    (b"**", b"a*b", True),
    (b"**", b"ab", False),
    (b"***", b"a*b", True),
    (b"**b", b"a*xb", True),
    (b"* ", b"@4000 ", True),
    (b"* ", b"@4000 x", False),
    (b"\xff*", b"\xffx", True),
]


def natively(pattern: bytes, line: bytes) -> bool:
    if native.lib is None:
        pytest.skip("not compiled")
    return bool(native.lib.usys_matches(pattern, len(pattern), line, len(line)))


@pytest.mark.parametrize("match", [matches, natively])
@pytest.mark.parametrize(("pattern", "line", "expected"), CASES)
def test_pattern_never_looks_back(match: "Match", pattern: bytes, line: bytes, expected: bool) -> None:
    assert match(pattern, line) is expected


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Match = Callable[[bytes, bytes], bool]
