"""Which programs a walk-through runs: the originals, ours, or some of each."""

import sys
import sysconfig
from pathlib import Path

import pytest

import ucspi
from tests.support.commands import place

UCSPI_TCP = frozenset(
    {
        *("tcpserver", "tcpclient", "tcprules", "tcprulescheck", "rblsmtpd", "recordio", "fixcrio"),
        *("addcr", "delcr", "argv0", "tcpcat", "mconnect", "mconnect-io"),
        *("who@", "date@", "finger@", "http@"),
    }
)
DAEMONTOOLS = frozenset(
    {
        *("svscan", "svscanboot", "supervise", "svc", "svok", "svstat", "readproctitle"),
        *("multilog", "tai64n", "tai64nlocal", "setuidgid", "envuidgid", "envdir", "softlimit"),
        *("setlock", "pgrphack", "fghack"),
    }
)
SUITES = UCSPI_TCP | DAEMONTOOLS

# Two halves, so that each program meets neighbours of the other kind on both sides.
ODD = frozenset(sorted(SUITES)[::2])

# What is ours; the rest are the originals.
CHOICES = {
    "original": frozenset[str](),
    "ours": SUITES,
    "our daemontools": DAEMONTOOLS,
    "our ucspi-tcp": UCSPI_TCP,
    "our svscan and multilog": frozenset({"svscan", "multilog", "svstat", "tcprules", "setuidgid"}),
    "our supervise and svc": SUITES - {"svscan", "multilog", "svstat", "tcprules", "setuidgid"},
}

IN_PROCESS = "svscan --in-process"

# Parameters for tests that run every choice: ours, in both ways, and among the slow ones all others.
EACH = [
    *(pytest.param(name, "svscan", marks=[] if name == "ours" else pytest.mark.slow) for name in CHOICES),
    pytest.param("ours", IN_PROCESS),
]


def write_commands(directory: Path, names: frozenset[str]) -> Path:
    """Write our commands of these names into a directory.

    They are what an installation has in its ``bin``; also under ``env -``.
    """
    for command in sorted(names):
        place(command, directory)
    return directory


def home() -> Path:
    """Return the directory that ``ucspi`` is imported from."""
    return Path(ucspi.__file__).resolve().parent.parent


def packages() -> Path:
    """Return the directory that cffi is imported from."""
    return Path(sysconfig.get_path("platlib"))


def needed() -> list[Path]:
    """Return the directories that whoever runs our commands, or this Python, must be able to read."""
    return sorted({Path(sys.base_prefix), Path(sys.prefix), home(), packages()})
