"""The environment as bytes: what we were started with, in its order, and what is changed in it."""

import subprocess
import sys
from ast import literal_eval
from random import Random

from tests.support.patience import PATIENCE
from ucspi.unix import environ

SHOW = "from ucspi.unix import environ; print(environ.inherited())"


def test_entries_are_what_we_were_started_with_in_order() -> None:
    given = {"B": "1", "A": "2", "EMPTY": ""}
    shown = subprocess.run(
        [sys.executable, "-c", SHOW], env=given, stdout=subprocess.PIPE, check=True, text=True
    )
    assert literal_eval(shown.stdout) == [b"B=1", b"A=2", b"EMPTY="]


def test_locale_that_the_interpreter_made_up_is_not_inherited() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", SHOW], env={}, capture_output=True, check=True, timeout=PATIENCE, text=True
    )
    assert literal_eval(shown.stdout) == []


def test_without_proc_a_made_up_locale_is_left_out() -> None:
    code = (
        "import os; from ucspi.unix import environ\n"
        "os.environb.clear(); os.environb.update({b'A': b'1', b'LC_CTYPE': b'C.UTF-8'})\n"
        "print(environ._without_coercion())\n"
        "os.environb[b'LANG'] = b'C'; print(environ._without_coercion())"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, timeout=PATIENCE, text=True
    )
    first, second = shown.stdout.splitlines()
    assert literal_eval(first) == [b"A=1"]
    assert literal_eval(second) == [b"A=1", b"LC_CTYPE=C.UTF-8", b"LANG=C"]


def test_value_is_that_of_the_first_entry_with_the_name() -> None:
    entries = [b"PATHX=0", b"PATH=1", b"PATH=2"]
    assert environ.value_of(entries, b"PATH") == b"1"
    assert environ.value_of(entries, b"PAT") is None


def test_named_entries_are_left_out() -> None:
    entries = [b"A=1", b"B=2", b"A=3", b"odd"]
    assert environ.without(entries, frozenset((b"A",))) == [b"B=2", b"odd"]


def _changed_slowly(entries: list[bytes], changes: list[bytes]) -> list[bytes]:
    result = list(entries)
    for change in changes:
        name = change.partition(b"=")[0] + b"="
        for at, entry in enumerate(result):
            if entry.startswith(name):
                result[at] = result[-1]
                del result[-1]
                break
        result += [change] if b"=" in change else []
    return result


def test_changes_leave_the_order_that_the_originals_do() -> None:
    random = Random(76)
    texts = [
        b"",
        b"A",
        b"B",
        b"C",
        b"=",
        b"A=",
        b"A=1",
        b"B=2",
        b"C=3",
        b"=D",
        b"==",
        b"AB=4",
        b"A=B=5",
        b"\n=6",
    ]
    for _ in range(2000):
        entries, changes = (
            random.choices(texts, k=random.randrange(9)),
            random.choices(texts, k=random.randrange(9)),
        )
        before = list(entries)
        assert environ.changed(entries, changes) == _changed_slowly(entries, changes), (entries, changes)
        assert entries == before


def test_many_changes_of_a_large_environment_take_no_time() -> None:
    names = [b"V%d" % number for number in range(50_000)]
    entries = [name + b"=" for name in names]
    assert environ.changed(entries, [name + b"=1" for name in names] + names) == []
