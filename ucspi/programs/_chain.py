"""Reads a handler's command line as a chain: which of our commands stand in front of the program.

This is the only module that knows which commands can be steps.  What each one
would do says its own ``plan``.  Anything that is not plainly right ends the chain
there, and is executed.
"""

import errno
import os

from ucspi.programs import _options
from ucspi.programs._program import Stop
from ucspi.programs._stemline import has_links_for_each, take_once
from ucspi.programs.commands import COMMANDS
from ucspi.unix import search
from ucspi.unix.chain import Chain, Ending, Plan, Seen, Step, TooNewError, look, look_for
from ucspi.unix.launchers import Launchers, own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Planner = Callable[[list[bytes]], Plan | None]

LINKS = frozenset(
    (
        "addcr",
        "argv0",
        "delcr",
        "envdir",
        "envuidgid",
        "fixcrio",
        "pgrphack",
        "proxyio",
        "rblsmtpd",
        "recordio",
        "setlock",
        "setuidgid",
        "softlimit",
        "tcpclient",
    )
)
FUNCTION = "pyhandler"
# Orders for the dynamic linker and the C library of a link's interpreter, which only an exec obeys.
_LOADER = (b"LD_", b"GLIBC_TUNABLES=", b"MALLOC_", b"NSS")
_HOME = os.fsencode(__file__).rpartition(b"/programs/")[0]
_INFORMATIVE = (b"--help", b"--version")


