"""The service of the walk-through, character for character, and its clients."""

import os
import re
import subprocess
from pathlib import Path

from tests.support.patience import wait_for
from tests.support.world import World

RUN = """\
#!/bin/sh
exec env - PATH="$PATH" \\
tcpserver -l0 -R -H -v -c 3 -x ./tcp.telnet.cdb 0 telnet /usr/sbin/telnetd 2>&1
"""

LOG_RUN = """\
#!/bin/sh
exec env - PATH="/usr/local/bin:$PATH" \\
setuidgid tellog multilog t ./main
"""

MAKE_CDB = """\
#!/bin/sh

tcprules tcp.telnet.cdb tcp.telnet.tmp < tcp.telnet
"""

# The service first, or its last lines are lost.
END = """\
rm /etc/service/telnet
svc -dx /etc/telnet
while svok /etc/telnet; do sleep 1; done
svc -dx /etc/telnet/log
"""

RULES = """\
192.168.1.:allow
127.:allow
:deny
"""

# The longer form: single addresses before their network.
LONGER_RULES = """\
192.168.1.33:deny
192.168.1.:allow
127.0.0.1:allow
:deny
"""

# What tai64nlocal makes of a label.
STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9}"


class Service:
    """The service directory, in a scan directory that a scanner watches in a world."""

    def __init__(
        self, world: World, directory: Path, log_run: str = LOG_RUN, scanner: str = "svscan"
    ) -> None:
        """Write the directory and start the scanner; the service is not linked yet."""
        self.world = world
        self.directory = directory / "telnet"
        self.link = directory / "service" / "telnet"
        self.link.parent.mkdir(parents=True)
        (self.directory / "log").mkdir(parents=True)
        for name, text in (("run", RUN), ("log/run", log_run), ("make_cdb", MAKE_CDB), ("tcp.telnet", RULES)):
            (self.directory / name).write_text(text)
        for script in ("run", "log/run", "make_cdb"):
            (self.directory / script).chmod(0o755)
        self.directory.chmod(0o1755)
        os.chmod(self.directory / "log", 0o755)
        self._environment = {**os.environ, "PATH": world.path}
        self.run(["setuidgid", "tellog", "true"])
        (self.directory / "log" / "main").mkdir()
        self.run(["chown", "tellog", str(self.directory / "log" / "main")])
        world.start(
            [*scanner.split(), str(self.link.parent)],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=None,
        )

    def run(self, argv: list[str], *, cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
        """Run a command of the operator's in the world; it must succeed, silently."""
        done = self.world.run(argv, env=self._environment, cwd=cwd)
        assert (done.returncode, done.stderr) == (0, b""), argv
        return done

    def is_supervised(self, directory: Path) -> bool:
        """Ask ``svok``."""
        code = self.world.run(["svok", str(directory)], env=self._environment).returncode
        assert code in (0, 100)
        return code == 0

    def make_cdb(self, rules: str) -> None:
        """Edit the rules and compile them, as the operator does."""
        (self.directory / "tcp.telnet").write_text(rules)
        self.run(["./make_cdb"], cwd=self.directory)

    def end(self) -> None:
        """Remove the service, as the operator does."""
        places = {"/etc/service/telnet": self.link, "/etc/telnet": self.directory}
        script = END
        for place, here in places.items():
            script = script.replace(place, str(here))
        self.run(["sh", "-c", script])

    def bring_up(self) -> None:
        """Link the directory into the scan directory and wait until the service is there."""
        self.link.symlink_to(self.directory)
        wait_for(lambda: "tcpserver: status: 0/3" in self.log(), "the server's first line")

    def stored_log(self) -> bytes:
        """Return the log as it was written."""
        try:
            return (self.directory / "log" / "main" / "current").read_bytes()
        except FileNotFoundError:
            return b""

    def log(self) -> list[str]:
        """Return the log's lines, as tai64nlocal shows them, times taken off and checked."""
        shown = self.world.run(
            ["tai64nlocal"], stdin=None, input=self.stored_log(), env=self._environment
        ).stdout
        lines = shown.decode().splitlines()
        for line in lines:
            assert re.match(STAMP + " ", line), line
        return [line[len("2026-11-23 12:00:00.123456789 ") :] for line in lines]

    def log_since(self, mark: int, count: int) -> list[str]:
        """Wait for ``count`` lines after the first ``mark``; return all there are."""
        wait_for(lambda: len(self.log()) >= mark + count, f"{count} lines of log")
        return self.log()[mark:]

    def server_pid(self) -> bytes:
        """Return the process id of the server, as svstat tells it."""
        up = re.search(rb"up \(pid (\d+)\)", self.run(["svstat", str(self.directory)]).stdout)
        assert up, "the service is not up"
        return up[1]
