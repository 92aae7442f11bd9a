"""The environment, the working directory and the name belong to what is run, not to the tools."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ucspi
from tests.support.commands import COMMANDS, ENVIRONMENT
from tests.support.launchers import INSTALLED, is_launched, needs_launcher
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(4)]

CHECKOUT = Path(__file__).resolve().parent.parent.parent
# Each of these stops a Python that listens, changes what it does, or has it say something.
HOSTILE = {
    "PYTHONHOME": "/nowhere",
    "PYTHONPATH": "HERE",
    "PYTHONUTF8": "yes",
    "PYTHONMALLOC": "x",
    "PYTHONVERBOSE": "1",
    "PYTHONHASHSEED": "none",
    "PYTHONINTMAXSTRDIGITS": "1",
    "PYTHONPLATLIBDIR": "nothing",
    "PYTHONTRACEMALLOC": "x",
    "PYTHONPROFILEIMPORTTIME": "1",
    "PYTHONDUMPREFS": "1",
    "PYTHONINSPECT": "1",
    "PYTHONOPTIMIZE": "2",
    "PYTHONWARNINGS": "error",
    "PYTHONIOENCODING": "utf-16",
    "PYTHONEXECUTABLE": "/nowhere",
    "PYTHONBREAKPOINT": "evil.evil",
    "PYTHONSTARTUP": "HERE/sitecustomize.py",
    "PYTHONCASEOK": "1",
    "PYTHONSAFEPATH": "",
    "PYTHON_PRESITE": "evil",
    "PYTHONNODEBUGRANGES": "1",
}
# What each command does with the arguments, and that without a chain behind it.
ANSWER = {"cdbget": (111, b"cdbget: usage: "), "readproctitle": (100, b"")}
# Programs that execute the rest of their command line, and what stands in front of that.
CHAIN = {
    "argv0": ["env", "env"],
    "envdir": ["EMPTY", "env"],
    "envuidgid": ["root", "env"],
    "fghack": ["env"],
    "fixcrio": ["env"],
    "pgrphack": ["env"],
    "rblsmtpd": ["-r", "list.test", "env"],
    "recordio": ["env"],
    "setlock": ["lock", "env"],
    "softlimit": ["env"],
}
SHADOWED = "sitecustomize usercustomize os select fcntl heapq resource ucspi _cffi_backend dns encodings site"
SHADOWED += " math _socket array pwd struct"
TELL = "import posix; posix.write(2, b'{name} was imported'); open({ran!r}, 'w')\n"


def run(command: list[str], where: Path, environment: dict[str, str]) -> tuple[int, bytes, bytes]:
    done = subprocess.run(
        command, cwd=where, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """Give a directory full of modules that tell who imports them, and a home with such."""
    place = tmp_path / "evil"
    place.mkdir()
    home = tmp_path / "home" / ".local" / "lib"
    user = home / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    user.mkdir(parents=True)
    (user / "evil.pth").write_text(TELL.format(name="evil.pth", ran=str(tmp_path / "ran")))
    for name in SHADOWED.split():
        for directory in (place, user):
            (directory / f"{name}.py").write_text(TELL.format(name=name, ran=str(tmp_path / "ran")))
    return place


def test_script_says_that_it_is_one(tmp_path: Path) -> None:
    script = tmp_path / "tcpserver"
    script.write_text((CHECKOUT / "bin" / "tcpserver").read_text().replace("python", sys.executable))
    script.chmod(0o755)
    said = b"tcpserver: started by a script, not by its launcher: PYTHON variables have a say in it\n"
    for command in [str(script)], [str(COMMANDS / "tcpserver")]:
        server = subprocess.Popen(
            [*command, "-vRHl0", "127.0.0.1", "0", "true"], stderr=subprocess.PIPE, env=ENVIRONMENT
        )
        assert server.stderr is not None
        lines = b""
        while b"status: 0/40" not in lines:
            lines += server.stderr.readline()
        server.kill()
        server.communicate(timeout=PATIENCE)
        assert (said in lines) == (command == [str(script)] or not is_launched())


@needs_launcher
@pytest.mark.parametrize("command", INSTALLED)
def test_no_variable_and_no_directory_reaches_a_command(command: str, evil: Path) -> None:
    hostile = {name: value.replace("HERE", str(evil)) for name, value in HOSTILE.items()}
    hostile |= {"HOME": str(evil.parent / "home"), "PATH": f"{evil}:."}
    code, begin = ANSWER.get(command, (0, b"ucspi "))
    done = run([str(COMMANDS / command), *([] if command in ANSWER else ["--version"])], evil, hostile)
    assert (done[0], (done[1] or done[2])[: len(begin)]) == (code, begin), done
    assert b"" in done[1:]
    assert not (evil.parent / "ran").exists()


@needs_launcher
@pytest.mark.parametrize("name", HOSTILE)
def test_no_variable_does_alone_what_all_do_not_do(name: str, evil: Path) -> None:
    done = run([str(COMMANDS / "svok"), "/"], evil, {name: HOSTILE[name].replace("HERE", str(evil))})
    assert done == (100, b"", b"")
    assert not (evil.parent / "ran").exists()


@needs_launcher
@pytest.mark.parametrize("command", CHAIN)
def test_every_variable_is_passed_on(command: str, evil: Path, tmp_path: Path) -> None:
    (tmp_path / "EMPTY").mkdir()
    given = {name: value.replace("HERE", str(evil)) for name, value in HOSTILE.items()}
    given |= {"PATH": "/usr/bin:/bin", "A.B": "c", "RBLSMTPD": ""}
    arguments = [str(tmp_path / "EMPTY") if word == "EMPTY" else word for word in CHAIN[command]]
    code, output, said = run([str(COMMANDS / command), *arguments], evil, given)
    assert code == 0, said
    assert {f"{name}={value}" for name, value in given.items()} <= set(output.decode().splitlines())
    assert not (evil.parent / "ran").exists()


@needs_launcher
def test_server_and_its_handler(evil: Path) -> None:
    given = {name: value.replace("HERE", str(evil)) for name, value in HOSTILE.items()}
    given |= {"PATH": "/usr/bin:/bin"}
    command = [str(COMMANDS / "tcpserver"), "-1RHl0", "127.0.0.1", "0", "env"]
    server = subprocess.Popen(command, cwd=evil, env=given, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        port = server.stdout.readline().decode().strip()
        client = [str(COMMANDS / "tcpclient"), "-RHl0", "127.0.0.1", port, "sh", "-c", "cat <&6"]
        shown = run(client, evil, given)[1].decode()
    finally:
        server.kill()
        server.communicate(timeout=PATIENCE)
    assert {f"{name}={value}" for name, value in given.items()} <= set(shown.splitlines())
    assert not (evil.parent / "ran").exists()


@needs_launcher
class TestItsOwnPlace:
    """Where interpreter and package are is asked of the kernel alone."""

    @pytest.fixture
    def links(self, tmp_path: Path) -> Path:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "my-server").symlink_to(COMMANDS / "tcpserver")
        (tmp_path / "again").symlink_to("my-server")
        (tmp_path / "elsewhere" / "far").symlink_to("../again")
        return tmp_path

    def test_links_by_any_name_run_what_they_lead_to(self, links: Path) -> None:
        for command in ("./my-server", "./again", "elsewhere/far", str(links / "elsewhere" / "far")):
            code, _, said = run([command], links, {})
            assert (code, said[:30]) == (100, b"tcpserver: usage: tcpserver [ "[:30]), said

    def test_link_is_found_by_path(self, links: Path) -> None:
        assert run(["sh", "-c", "far"], links, {"PATH": f"/usr/bin:{links}/elsewhere"})[0] == 100

    @pytest.mark.parametrize("name", ["/tmp/evil/x", "", "tcprules", "../../x", "a" * 5000, "-c", "\xff"])
    def test_what_it_is_called_changes_nothing(self, name: str, evil: Path) -> None:
        (evil / "python3.11").write_text("#!/bin/sh\necho evil\n")
        (evil / "python3.11").chmod(0o755)
        script = f'exec -a "$0" {COMMANDS}/tcpserver'
        code, output, said = run(["bash", "-c", script, name], evil, {"PATH": f"{evil}:/usr/bin"})
        assert (code, output) == (100, b"")
        assert said.startswith(b"tcpserver: usage: ")

    def test_copy_elsewhere_finds_nothing_and_says_so(self, evil: Path) -> None:
        shutil.copy(COMMANDS / "tcpserver", evil / "copy")
        (evil / "pyvenv.cfg").touch()
        (evil.parent / "pyvenv.cfg").touch()
        code, output, said = run([str(evil / "copy")], evil, {"PATH": str(COMMANDS)})
        assert (code, output, said.count(b"\n")) == (111, b"", 1)
        assert said.startswith(b"tcpserver: fatal: unable to ")
        assert bytes(evil) in said

    def test_copy_beside_it_is_still_what_it_was(self, tmp_path: Path) -> None:
        other = COMMANDS / f"ucspi-copy-{os.getpid()}"
        try:
            shutil.copy(COMMANDS / "tcprules", other)
        except PermissionError:
            pytest.skip("the commands are somebody else's")
        try:
            assert run([str(other)], tmp_path, {}) == (
                100,
                b"",
                b"tcprules: usage: tcprules rules.cdb rules.tmp\n",
            )
        finally:
            other.unlink()

    def test_missing_interpreter_is_named(self, tmp_path: Path) -> None:
        """As after the system's Python became another: whatever else there is, its packages are not ours."""
        (tmp_path / "bin").mkdir()
        (tmp_path / "pyvenv.cfg").touch()
        shutil.copy(COMMANDS / "svok", tmp_path / "bin")
        package = Path(ucspi.__file__).parent
        library = tmp_path / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
        library.mkdir(parents=True)
        (library / "ucspi").symlink_to(package)
        interpreter = tmp_path / "bin" / library.parent.name
        for error, advice in (
            ("file does not exist", "ucspi was installed for that Python: install it again"),
            ("access denied", "whoever runs ucspi must be able to run it"),
        ):
            said = f"svok: fatal: unable to run {interpreter}: {error}; {advice}\n"
            command = [str(tmp_path / "bin" / "svok"), "/"]
            assert run(command, tmp_path, ENVIRONMENT) == (111, b"", said.encode())
            interpreter.touch()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can take /proc away")
    def test_no_proc_is_needed(self, links: Path) -> None:
        script = f"umount -l /proc && cd {links} && elsewhere/far; ./again; {COMMANDS}/tcprules"
        code, _, said = run(["unshare", "--mount", "sh", "-c", script], links, ENVIRONMENT)
        assert code == 100, said
        assert said.count(b"tcpserver: usage: ") == 2
        assert said.endswith(b"tcprules: usage: tcprules rules.cdb rules.tmp\n")

    def test_closed_descriptors_and_an_empty_environment(self, tmp_path: Path) -> None:
        script = f"exec 0<&- 1>&- 2>&-; {COMMANDS}/svok /; echo $? > code"
        assert run(["sh", "-c", script], tmp_path, {})[0] == 0
        assert (tmp_path / "code").read_text() == "100\n"


