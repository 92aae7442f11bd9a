"""``pyhandler [--path DIR ...] [--keep N] MODULE:FUNCTION [ARGUMENT ...]``: serve by a Python function."""

import os
import sys

from ucspi.errors import NoFunctionError
from ucspi.exits import EXIT_USAGE
from ucspi.handler import environment, find
from ucspi.handler.client import Client
from ucspi.handler.serve import serve
from ucspi.programs import _options
from ucspi.programs._program import Stop, fatal, run
from ucspi.unix import fds

PROGRAM = b"pyhandler"
STEM, BINDS = b"UCSPI_STEM", b"LD_BIND_NOW=stem"  # as in `stemchannel`, which hardly any process needs
USAGE = b"pyhandler: usage: pyhandler [ --path directory ] ... [ --keep n ] module:function [ argument ... ]"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_pyhandler, argv, USAGE)


def _pyhandler(argv: list[bytes]) -> int:
    fds.occupy_standard()
    options, operands = _options.parse(argv, b"", USAGE, {b"path": True, b"keep": True})
    module, colon, function = os.fsdecode(operands[0] if operands else b"").partition(":")
    if not (module and colon and function):
        raise Stop(USAGE, EXIT_USAGE)
    count = _count([value for word, value in options if word == b"keep"])
    environment.undo_interpreter()
    paths = [os.fsdecode(value) for word, value in options if word == b"path"]
    find.allow_imports(paths, os.environ.get("PYTHONPATH", ""))
    sys.argv = [os.fsdecode(operand) for operand in operands]
    if STEM in os.environb:
        name, _, value = BINDS.partition(b"=")
        if os.environb.get(name) == value:
            del os.environb[name]
        _become_stem(os.environb.pop(STEM), module, function, count)
    try:
        called = find.load(module, function)
    except NoFunctionError as error:
        raise fatal(PROGRAM, str(error).encode("utf-8", "backslashreplace")) from None
    client = Client(dict(os.environ), *environment.descriptors(os.environ))
    return serve(called, client, sys.argv[1:])


def _count(values: list[bytes]) -> int:
    """Return how many connections a process shall serve: the last value, or 1."""
    counts = [_options.number(PROGRAM, b"keep", value) for value in values]
    if 0 in counts:
        raise fatal(PROGRAM, b"--keep wants a number of at least 1, not 0", code=EXIT_USAGE)
    return counts[-1] if counts else 1


def _become_stem(value: bytes, module: str, function: str, count: int) -> None:
    """Serve many connections of the server that has asked for that; return if none has."""
    from ucspi.handler import stem, stempackets

    channel = stempackets.channel_of(value)
    if channel is not None:
        stem.Stem(*channel).serve(lambda: find.load(module, function), sys.argv[1:], count)
