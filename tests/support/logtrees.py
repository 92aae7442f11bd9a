"""Log directories as tests compare them, and scripts and streams to fill them."""

import random
import re
from pathlib import Path

from ucspi.logs.script import Script

LABEL = re.compile(rb"@[0-9a-f]{24}")

# What stays of one at the end of a file, and what follows at the beginning of the next.
_TORN = re.compile(rb"@[0-9a-f]{0,23}\Z|\A[0-9a-f]{0,24} ")

# Name, mode, size and content of each file, or of the directory itself.
Tree = list[tuple[str, int, int, bytes]]


def timeless(content: bytes) -> tuple[int, bytes]:
    """Return the size of a file, and its content without what depends on the time."""
    return len(content), _TORN.sub(b"@", LABEL.sub(b"@", content))


def tree(top: Path) -> Tree:
    """Return all that is below a directory, in order, each label replaced by ``@``."""
    found = []
    for path in sorted(top.rglob("*")):
        name = LABEL.sub(b"@", str(path.relative_to(top)).encode()).decode()
        content = path.read_bytes() if path.is_file() else b""
        found.append((name, path.lstat().st_mode, *timeless(content)))
    return found


def logged(log: Path) -> bytes:
    """Return all that a log's finished files and ``current`` hold, in order."""
    finished = sorted(path for path in log.iterdir() if path.name.startswith("@"))
    return b"".join(path.read_bytes() for path in [*finished, log / "current"] if path.exists())


def mistakes(actions: list[bytes]) -> bytes:
    """Return what our multilog says at the start, and the original does not, of a script."""
    said = b"".join(b"multilog: warning: %s\n" % mistake for mistake in Script(actions).mistakes)
    return LABEL.sub(b"@", said)


def pattern(chance: random.Random) -> bytes:
    """Return a pattern that matches now and then what `line` makes, whatever the time is."""
    return bytes(chance.choices(b"yz*@ ", weights=[4, 4, 5, 1, 1], k=chance.randint(0, 5)))


def line(chance: random.Random) -> bytes:
    """Return a line, often short, sometimes about as long as what is held of one, sometimes longer."""
    short = bytes(chance.choices(b"yz*\0 ", k=chance.randint(0, 6)))
    length = chance.choice([0, 0, 0, 60, 190, 500, 974, 1000, 3000, 9000]) + chance.randint(-8, 8)
    return short + b"x" * length + chance.choice([b"", b"y", b"z"])


def stream(chance: random.Random, count: int) -> bytes:
    """Return so many lines, the last one perhaps without its end."""
    return b"\n".join(line(chance) for _ in range(count)) + chance.choice([b"", b"\n"])


def script(chance: random.Random) -> list[bytes]:
    """Return a script that has at least one log, and no processor."""
    actions = [_action(chance) for _ in range(chance.randint(0, 7))] + [
        b"s%d" % chance.choice([0, 4096, 9000])
    ]
    chance.shuffle(actions)
    actions.insert(chance.randint(0, len(actions)), b"./always")
    names = iter([b"./one", b"./two", b"./three", b"./four", b"./five", b"./six", b"./seven"])
    actions = [next(names) if action == b"." else action for action in actions]
    return [b"t"] * chance.randint(0, 1) + actions


def _action(chance: random.Random) -> bytes:
    return chance.choice(
        [b"-" + pattern(chance), b"+" + pattern(chance), b"-" + pattern(chance), b"+*", b"-*"]
        + [b".", b".", b"e", b"=last", b"n%d" % chance.randint(0, 5), b"", b"x", b"Tx", b"t"]
    )
