"""softlimit against the original: limits as the child sees them, down to none at all."""

import resource
import signal
import sys
from pathlib import Path
from random import Random

import pytest

from tests.differential.chain import LIMITS, Compare
from tests.support.commands import ours, run
from tests.support.launchers import needs_launcher
from tests.support.oracles import Oracle

pytestmark = [pytest.mark.oracle, pytest.mark.sampled(3)]

LETTERS = "acdflmoprst"


def test_generated_limits_are_those_of_the_original(compare: Compare, oracle: Oracle, tmp_path: Path) -> None:
    random = Random(76)
    large = ["=", "100000000", "2000000000", "9999999999999999", "18446744073709551615", "0900000000"]
    for _ in range(12):
        options = []
        for letter in random.choices(LETTERS, k=random.randrange(1, 6)):
            value = random.choice(large)
            options += random.choice([[f"-{letter}{value}"], [f"-{letter}", value]])
        code, output, _ = compare(oracle, "softlimit", [*options, *LIMITS], tmp_path)
        assert (code, output.startswith(b"Limit")) == (0, True)


def test_hard_limit_stays_and_bounds_the_soft_one(compare: Compare, oracle: Oracle, tmp_path: Path) -> None:
    def before() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (50, 60))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 5))

    for option in (
        ["-o", "55"],
        ["-o", "61"],
        ["-o", "="],
        ["-o=", "-c="],
        ["-c", "", "-o10"],
        ["-o8", "-o9"],
    ):
        assert compare(oracle, "softlimit", [*option, *LIMITS], tmp_path, before=before)[0] == 0


@pytest.mark.parametrize("value", ["10x", "-1", "+5", " 5", "=1", "0x10", "1_0", "²", "5\n"])
def test_what_is_no_limit_is_the_usage(compare: Compare, oracle: Oracle, tmp_path: Path, value: str) -> None:
    assert compare(oracle, "softlimit", ["-a", value, "true"], tmp_path)[0] == 100


def test_odd_options_are_the_usage(compare: Compare, oracle: Oracle, tmp_path: Path) -> None:
    for arguments in (
        ["-a"],
        ["-z"],
        ["-o10"],
        ["-c0", "-", "true"],
        ["-c0z", "true"],
        ["-:", "true"],
        ["--"],
    ):
        assert compare(oracle, "softlimit", arguments, tmp_path)[0] in (100, 111)
    assert compare(oracle, "softlimit", ["-c0", "--", "true"], tmp_path)[0] == 0


TINY = [
    ["-m", "1000"],
    ["-m", "0"],
    ["-a", "0"],
    ["-s", "0"],
    ["-o", "0"],
    ["-d", "0"],
    ["-d0", "-s0", "-a0", "-o0", "-l0", "-p0", "-c0", "-r0"],
]


@pytest.mark.parametrize("options", TINY)
def test_tiny_limits_reach_the_program(
    compare: Compare, oracle: Oracle, tmp_path: Path, options: list[str]
) -> None:
    compare(oracle, "softlimit", [*options, "true"], tmp_path)
    code, _, error = compare(oracle, "softlimit", [*options, "nosuch"], tmp_path)
    assert (code, error) == (111, b"softlimit: fatal: unable to run nosuch: file does not exist\n")


def test_large_environment_fits_under_no_memory_at_all(
    compare: Compare, oracle: Oracle, tmp_path: Path
) -> None:
    large = {f"V{number}": "x" * 1000 for number in range(300)}
    plenty = {f"W{number}": str(number) for number in range(3000)}
    arguments = ["-d0", "-a0", "nosuch", *map(str, range(9000))]
    path = ":".join(f"/nowhere/{number}" for number in range(9))
    code, _, error = compare(
        oracle, "softlimit", arguments, tmp_path, environment={**large, **plenty, "PATH": path}
    )
    assert (code, error.count(b"\n")) == (111, 1)
    assert compare(oracle, "softlimit", ["-d0", "true"], tmp_path, environment=large | plenty)[0] == 0


