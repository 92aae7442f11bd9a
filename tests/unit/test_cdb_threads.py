"""A close beside running look-ups: they find their data or say that the reader is closed."""

import threading
from pathlib import Path

import pytest

from tests.support.cdbfiles import build
from tests.support.patience import PATIENCE
from ucspi.cdb._core import Core
from ucspi.cdb._open import contents
from ucspi.cdb._reader import Reader, reader_type
from ucspi.errors import ClosedError

pytestmark = pytest.mark.sampled(3)

PAIRS = [(b"%d" % number, b"%d" % number * 50) for number in range(200)]
# Enough that a check is still running, without the GIL, when the reader is closed.
ALL = PAIRS + [(b"x%d" % number, b"x" * 50) for number in range(20000)]


@pytest.fixture
def mapped(core: Core, tmp_path: Path) -> Reader:
    """A reader that alone holds the map, so that close takes the memory away."""
    path = tmp_path / "people.cdb"
    path.write_bytes(build(ALL, core))
    with path.open("rb") as file:
        return reader_type(core)(contents(file.fileno()))


@pytest.mark.parametrize("operation", ["get", "get_all", "get_many", "records", "first_records", "check"])
def test_close_beside_running_operations(mapped: Reader, operation: str) -> None:
    started = threading.Barrier(4)
    wrong: list[object] = []

    def work() -> None:
        started.wait()
        while True:
            try:
                if operation == "get":
                    wrong.extend(pair for pair in PAIRS if mapped.get(pair[0]) != pair[1])
                elif operation == "get_all":
                    wrong.extend(pair for pair in PAIRS if list(mapped.get_all(pair[0])) != [pair[1]])
                elif operation == "get_many":
                    found = mapped.get_many([key for key, _ in PAIRS])
                    wrong.extend([1] if found != [data for _, data in PAIRS] else [])
                elif operation == "first_records":
                    wrong.extend([1] if list(mapped.first_records()) != ALL else [])
                elif operation == "records":
                    wrong.extend([1] if list(mapped.records()) != ALL else [])
                else:
                    wrong.extend([1] if mapped.check() is not None else [])
            except ClosedError:
                return

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    started.wait()
    mapped.check()  # meanwhile the others begin
    mapped.close()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert wrong == []
