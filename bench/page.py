"""Runs every benchmark and prints docs/benchmarks.md.

python bench/page.py [--rounds N] > docs/benchmarks.md
"""

import subprocess
import sys
from pathlib import Path

SUBJECTS = (
    *("lookup", "build", "pure", "growth", "tcprules", "rules", "networks"),
    *("connections", "proxy", "limits", "relay", "chains", "pyhandler", "peers", "names", "held", "memory"),
    *("filters", "logs", "multilog", "supervise", "svscan", "startup"),
)

TITLES = {"proxy": "Behind a balancer"}  # of the others, their own names

INTRODUCTION = """\
# Benchmarks

`python bench/page.py` makes this page.  Run it with the interpreter of an
environment where the wheel is installed beside `cdbx` and `pure-cdb`, on a
machine that has Debian's `ucspi-tcp`.  Each section shows the command that
makes it alone.

The times are those of one machine, so read the ratios.  Each ratio compares two
measurements made one right after the other.  The tables have the median ratio of
all rounds and, in brackets, the smallest and the largest.  The second line of
each section says which core did the work.
"""


def main() -> None:
    print(INTRODUCTION)
    for subject in SUBJECTS:
        script = Path(__file__).with_name(f"{subject}.py")
        print(f"## {TITLES.get(subject, subject.capitalize())}\n\n{title(script)}\n", flush=True)
        done = subprocess.run(
            [sys.executable, str(script), *sys.argv[1:]], check=True, text=True, stdout=subprocess.PIPE
        )
        command, against, machine, *table = done.stdout.splitlines()
        print(f"```\n{command}\n{against}\n{machine}\n```")
        print("\n".join(table), end="\n\n" if subject != SUBJECTS[-1] else "\n", flush=True)


def title(script: Path) -> str:
    """Return the first paragraph of a script's docstring."""
    paragraph = script.read_text().split('"""')[1].split("\n\n")[0]
    return paragraph.strip()


if __name__ == "__main__":
    main()
