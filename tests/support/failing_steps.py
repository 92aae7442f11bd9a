"""A server with steps that fail for want of memory, each once and when it is told."""

import sys
from pathlib import Path

FIRST = "ucspi.tcp.server.door.Connection"  # of all steps of a client
# A step fails when its name stands in the file "fails".
SCRIPT = """
import os, sys
from importlib import import_module

FIRST = sys.argv.pop(1)
chosen = None  # what is to fail for the client that has come

def is_to_fail(path):
    # With the first step only from that on: something may be left to do for the client before.
    global chosen
    if path == FIRST or FIRST not in paths:
        chosen = told()
    if chosen != path:
        return False
    chosen = None
    os.unlink("fails")
    return True

def told():
    try:
        with open("fails") as file:
            return file.read()
    except FileNotFoundError:  # nothing is to fail, or the test no longer wants it to
        return None

def wrap(path):
    owner, name = path.rsplit(".", 1)
    try:
        owner = import_module(owner)
    except ModuleNotFoundError:
        module, cls = owner.rsplit(".", 1)
        owner = getattr(import_module(module), cls)
    real = getattr(owner, name)

    def wrapper(*arguments, **named):
        if is_to_fail(path):
            raise MemoryError
        return real(*arguments, **named)

    setattr(owner, name, wrapper)

import ucspi.tcp.server.doors, ucspi.tcp.server.clientlookups, ucspi.tcp.report.classic
paths = sys.argv.pop(1).split()
for path in paths:
    wrap(path)
ucspi.tcp.server.doors.PAUSE = 0.05
from ucspi.programs.tcpserver import main
sys.exit(main())
"""


def failing(folder: Path, steps: list[str]) -> tuple[str, ...]:
    """Return a server command whose steps fail when told."""
    script = folder / "failing.py"
    script.write_text(SCRIPT)
    return (sys.executable, str(script), FIRST, " ".join(steps))


def fail(folder: Path, step: str) -> None:
    new = folder / "new"
    new.write_text(step)
    new.rename(folder / "fails")
