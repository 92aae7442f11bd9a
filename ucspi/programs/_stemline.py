"""Which links one process takes once for all clients that it forks for, and which it takes for each."""

from ucspi.unix.stemchannel import COPIER, DIRECTORY, Link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.unix.chain import Step

_ONCE = frozenset(("USYS_RENAME", "USYS_SESSION", "USYS_LIMITS", "USYS_VARIABLES", "USYS_IDS"))
_EACH = {"USYS_DIRECTORY": DIRECTORY, "USYS_COPIER": COPIER}
# Behind a link for each client they would be in force before it.
_EARLY = frozenset(("USYS_SESSION", "USYS_LIMITS", "USYS_IDS"))
_DESCRIPTORS = 32  # that such a process needs at most


def take_once(argv: list[bytes], steps: "list[Step]") -> tuple[list[bytes], list[bytes]] | None:
    """Return the command line to execute once, empty for the whole one, and the changes of the links.

    Copiers are left out of the command line.  A directory is read when that is executed,
    for the module may look at its variables, and again for each client.

    Returns:
        None where one process cannot do that.
    """
    words: list[bytes] = []
    changes: list[bytes] = []
    rest, last, is_late, is_whole = argv, "", False, True
    for step in steps:
        plan = step.plan
        if plan.kind in _EACH:
            if last == "USYS_RENAME":
                return None  # it is not a word that could be left out
            text = plan.order if plan.path is None else plan.path
            changes += Link(_EACH[plan.kind], text, step.own, rest).packed()
            is_late, is_whole = True, False  # steps that may wait would close what a stem inherits
        elif not _is_taken_once(step) or (is_late and plan.kind in _EARLY):
            return None
        changes += plan.variables
        if plan.kind != "USYS_COPIER":
            words += rest[: len(rest) - len(plan.argv)]
        rest, last = plan.argv, plan.kind
    return [] if is_whole else words + rest, changes


def has_links_for_each(steps: "list[Step]") -> bool:
    """Return whether some of the links are taken for each client."""
    return any(step.plan.kind in _EACH for step in steps)


def _is_taken_once(step: "Step") -> bool:
    """Return whether one process may take a step for all clients that it forks for.

    A limit of processes or of processor time would be used up by what that process does itself.
    """
    plan = step.plan
    if not plan.limits:
        return plan.kind in _ONCE
    from ucspi.unix import rlimits  # softlimit has it

    return not any(
        number in (rlimits.NPROC, rlimits.CPU)
        or (number == rlimits.NOFILE and value is not None and value < _DESCRIPTORS)
        for number, value in plan.limits
    )
