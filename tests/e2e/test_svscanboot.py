"""svscanboot against the original, in a world whose service directory is the test's."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.scanning import SLEEPER, add
from tests.support.commands import ours
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE, wait_for
from tests.support.world import World

pytestmark = [pytest.mark.sampled(3), pytest.mark.e2e, pytest.mark.oracle]

PATH = "/command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:/usr/sbin:/usr/X11R6/bin"


# Whatever /etc/service is here, in the world it leads to a directory of the test's.
COVER = """
mkdir etc && mount -t tmpfs tmpfs etc && mkdir etc/upper etc/work
mount -t overlay -o lowerdir=/etc,upperdir=etc/upper,workdir=etc/work overlay /etc
rm -f /etc/service && ln -s "$0" /etc/service
"""

# The environment and the standard descriptors of the process whose command line has $0.
LOOK = """
for p in /proc/[0-9]*; do
  [ $p != /proc/$$ ] && tr "\\0" " " < $p/cmdline | grep -qF "$0" || continue
  tr "\\0" "\\n" < $p/environ
  readlink $p/fd/0 $p/fd/1 $p/fd/2
done
"""


class Booted:
    """A world, and the directory that is ``/etc/service`` in it."""

    def __init__(self, world: World, place: Path) -> None:
        self.world, self.scanned = world, place / "scanned"
        self.scanned.mkdir()
        done = world.run(["sh", "-ec", COVER, str(self.scanned)], cwd=place)
        assert (done.returncode, done.stderr) == (0, b"")

    def boot(self, command: list[str]) -> None:
        """Start svscanboot with a full environment and open descriptors."""
        self.world.start(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def title(self) -> str:
        """Return what ps shows of the errors."""
        return next((line for line in self.world.processes() if "service errors:" in line), "")

    def look(self, name: str) -> str:
        """Return the environment and the standard descriptors of the process called ``name``."""
        done = self.world.run(["sh", "-c", LOOK, name])
        return re.sub(r"pipe:\[\d+\]", "PIPE", done.stdout.decode())


@pytest.fixture
def booted(able: None, tmp_path: Path, oracle: Oracle) -> Iterator[Booted]:
    for program in ("svscanboot", "svscan", "svc", "readproctitle"):
        oracle(program)
    with World(tmp_path / "world") as world:
        yield Booted(world, tmp_path)


@pytest.fixture
def installed(our_commands: Path) -> str:
    """Give our svscanboot, where the other commands are too."""
    return str(our_commands / "svscanboot")


NO_RUN = "supervise: fatal: unable to start broken/run: file does not exist"


def test_becomes_readproctitle(booted: Booted, installed: str) -> None:
    add(booted.scanned, "good")
    add(booted.scanned, "broken", None)
    booted.boot([installed])
    wait_for(lambda: NO_RUN in booted.title(), "the complaint in the title")
    lines = [line.split() for line in booted.world.processes()]
    assert [words[1:] for words in lines if "sh" in words] == []
    assert [words[-1] for words in lines if "svscan" in [Path(word).name for word in words]] == [
        "/etc/service"
    ]


def test_services_have_path_alone(booted: Booted, installed: str) -> None:
    add(booted.scanned, "good")
    booted.boot([installed, "/etc/service"])
    wait_for(lambda: "sleep 1000 " in booted.world.processes(), "the service")
    expected = f"PATH={Path(installed).parent}:{PATH}\n/dev/null\nPIPE\nPIPE\n"
    assert booted.look("svscan /etc/service") == expected


@pytest.mark.parametrize("whose", ["ours", "original"])
def test_environment_and_descriptors_are_the_originals(booted: Booted, oracle: Oracle, whose: str) -> None:
    """Ours is run through its module, so that PATH is the original's and finds the original programs."""
    add(booted.scanned, "good")
    add(booted.scanned, "broken", None)
    booted.boot(
        [sys.executable, "-I", "-m", "ucspi", "svscanboot"] if whose == "ours" else [oracle("svscanboot")]
    )
    wait_for(lambda: NO_RUN in booted.title(), "the complaint in the title")
    for name in ("svscan /etc/service", "supervise good", "supervise broken"):
        assert booted.look(name) == f"PATH={PATH}\n/dev/null\nPIPE\nPIPE\n"
    assert booted.look("service errors: ....") == f"PATH={PATH}\nPIPE\n/dev/null\n/dev/null\n"


def test_closed_descriptors_and_ignored_sigchld_do_not_hinder_it(booted: Booted, installed: str) -> None:
    add(booted.scanned, "broken", None)
    booted.boot(["sh", "-c", 'trap "" CHLD; exec "$0" <&- >&- 2>&-', installed])
    wait_for(lambda: NO_RUN in booted.title(), "the complaint in the title")
    descriptors = booted.look("service errors: ....").splitlines()[1:]
    assert descriptors == ["PIPE", "/dev/null", "/dev/null"]


@pytest.mark.slow  # the lock is free at the second scan
def test_leftovers_are_told_to_end(booted: Booted, installed: str) -> None:
    add(booted.scanned, "a", log=SLEEPER)
    booted.world.start(["svscan", "/etc/service"], env={"PATH": "/usr/bin:/bin"}, stderr=subprocess.DEVNULL)
    status = booted.scanned / "a/supervise/status"
    wait_for(lambda: status.exists() and status.read_bytes()[12:16] != bytes(4), "the service")
    first = status.read_bytes()[12:16]
    booted.world.run(["pkill", "-x", "svscan"])
    booted.boot([installed, "--in-process"])
    wait_for(lambda: status.read_bytes()[12:16] not in (bytes(4), first), "another process of the service")
    wait_for(
        lambda: not any(line.startswith("supervise ") for line in booted.world.processes()),
        "the leftovers' end",
    )


def test_misspelt_option_is_refused_where_somebody_looks(tmp_path: Path) -> None:
    """The complaint of svscan itself would be in the title of readproctitle, if anywhere."""
    done = subprocess.run(
        [*ours("svscanboot"), "--in-proces"], capture_output=True, timeout=PATIENCE, cwd=tmp_path
    )
    assert (done.returncode, done.stdout) == (100, b"")
    assert done.stderr.startswith(b"svscanboot: usage: svscanboot [ --in-process ]")


@pytest.mark.parametrize("program", ["svscan", "svscanboot"])
@pytest.mark.parametrize("option", ["--in-process", "--stop-on-term", "--stop-on-term=3"])
def test_option_behind_the_directory_is_refused(program: str, option: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [*ours(program), str(tmp_path / "nowhere"), option],
        capture_output=True,
        timeout=PATIENCE,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (100, b"")
    assert b": usage: " in done.stderr
