"""What a script of multilog says that nobody can mean."""

import pytest

from ucspi.logs.script import Script

LOST = "nothing takes the lines, which are lost; a directory begins with . or /"
IDLE = "nothing stands behind it that it is for, so it does nothing"
BYTES = "a number of bytes up to 9223372036854775807"
SECONDS = "a number of seconds up to 9223372036854775807"
NO_ACTION = "no action, so it does nothing; a directory begins with . or /"


def mistakes(*arguments: str) -> list[str]:
    return [mistake.decode() for mistake in Script([argument.encode() for argument in arguments]).mistakes]


@pytest.mark.parametrize(
    "arguments",
    [
        ("t", "./main"),
        ("t", "n20", "s1000000", "!gzip", "./main"),
        ("s4096", "n2", "./a", "s16777215", "n99999", "/b"),
        ("s004096", "n02", "./a"),
        ("t", "-*", "+*fatal:*", "=status"),
        ("e",),
        ("S0", "R0", "./main"),
        ("n20", "S99999", "R3600", "./main"),
        (f"S{2**63 - 1}", f"R{2**63 - 1}", "./main"),
        ("s9000", "S5000", "!gzip", "./main"),
        ("T", "./main"),
        ("t", "T", "./main"),
        ("n20", "s1000000", "T", "T", "-*", "+*fatal:*", "./main"),
        ("-*", "e", "+*", "./main"),
        (".",),
    ],
)
def test_script_that_means_what_it_says_has_none(arguments: tuple[str, ...]) -> None:
    assert mistakes(*arguments) == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), [LOST]),
        (("t",), [LOST]),
        (("-*", "n5"), [LOST]),
        (("t", "main"), ["main: " + NO_ACTION, LOST]),
        (("t./main",), ["t./main: t stands alone; what follows is not looked at", LOST]),
        (("Tx", "./main"), ["Tx: " + NO_ACTION]),
        (("./main", "T"), ["T: T counts only before the first action that sees lines"]),
        (("-*", "T", "e"), ["T: T counts only before the first action that sees lines"]),
        (("T", "t", "./main"), ["t: t counts only as the first action"]),
        (("T",), [LOST]),
        (("", "./main"), ["(empty): " + NO_ACTION]),
        (("a\nb", "./main"), ["a?b: " + NO_ACTION]),
        (("x" * 999, "./main"), ["x" * 100 + ": " + NO_ACTION]),
        (("s100", "./main"), ["s100: a size from 4096 to 16777215 stands behind the s; 4096 is taken"]),
        (("s", "./main"), ["s: a size from 4096 to 16777215 stands behind the s; 4096 is taken"]),
        (("s10m", "./main"), ["s10m: a size from 4096 to 16777215 stands behind the s; 4096 is taken"]),
        (
            ("s16777216", "./main"),
            ["s16777216: a size from 4096 to 16777215 stands behind the s; 16777215 is taken"],
        ),
        (
            (f"s{2**64 + 5000}", "./main"),
            ["s18446744073709556616: a size from 4096 to 16777215 stands behind the s; 5000 is taken"],
        ),
        (("nX", "./main"), ["nX: a number from 2 stands behind the n; 2 is taken"]),
        (("n1", "./main"), ["n1: a number from 2 stands behind the n; 2 is taken"]),
        (("n5x", "./main"), ["n5x: a number from 2 stands behind the n; 5 is taken"]),
        (("./main", "t"), ["t: t counts only as the first action"]),
        *(
            ((text, "./main"), [f"{text}: {BYTES} stands behind the S; it does nothing"])
            for text in ("S", "S-1", "Sx", "S1x", "S 1", "S+1", "S1_0", f"S{2**63}", "S" + "9" * 80)
        ),
        *(
            ((text, "./main"), [f"{text}: {SECONDS} stands behind the R; it does nothing"])
            for text in ("R", "R-1", "Rx", "R1h", "R1.5", f"R{2**63}")
        ),
        (("./main", "S5"), ["S5: " + IDLE]),
        (("./main", "Sx"), [f"Sx: {BYTES} stands behind the S; it does nothing"]),
        (("./main", "R5", "e"), ["R5: " + IDLE]),
        (
            ("S10", "./main"),
            ["./main: S10 is less than one file may have (s99999), so a full one is removed at once"],
        ),
        (("e2",), ["e2: e stands alone; what follows is not looked at"]),
        (("!", "./main"), ["!: it has no command, so the finished files become empty"]),
        (("./main", "n5", "s9000"), ["n5: " + IDLE, "s9000: " + IDLE]),
        (("./main", "-*debug*"), ["-*debug*: " + IDLE]),
        (("./main", "n5", "-*", "e"), ["n5: " + IDLE]),
        (("e", "!gzip"), ["!gzip: " + IDLE]),
    ],
)
def test_slip_is_noted(arguments: tuple[str, ...], expected: list[str]) -> None:
    assert mistakes(*arguments) == expected
