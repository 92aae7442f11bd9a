"""A log directory on a file system that has something to say when a file is closed."""

import errno
import os
import stat
from pathlib import Path

import pytest

from ucspi.logs.logdir import LogDirectory
from ucspi.logs.retry import Retry
from ucspi.logs.script import Destination


@pytest.mark.parametrize("number", [errno.EIO, errno.EINTR, errno.EDQUOT])
@pytest.mark.parametrize("processor", [None, b"cat; cat <&4 >&5"])
def test_error_of_a_close_ends_no_log(
    number: int, processor: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = os.close

    def close_and_fail(descriptor: int) -> None:
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        close(descriptor)
        if is_file:
            raise OSError(number, "told too late")

    monkeypatch.chdir(tmp_path)
    said: list[bytes] = []
    retry = Retry(lambda what, error: said.append(what), pause=0.0)
    with monkeypatch.context() as patch:
        patch.setattr(os, "close", close_and_fail)
        log = LogDirectory(Destination(b"./log", processor=processor), retry, lambda what, error: None)
        log.write(b"one\n")
        log.rotate()
        log.write(b"two\n")
        log.close()
    assert said == []
    assert (tmp_path / "log" / "current").read_bytes() == b"two\n"
    assert [file.read_bytes() for file in (tmp_path / "log").glob("@*")] == [b"one\n"]
