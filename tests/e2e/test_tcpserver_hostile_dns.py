"""A name server may answer whatever it likes."""

import re
import subprocess
import sys
from ast import literal_eval
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("clients", [60, 2000])
def test_every_client_of_a_lying_name_server_is_served(tmp_path: Path, clients: int) -> None:
    unshare = ["unshare", "-n", "-m"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        pytest.skip("cannot make a network namespace: not root, or forbidden")
    module = [sys.executable, "-m", "tests.e2e.hostile_dns", str(tmp_path), str(clients)]
    done = subprocess.run([*unshare, *module], capture_output=True, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.decode("latin-1").splitlines()
    hosts = [literal_eval(line) for line in lines[:clients]]
    assert all(re.fullmatch(rb"[-a-z0-9_.\\]+", host) for host in hosts), hosts
    log = [line for line in lines[clients:] if "compiled module is missing" not in line]
    assert all(re.fullmatch(r"tcpserver: [ -~]+", line) for line in log), log
    served = [line for line in log if line.startswith("tcpserver: ok ")]
    assert len(served) == clients
    assert all(line.count(":") == 6 for line in served), served
    assert len(set(hosts)) > 1, "no lie was believed: the test tests nothing"
