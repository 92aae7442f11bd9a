"""What it means that two servers showed the same."""

from tests.differential.tcpserver.case import Case
from tests.differential.tcpserver.server import Observation


def assert_alike(ours: Observation, expected: Observation, case: Case, *, order: bool) -> None:
    """Compare all that was observed; ``order``: also that of the inherited variables."""
    assert ours.lines == expected.lines
    assert ours.facts == expected.facts
    assert ours.stdout == expected.stdout
    assert ours.exit_code == expected.exit_code
    assert len(ours.answers) == len(expected.answers)
    for answer, wanted in zip(ours.answers, expected.answers, strict=True):
        assert (answer.before, answer.end) == (wanted.before, wanted.end)
        if wanted.report is None or answer.report is None:
            assert answer.report == wanted.report
            continue
        assert answer.report.argv == wanted.report.argv
        assert answer.report.descriptors == wanted.report.descriptors
        assert [*answer.report.facts, ("pid", answer.report.pid)] == [
            *wanted.report.facts,
            ("pid", wanted.report.pid),
        ]
        assert sorted(answer.report.environment) == sorted(wanted.report.environment)
        assert not order or in_order(answer.report.environment, case.launch.environment)


def in_order(environment: tuple[bytes, ...], inherited: tuple[tuple[bytes, bytes], ...]) -> bool:
    """Say whether what was inherited, and kept, stands first and in its old order.

    The original moves variables around when it replaces one.  Nothing depends
    on that, so the order is ours: a row of `differences` says so.
    """
    kept = [b"%s=%s" % pair for pair in inherited if b"%s=%s" % pair in environment]
    return list(environment[: len(kept)]) == kept
