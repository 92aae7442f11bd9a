"""The command ``ucspi PROGRAM ARGS``.

Also ``python -I -m ucspi PROGRAM ARGS``.  Without ``-I`` Python would look for
modules in the working directory, which may belong to anybody.
"""

import os
import sys

from ucspi._script import load
from ucspi.programs.commands import COMMANDS
from ucspi.unix.output import say


def main() -> int:
    """Run the program that the first argument names; return its exit code."""
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        return _explain(sys.argv[1:2])
    program = load(f"programs.{COMMANDS[sys.argv[1]]}", sys.argv[1])
    del sys.argv[0]  # so the name of the program is its argument 0
    code: int = program.main()
    return code


def _explain(asked: list[str]) -> int:
    if asked in (["--version"], ["--help"], ["-h"]):
        from ucspi import __version__

        print(
            f"ucspi {__version__}\nusage: ucspi PROGRAM [ARGUMENTS]\nprograms: {' '.join(sorted(COMMANDS))}"
        )
        return 0
    if asked:
        say(b"ucspi: fatal: no program named %s" % os.fsencode(asked[0]))
    say(b"ucspi: usage: ucspi program [ arguments ]")
    say(b"ucspi: programs: " + " ".join(sorted(COMMANDS)).encode())
    return 100


if __name__ == "__main__":
    raise SystemExit(main())
