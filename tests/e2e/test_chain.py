"""What a server takes for a link of its own installation, and executes where there is any doubt."""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import COMMANDS
from tests.support.patience import wait_for
from tests.support.warmed import CAN_BE_WARM, Executed, Server, require_memory_of_missing_names, server

pytestmark = [
    pytest.mark.sampled(3),
    pytest.mark.e2e,
    pytest.mark.skipif(
        not CAN_BE_WARM, reason="there are no steps without the compiled module and launchers"
    ),
]
SETTLE = 0.1  # seconds until a new file is no longer too new to be sure of
CLIENTS = 20


class Installation:
    """A directory with commands of ours, which a test may change."""

    def __init__(self, folder: Path) -> None:
        self.bin, self._events = folder / "bin", list[Executed]()
        self.bin.mkdir(parents=True)
        (folder / "lib").symlink_to(COMMANDS.parent / "lib")
        shutil.copy(COMMANDS.parent / "pyvenv.cfg", folder)
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        (self.bin / version).symlink_to(COMMANDS / version)
        for name in ("tcpserver", "argv0", "pgrphack"):
            shutil.copy(COMMANDS / name, self.bin)
        time.sleep(SETTLE)

    def copy(self, name: str, target: Path) -> Path:
        shutil.copy(self.bin / name, target)
        time.sleep(SETTLE)
        return target


@pytest.fixture
def installed(tmp_path: Path) -> Installation:
    if not (COMMANDS.parent / "pyvenv.cfg").exists():
        pytest.skip("the commands are in no venv")
    return Installation(tmp_path / "installed")


@pytest.fixture
def hello(tmp_path: Path) -> list[str]:
    return ["/bin/sh", "x", "-c", "echo hello"]


def is_executed(running: Server, link: Path, text: bytes = b"hello\n") -> bool:
    """Return whether the link was executed for a client."""
    executed = Executed(link)
    try:
        assert running.visit()[0] == text
        return executed.count() > 0
    finally:
        executed.close()


def becomes_a_step(running: Server, link: Path) -> None:
    """Wait until the link is not executed any more: a thread reads the chain again."""
    wait_for(lambda: not is_executed(running, link), "a step")


def serve(installed: Installation, where: Path, link: str, hello: list[str], **more: str):  # type: ignore[no-untyped-def]
    path = str(installed.bin)  # without the originals
    return server(
        where,
        "warm",
        [link, *hello],
        path=more.pop("path", path),
        environ=more,
        program=installed.bin / "tcpserver",
    )


def test_link_of_this_installation_is_a_step(
    installed: Installation, tmp_path: Path, hello: list[str]
) -> None:
    with serve(installed, tmp_path, "argv0", hello) as running:
        assert not is_executed(running, installed.bin / "argv0")


def test_name_of_a_command_says_nothing(installed: Installation, tmp_path: Path, hello: list[str]) -> None:
    """A copy or a link under another name is what it is; another program under the name is executed."""
    other = installed.copy("argv0", installed.bin / "other")
    (tmp_path / "linked").symlink_to(installed.bin / "argv0")
    foreign = tmp_path / "argv0"
    foreign.write_text("#!/bin/sh\necho foreign\n")
    foreign.chmod(0o755)
    with serve(installed, tmp_path, "other", hello) as running:
        assert not is_executed(running, other)
    with serve(installed, tmp_path, "./linked", hello) as running:
        assert not is_executed(running, installed.bin / "argv0")
    with serve(installed, tmp_path, "./argv0", hello) as running:
        assert is_executed(running, foreign, b"foreign\n")


def test_copy_elsewhere_is_executed(installed: Installation, tmp_path: Path, hello: list[str]) -> None:
    """It looks for interpreter and package from where it is: it is of another installation."""
    another = Installation(tmp_path / "another")
    with serve(installed, tmp_path, str(another.bin / "argv0"), hello) as running:
        assert is_executed(running, another.bin / "argv0")


def test_launcher_with_other_bytes_is_executed(
    installed: Installation, tmp_path: Path, hello: list[str]
) -> None:
    link = installed.bin / "argv0"
    text = bytearray(link.read_bytes())
    text[-1] ^= 1  # of the section headers, which nobody loads
    link.write_bytes(text)
    time.sleep(SETTLE)
    with serve(installed, tmp_path, "argv0", hello) as running:
        assert is_executed(running, link)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("bit", [0o4000, 0o2000])
def test_set_id_link_is_executed(installed: Installation, tmp_path: Path, hello: list[str], bit: int) -> None:
    link = installed.bin / "argv0"
    link.chmod(0o755 | bit)
    time.sleep(SETTLE)
    with serve(installed, tmp_path, "argv0", hello) as running:
        assert is_executed(running, link)


def test_set_id_bit_of_a_running_server_s_link_counts(
    installed: Installation, tmp_path: Path, hello: list[str]
) -> None:
    link = installed.bin / "argv0"
    with serve(installed, tmp_path, "argv0", hello) as running:
        assert not is_executed(running, link)
        link.chmod(0o4755)
        for _ in range(CLIENTS):
            assert is_executed(running, link)
        link.chmod(0o755)
        assert is_executed(running, link)  # at first: the chain has to be read again
        becomes_a_step(running, link)


