"""Files become contexts: which certificate is for whom, and what cannot be used."""

import os
from pathlib import Path

import pytest

from tests.support.tlsworld import CURVE, RSA, certificate
from ucspi.errors import CertificateError
from ucspi.tls.certificates import Certificates, certificate_files, seen
from ucspi.tls.choices import TlsChoices


def choices(*files: Path, directory: Path | None = None) -> TlsChoices:
    made = TlsChoices()
    made.certificates = [(os.fsencode(file), os.fsencode(file)) for file in files]
    made.directory = None if directory is None else os.fsencode(directory)
    return made


def test_name_and_wildcard_find_their_context(tmp_path: Path) -> None:
    first = certificate(tmp_path, "first.pem", "first.example")
    second = certificate(tmp_path, "second.pem", "second.example", "*.wild.example")
    found = Certificates(choices(first, second))
    assert found.find(b"first.example") is found.context
    other = found.find(b"second.example")
    assert other is not None
    assert other is not found.context
    assert found.find(b"a.wild.example") is other
    for name in (b"wild.example", b"a.b.wild.example", b"third.example", b"", b".wild.example.", b"*"):
        assert found.find(name) is None or name == b".wild.example."


def test_one_name_may_have_two_kinds_of_keys(tmp_path: Path) -> None:
    both = [certificate(tmp_path, f"{len(kind)}.pem", "same.example", kind=kind) for kind in (CURVE, RSA)]
    found = Certificates(choices(*both))
    assert found.find(b"same.example") is found.context


def test_directory(tmp_path: Path) -> None:
    own = certificate(tmp_path, "b.pem", "b.example")
    text = own.read_bytes()
    at = text.index(b"-----BEGIN PRIVATE KEY")
    (tmp_path / "a.pem").write_bytes(text[:at])
    (tmp_path / "a.key").write_bytes(text[at:])
    (tmp_path / ".hidden.pem").write_bytes(b"no certificate")
    (tmp_path / "README").write_bytes(b"no certificate")
    (tmp_path / "folder").mkdir()
    files = [
        (Path(os.fsdecode(one)).name, Path(os.fsdecode(two)).name)
        for one, two in certificate_files(choices(directory=tmp_path))
    ]
    assert files == [("a.pem", "a.key"), ("b.pem", "b.pem")]
    assert Certificates(choices(directory=tmp_path)).find(b"b.example") is not None


def test_changes_are_seen(tmp_path: Path) -> None:
    own = certificate(tmp_path, "own.pem", "own.example")
    wanted = choices(own, directory=tmp_path)
    before = seen(wanted)
    assert seen(wanted) == before
    certificate(tmp_path, "new.pem", "new.example")
    after = seen(wanted)
    assert after != before
    own.unlink()
    assert seen(wanted) != after


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", b"it has no certificate"),
        (b"x" * 5_000_000, b"it is larger than 4 megabytes"),
        (None, b"file does not exist"),
    ],
)
def test_unsound_file_is_named(tmp_path: Path, content: bytes | None, reason: bytes) -> None:
    path = tmp_path / "own.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CertificateError) as caught:
        Certificates(choices(path))
    assert caught.value.reason == os.fsencode(path) + b": " + reason


def test_directory_without_a_certificate(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match="it has no certificate"):
        Certificates(choices(directory=tmp_path))
    with pytest.raises(CertificateError, match="file does not exist"):
        Certificates(choices(directory=tmp_path / "missing"))


def test_authorities_that_are_none(tmp_path: Path) -> None:
    wanted = choices(certificate(tmp_path, "own.pem", "own.example"))
    wanted.client_ca = os.fsencode(tmp_path / "ca.pem")
    with pytest.raises(CertificateError, match=r"ca\.pem: file does not exist"):
        Certificates(wanted)
    (tmp_path / "ca.pem").write_bytes(b"x\n")
    with pytest.raises(CertificateError, match=r"ca\.pem: no certificate or crl found"):
        Certificates(wanted)
