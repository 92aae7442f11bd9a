"""What ``./dev`` says when it cannot go on; making the environment itself is CI's first step."""

import os
import subprocess
from pathlib import Path

import pytest

DEV = Path(__file__).resolve().parent.parent.parent / "dev"


def dev(*arguments: str, path: str | None = None, python: str = "") -> tuple[int, str]:
    environment = {**os.environ, "PATH": path or os.environ["PATH"], "PYTHON": python}
    done = subprocess.run(
        ["/bin/sh", DEV, *arguments], capture_output=True, text=True, env=environment, cwd="/", check=False
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a directory with what a script needs, but no Python."""
    for tool in ("cat", "cksum", "dirname", "sh"):
        (tmp_path / tool).symlink_to(f"/usr/bin/{tool}")
    return tmp_path


@pytest.mark.parametrize("arguments", [(), ("dmo",), ("--help",)])
def test_wrong_command_shows_the_two_that_there_are(arguments: tuple[str, ...]) -> None:
    code, said = dev(*arguments)
    assert code == 100
    assert [line.split()[-3:-1] for line in said.splitlines()] == [["run", "the"], ["run", "the"]]


def test_no_python_is_said_plainly(path: Path) -> None:
    assert dev("demo", path=str(path)) == (
        111,
        "dev: needs Python 3.11 or later; none was found. Debian: apt install python3 python3-venv\n",
    )


def test_old_python_is_named_with_its_version(path: Path) -> None:
    (path / "python3").write_text("#!/bin/sh\n[ $1 = -V ] && echo Python 3.9.2\nexit 1\n")
    (path / "python3").chmod(0o755)
    code, said = dev("test", path=str(path))
    assert code == 111
    assert said.startswith(
        "dev: needs Python 3.11 or later; python3 here is Python 3.9.2. Install a newer one"
    )
    assert said.count("\n") == 1


def test_chosen_python_that_does_not_run_is_named() -> None:
    assert dev("demo", python="/nowhere/python") == (
        111,
        "dev: PYTHON is /nowhere/python, which is no Python 3.11 or later\n",
    )
