"""``cdb``: tinycdb's tool that makes, queries, dumps, lists and describes databases."""

from ucspi.programs._cdb_trouble import attempt, usage_error
from ucspi.programs._getopt import OptionError, Options, number
from ucspi.programs._program import run

LETTERS = b"qdlcsht:n:mwruep:0"
WORDS = (b"--64",)
MODES = b"qdlcs"
HELP = b"""\
cdb: query, dump, list, make or describe a constant database
 query:     cdb -q [-m] [-n number] database key
 dump:      cdb -d [-m] [database|-]
 list:      cdb -l [-m] [database|-]
 make:      cdb -c [-m] [-weru0] [--64] [-t temporary|-] [-p permissions] database [input|-]...
 describe:  cdb -s [database|-]
 help:      cdb -h"""
INT_MAX = 2**31 - 1


class Settings:
    """What the options ask for."""

    __slots__ = ("duplicates", "form", "mode", "nth", "permissions", "plain", "stop", "temporary", "warn")

    def __init__(self) -> None:
        """Begin with nothing asked for."""
        self.mode = b""
        self.form = "cdb"  # --64: cdb64
        self.plain = False  # -m: keys and data without lengths
        self.nth = 0  # -n: only this record, from 1; 0 for all
        self.temporary: bytes | None = None  # -t
        self.permissions: int | None = None  # -p
        self.duplicates = b""  # the last of -r, -u and -0
        self.warn = self.stop = False  # -w, -e


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_cdb, argv, HELP)


def _cdb(argv: list[bytes]) -> int:
    if len(argv) < 2:
        raise usage_error(b"no arguments given")
    options = Options(argv, LETTERS, WORDS)
    settings = Settings()
    try:
        for letter, value in options:
            if letter == b"h":
                return attempt(_help)
            _take(settings, letter, value)
    except OptionError as error:
        raise usage_error(error.line) from None
    return attempt(lambda: _work(settings, options.operands))


def _take(settings: Settings, letter: bytes, value: bytes) -> None:
    """Put one option into the settings."""
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


def _work(settings: Settings, operands: list[bytes]) -> int:
    """Do what the mode asks; each mode's module is loaded only then."""
    match settings.mode:
        case b"q":
            return _query(settings, operands)
        case b"c":
            if not operands:
                raise usage_error(b"no database name specified")
            from ucspi.programs._cdb_make import make

            return make(settings, operands[0], operands[1:] or [b"-"])
        case b"s":
            from ucspi.programs._cdb_stats import describe

            return describe(_database(operands, b"extra argument(s) for stats"))
        case b"d" | b"l":
            from ucspi.programs._cdb_dump import show

            database = _database(operands, b"extra arguments for dump/list")
            return show(database, keys_only=settings.mode == b"l", plain=settings.plain)
    raise usage_error(b"no -q, -c, -d, -l or -s option specified")


def _query(settings: Settings, operands: list[bytes]) -> int:
    if len(operands) < 2:
        raise usage_error(b"no database or key to query specified")
    if len(operands) > 2:
        raise usage_error(b"extra arguments in command line")
    from ucspi.programs._cdb_query import query

    return query(operands[0], operands[1], nth=settings.nth, lines=settings.plain)


def _database(operands: list[bytes], complaint: bytes) -> bytes:
    """Return the one operand; without any it is standard input."""
    if len(operands) > 1:
        raise usage_error(complaint)
    return operands[0] if operands else b"-"


def _help() -> None:
    from ucspi.programs._standard import write

    write(HELP + b"\n")
