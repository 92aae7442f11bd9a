"""What somebody put into ``supervise`` does not direct our rights at something else.

Who owns that directory may control one service.  The originals follow what is
there wherever it leads, and so serve as a proof that each trap works.
"""

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.differential.supervise.conftest import Make
from tests.support.commands import ours, run
from tests.support.oracles import Oracle
from tests.support.patience import wait_for
from tests.support.supervised import Service
from ucspi.programs import svc, svok, svstat

pytestmark = pytest.mark.sampled(3)

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
OTHER = 65534
LOOP = b"symbolic link loop"


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Path]:
    """Give a service directory ``x`` that looks as if a supervise ran there."""
    state = tmp_path / "x" / "supervise"
    state.mkdir(parents=True)
    readers = []
    for name in ("ok", "control"):
        os.mkfifo(state / name, 0o600)
        readers.append(os.open(state / name, os.O_RDWR | os.O_NONBLOCK))
    (state / "status").write_bytes(bytes(8) + bytes(8) + b"\0u")
    yield state
    for reader in readers:
        os.close(reader)


def replace(path: Path, by: Callable[[Path], object]) -> None:
    path.unlink()
    by(path)


class TestTools:
    """svc, svok and svstat, each beside its original."""

    def test_svc_writes_into_no_file_through_a_link(self, fake: Path, tmp_path: Path, oracle: Oracle) -> None:
        precious = tmp_path / "precious"
        precious.write_bytes(b"precious data")
        replace(fake / "control", lambda path: path.symlink_to(precious))
        outcome = run([*ours("svc"), "-dx", "x"], tmp_path)
        assert outcome == (0, b"", b"svc: warning: unable to control x: symbolic link loop\n")
        assert precious.read_bytes() == b"precious data"
        run([oracle("svc"), "-dx", "x"], tmp_path)
        assert precious.read_bytes() == b"dxecious data"

    def test_svc_writes_into_no_plain_file(self, fake: Path, tmp_path: Path, oracle: Oracle) -> None:
        replace(fake / "control", lambda path: path.write_bytes(b"data"))
        outcome = run([*ours("svc"), "-dx", "x"], tmp_path)
        assert outcome == (0, b"", b"svc: warning: unable to control x: is not a fifo\n")
        assert (fake / "control").read_bytes() == b"data"
        run([oracle("svc"), "-dx", "x"], tmp_path)
        assert (fake / "control").read_bytes() == b"dxta"

    @pytest.mark.parametrize("trap", ["link", "file"])
    def test_svok_opens_nothing_else_for_writing(
        self, fake: Path, tmp_path: Path, oracle: Oracle, trap: str
    ) -> None:
        (tmp_path / "precious").touch()
        make = {"link": lambda path: path.symlink_to(tmp_path / "precious"), "file": Path.touch}
        replace(fake / "ok", make[trap])
        why = {"link": LOOP, "file": b"is not a fifo"}[trap]
        outcome = run([*ours("svok"), "x"], tmp_path)
        assert outcome == (111, b"", b"svok: fatal: unable to open x/supervise/ok: " + why + b"\n")
        assert run([*ours("svstat"), "x"], tmp_path)[1] == b"x: unable to open supervise/ok: " + why + b"\n"
        assert run([oracle("svok"), "x"], tmp_path)[0] == 0

    def test_svstat_tells_nothing_of_another_file(self, fake: Path, tmp_path: Path, oracle: Oracle) -> None:
        (tmp_path / "secret").write_bytes(b"0123456789ab\x07\0\0\0\0\0")
        replace(fake / "status", lambda path: path.symlink_to(tmp_path / "secret"))
        told = run([*ours("svstat"), "x"], tmp_path)[1]
        assert told == b"x: unable to open supervise/status: symbolic link loop\n"
        assert b"pid 7" in run([oracle("svstat"), "x"], tmp_path)[1]

    def test_svstat_does_not_read_a_fifo(self, fake: Path, tmp_path: Path) -> None:
        replace(fake / "status", lambda path: os.mkfifo(path))
        told = run([*ours("svstat"), "x"], tmp_path)[1]
        assert told == b"x: unable to open supervise/status: is not a regular file\n"

    def test_they_follow_a_link_called_supervise(self, fake: Path, tmp_path: Path, oracle: Oracle) -> None:
        """As Debian's runit has it."""
        fake.rename(tmp_path / "state")
        (tmp_path / "x" / "supervise").symlink_to("../state")
        assert run([*ours("svok"), "x"], tmp_path) == (0, b"", b"")
        assert run([*ours("svc"), "-u", "x"], tmp_path) == (0, b"", b"")
        assert run([*ours("svstat"), "x"], tmp_path)[1].startswith(b"x: down ")
        assert run([oracle("svok"), "x"], tmp_path) == (0, b"", b"")

    @AS_ROOT
    def test_they_follow_no_link_called_supervise_that_another_user_can_have_made(
        self, fake: Path, tmp_path: Path, oracle: Oracle
    ) -> None:
        fake.rename(tmp_path / "state")
        (tmp_path / "x" / "supervise").symlink_to("../state")
        os.chown(tmp_path / "x", OTHER, -1)
        why = b": is a link in a directory of another user\n"
        assert run([*ours("svok"), "x"], tmp_path)[2] == b"svok: fatal: unable to open x/supervise/ok" + why
        assert run([*ours("svc"), "-d", "x"], tmp_path)[2] == b"svc: warning: unable to control x" + why
        assert run([*ours("svstat"), "x"], tmp_path)[1] == b"x: unable to open supervise/ok" + why
        assert run([oracle("svok"), "x"], tmp_path) == (0, b"", b"")

    @pytest.mark.parametrize("name", ["x", "x/", "./x", "here/x/", "absolute"])
    def test_directory_that_was_named_may_be_a_link(self, fake: Path, tmp_path: Path, name: str) -> None:
        (tmp_path / "x").rename(tmp_path / "real")
        (tmp_path / "x").symlink_to("real")
        (tmp_path / "here").symlink_to(".")
        given = str(tmp_path / "x") if name == "absolute" else name
        assert run([*ours("svok"), given], tmp_path) == (0, b"", b"")

    @AS_ROOT
    @pytest.mark.parametrize("link", ["x", "x/", "mine/../x", "through"])
    def test_link_of_another_user_does_not_lead_root_to_another_service(
        self, fake: Path, tmp_path: Path, oracle: Oracle, link: str
    ) -> None:
        """Named by itself, or reached through a link of ours."""
        (tmp_path / "his" / "mine").mkdir(parents=True)
        (tmp_path / "his" / "x").symlink_to("../x")
        (tmp_path / "through").symlink_to("his/x")
        os.chown(tmp_path / "his", OTHER, -1)
        given = "through" if link == "through" else f"his/{link}"
        said = run([*ours("svc"), "-d", given], tmp_path)[2]
        assert said == b"svc: warning: unable to chdir to %s: is a link in a directory of another user\n" % (
            given.encode()
        )
        assert run([oracle("svok"), given], tmp_path) == (0, b"", b"")

    @AS_ROOT
    @pytest.mark.parametrize(("maker", "code"), [(0, 0), (OTHER, 111)])
    def test_in_a_directory_for_everybody_it_matters_who_made_the_link(
        self, fake: Path, tmp_path: Path, maker: int, code: int
    ) -> None:
        (tmp_path / "public").mkdir()
        (tmp_path / "public").chmod(0o1777)
        (tmp_path / "public" / "x").symlink_to("../x")
        os.lchown(tmp_path / "public" / "x", maker, -1)
        assert run([*ours("svok"), "public/x"], tmp_path)[0] == code

    @AS_ROOT
    def test_fifo_of_another_service_is_not_spoken_to(self, fake: Path, tmp_path: Path) -> None:
        """Where the system lets a user make a second name of it."""
        os.link(fake / "control", tmp_path / "control of another")
        assert run([*ours("svc"), "-d", "x"], tmp_path) == (0, b"", b""), "in our own directory it is ours"
        os.chown(fake, OTHER, -1)
        said = run([*ours("svc"), "-d", "x"], tmp_path)[2]
        assert said == (
            b"svc: warning: unable to control x: has another name, in a directory of another user\n"
        )

    @AS_ROOT
    def test_status_of_a_third_user_is_not_believed(self, fake: Path, tmp_path: Path) -> None:
        os.chown(fake, OTHER, -1)
        for owner, told in ((0, b"x: down "), (OTHER, b"x: down "), (4321, b"x: unable to open ")):
            os.chown(fake / "status", owner, -1)
            assert run([*ours("svstat"), "x"], tmp_path)[1].startswith(told)

    @AS_ROOT
    @pytest.mark.parametrize("given", ["supervise", "fifos"])
    def test_who_was_given_a_service_controls_it(self, fake: Path, tmp_path: Path, given: str) -> None:
        """By ``chown`` of the directory, or of the fifos in one that can be searched; and root goes on to."""
        fake.chmod(0o711)
        (fake / "status").chmod(0o644)
        for path in (fake, fake / "ok", fake / "control"):
            if (path == fake) == (given == "supervise") or path != fake:
                os.chown(path, OTHER, -1)
        assert as_other(tmp_path / "x", lambda: svc.main([b"svc", b"-d", b"."])) == 0
        assert as_other(tmp_path / "x", lambda: svok.main([b"svok", b"."])) == 0
        assert as_other(tmp_path / "x", lambda: svstat.describe(b".").startswith(b"down")) == 1
        control = os.open(fake / "control", os.O_RDONLY | os.O_NONBLOCK)
        assert os.read(control, 10) == b"d"
        assert run([*ours("svc"), "-u", "x"], tmp_path) == (0, b"", b"")
        assert os.read(control, 10) == b"u"
        os.close(control)


