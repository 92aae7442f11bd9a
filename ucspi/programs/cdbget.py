"""``cdbget KEY [SKIP]``: print the data of one record of the database on standard input."""

from ucspi.cdb import Reader, open
from ucspi.exits import EXIT_TEMPORARY
from ucspi.programs._program import Stop, run
from ucspi.programs._read_cdb import run_reader
from ucspi.programs._stdio import InputError, write

PROGRAM = b"cdbget"
USAGE = b"cdbget: usage: cdbget key [skip]"
EXIT_ABSENT = 100
DIGITS_MAX = 20  # of a number; no file has so many records


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_cdbget, argv)  # ``--help`` alone is a key


def _cdbget(argv: list[bytes]) -> int:
    if len(argv) < 2:
        raise Stop(USAGE, EXIT_TEMPORARY)  # not 100, which would say that the key is absent
    skip = _number(argv[2]) if len(argv) > 2 else 0
    return run_reader(PROGRAM, lambda: _get(argv[1], skip))


def _get(key: bytes, skip: int) -> int:
    try:
        reader = open(0)
    except OSError as error:
        raise InputError(error) from None
    data = _find(reader, key, skip)
    if data is None:
        return EXIT_ABSENT
    write(data)
    return 0


def _find(reader: Reader, key: bytes, skip: int) -> "bytes | memoryview | None":
    """Return the data of the record with ``key`` after ``skip`` others."""
    if not skip:
        found = reader.find(key)
        return None if found is None else reader.view[found[0] : found[0] + found[1]]
    for data in reader.get_all(key):
        if not skip:
            return data
        skip -= 1
    return None


def _number(text: bytes) -> int:
    """Return the number at the beginning of a text; without digits it is 0."""
    from ucspi.decimal import first_digits, leading_digits

    return first_digits(leading_digits(text), DIGITS_MAX)
