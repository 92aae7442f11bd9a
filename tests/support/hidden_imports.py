"""Programs to which nothing more can be imported once they work.

As at the limit of descriptors, after an upgrade, or as a user who may not read
the package: every import then fails, and what was asked for is written down.
"""

import sys
from pathlib import Path

from tests.support.commands import COMMANDS
from tests.support.warmed import CAN_BE_WARM

SCRIPT = """
import os, sys

FOLDER = sys.argv.pop(1)

class Hider:
    hides = False

    def find_spec(self, name, path=None, target=None):
        if not self.hides and not os.path.exists(FOLDER + "/hide"):
            return None
        frame = sys._getframe()
        while frame and (frame.f_code is self.find_spec.__code__ or "importlib" in frame.f_code.co_filename):
            frame = frame.f_back
        place = f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "nowhere"
        log = os.open(FOLDER + "/imported", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.write(log, f"{name}, by {place}\\n".encode())
        os.close(log)
        raise ModuleNotFoundError(f"{name} is hidden", name=name)

hider = Hider()
sys.meta_path.insert(0, hider)
program, command = sys.argv.pop(1), sys.argv.pop(1)
if program == "tcpserver":
    from ucspi.unix import inheritedstate, privilege

    if command:  # as if its launcher had started it: links are steps
        inheritedstate.note("", os.fsencode(command))

    def drop_user(identity, drop=privilege.drop_user):
        drop(identity)
        hider.hides = True

    privilege.drop_user = drop_user
sys.argv[0] = program
sys.exit(__import__("ucspi.programs." + program, fromlist=["main"]).main())
"""


def hiding(folder: Path, program: str) -> list[str]:
    """Return a program as the beginning of a command; `hide` says from when on.

    For tcpserver that is when its privileges are dropped.
    """
    return [
        sys.executable,
        "-c",
        SCRIPT,
        str(folder),
        program,
        str(COMMANDS / program) if CAN_BE_WARM else "",
    ]


def hide(folder: Path) -> None:
    """Let no import of the program succeed from now on."""
    (folder / "hide").touch()


def imported(folder: Path) -> str:
    """Return what was asked for in vain, a line each, and by whom."""
    log = folder / "imported"
    return log.read_text() if log.exists() else ""
