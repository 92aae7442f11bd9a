"""The set-up's first form, with no option at all: names and ident on, the resolver dead."""

import subprocess
from pathlib import Path

import pytest

from tests.support.oracles import Oracle
from tests.support.patience import wait_for
from tests.support.world import FRIEND, World

pytestmark = [pytest.mark.e2e, pytest.mark.oracle]

# Binds the resolver's port and never answers.
SILENT_RESOLVER = """
import socket, sys
bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
bound.bind(("127.0.0.1", 53))
print("bound", flush=True)
sys.stdin.read()
"""

# The original waits 11 s for a resolver that refuses, once for each name.
EITHER = pytest.mark.parametrize(
    "chosen", ["ours", pytest.param("original", marks=pytest.mark.slow)], indirect=True, scope="class"
)


def serve(world: World, command: list[str], log: Path) -> None:
    """Start ``tcpserver`` in the world and wait until it listens on the telnet port."""
    with log.open("wb") as stderr:
        world.start(["env", "-", f"PATH={world.path}", "tcpserver", *command], stderr=stderr)
    wait_for(lambda: world.listens(23), "a listener on the telnet port")


@EITHER
class TestResolverThatRefuses:
    def test_client_gets_the_prompt(self, world: World, oracle: Oracle, tmp_path: Path) -> None:
        oracle("telnetd")
        serve(world, ["0", "telnet", "/usr/sbin/in.telnetd"], tmp_path / "log")
        assert world.telnet(FRIEND, patience=50).endswith(b"login: ")
        assert (tmp_path / "log").read_bytes() == b""


@pytest.mark.slow
@pytest.mark.parametrize("chosen", ["ours"], indirect=True, scope="class")
class TestResolverThatIsSilent:
    def test_client_gets_the_prompt(self, world: World, oracle: Oracle, tmp_path: Path) -> None:
        oracle("telnetd")
        resolver = world.start(
            ["python3", "-c", SILENT_RESOLVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert resolver.stdout is not None
        assert resolver.stdout.readline() == b"bound\n"
        serve(world, ["0", "telnet", "/usr/sbin/in.telnetd"], tmp_path / "log")
        # Our names are given up after 60 s; telnetd then asks for one itself.
        assert world.telnet(FRIEND, patience=100).endswith(b"login: ")


class TestHandlerFoundInPath:
    def test_client_gets_the_prompt(self, world: World, oracle: Oracle, tmp_path: Path) -> None:
        oracle("telnetd")
        serve(world, ["-HRl0", "0", "telnet", "in.telnetd"], tmp_path / "log")
        assert world.telnet(FRIEND).endswith(b"login: ")
        assert (tmp_path / "log").read_bytes() == b""
