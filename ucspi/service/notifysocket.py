"""The socket in ``$NOTIFY_SOCKET``, on which a service tells how it is, as systemd has it.

Anybody who can reach the socket can write to it.  So the kernel names the sender of
each message, and it counts only if that is a process of the service.  Descriptors that
come with a message are closed by the kernel, as there is no room for them.

Source: sd_notify(3), unix(7).
"""

import _socket
import errno
import os
from _struct import unpack
from stat import S_ISSOCK

from ucspi.unix import procfiles, safeopen
from ucspi.unix.unixdomain import require_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

NAME: "Final" = b"notify"
MOST: "Final" = 16  # messages that are read in one turn
_MESSAGE = 4096  # bytes
_CREDENTIALS = 12  # bytes: pid, uid, gid
_ANCESTORS = 64  # a process deeper below ``run`` is a stranger


class NotifySocket:
    """A datagram socket at ``supervise/notify``.

    Attributes:
        entry: ``NOTIFY_SOCKET=PATH``.
    """

    __slots__ = ("_socket", "entry")

    def __init__(self, folder: int) -> None:
        """Make it; an old one is replaced.  This may wait for the disk.

        Args:
            folder: a descriptor of ``supervise``.

        Raises:
            OSError: it cannot be made.
        """
        place = os.readlink(b"/proc/self/fd/%d" % folder)
        if not place.startswith(b"/"):
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        require_path(place + b"/" + NAME)
        self.entry = b"NOTIFY_SOCKET=" + place + b"/" + NAME
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_PASSCRED, 1)
            try:
                os.unlink(NAME, dir_fd=folder)
            except FileNotFoundError:
                pass
            self._socket.bind(b"/proc/self/fd/%d/%s" % (folder, NAME))
            _open_to_all(folder)
        except BaseException:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Return its descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close it; the file stays, and nobody listens there."""
        self._socket.close()

    def states(self, leader: int, *, is_leader: bool) -> "Iterator[bytes]":
        """Yield the lines that processes of the service have sent, at most those of `MOST` messages.

        Args:
            leader: the pid of ``run``.
            is_leader: it leads a session.
        """
        for _ in range(MOST):
            try:
                text, control, _, _ = self._socket.recvmsg(_MESSAGE, _socket.CMSG_SPACE(_CREDENTIALS))
            except OSError:
                return
            for level, kind, data in control:
                if (level, kind, len(data)) == (_socket.SOL_SOCKET, _socket.SCM_CREDENTIALS, _CREDENTIALS):
                    sender: int = unpack("iII", data)[0]
                    if belongs(sender, leader, is_leader=is_leader):
                        yield from text.split(b"\n")


def _open_to_all(folder: int) -> None:
    """Let a service write that has given up its rights, if nobody else can have put another file there."""
    if not safeopen.is_private(folder):
        return
    held = os.open(NAME, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        if S_ISSOCK(os.fstat(held).st_mode):
            os.chmod(b"/proc/self/fd/%d" % held, 0o666)
    finally:
        os.close(held)


def belongs(pid: int, leader: int, *, is_leader: bool) -> bool:
    """Return whether a process is the leader, below it, or in its session."""
    if pid <= 0 or leader <= 0:
        return False
    try:
        if is_leader and os.getsid(pid) == leader:
            return True
        for _ in range(_ANCESTORS):
            if pid == leader:
                return True
            if pid <= 1:
                return False
            pid = int(procfiles.stat_fields(b"%d" % pid)[1])
    except (OSError, ValueError):
        pass  # it has ended, so nobody can tell what it was
    return False
