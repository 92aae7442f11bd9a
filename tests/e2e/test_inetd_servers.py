"""Servers that were written for inetd, under tcpserver with rules: git and rsync, with their own clients.

And whether they end with what docs/daemons.md says.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.support.commands import ENVIRONMENT, ours
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE
from tests.support.serving import COMMAND, serving

pytestmark = [pytest.mark.e2e, pytest.mark.oracle]

ALLOWED, DENIED = "127.0.0.2", "127.0.0.3"
RULES = b"127.0.0.2:allow\n:deny\n"
FILES = 1000

# What ``git`` runs for a connection, since it cannot be told its own address.
PROXY = """\
#!/bin/sh
exec "{python}" -m ucspi connect --from "$SOURCE" "$1" "$2"
"""
RSYNCD = """\
use chroot = no
{identity}reverse lookup = no
log file = {folder}/rsyncd.log
[tree]
path = {folder}/tree
read only = yes
"""


@pytest.fixture(params=[pytest.param("original", marks=pytest.mark.slow), "ours"])
def command(request: pytest.FixtureRequest, oracle: Oracle) -> list[str]:
    """Give the original tcpserver, then ours."""
    return [oracle("tcpserver")] if request.param == "original" else list(COMMAND)


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    """Give options with rules that allow one address."""
    done = subprocess.run(
        [*ours("tcprules"), "rules.cdb", "rules.tmp"],
        input=RULES,
        cwd=tmp_path,
        env=ENVIRONMENT,
        timeout=PATIENCE,
    )
    assert done.returncode == 0
    return ["-vHRl0", "-x", "rules.cdb"]


@pytest.fixture
def git(oracle: Oracle, tmp_path: Path) -> list[str]:
    """Give git, and a repository ``served/project`` with one commit."""
    project = tmp_path / "served" / "project"
    project.mkdir(parents=True)
    program = [oracle("git"), "-c", "user.name=a", "-c", "user.email=a@test", "-c", "init.defaultBranch=main"]
    (project / "file").write_text("content\n")
    for arguments in (["init", "-q"], ["add", "file"], ["commit", "-q", "-m", "first"]):
        subprocess.run(
            [*program, *arguments], cwd=project, env=_plain(tmp_path), check=True, timeout=PATIENCE
        )
    return program


def _plain(home: Path, **more: str) -> dict[str, str]:
    """Return an environment in which nobody's settings count."""
    return ENVIRONMENT | {"HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"} | more


def test_git_daemon_serves_the_allowed_address_alone(
    command: list[str], options: list[str], git: list[str], tmp_path: Path
) -> None:
    proxy = tmp_path / "proxy"
    proxy.write_text(PROXY.format(python=sys.executable))
    proxy.chmod(0o755)
    daemon = [git[0], "daemon", "--inetd", "--export-all", f"--base-path={tmp_path}/served"]
    with serving(tmp_path, options, daemon, command=command) as served:

        def clone(source: str, into: str) -> subprocess.CompletedProcess[bytes]:
            environment = _plain(tmp_path, GIT_PROXY_COMMAND=str(proxy), SOURCE=source)
            url = f"git://127.0.0.1:{served.port}/project"
            return subprocess.run(
                [*git, "clone", "-q", url, into],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                timeout=PATIENCE,
            )

        done = clone(ALLOWED, "copy")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "copy" / "file").read_text() == "content\n"
        assert clone(DENIED, "none").returncode != 0
        assert not (tmp_path / "none").exists()
        served.wait_for(lambda lines: sum("tcpserver: end " in line for line in lines) == 2)
        judged = [line.split()[1] for line in served.lines() if f":{served.port} " in line]
        assert judged == ["ok", "deny"]
        assert statuses(served.lines()) == [told("git")[0][0], 25600]
        served.connect(ALLOWED).close()
        served.wait_for(lambda lines: len(statuses(lines)) == 3)
        assert statuses(served.lines())[2] in told("git")[1]


def statuses(lines: list[str]) -> list[int]:
    """Return the statuses of those who ended, in order."""
    return [int(line.split()[-1]) for line in lines if "tcpserver: end " in line]


def told(program: str) -> tuple[list[int], list[int]]:
    """Return the statuses that docs/daemons.md has: after a goodbye, and when a client just closes."""
    page = (Path(__file__).parents[2] / "docs/daemons.md").read_text()
    (row,) = re.findall(rf"^\| [^|]*\b{program}\b[^|]*\|[^|]*\|[^|]*\|([^|]*)\|([^|]*)\|", page, re.MULTILINE)
    goodbye, close = ([int(number) for number in re.findall(r"(?<![\d.])\d+(?![\d.])", text)] for text in row)
    return goodbye, close


def test_telnet_daemon_ends_as_the_page_says(command: list[str], oracle: Oracle, tmp_path: Path) -> None:
    with serving(tmp_path, ["-vHRl0"], [oracle("telnetd")], command=command) as served:
        with served.connect() as client:
            assert client.recv(1)
        served.wait_for(lambda lines: len(statuses(lines)) == 1)
        assert statuses(served.lines()) == told("telnetd")[1]


def _grow(tree: Path) -> dict[str, bytes]:
    """Make a tree of a thousand files; return what is in it."""
    random = Random(1000)
    made = {}
    for number in range(FILES):
        name = f"{number % 10}/{number % 7}/{number}"
        made[name] = random.randbytes(random.randrange(3000))
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(made[name])
    return made


def test_rsync_daemon_copies_a_tree_to_the_allowed_address_alone(
    command: list[str], options: list[str], oracle: Oracle, tmp_path: Path
) -> None:
    rsync = oracle("rsync")
    made = _grow(tmp_path / "tree")
    config = tmp_path / "rsyncd.conf"
    identity = "uid = 0\ngid = 0\n" if os.geteuid() == 0 else ""  # nobody else may set any
    config.write_text(RSYNCD.format(folder=tmp_path, identity=identity))
    daemon = [rsync, "--daemon", f"--config={config}"]
    with serving(tmp_path, options, daemon, command=command) as served:

        def copy(source: str, into: str) -> subprocess.CompletedProcess[bytes]:
            url = f"rsync://127.0.0.1:{served.port}/tree/"
            return subprocess.run(
                [rsync, "-a", f"--address={source}", url, str(tmp_path / into)],
                env=_plain(tmp_path),
                capture_output=True,
                timeout=PATIENCE,
            )

        done = copy(ALLOWED, "copy")
        assert done.returncode == 0, done.stderr
        copied = (path for path in (tmp_path / "copy").rglob("*") if path.is_file())
        assert {str(path.relative_to(tmp_path / "copy")): path.read_bytes() for path in copied} == made
        assert copy(DENIED, "none").returncode != 0
        assert not (tmp_path / "none").exists()
        served.wait_for(lambda lines: len(statuses(lines)) == 2)
        assert statuses(served.lines())[0] == told("rsync")[0][0]
        served.connect(ALLOWED).close()
        served.wait_for(lambda lines: len(statuses(lines)) == 3)
        assert statuses(served.lines())[2] in told("rsync")[1]