def test_newer_file_in_path_counts_from_the_next_client_on(
    installed: Installation, tmp_path: Path, hello: list[str]
) -> None:
    first = tmp_path / "first"
    first.mkdir()
    require_memory_of_missing_names(first)
    path = f"{first}:{installed.bin}"
    with serve(installed, tmp_path, "argv0", hello, path=path) as running:
        assert not is_executed(running, installed.bin / "argv0")
        (first / "new").write_text("#!/bin/sh\necho new\n")
        (first / "new").chmod(0o755)
        (first / "new").rename(first / "argv0")
        for _ in range(CLIENTS):
            assert is_executed(running, first / "argv0", b"new\n")
        (first / "argv0").unlink()
        assert not is_executed(running, installed.bin / "argv0")  # all is as it was when it was read


def test_replaced_link_counts_from_the_next_client_on(
    installed: Installation, tmp_path: Path, hello: list[str]
) -> None:
    link = installed.bin / "argv0"
    with serve(installed, tmp_path, "argv0", hello) as running:
        assert not is_executed(running, link)
        link.with_name("new").write_text("#!/bin/sh\necho new\n")
        link.with_name("new").chmod(0o755)
        link.with_name("new").rename(link)
        assert running.visit()[0] == b"new\n"
        link.unlink()
        assert running.visit()[1:] == (
            111 << 8,
            b"tcpserver: warning: dropping connection, unable to run argv0: file does not exist\n",
        )
        shutil.copy(COMMANDS / "argv0", link)
        assert is_executed(running, link)
        time.sleep(SETTLE)
        becomes_a_step(running, link)


def test_link_without_its_rights_is_not_run(
    installed: Installation, tmp_path: Path, hello: list[str]
) -> None:
    with serve(installed, tmp_path, "argv0", hello) as running:
        (installed.bin / "argv0").chmod(0o644)
        assert running.visit()[1:] == (
            111 << 8,
            b"tcpserver: warning: dropping connection, unable to run argv0: access denied\n",
        )


def test_second_link_is_looked_at_too(installed: Installation, tmp_path: Path, hello: list[str]) -> None:
    link = installed.bin / "pgrphack"
    with serve(installed, tmp_path, "argv0", ["pgrphack", "x", *hello[:1], *hello[2:]]) as running:
        assert not is_executed(running, link)
        link.unlink()
        assert running.visit()[1:] == (
            111 << 8,
            b"argv0: fatal: unable to run pgrphack: file does not exist\n",
        )


def test_link_that_comes_back_is_a_step_again(
    installed: Installation, tmp_path: Path, hello: list[str]
) -> None:
    """Though the chain was read while it was away, and nothing in front of it changes any more."""
    require_memory_of_missing_names(installed.bin)
    first, second = installed.bin / "argv0", installed.bin / "pgrphack"
    with serve(installed, tmp_path, "argv0", ["pgrphack", "x", *hello[:1], *hello[2:]]) as running:
        assert not is_executed(running, second)
        second.unlink()
        wait_for(lambda: not is_executed(running, first, b""), "a chain of one step")
        shutil.copy(COMMANDS / "pgrphack", second)
        assert is_executed(running, second)
        time.sleep(SETTLE)
        becomes_a_step(running, second)


def test_program_behind_the_links_is_looked_for_for_each_client(
    installed: Installation, tmp_path: Path
) -> None:
    first = tmp_path / "first"
    first.mkdir()
    require_memory_of_missing_names(first)
    path = f"{first}:{installed.bin}:/usr/bin:/bin"
    link = installed.bin / "argv0"
    with serve(installed, tmp_path, "argv0", ["echo", "x", "hello"], path=path) as running:
        assert not is_executed(running, link)
        (first / "echo").write_text("#!/bin/sh\nprintf 'new\\n'\n")
        (first / "echo").chmod(0o755)
        assert not is_executed(running, link, b"new\n")


@pytest.mark.parametrize(
    "variable", ["UCSPI_WARM=0", "LD_DEBUG_OUTPUT=x", "MALLOC_ARENA_MAX=1", "GLIBC_TUNABLES="]
)
def test_environment_of_the_server_has_links_executed(
    installed: Installation, tmp_path: Path, hello: list[str], variable: str
) -> None:
    name, _, value = variable.partition("=")
    with serve(installed, tmp_path, "argv0", hello, **{name: value}) as running:
        assert is_executed(running, installed.bin / "argv0")


@pytest.mark.parametrize(
    ("assigned", "executed"),
    [("PATH", True), ("LD_X", True), ("NSS_Y", True), ("PATHS", False), ("L", False)],
)
def test_client_s_variable_has_links_executed(
    installed: Installation, tmp_path: Path, hello: list[str], assigned: str, *, executed: bool
) -> None:
    rules = tmp_path / "rules"
    rules.write_text(f':allow,{assigned}="/usr/bin:/bin"\n')
    link = [str(installed.bin / "argv0"), *hello]
    with server(
        tmp_path,
        "warm",
        link,
        options=["--rules-text", str(rules)],
        program=installed.bin / "tcpserver",
    ) as running:
        assert is_executed(running, installed.bin / "argv0") == executed


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_program_that_cannot_be_read_at_once_does_not_delay_the_start(tmp_path: Path) -> None:
    """Little memory makes softlimit look into the program."""
    os.mkfifo(tmp_path / "fifo", 0o755)
    with server(tmp_path, "warm", ["softlimit", "-a1000000", "./fifo"]) as running:
        assert running.process.poll() is None
