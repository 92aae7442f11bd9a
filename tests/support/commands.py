"""Running our programs and the originals the same way."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import ucspi
from tests.support.patience import PATIENCE
from ucspi.programs.commands import COMMANDS as MODULES

Outcome = tuple[int, bytes, bytes]

COMMANDS = Path(sysconfig.get_path("scripts"))
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

# Signals 32 and 33 are libc's own.  Who starts a program by posix_spawn, as some
# Pythons start the workers of the tests, leaves them ignored in it.
LIBC_SIGNALS = 3 << 31


def signals(mask: bytes) -> int:
    """Return a set of signals as ``/proc/PID/status`` shows it, less those that are libc's."""
    return int(mask, 16) & ~LIBC_SIGNALS


def ours(program: str) -> list[str]:
    """Return our program as the beginning of a command: as it is installed, if it is."""
    for command in ([program], ["ucspi", program]):
        if (COMMANDS / command[0]).exists():
            return [str(COMMANDS / command[0]), *command[1:]]
    return [sys.executable, "-m", "ucspi", *([] if program == "ucspi" else [program])]


def place(program: str, directory: Path) -> Path:
    """Put our program into a directory, as a link to where it is installed, if it is; return its path."""
    command = directory / program
    if (COMMANDS / program).exists():
        command.symlink_to(COMMANDS / program)
        return command
    paths = [str(Path(ucspi.__file__).resolve().parent.parent), sysconfig.get_path("platlib")]
    command.write_text(
        f"#!{Path(sys.executable).resolve()}\n"
        f"import sys\n"
        f"sys.path[:0] = {paths}\n"
        f"from ucspi.programs.{MODULES[program]} import main\n"
        f"raise SystemExit(main())\n"
    )
    command.chmod(0o755)
    return command


def run(
    command: "list[str] | list[str | bytes]",
    where: Path,
    stdin: int | bytes = b"",
    *,
    stdout: int = subprocess.PIPE,
    before: Callable[[], object] | None = None,
    **environment: str,
) -> Outcome:
    """Run a command in a directory; return exit code, stdout and stderr."""
    done = subprocess.run(
        command,
        cwd=where,
        env=ENVIRONMENT | environment,
        input=stdin if isinstance(stdin, bytes) else None,
        stdin=stdin if isinstance(stdin, int) else None,
        stdout=stdout,
        stderr=subprocess.PIPE,
        preexec_fn=before,
        timeout=PATIENCE,
    )
    return done.returncode, done.stdout or b"", done.stderr


def run_file(command: "list[str] | list[str | bytes]", where: Path, stdin: Path) -> Outcome:
    """Run a command with a file as its standard input."""
    with open(stdin, "rb") as file:
        return run(command, where, file.fileno())
