"""The benchmarks run; what they measure is nobody's business here."""

import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE

BENCH = Path(__file__).parents[2] / "bench"

SVG = "{http://www.w3.org/2000/svg}"
PEERS = {
    "lookup": ["cdbx"],
    "build": ["cdbx", "cdblib"],
    "pure": ["cdblib"],
    "growth": ["cdbx", "cdblib"],
}

pytestmark = [pytest.mark.oracle, pytest.mark.e2e]


def need_peer(name: str) -> None:
    """Skip where a peer of the extra ``peers`` is not installed; CI installs it."""
    if find_spec(name) is None:
        reason = f"{name} is not installed: pip install 'ucspi[peers]'"
        if os.environ.get("UCSPI_ORACLES") == "required":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *("lookup", "build", "pure", "growth", "tcprules"),
        *("connections", "proxy", "peers", "names", "held", "memory", "filters", "logs"),
        *("multilog", "supervise", "svwait", "startup", "chains", "pyhandler", "relay"),
    ],
)
def test_it_prints_a_table(oracle: Oracle, name: str) -> None:
    for needed in ("tcprules", "tcpserver", "recordio", "tai64n", "supervise", "cc", "cdbmake"):
        oracle(needed)
    if name == "relay":
        oracle("socat")
    if name == "svwait":
        oracle("s6-svwait")
    for peer in PEERS.get(name, ()):
        need_peer(peer)
    command = [sys.executable, str(BENCH / f"{name}.py"), "--quick", "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, text=True)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert len(rows) > 2
    assert done.stdout.startswith(f"$ {Path(sys.executable).name} ")


@pytest.fixture
def plot(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give the module that draws."""
    monkeypatch.syspath_prepend(BENCH)
    return import_module("plot")


def test_picture_has_every_line_where_its_points_are(plot: Any) -> None:
    lines = [("ours & theirs", "#123456", [(1000, 10), (100_000, 1000)]), ("flat", "red", [(1000, 100)])]
    chart = plot.Chart("cost", "records", "ns", lines)
    picture = ElementTree.fromstring(plot.draw([chart, chart]))
    texts = ["".join(text.itertext()) for text in picture.iter(f"{SVG}text")]
    for text in ("cost", "records", "ns", "1,000", "10,000", "100,000", "ours & theirs", "flat"):
        assert texts.count(text) >= 2, text
    circles = [(float(dot.get("cx", 0)), float(dot.get("cy", 0))) for dot in picture.iter(f"{SVG}circle")]
    left, right = plot.LEFT, plot.LEFT + plot.WIDTH
    top, bottom = plot.TOP, plot.TOP + plot.HEIGHT
    assert circles == [(left, bottom), (right, top), (left, (top + bottom) / 2)] * 2


def test_names_of_lines_that_end_together_do_not_cover_each_other(plot: Any) -> None:
    lines = [(f"line {number}", "red", [(1000, 10), (10_000, 100 + number)]) for number in range(4)]
    picture = ElementTree.fromstring(plot.draw([plot.Chart("cost", "records", "ns", lines)]))
    names = [text for text in picture.iter(f"{SVG}text") if (text.text or "").startswith("line")]
    heights = [float(name.get("y", 0)) for name in names]
    assert all(lower - upper >= plot.LETTER for upper, lower in pairwise(heights))
