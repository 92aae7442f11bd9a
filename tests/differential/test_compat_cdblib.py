"""ucspi.compat.cdblib does what pure-cdb 4.0.0 does, call by call."""

import gc
import io
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cdb_strategies import keys, records
from tests.support.examples import examples
from ucspi.compat import cdblib as ours
from ucspi.compat.cdblib import compat as our_compat

pytestmark = pytest.mark.sampled(3)

theirs: Any = pytest.importorskip(
    "cdblib", reason="pure-cdb, the original of ucspi.compat.cdblib, is not installed"
)
their_compat: Any = pytest.importorskip("cdblib.compat")

modest = examples(40)
bits = pytest.mark.parametrize("bits", ["", "64"])
any_key = st.one_of(keys, st.text(max_size=3), st.integers(-1000, 10**12))
# pure-cdb loses a key whose hash is 0 when another shares its slots.
safe = records.map(lambda pairs: [pair for pair in pairs if ours.djb_hash(pair[0])])


def outcome(call: Callable[[], object]) -> object:
    """Return what a call gives, iterators as lists, and errors by the builtin that catches them."""
    try:
        result = call()
        return list(result) if isinstance(result, Iterator) else result
    except Exception as error:
        kinds = (KeyError, UnicodeError, AttributeError, TypeError, OSError, ValueError)
        return next((kind for kind in kinds if isinstance(error, kind)), type(error))


def questions(reader: Any, key: Any) -> list[object]:
    calls: list[Callable[[], object]] = [
        lambda: reader.get(key),
        lambda: reader.get(key, 7),
        lambda: reader.get(key=key, default=b""),
        lambda: reader[key],
        lambda: key in reader,
        lambda: reader.has_key(key),
        lambda: reader.gets(key),
        lambda: reader.getint(key),
        lambda: reader.getint(key, 7, 16),
        lambda: reader.getints(key),
        lambda: reader.getints(key, base=10),
        lambda: reader.getstring(key),
        lambda: reader.getstring(key, "none", "latin-1"),
        lambda: reader.getstrings(key),
        lambda: reader.getstrings(key, encoding="latin-1"),
        lambda: reader.hash_key(key),
        lambda: reader.hash_key_strict(key),
    ]
    return [outcome(call) for call in calls]


def whole(reader: Any) -> list[object]:
    names = ("items", "keys", "values", "iteritems", "iterkeys", "itervalues", "__iter__", "__len__")
    return [bool(reader), *(outcome(getattr(reader, name)) for name in names)]


def reader_of(module: Any, bits: str) -> Any:
    return getattr(module, f"Reader{bits}")


def writer_of(module: Any, bits: str) -> Any:
    return getattr(module, f"Writer{bits}")


def written(module: Any, bits: str, fill: Callable[[Any], object], **options: Any) -> tuple[bytes, object]:
    file = io.BytesIO()
    with writer_of(module, bits)(file, **options) as writer:
        seen = fill(writer)
    return file.getvalue(), seen


@bits
@modest
@given(pairs=st.lists(st.tuples(any_key, st.binary(max_size=20)), max_size=30), asked=any_key)
def test_same_files_and_same_answers(bits: str, pairs: list[Any], asked: Any) -> None:
    pairs = [pair for pair in pairs if ours.Writer(io.BytesIO()).hash_key(pair[0])[1]]

    def fill(writer: Any) -> None:
        for key, value in pairs:
            writer.put(key, value)

    image, _ = written(theirs, bits, fill)
    assert written(ours, bits, fill) == (image, None)
    one, other = reader_of(theirs, bits)(image), reader_of(ours, bits)(image)
    assert whole(other) == whole(one)
    for key in [asked, *(key for key, _ in pairs)]:
        assert questions(other, key) == questions(one, key)


