"""Starts an installed command: `_begin` calls it before the program.

The interpreter is isolated: it ignores environment variables, the directories of
the user, and ``site``.  So only the standard library is found.  This module makes
our package findable, and by name the modules of others that it needs.

The launcher puts four arguments in front of those that were typed: the module to
run, the state in which it was started, the name that the kernel shows, and the
executed file.
"""

import gc
import posix
import sys
from _signal import SIG_DFL, SIG_UNBLOCK, SIGINT, default_int_handler, getsignal, pthread_sigmask, signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from typing import NoReturn

    from ucspi._packed import Packed

HIDDEN = 9  # arguments in front of those typed: the interpreter, three options, `_begin.py`, and the four
HOME = __file__.rpartition("/ucspi/")[0]
OTHERS = ("_cffi_backend", "dns")


class Finder:
    """Finds our package and the modules of others that it needs; Python finds all else."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> "ModuleSpec | None":
        """Return where a module is, or None if it is not one of these."""
        if name == "ucspi":
            return sys.meta_path[-1].find_spec(name, [HOME])
        if name in OTHERS:
            return sys.meta_path[-1].find_spec(name, [HOME, *places()])
        return None


def places() -> list[str]:
    """Return the directories of pip's packages: of the venv, and of the system if the venv allows it."""
    prefix = sys.executable.rpartition("/bin/")[0]
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}{sys.abiflags}"
    own = [f"{prefix}/{library}/{version}/site-packages" for library in ("lib", "lib64")]
    try:
        with open(prefix + "/pyvenv.cfg", encoding="utf-8", errors="replace") as file:
            settings = [line.replace(" ", "").strip().lower() for line in file]
    except OSError:
        settings = ["include-system-site-packages=true"]
    if "include-system-site-packages=true" not in settings:
        return own
    import site  # Debian's version knows Debian's directories

    return own + site.getsitepackages([sys.base_prefix, sys.base_exec_prefix])


def _show_what_was_typed(name: bytes) -> None:
    """Make the kernel show the command's name and arguments instead of the interpreter's."""
    try:
        from ucspi._title import hide
    except ImportError:
        hide = None
    if hide is None or not hide(HIDDEN, name):
        from ucspi.unix import processtitle

        processtitle.hide(HIDDEN, name)


def _let_interrupts_through(launch_state: str) -> None:
    """Give SIGINT its default action instead of Python's, then unblock it, unless the parent blocked it."""
    if getsignal(SIGINT) is default_int_handler:
        signal(SIGINT, SIG_DFL)
    if "i" not in launch_state:
        pthread_sigmask(SIG_UNBLOCK, (SIGINT,))


def _put_directories_back(launch_state: str) -> None:
    """Put back a standard descriptor that is a directory; with it Python would not have started."""
    for pair in launch_state.split(",")[1:]:
        if pair[0] == "d":
            place, aside = map(int, pair[1:].split(":"))
            posix.dup2(aside, place)
            posix.close(aside)


def _bytes(text: str) -> bytes:
    return text.encode(sys.getfilesystemencoding(), "surrogateescape")


def main(packed: "Packed | None") -> "NoReturn":
    """Run the command; its modules are in ``packed``, or are looked for if that is None."""
    _, module, launch_state, name, executed = sys.argv[:5]
    del sys.argv[:5]
    _let_interrupts_through(launch_state)
    _put_directories_back(launch_state)
    sys.meta_path.insert(0, Finder)
    if packed is not None:
        sys.meta_path.insert(0, packed)
        packed.run("ucspi.unix.inheritedstate")
    _show_what_was_typed(_bytes(name))
    from ucspi.unix import inheritedstate

    inheritedstate.note(launch_state, _bytes(executed))
    module = f"ucspi.{module}"
    try:
        if packed is not None:
            gc.disable()  # while modules are loaded nothing is garbage
            packed.run(module)
            packed.close()
            gc.freeze()
            gc.enable()
        program = __import__(module, fromlist=["main"])
    except ImportError as error:
        from ucspi._script import refuse

        refuse(name, error)
    _leave(program.main())


def _leave(code: int) -> "NoReturn":
    """Exit without taking the interpreter apart, which is a tenth of the time of a small command."""
    if "atexit" in sys.modules or "threading" in sys.modules:
        raise SystemExit(code)  # these have work to do at the exit
    for file in (sys.stdout, sys.stderr):
        if file is not None:
            file.flush()
    posix._exit(code)
