"""The interface of what decides about clients by rules.  Only type checkers read this module."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from ucspi.rules import Verdict

    class Judge(Protocol):
        """Decides about clients; `ucspi.rules.LiveRules` is one."""

        path: bytes

        def judge(self, ip: bytes, host: bytes | None, info: bytes | None) -> Verdict:
            """Return the verdict; raise OSError or CdbFormatError when the rules cannot be used."""
            ...

        def judge_certificate(self, fingerprint: bytes | None, names: Sequence[bytes] = ()) -> Verdict:
            """Return the verdict about what a TLS handshake has proved; raise as `judge` does."""
            ...

        def denies_again(self, ip: bytes) -> bool:
            """Return whether an address is remembered as denied, with nothing else to do; read nothing."""
            ...

        def begin(self, wake: Callable[[], object], descriptor: int) -> None:
            """Start to read the rules; call ``wake``, from a thread, when more of them is known.

            The ``descriptor`` is the only one above 2 that ``wake`` needs.
            """
            ...

        def is_ready(self) -> bool:
            """Return whether `judge` has an answer, even if that is an error."""
            ...

        def deadline(self) -> float | None:
            """Return when `attend` has something to do, in monotonic seconds; None for never."""
            ...

        def attend(self) -> None:
            """Do what is due by now."""
            ...

        def line_of(self, rule: bytes | None) -> int | None:
            """Return the line number of the rule that has just decided, None when it is not known."""
            ...
