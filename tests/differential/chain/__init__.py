"""What the tests of the exec-chain tools share: running ours and the original, and what to run then."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from tests.support.commands import COMMANDS, Outcome, ours, run
from tests.support.commands import ENVIRONMENT as GIVEN
from tests.support.oracles import Oracle
from tests.support.warmed import servers

# Programs in C that tell what they were given, and change none of it.
ENVIRONMENT = ["cat", "/proc/self/environ"]
LIMITS = ["cat", "/proc/self/limits"]
SIGNALS = ["grep", "-E", "^(Sig(Blk|Ign|Cgt)|Umask|Uid|Gid|Groups):", "/proc/self/status"]
# Its exit code tells only that its own descriptor of the directory is gone.
DESCRIPTORS = ["grep", "-r", "flags", "/proc/self/fdinfo"]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up what only root has")
# Root as anybody else: another user could not even read the interpreter, where it is root's own.
POWERLESS = ["/usr/bin/setpriv", "--inh-caps=-all", "--bounding-set=-all"]


class Compare(Protocol):
    """See `compare` and `compare_behind_tcpserver`: a test that takes this runs with each."""

    def __call__(
        self,
        oracle: Oracle,
        program: str,
        arguments: Sequence[str | bytes],
        where: Path,
        *,
        before: Callable[[], object] | None = None,
        environment: dict[str, str] | None = None,
        behind: Sequence[str] = (),
    ) -> Outcome: ...


def compare(
    oracle: Oracle,
    program: str,
    arguments: Sequence[str | bytes],
    where: Path,
    *,
    before: Callable[[], object] | None = None,
    environment: dict[str, str] | None = None,
    behind: Sequence[str] = (),
) -> Outcome:
    """Run ours and the original, each behind another program if need be; they must end alike.  Return how."""
    mine, original = (
        outcome([*behind, *command, *arguments], where, before, environment)
        for command in (ours(program), [oracle(program)])
    )
    assert mine == original, arguments
    return mine


def compare_behind_tcpserver(
    oracle: Oracle,
    program: str,
    arguments: Sequence[str | bytes],
    where: Path,
    *,
    before: Callable[[], object] | None = None,
    environment: dict[str, str] | None = None,
    behind: Sequence[str] = (),
) -> Outcome:
    """Let three servers run it: the original, ours that executes the link, and ours that takes its step."""
    mine = [str(COMMANDS / program), *arguments]
    handlers = {"original": [oracle(program), *arguments], "cold": mine, "warm": mine}
    environ = {"PATH": GIVEN["PATH"], **(environment or {})}
    path = environ.pop("PATH")
    with servers(
        oracle, where, handlers, environ=environ, path=path, behind=behind, before=before
    ) as running:
        outcomes = {way: running[way].visit() for way in handlers}
    assert outcomes["cold"] == outcomes["original"], arguments
    assert outcomes["warm"] == outcomes["original"], arguments
    text, status, said = outcomes["original"]
    return os.waitstatus_to_exitcode(status), text, said


def outcome(
    command: Sequence[str | bytes],
    where: Path,
    before: Callable[[], object] | None = None,
    environment: dict[str, str] | None = None,
) -> Outcome:
    given: dict[str, str] = environment or {}
    return run(list(command), where, before=before, **given)  # type: ignore[arg-type]  # no name is a parameter
