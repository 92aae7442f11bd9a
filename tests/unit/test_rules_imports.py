"""Nothing is imported once a server serves: it may have no right to our files by then."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE
from tests.support.rules_files import image_of
from tests.support.serving import ENVIRONMENT
from ucspi.cdb import backend

pytestmark = pytest.mark.sampled(3)

SCRIPT = """
import _socket, os, sys, time  # the first is loaded in a server
now = 1000.0
time.monotonic = lambda: now
from ucspi.rules import LiveRules, LiveText
path = b"rules"
told = []
if sys.argv[1] == "text":
    rules = LiveText(path, told.append, numbered=True)
    assert rules.load() == []
else:
    rules = LiveRules(path, log=told.append)

class Nothing:
    def find_spec(self, name, path=None, target=None):
        os.write(2, name.encode() + b" is imported\\n")
        os._exit(1)

sys.meta_path.insert(0, Nothing())
rules.begin(lambda: None)
for name in ("good", "long", "bad", "good", "missing", "good"):
    os.path.exists("rules") and os.unlink("rules")
    if name != "missing":
        os.link(name, "rules")
    for _ in range(20):
        now += 0.5
        rules.attend()
        rules._reader.wait(-1)
        try:
            verdict = rules.judge(b"127.0.0.1")
        except Exception:
            verdict = None
assert verdict.allowed and rules.line_of(verdict.rule) in (1, None)
"""


@pytest.mark.parametrize("core", ["native", "pure"])
@pytest.mark.parametrize("kind", ["compiled", "text"])
def test_rules_that_change_import_nothing(tmp_path: Path, kind: str, core: str) -> None:
    if core == "native" and backend() != "native":
        pytest.skip("the compiled core is not in use")
    long = "".join(
        f"10.{n >> 8}.{n & 255}.0/24:deny\n=a{n}.org:deny\n11.{n & 255}.3-9.:deny\n" for n in range(600)
    )
    texts = {"good": "127.:allow\n:deny\n", "long": long + "joe@1.2.3.4:allow,A=/b/\n:deny\n", "bad": "x\n"}
    for name, text in texts.items():
        made = text.encode() if kind == "text" else b"x" if name == "bad" else image_of(text.encode())
        (tmp_path / name).write_bytes(made)
    os.link(tmp_path / "good", tmp_path / "rules")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, kind],
        cwd=tmp_path,
        env=ENVIRONMENT | {"UCSPI_CDB": core},
        capture_output=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, b"")
