"""A handler that hangs in its exec when its time is over: to take its connection would hang as well."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import hangingfs
from tests.support.patience import wait_for
from tests.support.serving import read_all, serving
from ucspi.unix import native

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
    pytest.mark.skipif(not os.access("/dev/fuse", os.W_OK), reason="this system has no /dev/fuse"),
    pytest.mark.skipif(native.lib is None, reason="only the compiled module can take a connection"),
]

# The kernel closes the file at the exec, and asks the file system.  Until that has answered,
# whoever wants a descriptor of the process waits for the lock that an exec holds.
HANGS = """
import os, sys, time
if sys.stdin.readline() == "quick\\n":
    os.execvp("echo", ["echo", "in"])
rules = open("hanging/rules")
open("opened", "w")
while not os.path.exists("hangs"):
    time.sleep(0.01)
open("executes", "w")
os.execvp("sleep", ["sleep", "600"])
"""
HURRIED = """
import sys
from ucspi.programs import tcpserver
from ucspi.tcp.server import timelimits

timelimits.GRACE = 1.0
sys.exit(tcpserver.main())
"""


def test_handler_that_hangs_in_its_exec_holds_up_nobody(tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system does not let us mount")
    (tmp_path / "behind").write_text("x")
    alone = ["unshare", "-m", "--propagation", "private", sys.executable, hangingfs.__file__]
    command = [*alone, str(tmp_path), "awake", sys.executable, "-c", HURRIED]
    options = ["-vHRl0", "--max-time", "2"]
    with serving(tmp_path, options, [sys.executable, "-c", HANGS], command=command) as served:
        fuse = int((tmp_path / "fuse.pid").read_text())
        try:
            with served.connect() as client:
                client.sendall(b"hang\n")
                wait_for((tmp_path / "opened").exists, "the handler to open it")
                os.kill(fuse, signal.SIGUSR1)
                wait_for((tmp_path / "executes").exists, "the handler to execute something")
                served.wait_for(lambda lines: any(": killing " in line for line in lines))
                for _ in range(3):
                    with served.connect() as other:  # the server has not stopped
                        other.sendall(b"quick\n")
                        assert read_all(other) == b"in\n"
        finally:
            os.kill(fuse, signal.SIGUSR2)  # it answers again
        # No signal could end it before.
        served.wait_for(lambda lines: lines[-1] == "tcpserver: status: 0/40")