CALLS: list[Callable[[Any], object]] = [
    lambda w: w.put(b"a"),
    lambda w: w.put("\u00e9", b"1"),
    lambda w: w.put(-42, b"1"),
    lambda w: w.put(True, b"1"),
    lambda w: w.put(1.5, b"1"),
    lambda w: w.put(None, b"1"),
    lambda w: w.put(bytearray(b"a"), b"1"),
    lambda w: w.put(b"a", "text"),
    lambda w: w.put(b"a", 1),
    lambda w: w.put(b"a", bytearray(b"1")),
    lambda w: w.puts(b"m", (b"1", b"2")),
    lambda w: w.puts(b"m", iter((b"3", "no", b"4"))),
    lambda w: w.puts(b"m", b"no"),
    lambda w: w.putint("i", 42),
    lambda w: w.putint("i", "-42"),
    lambda w: w.putint("i", 42.5),
    lambda w: w.putint("i", True),
    lambda w: w.putint("i", None),
    lambda w: w.putints("i", [1, 2, 0x10]),
    lambda w: w.putstring("s", "h\u00e9"),
    lambda w: w.putstring("s", "h\u00e9", "latin-1"),
    lambda w: w.putstring("s", "h\u00e9", encoding="ascii"),
    lambda w: w.putstring("s", b"h"),
    lambda w: w.putstrings("s", ["h\u00e9", "b"]),
    lambda w: w.putstrings("s", ["h\u00e9", "b"], "latin-1"),
]


class Text(str):
    __slots__ = ()


OPTIONS: list[dict[str, Any]] = [
    {},
    {"strict": True},
    {"encoders": {str: lambda text: text.encode("utf-16-le"), float: lambda number: b"float"}},
    {"encoders": {float: lambda number: b"float"}, "strict": True},
    {"hashfn": theirs.djb_hash},
    {"hashfn": lambda key: theirs.djb_hash(key) | 1 << 40},  # both cut it
    {"bogus": 1},
]
NAMED = ["plain", "strict", "encoders", "strict encoders", "their hash", "long hash", "bogus"]


@bits
@pytest.mark.parametrize("options", OPTIONS, ids=NAMED)
def test_same_outcome_of_every_call_of_a_writer(options: dict[str, Any], bits: str) -> None:
    def fill(writer: Any) -> list[object]:
        return [outcome(partial(call, writer)) for call in CALLS]

    def attempt(module: Any) -> object:
        return outcome(lambda: written(module, bits, fill, **options))

    assert attempt(ours) == attempt(theirs)


@bits
@pytest.mark.slow  # 126 cases, each of them many look-ups
@pytest.mark.parametrize("options", OPTIONS, ids=NAMED)
@pytest.mark.parametrize("key", [b"s", "s", "\u00e9", 42, True, 1.5, None, bytearray(b"s"), Text("s")])
def test_same_answers_with_options(options: dict[str, Any], key: Any, bits: str) -> None:
    def fill(writer: Any) -> None:
        for stored in (b"s", b"42", "\u00e9".encode(), b"s\0", b"float"):
            writer.puts(stored, (b"0x10", b"7", b"\xc3\xa9"))

    image, _ = written(theirs, bits, fill)

    def attempt(module: Any) -> object:
        return outcome(lambda: questions(reader_of(module, bits)(image, **options), key))

    assert attempt(ours) == attempt(theirs)


@bits
@modest
@given(pairs=safe)
def test_each_reads_the_other_from_every_source(tmp_path_factory: Any, bits: str, pairs: list[Any]) -> None:
    path = tmp_path_factory.mktemp("cdb") / "people.cdb"
    for maker, other in ((ours, theirs), (theirs, ours)):
        reader = reader_of(other, bits)
        with path.open("wb") as file, writer_of(maker, bits)(file) as writer:
            for key, value in pairs:
                writer.put(key, value)
        sources = [reader.from_file_path(name) for name in (path, str(path), os.fsencode(path))]
        sources += [reader.from_file_obj(path.open("rb")), reader.from_bytes(path.read_bytes())]
        sources += [reader(file_path=path), reader(file_obj=path.open("rb"))]
        for db in sources:
            with db as same:
                assert same is db
                assert db.items() == pairs


@bits
def test_same_life_of_files_and_bytes(tmp_path: Path, bits: str) -> None:
    def attempt(module: Any) -> list[object]:
        path = tmp_path / "people.cdb"
        path.write_bytes(written(module, bits, lambda writer: writer.put("one", b"1"))[0])
        kind = reader_of(module, bits)
        seen: list[object] = []
        for reader in (
            kind.from_file_path(path),
            kind.from_file_obj(path.open("rb")),
            kind(path.read_bytes()),
        ):
            seen.append(reader.get("one"))
            seen += [outcome(reader.close), outcome(reader.close), outcome(partial(reader.get, "one"))]
        file = path.open("rb")
        reader = kind.from_file_obj(file)
        seen.append(file.tell())
        del reader
        return [*seen, file.closed]

    assert attempt(ours) == attempt(theirs)


