"""tcprules killed at any moment: whoever opens the database finds a whole one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from tests.support.commands import ours
from tests.support.patience import PATIENCE, wait_for
from tests.support.rules_files import image_of

pytestmark = pytest.mark.e2e

ROUNDS = 40
INSTALLED = [sys.executable, "-c", "from ucspi.programs.tcprules import main; raise SystemExit(main())"]


def text(verdict: bytes) -> bytes:
    return b"".join(b"10.%d.%d.:%s\n" % (number >> 8, number & 255, verdict) for number in range(3000))


def test_old_file_or_new_file_is_there_after_a_kill_at_any_moment(tmp_path: Path) -> None:
    texts = [text(b"allow"), text(b"deny")]
    images = [image_of(rules) for rules in texts]
    target = tmp_path / "rules.cdb"
    target.write_bytes(images[0])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    random = Random(9)
    longest = 0.2
    endings = set()
    for turn in range(ROUNDS):
        (tmp_path / "rules").write_bytes(texts[turn % 2])
        with open(tmp_path / "rules", "rb") as rules:
            began = time.monotonic()
            child = subprocess.Popen(
                [*ours("tcprules"), "rules.cdb", "rules.tmp"],
                stdin=rules,
                cwd=tmp_path,
                env=environment,
            )
        try:
            child.wait(random.uniform(0, longest))
            longest = min(longest, 1.2 * (time.monotonic() - began))
        except subprocess.TimeoutExpired:
            child.kill()
        endings.add(child.wait())
        assert target.read_bytes() in images
    assert endings == {0, -9}, "the kills must fall before and after the end"


def test_interrupt_ends_it_without_a_traceback(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [*INSTALLED, "rules.cdb", "rules.tmp"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        wait_for(
            (tmp_path / "rules.tmp").exists, "a tcprules that writes"
        )  # from then on it waits for its input
        child.send_signal(signal.SIGINT)
        _, complaint = child.communicate(timeout=PATIENCE)
    finally:
        child.kill()
        child.wait()
    assert (child.returncode, complaint) == (-signal.SIGINT, b"")
    assert not (tmp_path / "rules.cdb").exists()
