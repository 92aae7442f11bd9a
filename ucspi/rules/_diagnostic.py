"""An error or warning about a line of rules text."""

from ucspi.rules._checkinput import require_bytes
from ucspi.value import Value

ERROR, WARNING = "error", "warning"


class Diagnostic(Value):
    """A place in rules text, what is wrong there, and what to do about it."""

    __slots__ = ("column", "line", "reason", "severity", "suggestion")
    __match_args__ = ("line", "column", "reason", "suggestion", "severity")

    def __init__(
        self, line: int, column: int, reason: str, suggestion: str = "", severity: str = WARNING
    ) -> None:
        """Take line and column (in bytes), both from 1, and the words; ``suggestion`` may be empty.

        ``severity`` is ``"error"`` or ``"warning"``.
        """
        self.line, self.column, self.reason = line, column, reason
        self.suggestion, self.severity = suggestion, severity

    def text(self, name: bytes) -> bytes:
        """Return the line to print about a file of this name, without a newline.

        An error is ``NAME:LINE:COLUMN: reason``; a warning says that it is one.
        """
        require_bytes("name", name)
        words = self.reason + (f"; {self.suggestion}" if self.suggestion else "")
        kind = "warning: " if self.severity == WARNING else ""
        return b"%s:%d:%d: %s" % (name, self.line, self.column, (kind + words).encode())
