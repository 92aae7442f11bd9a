"""What every installed command does before its own work; `_begin` has it do so.

The interpreter is isolated: no variable, no directory of the user's and no
``site`` has a say.  Nothing but the standard library is found, until this has
made our package findable, and by name the modules of others that it needs.

Four arguments of the launcher's stand in front of what was typed: what to run,
what it found out, the name that the kernel showed, the file that was executed.
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

HIDDEN = 9  # arguments that nobody typed: the interpreter, its three options, `_begin.py`, and the four
HOME = __file__.rpartition("/ucspi/")[0]
OTHERS = ("_cffi_backend", "dns")


class Finder:
    """Finds our package, and what it needs of others, wherever Python looks for the rest."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> "ModuleSpec | None":
        """Return where a module is, or None when it is none of these."""
        if name == "ucspi":
            return sys.meta_path[-1].find_spec(name, [HOME])
        if name in OTHERS:
            return sys.meta_path[-1].find_spec(name, [HOME, *_places()])
        return None


def _places() -> list[str]:
    """Return where pip puts packages for this interpreter: in its venv, and where that admits it, outside."""
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
    import site  # as Debian changed it, it knows Debian's directories

    return own + site.getsitepackages([sys.base_prefix, sys.base_exec_prefix])


def _show_what_was_typed(name: bytes) -> None:
    """Have the kernel show the command's name and arguments, not the interpreter's."""
    try:
        from ucspi._title import hide
    except ImportError:
        hide = None
    if hide is None or not hide(HIDDEN, name):
        from ucspi.unix import processtitle

        processtitle.hide(HIDDEN, name)


def _let_interrupts_through(facts: str) -> None:
    """Give SIGINT its default action instead of Python's, and let one that came meanwhile act."""
    if getsignal(SIGINT) is default_int_handler:
        signal(SIGINT, SIG_DFL)
    if "i" not in facts:
        pthread_sigmask(SIG_UNBLOCK, (SIGINT,))


def _put_directories_back(facts: str) -> None:
    """Have a directory for a standard descriptor, with which Python would not have started."""
    for pair in facts.split(",")[1:]:
        if pair[0] == "d":
            place, aside = map(int, pair[1:].split(":"))
            posix.dup2(aside, place)
            posix.close(aside)


def _bytes(text: str) -> bytes:
    return text.encode(sys.getfilesystemencoding(), "surrogateescape")


def main(packed: "Packed | None") -> "NoReturn":
    """Run the command; ``packed`` has its modules, unless they are to be looked for."""
    _, module, facts, name, executed = sys.argv[:5]
    del sys.argv[:5]
    _let_interrupts_through(facts)
    _put_directories_back(facts)
    sys.meta_path.insert(0, Finder)
    if packed is not None:
        sys.meta_path.insert(0, packed)
        packed.run("ucspi.unix.inheritedstate")
    _show_what_was_typed(_bytes(name))
    from ucspi.unix import inheritedstate

    inheritedstate.note(facts, _bytes(executed))
    module = f"ucspi.{module}"
    try:
        if packed is not None:
            gc.disable()  # nothing of what is loaded is garbage
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
    """End at once: to take the interpreter apart is a tenth of what a small command takes."""
    if "atexit" in sys.modules or "threading" in sys.modules:
        raise SystemExit(code)  # they have something to do yet
    for file in (sys.stdout, sys.stderr):
        if file is not None:
            file.flush()
    posix._exit(code)
