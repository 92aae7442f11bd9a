"""Which services are known, what is missing, and what is forgotten."""

import os

from ucspi.service.loggerpipe import LoggerPipe
from ucspi.service.registry import LOG, MAIN, Registry

HERE, THERE = (1, 1), (1, 2)
PIPE = LoggerPipe(-1, -1)


def scanned(registry: Registry, *identities: tuple[int, int]) -> list[tuple[int, int]]:
    """Make a whole scan that sees these; return what it forgets."""
    registry.begin()
    for identity in identities:
        assert registry.see(identity)
    return [service.identity for service in registry.forget()]


def test_new_directory_is_unknown_until_it_is_added() -> None:
    registry = Registry()
    registry.begin()
    assert registry.see(HERE) is None
    service = registry.add(HERE, None)
    assert registry.see(HERE) is service
    assert registry.see(THERE) is None
    assert scanned(registry, HERE) == []


def test_service_without_a_pipe_has_one_supervisor() -> None:
    registry = Registry()
    service = registry.add(HERE, None)
    assert list(service.missing()) == [MAIN]
    registry.started(7, service, MAIN)
    assert list(service.missing()) == []


def test_supervisors_of_a_logged_service_come_and_go_on_their_own() -> None:
    registry = Registry()
    service = registry.add(HERE, PIPE)
    assert list(service.missing()) == [MAIN, LOG]
    registry.started(7, service, MAIN)
    registry.started(8, service, LOG)
    registry.ended(8)
    assert list(service.missing()) == [LOG]
    registry.started(9, service, LOG)
    registry.ended(7)
    registry.ended(9)
    assert list(service.missing()) == [MAIN, LOG]


def test_end_of_a_stranger_changes_nothing() -> None:
    registry = Registry()
    service = registry.add(HERE, None)
    registry.started(7, service, MAIN)
    registry.ended(8)
    registry.ended(7)
    registry.ended(7)
    assert list(service.missing()) == [MAIN]


def test_unseen_service_is_forgotten_when_nothing_runs_for_it() -> None:
    registry = Registry()
    registry.begin()
    service = registry.add(HERE, PIPE)
    registry.started(7, service, MAIN)
    registry.started(8, service, LOG)
    assert scanned(registry) == []
    registry.ended(7)
    assert scanned(registry) == []
    registry.ended(8)
    assert scanned(registry) == [HERE]
    assert registry.see(HERE) is None


def test_service_that_comes_back_in_time_is_the_same() -> None:
    registry = Registry()
    registry.begin()
    service = registry.add(HERE, None)
    registry.started(7, service, MAIN)
    assert scanned(registry) == []
    registry.ended(7)
    assert scanned(registry, HERE) == []
    assert registry.see(HERE) is service


def test_forgetting_makes_room() -> None:
    registry = Registry(limit=1)
    registry.begin()
    registry.add(HERE, None)
    assert registry.is_full()
    assert scanned(registry) == [HERE]
    assert not registry.is_full()


def test_original_keeps_a_thousand() -> None:
    registry = Registry()
    for number in range(1000):
        assert not registry.is_full()
        registry.add((1, number), None)
    assert registry.is_full()


def test_pipe_closes_both_ends() -> None:
    pipe = LoggerPipe(*os.pipe())
    pipe.close()
    for end in (pipe.reader, pipe.writer):
        try:
            os.fstat(end)
        except OSError:
            continue
        raise AssertionError(f"descriptor {end} is open")
