"""Links that change ids: the child has other ids and our memory, out of reach for others with these ids."""

import ctypes
import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.commands import COMMANDS
from tests.support.patience import PATIENCE, wait_for
from tests.support.stalled_stderr import stalled_stderr
from tests.support.warmed import CAN_BE_WARM, OURS, Executed, server

pytestmark = [
    pytest.mark.sampled(3),
    pytest.mark.e2e,
    pytest.mark.skipif(
        not CAN_BE_WARM, reason="there are no steps without the compiled module and launchers"
    ),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can change ids"),
]
NOBODY = 65534
SHOW = ["/bin/sh", "-c", "id -u; id -g; id -G"]
IS_NOBODY = b"65534\n65534\n65534\n"
BIND = '''while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 1; shift 2; done; shift; exec "$@"'''
PTRACE_ATTACH = 16


def with_files(*pairs: tuple[Path, str]) -> Sequence[str | Path]:
    """Return what has a server see other files in the place of the system's."""
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("no mount namespace can be made")
    places = [word for pair in pairs for word in pair]
    return ["/usr/bin/unshare", "-m", "/bin/sh", "-c", BIND, "sh", *places, "--"]


def count_executed(folder: Path, link: str, behind: Sequence[str | Path], text: bytes = IS_NOBODY) -> int:
    """Return how often a link is executed for three clients."""
    with server(folder, "warm", [link, "nobody", *SHOW], behind=behind) as running:
        executed = Executed(COMMANDS / link)
        for _ in range(3):
            assert running.visit()[0] == text
        count = executed.count()
        executed.close()
    return count


@pytest.mark.parametrize(("text", "executed"), [("0\n", False), ("1\n", True), ("2\n", True), ("", True)])
def test_where_a_change_of_ids_opens_our_memory_it_is_executed(
    tmp_path: Path, text: str, *, executed: bool
) -> None:
    setting = tmp_path / "setting"
    setting.write_text(text)
    behind = with_files((setting, "/proc/sys/fs/suid_dumpable"))
    if executed:
        assert count_executed(tmp_path, "setuidgid", behind) > 0
    else:  # another test may execute it meanwhile
        wait_for(lambda: not count_executed(tmp_path, "setuidgid", behind), "steps alone")


@pytest.mark.parametrize(
    ("order", "executed"),
    [
        ("passwd: files\n", False),
        ("# x\ngroup: x\npasswd:\tfiles systemd # y\n", False),
        ("passwd: compat\n", True),
        ("passwd: ldap files\n", True),
        ("passwd: files [SUCCESS=continue] ldap\n", True),
        ("passwd: files\npasswd: ldap\n", True),
        ("", True),
    ],
)
def test_account_that_files_alone_do_not_decide_is_asked_for_by_the_link(
    tmp_path: Path, order: str, *, executed: bool
) -> None:
    names = tmp_path / "order"
    names.write_text(order)
    behind = with_files((names, "/etc/nsswitch.conf"))
    with server(tmp_path, "warm", ["setuidgid", "nobody", *SHOW], behind=behind) as running:
        wanted = IS_NOBODY

        def is_executed() -> bool:
            link = Executed(COMMANDS / "setuidgid")
            try:
                text = running.visit()[0]
                assert text == wanted or "ldap" in order or not order
                return link.count() > 0
            finally:
                link.close()

        if executed:
            assert all(is_executed() for _ in range(5))
        else:
            wait_for(lambda: not is_executed(), "a step")  # the file was too new at first


def test_changed_account_counts_for_the_next_client(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts"
    before = Path("/etc/passwd").read_bytes() + b"someone:x:%d:%d::/:/bin/sh\n"
    accounts.write_bytes(before % (54321, 54322))
    show = ["/bin/sh", "-c", "id -u; id -g"]
    with server(
        tmp_path,
        "warm",
        ["envuidgid", "someone", "setuidgid", "someone", *show],
        behind=with_files((accounts, "/etc/passwd")),
    ) as running:
        link = Executed(COMMANDS / "setuidgid")
        wait_for(lambda: (running.visit()[0] == b"54321\n54322\n") and not link.count(), "a step")
        for number in range(54330, 54340):
            accounts.write_bytes(before % (number, number))
            assert running.visit()[0] == b"%d\n%d\n" % (number, number)
        wait_for(lambda: (running.visit()[0] == b"54339\n54339\n") and not link.count(), "a step")
        accounts.write_bytes(before.partition(b"someone")[0])
        assert running.visit()[1:] == (111 << 8, b"envuidgid: fatal: unknown account someone\n")
        link.close()


def _try_to_reach(pid: int) -> None:
    """Be nobody; end with 0 when nothing of a process can be reached."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    libc = ctypes.CDLL(None, use_errno=True)
    for name in ("mem", "maps", "environ", "fd", "auxv"):
        path = f"/proc/{pid}/{name}"
        try:
            os.listdir(path) if name == "fd" else Path(path).read_bytes()
        except PermissionError:
            continue
        os._exit(2)
    if libc.ptrace(PTRACE_ATTACH, pid, 0, 0) == 0:
        os._exit(3)
    os.kill(pid, signal.SIGQUIT)  # which nobody may, and which leaves no core
    os._exit(0)


def test_nobody_reaches_the_memory_of_a_child_that_became_nobody(tmp_path: Path) -> None:
    """It waits to complain, in a full pipe, with root's memory."""
    with stalled_stderr():
        process = subprocess.Popen(
            [COMMANDS / "tcpserver", "-1QHRl0", "127.0.0.1", "0", "setuidgid", "nobody", "./missing"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            cwd=tmp_path,
            env={"PATH": OURS},
        )
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
                children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
                wait_for(children.read_text, "a child")
                child = int(children.read_text())
                wait_for(lambda: f"Uid:\t{NOBODY}" in Path(f"/proc/{child}/status").read_text(), "nobody")
                assert (
                    Path(f"/proc/{child}/maps").read_text() == Path(f"/proc/{process.pid}/maps").read_text()
                )
                attempt = os.fork()
                if not attempt:
                    try:
                        _try_to_reach(child)
                    finally:
                        os._exit(9)
                assert os.waitpid(attempt, 0)[1] == 0
                assert client.recv(1) == b""  # it ended, by that signal
            assert process.poll() is None
            assert not list(tmp_path.iterdir())
        finally:
            process.kill()
            process.wait(PATIENCE)
            process.stdout.close()  # type: ignore[union-attr]
