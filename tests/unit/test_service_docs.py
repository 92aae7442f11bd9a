"""docs/service.md shows the machine as it is: the table there is drawn from the code."""

import subprocess
import sys
from pathlib import Path

from tests.support.commands import ENVIRONMENT
from tests.support.patience import PATIENCE, wait_for
from ucspi.service import statemachine
from ucspi.service.statemachine import FLAGS, ROWS, Row

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "service.md"


def words(flags: int) -> str:
    """Return the names of flags, as the table has them."""
    return ", ".join(name for flag, name in FLAGS.items() if flags & flag)


def condition(row: Row) -> str:
    """Return when a row is for a state."""
    absent = [f"not {name}" for flag, name in FLAGS.items() if row.absent & flag]
    return ", ".join([*filter(None, [words(row.given)]), *absent]) or "else" * is_last(row) or "always"


def is_last(row: Row) -> bool:
    """Return whether rows about the same event come before this one."""
    return next(other for other in ROWS if other.event == row.event) is not row


def change(row: Row) -> str:
    """Return how the state changes."""
    gone = row.clear & ~row.set
    wants = statemachine.WANT_UP | statemachine.WANT_DOWN
    if row.clear & wants == wants:  # one want takes the place of the other, or none does
        gone &= ~wants
    parts = [words(row.set), *(f"not {name}" for flag, name in FLAGS.items() if gone & flag)]
    if row.clear & wants == wants and not row.set & wants:
        parts.append("want once")
    return ", ".join(filter(None, parts)) or "-"


def action(name: str) -> str:
    """Return what the table says of an action."""
    return statemachine.SIGNALS.get(name, name)


def table() -> str:
    """Return the whole table as it must stand in the page."""
    lines = ["| event | state | change | actions |", "| --- | --- | --- | --- |"]
    for row in ROWS:
        event = f"`{row.event}`" if len(row.event) == 1 else row.event
        actions = ", ".join(map(action, row.actions)) or "-"
        lines.append(f"| {event} | {condition(row)} | {change(row)} | {actions} |")
    return "\n".join(lines) + "\n"


def test_table_of_the_page_is_the_machine() -> None:
    assert table() in PAGE.read_text(), "draw it anew: python -m tests.unit.test_service_docs"


def test_example_runs(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "down").touch()
    (example,) = blocks_of(PAGE.read_text())
    host = subprocess.Popen(
        [sys.executable, "-c", example.replace("/service/", f"{tmp_path}/")], env=ENVIRONMENT
    )
    try:
        control = tmp_path / "web" / "supervise" / "control"
        wait_for((tmp_path / "web" / "supervise" / "ok").exists, "it runs")
        with open(control, "wb", 0) as fifo:
            fifo.write(b"x")
        assert host.wait(PATIENCE) == 0
    finally:
        host.kill()
        host.wait(PATIENCE)


def blocks_of(page: str) -> list[str]:
    """Return the code of a page."""
    return [part.partition("```")[0] for part in page.split("```python\n")[1:]]


if __name__ == "__main__":
    print(table(), end="")
