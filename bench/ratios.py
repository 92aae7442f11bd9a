"""Interleaves us and a peer in one run, and prints ratios with their spread.

A machine drifts: it warms up, other work comes and goes.  So a number of ours is
only ever compared with a number of the peer's that was measured next to it: the
rounds go ours, peer, peer, ours, ..., each round gives one ratio, and what is
printed is the median of the ratios with the smallest and the largest.
"""

import argparse
import os
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if (ROOT / "ucspi").is_dir():
    sys.path.append(str(ROOT))  # after site-packages: an installed ucspi wins

Measure = Callable[[], float]
Ratio = Callable[[float, float], float]


def milliseconds(command: list[str], shell: str, surroundings: dict[str, str]) -> Measure:
    """Measure a shell line, in which ``"$@"`` is a command, from its start to its end."""
    words = ["/bin/sh", "-c", shell, "sh", *command]

    def once() -> float:
        start = time.perf_counter()
        status = os.waitpid(os.posix_spawn(words[0], words, surroundings), 0)[1]
        end = time.perf_counter()
        if status:
            raise SystemExit(f"{command[0]}: unexpected status {status}")
        return (end - start) * 1000

    return once


def options(description: str, *, megabytes: int = 0, bars: str = "") -> argparse.Namespace:
    """Parse what every script takes, ``--quick`` and ``--rounds N``, and how much, if that has a default.

    ``bars`` is what ``--bars`` is for, if there is such an option.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run at all?")
    parser.add_argument("--rounds", type=int, help="pairs of measurements (default 7, quick 2)")
    if bars:
        parser.add_argument("--bars", action="store_true", help=bars)
    if megabytes:
        parser.add_argument(
            "--megabytes", type=int, help=f"size of the stream (default {megabytes}, quick 16)"
        )
    parsed = parser.parse_args()
    if megabytes:
        parsed.megabytes = parsed.megabytes or (16 if parsed.quick else megabytes)
    parsed.rounds = parsed.rounds or (2 if parsed.quick else 7)
    return parsed


def header(peers: Sequence[str]) -> None:
    """Print what is needed to judge and to repeat the numbers."""
    import ucspi
    from ucspi.cdb import backend

    place = "checkout" if str(ROOT) in ucspi.__file__ else "installed"
    command = shlex.join([Path(sys.executable).name, f"bench/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    print(f"$ {command}")
    print(f"ucspi {ucspi.__version__} ({place}, {backend()} core) against {', '.join(peers)}")
    implementation = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"{implementation}, {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs\n")


def faster_by_cost(ours: float, peer: float) -> float:
    """How many times as fast we are, from two costs."""
    return peer / ours


def faster_by_rate(ours: float, peer: float) -> float:
    """How many times as fast we are, from two rates."""
    return ours / peer


def longer(ours: float, peer: float) -> float:
    """How many times as long we take, from two costs."""
    return ours / peer


def columns(unit: str, ratio: Ratio) -> None:
    """Print the head of the table."""
    said = "times as long" if ratio is longer else "times as fast"
    print(f"| subject | ours, {unit} | peer, {unit} | {said}: median (spread) | rounds |")
    print("| --- | ---: | ---: | ---: | ---: |", flush=True)


def compare(subject: str, ours: Measure, peer: Measure, rounds: int, ratio: Ratio) -> None:
    """Measure both in turn, once more beforehand to warm up, and print a row."""
    ours(), peer()
    tell(subject, [_pair(ours, peer, swapped=bool(n % 2)) for n in range(rounds)], ratio)


def tell(subject: str, pairs: Sequence[tuple[float, float]], ratio: Ratio) -> float:
    """Print a row for pairs of measurements, ours and the peer's; return the median ratio."""
    ratios = [ratio(*pair) for pair in pairs]
    mine, theirs = (number(statistics.median(column)) for column in zip(*pairs, strict=True))
    median, spread = statistics.median(ratios), f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"| {subject} | {mine} | {theirs} | {median:.2f} ({spread}) | {len(pairs)} |", flush=True)
    return median


def number(value: float) -> str:
    """Return a number with about three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _pair(ours: Measure, peer: Measure, *, swapped: bool) -> tuple[float, float]:
    if swapped:
        second, first = peer(), ours()
        return first, second
    return ours(), peer()


def program(name: str) -> list[str]:
    """Return the command line that starts one of our programs with this interpreter."""
    script = Path(sys.executable).with_name(name)
    if script.exists():
        return [str(script)]
    module = name.replace("-", "_")
    code = (
        f"import sys; sys.path[0] = {str(ROOT)!r}; from ucspi.programs.{module} import main; sys.exit(main())"
    )
    return [sys.executable, "-c", code]


def elapsed(command: Sequence[str], codes: Sequence[int] = (0,), stdin: Path | None = None) -> float:
    """Run a whole process and return its milliseconds; its exit code must be one of ``codes``."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, stdin or os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    start = time.perf_counter()
    pid = os.posix_spawn(command[0], list(command), os.environ, file_actions=actions)
    status = os.waitpid(pid, 0)[1]
    end = time.perf_counter()
    if os.waitstatus_to_exitcode(status) not in codes:
        raise SystemExit(f"{shlex.join(command)}: unexpected status {status}")
    return (end - start) * 1000
