"""The page on running one service on many machines: all of its files do what it says."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.balancers import require
from tests.support.oracles import missing
from tests.support.pagefiles import files_in
from tests.support.patience import PATIENCE
from tests.support.program_choices import write_commands
from tests.support.unshared import run_unshared
from ucspi.programs.commands import COMMANDS

PAGE = Path(__file__).parents[2] / "docs" / "fleet.md"
SCRIPTS = {name for name, text in files_in(PAGE).items() if text.startswith("#!/bin/sh")}

pytestmark = pytest.mark.e2e


def test_page_has_all_its_files() -> None:
    runs = {"/srv/smtpd/run", "/srv/smtpd/log/run", "/srv/agent/run", "/srv/haproxy/run"}
    assert runs | {"publish", "roll", "collect"} == SCRIPTS
    assert set(files_in(PAGE)) - SCRIPTS == {"/srv/agent/state", "/srv/haproxy/haproxy.cfg"}


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_script_has_no_fault_of_syntax(name: str) -> None:
    subprocess.run(["sh", "-n"], input=files_in(PAGE)[name].encode(), check=True, timeout=PATIENCE)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["lb1", "lb2"])
def test_haproxy_takes_its_file_without_a_warning(tmp_path: Path, name: str) -> None:
    config = tmp_path / "haproxy.cfg"
    config.write_text(files_in(PAGE)["/srv/haproxy/haproxy.cfg"])
    other = {"lb1": "lb2", "lb2": "lb1"}[name]
    environ = {**os.environ, "ME": name, "OTHER": other, "ADDRESS": "10.9.0.1"}
    command = [require("haproxy"), "-c", "-L", name, "-f", str(config)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


@pytest.mark.oracle
@pytest.mark.slow
def test_machines_are_restarted_one_after_the_other_and_no_client_is_lost(tmp_path: Path) -> None:
    """Also: rules and limits count on all of them, and their logs come together."""
    for tool in ("ip", "nsenter", "rsync"):
        if not shutil.which(tool):
            missing(f"not installed: {tool}")
    require("haproxy")
    place, commands = tmp_path / "place", tmp_path / "commands"
    place.mkdir()
    commands.mkdir()
    write_commands(commands, frozenset(COMMANDS))
    words = ["tests.e2e.fleet_world", str(PAGE), str(place), str(commands)]
    print(run_unshared(*words, timeout=400, alone=True).decode())
