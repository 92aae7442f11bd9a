"""What all exec-chain tools hand on, and how they fail to run a program."""

import os
import signal
from pathlib import Path

import pytest

from tests.differential.chain import DESCRIPTORS, ENVIRONMENT, SIGNALS, Compare, as_root
from tests.support.commands import COMMANDS, ours, run, signals
from tests.support.commands import ENVIRONMENT as GIVEN
from tests.support.launchers import is_launched
from tests.support.oracles import Oracle
from tests.support.patience import wait_for
from tests.support.warmed import CAN_BE_WARM, Executed, server

pytestmark = [pytest.mark.oracle, pytest.mark.sampled(4)]

TOOLS = {
    "envuidgid": ["daemon"],
    "envdir": ["directory"],
    "softlimit": ["-c0"],
    "setlock": ["lock"],
    "pgrphack": [],
    "fghack": [],
}
AS_ROOT = {"setuidgid": ["daemon"], **TOOLS}


@pytest.fixture
def where(tmp_path: Path) -> Path:
    """Give a directory that anybody may use, with all that a tool wants."""
    (tmp_path / "directory").mkdir()
    (tmp_path / "plain").write_bytes(b"")
    (tmp_path / "script").write_bytes(b"true\n")
    (tmp_path / "script").chmod(0o755)
    tmp_path.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("tool", AS_ROOT)
def test_missing_arguments_are_the_usage(compare: Compare, oracle: Oracle, tool: str, where: Path) -> None:
    for arguments in ([], AS_ROOT[tool]):
        assert compare(oracle, tool, arguments, where)[0] == (111 if tool == "envdir" else 100)


@pytest.mark.parametrize("tool", TOOLS)
def test_program_that_cannot_be_run_is_exit_111(
    compare: Compare, oracle: Oracle, tool: str, where: Path
) -> None:
    for program in ("nosuch", "./script"):
        code, output, error = compare(oracle, tool, [*TOOLS[tool], program], where)
        assert (code, output, error.count(b"\n")) == (111, b"", 1)


def test_search_is_that_of_the_original(compare: Compare, oracle: Oracle, where: Path) -> None:
    for program in ("./plain", "/dev/null/x", ".", "directory", ""):
        assert compare(oracle, "pgrphack", [program], where)[0] == 111
    for path in ("plain:/bin", "directory::/bin", "nosuch:", "."):
        compare(oracle, "pgrphack", ["script"], where, environment={"PATH": path})


def _disturb() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGUSR1, signal.SIGTERM, signal.SIGCHLD})
    os.umask(0o027)


@as_root
@pytest.mark.parametrize("tool", AS_ROOT)
def test_signals_mask_umask_and_ids_are_handed_on(
    compare: Compare, oracle: Oracle, tool: str, where: Path
) -> None:
    code, output, error = compare(oracle, tool, [*AS_ROOT[tool], *SIGNALS], where, before=_disturb)
    assert (code, output.count(b"\n"), error) == (0, 7, b"")


@as_root
@pytest.mark.parametrize("tool", AS_ROOT)
def test_descriptors_are_handed_on(compare: Compare, oracle: Oracle, tool: str, where: Path) -> None:
    def before() -> None:
        os.dup2(0, 7)

    output = compare(oracle, tool, [*AS_ROOT[tool], *DESCRIPTORS], where, before=before)[1]
    inherited = {"fghack": 31, "setlock": 1}.get(tool, 0)
    assert len(set(output.splitlines())) >= 4 + inherited


@as_root
@pytest.mark.parametrize("tool", AS_ROOT)
def test_environment_is_handed_on_in_order(compare: Compare, oracle: Oracle, tool: str, where: Path) -> None:
    given = {"Z": "1", "GID": "x", "A": "2\n3", "UID": "", "LC_CTYPE": "C.UTF-8", "M": "="}
    assert compare(oracle, tool, [*AS_ROOT[tool], *ENVIRONMENT], where, environment=given)[0] == 0


