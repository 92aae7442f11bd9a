"""README shows the walk-through as the tests run it, and library code that works."""

import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.support import telnet_service
from tests.support.patience import PATIENCE
from tests.support.readme import README, blocks, scripts


def test_walkthrough_is_the_one_that_is_tested() -> None:
    run, log_run, make_cdb, _, _ = scripts()
    assert (run, log_run, make_cdb) == (telnet_service.RUN, telnet_service.LOG_RUN, telnet_service.MAKE_CDB)
    assert telnet_service.RULES in blocks()
    assert telnet_service.END in blocks("sh")


def test_installing_links_every_command(tmp_path: Path) -> None:
    (block,) = [block for block in blocks("sh") if "pip install ." in block]
    line = block.splitlines()[-1].replace("/usr/local/bin", str(tmp_path))
    subprocess.run(["sh", "-ec", line], cwd=README.parent, check=True, timeout=PATIENCE)
    links = {path.name: str(path.readlink()) for path in tmp_path.iterdir()}
    assert links == {name: f"/opt/ucspi/bin/{name}" for name in installed()}


def installed() -> list[str]:
    """Return the commands that pip installs."""
    settings = tomllib.loads((README.parent / "pyproject.toml").read_text())
    return [Path(script).name for script in settings["tool"]["setuptools"]["script-files"]]


def test_library_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = blocks("python")
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})
    assert (tmp_path / "people.cdb").exists()
