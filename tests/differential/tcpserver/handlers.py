"""Handlers that end in every way, and handlers that cannot be run."""

import os
import signal
from pathlib import Path

from tests.differential.tcpserver.case import PLAIN, Case
from tests.differential.tcpserver.server import Launch


def _handlers() -> list[Case]:
    """Handlers that end in every way, and handlers that cannot be run."""

    def files(directory: Path) -> None:
        (directory / "plain").write_bytes(b"#!/bin/sh\necho never\n")
        (directory / "raw").write_bytes(b"echo never\n")
        (directory / "raw").chmod(0o755)
        (directory / "orphan").write_bytes(b"#!/no/such/interpreter\n")
        (directory / "orphan").chmod(0o755)
        (directory / "loop").symlink_to("loop")
        (directory / "folder").mkdir()
        (directory / "folder" / "probe").mkdir()
        (directory / "locked").mkdir()
        (directory / "locked" / "probe").write_bytes(b"not executable")
        (directory / "good").mkdir()
        os.link(directory / "probe", directory / "good" / "probe")
        os.link(directory / "probe", directory / "good" / "hidden")

    cases = [
        Case(f"exit {code}", Launch(PLAIN, handler=(b"./probe", b"exit", b"%d" % code)))
        for code in (0, 3, 100, 111, 255)
    ]
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGPIPE, signal.SIGABRT):
        handler = (b"./probe", b"kill", b"%d" % number)
        cases.append(Case(f"killed by {number.name}", Launch(PLAIN, handler=handler)))
    cases.append(Case("speaks on stderr", Launch(PLAIN, handler=(b"./probe", b"say", b"two\nlines\n"))))
    names: tuple[bytes, ...] = (
        b"./nothing",
        b"nothing",
        b"./plain",
        b"./raw",
        b"./orphan",
        b"./folder",
        b"./loop",
        b"./probe/x",
    )
    names += (b"", b"./" + b"n" * 300, b"/", b".")
    for name in names:
        launch = Launch(PLAIN, handler=(name,))
        cases.append(
            Case(f"handler {name[:12].decode()!r}", launch, clients=("127.0.0.1",) * 2, prepare=files)
        )
    for option in (b"-q", b"-Q"):
        launch = Launch((*PLAIN, option), handler=(b"./nothing",))
        cases.append(Case(f"handler missing with {option.decode()}", launch))
    paths: list[tuple[bytes | None, bytes]] = [
        (b"good", b"probe"),
        (b"/nowhere:good", b"probe"),
        (b":good", b"probe"),
        (b"", b"probe"),
        (b":", b"probe"),
        (b"good::", b"plain"),
        (b"folder:good", b"probe"),
        (b"locked:good", b"probe"),
        (b"locked:folder", b"probe"),
        (b"folder:locked", b"probe"),
        (b"locked:nowhere", b"probe"),
        (b"good/", b"hidden"),
        (b"/nowhere", b"probe"),
        (b"good/../good", b"hidden"),
        (None, b"probe"),
        (None, b"true"),
    ]
    for path, name in paths:
        environment = () if path is None else ((b"PATH", path),)
        launch = Launch(PLAIN, handler=(name,), environment=environment)
        cases.append(Case(f"PATH {path!r} handler {name.decode()}", launch, prepare=files))
    searched = Launch(PLAIN, handler=(b"hidden",), environment=((b"PATH", b"plain:good"),))
    return [*cases, Case("PATH through a file", searched, prepare=files)]


CASES = _handlers()
