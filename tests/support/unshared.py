"""Running a script of the tests in a network and mount namespace of its own."""

import subprocess
import sys
from pathlib import Path

from tests.support.oracles import missing

ROOT = Path(__file__).parents[2]


def run_unshared(module: str, *arguments: str, timeout: float = 120, alone: bool = False) -> bytes:
    """Run ``python -m MODULE`` there to its end, which must be a good one; return its output.

    ``alone``: in a process namespace too, so whatever it leaves behind ends with it.
    """
    unshare = ["unshare", "-n", "-m", *(["-p", "-f", "--kill-child", "--mount-proc"] if alone else [])]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        missing("cannot make a network namespace: not root, or forbidden")
    command = [*unshare, sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, timeout=timeout, cwd=ROOT)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
