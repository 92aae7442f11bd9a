"""Starting a program in each way that `ucspi.unix.start` has."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from ucspi.service import birthrecord
from ucspi.unix import native
from ucspi.unix.start import ChildSetup, PidLine, start_by_clone, start_by_fork

Start = Callable[..., int]


def starter(way: str) -> Start:
    """Return a function that starts a script, ``native`` or by ``fork``; skip the test if it cannot."""
    by = start_by_fork if way == "fork" else start_by_clone
    if way == "native" and native.lib is None:
        pytest.skip("the compiled module is not built")

    def begin(script: str, *, environ: tuple[bytes, ...] = (b"A=1",), name: bytes = b"", **there: Any) -> int:
        """Start a script; let it write its birth into a file called ``name``."""
        argv, program = [b"name", b"-c", script.encode()], b"/bin/sh"
        if script.startswith("/"):  # without a shell, which changes its signal mask
            argv = script.encode().split()
            program = argv[0]
        file = -1
        if name:
            file = os.open(name, os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=there["directory"])
            there["pid_line"] = PidLine(file, birthrecord.head(b"m"))
        try:
            return by([b"/nonexistent/sh", program], argv, list(environ), ChildSetup(**there))
        finally:
            if name:
                os.close(file)

    return begin
