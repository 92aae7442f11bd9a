"""A file system with one file, ``rules``, that stops answering on SIGUSR1 until SIGUSR2.

While there is ``FOLDER/opens`` it stops only when the file is open: at the first read.

    unshare -m --propagation private python hangingfs.py FOLDER stuck|awake COMMAND...

mounts it at ``FOLDER/hanging``, writes the pid of what answers to
``FOLDER/fuse.pid``, and becomes COMMAND.  The file's contents are those of
``FOLDER/behind``.  While nothing is answered, there is ``FOLDER/hangs``.  When
COMMAND has ended, so has all of it.

Source: the protocol of /dev/fuse, linux/fuse.h, 7.23.
"""

import ctypes
import errno
import os
import signal
import stat
import struct
import sys
from pathlib import Path

LOOKUP, FORGET, GETATTR, OPEN, READ, RELEASE, FLUSH, INIT = 1, 2, 3, 14, 15, 18, 25, 26
OPENDIR, READDIR, RELEASEDIR, INTERRUPT, BATCH_FORGET = 27, 28, 29, 36, 42
ROOT, RULES = 1, 2
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)


def attributes(behind: Path, node: int) -> bytes:
    status = behind.stat()
    mode = stat.S_IFDIR | 0o755 if node == ROOT else stat.S_IFREG | 0o644
    seconds = int(status.st_mtime)
    times = [seconds] * 3
    rest = [status.st_mtime_ns % 10**9] * 3
    return struct.pack("=6Q3I7I", node, status.st_size, 8, *times, *rest, mode, 1, 0, 0, 0, 4096, 0)


def answer(behind: Path, operation: int, node: int, body: bytes) -> bytes | int:
    """Return what belongs behind the header of an answer, or an error number."""
    if operation == INIT:
        return struct.pack("=4I2H2I", 7, 23, 65536, 0, 12, 10, 65536, 1).ljust(64, b"\0")
    if operation == LOOKUP:
        if body.rstrip(b"\0") != b"rules":
            return errno.ENOENT
        return struct.pack("=4Q2I", RULES, 0, 0, 0, 0, 0) + attributes(behind, RULES)
    if operation == GETATTR:
        return struct.pack("=Q2I", 0, 0, 0) + attributes(behind, node)
    if operation == READDIR:
        _, offset = struct.unpack_from("=2Q", body)
        return b"" if offset else struct.pack("=2Q2I", RULES, 1, 5, stat.S_IFREG >> 12) + b"rules\0\0\0"
    if operation == OPENDIR:
        return struct.pack("=Q2I", 0, 0, 0)
    if operation == OPEN:
        return struct.pack("=Q2I", 0, 1, 0)  # direct I/O: nothing is kept in memory
    if operation == READ:
        _, offset, size = struct.unpack_from("=2QI", body)
        return behind.read_bytes()[offset : offset + size]
    return b"" if operation in (RELEASE, RELEASEDIR, FLUSH) else errno.ENOSYS


def serve(device: int, behind: Path) -> None:
    while True:
        try:
            request = os.read(device, 2**17 + 4096)
        except InterruptedError:
            continue
        _, operation, unique, node = struct.unpack_from("=2I2Q", request)
        if operation in (FORGET, BATCH_FORGET, INTERRUPT):
            continue
        if operation == READ and (behind.parent / "reads").exists():
            (behind.parent / "reads").unlink()
            hang(behind.parent)
        given = answer(behind, operation, node, request[40:])
        error, body = (-given, b"") if isinstance(given, int) else (0, given)
        try:
            os.write(device, struct.pack("=IiQ", 16 + len(body), error, unique) + body)
        except FileNotFoundError:
            pass  # whoever asked has gone


def hang(folder: Path) -> None:
    if (folder / "opens").exists():
        (folder / "opens").rename(folder / "reads")  # `serve` hangs at the first
        return
    (folder / "hangs").touch()
    signal.sigwait([signal.SIGUSR2])
    (folder / "hangs").unlink()


def main(folder: Path, how: str, command: list[str]) -> None:
    place = folder / "hanging"
    place.mkdir()
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    if libc.mount(b"hanging", bytes(place), b"fuse", 0, options):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGUSR2])
    if pid := os.fork():
        (folder / "fuse.pid").write_text(str(pid))
        os.close(device)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1, signal.SIGUSR2])
        os.execvp(command[0], command)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for number in (1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), number)  # nobody waits for the end of our log
    signal.signal(signal.SIGUSR1, lambda *_: hang(folder))
    if how == "stuck":
        hang(folder)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
    try:
        serve(device, folder / "behind")
    finally:
        os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
