"""Whatever accept(2) reports, the server goes on, and does not spin."""

import sys
import time
from pathlib import Path

import pytest

from tests.support.accept_errors import OF_ONE_CLIENT, OF_THE_SYSTEM
from tests.support.processes import processor_time
from tests.support.serving import read_all, serving

pytestmark = pytest.mark.e2e

# A server whose accept fails as the first argument says, and then works.
SCRIPT = """\
import errno, itertools, os, sys
from ucspi.tcp.server import door, doors
names, pause = sys.argv.pop(1).split(","), float(sys.argv.pop(1))
failures = iter(names) if names[-1] else itertools.cycle(names[:-1])
made = door.acceptor
def acceptor(*args, **options):
    accept = made(*args, **options)
    def failing():
        for name in failures:
            number = getattr(errno, name)
            raise OSError(number, os.strerror(number))
        return accept()
    return failing
door.acceptor, doors.PAUSE = acceptor, pause
from ucspi.programs.tcpserver import main
sys.exit(main())
"""


def failing(folder: Path, names: list[str], pause: float) -> tuple[str, ...]:
    script = folder / "failing.py"
    script.write_text(SCRIPT)
    return (sys.executable, str(script), ",".join(names), str(pause))


def test_client_is_served_after_every_errno_of_the_manual_page(tmp_path: Path) -> None:
    command = failing(tmp_path, OF_ONE_CLIENT + OF_THE_SYSTEM, 0.02)
    with serving(tmp_path, ["-vHRl0"], ["echo", "hi"], command=command) as served:
        with served.connect() as client:
            assert read_all(client) == b"hi\n"
        lines = served.wait_for(lambda lines: lines[-1:] == ["tcpserver: status: 0/40"] and len(lines) > 2)
        assert "tcpserver: warning: unable to accept, pausing: file descriptor not open" in lines
        assert not [line for line in lines if not line.startswith("tcpserver: ")]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["EPROTO", "EINVAL"])
def test_accept_that_fails_for_ever_does_not_spin(tmp_path: Path, name: str) -> None:
    command = failing(tmp_path, [name, ""], 1.0)
    with serving(tmp_path, ["-HRl0"], ["true"], command=command) as served, served.connect():
        served.wait_for(lambda lines: any("unable to accept, pausing: " in line for line in lines))
        before = processor_time(served.process.pid)
        time.sleep(1.5)
        assert processor_time(served.process.pid) - before < 0.3
        assert len(served.lines()) == 1
        assert served.stop() == 0
