"""When a client's time is over, and what is done then: no process, no kernel, a clock of the test's own."""

import gc
import random
import tracemalloc

import pytest

from ucspi.tcp.connection import Connection
from ucspi.tcp.server import timelimits as module
from ucspi.tcp.server.timelimits import AGAIN, GRACE, HELP, SLACK, TICK, TimeLimits
from ucspi.unix.errtext import describe


class World:
    """A clock, handlers and connections that do what the test says; what is done to them is noted."""

    def __init__(self, max_time: int | None = None, idle_time: int | None = None) -> None:
        self.now = 1000.0
        self.done: list[tuple[float, str, int]] = []  # seconds since the start, what, the client's port
        self.counts: dict[bytes, int | OSError | None] = {}
        self.is_known, self.can_kill, self.is_full = True, True, False
        self.looks = 0
        self.warnings: list[bytes] = []
        self.limits = TimeLimits(max_time, idle_time, self, self, lambda: self.now)  # type: ignore[arg-type]

    def client(self, number: int = 1, rule: int | None = None) -> Connection:
        connection = Connection(number, b"127.0.0.1", 1, b"127.0.0.1", number)
        self.limits.enter(connection, rule)
        return connection

    def note(self, what: str, number: int) -> None:
        self.done.append((round(self.now - 1000, 3), what, number))

    # What limits act by.

    def identify(self, descriptor: int) -> bytes:
        return b"%d" % descriptor

    def moved(self, identity: bytes) -> int | None:
        self.looks += 1
        count = self.counts.get(identity, 0)
        if isinstance(count, OSError):
            raise count
        return count

    def terminate(self, connection: Connection) -> bool:
        if self.is_known:
            self.note("TERM", connection.remote_port)
        return self.is_known

    def kill(self, connection: Connection, identity: bytes) -> bool:
        assert identity == b"%d" % connection.remote_port
        if self.can_kill:
            self.note("shut", connection.remote_port)
        return self.can_kill

    def kill_only(self, connection: Connection) -> None:
        self.note("KILL", connection.remote_port)

    def cut(self, identity: bytes) -> None:
        self.note("cut", int(identity))

    # The report.

    def expired(self, connection: Connection, limit: bytes, seconds: int) -> None:
        if self.is_full:
            raise MemoryError
        self.note(f"{limit.decode()} {seconds}", connection.remote_port)

    def killing(self, connection: Connection) -> None:
        self.note("killing", connection.remote_port)

    def warn(self, text: bytes) -> None:
        self.warnings.append(text)

    def pass_time(self, seconds: float, step: float | None = None) -> None:
        """Turn as the loop does until so many seconds have passed, at each deadline or every step."""
        end = self.now + seconds
        while True:
            deadline = self.limits.deadline()
            self.now = min(end, max(self.now, deadline if deadline is not None else end))
            if step is not None:
                self.now = min(end, self.now, self.now + step)
            self.limits.turn()
            if self.now >= end and ((deadline := self.limits.deadline()) is None or deadline > end):
                return


def test_nobody_is_limited_without_a_limit() -> None:
    world = World()
    world.client()
    assert world.limits.deadline() is None
    world.pass_time(1e9)
    assert world.done == []


def test_handler_that_goes_on_is_terminated_and_then_killed() -> None:
    world = World(max_time=60)
    world.client()
    world.pass_time(200)
    assert world.done == [
        (60.05, "TERM", 1),
        (60.05, "max-time 60", 1),
        (70.1, "shut", 1),
        (70.1, "killing", 1),
        (71.15, "KILL", 1),
    ]
    assert world.limits.deadline() is None


def test_handler_that_ends_in_time_is_left_alone() -> None:
    world = World(max_time=60)
    client = world.client()
    world.pass_time(59.9)
    world.limits.leave(client)
    assert world.limits.deadline() is None
    world.pass_time(100)
    assert world.done == []


def test_handler_that_obeys_is_not_killed_but_its_connection_is_looked_after() -> None:
    world = World(max_time=60)
    client = world.client()
    world.pass_time(61)
    world.limits.leave(client)
    world.pass_time(100)
    assert [what for _, what, _ in world.done] == ["TERM", "max-time 60", "cut"]
    assert world.done[-1][0] == pytest.approx(60 + GRACE, abs=3 * TICK)


