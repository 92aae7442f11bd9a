"""The programs that move bytes as links of one chain, from a person to a program and back."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import ours
from tests.support.patience import PATIENCE
from tests.support.serving import ENVIRONMENT, serving

pytestmark = pytest.mark.e2e

# A server that asks for lines with their carriage returns, and writes none itself.
SERVER = 'echo hello; while read -r line; do echo "you said: $line" | cat -v; done; echo bye'


def test_person_talks_through_all_of_them_to_a_server(tmp_path: Path) -> None:
    chain = [*ours("recordio"), *ours("fixcrio"), *ours("argv0"), "sh", "server", "-c", SERVER]
    with serving(tmp_path, ["-vHRl0"], chain) as served:
        client = served.connect()
        with subprocess.Popen(
            [*ours("mconnect-io")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=ENVIRONMENT,
            preexec_fn=lambda: (os.dup2(client.fileno(), 60), os.dup2(60, 6), os.dup2(60, 7)),
            pass_fds=[6, 7],
            bufsize=0,
        ) as person:
            assert person.stdin
            assert person.stdout
            assert person.stdout.readline() == b"hello\r\n"
            for word in (b"one", b"two"):
                person.stdin.write(word + b"\n")
                assert person.stdout.readline() == b"you said: %s^M\r\n" % word
            client.shutdown(1)  # what mconnect-io never does
            assert person.stdout.read() == b"bye\r\n"
            assert person.wait(PATIENCE) == 0
        client.close()
        lines = served.wait_for(lambda lines: any(line.startswith("tcpserver: end ") for line in lines))
        pid = next(line.split()[2] for line in lines if line.startswith("tcpserver: pid "))
        assert f"tcpserver: end {pid} status 0" in lines
        said = [line.rstrip() for line in lines if line.startswith(f"{pid} ")]
        assert [line for line in said if " < " in line] == [
            f"{pid} < one",
            f"{pid} < two",
            f"{pid} < [EOF]",
        ]
        assert f"{pid} > hello" in said


@pytest.mark.parametrize("text", [b"one\ntwo\n", b"", b"no end", b"\n\n\r\n" * 50_000])
def test_what_addcr_puts_in_delcr_takes_away(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(text)
    with (
        open(tmp_path / "text", "rb") as source,
        subprocess.Popen([*ours("addcr")], stdin=source, stdout=subprocess.PIPE, env=ENVIRONMENT) as first,
        subprocess.Popen(
            [*ours("delcr")], stdin=first.stdout, stdout=subprocess.PIPE, env=ENVIRONMENT
        ) as second,
    ):
        assert first.stdout
        first.stdout.close()
        assert second.communicate(timeout=PATIENCE)[0] == text
        assert (first.wait(PATIENCE), second.returncode) == (0, 0)
