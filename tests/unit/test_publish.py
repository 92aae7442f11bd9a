"""Publishing: each step does one thing, and the target is whole at every moment."""

import os
import posix
from pathlib import Path
from types import SimpleNamespace

import pytest

from ucspi.unix.publish import EARLY, Publication


@pytest.fixture
def publication(tmp_path: Path) -> Publication:
    (tmp_path / "target").write_bytes(b"old")
    return Publication(bytes(tmp_path / "target"), bytes(tmp_path / "temporary"))


def test_target_is_old_until_rename(publication: Publication, tmp_path: Path) -> None:
    publication.create()
    publication.write(b"new")
    publication.seal()
    assert (tmp_path / "target").read_bytes() == b"old"
    assert (tmp_path / "temporary").read_bytes() == b"new"
    publication.rename()
    assert (tmp_path / "target").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["target"]


def test_what_is_skipped_reads_as_zeros(publication: Publication, tmp_path: Path) -> None:
    publication.create()
    publication.seek(4)
    publication.write(b"tail")
    publication.write_at(1, b"x")
    publication.seal()
    assert (tmp_path / "temporary").read_bytes() == b"\0x\0\0tail"


def test_a_large_file_is_begun_to_be_written_before_the_end(
    publication: Publication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[int, int]] = []
    library = SimpleNamespace(usys_flush=lambda fd, offset, length: begun.append((offset, length)))
    monkeypatch.setattr("ucspi.unix.native.lib", library)
    publication.create()
    publication.seek(2048)
    for _ in range(9):
        publication.write(bytes(EARLY // 4))
    publication.seal()
    assert begun == [(2048, EARLY - 2048), (EARLY, EARLY)]


def test_nothing_is_begun_where_the_file_is_not_forced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication = Publication(bytes(tmp_path / "target"), bytes(tmp_path / "temporary"), fsync=False)
    monkeypatch.setattr(posix, "fsync", lambda fd: pytest.fail("forced"))
    monkeypatch.setattr(Publication, "_flush", lambda self: pytest.fail("begun"))
    publication.create()
    publication.write(bytes(EARLY))
    publication.seal()
    assert (tmp_path / "temporary").stat().st_size == EARLY


def test_existing_temporary_is_emptied_and_keeps_its_mode(publication: Publication, tmp_path: Path) -> None:
    (tmp_path / "temporary").write_bytes(b"longer than new")
    (tmp_path / "temporary").chmod(0o600)
    publication.create(0o644)
    publication.seal()
    assert (tmp_path / "temporary").stat().st_size == 0
    assert (tmp_path / "temporary").stat().st_mode & 0o777 == 0o600


def test_fifo_without_a_reader_is_refused_not_waited_for(publication: Publication, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "temporary")
    with pytest.raises(OSError, match="No such device or address"):
        publication.create()


def test_no_link_is_followed_to_the_temporary(publication: Publication, tmp_path: Path) -> None:
    (tmp_path / "temporary").symlink_to("target")
    with pytest.raises(OSError, match="symbolic links"):
        publication.create()
    assert (tmp_path / "target").read_bytes() == b"old"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("what", ["another name", "belongs to another", "not a regular file"])
def test_what_others_can_have_put_there_is_not_written_to(
    publication: Publication, tmp_path: Path, what: str
) -> None:
    """In a directory for everybody; in one of ours it is as ever."""
    temporary, reader = tmp_path / "temporary", -1
    if what == "another name":
        temporary.hardlink_to(tmp_path / "target")
    elif what == "belongs to another":
        temporary.write_bytes(b"old")
        os.chown(temporary, 65534, -1)
    else:
        os.mkfifo(temporary)
        reader = os.open(temporary, os.O_RDONLY | os.O_NONBLOCK)
    tmp_path.chmod(0o777)  # without a sticky bit, so that no system forbids it by itself
    with pytest.raises(OSError, match=what):
        publication.create()
    assert (tmp_path / "target").read_bytes() == b"old"
    tmp_path.chmod(0o700)
    publication.create()
    publication.discard()
    if reader >= 0:
        os.close(reader)


def test_exclusive_refuses_any_existing_name(publication: Publication, tmp_path: Path) -> None:
    (tmp_path / "temporary").symlink_to("target")
    with pytest.raises(FileExistsError):
        publication.create(exclusive=True)


def test_discard_removes_the_temporary_alone(publication: Publication, tmp_path: Path) -> None:
    publication.create()
    publication.discard()
    publication.discard()
    assert os.listdir(tmp_path) == ["target"]
