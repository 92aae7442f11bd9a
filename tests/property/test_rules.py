"""Laws of the rules language, on any bytes."""

import struct
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.rules_files import image_of, rules_file
from ucspi.errors import CdbFormatError, RuleSyntaxError
from ucspi.rules import Diagnostic, Rule, Verdict, compile_rules, encode, expand, load, parse, segments

Record = tuple[bytes, bytes]

# Few enough characters that lines mean something, and all that mean anything.
texts = st.lists(
    st.sampled_from(
        [
            b"1",
            b".",
            b"-",
            b":",
            b":deny",
            b":allow",
            b",A=",
            b'"',
            b"\n",
            b"#",
            b" ",
            b"=",
            b"@",
            b"\0",
            b"\r",
        ]
    ),
    max_size=40,
).map(b"".join)
files = st.integers(0, 2**32).map(lambda seed: rules_file(Random(seed)))
names = st.binary(max_size=4).filter(lambda name: b"=" not in name and b"\0" not in name)
values = st.binary(max_size=4).filter(lambda value: b"\0" not in value)


def compiled(*blocks: bytes) -> tuple[list[Record], RuleSyntaxError | None]:
    records: list[Record] = []
    try:
        compile_rules(blocks, lambda key, data: records.append((key, data)))
    except RuleSyntaxError as error:
        return records, error
    return records, None


def by_the_parser(text: bytes) -> tuple[list[Record], RuleSyntaxError | None]:
    """Compile with the parser alone: every line, no memory of instructions."""
    records: list[Record] = []
    for number, line in enumerate(text.split(b"\n"), 1):
        try:
            rule = parse(line, number)
        except RuleSyntaxError as error:
            return records, error
        if rule is not None:
            records += [(key, encode(rule)) for key in expand(rule.address)]
    return records, None


def in_bulk(*blocks: bytes) -> tuple[list[Record], RuleSyntaxError | None, list[Diagnostic], object]:
    """Compile with the C core, where there is one: records, error, warnings, tally."""
    records: list[Record] = []
    said: list[Diagnostic] = []

    def add_block(block: bytes) -> None:
        at = 0
        while at < len(block):
            key_length, length = struct.unpack_from("<II", block, at)
            middle = at + 8 + key_length
            records.append((block[at + 8 : middle], block[middle : middle + length]))
            at = middle + length

    def add(key: bytes, data: bytes) -> None:
        records.append((key, data))

    try:
        tally = compile_rules(blocks, add, said.append, add_block=add_block)
    except RuleSyntaxError as error:
        return records, error, said, None
    return records, None, said, repr(tally)


def line_by_line(text: bytes) -> tuple[list[Record], RuleSyntaxError | None, list[Diagnostic], object]:
    records: list[Record] = []
    said: list[Diagnostic] = []
    try:
        tally = compile_rules([text], lambda key, data: records.append((key, data)), said.append)
    except RuleSyntaxError as error:
        return records, error, said, None
    return records, None, said, repr(tally)


def facts(outcome: tuple[list[Record], RuleSyntaxError | None]) -> object:
    records, error = outcome
    return records, error and (error.line, error.column, error.reason, error.text)


@given(text=st.one_of(texts, files, st.binary(max_size=60)))
@example(text=b"1:deny\n#1:deny\n1-2:deny\n\0-1:deny")
def test_compiler_agrees_with_the_parser_on_any_text(text: bytes) -> None:
    assert facts(compiled(text)) == facts(by_the_parser(text))


@given(text=st.one_of(texts, files), cuts=st.lists(st.integers(0, 200), max_size=4))
def test_cuts_between_blocks_change_nothing(text: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    blocks = [text[start:end] for start, end in pairwise(places)]
    assert facts(compiled(*blocks)) == facts(compiled(text))


PLAIN = rb"((\d{1,3}\.){0,4}\d{0,3}|=[a-z.]{0,4}):(deny|allow)(,[A-Z]=\"[^\"\n]?\"){0,2}[ \t]?"
OTHERS = [b"", b"#", b"1.2-5.:deny", b"10.0.0.0/8:deny", b"::1:allow", b" :deny"]
lines = st.one_of(st.from_regex(PLAIN, fullmatch=True), st.sampled_from(OTHERS))
plain_files = st.lists(lines, max_size=6).map(b"\n".join)


@given(
    text=st.one_of(texts, files, plain_files, st.binary(max_size=60)),
    cuts=st.lists(st.integers(0, 200), max_size=3),
)
@example(text=b':deny,A="b" \n\n#\n1.2.3.4:allow', cuts=[3])
def test_bulk_and_parser_agree_on_everything(text: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    mine = in_bulk(*(text[start:end] for start, end in pairwise(places)))
    theirs = line_by_line(text)
    assert facts(mine[:2]) == facts(theirs[:2])
    assert mine[2:] == theirs[2:]


@given(line=st.one_of(texts, st.binary(max_size=40)))
def test_fault_lies_inside_its_line_or_just_behind_it(line: bytes) -> None:
    line = line.replace(b"\n", b"")
    _, error = compiled(b"\n\n" + line)
    if error is not None:
        assert error.line == 3
        assert 1 <= error.column <= len(error.text) + 1
        assert line.startswith(error.text)


@given(address=texts.map(lambda text: text.replace(b":", b"")))
def test_expansion_is_at_most_256_addresses_that_end_alike(address: bytes) -> None:
    try:
        keys = expand(address)
    except RuleSyntaxError:
        return
    assert len(keys) <= 256
    assert len(set(keys)) == len(keys)


@given(allowed=st.booleans(), variables=st.lists(st.tuples(names, values), max_size=3))
def test_data_says_what_the_rule_says(allowed: bool, variables: list[tuple[bytes, bytes]]) -> None:
    pieces = segments(encode(Rule(b"", allowed, tuple(variables))))
    assert pieces[: not allowed] == [b"D"][: not allowed]
    assert [tuple(piece[1:].split(b"=", 1)) for piece in pieces[not allowed :]] == variables


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file name that all examples share."""
    return tmp_path_factory.mktemp("rules") / "rules.cdb"


@examples(60)
@given(
    spots=st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), max_size=4),
    length=st.integers(0, 2**20),
)
def test_damaged_file_ends_in_a_verdict_or_a_format_error(
    place: Path, spots: list[tuple[int, int]], length: int
) -> None:
    image = bytearray(image_of(b'1.2.:allow,A="b"\n=.org:deny\n:deny\n'))
    for at, byte in spots:
        image[at % len(image)] = byte
    del image[max(2000, length % (2 * len(image))) :]
    place.write_bytes(image)
    try:
        verdict = load(bytes(place)).judge(b"1.2.3.4", b"a.b.org", b"joe")
    except CdbFormatError:
        return
    assert isinstance(verdict, Verdict)
