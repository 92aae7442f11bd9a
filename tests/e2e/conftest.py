"""Worlds, and which programs run in them: the originals or ours."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Oracle
from tests.e2e.world import SYSTEM_PATH, World, why_not


@pytest.fixture(scope="session")
def able() -> None:
    """Skip where no namespaces can be made; fail there when the oracles are required."""
    reason = why_not()
    if reason and os.environ.get("UCSPI_ORACLES") == "required":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def our_commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory with our commands, to be put first on PATH.

    They are what an installation has in its ``bin``, but run by this very
    Python, from wherever this ``ucspi`` was imported; also under ``env -``.
    """
    import ucspi
    from ucspi.programs.commands import COMMANDS

    directory = tmp_path_factory.mktemp("commands")
    home = str(Path(ucspi.__file__).parent.parent)
    for command, module in COMMANDS.items():
        script = directory / command
        script.write_text(
            f"#!{sys.executable}\n"
            f"import sys\n"
            f"sys.path.insert(0, {home!r})\n"
            f"from ucspi.programs.{module} import main\n"
            f"raise SystemExit(main())\n"
        )
        script.chmod(0o755)
    return directory


@pytest.fixture(scope="class", params=[pytest.param("original", marks=pytest.mark.slow), "ours"])
def path(request: pytest.FixtureRequest, our_commands: Path, oracle: Oracle) -> str:
    """Give the PATH that selects the programs.

    Each test runs with the original ``tcpserver`` and ``tcprules`` too, among the
    slow ones: that it passes there is what makes it a judge of ours.
    """
    if request.param == "ours":
        return f"{our_commands}:{SYSTEM_PATH}"
    oracle("tcpserver")
    return SYSTEM_PATH


@pytest.fixture(scope="class")
def world(able: None, path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Give a world of its own to a class of tests, and to each of the programs that it tries."""
    with World(tmp_path_factory.mktemp("e2e") / "world") as made:
        yield made
