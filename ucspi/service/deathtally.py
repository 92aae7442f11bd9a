"""The file ``supervise/death_tally``: when and how the last runs of a service ended, in s6's form.

Each end takes 14 bytes:

 0  12  when, TAI64N with leap seconds, as s6 counts them
12   1  the exit code; 128 and the signal if one ended it
13   1  the signal, else 0

So ``s6-svdt`` and ``s6-permafailon`` read it.

Source: the files that s6-supervise 2.11 writes.
"""

import os

from ucspi.unix import safeopen
from ucspi.unix.errtext import explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

NAME: "Final" = b"death_tally"
NEW: "Final" = b"death_tally.new"
SIZE: "Final" = 14
LEAP: "Final" = 27  # seconds that s6's clock is ahead of ours; there was no leap second since 2017
_TRUNCATE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def pack(stamp: bytes, code: int, signal: int) -> bytes:
    """Return the 14 bytes of an end.

    Args:
        stamp: when, as `ucspi.unix.tai` has it.
        code: the exit code; it does not count if there is a signal.
        signal: that ended it, or 0.
    """
    seconds = int.from_bytes(stamp[:8]) + LEAP
    return seconds.to_bytes(8) + stamp[8:12] + bytes(((128 + signal if signal else code) & 255, signal))


def add(folder: int, end: bytes, most: int, warn: "Callable[[bytes], object]") -> None:
    """Add an end, and keep the last ``most``; a failure is a warning.  This may wait for the disk.

    Args:
        folder: a descriptor of ``supervise``.
        end: from `pack`.
        most: how many are kept.
        warn: called with a step and a reason.
    """
    try:
        try:
            kept = read(folder, most)
        except FileNotFoundError:
            kept = b""
        text = (kept + end)[-SIZE * most :] if most else b""
        file = safeopen.open_file(NEW, _TRUNCATE, safeopen.PLAIN, folder, 0o644)
        try:
            if os.write(file, text) < len(text):
                warn(b"death_tally.new: partial write")
                return
        finally:
            os.close(file)
        os.rename(NEW, NAME, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError as error:
        warn(b"death_tally: " + explain(error))


def read(folder: int, most: int) -> bytes:
    """Return the last ends that stand there, whole ones.

    Args:
        folder: a descriptor of ``supervise``.
        most: how many are returned.

    Raises:
        OSError: it cannot be read; `FileNotFoundError`: there is none.
    """
    file = safeopen.open_file(NAME, os.O_RDONLY, safeopen.PLAIN, folder)
    try:
        length = os.fstat(file).st_size // SIZE * SIZE
        begin = max(0, length - SIZE * most)
        return os.pread(file, length - begin, begin)
    finally:
        os.close(file)
