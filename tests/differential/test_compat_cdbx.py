"""ucspi.compat.cdbx does what cdbx 0.3.0 does, call by call."""

import gc
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cdb_strategies import keys, records
from tests.support.examples import examples
from ucspi.compat import cdbx as ours

pytestmark = pytest.mark.sampled(3)

theirs: Any = pytest.importorskip("cdbx", reason="cdbx, the original, is not installed: pip install .[peers]")

modest = examples(40)
latin = st.text(st.characters(max_codepoint=255), max_size=4)
text_or_bytes = st.one_of(keys, latin)


def outcome(call: Callable[[], object]) -> object:
    """Return what a call gives, iterators as lists, and errors by the builtin that catches them."""
    try:
        result = call()
        return list(result) if isinstance(result, Iterator) else result
    except Exception as error:
        kinds = (KeyError, UnicodeEncodeError, TypeError, OverflowError, OSError)
        return next((kind for kind in kinds if isinstance(error, kind)), type(error))


def questions(db: Any, key: Any) -> list[object]:
    calls: list[Callable[[], object]] = [
        lambda: db.get(key),
        lambda: db.get(key, b"none"),
        lambda: db.get(key, all=True),
        lambda: db.get(key, 7, True),
        lambda: db[key],
        lambda: key in db,
        lambda: db.has_key(key),
    ]
    return [outcome(call) for call in calls]


def whole(db: Any) -> list[object]:
    calls: list[Callable[[], object]] = [
        lambda: len(db),
        lambda: bool(db),
        lambda: iter(db),
        lambda: db.keys(),
        lambda: db.keys(True),
        lambda: db.items(),
        lambda: db.items(all=True),
    ]
    return [outcome(call) for call in calls]


@pytest.fixture(autouse=True)
def leave_no_object_of_theirs() -> Iterator[None]:
    """Let objects of the original die here: one that was not closed closes its number when it dies.

    By then the number may be somebody else's descriptor.
    """
    yield
    gc.collect()


def made(module: Any, path: Path, pairs: Any) -> Any:
    maker = module.CDB.make(str(path))
    for key, value in pairs:
        maker.add(key, value)
    return maker.commit()


@modest
@given(
    pairs=st.lists(st.tuples(text_or_bytes, st.one_of(st.binary(max_size=20), latin)), max_size=30),
    asked=text_or_bytes,
)
def test_same_files_and_same_answers(tmp_path: Path, pairs: list[Any], asked: Any) -> None:
    one, other = made(theirs, tmp_path / "theirs", pairs), made(ours, tmp_path / "ours", pairs)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    for key in [asked, *(key for key, _ in pairs)]:
        assert questions(other, key) == questions(one, key)
    assert whole(other) == whole(one)
    one.close()
    other.close()
    assert whole(other) == whole(one) == [OSError] * 7
    assert questions(other, asked) == questions(one, asked)


@modest
@given(pairs=records, mmap=st.sampled_from([None, True, False]))
def test_each_reads_the_other_however_it_is_opened(tmp_path: Path, pairs: Any, mmap: Any) -> None:
    for maker, reader in ((ours, theirs), (theirs, ours)):
        made(maker, tmp_path / "people.cdb", pairs).close()
        with (tmp_path / "people.cdb").open("rb") as file:
            for source in (str(tmp_path / "people.cdb"), tmp_path / "people.cdb", file, file.fileno()):
                db = reader.CDB(source, mmap=mmap)
                assert list(db.items(all=True)) == pairs
                db.close()


@pytest.mark.parametrize("key", [1, None, 1.5, "\u20ac", object()])
def test_same_kinds_of_error_for_what_is_no_key(tmp_path: Path, key: Any) -> None:
    one, other = made(theirs, tmp_path / "theirs", []), made(ours, tmp_path / "ours", [])
    assert questions(other, key) == questions(one, key)


