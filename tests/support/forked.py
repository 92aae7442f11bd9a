"""A supervise that a stem has forked, as svscan has it do; for tests it is as a process that was executed."""

import os
import subprocess
import threading

from tests.support.commands import COMMANDS, ENVIRONMENT
from tests.support.launchers import is_launched
from tests.support.patience import PATIENCE
from ucspi.service.stem import Stem
from ucspi.unix import forking

CAN_BE_FORKED = forking.is_there() and is_launched()
FORKED = ["supervise, forked"]  # stands for a command


class Forked(subprocess.Popen[bytes]):
    """A child of ours that somebody else has made."""

    def __init__(self, pid: int) -> None:
        self.args, self.pid = "supervise", pid
        self.stdin = self.stdout = self.stderr = None
        self.returncode = None
        self._waitpid_lock = threading.Lock()
        self._child_created = True
        self._sigint_wait_secs = 0.0


def fork(directory: str, stderr: int) -> Forked:
    """Have a stem of its own fork a supervise of a directory; standard input is ``/dev/null``."""
    # What it cannot do itself is done by the supervise in PATH.
    variables = {**ENVIRONMENT, "PATH": f"{COMMANDS}:{ENVIRONMENT['PATH']}"}
    environ = [os.fsencode(f"{name}={value}") for name, value in variables.items()]
    ours = os.dup(2)
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(stderr, 2)  # both inherit it
    try:
        stem = Stem([bytes(COMMANDS / "supervise")], environ, 0)
    finally:
        os.dup2(ours, 2)
        os.close(ours)
    try:
        stem.await_ready(PATIENCE)
        assert stem.is_ready
        return Forked(stem.supervise(os.fsencode(directory), os.fsencode(directory), -1, null, -1))
    finally:
        os.close(null)
        pid = stem.pid
        stem.close()
        os.waitpid(pid, 0)
