"""Runs cases on the original and on ours, some at once, ahead of the tests that compare them."""

import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.differential.tcpserver.case import Case, furnish, observe
from tests.differential.tcpserver.server import Observation
from tests.support.patience import PATIENCE

TOGETHER = 6  # pairs under way at once; nearly all of their time is waiting


@dataclass(frozen=True)
class Pair:
    """What the original showed, and what we did."""

    original: Observation
    ours: Observation


class Pairs:
    """Runs pairs ahead of the tests that ask for them."""

    def __init__(self, directory: Path, probe: Path, original: bytes, ours: bytes, tcprules: str) -> None:
        self._directory, self._probe, self._tcprules = directory, probe, tcprules
        self._original, self._ours = original, ours
        self._pool = ThreadPoolExecutor(TOGETHER)
        self._pairs: dict[str, Future[Pair]] = {}

    def prefetch(self, case: Case) -> "Future[Pair]":
        """Start a pair unless it is under way or done already."""
        if case.name not in self._pairs:
            place = self._directory / str(len(self._pairs))
            self._pairs[case.name] = self._pool.submit(self._run, case, place)
        return self._pairs[case.name]

    def _run(self, case: Case, place: Path) -> Pair:
        place.mkdir()
        furnish(case, place, self._probe, self._compile)
        original = observe(self._original, case.original or case.launch, case, place)
        alike = self._ours == self._original
        launch = case.original if alike and case.original else case.launch
        return Pair(original, observe(self._ours, launch, case, place))

    def _compile(self, target: Path, rules: bytes) -> None:
        command = [self._tcprules, str(target), str(target.with_suffix(".tmp"))]
        # An environment of its own: pytest changes os.environ in the main thread,
        # and the old one may be freed under a spawn (EFAULT was seen).
        subprocess.run(command, input=rules, check=True, timeout=PATIENCE, env={})

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
