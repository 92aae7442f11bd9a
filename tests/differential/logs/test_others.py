"""What docs/service.md says of multilog beside svlogd and s6-log, where these are installed."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.commands import ENVIRONMENT, ours
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.oracle

LINES = b"".join(b"%095d line\n" % number for number in range(400))
EPOCH = 2**62
LABEL = slice(1, 17)  # its seconds, in hexadecimal

LOGGERS = ["ours", "multilog", "svlogd", "s6-log"]
KEPT = {"ours": 2, "multilog": 2, "svlogd": 3, "s6-log": 3}
BEYOND = {"ours": 10, "multilog": 10, "svlogd": 10, "s6-log": 37}


def log(oracle: Oracle, logger: str, place: Path, lines: bytes) -> None:
    """Have a logger keep ``n3`` files of at most 4096 bytes in a directory, with labels."""
    place.mkdir(exist_ok=True)
    script = ["t", "s4096", "n3", str(place)]
    command = [*(ours("multilog") if logger == "ours" else [oracle(logger)]), *script]
    if logger == "s6-log":  # what it does to lines stands directly before where they go
        command = [oracle(logger), "n3", "s4096", "t", str(place)]
    if logger == "svlogd":
        (place / "config").write_text("s4096\nn3\n")
        command = [oracle(logger), "-t", str(place)]
    subprocess.run(
        command, input=lines, env=ENVIRONMENT, check=True, timeout=PATIENCE, stderr=subprocess.DEVNULL
    )


def finished(place: Path) -> list[str]:
    return sorted(name for name in os.listdir(place) if name.startswith("@"))


@pytest.mark.parametrize("logger", LOGGERS)
def test_so_many_files_are_kept(oracle: Oracle, tmp_path: Path, logger: str) -> None:
    log(oracle, logger, tmp_path / "log", LINES)
    assert len(finished(tmp_path / "log")) == KEPT[logger]


@pytest.mark.parametrize("logger", LOGGERS)
def test_labels_are_so_far_ahead(oracle: Oracle, tmp_path: Path, logger: str) -> None:
    before = int(time.time())
    log(oracle, logger, tmp_path / "log", b"line\n")
    second = int((tmp_path / "log/current").read_bytes()[LABEL], 16) - EPOCH - BEYOND[logger]
    assert before <= second <= int(time.time())


def test_what_is_finished_just_after_s6_log_goes_in_the_original(oracle: Oracle, tmp_path: Path) -> None:
    place = tmp_path / "log"
    log(oracle, "s6-log", place, LINES)
    theirs = finished(place)
    log(oracle, "multilog", place, LINES)
    assert finished(place) == theirs[-2:]


def test_what_is_finished_just_after_s6_log_stays(oracle: Oracle, tmp_path: Path) -> None:
    place = tmp_path / "log"
    log(oracle, "s6-log", place, LINES)
    theirs = finished(place)
    log(oracle, "ours", place, LINES)
    mine = finished(place)
    assert len(mine) == 2
    assert min(mine) > max(theirs)
    assert (place / mine[1]).read_bytes().endswith(b" line\n")
