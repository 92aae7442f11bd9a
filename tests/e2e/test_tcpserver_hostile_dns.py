"""A name server may answer whatever it likes."""

import re
from ast import literal_eval
from pathlib import Path

import pytest

from tests.support.unshared import run_unshared

pytestmark = pytest.mark.e2e


@pytest.mark.slow
@pytest.mark.parametrize("clients", [60, 2000])
def test_every_client_of_a_lying_name_server_is_served(tmp_path: Path, clients: int) -> None:
    told = run_unshared("tests.e2e.hostile_dns", str(tmp_path), str(clients))
    lines = told.decode("latin-1").splitlines()
    hosts = [literal_eval(line) for line in lines[:clients]]
    assert all(re.fullmatch(rb"[-a-z0-9_.\\]+", host) for host in hosts), hosts
    log = [line for line in lines[clients:] if "compiled module is missing" not in line]
    assert all(re.fullmatch(r"tcpserver: [ -~]+", line) for line in log), log
    served = [line for line in log if line.startswith("tcpserver: ok ")]
    assert len(served) == clients
    assert all(line.count(":") == 6 for line in served), served
    assert len(set(hosts)) > 1, "no lie was believed: the test tests nothing"