def test_program_dies_of_what_it_exceeds(compare: Compare, oracle: Oracle, tmp_path: Path) -> None:
    copy = ["dd", "if=/dev/zero", "of=out", "bs=100", "count=9"]
    assert compare(oracle, "softlimit", ["-f250", *copy], tmp_path)[0] == -signal.SIGXFSZ
    assert (tmp_path / "out").stat().st_size == 250


@pytest.mark.slow
def test_program_dies_of_its_time(compare: Compare, oracle: Oracle, tmp_path: Path) -> None:
    assert (
        compare(oracle, "softlimit", ["-t1", "sh", "-c", "while :; do :; done"], tmp_path)[0]
        == -signal.SIGXCPU
    )


def test_number_beyond_all_is_the_hard_limit(oracle: Oracle, tmp_path: Path) -> None:
    """The original counts modulo 2**64, so this is 5 there."""
    probe = ["-o", str(2**64 + 5), "sh", "-c", "ulimit -n"]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert run([*ours("softlimit"), *probe], tmp_path)[1] == b"%d\n" % hard
    assert run([oracle("softlimit"), *probe], tmp_path)[1] != b"%d\n" % hard


def test_unknown_option_is_complained_of_before_any_value(oracle: Oracle, tmp_path: Path) -> None:
    mine, original = (
        run([*command, "-a", "x", "-z", "true"], tmp_path)
        for command in (ours("softlimit"), [oracle("softlimit")])
    )
    assert mine == (100, b"", b"softlimit: illegal option -- z\n" + original[2])


@needs_launcher
def test_tools_of_ours_need_no_more_than_the_originals(oracle: Oracle, tmp_path: Path) -> None:
    for limit in ("-m 5000000", "-d 500000", "-m 16000000"):
        for command in (ours("softlimit"), [oracle("softlimit")]):
            limited = [*command, *limit.split(), *ours("softlimit"), "-m", "=", "true"]
            assert run(limited, tmp_path) == (0, b"", b"")
            assert run([*command, *limit.split(), *ours("pgrphack"), "true"], tmp_path) == (0, b"", b"")


@pytest.mark.parametrize("first", ["/usr/bin/env python3", "python3"])
def test_limit_that_python_cannot_start_with_is_warned_of(first: str, tmp_path: Path) -> None:
    """Old run scripts limit tcpserver to a few megabytes: an interpreter dies of that without a word."""
    script = tmp_path / "tool"
    script.write_text(f"#!{first if first[0] == '/' else sys.executable}\nraise SystemExit(3)\n")
    script.chmod(0o755)
    warning = (
        b"softlimit: warning: ./tool is run by Python, which may not do its work below -m 32000000: "
        b"raise the limit, or put softlimit behind it\n"
    )
    for limit in (["-m", "1000000"], ["-a31999999"], ["-d", "0"], ["-m=", "-d8000000"]):
        code, _, error = run([*ours("softlimit"), *limit, "./tool"], tmp_path)
        assert error.startswith(warning), limit
        assert code != 100
    for limit in (["-m", "99000000"], ["-d1", "-d="], ["-o", "100"], ["-a", str(2**63)]):
        assert run([*ours("softlimit"), *limit, "./tool"], tmp_path) == (3, b"", b""), limit


def test_other_programs_get_no_such_warning(tmp_path: Path) -> None:
    assert run([*ours("softlimit"), "-m", "10000000", "true"], tmp_path) == (0, b"", b"")


def test_limits_of_before_that_leave_no_memory_are_reported(tmp_path: Path) -> None:
    code = (
        "import sys; from ucspi.programs import softlimit; from ucspi.unix import rlimits\n"
        "rlimits._RESERVE = 10_000_000  # more than an interpreter has at hand\n"
        "rlimits.apply([rlimits.soft(rlimits.AS, 0), rlimits.soft(rlimits.DATA, 0)])\n"
        "sys.exit(softlimit.main())"
    )
    done = run([sys.executable, "-c", code, "-c0", "true"], tmp_path)
    assert done == (111, b"", b"softlimit: fatal: unable to run true: out of memory\n")
