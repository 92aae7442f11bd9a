"""Running tcpclient, the original's and ours, and seeing what its program sees."""

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.commands import place
from tests.support.patience import PATIENCE
from tests.support.probe import Report, parse

ORIGINALS = Path("/usr/bin")
# What no run controls: the local port, and what bash adds.
ANY_PORT = re.compile(rb"^(TCP6?LOCALPORT)=\d+$")
BY_BASH = (b"_=", b"SHLVL=", b"PWD=", b"OLDPWD=")


@dataclass(frozen=True)
class Seen:
    """What a run shows: exit code, standard output and error, and the probe's report if it ran."""

    code: int
    output: bytes
    error: bytes
    report: Report | None = None

    def environment(self) -> tuple[bytes, ...]:
        assert self.report is not None, self
        return self.report.environment


def write_commands(directory: Path) -> Path:
    """Write the clients of ours into a directory."""
    for command in ("tcpclient", "tcpcat", "mconnect", "who@", "date@", "finger@", "http@"):
        place(command, directory)
    return directory


def run(
    command: Sequence[str | bytes],
    *,
    setup: str = "",
    environment: dict[bytes, bytes] | None = None,
    stdin: bytes = b"",
) -> Seen:
    """Run a command, by way of a shell where there is something to set up first."""
    if setup:
        command = ["/bin/bash", "-c", f'{setup}\nexec "$@"', "bash", *command]
    given = {b"PATH": b"/usr/bin:/bin"} | (environment or {})
    done = subprocess.run(
        command,
        env=given,
        input=stdin,
        capture_output=True,
        timeout=PATIENCE,
    )
    return see(done.returncode, done.stdout, done.stderr)


def see(code: int, output: bytes, error: bytes) -> Seen:
    """Return what a run shows, its report apart."""
    before, opened, rest = output.partition(b"probe\n")
    if not opened:
        return Seen(code, output, error)
    report = parse(rest, {}, {})
    facts = tuple((name, value) for name, value in report.facts if name != "pgrp")
    given = (entry for entry in report.environment if not entry.startswith(BY_BASH))
    kept = tuple(ANY_PORT.sub(rb"\1=any", entry) for entry in given)
    return Seen(code, before, error, Report(report.argv, kept, report.descriptors, facts, ""))


def in_order(seen: Seen) -> Seen:
    """Return the same, the environment sorted: its order differs on purpose."""
    if seen.report is None:
        return seen
    report = seen.report
    kept = Report(report.argv, tuple(sorted(report.environment)), report.descriptors, report.facts, "")
    return Seen(seen.code, seen.output, seen.error, kept)


def assert_alike(ours: Seen, original: Seen) -> None:
    """Compare everything but the order of the environment."""
    assert in_order(ours) == in_order(original)


def here(name: str) -> str:
    return os.fspath(ORIGINALS / name)