@pytest.mark.parametrize("tool", TOOLS)
def test_exit_code_is_that_of_the_program(compare: Compare, oracle: Oracle, tool: str, where: Path) -> None:
    arguments = [*TOOLS[tool], "sh", "-c", "cat; echo $0 $#; exit 7", "one", "two", ""]
    assert compare(oracle, tool, arguments, where) == (7, b"one 2\n", b"")


@pytest.mark.parametrize("tool", AS_ROOT)
def test_help_and_version_alone_are_answered(tool: str, where: Path) -> None:
    code, output, error = run([*ours(tool), "--help"], where)
    assert (code, output.startswith(f"{tool}: usage: {tool} ".encode()), error) == (0, True, b"")
    assert run([*ours(tool), "--version"], where)[1].startswith(b"ucspi ")


@pytest.mark.parametrize("tool", ["setlock", "softlimit"])
def test_long_option_is_refused(oracle: Oracle, tool: str, where: Path) -> None:
    arguments = ["--long", *(["lock"] if tool == "setlock" else []), "true"]
    assert run([oracle(tool), *arguments], where)[0] == 0
    code, _, error = run([*ours(tool), *arguments], where)
    assert (code, error.splitlines()[0]) == (
        100,
        f"{tool}: illegal option -- long".encode(),
    )


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("trap", ["trap '' PIPE XFSZ", "trap '' XFSZ", "trap '' PIPE INT", ":"])
def test_ignored_signals_stay_so_in_the_program(oracle: Oracle, where: Path, tool: str, trap: str) -> None:
    ignored = []
    for command in (ours(tool), [oracle(tool)]):
        shell = ["sh", "-c", trap + '; exec "$@"', "sh"]
        line = [*shell, *command, *TOOLS[tool], "grep", "^SigIgn", "/proc/self/status"]
        ignored.append(signals(run(line, where)[1].split()[1]))
    at_default = ~(1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)
    assert ignored[0] == (ignored[1] if is_launched() else ignored[1] & at_default)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("number", [0, 1, 2])
def test_directory_as_standard_descriptor_is_handed_on(
    oracle: Oracle, where: Path, tool: str, number: int
) -> None:
    """Python itself does not start with one."""
    show = f"(readlink /proc/$$/fd/{number}; ls /proc/$$/fd) > seen"
    start = f'exec "$@" {number}</'
    seen = []
    for command in (ours(tool), [oracle(tool)]):
        code, _, _ = run(["sh", "-c", start, "sh", *command, *TOOLS[tool], "sh", "-c", show], where)
        seen.append((code, b"" if code else (where / "seen").read_bytes()))
    assert (seen[1][0], seen[1][1][:2]) == (0, b"/\n")
    assert seen[0] == seen[1] if is_launched() else seen[0][0] == 1


@pytest.mark.parametrize("tool", ["setlock", "fghack"])
def test_closed_descriptor_is_occupied(oracle: Oracle, tool: str, where: Path) -> None:
    probe = [*TOOLS[tool], "readlink", "/proc/self/fd/0"]
    mine, original = (
        run([*command, *probe], where, before=lambda: os.close(0))[1]
        for command in (ours(tool), [oracle(tool)])
    )
    assert mine == b"/dev/null\n"
    assert original.startswith(b"pipe:" if tool == "fghack" else bytes(where))


@pytest.mark.skipif(not CAN_BE_WARM, reason="there are no steps without the compiled module and launchers")
@pytest.mark.parametrize("tool", [tool for tool in TOOLS if tool != "fghack"])
def test_link_that_is_compared_behind_a_server_is_a_step(tool: str, where: Path) -> None:
    """Otherwise nothing but the executed link would be compared."""
    handler = [str(COMMANDS / tool), *TOOLS[tool], "true"]
    with server(where, "warm", handler, path=GIVEN["PATH"]) as running:
        link = Executed(COMMANDS / tool)

        def is_step() -> bool:
            assert running.visit()[1] == 0
            return not link.count()

        wait_for(is_step, "a client while no other test executes the link")
        link.close()
