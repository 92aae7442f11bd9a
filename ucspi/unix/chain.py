"""A chain: a command line whose first commands only change the process before they execute the next one.

A server takes these steps itself, in the child that becomes the handler, so that
no interpreter is started for a client.  That is right only while everything that
decided how the chain was read is as it was then.  So each path that was looked at
is noted, and looked at again for each client, without waiting for a disk.
"""

import errno
import os

from ucspi.unix import native
from ucspi.unix.cachedstat import SAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Limit = tuple[int, int | None]

MISSING = (errno.ENOENT, errno.EACCES)  # exec goes on to the next file then, and a glance may answer so
HARD = 2**64 - 1  # of a limit: the hard one
_TRIES = 3  # a glance at a path that the kernel does not have in memory, or at new links


class Plan:
    """What one command would do, and what it would execute then.

    Attributes:
        name: begins its messages.
        kind: the step, by its name in ``cdbext/system/chain.h``.
        program: the file, or the name to look for in PATH.
        argv: the command line of that program, its name first.
        limits: soft limits to set, in order, each with its number; None is the hard limit.
        refuses: says of the files to try for the program whether the command must be
            executed all the same; None: it need not.
    """

    __slots__ = ("argv", "kind", "limits", "name", "program", "refuses")

    def __init__(
        self,
        name: bytes,
        kind: str,
        program: bytes,
        argv: list[bytes],
        *,
        limits: "Sequence[Limit]" = (),
        refuses: "Callable[[list[bytes]], bool] | None" = None,
    ) -> None:
        # CPython refuses a program called nothing, and what is executed shall not differ.
        self.name, self.kind, self.program, self.argv = name, kind, program, [argv[0] or b"?", *argv[1:]]
        self.limits, self.refuses = limits, refuses


class Step:
    """A plan, and the files to try for its program."""

    __slots__ = ("paths", "plan")

    def __init__(self, plan: Plan, paths: list[bytes]) -> None:
        self.plan, self.paths = plan, paths


class Seen:
    """A path as it was: the errno of looking at it, or a glimpse of the file."""

    __slots__ = ("error", "glimpse", "path")

    def __init__(self, path: bytes, error: int, glimpse: bytes) -> None:
        self.path, self.error, self.glimpse = path, error, glimpse

    def is_like(self, other: "Seen") -> bool:
        """Return whether another look found the same."""
        return (self.error, self.glimpse) == (other.error, other.glimpse)


class Chain:
    """Steps, at least one, and all paths that decided about them."""

    __slots__ = ("seen", "steps")

    def __init__(self, steps: list[Step], seen: list[Seen]) -> None:
        self.steps, self.seen = steps, seen


def look(path: bytes) -> Seen | None:
    """Look at a path, as it is looked at again for each client; None where that cannot be done.

    Asks the disk first where the kernel does not have the answer in memory.
    """
    room = native.ffi.new("struct usys_glimpse *")
    for _ in range(_TRIES):
        result = native.lib.usys_glance(path, 1, room)
        if result in (0, SAME):
            return Seen(path, 0, bytes(native.ffi.buffer(room)))
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


def lay_out(chain: Chain, errors: "Any", error_count: int) -> "tuple[Any, list[object]]":
    """Return a chain as C has it, and what must be kept as long as that is used.

    Args:
        chain: the chain.
        errors: the texts of the errnos, in C memory.
        error_count: how many there are.
    """
    ffi, kept = native.ffi, []

    def string(text: bytes) -> "Any":
        kept.append(ffi.new("char[]", text))
        return kept[-1]

    def strings(texts: list[bytes]) -> "Any":
        kept.append(ffi.new("char *[]", [*map(string, texts), ffi.NULL]))
        return kept[-1]

    steps = ffi.new("struct usys_step[]", len(chain.steps))
    for room, step in zip(steps, chain.steps, strict=True):
        plan = step.plan
        room.kind = getattr(native.lib, plan.kind)
        limits = ffi.new("struct usys_limit[]", [(number, _soft(value)) for number, value in plan.limits])
        kept.append(limits)
        room.limits, room.limit_count = limits, len(plan.limits)
        command = room.next
        command.paths, command.argv = strings(step.paths), strings(plan.argv)
        command.errors, command.error_count = errors, error_count
        command.complaint = string(b"%s: fatal: unable to run %s: " % (plan.name, plan.program))
    seen = ffi.new("struct usys_seen[]", len(chain.seen))
    for place, file in zip(seen, chain.seen, strict=True):
        place.path, place.error = string(file.path), file.error
        ffi.memmove(ffi.addressof(place, "glimpse"), file.glimpse, len(file.glimpse))
    laid_out = ffi.new("struct usys_chain *")
    laid_out.steps, laid_out.step_count = steps, len(chain.steps)
    laid_out.seen, laid_out.seen_count = seen, len(chain.seen)
    kept += [steps, seen, laid_out]
    return laid_out, kept


def _soft(value: int | None) -> int:
    return HARD if value is None else min(value, HARD)
