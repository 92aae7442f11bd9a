"""rblsmtpd behind tcpserver: executed or taken as a step, it does what the original does."""

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.support.nameserver import NameServer, address, failing, silent, text
from tests.support.oracles import Oracle
from tests.support.warmed import CAN_BE_WARM, server, three_ways

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.slow,
    pytest.mark.skipif(
        not CAN_BE_WARM, reason="there are no steps without the compiled module and launchers"
    ),
]

NAME = b"1.0.0.127."
SERVE = ["sh", "-c", 'read -r said; echo "served $said"; exit 3']
SAY = b"helo x\r\nmail\r\nquit\r\n"
FAILS = "x" * 64 + ".test"  # no name of DNS: fails at once, without a question
OURS = ("cold", "warm")
NONE = ["rblsmtpd", "-r", "none"]
# Commands in front of rblsmtpd, the name that one shows in front of its options, and commands behind it.
BEFORE = [[], ["pgrphack"], ["softlimit", "-o", "60"], ["fixcrio"], ["argv0"], ["setlock", "lock"], NONE]
BEHIND = [[], ["argv0", "sh", "-sh"], ["softlimit", "-o", "40"], ["fixcrio"], NONE, ["env", "A=b", *NONE]]


@pytest.fixture
def lists() -> Iterator[NameServer]:
    """Serve lists at the port that all ask, on an address of our own."""
    manners = {
        NAME + b"listed": text(b"Blocked, see http://list.test/"),
        NAME + b"passed": address(),
        NAME + b"failing": failing,
        NAME + b"silent": silent,
        b"9.2.0.192.none": text(b"another client"),
    }
    try:
        made = NameServer(manners, f"127.{os.getpid() % 250 + 1}.{os.getpid() // 250 % 250 + 1}.53", 53)
    except PermissionError:
        pytest.skip("only root may serve the port of DNS")
    with made:
        yield made


@pytest.fixture
def environ(lists: NameServer) -> dict[str, str]:
    return {"DNSCACHEIP": lists.address[0].decode()}


def _options(random: Random) -> list[str]:
    flags = [["-b"], ["-B"], ["-c"], ["-C"], ["-t5"], ["-bc"]]
    asked = [[f"-{kind}", base] for kind in "ra" for base in ("listed", "passed", "none", "none", FAILS)]
    chosen = [random.choice(flags if random.random() < 0.4 else asked) for _ in range(random.randrange(6))]
    return [word for words in chosen for word in words]


def _chain(random: Random) -> list[str]:
    before, behind = random.choice(BEFORE), random.choice(BEHIND)
    handler = SERVE[1:] if behind[:1] == ["argv0"] else SERVE
    shown = ["x"] if before == ["argv0"] else []
    return [*before, "rblsmtpd", *shown, *_options(random), *behind, *handler]


@pytest.mark.parametrize("number", range(24))
def test_any_chain_three_ways_is_one(
    oracle: Oracle, tmp_path: Path, environ: dict[str, str], number: int
) -> None:
    line = _chain(Random(number))
    ways = OURS if FAILS in line else ("original", *OURS)  # the original does not say which list failed
    three_ways(oracle, tmp_path, line, say=SAY, environ=environ, ways=ways)


