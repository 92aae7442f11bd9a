"""fghack and pgrphack against the originals."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.differential.chain import compare
from tests.support.commands import ENVIRONMENT, ours, run
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE

pytestmark = [pytest.mark.oracle, pytest.mark.sampled(3)]


def test_it_stays_until_the_last_descendant_is_gone(oracle: Oracle, tmp_path: Path) -> None:
    daemon = "(setsid sh -c 'sleep 0.1; echo late >>out' >/dev/null 2>&1 </dev/null &) ; exit 3"
    for count, command in enumerate((ours("fghack"), [oracle("fghack")]), 1):
        assert run([*command, "sh", "-c", daemon], tmp_path) == (3, b"", b"")
        assert (tmp_path / "out").read_text() == "late\n" * count


def test_killed_child_is_a_crash(oracle: Oracle, tmp_path: Path) -> None:
    for number in (signal.SIGKILL, signal.SIGTERM):
        assert compare(oracle, "fghack", ["sh", "-c", f"kill -{number:d} $$"], tmp_path) == (
            111,
            b"",
            b"fghack: fatal: child crashed\n",
        )


def test_what_is_written_into_the_pipe_is_thrown_away(oracle: Oracle, tmp_path: Path) -> None:
    arguments = ["sh", "-c", "dd if=/dev/zero bs=65536 count=3 status=none >&3; exit 5"]
    assert compare(oracle, "fghack", arguments, tmp_path) == (5, b"", b"")


def test_daemon_that_closes_everything_gets_away(oracle: Oracle, tmp_path: Path) -> None:
    """As from the original: there is nothing left to wait for."""
    script = tmp_path / "daemon"
    script.write_text("import os\nos.closerange(1, 100)\nif os.fork() == 0:\n    os.read(0, 1)\n")
    for command in (ours("fghack"), [oracle("fghack")]):
        reader, writer = os.pipe()  # the daemon lives until we close this, after the end of fghack
        assert run([*command, sys.executable, str(script)], tmp_path, reader)[0] == 0
        os.close(writer)
        os.close(reader)


def test_few_descriptors_are_no_reason_to_fail(oracle: Oracle, tmp_path: Path) -> None:
    def before() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))

    ended = compare(oracle, "fghack", ["sh", "-c", "exit 4"], tmp_path, before=before)
    assert ended[0] == 127  # all are taken: no program finds one for its library


def test_ended_children_that_are_not_reported(oracle: Oracle, tmp_path: Path) -> None:
    def before() -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    assert compare(oracle, "fghack", ["sh", "-c", "exit 7"], tmp_path, before=before) == (
        111,
        b"",
        b"fghack: fatal: wait failed: no child processes\n",
    )


def test_signal_ends_it_and_not_the_daemon(oracle: Oracle, tmp_path: Path) -> None:
    for command in (ours("fghack"), [oracle("fghack")]):
        process = subprocess.Popen(
            [*command, "sh", "-c", "echo $$; exec sleep 30"],
            stdout=subprocess.PIPE,
            env=ENVIRONMENT,
            cwd=tmp_path,
        )
        assert process.stdout
        daemon = int(process.stdout.readline())
        process.terminate()
        assert process.wait(PATIENCE) == -signal.SIGTERM
        os.kill(daemon, 0)
        os.kill(daemon, signal.SIGKILL)
        process.stdout.close()


def test_pgrphack_leads_a_session_and_a_group(oracle: Oracle, tmp_path: Path) -> None:
    show = ["sh", "-c", "cut -d' ' -f1,5,6 /proc/$$/stat"]
    for command in (ours("pgrphack"), [oracle("pgrphack")]):
        for before in (None, os.setsid, os.setpgrp):
            code, output, error = run([*command, *show], tmp_path, before=before)
            pid, group, session = output.split()
            assert (code, error, group, session == pid) == (0, b"", pid, before is not os.setpgrp)
