"""A line for descriptor 2 is waited with, where that may be, and never an error."""

import os
import subprocess
import sys
import threading
import time

import pytest

from tests.support.commands import ENVIRONMENT
from tests.support.patience import PATIENCE
from tests.support.stalled_stderr import stalled_stderr
from ucspi.unix import output


@pytest.mark.parametrize("blocking", [True, False])
def test_line_is_waited_with(blocking: bool) -> None:
    with stalled_stderr(blocking=blocking) as log:
        teller = threading.Thread(target=output.say, args=(b"the line",), daemon=True)
        teller.start()
        time.sleep(0.1)
        assert teller.is_alive()
        assert log.read(9) == b"the line\n"
        teller.join(PATIENCE)
        assert not teller.is_alive()


@pytest.mark.parametrize("blocking", [True, False])
def test_who_must_not_stand_still_does_without_the_line(
    monkeypatch: pytest.MonkeyPatch, blocking: bool
) -> None:
    monkeypatch.setattr(output, "PATIENCE", 0.05)
    monkeypatch.setattr(output, "_is_deaf", False)
    with stalled_stderr(blocking=blocking) as log:
        output.say_soon(b"lost")  # in this thread: it comes back
        monkeypatch.setattr(output, "PATIENCE", 1000.0)
        output.say_soon(b"lost too, at once")
        assert log.read(0) == b""
        output.say_soon(b"there is room again")
        assert os.read(log.reader, 100) == b"there is room again\n"


@pytest.mark.parametrize("redirection", ["2>&-", "2</dev/null", "2>/dev/full"])
@pytest.mark.parametrize("name", ["say", "say_soon"])
def test_descriptor_that_takes_nothing_is_no_error(name: str, redirection: str) -> None:
    script = f"from ucspi.unix import output; output.{name}(b'line'); print('on')"
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        env=ENVIRONMENT,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout) == (0, b"on\n")
