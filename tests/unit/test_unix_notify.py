"""Addresses of a service manager that cannot be reached are errors, not cut."""

import errno
from pathlib import Path

import pytest

from ucspi.unix.notify import service_manager


@pytest.mark.parametrize("length", [108, 109, 5000])
def test_address_that_does_not_fit_is_too_long(length: int) -> None:
    for address in (b"/" * length, b"@" + b"x" * length):
        with pytest.raises(OSError, match="too long") as raised:
            service_manager(address, b"READY=1\n")
        assert raised.value.errno == errno.ENAMETOOLONG


def test_longest_abstract_address_is_asked_for() -> None:
    with pytest.raises(ConnectionRefusedError):
        service_manager(b"@" + b"x" * 107, b"READY=1\n")


def test_nobody_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        service_manager(bytes(tmp_path / "none"), b"READY=1\n")
