"""multilog's T against s6-log's, and what the original makes of it."""

import random
import re
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.support.commands import ENVIRONMENT, ours
from tests.support.filters import run
from tests.support.logtrees import LABEL
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE
from ucspi.lines.localstamp import LocalStamper

pytestmark = [pytest.mark.oracle, pytest.mark.sampled(3)]

ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "nonsense", "<+0530>-5:30"]
SPRING, AUTUMN = 1_774_746_000, 1_792_890_000  # Europe's clocks change in 2026
LEAP_SECONDS = 2**62 + 37  # what s6 adds to a Unix time since 2017

DIGIT = re.compile(rb"[0-9]")
TIME = re.compile(rb"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\.\d{9}  ")


@pytest.mark.parametrize("zone", ZONES)
def test_time_is_what_s6_makes_of_it(oracle: Oracle, zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """s6-tai64nlocal writes any time as s6-log's T writes the present."""
    chance = random.Random(zone)
    moments = [
        (second, chance.randrange(10**9)) for change in (SPRING, AUTUMN) for second in (change - 1, change)
    ]
    moments += [(chance.randrange(1_500_000_000, 2**33), chance.randrange(10**9)) for _ in range(300)]
    stream = b"".join(b"@%016x%08x\n" % (LEAP_SECONDS + second, fraction) for second, fraction in moments)
    code, theirs, _ = run([oracle("s6-tai64nlocal")], stream, environment={**ENVIRONMENT, "TZ": zone})
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        stamper = LocalStamper()
        mine = [stamper.stamp(second * 10**9 + fraction) for second, fraction in moments]
    time.tzset()
    assert (code, [stamp.removesuffix(b"  ") for stamp in mine]) == (0, theirs.splitlines())


def logged(command: list[str], lines: bytes, zone: str = "UTC") -> bytes:
    """Return what a logger writes to ``current``."""
    environment = {**ENVIRONMENT, "TZ": zone}
    subprocess.run(
        command, input=lines, env=environment, check=True, timeout=PATIENCE, stderr=subprocess.DEVNULL
    )
    return Path(command[-1], "current").read_bytes()


@pytest.mark.parametrize("lines", [b"one\n\ntwo \n", b"x\n" * 9000], ids=["few", "in C"])
@pytest.mark.parametrize("letters", [["T"], ["t", "T"], ["t", "n5", "T"], ["T", "T"]])
def test_line_has_the_form_of_s6_log(
    oracle: Oracle, letters: list[str], lines: bytes, tmp_path: Path
) -> None:
    size = ["s16777215"]
    mine = logged([*ours("multilog"), *letters, *size, str(tmp_path / "ours")], lines)
    theirs = logged([oracle("s6-log"), *size, *letters, str(tmp_path / "s6")], lines)
    forms = [DIGIT.sub(b"0", LABEL.sub(b"@", text)) for text in (mine, theirs)]
    assert forms[0] == forms[1]
    assert TIME.sub(b"", LABEL.sub(b"", mine)).replace(b" ", b"") == lines.replace(b" ", b"")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns", "Asia/Kolkata"])
@pytest.mark.parametrize("count", [1, 9000])
def test_time_is_now(oracle: Oracle, zone: str, count: int, tmp_path: Path) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    found = [
        logged([*command, "s16777215", "T", str(tmp_path / name)], b"x\n" * count, zone)
        for name, command in (("ours", ours("multilog")), ("s6", [oracle("s6-log")]))
    ]
    after = datetime.now(UTC)
    for text in found:
        times = [datetime.strptime(match.decode(), "%Y-%m-%d %H:%M:%S") for match in TIME.findall(text)]
        assert len(times) == count
        assert all(before <= moment.replace(tzinfo=ZoneInfo(zone)) <= after for moment in times)


def test_label_and_local_time_are_one_moment(tmp_path: Path) -> None:
    text = logged([*ours("multilog"), "t", "T", str(tmp_path / "log")], b"x\n" * 20)
    for line in text.splitlines():
        second, nanoseconds = int(line[1:17], 16) - 2**62 - 10, int(line[17:25], 16)
        local = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S.")
        assert line[26:].startswith(b"%s%06d" % (local.encode(), nanoseconds // 1000))


@pytest.mark.parametrize("letters", [["T"], ["S5", "R5", "n3"], ["T", "S1", "R1"]])
def test_original_ignores_the_letters(oracle: Oracle, letters: list[str], tmp_path: Path) -> None:
    assert logged([oracle("multilog"), *letters, str(tmp_path / "log")], b"line\n") == b"line\n"


def test_pattern_sees_the_time(tmp_path: Path) -> None:
    command = [*ours("multilog"), "T", "-*", "+* *  two", str(tmp_path / "log")]
    assert TIME.sub(b"", logged(command, b"one\ntwo\n")) == b"two\n"


@pytest.mark.parametrize("letter", ["Tx", "TT"])
def test_word_that_begins_with_the_letter_is_none(letter: str, tmp_path: Path) -> None:
    assert logged([*ours("multilog"), letter, str(tmp_path / "log")], b"line\n") == b"line\n"


def test_letter_behind_an_action_that_sees_lines_does_nothing(tmp_path: Path) -> None:
    command = [*ours("multilog"), "+*", "T", str(tmp_path / "log")]
    assert logged(command, b"line\n") == b"line\n"
