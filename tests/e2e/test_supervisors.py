"""The same service under other supervisors, with the log scripts that README shows."""

from pathlib import Path

import pytest

from tests.support.oracles import Oracle
from tests.support.patience import wait_for
from tests.support.readme import scripts
from tests.support.telnet_service import RULES, Service
from tests.support.world import FRIEND, OUTSIDER, World

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.oracle,
    pytest.mark.parametrize("chosen", ["ours"], indirect=True, scope="class"),
]

IDLE = b"tcpserver: status: 0/3\n"


def check(service: Service, scanner: str) -> None:
    """Serve and refuse a client, find both in the log, and end with the link."""
    assert service.world.telnet(FRIEND).endswith(b"login: ")
    wait_for(lambda: service.stored_log().count(IDLE) == 2, "the end of the handler")
    assert b"login" not in service.world.telnet(OUTSIDER)
    wait_for(lambda: service.stored_log().count(IDLE) == 3, "the log")
    assert b" 0:192.168.1.44:23 :192.168.1.33::" in service.stored_log()
    assert b"tcpserver: deny " in service.stored_log()
    service.link.unlink()
    if scanner == "s6-svscan":
        service.run(["s6-svscanctl", "-an", str(service.link.parent)])
    wait_for(
        lambda: service.world.programs() == [scanner],
        "the end of both supervisors",
    )


class TestRunit:
    def test_serves_and_ends(self, world: World, oracle: Oracle, tmp_path: Path) -> None:
        for name in ("runsvdir", "runsv", "svlogd", "chpst", "telnetd"):
            oracle(name)
        service = Service(world, tmp_path, scripts()[3], "runsvdir -P")
        service.make_cdb(RULES)
        service.link.symlink_to(service.directory)
        wait_for(lambda: world.listens(23), "the server")
        assert b"\nrun: log:" in service.run(["sv", "status", str(service.link)]).stdout.replace(b"; ", b"\n")
        check(service, "runsvdir")


class TestS6:
    def test_serves_and_ends(self, world: World, oracle: Oracle, tmp_path: Path) -> None:
        for name in ("s6-svscan", "s6-supervise", "s6-log", "s6-setuidgid", "telnetd"):
            oracle(name)
        service = Service(world, tmp_path, scripts()[4], "s6-svscan")
        service.make_cdb(RULES)
        wait_for((service.link.parent / ".s6-svscan" / "control").exists, "the scanner")
        service.link.symlink_to(service.directory)
        service.run(["s6-svscanctl", "-a", str(service.link.parent)])
        wait_for(lambda: world.listens(23), "the server")
        check(service, "s6-svscan")