@pytest.mark.parametrize("pair", [("\u20ac", b""), (b"", "\u20ac"), (1, b""), (b"", None)])
def test_same_end_of_a_maker_that_was_given_nonsense(tmp_path: Path, pair: Any) -> None:
    def attempt(module: Any) -> list[object]:
        maker = module.CDB.make(str(tmp_path / module.__name__))
        seen = [outcome(lambda: maker.add(*pair)), outcome(lambda: maker.add(b"", b""))]
        seen += [outcome(maker.commit), outcome(maker.close), outcome(maker.close)]
        return [*seen, os.listdir(tmp_path)]

    assert attempt(ours) == attempt(theirs)


@pytest.mark.parametrize("close", [None, False, True])
@pytest.mark.parametrize("commit", [False, True])
def test_same_fate_of_a_file_that_was_given(close: Any, commit: bool) -> None:
    def attempt(module: Any) -> list[object]:
        file = tempfile.TemporaryFile()
        file.write(b"x" * 5000)
        file.flush()
        maker = module.CDB.make(file, close=close)
        maker.add(b"one", b"1")
        seen: list[object] = [maker.fileno() == file.fileno()]
        if commit:
            db = maker.commit()
            seen += [file.closed, os.fstat(file.fileno()).st_size, db.fileno() == file.fileno(), whole(db)]
            db.close()
        else:
            maker.close()
        seen.append(file.closed)
        file.close()
        return seen

    assert attempt(ours) == attempt(theirs)


@pytest.mark.parametrize("close", [None, False, True])
def test_same_fate_of_a_descriptor_that_was_given(tmp_path: Path, close: Any) -> None:
    def attempt(module: Any) -> list[object]:
        made(module, tmp_path / "people.cdb", [(b"one", b"1")]).close()
        fd = os.open(tmp_path / "people.cdb", os.O_RDONLY)
        db = module.CDB(fd, close=close)
        seen: list[object] = [db.fileno() == fd, db.get(b"one")]
        db.close()
        seen.append(outcome(lambda: os.fstat(fd).st_size))
        if not close:
            os.close(fd)
        return seen

    assert attempt(ours) == attempt(theirs)


@pytest.mark.parametrize(("call", "name"), [("CDB", "absent"), ("CDB", "."), ("make", "absent/people.cdb")])
def test_same_error_for_what_cannot_be_opened(tmp_path: Path, monkeypatch: Any, call: str, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    errors = []
    for module in (ours, theirs):
        with pytest.raises(OSError, match=r"\[Errno") as caught:
            (module.CDB.make if call == "make" else module.CDB)(name)
        errors.append((caught.type, caught.value.errno))
    assert errors[0] == errors[1]


def test_same_public_names() -> None:
    def names(module: ModuleType) -> list[set[str]]:
        return [{name for name in dir(kind) if name[0] != "_"} for kind in (module.CDB, module.CDBMaker)]

    assert names(ours) == names(theirs)
    assert sorted(ours.__all__) == sorted(theirs.__all__)


class Untrue:
    """What is neither true nor false."""

    def __bool__(self) -> bool:
        raise RuntimeError


@pytest.mark.parametrize("arguments", [{"close": Untrue()}, {"mmap": Untrue()}, {"nothing": 1}])
@pytest.mark.filterwarnings("error")  # also of a `__del__`
def test_file_is_not_touched_before_the_arguments_are_looked_at(tmp_path: Path, arguments: Any) -> None:
    errors = []
    for module in (ours, theirs):
        for begin in (module.CDB, module.CDB.make):
            (tmp_path / "a.cdb").write_bytes(b"precious")
            with open(tmp_path / "a.cdb", "r+b") as file, pytest.raises((RuntimeError, TypeError)) as caught:
                begin(file.fileno(), **arguments)
            errors.append(caught.type)
            assert (tmp_path / "a.cdb").read_bytes() == b"precious"
    assert errors[:2] == errors[2:]


@pytest.mark.parametrize("number", [-1, -7, 2**70])
def test_same_error_for_what_is_no_descriptor(number: int) -> None:
    for module in (ours, theirs):
        for begin in (module.CDB, module.CDB.make):
            with pytest.raises(OverflowError):
                begin(number)
