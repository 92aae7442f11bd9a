"""How many examples a property is tried with: all in the slow run, fewer in the default run.

The default run tries new examples each time.  The slow run selects every property
too, and those tests that draw cases of their own and say so by the marker ``drawn``.
"""

from typing import Final

from hypothesis import HealthCheck, settings

THOROUGH: Final = "thorough"  # the profile of the slow run
QUICK: Final = 25  # of a hundred examples, in the default run


def register() -> None:
    """Make both profiles known and load that of the default run."""
    for name, count in (("ucspi", QUICK), (THOROUGH, 100)):
        # No test fails because the machine is busy.  A fixture is the same for all draws of a test.
        settings.register_profile(
            name,
            deadline=None,
            max_examples=count,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        )
    settings.load_profile("ucspi")


def share(count: int) -> int:
    """Return this many in the slow run, and a share of it in the default run."""
    return count if settings.get_current_profile_name() == THOROUGH else max(5, count * QUICK // 100)


def examples(count: int) -> settings:
    """Return settings for this many examples in the slow run, and for a share of it in the default run."""
    return settings(max_examples=share(count))
