"""Names, ident and the small clients against the originals, in a world of their own."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from tests.differential.tcpclient.both import assert_alike
from tests.differential.tcpclient.world import CLIENT, SMALL, Answers
from tests.support.oracles import Oracle

pytestmark = [pytest.mark.oracle, pytest.mark.e2e, pytest.mark.slow]  # silent servers take their time

ROOT = Path(__file__).parents[3]
CLIENTS = ("who@", "date@", "finger@", "http@", "tcpcat", "mconnect", "mconnect-io")


@pytest.fixture(scope="module")
def answers(
    oracle: Oracle, our_clients: Path, client_probe: str, tmp_path_factory: pytest.TempPathFactory
) -> Answers:
    """Run the whole world once."""
    for name in CLIENTS:
        oracle(name)
    unshare = ["unshare", "-n", "-m"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        pytest.skip("cannot make a network namespace: not root, or forbidden")
    module = [sys.executable, "-m", "tests.differential.tcpclient.world"]
    arguments = [str(our_clients), client_probe, str(tmp_path_factory.mktemp("world"))]
    done = subprocess.run([*unshare, *module, *arguments], capture_output=True, timeout=170, cwd=ROOT)
    assert done.returncode == 0, done.stderr.decode()
    found: Answers = pickle.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", SMALL)
def test_it_answers_as_the_original_does(answers: Answers, name: str) -> None:
    original, ours = answers[name]
    assert_alike(ours, original)


@pytest.mark.parametrize("name", CLIENT)
def test_it_shows_what_the_original_shows(answers: Answers, name: str) -> None:
    original, ours = answers[name]
    assert_alike(ours, original)


def test_the_hosts_file_counts(answers: Answers) -> None:
    original, ours = answers["hosts"]
    assert (original.code, ours.code) == (111, 0)
    assert b"TCPREMOTEHOST=hosts.test" in ours.environment()


def test_body_is_printed_byte_for_byte(answers: Answers) -> None:
    original, ours = answers["a body with empty lines"]
    printed = [seen.output.partition(b"\nASKED ")[0] for seen in (original, ours)]
    assert printed == [
        b"line 1\nline 2\n\0\xff\nno newline\n",
        b"line 1\r\n\r\nline 2\n\n\0\xff\r\n\r\nno newline",
    ]
    original, ours = answers["a body of empty lines"]
    assert [seen.output.partition(b"\nASKED ")[0] for seen in (original, ours)] == [b"", b"\r\n\n"]


@pytest.mark.parametrize(
    ("name", "asked"),
    [("a user for echo", [b"", b"-n\r\n"]), ("a user with backslashes", [b"a\tb", b"a\\tb\\c\r\n"])],
)
def test_request_is_what_was_typed(answers: Answers, name: str, asked: list[bytes]) -> None:
    pair = answers[name]
    assert [seen.output.rpartition(b"\nASKED ")[2] for seen in pair] == asked
