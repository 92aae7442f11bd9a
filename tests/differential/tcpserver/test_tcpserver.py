"""tcpserver against the original, case by case: environment, descriptors, signals, log, exit codes.

Every case runs once on the original and once on ours, in one directory.  The
pairs run in a few threads ahead of the tests that compare them, because nearly
all of their time is waiting.  ``UCSPI_JUDGE=original`` puts the original in our
place: then the cases whose table says that nothing differs must still pass,
which proves the judge.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import ucspi
from tests.conftest import Oracle
from tests.differential.tcpserver import conversations, handlers, options, rules, surroundings
from tests.differential.tcpserver.case import Case, furnish, observe
from tests.differential.tcpserver.random_cases import random_cases
from tests.differential.tcpserver.report import compile_probe
from tests.differential.tcpserver.server import Observation

pytestmark = [pytest.mark.oracle, pytest.mark.e2e]

LISTED = [options, surroundings, handlers, rules, conversations]
CASES = [case for module in LISTED for case in module.CASES] + random_cases(40)
ALL = {case.name: case for case in CASES}
TOGETHER = 6  # pairs under way at once

# Our command as the installed script-file is, but for the place of the package.
SCRIPT = """\
#!{python}
import sys
sys.path[0] = {place!r}
from ucspi.programs.tcpserver import main
raise SystemExit(main())
"""


@dataclass(frozen=True)
class Pair:
    """What the original showed, and what we did."""

    original: Observation
    ours: Observation


class Bench:
    """Runs pairs ahead of the tests that ask for them."""

    def __init__(self, directory: Path, probe: Path, original: bytes, ours: bytes, tcprules: str) -> None:
        self._directory, self._probe, self._tcprules = directory, probe, tcprules
        self._original, self._ours = original, ours
        self._pool = ThreadPoolExecutor(TOGETHER)
        self._pairs: dict[str, Future[Pair]] = {}

    def prefetch(self, name: str) -> "Future[Pair]":
        if name not in self._pairs:
            place = self._directory / str(len(self._pairs))
            self._pairs[name] = self._pool.submit(self._run, ALL[name], place)
        return self._pairs[name]

    def _run(self, case: Case, place: Path) -> Pair:
        place.mkdir()
        furnish(case, place, self._probe, self._compile)
        original = observe(self._original, case.original or case.launch, case, place)
        alike = self._ours == self._original
        launch = case.original if alike and case.original else case.launch
        return Pair(original, observe(self._ours, launch, case, place))

    def _compile(self, target: Path, rules: bytes) -> None:
        command = [self._tcprules, str(target), str(target.with_suffix(".tmp"))]
        subprocess.run(command, input=rules, check=True, timeout=10)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def judged_by_itself() -> bool:
    return os.environ.get("UCSPI_JUDGE") == "original"


@pytest.fixture(scope="module")
def bench(
    request: pytest.FixtureRequest,
    oracle: Oracle,
    judged_by_itself: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Bench]:
    if not judged_by_itself:
        pytest.importorskip("ucspi.programs.tcpserver")
    original = os.fsencode(oracle("tcpserver"))
    directory = tmp_path_factory.mktemp("tcpserver")
    probe = compile_probe(directory)
    if probe is None:
        pytest.skip("no C compiler for the probe")
    ours = directory / "tcpserver"
    place = str(Path(ucspi.__file__).parent.parent)
    ours.write_text(SCRIPT.format(python=sys.executable, place=place))
    ours.chmod(0o755)
    program = original if judged_by_itself else bytes(ours)
    bench = Bench(directory, probe, original, program, oracle("tcprules"))
    for item in request.session.items:
        if isinstance(item, pytest.Function) and item.module is request.module and hasattr(item, "callspec"):
            name = str(item.callspec.params["name"])
            if os.getuid() == 0 or not ALL[name].needs_root:
                bench.prefetch(name)
    yield bench
    bench.close()


@pytest.mark.parametrize("name", ALL)
def test_it_shows_what_the_original_shows(bench: Bench, judged_by_itself: bool, name: str) -> None:
    case = ALL[name]
    if case.needs_root and os.getuid() != 0:
        pytest.skip("only root can become another user")
    pair = bench.prefetch(name).result()
    expected = pair.original if judged_by_itself else case.expect(pair.original)
    assert pair.ours.lines == expected.lines
    assert pair.ours.facts == expected.facts
    assert pair.ours.stdout == expected.stdout
    assert pair.ours.exit_code == expected.exit_code
    assert len(pair.ours.answers) == len(expected.answers)
    for ours, original in zip(pair.ours.answers, expected.answers, strict=True):
        assert (ours.before, ours.end) == (original.before, original.end)
        if original.report is None or ours.report is None:
            assert ours.report == original.report
            continue
        assert sorted(ours.report.environment) == sorted(original.report.environment)
        assert replace(ours.report, environment=()) == replace(original.report, environment=())
        assert ours.report.environment == original.report.environment
