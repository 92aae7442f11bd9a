"""One case that judges tcpserver: how to start it, who connects, what may differ."""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tests.differential.tcpserver import differences
from tests.differential.tcpserver.differences import Expect
from tests.differential.tcpserver.server import Launch, Observation, Server, running
from tests.support.patience import PATIENCE

PLAIN = (b"-1", b"-v", b"-HRl0")
FREE = b"a free port"  # stands for the number of one; the server then needs no -1
TAKEN = b"a taken port"  # stands for the number of one where somebody listens
Script = Callable[[Server], dict[str, object]]


@dataclass(frozen=True)
class Case:
    """One run.  What the original shows, changed by ``expect``, is what we must show."""

    name: str
    launch: Launch
    clients: tuple[str, ...] = ("127.0.0.1",)
    rules: bytes | None = None
    prepare: Callable[[Path], None] | None = None
    script: Script | None = None
    expect: Expect = differences.by_the_server_itself
    original: Launch | None = None  # how to start the original where it cannot be started alike
    needs_root: bool = False
    starts: bool = True


def observe(program: bytes, launch: Launch, case: Case, directory: Path) -> Observation:
    """Run a case in a directory that `furnish` made, and return what it showed."""
    if launch.port == TAKEN:
        with socket.create_server(("127.0.0.1", 0)) as holder:
            taken = b"%d" % holder.getsockname()[1]
            return observe(program, replace(launch, port=taken), case, directory)
    port = _free_port() if launch.port == FREE else 0
    launch = replace(launch, directory=directory, port=b"%d" % port if port else launch.port)
    with running(program, launch) as server:
        if not case.starts:
            server.process.wait(PATIENCE)
            return server.observe()
        ready = server.wait_until_listening(port) if port else server.wait_until_ready()
        assert ready, f"did not start: {server.log!r}"
        facts = (case.script or _one_after_the_other(case.clients))(server)
        server.settle()
        seen = server.observe()
        return replace(seen, facts=facts)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _one_after_the_other(clients: tuple[str, ...]) -> Script:
    def talk(server: Server) -> dict[str, object]:
        for source in clients:
            server.connect(source).finish()
            server.settle()
        return {}

    return talk


def furnish(case: Case, directory: Path, probe: Path, compile_rules: Callable[[Path, bytes], None]) -> None:
    """Put into a directory what the case needs: the probe, the rules, its own files."""
    os.link(probe, directory / "probe")
    directory.chmod(0o755)
    if case.rules is not None:
        compile_rules(directory / "rules.cdb", case.rules)
    if case.prepare is not None:
        case.prepare(directory)
