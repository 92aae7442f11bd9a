"""A chain: a command line whose first commands only change the process before they execute the next one.

A server takes these steps itself, in the child that becomes the handler, so that
no interpreter is started for a client.  That is right only while everything that
decided how the chain was read is as it was then.  So each path that was looked at
is noted, and looked at again for each client, without waiting for a disk.
"""

import errno
import os
import time
from _struct import unpack_from
from stat import S_ISREG

from ucspi.unix import native
from ucspi.unix.cachedstat import FORM, MOUNT, SAME, is_local, state_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ucspi.unix.chainclient import Client
    from ucspi.unix.chainlists import Lists

    Limit = tuple[int, int | None]

MISSING = (errno.ENOENT, errno.EACCES)  # exec goes on to the next file then, and a glance may answer so
SETTLED = 0.05  # seconds after which a second change has another time: the kernel's clock of files ticks
_MODE = 4  # field of a glimpse
_TRIES = 3  # a glance at a path that the kernel does not have in memory, or at new links


class TooNewError(Exception):
    """A file was changed so lately that another change might go unnoticed."""


class Plan:
    """What one command would do, and what it would execute then.

    Attributes:
        name: begins its messages.
        kind: the step, by its name in ``cdbext/system/chain.h``.
        program: the file, or the name to look for in PATH.
        argv: the command line of that program, its name first.
        order: what the mover is to do, for a copier or filter.
        is_last: nothing is executed then.
        client: the connection to make; None: no such step.
        lists: the block lists to ask; None: no such step.
        limits: soft limits to set, in order, each with its number; None is the hard limit.
        seen: what decided besides the command's file.
        variables: changes of the environment, in order, as ``NAME=VALUE``.
        path: the directory or file that the step is about; None: none.
        ids: the uid and gid to change to; None: none.
        refuses: says of the files to try for the program whether the command must be
            executed all the same; None: it need not.
    """

    __slots__ = (
        "argv",
        "client",
        "ids",
        "is_last",
        "kind",
        "limits",
        "lists",
        "name",
        "order",
        "path",
        "program",
        "refuses",
        "seen",
        "variables",
    )

    def __init__(
        self,
        name: bytes,
        kind: str,
        program: bytes,
        argv: list[bytes],
        *,
        order: bytes = b"",
        limits: "Sequence[Limit]" = (),
        client: "Client | None" = None,
        lists: "Lists | None" = None,
        variables: "Sequence[bytes]" = (),
        path: bytes | None = None,
        ids: tuple[int, int] | None = None,
        seen: "Sequence[Seen]" = (),
        refuses: "Callable[[list[bytes]], bool] | None" = None,
    ) -> None:
        # CPython refuses a program called nothing, and what is executed shall not differ.
        self.name, self.kind, self.program, self.argv = name, kind, program, [argv[0] or b"?", *argv[1:]]
        self.limits, self.refuses = limits, refuses
        self.variables, self.path, self.ids, self.seen = variables, path, ids, seen
        self.client, self.lists = client, lists
        self.is_last, self.order = kind in ("USYS_FILTER", "USYS_RELAY"), order


class Step:
    """A plan, the command's own file, and the files to try for its program."""

    __slots__ = ("own", "paths", "plan")

    def __init__(self, plan: Plan, own: bytes, paths: list[bytes]) -> None:
        self.plan, self.own, self.paths = plan, own, paths


class Seen:
    """A path as it was: the errno of looking at it, or a glimpse of the file."""

    __slots__ = ("error", "glimpse", "path")

    def __init__(self, path: bytes, error: int, glimpse: bytes) -> None:
        self.path, self.error, self.glimpse = path, error, glimpse

    def is_regular(self) -> bool:
        """Return whether there was a regular file."""
        return not self.error and S_ISREG(unpack_from(FORM, self.glimpse)[_MODE])

    def is_like(self, other: "Seen") -> bool:
        """Return whether another look found the same."""
        return (self.error, self.glimpse) == (other.error, other.glimpse)


class Chain:
    """Steps, and all paths that decided about them.

    Attributes:
        steps: at least one, unless there is an ending.
        seen: the paths that decided about the steps.
        ending: a Python function that is the program behind the steps; None: it is something
            else, or steps are among them that one process cannot take for all clients.
    """

    __slots__ = ("ending", "seen", "steps")

    def __init__(self, steps: list[Step], seen: list[Seen], ending: "Ending | None" = None) -> None:
        self.steps, self.seen, self.ending = steps, seen, ending


class Ending:
    """A Python function as the program of a chain.

    Attributes:
        seen: all paths that decided about that, those of the steps too.
        changes: what the steps change in the environment of the program, in order; those that
            are taken for each client are packed among them.
        keep: how many connections one process may serve.
        argv: the command line that is executed once for all clients; empty: the whole one.
    """

    __slots__ = ("argv", "changes", "keep", "seen")

    def __init__(self, seen: list[Seen], changes: list[bytes], keep: int = 1) -> None:
        self.seen, self.changes, self.keep = seen, changes, keep
        self.argv: list[bytes] = []


def look(path: bytes) -> Seen | None:
    """Look at a path, as it is looked at again for each client; None where that tells nothing certain.

    Asks the disk first where the kernel does not have the answer in memory.
    """
    room = native.ffi.new("struct usys_glimpse *")
    for _ in range(_TRIES):
        result = native.lib.usys_glance(path, 1, room)
        if result in (0, SAME):
            glimpse = bytes(native.ffi.buffer(room))
            return Seen(path, 0, glimpse) if is_local(unpack_from(FORM, glimpse)[MOUNT]) else None
        if -result in MISSING:
            return Seen(path, -result, b"")
        if result != -errno.EAGAIN:
            return None
        for ask in (os.stat, os.readlink):
            try:
                ask(path)
            except OSError:
                pass
    return None


def look_for(files: "Sequence[bytes]", look: "Callable[[bytes], Seen | None]") -> list[Seen]:
    """Return each file that is tried, up to the one that is executed; none where that is not certain.

    Args:
        files: those to try, in order.
        look: looks at one of them, as `look` does.
    """
    noted = []
    for path in files:
        seen = look(path)
        if seen is None:
            return []
        noted.append(seen)
        if seen.error not in MISSING:
            return noted
    return []


def confirm(descriptor: int, seen: Seen) -> bool:
    """Return whether an open file is the regular one that was seen.

    Raises:
        TooNewError: it is, or was until now, and has changed just now.
    """
    status = os.fstat(descriptor)
    if not S_ISREG(status.st_mode):
        return False
    state = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    if state != state_in(seen.glimpse) or not 0 <= status.st_ctime <= time.time() - SETTLED:
        raise TooNewError
    return True
