"""Dropping privileges for good."""

import errno
import posix as os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Identity:
    """The ids to take; None leaves an id as it is.

    ``groups`` are the supplementary groups; None leaves them as they are.
    """

    __slots__ = ("gid", "groups", "uid")

    def __init__(
        self, uid: int | None = None, gid: int | None = None, groups: list[int] | None = None
    ) -> None:
        """Take numeric ids."""
        self.uid, self.gid, self.groups = uid, gid, groups


def drop_groups(identity: Identity) -> None:
    """Set the supplementary groups and the gid, real, effective and saved.

    Raises:
        OSError: not permitted; nothing, or only the supplementary groups, has changed.
    """
    if identity.groups is not None:
        os.setgroups(identity.groups)
    if identity.gid is not None:
        os.setgid(identity.gid)


def drop_user(identity: Identity) -> None:
    """Set the uid, real, effective and saved, and check that root cannot be regained.

    Raises:
        OSError: not permitted, or root could be regained; the caller must exit.
    """
    if identity.uid is None:
        return
    os.setuid(identity.uid)
    # Capabilities that outlive the change (securebits, ambient ones) would allow that.
    if identity.uid != 0 and (0 in os.getresuid() or _succeeds(os.setuid)):
        raise PermissionError(errno.EPERM, "root can come back")
    if identity.uid != 0 and identity.gid and _succeeds(os.setgid):
        raise PermissionError(errno.EPERM, "the group of root can come back")


def _succeeds(become: "Callable[[int], None]") -> bool:
    try:
        become(0)
    except OSError:
        return False
    return True
