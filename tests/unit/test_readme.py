"""README shows the walk-through as the tests run it, and library code that works."""

from pathlib import Path

import pytest

from tests.e2e import service
from tests.readme import blocks, scripts


def test_walkthrough_is_the_one_that_is_tested() -> None:
    run, log_run, make_cdb, _, _ = scripts()
    assert (run, log_run, make_cdb) == (service.RUN, service.LOG_RUN, service.MAKE_CDB)
    assert service.RULES in blocks()


def test_library_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = blocks("python")
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})
    assert (tmp_path / "people.cdb").exists()