@needs_launcher
class TestNames:
    """What ps, pidof and pgrep see is what they see of the original."""

    @pytest.fixture
    def start(self) -> Iterator[Callable[[list[str]], int]]:
        started: list[subprocess.Popen[bytes]] = []

        def start(command: list[str]) -> int:
            process = subprocess.Popen(
                ["bash", "-c", 'exec "$@"', "bash", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            started.append(process)
            return process.pid

        yield start
        for process in started:
            process.kill()
            process.communicate(timeout=PATIENCE)

    @staticmethod
    def looks(pid: int, command: str) -> list[bool | str]:
        """Return the command line and short name, and whether each tool finds the process by its name."""
        name = Path(command).name
        asked = [["pidof", name], ["pgrep", "-x", name[:15]], ["ps", "-o", "pid=", "-C", name[:15]]]
        asked += [["pidof", command]] if command[0] != "/" else []
        answers = [subprocess.run(tool, capture_output=True, text=True).stdout.split() for tool in asked]
        shown = subprocess.run(["ps", "-ww", "-o", "args=", str(pid)], capture_output=True, text=True).stdout
        comm = Path(f"/proc/{pid}/comm").read_text()
        return [*(str(pid) in answer for answer in answers), shown.strip(), comm]

    def wait(self, pid: int, line: bytes) -> None:
        """Wait until a process shows this, and not because it still is the launcher."""
        shown, executed = Path(f"/proc/{pid}/cmdline"), Path(f"/proc/{pid}/exe")
        wait_for(
            lambda: shown.read_bytes() == line and executed.resolve().parent != COMMANDS.resolve(),
            shown.read_bytes,
        )

    @pytest.mark.parametrize(
        "words",
        [
            "tcpserver -RHl0 127.0.0.1 0 true",
            "svscan DIRECTORY",
            "readproctitle service errors: ..........",
            "tai64n",
            "multilog t",
            "tcprules DIRECTORY/a DIRECTORY/b",
        ],
    )
    def test_tools_find_a_command(
        self, words: str, start: Callable[[list[str]], int], oracle: Oracle, tmp_path: Path
    ) -> None:
        name, *arguments = words.replace("DIRECTORY", str(tmp_path)).split()
        arguments += ["", "two  words"] if name == "tcpserver" else []
        seen = []
        for directory in (COMMANDS, Path(oracle(name)).parent):
            by_path = f"{directory}/{name}"
            pid = start([by_path, *arguments])
            self.wait(pid, b"\0".join(map(os.fsencode, [by_path, *arguments, ""])))
            seen.append([str(look).replace(by_path, "PATH") for look in self.looks(pid, name)])
        assert seen[0] == seen[1]

    def test_path_finds_the_interpreter(self, start: Callable[[list[str]], int]) -> None:
        path = str(COMMANDS / "tai64n")
        pid = start([path])
        self.wait(pid, path.encode() + b"\0")
        assert os.readlink(f"/proc/{pid}/exe") == str(Path(sys.executable).resolve())

    def test_kernel_that_cannot_be_told_has_the_text_moved(self, tmp_path: Path) -> None:
        """Where it was built without `PR_SET_MM_MAP`; the rest is empty arguments."""
        code = (
            "from ucspi.unix import processtitle; processtitle.hide(3, b'a name')\n"
            "line = open('/proc/self/cmdline', 'rb').read()\n"
            "print(line.startswith(b'one\\0\\0two\\0'), line[9:].strip(b'\\0'),"
            "open('/proc/self/comm').read())"
        )
        shown = run([sys.executable, "-c", code, "one", "", "two"], tmp_path, ENVIRONMENT)
        assert shown == (0, b"True b'' a name\n\n", b"")

    def test_link_has_the_name_of_the_link(
        self, start: Callable[[list[str]], int], oracle: Oracle, tmp_path: Path
    ) -> None:
        seen = []
        for target in (COMMANDS / "tai64n", Path(oracle("tai64n"))):
            link = tmp_path / "a-name-longer-than-the-kernel-keeps"
            link.unlink(missing_ok=True)
            link.symlink_to(target)
            pid = start([str(link)])
            self.wait(pid, bytes(link) + b"\0")
            seen.append(self.looks(pid, link.name))
        assert seen[0] == seen[1]


@needs_launcher
class TestInterrupt:
    """SIGINT ends a command as it ends a C program, from its first moment on."""

    def test_at_any_moment(self) -> None:
        for turn in range(30):
            process = subprocess.Popen(
                [COMMANDS / "tai64n"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            time.sleep(turn * 0.0015)
            process.send_signal(signal.SIGINT)
            output, said = process.communicate(timeout=PATIENCE)
            assert (process.returncode, output, said) == (-signal.SIGINT, b"", b"")

    @pytest.mark.parametrize("how", ["trap '' INT", "blocked"])
    def test_ignored_or_blocked_it_stays_so_for_what_is_executed(self, how: str, tmp_path: Path) -> None:
        def block() -> None:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])

        show = "grep -E '^Sig(Blk|Ign)' /proc/self/status"
        command = [str(COMMANDS / "pgrphack"), "sh", "-c", f"kill -INT $$; exec {show}"]
        before = block if how == "blocked" else None
        wrapped = ["sh", "-c", f"{'' if before else how}\n" + 'exec "$@"', "sh", *command]
        done = subprocess.run(wrapped, capture_output=True, text=True, preexec_fn=before, timeout=PATIENCE)
        assert done.returncode == 0, done
        masks = dict(line.split(":\t") for line in done.stdout.splitlines())
        bit = 1 << signal.SIGINT - 1
        assert bool(int(masks["SigBlk"], 16) & bit) == (how == "blocked")
        assert bool(int(masks["SigIgn"], 16) & bit) == (how != "blocked")


@needs_launcher
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.parametrize("way", [[], ["-static"]], ids=["dynamic", "static"])
def test_processor_without_bare_system_calls_gets_the_same(way: list[str], tmp_path: Path) -> None:
    """As it is built there: with libc, and so with a memory of its own for the command line."""
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    macros = [f'-DLAUNCH_PYTHON="{name}"', f'-DLAUNCH_LIBRARY="{name}"']
    macros.append(f'-DLAUNCH_PACKAGE="{Path(ucspi.__file__).parent}"')
    sources = sorted((CHECKOUT / "cdbext/launcher").glob("*.c"))
    compiler = ["cc", "-std=c11", "-D_GNU_SOURCE", "-DUSYS_NO_BARE", f"-I{CHECKOUT / 'cdbext'}", *macros]
    subprocess.run([*compiler, *way, *sources, "-o", tmp_path / "plain"], check=True, timeout=PATIENCE)
    image = (tmp_path / "plain").read_bytes()
    baked = b"argv0\0programs.argv0\0"
    at = image.index(b"@ucspi: name and module")
    (tmp_path / "argv0").write_bytes(image[:at] + baked + image[at + len(baked) :])
    (tmp_path / "argv0").chmod(0o755)
    (tmp_path / name).symlink_to(Path(sys.executable).resolve())
    given = {"PYTHONHOME": "/nowhere", "A.B": "c"}
    words = ["sh", "as told", "-c", 'echo "$0" "$@"', "one", "", "two  words"]
    for command in (str(tmp_path / "argv0"), str(COMMANDS / "argv0")):
        code, shown, said = run([command, *words], tmp_path, given)
        assert (code, said) == (0, b"")
        assert shown.startswith(b"one  two  words\n")
        code, shown, said = run([command, "env", "env"], tmp_path, given)
        assert (code, sorted(shown.splitlines())) == (0, [b"A.B=c", b"PYTHONHOME=/nowhere"])
    ignoring = ["sh", "-c", "trap '' PIPE; exec \"$@\"", "sh", str(tmp_path / "argv0")]
    probe = ["grep", "grep", "^SigIgn", "/proc/self/status"]
    code, shown, said = run([*ignoring, *probe], tmp_path, {"PATH": "/usr/bin:/bin"})
    assert (code, int(shown.split()[1], 16) >> signal.SIGPIPE - 1 & 1) == (0, 1), said


@needs_launcher
@pytest.mark.parametrize(
    "line", ["tcprules a b", "cdb -d x", "cdb -q x y", "cdbdump", "cdbmake a b", "tcpserver -x a 0 0 true"]
)
def test_core_that_there_is_not_is_one_line(line: str, tmp_path: Path) -> None:
    """Whether it is loaded at the start or later."""
    command, *arguments = line.split()
    done = subprocess.run(
        [COMMANDS / command, *arguments],
        cwd=tmp_path,
        env=ENVIRONMENT | {"UCSPI_CDB": "bogus"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 111
    assert done.stderr == f"{command}: fatal: UCSPI_CDB is 'bogus'; use one of auto, native, pure\n"


CHARMAPS = Path("/usr/share/i18n/charmaps")


@needs_launcher
@pytest.mark.parametrize(
    "name",
    [
        *("zh_TW.BIG5", "hy_AM.ARMSCII-8", "ja_JP.EUC-JP", "C", "nowhere"),
        pytest.param("zh_CN.GB18030", marks=pytest.mark.slow),  # its locale takes long to make
    ],
)
def test_arguments_are_bytes_in_every_locale(tmp_path: Path, name: str) -> None:
    """Also where Python has another table for the charset than libc, or none."""
    language, dot, charset = name.partition(".")
    if dot:
        if not (CHARMAPS / f"{charset}.gz").exists():
            pytest.skip("the sources of locales are not installed: package locales")
        made = ["localedef", "-c", "-i", language, "-f", charset, str(tmp_path / name)]
        subprocess.run(made, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=5 * PATIENCE)
        assert (tmp_path / name).is_dir()
    odd = [b"a\xa1\xfeb", b"a\xa6\xd9b", b"\x80 ", bytes(range(1, 256)), "Grüße".encode(), b""]
    done = subprocess.run(
        [COMMANDS / "argv0", "/usr/bin/printf", "printf", "%s\\n", *odd],
        env={"PATH": "/usr/bin:/bin", "LOCPATH": str(tmp_path), "LC_ALL": name},
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"".join(word + b"\n" for word in odd)


def test_limits_are_loaded_before_anybody_drops_privileges() -> None:
    script = "from ucspi.unix import inheritedstate; inheritedstate.limits.append((9, 1))"
    script += "; import sys, ucspi.unix.search"
    script += "; sys.exit('ucspi.unix.rlimits' not in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=PATIENCE)


@needs_launcher
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take /proc away")
def test_script_is_not_taken_for_its_interpreter_without_proc(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(f"#!{COMMANDS}/argv0 /bin/echo\n")
    script.chmod(0o755)
    without = ["unshare", "--mount", "sh", "-c", f"umount -l /proc && exec {script}"]
    done = subprocess.run(without, capture_output=True, check=False, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (111, b"")
    assert done.stderr == b"argv0: fatal: unable to tell which file is executed\n"