@pytest.mark.parametrize(
    ("option", "rule", "what"),
    [
        (60, 30, "MAXTIME 30"),
        (60, 90, "max-time 60"),
        (60, 60, "max-time 60"),
        (None, 30, "MAXTIME 30"),
        (60, None, "max-time 60"),
        (None, 10**18 - 1, ""),
    ],
)
def test_smaller_one_of_option_and_rule_counts(option: int | None, rule: int | None, what: str) -> None:
    world = World(max_time=option)
    world.client(rule=rule)
    world.pass_time(1000)
    assert [words for _, words, _ in world.done if " " in words] == ([what] if what else [])


def test_clients_expire_in_the_order_of_their_times() -> None:
    world = World(max_time=1000)
    times = random.Random(1).sample(range(1, 900), 300)
    for number, seconds in enumerate(times, 1):
        world.client(number, rule=seconds)
    world.pass_time(2000)
    expired = [number for _, what, number in world.done if what.startswith("MAXTIME")]
    assert expired == sorted(range(1, 301), key=lambda number: times[number - 1])


def test_process_that_is_not_known_yet_gets_its_signal_as_soon_as_it_is() -> None:
    world = World(max_time=60)
    world.client()
    world.is_known = False
    world.pass_time(62)
    assert world.done == []
    world.is_known = True
    world.pass_time(1)
    assert world.done[0][1] == "TERM"
    assert world.done[0][0] == pytest.approx(62, abs=AGAIN + 2 * TICK)


def test_connection_that_was_never_started_is_forgotten() -> None:
    world = World(max_time=60)
    client = world.client()
    world.is_known = False
    world.pass_time(62)
    world.limits.leave(client)
    assert world.limits.deadline() is None


def test_handler_is_killed_even_if_its_connection_cannot_be_shut() -> None:
    world = World(max_time=60)
    world.client()
    world.can_kill = False
    world.pass_time(200)
    kills = {what: at for at, what, _ in world.done if what in ("shut", "KILL")}
    assert kills == {"KILL": pytest.approx(60 + GRACE + 2 * HELP, abs=0.5)}


def test_pause_of_the_server_shortens_the_grace_of_no_handler() -> None:
    world = World(max_time=60)
    world.client()
    world.now += 10_000  # stopped, or the loop hung
    world.limits.turn()
    world.limits.turn()
    assert [what for _, what, _ in world.done] == ["TERM", "max-time 60"]
    assert world.limits.deadline() == world.now + GRACE + TICK


def test_client_that_moves_nothing_is_idle_after_the_time() -> None:
    world = World(idle_time=60)
    world.client()
    world.pass_time(300)
    assert world.done[0][0] == pytest.approx(60, abs=1)
    assert world.done[1][1] == "idle-time 60"


def test_client_that_sends_a_byte_now_and_then_is_not_idle() -> None:
    world = World(idle_time=60)
    world.client()
    for count in range(1, 100):
        world.counts[b"1"] = count
        world.pass_time(59)
    assert world.done == []
    world.pass_time(60 * 1.25 + 1)
    assert world.done[0][1] == "TERM"


@pytest.mark.parametrize("quiet", [0.1, 14.9, 15.1, 44.0])
def test_client_is_idle_from_its_last_byte_on_and_never_too_early(quiet: float) -> None:
    world = World(idle_time=60)
    world.client()
    world.pass_time(quiet)
    world.counts[b"1"] = 1
    world.pass_time(300)
    assert quiet + 60 <= world.done[0][0] <= quiet + 60 * 1.25 + 1


def test_what_moved_before_the_first_look_counts_as_new() -> None:
    world = World(idle_time=60)
    world.counts[b"1"] = 107  # a PROXY header
    world.client()
    world.pass_time(300)
    assert 60 <= world.done[0][0] <= 76


def test_connection_that_nobody_holds_is_not_idle() -> None:
    world = World(idle_time=60)
    world.client()
    world.counts[b"1"] = None
    world.pass_time(300)
    assert world.done == []
    assert world.looks == 1
    assert world.limits.deadline() is None


