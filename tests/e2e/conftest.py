"""Worlds, and which programs run in them: the originals or ours."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.scanning import Scanning
from tests.support.oracles import Oracle
from tests.support.program_choices import CHOICES, SUITES, write_commands
from tests.support.telnet_service import RULES, Service
from tests.support.tlsworld import certificate
from tests.support.world import SYSTEM_PATH, World, why_not
from ucspi.programs.commands import COMMANDS


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
    """Give a directory with all our commands; root alone may enter it."""
    return write_commands(tmp_path_factory.mktemp("commands"), frozenset(COMMANDS))


@pytest.fixture
def whose() -> str:
    """Say whose supervise svscan finds, for tests that do not care: ``ours`` or the original."""
    return "ours"


@pytest.fixture
def scanning(tmp_path: Path, oracle: Oracle, our_commands: Path, whose: str) -> Iterator[Scanning]:
    """Give a directory of services."""
    for program in ("supervise", "svc", "svstat", "multilog"):
        oracle(program)
    ours = tmp_path / "ours"
    ours.mkdir()
    (ours / "supervise").symlink_to(our_commands / "supervise")
    with Scanning(tmp_path, path=f"{ours}:{SYSTEM_PATH}" if whose == "ours" else SYSTEM_PATH) as made:
        yield made


@pytest.fixture(scope="session")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a certificate for localhost, with its key."""
    return certificate(tmp_path_factory.mktemp("certificate"), "own.pem", "localhost")


@pytest.fixture
def with_tls(pem: Path) -> list[str]:
    """Give the options of a server with this certificate that looks nothing up."""
    return ["-vHRl0", "--tls", "--tls-cert", str(pem)]


@pytest.fixture(scope="class", params=[pytest.param("original", marks=pytest.mark.slow), "ours"])
def chosen(request: pytest.FixtureRequest, oracle: Oracle) -> frozenset[str]:
    """Give the names of the programs that shall be ours: one of `CHOICES`.

    Each test runs with the originals too, among the slow ones: that it passes
    there is what makes it a judge of ours.
    """
    ours = CHOICES[request.param]
    for name in SUITES - ours:
        oracle(name)
    return ours


@pytest.fixture(scope="class")
def scanner(request: pytest.FixtureRequest) -> str:
    """Give the command that has the services supervised, unless a test names another."""
    return getattr(request, "param", "svscan")


@pytest.fixture(scope="class")
def world(
    able: None, chosen: frozenset[str], scanner: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Give a world of its own to a class of tests, and to each choice of programs and scanner."""
    with World(tmp_path_factory.mktemp("e2e") / "world", chosen) as made:
        yield made


@pytest.fixture(scope="class")
def service(world: World, scanner: str, oracle: Oracle, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """Give the service of the walk-through, running in its world."""
    for name in ("telnetd", "telnet"):
        oracle(name)
    made = Service(world, tmp_path_factory.mktemp("service"), scanner=scanner)
    made.make_cdb(RULES)
    made.bring_up()
    return made
