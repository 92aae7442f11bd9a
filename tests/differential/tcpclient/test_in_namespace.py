"""Names, ident and the small clients against the originals, in a network namespace."""

import pickle
from pathlib import Path

import pytest

from tests.differential.tcpclient.both import assert_alike
from tests.differential.tcpclient.in_namespace import CLIENT, SMALL, Answers
from tests.support.oracles import Oracle
from tests.support.unshared import run_unshared

pytestmark = [pytest.mark.oracle, pytest.mark.e2e, pytest.mark.slow]  # silent servers take their time

CLIENTS = ("who@", "date@", "finger@", "http@", "tcpcat", "mconnect", "mconnect-io")


@pytest.fixture(scope="module")
def answers(
    oracle: Oracle, our_clients: Path, client_probe: str, tmp_path_factory: pytest.TempPathFactory
) -> Answers:
    """Run all cases once."""
    for name in CLIENTS:
        oracle(name)
    place = tmp_path_factory.mktemp("namespace")
    module = "tests.differential.tcpclient.in_namespace"
    found: Answers = pickle.loads(
        run_unshared(module, str(our_clients), client_probe, str(place), timeout=170)
    )
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