def test_time_limit_holds_even_without_a_connection() -> None:
    world = World(max_time=100, idle_time=60)
    world.client()
    world.counts[b"1"] = None
    world.pass_time(300)
    assert world.done[1][0] == pytest.approx(100, abs=1)
    assert world.done[1][1] == "max-time 100"


def test_kernel_that_does_not_answer_ends_nobody_and_is_named_once() -> None:
    world = World(idle_time=60)
    world.client(1)
    world.client(2)
    world.counts = {b"1": OSError(105, ""), b"2": OSError(105, "")}  # ENOBUFS
    world.pass_time(300)
    assert world.done == []
    assert world.warnings == [b"unable to see which clients are idle: " + describe(105)]
    world.counts = {b"2": 5}
    world.pass_time(16)
    assert [what for _, what, _ in world.done][:2] == ["TERM", "idle-time 60"]
    assert {number for _, _, number in world.done} == {1}


def test_looks_are_few_and_spread() -> None:
    world = World(idle_time=60)
    for number in range(1, 1001):
        world.client(number)
        world.counts[b"%d" % number] = number
        world.now += 0.001
    world.pass_time(59)
    assert world.looks <= 4 * 1000


def test_many_that_are_due_at_once_are_seen_to_in_several_turns() -> None:
    world = World(max_time=60)
    for number in range(1, 501):
        world.client(number)
    world.now += 61
    world.limits.turn()
    assert len([what for _, what, _ in world.done if what == "TERM"]) == module.AT_ONCE
    deadline = world.limits.deadline()
    assert deadline is not None
    assert deadline <= world.now
    world.pass_time(0.1)
    assert len([what for _, what, _ in world.done if what == "TERM"]) == 500


def test_clients_that_have_left_cost_no_memory() -> None:
    world = World(max_time=10**6, idle_time=10**6)
    stays = world.client(1)

    def come_and_go() -> None:
        for _ in range(20_000):
            world.limits.leave(world.client(2))

    come_and_go()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        come_and_go()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 100_000
    finally:
        tracemalloc.stop()
    assert len(world.limits._entries) <= 2 + SLACK + 1
    assert stays in world.limits._clients


def test_memory_that_runs_out_while_a_client_enters_limits_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(max_time=60)
    world.client(1)

    def full(*arguments: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(module, "heappush", full)
        with pytest.raises(MemoryError):
            world.client(2)
    world.pass_time(61)
    assert [number for _, what, number in world.done if what == "TERM"] == [1]


def test_memory_that_runs_out_while_a_client_is_seen_to_loses_no_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(max_time=60)
    world.client(1)
    monkeypatch.setattr(world, "is_full", True)
    world.now += 61
    with pytest.raises(MemoryError):
        world.limits.turn()
    monkeypatch.setattr(world, "is_full", False)
    world.pass_time(60)
    assert [what for _, what, _ in world.done] == ["TERM", "TERM", "max-time 60", "shut", "killing", "KILL"]
    assert world.done[3][0] >= 61 + GRACE


def test_random_clients_are_ended_exactly_when_they_should() -> None:
    """A model with another structure: every client that stays longer than its time is ended, nobody else."""
    chance = random.Random(7)
    world = World(max_time=50)
    entered: dict[Connection, tuple[float, int]] = {}
    left: set[int] = set()
    for number in range(1, 400):
        rule = chance.choice([None, 5, 20, 70])
        connection = world.client(number, rule)
        entered[connection] = (world.now, min(rule or 50, 50))
        world.pass_time(chance.random() * 2)
        if chance.random() < 0.7:
            gone = chance.choice([other for other in entered if other.remote_port not in left])
            left.add(gone.remote_port)
            began, seconds = entered[gone]
            terminated = gone.remote_port in [port for _, what, port in world.done if what == "TERM"]
            assert terminated or world.now < began + seconds + 2 * TICK
            world.limits.leave(gone)
    world.pass_time(200)
    for connection, (began, seconds) in entered.items():
        times = [at for at, what, port in world.done if what == "TERM" and port == connection.remote_port]
        assert len(times) <= 1
        if connection.remote_port not in left:
            assert len(times) == 1
        for at in times:
            assert seconds <= at + 1000 - began <= seconds + 3 * TICK
