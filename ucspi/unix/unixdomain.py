"""UNIX-domain sockets: binding with the right mode, accepting, removing the file.

A dead server leaves its file behind, which the next server must replace.  The
file of a live server must stay.  Which one it is shows when one connects.  A server
holds a lock on the directory from that look until it listens.  Otherwise two that
start at once could each take the other's new file for that of a dead server.
"""

import _socket
import errno
import fcntl
import os
import stat
import sys
import time

PATH_MAX = 107  # bytes, and a NUL in sun_path.  Source: unix(7)
LOCK_TIME = 1.0  # seconds to wait at most: anybody who may read the directory could lock it for ever
LOCK_STEP = 0.01  # seconds between two attempts
_CREDENTIAL = 4  # bytes of each of struct ucred's three numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    Credentials = tuple[int, int, int]  # pid, uid, gid


def require_path(path: bytes) -> None:
    """Check that a path can be the address of a socket.

    Raises:
        OSError: ENAMETOOLONG if it is too long; EINVAL if it has a NUL, where it would
            end for the kernel.  An abstract name begins with a NUL and may have more.
    """
    if len(path) > PATH_MAX + path.startswith(b"\0"):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    if not path.startswith(b"\0") and b"\0" in path:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


class SocketFile:
    """The file of a socket that we have bound; another file at its path is not ours."""

    __slots__ = ("_found", "path")

    def __init__(self, path: bytes) -> None:
        """Note which file the path leads to now.

        Raises:
            OSError: it is gone already.
        """
        self.path = path
        self._found = os.lstat(path)

    def is_ours(self, found: os.stat_result) -> bool:
        """Return whether this is the file."""
        return os.path.samestat(found, self._found)

    def remove(self) -> None:
        """Remove the file if it is still ours; call it before the socket is closed."""
        try:
            if self.is_ours(os.lstat(self.path)):
                os.unlink(self.path)
        except OSError:
            pass  # it is gone, or we may not remove it any more; the next server replaces it


def listen(sock: _socket.socket, path: bytes, mode: int | None, backlog: int) -> SocketFile:
    """Bind a socket to a file and listen; the file of a dead server is replaced.

    Args:
        sock: a stream socket of the UNIX domain.
        path: at most `PATH_MAX` bytes.
        mode: permission bits, set from the first moment; None leaves them to the umask.
        backlog: how many clients may wait.

    Raises:
        OSError: EADDRINUSE if there is the socket of a live server, or another kind of file.
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
    """Lock the directory of a path; return a descriptor to close later, -1 if the directory cannot be opened.

    If the lock is not to be had in time, we go on without it.
    """
    try:
        directory = os.open(os.path.dirname(path) or b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return -1  # binding reports what is wrong, or works although we may not read the directory
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
    before = os.umask(0o777 & ~mode)  # a later chmod would leave the file open to others for a moment
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
        probe.setblocking(False)  # a live server whose backlog is full must not block us
        probe.connect(path)
    except ConnectionRefusedError:
        return True
    except OSError:
        pass  # it is not known to be dead
    finally:
        probe.close()
    return False


def accept(listener: _socket.socket) -> "tuple[int, Credentials] | None":
    """Accept one connection from a non-blocking listener; return None if no client waits.

    The connection is blocking and closed on exec.

    Returns:
        Its descriptor, which the caller has to close, and who the client was when it connected.

    Raises:
        OSError: accept(2) has failed.
    """
    try:
        # accept4 with close-on-exec; the new socket is blocking.
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
