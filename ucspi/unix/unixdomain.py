"""UNIX-domain sockets: bound to a file with the right mode, accepted from, removed.

A dead server leaves its file behind, which the next one must replace, and a
live one's must stay.  Which of them it is shows when one connects.  Whoever
binds holds a lock on the directory from the look until it listens, or two that
start at once would each take the other's new file for a dead server's.
"""

import _socket
import errno
import fcntl
import os
import stat
import sys
import time

PATH_MAX = 107  # bytes, and a NUL in sun_path.  Source: unix(7)
LOCK_TIME = 1.0  # seconds; whoever may read the directory could lock it for ever
LOCK_STEP = 0.01
_CREDENTIAL = 4  # bytes of each of struct ucred's three numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    Credentials = tuple[int, int, int]  # pid, uid, gid


def require_path(path: bytes) -> None:
    """See that a path names a socket, and names this one.

    Raises:
        OSError: ENAMETOOLONG where it does not fit, EINVAL where a NUL would end it for
            the kernel.  An abstract name, which begins with one, may hold more.
    """
    if len(path) > PATH_MAX + path.startswith(b"\0"):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    if not path.startswith(b"\0") and b"\0" in path:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


class SocketFile:
    """The file of a socket that we bound; it is ours as long as it is the same file."""

    __slots__ = ("_found", "path")

    def __init__(self, path: bytes) -> None:
        """Note which file it is.

        Raises:
            OSError: it is gone already.
        """
        self.path = path
        self._found = os.lstat(path)

    def remove(self) -> None:
        """Remove the file, before its socket is closed; one that is not ours any more stays."""
        try:
            if os.path.samestat(os.lstat(self.path), self._found):
                os.unlink(self.path)
        except OSError:
            pass  # it is gone, or we became somebody who may not: the next server replaces it


def listen(sock: _socket.socket, path: bytes, mode: int | None, backlog: int) -> SocketFile:
    """Bind a socket to a file and listen, in the place of a dead server's if there is one.

    Args:
        sock: a stream socket of the UNIX domain.
        path: at most `PATH_MAX` bytes.
        mode: permission bits, right from the first moment; None leaves them to the umask.
        backlog: how many clients may wait.

    Raises:
        OSError: EADDRINUSE where a live server's socket is, or another kind of file.
    """
    require_path(path)
    lock = _lock_directory(path)
    try:
        _bind(sock, path, mode)
        file = SocketFile(path)
        sock.listen(backlog)
        return file
    finally:
        if lock >= 0:
            os.close(lock)


def _lock_directory(path: bytes) -> int:
    """Return a descriptor to close in the end; without a lock when there is none to be had."""
    try:
        directory = os.open(os.path.dirname(path) or b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return -1  # binding will tell why, or goes well where one may not read
    until = time.monotonic() + LOCK_TIME
    while time.monotonic() < until:
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError as error:
            if error.errno != errno.EWOULDBLOCK:
                break
        time.sleep(LOCK_STEP)
    return directory


def _bind(sock: _socket.socket, path: bytes, mode: int | None) -> None:
    try:
        _bind_once(sock, path, mode)
    except OSError as error:
        if error.errno != errno.EADDRINUSE or not is_dead(path):
            raise
        os.unlink(path)
        _bind_once(sock, path, mode)


def _bind_once(sock: _socket.socket, path: bytes, mode: int | None) -> None:
    if mode is None:
        sock.bind(path)
        return
    before = os.umask(0o777 & ~mode)  # a chmod would come too late
    try:
        sock.bind(path)
    finally:
        os.umask(before)


def is_dead(path: bytes) -> bool:
    """Return whether a file is a socket that nobody listens on."""
    probe = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return False
        probe.setblocking(False)  # a live server whose backlog is full must not hold us
        probe.connect(path)
    except ConnectionRefusedError:
        return True
    except OSError:
        pass  # whatever it is, it is not known to be dead
    finally:
        probe.close()
    return False


def accept(listener: _socket.socket) -> "tuple[int, Credentials] | None":
    """Accept one connection from a non-blocking listener, or return None when no client is there.

    The connection blocks and is closed on exec.

    Returns:
        Its descriptor, which the caller owns, and who the client was when it connected.

    Raises:
        OSError: as accept(2) fails.
    """
    try:
        # accept4 with close-on-exec; the new socket blocks, whatever this one does.
        descriptor, _ = listener._accept()  # type: ignore[attr-defined]
    except BlockingIOError:
        return None
    return descriptor, credentials(descriptor)


def credentials(descriptor: int) -> "Credentials":
    """Return who the other end was: a client when it connected, a server when it began to listen."""
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, descriptor)
    try:
        packed = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 3 * _CREDENTIAL)
    finally:
        connection.detach()
    pid, uid, gid = (
        int.from_bytes(packed[at : at + _CREDENTIAL], sys.byteorder)
        for at in range(0, 3 * _CREDENTIAL, _CREDENTIAL)
    )
    return pid, uid, gid