@bits
def test_same_errors_for_what_is_no_source(tmp_path: Path, bits: str) -> None:
    def attempt(module: Any) -> list[object]:
        kind = reader_of(module, bits)
        calls: list[Callable[[], object]] = [
            lambda: kind(),
            lambda: kind("x" * 5000),
            lambda: kind(b"x" * 100),
            lambda: kind.from_file_path(tmp_path / "absent"),
            lambda: kind.from_file_path(tmp_path),
            lambda: kind.from_file_obj(io.BytesIO(bytes(5000))),
            lambda: module.djb_hash("text"),
            lambda: module.djb_hash(1),
            lambda: module.djb_hash(b"abc"),
        ]
        return [outcome(call) for call in calls]

    assert attempt(ours) == attempt(theirs)


@bits
def test_same_place_in_the_file_afterwards(bits: str) -> None:
    def attempt(module: Any) -> tuple[int, bytes]:
        file = io.BytesIO(b"x" * 5000)
        with writer_of(module, bits)(file) as writer:
            writer.put("one", b"1")
        return file.tell(), file.getvalue()

    assert attempt(ours) == attempt(theirs)


compat_data = st.one_of(st.text(max_size=4), st.binary(max_size=4))
compat_keys = st.one_of(st.text("ab\u00e9", max_size=2), st.binary(max_size=3).filter(ours.djb_hash))


@modest
@given(
    pairs=st.lists(
        st.tuples(compat_keys, st.one_of(st.text(max_size=4), st.binary(max_size=4))), max_size=15
    ),
    encoding=st.sampled_from(["utf-8", "latin-1", None]),
)
def test_compat_module_makes_the_same_and_answers_the_same(
    tmp_path_factory: Any, pairs: list[Any], encoding: Any
) -> None:
    directory = tmp_path_factory.mktemp("compat")

    def attempt(module: Any) -> list[object]:
        path, temporary = str(directory / "people.cdb"), str(directory / "tmp")
        maker = module.cdbmake(path, temporary, encoding)
        seen: list[object] = [outcome(partial(maker.add, *pair)) for pair in pairs]
        seen.append(outcome(lambda: maker.addmany(pairs)))
        seen += [maker.fn == path, maker.fntmp == temporary, maker.numentries, maker.encoding]
        seen += [outcome(maker.finish), outcome(maker.finish), outcome(lambda: maker.add(b"", b""))]
        with open(path, "rb") as file:
            seen.append(file.read())
        for chosen in ("utf-8", "ascii", None):
            db = module.init(path, encoding=chosen)
            seen += [db.name == path, db.size, db.keys(), [db.each() for _ in range(3 * len(pairs) + 2)]]
            seen += [db.firstkey(), [db.nextkey() for _ in range(len(pairs) + 1)]]
            for key in [key for key, _ in pairs if isinstance(key, bytes)] + [b"absent"]:
                seen += [outcome(partial(db.__getitem__, key)), db.get(key), db.get(key, 1), db.getall(key)]
        return seen

    assert attempt(our_compat) == attempt(their_compat)


@pytest.fixture(autouse=True)
def leave_no_object_of_theirs() -> Iterator[None]:
    """Let objects of the original die here, before their numbers are somebody else's descriptors."""
    yield
    gc.collect()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # theirs, when open fails
def test_compat_module_finds_text_and_numbers_the_same(tmp_path: Path) -> None:
    def attempt(module: Any) -> list[object]:
        maker = module.cdbmake(str(tmp_path / "people.cdb"), str(tmp_path / "tmp"))
        maker.addmany([("\u00e9", "1"), ("3", "three"), ("a", b"\xff"), ("a", "2")])
        maker.finish()
        db, strict = module.init(tmp_path / "people.cdb"), module.init(str(tmp_path / "people.cdb"), None)
        seen = [outcome(partial(db.getall, key)) for key in ("\u00e9", 3, "a", "b")]
        seen += [outcome(partial(strict.get, key)) for key in ("a", 3, None)]
        seen += [outcome(lambda: module.init(tmp_path / "absent")), outcome(lambda: module.init(tmp_path))]
        seen += [outcome(lambda: module.cdbmake(tmp_path / "x", tmp_path / "absent" / "tmp"))]
        fd = os.open(tmp_path / "people.cdb", os.O_RDONLY)
        db = module.init(fd)
        seen += [db.name == fd, db.fd == fd, db["a"]]
        del db, strict
        gc.collect()  # theirs may close its number only when it dies, somebody else's by then
        with suppress(OSError):
            os.close(fd)
        return [*seen, issubclass(module.error, OSError)]

    assert attempt(our_compat) == attempt(their_compat)
