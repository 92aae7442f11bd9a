"""What a service asks for by its optional files (`ucspi.service.optionalfiles`)."""

from _signal import SIGTERM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from ucspi.service.socketplaces import SocketPlace

FINISH_TIME: "Final" = 5.0  # seconds
DEATHS: "Final" = 100


class Wishes:
    """What a service asks for; each attribute has the default of its file.

    Attributes:
        is_plain: there is none of the files.
        down_signal: what ``svc -d`` sends.
        kill_time: seconds from then until SIGKILL; 0: never.
        kills_group: SIGKILL goes to the process group, and what is left of it is ended.
        finish: there is a ``finish`` to run.
        finish_time: seconds until ``finish`` is killed; 0: never.
        is_like_runit: ``finish`` gets -1 for a signal.
        fails_with_100: exit code 100 of ``run`` is failure for good.
        backoff: the first and the longest pause before a restart, in seconds; None: no pause.
        deaths: how many ends are kept in ``supervise/death_tally``.
        notification: the descriptor on which the service tells that it is ready; -1: none.
        has_socket: it gets ``$NOTIFY_SOCKET``.
        check: there is a ``check`` to run.
        wants_sockets: there is a file ``sockets``.
        sockets: where the service's listening sockets are, in their order; empty: the file is
            unusable, and the service is not started.
        is_on_demand: it is started when a client comes.
    """

    __slots__ = (
        "backoff",
        "check",
        "deaths",
        "down_signal",
        "fails_with_100",
        "finish",
        "finish_time",
        "has_socket",
        "is_like_runit",
        "is_on_demand",
        "is_plain",
        "kill_time",
        "kills_group",
        "notification",
        "sockets",
        "wants_sockets",
    )

    def __init__(self) -> None:
        """Ask for nothing."""
        self.is_plain = True
        self.down_signal = int(SIGTERM)
        self.kill_time, self.finish_time = 0.0, FINISH_TIME
        self.kills_group = self.finish = self.is_like_runit = self.fails_with_100 = False
        self.has_socket = self.check = False
        self.backoff: tuple[float, float] | None = None
        self.deaths, self.notification = DEATHS, -1
        self.wants_sockets = self.is_on_demand = False
        self.sockets: tuple[SocketPlace, ...] = ()

    @property
    def has_session(self) -> bool:
        """Whether ``run`` gets a session and a process group of its own."""
        return self.finish or self.kills_group

    @property
    def tells_ready(self) -> bool:
        """Whether the service has a way to tell that it is ready."""
        return self.notification >= 0 or self.has_socket or self.check


PLAIN: "Final" = Wishes()  # nobody changes it
