"""``cdb``: tinycdb's tool that makes, queries, dumps, lists and describes databases."""

from ucspi.programs._program import run
from ucspi.programs.cdb._commandline import LETTERS, WORDS, Options, Settings, apply_option
from ucspi.programs.cdb._messages import run_mode, usage_error

HELP = b"""\
cdb: query, dump, list, make or describe a constant database
 query:     cdb -q [-m] [-n number] database key
 dump:      cdb -d [-m] [database|-]
 list:      cdb -l [-m] [database|-]
 make:      cdb -c [-m] [-weru0] [--64] [-t temporary|-] [-p permissions] database [input|-]...
 describe:  cdb -s [database|-]
 help:      cdb -h"""


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_cdb, argv, HELP)


def _cdb(argv: list[bytes]) -> int:
    if len(argv) < 2:
        raise usage_error(b"no arguments given")
    options = Options(argv, LETTERS, WORDS)
    settings = Settings()
    for letter, value in options:
        if letter == b"h":
            return run_mode(_help)
        apply_option(settings, letter, value)
    return run_mode(lambda: _work(settings, options.operands))


def _work(settings: Settings, operands: list[bytes]) -> int:
    """Run the mode, whose module is loaded only now."""
    match settings.mode:
        case b"q":
            return _query(settings, operands)
        case b"c":
            if not operands:
                raise usage_error(b"no database name specified")
            from ucspi.programs.cdb._make import make

            return make(settings, operands[0], operands[1:] or [b"-"])
        case b"s":
            from ucspi.programs.cdb._stats import describe

            return describe(_database(operands, b"extra argument(s) for stats"))
        case b"d" | b"l":
            from ucspi.programs.cdb._dump import show

            database = _database(operands, b"extra arguments for dump/list")
            return show(database, keys_only=settings.mode == b"l", plain=settings.plain)
    raise usage_error(b"no -q, -c, -d, -l or -s option specified")


def _query(settings: Settings, operands: list[bytes]) -> int:
    if len(operands) < 2:
        raise usage_error(b"no database or key to query specified")
    if len(operands) > 2:
        raise usage_error(b"extra arguments in command line")
    from ucspi.programs.cdb._query import query

    return query(operands[0], operands[1], nth=settings.nth, lines=settings.plain)


def _database(operands: list[bytes], complaint: bytes) -> bytes:
    """Return the only operand, or ``-``, standard input, if there is none."""
    if len(operands) > 1:
        raise usage_error(complaint)
    return operands[0] if operands else b"-"


def _help() -> None:
    from ucspi.programs._stdio import write

    write(HELP + b"\n")
