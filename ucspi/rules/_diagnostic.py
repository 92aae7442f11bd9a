"""What can be said about a line of rules text, as a value."""

from ucspi.rules._bytes import require_bytes

ERROR, WARNING = "error", "warning"


class Diagnostic:
    """A place in rules text, what is wrong there, and what to do."""

    __slots__ = ("column", "line", "reason", "severity", "suggestion")

    def __init__(
        self, line: int, column: int, reason: str, suggestion: str = "", severity: str = WARNING
    ) -> None:
        """Take the place (line and column, in bytes, from 1) and the words; no suggestion is ``""``."""
        self.line, self.column, self.reason = line, column, reason
        self.suggestion, self.severity = suggestion, severity

    def _parts(self) -> tuple[int, int, str, str, str]:
        return self.line, self.column, self.reason, self.suggestion, self.severity

    def __repr__(self) -> str:
        """Show all parts."""
        return f"Diagnostic{self._parts()!r}"

    def __eq__(self, other: object) -> bool:
        """Compare all parts."""
        return self._parts() == other._parts() if isinstance(other, Diagnostic) else NotImplemented

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash(self._parts())

    def text(self, name: bytes) -> bytes:
        """Return the line to print about a file of this name, without a newline.

        An error is ``NAME:LINE:COLUMN: reason``; a warning says that it is one.
        """
        require_bytes("name", name)
        said = self.reason + (f"; {self.suggestion}" if self.suggestion else "")
        kind = "warning: " if self.severity == WARNING else ""
        return b"%s:%d:%d: %s" % (name, self.line, self.column, (kind + said).encode())
