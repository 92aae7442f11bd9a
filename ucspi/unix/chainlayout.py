"""A chain as C has it: ``cdbext/system/chain.h``."""

from ucspi.unix import fds, mover, native
from ucspi.unix.chainclient import lay_out_client
from ucspi.unix.chainlists import lay_out_lists

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ucspi.unix.chain import Chain, Ending, Seen

HARD = 2**64 - 1  # of a limit: the hard one
_SPARE = 65536  # bytes of the variables in directories; a directory with more is read by its link


def lay_out(chain: "Chain", first: "Any") -> "tuple[Any, list[object]]":
    """Return a chain as C has it, and what must be kept as long as that is used.

    Args:
        chain: the chain.
        first: the command that executes its first link, in C memory.
    """
    ffi, kept = native.ffi, []

    def string(text: bytes) -> "Any":
        kept.append(ffi.new("char[]", text))
        return kept[-1]

    def strings(texts: "Sequence[bytes]") -> "Any":
        kept.append(ffi.new("char *[]", [*map(string, texts), ffi.NULL]))
        return kept[-1]

    steps = ffi.new("struct usys_step[]", len(chain.steps))
    has_other_ids = False
    for room, step in zip(steps, chain.steps, strict=True):
        plan = step.plan
        room.kind = getattr(native.lib, plan.kind)
        limits = ffi.new("struct usys_limit[]", [(number, _soft(value)) for number, value in plan.limits])
        kept.append(limits)
        room.limits, room.limit_count = limits, len(plan.limits)
        room.variables = strings(plan.variables)
        if has_other_ids:
            room.own = string(step.own)
        if plan.path is not None:
            room.path = string(plan.path)
        if plan.ids is not None:
            has_other_ids = True
            room.uid, room.gid = plan.ids
            room.no_group = string(plan.name + b": fatal: unable to setgid: ")
            room.no_user = string(plan.name + b": fatal: unable to setuid: ")
        if plan.lists is not None:
            room.lists, more = lay_out_lists(plan.lists)
            kept.append(more)
        if plan.client is not None:
            room.client, more = lay_out_client(plan.client, plan.name)
            kept.append(more)
        if plan.order:
            room.mover.file, room.mover.order = mover.descriptor(), string(plan.order)
        command = room.next
        command.paths, command.argv = strings(step.paths), strings(plan.argv)
        command.errors, command.error_count = first.errors, first.error_count
        if plan.client is None or plan.client.verbosity:
            command.complaint = string(b"%s: fatal: unable to run %s: " % (plan.name, plan.program))
    laid_out = _lay_out_seen(chain.seen, kept)
    laid_out.first = ffi.addressof(first)
    directories = [step for step in chain.steps if step.plan.kind == "USYS_DIRECTORY"]
    laid_out.variable_count = sum(len(step.plan.variables) for step in chain.steps)
    laid_out.variable_count += native.lib.USYS_CHANGES * len(directories)
    laid_out.spare = _SPARE if directories else 0
    clients = [step.plan.client for step in chain.steps if step.plan.client is not None]
    laid_out.variable_count += native.lib.USYS_CLIENT_VARIABLES * len(clients)
    laid_out.spare += sum(native.lib.USYS_CLIENT_SPARE + 2 * len(client.local_host) for client in clients)
    movers = [mover.descriptor()] if any(step.plan.order for step in chain.steps) else []
    if clients or any(step.plan.path is not None or step.plan.lists for step in chain.steps):  # they may wait
        kept.append(ffi.new("int[]", [*sorted({*fds.inheritable(), *movers}), -1]))
        laid_out.inherited = kept[-1]
    laid_out.steps, laid_out.step_count = steps, len(chain.steps)
    kept += [steps, laid_out]
    return laid_out, kept


def lay_out_ending(ending: "Ending") -> "tuple[Any, list[object]]":
    """Return the paths that decided about an ending, in a chain without steps; see `lay_out`."""
    kept: list[object] = []
    laid_out = _lay_out_seen(ending.seen, kept)
    return laid_out, [*kept, laid_out]


def _lay_out_seen(seen: "list[Seen]", kept: list[object]) -> "Any":
    ffi = native.ffi
    rooms = ffi.new("struct usys_seen[]", len(seen))
    for room, file in zip(rooms, seen, strict=True):
        path = ffi.new("char[]", file.path)
        kept.append(path)
        room.path, room.error = path, file.error
        ffi.memmove(ffi.addressof(room, "glimpse"), file.glimpse, len(file.glimpse))
    laid_out = ffi.new("struct usys_chain *")
    laid_out.seen, laid_out.seen_count = rooms, len(seen)
    kept.append(rooms)
    return laid_out


def _soft(value: int | None) -> int:
    return HARD if value is None else min(value, HARD)