def as_other(where: Path, call: Callable[[], int]) -> int:
    """Call a function as another user in a directory; return its result."""
    pid = os.fork()
    if pid == 0:
        try:
            os.chdir(where)
            os.setgroups([])
            os.setgid(OTHER)
            os.setuid(OTHER)
            os._exit(call())
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class TestSupervise:
    """What supervise itself opens."""

    @pytest.mark.parametrize("name", ["control", "ok"])
    def test_no_link_to_another_service_s_fifo_is_followed(
        self, make: Make, original: list[str], name: str
    ) -> None:
        """The original runs, and takes commands that are meant for the other."""
        other = make("other", down=True).start(original)
        for number, command in enumerate((ours("supervise"), original)):
            service = make(str(number), down=True)
            (service.directory / "supervise").mkdir()
            (service.directory / "supervise" / name).symlink_to(other.directory / "supervise" / name)
            service.start(command)
            if command == original:
                assert service.code() is None
            else:
                assert service.wait_left() == 111
                complaint = b"supervise: fatal: unable to read %s/supervise/%s: symbolic link loop\n"
                assert service.said() == complaint % (bytes(service.directory), name.encode())

    @AS_ROOT
    def test_no_device_is_opened(self, make: Make) -> None:
        """One that nobody has made: opening it would fail with another message."""
        service = make("x", down=True)
        (service.directory / "supervise").mkdir()
        try:
            os.mknod(service.directory / "supervise" / "control", stat.S_IFCHR | 0o600, os.makedev(240, 9))
        except PermissionError:
            pytest.skip("no device can be made here")
        service.start(ours("supervise"))
        assert service.wait_left() == 111
        complaint = b"supervise: fatal: %s/supervise/control is not a fifo\n"
        assert service.said() == complaint % bytes(service.directory)

    def test_lock_that_is_no_plain_file_is_refused(self, make: Make) -> None:
        service = make("x", down=True)
        (service.directory / "supervise").mkdir()
        os.mkfifo(service.directory / "supervise" / "lock")
        service.start(ours("supervise"))
        assert service.wait_left() == 111
        complaint = b"supervise: fatal: unable to acquire %s/supervise/lock: is not a regular file\n"
        assert service.said() == complaint % bytes(service.directory)

    def owned(self, make: Make, name: str = "x") -> Service:
        """Return a service whose ``supervise`` belongs to another user."""
        service = make(name)
        (service.directory / "supervise").mkdir()
        os.chown(service.directory / "supervise", OTHER, -1)
        return service

    @AS_ROOT
    @pytest.mark.parametrize("name", ["status.new", "birth"])
    def test_second_name_of_a_file_is_not_written_to(self, make: Make, tmp_path: Path, name: str) -> None:
        precious = tmp_path / "precious"
        precious.write_bytes(b"precious data" * 20)
        service = self.owned(make)
        os.link(precious, service.directory / "supervise" / name)
        service.start(ours("supervise"))
        wait_for(service.starts, "the service is up")
        assert precious.read_bytes() == b"precious data" * 20
        assert (b"has another name" in service.said()) == (name == "status.new")
        (service.directory / "supervise" / name).unlink()
        service.send(b"dx")
        assert service.wait_left() == 0

    @AS_ROOT
    @pytest.mark.parametrize("name", ["control", "ok"])
    def test_second_name_of_another_service_s_fifo_is_refused(self, make: Make, name: str) -> None:
        other = make("other", down=True).start(ours("supervise"))
        service = self.owned(make)
        os.link(other.directory / "supervise" / name, service.directory / "supervise" / name)
        service.start(ours("supervise"))
        assert service.wait_left() == 111
        complaint = b"supervise: fatal: %s/supervise/%s has another name, in a directory of another user\n"
        assert service.said() == complaint % (bytes(service.directory), name.encode())
        assert other.code() is None

    @AS_ROOT
    def test_service_with_a_given_directory_runs_and_is_controlled(self, make: Make) -> None:
        service = self.owned(make).start(ours("supervise"))
        service.wait_up()
        for name in ("control", "ok", "status", "lock"):
            os.chown(service.directory / "supervise" / name, OTHER, -1)
        service.send(b"dx")
        assert service.wait_left() == 0
        assert service.said() == b""
        service.start(ours("supervise"))
        service.wait_up(starts=2)
        assert service.said() == b""

    @AS_ROOT
    def test_link_called_supervise_that_another_user_can_have_made_is_refused(
        self, make: Make, tmp_path: Path
    ) -> None:
        """It could lead to what is another service's; and what it dangles at is not made."""
        service = make("x")
        (service.directory / "supervise").symlink_to(tmp_path / "state")
        os.chown(service.directory, OTHER, -1)
        service.start(ours("supervise"))
        assert service.wait_left() == 111
        complaint = b"supervise: fatal: unable to acquire %s/supervise/lock: %s\n"
        why = b"is a link in a directory of another user"
        assert service.said() == complaint % (bytes(service.directory), why)
        assert not (tmp_path / "state").exists()

    def test_link_may_lead_to_a_link(self, make: Make, tmp_path: Path, supervise: list[str]) -> None:
        (tmp_path / "state").mkdir()
        (tmp_path / "between").symlink_to("state/")
        service = make("x")
        (service.directory / "supervise").symlink_to("../between")
        service.start(supervise)
        service.wait_up()
        assert (tmp_path / "state" / "status").exists()
        assert subprocess.run([*ours("svok"), service.directory], check=False).returncode == 0
