"""The intended differences that no comparison shows, and the page that lists them all."""

import os
import pwd
from pathlib import Path

import pytest

from tests.differential.tcpserver import differences
from tests.differential.tcpserver.case import PLAIN, Case, furnish, observe
from tests.differential.tcpserver.server import Launch, Observation

pytestmark = [pytest.mark.sampled(3), pytest.mark.oracle, pytest.mark.e2e]

PAGE = Path(__file__).parents[3] / "docs" / "differences.md"

# Options that the original reads as a number, though they are none, and the
# word that our message must name.
NONSENSE = [
    ((b"-c", b"0"), b"-c"),
    ((b"-c", b"abc"), b"abc"),
    ((b"-c5x",), b"5x"),
    ((b"-c", b"-1"), b"-1"),
    ((b"-b", b"x"), b"x"),
    ((b"-t", b"soon"), b"soon"),
    ((b"-u", b"no-such-user"), b"no-such-user"),
    ((b"-g", b"no-such-group"), b"no-such-group"),
    ((b"-u", b""), b"unknown user"),
]
ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")


def show(ours: bytes, probe: Path, directory: Path, launch: Launch, *, starts: bool) -> Observation:
    case = Case("ours alone", launch, starts=starts)
    furnish(case, directory, probe, lambda target, rules: None)
    return observe(ours, launch, case, directory)


@pytest.fixture(autouse=True)
def _not_the_original(judged_by_itself: bool) -> None:
    if judged_by_itself:
        pytest.skip("these differ from the original on purpose")


@pytest.mark.parametrize(("options", "named"), NONSENSE)
def test_nonsense_does_not_start(
    ours: bytes, probe: Path, tmp_path: Path, options: tuple[bytes, ...], named: bytes
) -> None:
    seen = show(ours, probe, tmp_path, Launch((*PLAIN, *options)), starts=False)
    assert seen.exit_code in (100, 111)
    assert seen.stdout == b""
    assert seen.lines
    assert named in seen.lines[0]
    assert not any(b"Traceback" in line for line in seen.lines)


def test_the_original_takes_a_long_option_for_two_dashes(
    original: bytes, probe: Path, tmp_path: Path
) -> None:
    seen = show(original, probe, tmp_path, Launch((*PLAIN, b"--nonsense")), starts=True)
    assert seen.answers[0].report is not None


WRAPPED = [
    (Launch(PLAIN, port=b"65536"), 100, b"unable to figure out port number for 65536: the largest is 65535"),
    (Launch(PLAIN, host=b"383.256.0.1"), 111, b"no IP address for 383.256.0.1"),
]


@pytest.mark.parametrize(("launch", "code", "why"), WRAPPED)
def test_port_and_address_do_not_wrap(
    original: bytes, ours: bytes, probe: Path, tmp_path: Path, launch: Launch, code: int, why: bytes
) -> None:
    (tmp_path / "original").mkdir()
    assert show(original, probe, tmp_path / "original", launch, starts=True).answers[0].report is not None
    seen = show(ours, probe, tmp_path, launch, starts=False)
    assert (seen.exit_code, seen.stdout, seen.lines) == (code, b"", (b"tcpserver: fatal: %s\n" % why,))


@pytest.mark.parametrize("option", [b"--nonsense", b"--v", b"--1"])
def test_an_unknown_long_option_is_refused(ours: bytes, probe: Path, tmp_path: Path, option: bytes) -> None:
    seen = show(ours, probe, tmp_path, Launch((*PLAIN, option)), starts=False)
    assert (seen.exit_code, seen.stdout) == (100, b"")
    assert seen.lines[0].endswith(b"illegal option -- %s\n" % option[2:])


@pytest.mark.parametrize("option", [b"--help", b"--version"])
def test_help_and_version_are_answered(ours: bytes, probe: Path, tmp_path: Path, option: bytes) -> None:
    alone = Launch(setup=b'set -- "$1" ' + option)
    seen = show(ours, probe, tmp_path, alone, starts=False)
    assert (seen.exit_code, seen.lines) == (0, ())
    assert seen.stdout.startswith((b"tcpserver: usage: ", b"ucspi "))


@ROOT_ONLY
@pytest.mark.parametrize("given", [(), ((b"UID", b"65534"),), ((b"GID", b"65534"),)])
def test_root_takes_no_identity_from_nothing(
    ours: bytes, probe: Path, tmp_path: Path, given: tuple[tuple[bytes, bytes], ...]
) -> None:
    seen = show(ours, probe, tmp_path, Launch((*PLAIN, b"-U"), environment=given), starts=False)
    assert (seen.exit_code, seen.stdout) == (100, b"")
    assert seen.lines


@ROOT_ONLY
def test_a_user_may_be_given_by_name(ours: bytes, probe: Path, tmp_path: Path) -> None:
    seen = show(ours, probe, tmp_path, Launch((*PLAIN, b"-u", b"nobody")), starts=True)
    nobody = pwd.getpwnam("nobody")
    report = seen.answers[0].report
    assert report is not None
    facts = dict(report.facts)
    assert facts["uid"] == " ".join([str(nobody.pw_uid)] * 3)
    assert facts["gid"] == " ".join([str(nobody.pw_gid)] * 3)
    groups = [int(value) for name, value in report.facts if name == "group"]
    assert groups == os.getgrouplist("nobody", nobody.pw_gid)


def test_a_denial_is_one_write(ours: bytes, probe: Path, tmp_path: Path) -> None:
    launch = Launch((*PLAIN, b"-x", b"none.cdb"))
    seen = show(ours, probe, tmp_path, launch, starts=True)
    assert len(seen.lines) == 7  # the warning, the first status line, then the five
    assert seen.writes == 3


@pytest.mark.parametrize(
    ("options", "handler", "warnings"),
    [
        ((b"-x", b"none.cdb"), b"./probe", [b"unable to read none.cdb: file does not exist"]),
        ((b"-Xx", b"none.cdb"), b"./probe", []),
        ((b"-Xx", b"/dev/null"), b"./probe", [b"unable to read /dev/null: invalid argument"]),
        ((), b"./none", [b"unable to run ./none: file does not exist"]),
        ((b"-x", b"."), b"/", [b"unable to run /: access denied", b"unable to read .: is a directory"]),
        ((b"-Q",), b"./none", []),
    ],
)
def test_what_everybody_would_be_dropped_for_is_told_at_the_start(
    ours: bytes,
    probe: Path,
    tmp_path: Path,
    options: tuple[bytes, ...],
    handler: bytes,
    warnings: list[bytes],
) -> None:
    case = Case("ours alone", Launch((*PLAIN, *options), handler=(handler,)), clients=())
    furnish(case, tmp_path, probe, lambda target, rules: None)
    seen = observe(ours, case.launch, case, tmp_path)
    told = [
        b"tcpserver: warning: %s; every client is dropped until that changes\n" % warning
        for warning in warnings
    ]
    assert [line for line in seen.lines if b"status" not in line] == told


def test_the_page_lists_every_difference() -> None:
    page = PAGE.read_text()
    for row in differences.ALL:
        assert row.markdown() in page
