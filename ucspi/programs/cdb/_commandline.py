"""Reads the command line: parses options as GNU getopt does, and keeps them as settings.

Tinycdb's ``cdb`` is the only original here that was written with getopt.
Options may follow operands, unless ``POSIXLY_CORRECT`` is in the environment.
``--`` ends the options.
"""

import os

from ucspi.programs.cdb._messages import usage_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LETTERS = b"qdlcsht:n:mwruep:0"
WORDS = (b"--64",)
INT_MAX = 2**31 - 1


class Options:
    """Iterates over the options of a command line; after that ``operands`` has the operands."""

    __slots__ = ("_arguments", "_letters", "_words", "operands")

    def __init__(self, argv: list[bytes], letters: bytes, words: tuple[bytes, ...] = ()) -> None:
        """Parse a whole command line; a letter with a value is followed by ``:``; words have no values."""
        self._arguments = argv[:0:-1]  # in reverse: the next one is the last
        self._letters, self._words = letters, words
        self.operands: list[bytes] = []

    def __iter__(self) -> "Iterator[tuple[bytes, bytes]]":
        """Yield letter or word and value (empty for a flag) one by one.

        Raises:
            Stop: an option is unknown or lacks its value, in the words of getopt.
        """
        in_order = b"POSIXLY_CORRECT" in os.environb
        while self._arguments:
            argument = self._arguments.pop()
            if argument == b"--":
                break
            if argument in self._words:
                yield argument, b""
            elif argument[:1] == b"-" and argument != b"-":
                yield from self._bundle(argument[1:])
            else:
                self.operands.append(argument)
                if in_order:
                    break
        self.operands += self._arguments[::-1]

    def _bundle(self, bundle: bytes) -> "Iterator[tuple[bytes, bytes]]":
        while bundle:
            letter, bundle = bundle[:1], bundle[1:]
            known = self._letters.find(letter) if letter != b":" else -1
            if known < 0:
                raise usage_error(b"invalid option -- '%b'" % letter)
            if self._letters[known + 1 : known + 2] != b":":
                yield letter, b""
                continue
            if not bundle and not self._arguments:
                raise usage_error(b"option requires an argument -- '%b'" % letter)
            yield letter, bundle or self._arguments.pop()
            return


def number(text: bytes) -> int | None:
    """Return a whole number as C's strtol reads it with base 0; None if other characters follow.

    White space and a sign may precede.  ``0x`` means hexadecimal, ``0`` octal.  An
    empty text is 0.
    """
    if not text:
        return 0
    digits = text.lstrip(b" \t\n\v\f\r")
    sign = -1 if digits[:1] == b"-" else 1
    if digits[:1] in (b"+", b"-"):
        digits = digits[1:]
    base = 10
    if digits[:2].lower() == b"0x":
        base, digits = 16, digits[2:]
    elif digits[:1] == b"0":
        base = 8
    if not digits or len(digits) > 1000 or digits.strip(b"0123456789abcdefABCDEF"):
        return None  # int() takes more than strtol: underscores, blanks, other digits
    try:
        return sign * int(digits, base)
    except ValueError:
        return None


class Settings:
    """The settings that the options make."""

    __slots__ = ("duplicates", "form", "mode", "nth", "permissions", "plain", "stop", "temporary", "warn")

    def __init__(self) -> None:
        self.mode = b""
        self.form = "cdb"  # --64: cdb64
        self.plain = False  # -m: keys and data without lengths
        self.nth = 0  # -n: only this record, from 1; 0 for all
        self.temporary: bytes | None = None  # -t
        self.permissions: int | None = None  # -p
        self.duplicates = b""  # the last of -r, -u and -0
        self.warn = self.stop = False  # -w, -e


def apply_option(settings: Settings, letter: bytes, value: bytes) -> None:
    """Change the settings as one option says."""
    match letter:
        case b"q" | b"d" | b"l" | b"c" | b"s":
            if settings.mode not in (b"", letter):
                raise usage_error(b"different modes of operation requested")
            settings.mode = letter
        case b"--64":
            settings.form = "cdb64"
        case b"m":
            settings.plain = True
        case b"n":
            settings.nth = _within(1, INT_MAX, value, b"record number")
        case b"p":
            settings.permissions = _within(0, 0o777, value, b"permissions")
        case b"t":
            settings.temporary = value
        case b"w":
            settings.warn = True
        case b"e":
            settings.stop = True
        case _:
            settings.duplicates = letter


def _within(least: int, most: int, text: bytes, what: bytes) -> int:
    value = number(text)
    if value is None or not least <= value <= most:
        raise usage_error(b"invalid %b `%b'" % (what, text))
    return value