CASES = {
    "no list": ["rblsmtpd", *SERVE],
    "a list": [*NONE, *SERVE],
    "one that lists": ["rblsmtpd", "-b", "-r", "listed", *SERVE],
    "one that lets pass": ["rblsmtpd", "-a", "passed", "-r", "listed", *SERVE],
    "no option of rblsmtpd": ["rblsmtpd", "-Z", *SERVE],
    "no number": ["rblsmtpd", "-t"],
    "nothing to run": [*NONE, "./missing"],
    "nothing to run in PATH": [*NONE, "missing-program"],
    "no program at all": NONE,
    "a directory": [*NONE, "/"],
    "behind --": ["rblsmtpd", "-rnone", "--", *SERVE],
    "the same list twice": ["rblsmtpd", "-rnone", "-rnone", "-anone", *SERVE],
    "many lists": ["rblsmtpd", *["-rnone"] * 9, *SERVE],
    "few descriptors": ["softlimit", "-o4", *NONE, *SERVE],
    "the environment": [*NONE, "cat", "/proc/self/environ"],
    "descriptors": [*NONE, "ls", "/proc/self/fd"],
    "signals and limits": [*NONE, "grep", "-hE", "^(Sig[BIC]|Max)", "/proc/self/status", "/proc/self/limits"],
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("variable", [None, "", "-gone", "later"])
def test_three_ways_are_one(
    oracle: Oracle, tmp_path: Path, environ: dict[str, str], case: str, variable: str | None
) -> None:
    given = environ if variable is None else environ | {"RBLSMTPD": variable}
    ways: tuple[str, ...] = ("original", *OURS)
    if case in ("no option of rblsmtpd", "no program at all", "no number"):
        ways = OURS  # our usage line is another
    if case == "few descriptors":
        ways = ("original", "warm")  # too few for an interpreter
        if variable:
            return
    three_ways(oracle, tmp_path, CASES[case], say=SAY, environ=given, ways=ways)


DIRECTORIES = {
    "let": {"RBLSMTPD": b"\n"},
    "unset": {"RBLSMTPD": b""},
    "refuse": {"RBLSMTPD": b"-no\n"},
    "client": {"TCPREMOTEIP": b"192.0.2.9"},
    "nobody": {"TCPREMOTEIP": b""},
}


@pytest.mark.parametrize("case", DIRECTORIES)
@pytest.mark.parametrize("base", ["none", "listed"])
def test_variables_of_a_directory_count(
    oracle: Oracle, tmp_path: Path, environ: dict[str, str], case: str, base: str
) -> None:
    (tmp_path / "variables").mkdir()
    for name, content in DIRECTORIES[case].items():
        (tmp_path / "variables" / name).write_bytes(content)
    line = ["envdir", "variables", "rblsmtpd", "-r", base, *SERVE]
    for given in (environ, environ | {"RBLSMTPD": "later"}):
        three_ways(oracle, tmp_path, line, say=SAY, environ=given)


@pytest.mark.parametrize("base", ["none", "listed"])
def test_directory_may_name_the_server(
    oracle: Oracle, tmp_path: Path, environ: dict[str, str], base: str
) -> None:
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables/DNSCACHEIP").write_text(environ["DNSCACHEIP"])
    three_ways(oracle, tmp_path, ["envdir", "variables", "rblsmtpd", "-r", base, *SERVE], say=SAY)


@pytest.mark.parametrize("behind", ["-r failing", "-c -r failing", "-a failing -r listed", "-C -a failing"])
def test_list_that_fails_or_keeps_silent_is_left_to_the_program(
    oracle: Oracle, tmp_path: Path, environ: dict[str, str], behind: str
) -> None:
    for words in (behind, behind.replace("failing", "silent")):
        line = ["rblsmtpd", "--timeout-dns", "1", *words.split(), *SERVE]
        _, _, said = three_ways(oracle, tmp_path, line, say=SAY, environ=environ, ways=OURS)
        assert b"unable to ask" in said


def test_chain_with_recordio_serves_and_refuses(
    oracle: Oracle, tmp_path: Path, environ: dict[str, str]
) -> None:
    """What recordio says of it may come later than the client's end."""
    oracle("tcpserver")
    for base in (b"none", b"listed"):
        line = ["recordio", "rblsmtpd", "-r", base, *SERVE]
        outcomes = []
        for way in ("original", *OURS):
            with server(tmp_path, way, line, environ=environ) as running:
                outcomes.append(running.visit(SAY)[:2])
        assert outcomes[0] == outcomes[1] == outcomes[2]


@pytest.mark.parametrize(
    ("options", "questions"),
    [
        (["-r", "none"], 1),
        (["-b", "-C", "-a", "none", "-t3", "-r", "none"], 2),
        (["-r", "none", "--timeout-dns", "1"], 1),
        (["-a", "passed"], 2),
        (["-r", "none", "-r", "listed"], 4),
    ],
)
def test_lists_are_asked_twice_only_where_one_has_the_client(
    tmp_path: Path, lists: NameServer, environ: dict[str, str], options: list[str], questions: int
) -> None:
    with server(tmp_path, "warm", ["rblsmtpd", *options, *SERVE], environ=environ) as running:
        running.visit(SAY)
        assert len(lists.asked) == questions
