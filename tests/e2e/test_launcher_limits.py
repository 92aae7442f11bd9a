"""Old run scripts begin with a limit that is meant for a program in C: with ours they go on working.

The launcher raises the soft limits for the interpreter, and what our programs
execute has those that were asked for, as behind the original.
"""

import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import COMMANDS, ENVIRONMENT, ours
from tests.support.launchers import needs_launcher
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE, wait_for
from tests.support.unshared import run_unshared

pytestmark = [pytest.mark.sampled(4), pytest.mark.e2e, needs_launcher]

NAMES = ("RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_MEMLOCK", "RLIMIT_NOFILE")
# Starts with hardly any memory, as a shell does not.
PROBE = """\
#include <stdio.h>
#include <sys/resource.h>
int main(void)
{
  static const int which[] = { %s };
  struct rlimit limit;
  unsigned i;

  for (i = 0; i < sizeof which / sizeof *which; ++i) {
    getrlimit(which[i], &limit);
    printf("%%llu/%%llu ", (unsigned long long) limit.rlim_cur, (unsigned long long) limit.rlim_max);
  }
  puts("seen");
  return 0;
}
"""
MORE = 64 << 20
ENOUGH = 32_000_000
# What stands in front of a program behind each command that executes one.
CHAIN = {
    "argv0": ["./probe"],
    "envdir": ["EMPTY"],
    "envuidgid": ["root"],
    "fghack": [],
    "fixcrio": [],
    "pgrphack": [],
    "rblsmtpd": ["-r", "list.test"],
    "recordio": [],
    "setlock": ["lock"],
    "softlimit": ["-o", "100"],
}
LIMITS = [
    "-m 2000000",
    "-d 400000",
    "-a 2000000 -s 200000",
    "-l 10000",
    "-m 20000000 -s =",
    "-d 0 -a 70000000",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory with a probe that any limit lets start."""
    directory = tmp_path_factory.mktemp("limits")
    (directory / "EMPTY").mkdir()
    (directory / "probe.c").write_text(PROBE % ", ".join(NAMES))
    if shutil.which("cc") is None:
        pytest.skip("no C compiler for the probe")
    compiler = ["cc", "-static", "-O2", "probe.c", "-o", "probe"]
    subprocess.run(compiler, cwd=directory, check=True, timeout=PATIENCE)
    return directory


def run(
    command: list[str], where: Path, before: Callable[[], object] | None = None
) -> tuple[int, bytes, bytes]:
    done = subprocess.run(
        command,
        cwd=where,
        env=ENVIRONMENT | {"RBLSMTPD": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        preexec_fn=before,
    )
    return done.returncode, done.stdout.replace(b"\r\n", b"\n"), done.stderr  # fixcrio puts them in


@pytest.fixture(params=["ours", "original"])
def softlimit(request: pytest.FixtureRequest, oracle: Oracle) -> list[str]:
    """Give a softlimit to put in front."""
    return ours("softlimit") if request.param == "ours" else [oracle("softlimit")]


@pytest.mark.parametrize("command", CHAIN)
def test_program_behind_a_command_has_the_limits_that_were_asked_for(
    command: str, softlimit: list[str], place: Path, oracle: Oracle
) -> None:
    for limits in LIMITS:
        asked = [*softlimit, *limits.split()]
        if command == "softlimit":
            asked += ["-o", "100"]
        wanted = run([*asked, "./probe"], place)[1]
        assert wanted.endswith(b" seen\n")
        mine, original = (
            run([*asked, *link, *CHAIN[command], "./probe"], place)
            for link in (ours(command), [oracle(command)])
        )
        assert mine[:2] == (0, wanted), (limits, mine)
        # With the C library of today the original itself needs three megabytes.
        assert original[:2] == (0, wanted) or b"loading shared libraries" in original[2], original


def test_chain_keeps_them_and_a_later_limit_counts(softlimit: list[str], place: Path, oracle: Oracle) -> None:
    def run_chain(find: Callable[[str], list[str]], first: str) -> tuple[int, bytes, bytes]:
        command = [*softlimit, "-m", first]
        for name in ("setlock", "envdir", "pgrphack", "softlimit", "argv0"):
            command += [*find(name), *CHAIN[name]]
            command += ["-a", "3500000", "-d", "="] if name == "softlimit" else []
        return run([*command, "its name"], place)

    mine = run_chain(ours, "4000000")
    assert mine == run_chain(lambda name: [oracle(name)], "4000000")
    assert mine[1].split()[0].startswith(b"3500000/")
    assert run_chain(ours, "2000000")[1] == mine[1].replace(b"4000000", b"2000000")


def test_their_hard_limits_are_left_alone(place: Path) -> None:
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    code, shown, _ = run([*ours("softlimit"), "-m", "2000000", *ours("pgrphack"), "./probe"], place)
    assert (code, shown.split()[0]) == (0, b"2000000/%d" % (hard % (1 << 64)))


def limits_of(pid: int) -> dict[str, int]:
    """Return the soft limits of a process, less those that are none."""
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
    cells = {line[:25].strip(): line[25:].split()[0] for line in lines}
    return {name: int(soft) for name, soft in cells.items() if soft != "unlimited"}


class TestServers:
    """What qmail's and djbdns's instructions have in front of tcpserver."""

    @pytest.mark.parametrize("limit", ["-m 2000000", "-d400000", "-m 3000000 -o 40"])
    def test_server_serves_and_its_handler_is_limited(
        self, limit: str, softlimit: list[str], place: Path
    ) -> None:
        command = [*softlimit, *limit.split(), *ours("tcpserver"), "-1RHl0", "127.0.0.1", "0", "./probe"]
        wanted = run([*softlimit, *limit.split(), "./probe"], place)[1]
        process = subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, env=ENVIRONMENT)
        try:
            assert process.stdout
            port = process.stdout.readline().decode().strip()
            client = [*ours("tcpclient"), "-RHl0", "127.0.0.1", port, "sh", "-c", "cat <&6"]
            for _ in range(3):
                assert run(client, place) == (0, wanted, b"")
            mine = limits_of(process.pid)
            asked = int(limit.split()[1] if " " in limit else limit[2:])
            assert mine["Max data size"] == asked + MORE
            assert mine.get("Max address space", asked + MORE) == asked + MORE
            assert mine["Max stack size"] == 8 << 20
        finally:
            process.kill()
            process.communicate(timeout=PATIENCE)

    def test_client_program(self, softlimit: list[str], place: Path, oracle: Oracle) -> None:
        server = subprocess.Popen(
            [*ours("tcpserver"), "-1RHl0", "127.0.0.1", "0", "true"], stdout=subprocess.PIPE, env=ENVIRONMENT
        )
        try:
            assert server.stdout
            port = server.stdout.readline().decode().strip()
            mine, original = (
                run([*softlimit, "-m", "4000000", *client, "-RHl0", "127.0.0.1", port, "./probe"], place)
                for client in (ours("tcpclient"), [oracle("tcpclient")])
            )
        finally:
            server.kill()
            server.communicate(timeout=PATIENCE)
        assert mine == original
        assert mine[1].endswith(b" seen\n")

    @pytest.mark.parametrize("options", [[], ["--in-process"]])
    def test_service(self, options: list[str], softlimit: list[str], place: Path, tmp_path: Path) -> None:
        """The run script of a service, and its log's, have what svscan was given."""
        (tmp_path / "services" / "one" / "log").mkdir(parents=True)
        for directory in (tmp_path / "services" / "one", tmp_path / "services" / "one" / "log"):
            run_script = directory / "run"
            shutil.copy(place / "probe", run_script)
        expected = run([*softlimit, "-m", "3000000", "./probe"], place)[1]
        out = tmp_path / "out"
        path = f"{COMMANDS}:{os.environ['PATH']}"
        with open(out, "wb") as output:
            scanner = subprocess.Popen(
                [*softlimit, "-m", "3000000", *ours("svscan"), *options, str(tmp_path / "services")],
                stdout=output,
                env=ENVIRONMENT | {"PATH": path},
                start_new_session=True,
            )
        try:
            wait_for(lambda: expected in out.read_bytes(), out.read_bytes)
        finally:
            os.killpg(scanner.pid, signal.SIGKILL)
            scanner.wait(PATIENCE)

    def test_processor_of_multilog(self, softlimit: list[str], tmp_path: Path, oracle: Oracle) -> None:
        shown = []
        for name, logger in ("mine", ours("multilog")), ("original", [oracle("multilog")]):
            process = "!(ulimit -v; ulimit -d; ulimit -s; ulimit -l) > $(pwd)/limits; cat"
            command = [*softlimit, "-m", "6000000", *logger, "s4096", process, f"./{name}"]
            text = b"a line\n" * 1000
            done = subprocess.run(command, cwd=tmp_path, input=text, capture_output=True, timeout=PATIENCE)
            assert (done.returncode, done.stderr) == (0, b"")
            shown.append((tmp_path / name / "limits").read_bytes())
        assert shown[0] == shown[1]
        assert shown[0].count(b"\n") == 4


class TestHardLimits:
    """Only root can change these: where they forbid it, one line says what is needed."""

    @pytest.mark.parametrize(
        ("limit", "hard", "words"),
        [
            ("RLIMIT_AS", 8_000_000, b"address space (ulimit -Hv)"),
            ("RLIMIT_DATA", 1_000_000, b"data segment (ulimit -Hd)"),
            ("RLIMIT_STACK", 200_000, b"stack (ulimit -Hs)"),
        ],
    )
    @pytest.mark.parametrize("command", ["tcpserver", "setuidgid", "svstat"])
    def test_one_line(self, command: str, limit: str, hard: int, words: bytes, place: Path) -> None:
        def before() -> None:
            resource.setrlimit(getattr(resource, limit), (hard, hard))

        said = (
            b"%s: fatal: the hard limit of the %s is %d bytes, and a command that is run by Python needs %d\n"
        )
        said %= command.encode(), words, hard, ENOUGH
        assert run(ours(command), place, before) == (111, b"", said)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a network namespace")
    @pytest.mark.parametrize(
        ("kind", "limit", "size"),
        [
            ("hard", "RLIMIT_AS", ENOUGH),
            pytest.param("hard", "RLIMIT_DATA", ENOUGH, marks=pytest.mark.slow),
            pytest.param("soft", "RLIMIT_AS", 4_000_000, marks=pytest.mark.slow),
            pytest.param("soft", "RLIMIT_DATA", 400_000, marks=pytest.mark.slow),
        ],
    )
    def test_number_that_is_said_to_be_enough_is_enough(
        self, kind: str, limit: str, size: int, tmp_path: Path
    ) -> None:
        told = run_unshared("tests.e2e.limited_names", str(tmp_path), kind, limit, str(size))
        counted, *log = told.decode().splitlines()
        assert counted == "40 True True", log
        assert not [line for line in log if "warning" in line or "memory" in line]
