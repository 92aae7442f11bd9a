"""docs/service.md shows the machine as it is: the table there is drawn from the code."""

import subprocess
import sys
from pathlib import Path

from tests.support.commands import ENVIRONMENT
from tests.support.patience import PATIENCE, wait_for
from ucspi.programs.commands import COMMANDS
from ucspi.service import statemachine
from ucspi.service.optionalfiles import NAMES
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


def rows_of(heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading of the page, without its head."""
    part = PAGE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def quoted(cell: str) -> list[str]:
    """Return what stands in code in a cell."""
    return cell.split("`")[1::2]


def files_by_origin() -> dict[str, str]:
    """Return what the table of optional files says of each: the file, and where it comes from."""
    rows = [row for row in rows_of("Optional files") if "`" in row[0] and len(row) == 4]
    return {quoted(row[0])[0]: row[0].partition("(")[2].rstrip(")") for row in rows}


def test_table_of_optional_files_has_all() -> None:
    assert set(files_by_origin()) == {name.decode() for name in NAMES}


def test_migration_table_names_what_there_is() -> None:
    """Each word of the last column is a file that is looked at, or a program; and each such file is there."""
    known = {name.decode() for name in NAMES} | {"run", "down", "log/run", "exec"}
    named = set()
    for *_, here in rows_of("From another supervisor"):
        for word in quoted(here):
            named.add(word)
            assert word in known or word.partition(" ")[0] in COMMANDS, word
    assert {name.decode() for name in NAMES} <= named


def test_migration_table_has_the_files_of_others_under_their_names() -> None:
    rows = rows_of("From another supervisor")
    for name, origin in files_by_origin().items():
        for column, other in ((1, "s6"), (2, "runit")):
            in_it = any(name in quoted(row[column]) for row in rows)
            assert in_it == (other in origin), (name, other)
    assert all(len(row) == 7 for row in rows)


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
