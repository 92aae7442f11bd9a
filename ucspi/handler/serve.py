"""Serving one connection: call the function, send what is left, close, and tell how it ended."""

import io
import sys

from ucspi.exits import EXIT_TEMPORARY
from ucspi.unix.errtext import explain
from ucspi.unix.output import emit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ucspi.handler.client import Client

LARGEST_CODE = 255


def serve(function: "Callable[..., object]", client: "Client", arguments: "Sequence[str]") -> int:
    """Call a function with a client and arguments; then close the connection.

    What goes wrong is written to descriptor 2: one line if the connection is the
    reason, otherwise one traceback.

    Returns:
        The exit code: the function's, or 0 if it returns None; 111 if it fails or
        what it has written cannot be sent.
    """
    is_told = False
    try:
        result = function(client, *arguments)
        code = 0 if result is None else _exit_code(result)
    except SystemExit as order:
        code = _exit_code(order.code, order=True)
    except BaseException as error:
        code, is_told = EXIT_TEMPORARY, True
        if error is client.failure:
            _say("connection lost", client.failure)
        else:
            _tell(error.with_traceback(error.__traceback__ and error.__traceback__.tb_next))
    for step, what in ((_flush_output, "unable to write output"), (client.close, "connection lost")):
        try:
            step()
        except OSError as error:
            if not is_told:
                _say(what, error)
            code, is_told = EXIT_TEMPORARY, True
        except Exception as error:  # the function has put something of its own in the place of sys.stdout
            if not is_told:
                _tell(error)
            code, is_told = EXIT_TEMPORARY, True
    return code


def _exit_code(result: object, *, order: bool = False) -> int:
    """Return the code for what the function has returned, or for a SystemExit, which may have a text."""
    if result is None:
        return 0
    if isinstance(result, int) and 0 <= result <= LARGEST_CODE:
        return int(result)
    if order and isinstance(result, str):
        _say(result)
    else:
        what = str(result) if isinstance(result, int) else type(result).__name__
        _say(f"the function returned {what}, not an exit code of 0 to {LARGEST_CODE}")
    return EXIT_TEMPORARY


def _flush_output() -> None:
    """Send what `print` has left.  If that fails its buffer is dropped, or the end would try again."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except ValueError:
        pass  # closed
    except Exception:
        sys.stdout = None
        raise


def _say(what: str, error: "OSError | None" = None) -> None:
    line = f"pyhandler: fatal: {' '.join(what.split())}".encode("utf-8", "backslashreplace")
    emit(line + (b"" if error is None else b": " + explain(error)) + b"\n")


def _tell(error: BaseException) -> None:
    """Write a traceback, in one piece so that those of several processes do not mix."""
    text, usual = io.StringIO(), sys.stderr
    sys.stderr = text
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except BaseException:
        text.write(f"{type(error).__name__}\n")  # the hook, or the error's own text, fails
    finally:
        sys.stderr = usual
    emit(text.getvalue().encode("utf-8", "backslashreplace"))
