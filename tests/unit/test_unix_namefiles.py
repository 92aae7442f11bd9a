"""What files alone say of hosts and services: as the C library, or nothing."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.patience import wait_for
from tests.support.serving import ENVIRONMENT, PACKAGE
from tests.support.warmed import require_memory_of_missing_names
from tests.support.world import why_not
from ucspi.unix import namefiles, nameorder, native
from ucspi.unix.chain import TooNewError

pytestmark = pytest.mark.skipif(native.lib is None, reason="the compiled module is not built")

HOSTS = b"""\
127.0.0.1\tlocalhost here
::1 localhost ip6-localhost
192.0.2.1 one.test One alias # two.test
192.0.2.2 two.test two.test
192.0.2.3 three.test
192.0.2.4 three.test
2001:DB8:0::5 six.test
192.0.2.6.7 odd.test
192.0.2.07 zero.test
fe80::1%lo zone.test
::ffff:192.0.2.8 mapped.test
# 192.0.2.9 comment.test
192.0.2.10
192.0.2.11 1.2.3.4 0x7f.1 dot.test.
192.0.2.12 under_score.test -dash
  192.0.2.13   indented.test
192.0.2.14 cr.test\r
192.0.2.15 carried\\
on.test
\xff\xfe bytes.test
192.0.2.16 b\xe9.test
192.0.2.17 last.test"""
# As the files alone have them; then all others.
FOUND = (
    *("here", "HERE", "ip6-localhost", "one.test", "ONE.test", "one", "alias", "two.test", "six.test"),
    *("mapped.test", "under_score.test", "indented.test", "cr.test", "last.test"),
)
OTHERS = (
    *("localhost", "three.test", "odd.test", "zero.test", "zone.test", "comment.test", "1.2.3.4", "0x7f.1"),
    *("dot.test.", "dot.test", "one.test.", "-dash", "carried", "carried\\\\", "on.test", "bytes.test"),
    *("b\xe9.test", "", " ", "#", "no-such.invalid"),
)
SERVICES = b"""\
smtp 25/tcp mail
smtp 26/udp
twice 1/tcp
twice 2/tcp
two 3/tcp also
other 4/tcp also
large 65536/tcp
odd 5x/tcp
none /tcp
blank 7 /tcp
upper 8/TCP
last 9/tcp # comment"""
ORDER = b"passwd: files\nhosts: files dns\nservices: db files\n"
COMPARE = """
import sys, time
from ucspi.tcp.address import look_up
from ucspi.unix.chain import TooNewError
from ucspi.unix.namefiles import address_of

def found(name):
    while True:  # the test has a time limit
        try:
            return address_of(name)[0].decode()
        except TooNewError:
            time.sleep(0.01)

for name in sys.argv[1:]:
    print(name, found(name.encode()), *(ip.decode() for ip in look_up(name.encode())))
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    require_memory_of_missing_names(tmp_path)
    for name, text in (("hosts", HOSTS), ("services", SERVICES), ("nsswitch.conf", ORDER)):
        (tmp_path / name).write_bytes(text)
    monkeypatch.setattr(namefiles, "HOSTS", bytes(tmp_path / "hosts"))
    monkeypatch.setattr(namefiles, "SERVICES", bytes(tmp_path / "services"))
    monkeypatch.setattr(nameorder, "ORDER", bytes(tmp_path / "nsswitch.conf"))
    monkeypatch.setattr(nameorder, "_CACHES", (bytes(tmp_path / "socket"),))
    monkeypatch.setattr(nameorder, "_TABLES", (bytes(tmp_path) + b"/%b.db",))
    settle()
    return tmp_path


def settle() -> None:
    """Wait until the files are not too new to be sure of them."""

    def is_settled() -> bool:
        try:
            namefiles.address_of(b"one.test")
            namefiles.port_of(b"smtp")
        except TooNewError:
            return False
        return True

    wait_for(is_settled, "files that are not too new")


def test_host_of_one_line_is_known(files: Path) -> None:
    found = namefiles.address_of(b"One.Test")
    assert found is not None
    assert found[0] == b"192.0.2.1"
    assert {seen.path for seen in found[1]} == {
        bytes(files / n) for n in ("hosts", "nsswitch.conf", "socket")
    }


@pytest.mark.parametrize("name", FOUND)
def test_these_are_known(files: Path, name: str) -> None:
    assert namefiles.address_of(name.encode()) is not None


@pytest.mark.parametrize("name", OTHERS)
def test_other_hosts_are_looked_up_for_each_client(files: Path, name: str) -> None:
    assert namefiles.address_of(name.encode("latin-1")) is None


@pytest.mark.parametrize(
    ("service", "port"),
    [("smtp", b"25"), ("mail", b"25"), ("two", b"3"), ("last", b"9"), ("large", b"65536")]
    + [(name, None) for name in ("twice", "also", "odd", "none", "blank", "upper", "SMTP", "", "25", "#")],
)
def test_service_of_one_line_is_known(files: Path, service: str, port: bytes | None) -> None:
    found = namefiles.port_of(service.encode())
    assert (found and found[0]) == port


@pytest.mark.parametrize(
    "order",
    [
        b"",
        b"hosts: dns files",
        b"hosts: files [SUCCESS=continue] dns",
        b"hosts: files\nhosts: dns",
        b"hosts:\n",
        b"# hosts: files",
        b"hostsx: files",
        b"hosts : files",
    ],
)
def test_files_that_are_not_asked_first_decide_nothing(files: Path, order: bytes) -> None:
    (files / "nsswitch.conf").write_bytes(order + b"\n")
    wait_for(lambda: _is_settled(), "an order that is not too new")
    assert namefiles.address_of(b"one.test") is None


def _is_settled() -> bool:
    try:
        nameorder.files_first(b"hosts")
    except TooNewError:
        return False
    return True


@pytest.mark.parametrize("name", ["socket", "services.db"])
def test_others_that_are_asked_before_the_files_decide(files: Path, name: str) -> None:
    (files / name).touch()
    assert namefiles.port_of(b"smtp") is None


@pytest.mark.parametrize("name", ["hosts", "services", "nsswitch.conf"])
def test_missing_file_decides_nothing(files: Path, name: str) -> None:
    (files / name).unlink()
    assert name == "services" or namefiles.address_of(b"one.test") is None
    assert name == "hosts" or namefiles.port_of(b"smtp") is None


def test_what_is_known_is_what_the_library_finds(tmp_path: Path) -> None:
    """In a mount namespace with these files, and without a network, so that nobody else is asked for long."""
    if reason := why_not():
        pytest.skip(reason)
    (tmp_path / "hosts").write_bytes(HOSTS)
    (tmp_path / "order").write_bytes(ORDER)
    binds = "mount --bind hosts /etc/hosts && mount --bind order /etc/nsswitch.conf"
    shell = ["unshare", "--mount", "--net", "sh", "-c", f'{binds} && exec "$@"', "sh"]
    done = subprocess.run(
        [*shell, sys.executable, "-c", COMPARE, *FOUND],
        cwd=tmp_path,
        env={**ENVIRONMENT, "PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split(" ") for line in done.stdout.decode().splitlines()]
    assert [row[0] for row in rows] == list(FOUND)
    for name, ours, *theirs in rows:
        family = socket.AF_INET6 if ":" in ours else socket.AF_INET
        assert [socket.inet_ntop(family, socket.inet_pton(family, ours))] == theirs, name
