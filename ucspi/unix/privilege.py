"""Dropping privileges, for good."""

import os


class Identity:
    """The ids to become; None leaves one as it is.

    ``groups`` are the supplementary groups, None to leave them.
    """

    __slots__ = ("gid", "groups", "uid")

    def __init__(
        self, uid: int | None = None, gid: int | None = None, groups: list[int] | None = None
    ) -> None:
        """Take ids as the kernel counts them."""
        self.uid, self.gid, self.groups = uid, gid, groups


def drop_groups(identity: Identity) -> None:
    """Set the supplementary groups and the gid, real, effective and saved.

    Raises:
        OSError: not permitted; nothing or only the groups are changed.
    """
    if identity.groups is not None:
        os.setgroups(identity.groups)
    if identity.gid is not None:
        os.setgid(identity.gid)


def drop_user(identity: Identity) -> None:
    """Set the uid, real, effective and saved, and verify that root cannot come back.

    Raises:
        OSError: not permitted, or root could be regained; the caller must exit.
    """
    if identity.uid is None:
        return
    os.setuid(identity.uid)
    if identity.uid != 0 and 0 in os.getresuid():
        raise PermissionError(1, "root can come back")
