import subprocess
import sys
from ast import literal_eval

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
        [sys.executable, "-c", SHOW], env={}, capture_output=True, check=True, timeout=20, text=True
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
        [sys.executable, "-c", code], capture_output=True, check=True, timeout=20, text=True
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