class ChainReader:
    """Reads one command line, as often as wanted, also in a thread.

    Attributes:
        is_unsettled: whether the chain was cut short, when it was last read, by what may pass: a file
            was too new to be sure of it, there was none, or what used to be a link was something else.
        names_function: whether the command line seems to run a Python function.
    """

    __slots__ = (
        "_argv",
        "_launchers",
        "_longest",
        "_may_load",
        "_package",
        "_path",
        "_planners",
        "is_unsettled",
        "names_function",
    )

    def __init__(self, launchers: Launchers, argv: list[bytes], path: bytes | None) -> None:
        """Read the chain once to import what it needs; nothing is imported later.

        Args:
            launchers: recognises our commands.
            argv: the command line.
            path: the PATH of its environment, None when it is unset.
        """
        self._launchers, self._argv, self._path = launchers, argv, path
        self._planners: dict[str, Planner] = {}
        self._package: dict[bytes, Seen] = {}  # files of ours as they were when their code was loaded
        self.is_unsettled = self.names_function = False
        self._longest = 0
        self._may_load = True
        self._load_what_is_named()
        self.read()
        self._may_load = False

    def _load_what_is_named(self) -> None:
        """Load the links behind one that cannot be a step yet, and what their plans take."""
        for place, word in enumerate(self._argv):
            name = os.fsdecode(word.rpartition(b"/")[2])
            if name == FUNCTION:
                self.names_function = True
                self._look_at_package(FUNCTION)
            if name in LINKS:
                self._look_at_package(COMMANDS[name])
                planner = self._planner(COMMANDS[name])
                try:
                    if planner is not None:
                        planner(self._argv[place:])
                except TooNewError:
                    pass  # nobody uses this plan

    def read(self) -> Chain | None:
        """Return the chain, or None when the program is to be executed."""
        self.is_unsettled = False
        steps: list[Step] = []
        seen: list[Seen] = []
        argv, files = self._argv, search.files(self._argv[0], self._path)
        has_other_ids = is_whole = False
        while (plan := self._certain_plan(argv, files, seen, has_other_ids=has_other_ids)) is not None:
            has_other_ids = has_other_ids or plan.ids is not None
            own = seen[-1].path
            argv, files = plan.argv, search.files(plan.program, self._path)
            if plan.refuses is not None and not self._agrees(plan, files, seen):
                break
            steps.append(Step(plan, own, files))
            if plan.is_last:
                break
        else:
            is_whole = True
        ending = None
        if is_whole and (taken := take_once(self._argv, steps)) is not None:
            ending = self._ending(argv, files, seen, has_other_ids=has_other_ids)
            if ending is not None and ending.keep > 1 and has_links_for_each(steps):
                ending = None
        if ending is not None:
            ending.argv, ending.changes = taken or ([], [])
        self._note_length(len(steps) + (ending is not None))
        return Chain(steps, seen, ending) if steps or ending else None

    def _note_length(self, length: int) -> None:
        """Nothing that is looked at for each client tells of a link that comes back behind the last step."""
        self.is_unsettled = self.is_unsettled or length < self._longest
        self._longest = max(self._longest, length)

    def _ending(
        self, argv: list[bytes], files: list[bytes], seen: list[Seen], *, has_other_ids: bool
    ) -> Ending | None:
        """Return what a command line is if it certainly runs a Python function."""
        noted = look_for(files, look)
        if not noted or (has_other_ids and any(look_at.error == errno.EACCES for look_at in noted)):
            return None
        try:
            command = self._launchers.command_in(noted[-1])
        except TooNewError:
            self.is_unsettled = True
            return None
        if command != (FUNCTION.encode(), b"programs." + COMMANDS[FUNCTION].encode()):
            return None
        package = self._look_at_package(FUNCTION)
        if not package or (len(argv) == 2 and argv[1] in _INFORMATIVE):
            return None
        return Ending([*seen, *package, *noted], [], _keep(argv))

    def _certain_plan(
        self, argv: list[bytes], files: list[bytes], seen: list[Seen], *, has_other_ids: bool
    ) -> Plan | None:
        if has_other_ids and any(look_at.error == errno.EACCES for look_at in look_for(files, look)):
            return None  # on a file server the new user may have rights that root has not
        try:
            return self._plan(argv, files, seen)
        except TooNewError:
            self.is_unsettled = True
            return None

    def _plan(self, argv: list[bytes], files: list[bytes], seen: list[Seen]) -> Plan | None:
        """Return what a command would do, if it is a link of ours; note what was looked at then."""
        noted = look_for(files, look)
        if not noted and any(os.fsdecode(file.rpartition(b"/")[2]) in LINKS for file in files):
            self.is_unsettled = True  # it may be missing only while it is replaced
        command = self._launchers.command_in(noted[-1]) if noted else None
        if command is None:
            return None
        name, module = (text.decode("latin-1") for text in command)
        if module != f"programs.{COMMANDS.get(name)}" or name not in LINKS:
            return None
        package = self._look_at_package(COMMANDS[name])
        planner = self._planner(COMMANDS[name])
        if not package or planner is None or (len(argv) == 2 and argv[1] in _INFORMATIVE):
            return None
        plan = planner(argv)
        if plan is not None:
            seen += [*package, *plan.seen, *noted]  # the link's own file last
        return plan

    def _planner(self, module: str) -> "Planner | None":
        if self._may_load and module not in self._planners:
            self._planners[module] = __import__(f"ucspi.programs.{module}", fromlist=["plan"]).plan
        return self._planners.get(module)

    def _look_at_package(self, module: str) -> list[Seen]:
        """Return our files as an executed link would load them; none if they are others than ours by now."""
        names = (b"_begin.py", b"_packed.bin", b"programs/%s.py" % module.encode())
        found = [look(b"%s/%s" % (_HOME, name)) for name in names]
        seen = [file for file in found if file is not None]
        if self._may_load:
            self._package.update((file.path, file) for file in seen)
        is_ours = len(seen) == len(names) and all(
            file.path in self._package and file.is_like(self._package[file.path]) for file in seen
        )
        return seen if is_ours else []

    def _agrees(self, plan: Plan, files: list[bytes], seen: list[Seen]) -> bool:
        """Return whether a plan holds for the program that it would execute; note what was looked at then."""
        noted = look_for(files, look)
        # To open anything else may take for ever, as it may later for one client.
        if not noted or not noted[-1].is_regular() or not os.access(noted[-1].path, os.X_OK):
            return False
        if plan.refuses is None or plan.refuses(files):
            return False
        seen += noted
        return True


def reader(command: str, argv: list[bytes], entries: list[bytes], path: bytes | None) -> ChainReader | None:
    """Return what reads a command line as a chain for a server; None where all is to be executed.

    Args:
        command: the name of the server's own command.
        argv: the command line.
        entries: its environment.
        path: the PATH in it.
    """
    if _is_confined() or any(entry.startswith(_LOADER) for entry in entries):
        return None
    launchers = own(command.encode(), b"programs." + COMMANDS[command].encode())
    return None if launchers is None else ChainReader(launchers, argv, path)


def _keep(argv: list[bytes]) -> int:
    """Return how many connections one process of a Python function may serve.

    A command line with a mistake is executed once, at the start, and says itself what is wrong.
    """
    try:
        options, _ = _options.parse(argv, b"", b"", {b"path": True, b"keep": True})
        values = [value for word, value in options if word == b"keep"]
        return max(1, _options.number(FUNCTION.encode(), b"keep", values[-1])) if values else 1
    except Stop:
        return 1


def _is_confined() -> bool:
    """Return whether a security module may give a process other rights by an exec of ours."""
    try:
        with open("/proc/self/attr/current", "rb") as file:
            return file.read().rstrip(b"\0\n") not in (b"", b"unconfined")
    except OSError:
        return False  # there is no such module
