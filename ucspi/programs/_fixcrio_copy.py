"""Copies and converts for `fixcrio`, where there is no mover; ``cdbext/lines/crlf.c`` converts the same."""

from ucspi.lines.crlf import CrFixer
from ucspi.programs._stdio_copier import Conversion, copy
from ucspi.unix.streams import BLOCK


def fix(program: int, to_program: int, from_program: int) -> None:
    """Copy both ways, as `copy` does, and put the missing carriage returns in."""
    there, back = (Conversion(BLOCK, CrFixer().feed, lambda: None) for _ in range(2))
    copy(there, back, to_program, from_program)
