"""A handler that reports what it was given: how it is compiled, and its report as a value to compare."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("probe.c")
OPEN, CLOSE = b"probe\n", b"done\n"


def compile_probe(directory: Path) -> Path | None:
    """Compile the probe into a directory; None on a machine without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    target = directory / "probe"
    flags = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror"]
    # Static: the dynamic loader reads LD_* and PATH-like variables, and costs a
    # millisecond per connection.  Not every machine has a static libc.
    for linking in (["-static"], []):
        done = subprocess.run([compiler, *flags, *linking, "-o", target, SOURCE], capture_output=True)
        if done.returncode == 0:
            return target
    raise RuntimeError(done.stderr.decode())


@dataclass(frozen=True)
class Report:
    """One handler's view; numbers that differ in every run stand as words."""

    argv: tuple[bytes, ...]
    environment: tuple[bytes, ...]
    descriptors: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    pid: str

    def variable(self, name: bytes) -> bytes | None:
        """Return the value of a variable, None where it is not set."""
        for item in self.environment:
            if item.startswith(name + b"="):
                return item[len(name) + 1 :]
        return None


def split(stream: bytes) -> tuple[bytes, bytes | None]:
    """Split what a client read into the bytes before the report, and the report."""
    before, mark, rest = stream.partition(OPEN)
    if not mark:
        return stream, None
    assert rest.endswith(CLOSE), f"a report was cut short: {rest[-80:]!r}"
    return before, rest


def parse(text: bytes, words: dict[bytes, bytes], pids: dict[int, str]) -> Report:
    """Read a report.

    Args:
        text: the report, from the line after ``probe`` on.
        words: variables whose value differs in every run, with what to show instead.
        pids: processes known from elsewhere, to say in words how the handler is related to them.
    """
    argv, environment, descriptors, facts = [], [], [], []
    pid = "?"
    for line in text.splitlines():
        name, _, value = line.decode().partition(" ")
        if name == "argv":
            argv.append(bytes.fromhex(value))
        elif name == "env":
            environment.append(_reworded(bytes.fromhex(value), words))
        elif name == "fd":
            descriptors.append(value)
        elif name == "pid":
            pid = pids.get(int(value), "?")
        elif name in ("ppid", "pgrp", "sid"):
            facts.append((name, pids.get(int(value), "another")))
        elif name != "done":
            facts.append((name, bytes.fromhex(value).decode() if name == "cwd" else value))
    return Report(tuple(argv), tuple(environment), tuple(descriptors), tuple(facts), pid)


def _reworded(item: bytes, words: dict[bytes, bytes]) -> bytes:
    name, equals, value = item.partition(b"=")
    return name + equals + words.get(item, value)
