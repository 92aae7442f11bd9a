"""The parts of a server that its settings choose; what they do not need is not loaded."""

import os

from ucspi.tcp.report.classic import ClassicReport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ucspi.tcp.background import Background
    from ucspi.tcp.connection import Connection
    from ucspi.tcp.report.protocol import Report
    from ucspi.tcp.report.statusfile import StatusFile
    from ucspi.tcp.server.clientlookups import ClientLookups
    from ucspi.tcp.server.entrance import Entrance
    from ucspi.tcp.server.handlers import Handlers
    from ucspi.tcp.server.handshakes import Handshakes
    from ucspi.tcp.server.listener import Listener
    from ucspi.tcp.server.rate import Buckets
    from ucspi.tcp.server.settings import Settings
    from ucspi.tcp.server.timelimits import TimeLimits
    from ucspi.tcp.server.tlslink import StartedKeeper
    from ucspi.tcp.server.warmhandlers import WarmHandlers
    from ucspi.unix.stemspawn import StemSpawner

    Ready = Callable[[Connection], None]
    Drop = Callable[[Connection, bytes], None]
    Fail = Callable[[Connection, OSError | MemoryError], None]


def reporter(
    settings: "Settings", listeners: "Iterable[Listener]" = ()
) -> "tuple[Report, StatusFile | None]":
    """Return the report that the settings ask for, and the status file if they ask for one.

    Nothing is written yet.
    """
    if settings.keeps_notes:
        return _several_reports(settings, listeners)
    return ClassicReport(settings.verbosity, settings.limit, os.getpid()), None


def _several_reports(
    settings: "Settings", listeners: "Iterable[Listener]"
) -> "tuple[Report, StatusFile | None]":
    # Most servers write the classic lines only; they do not load these modules.
    from ucspi.tcp.clientnotes import Clock
    from ucspi.tcp.report.jsonlog import JsonReport
    from ucspi.tcp.report.several import SeveralReports
    from ucspi.tcp.report.statusfile import StatusFile

    verbosity, limit, pid = settings.verbosity, settings.limit, os.getpid()
    places, clock = [listener.place for listener in listeners], Clock()
    reports: list[Report] = []
    if settings.log != b"json":
        reports.append(ClassicReport(verbosity, limit, pid))
    if settings.log != b"classic":
        reports.append(JsonReport(verbosity, limit, pid, places, clock))
    several = SeveralReports(reports, clock)
    if settings.status_file is not None:
        several.status_file = StatusFile(
            settings.status_file, limit, places, clock, several.warn, on_signal=settings.status_on_signal
        )
    return several, several.status_file


def background(settings: "Settings") -> "Background | None":
    """Return what calls the other parts back; None if nobody would have to wait."""
    if not settings.needs_lookups and settings.proxy_from is None and settings.tls is None:
        return None
    from ucspi.tcp.background import Background

    return Background()


def lookups(
    settings: "Settings", background: "Background | None", ready: "Ready", fail: "Fail"
) -> "ClientLookups | None":
    """Return what looks up names; None if nothing is looked up."""
    if background is None or not settings.needs_lookups:
        return None
    from ucspi.tcp.server.clientlookups import client_lookups

    return client_lookups(settings, background, ready, fail)


def warm_handlers(spawner: "StemSpawner", report: "Report", settings: "Settings") -> "WarmHandlers":
    """Return what starts and reaps handlers that are Python functions."""
    from ucspi.tcp.server.warmhandlers import WarmHandlers

    return WarmHandlers(spawner, report, settings.verbosity, settings.limit)


def time_limits(
    settings: "Settings", handlers: "Handlers", report: "Report", *, has_rules: bool
) -> "TimeLimits | None":
    """Return what limits the time of clients; None if no client can have such a limit.

    Raises:
        OSError: the kernel cannot be asked which clients are idle.
    """
    if not settings.limits_time and not has_rules:
        return None
    from ucspi.tcp.server.endings import Endings
    from ucspi.tcp.server.timelimits import TimeLimits

    endings = Endings(handlers, asks=settings.idle_time is not None)
    return TimeLimits(settings.max_time, settings.idle_time, endings, report)


def buckets(settings: "Settings") -> "Buckets | None":
    """Return what limits the rate of connections; None if it is not limited."""
    if settings.rate is None:
        return None
    from ucspi.tcp.server.rate import Buckets

    return Buckets(settings.rate)


def entrance(
    settings: "Settings",
    background: "Background | None",
    reports: "tuple[Report, StatusFile | None]",
    has_room: "Callable[[], bool]",
    calls: "tuple[Ready, Drop, Fail]",
) -> "Entrance | None":
    """Return what finds out who a client is; None where it is who connects.  For ``calls`` see `Entrance`.

    With TLS there is one in any case: it has the pending places.
    """
    networks, (report, status_file) = settings.proxy_from, reports
    if background is None or (networks is None and settings.tls is None):
        return None
    from ucspi.tcp.server.entrance import Entrance

    made = Entrance(settings, networks, background, report, has_room, *calls)
    if status_file is not None:
        made.pending.changed = status_file.note_change
        status_file.pending = made.pending.__len__
    return made


def handshakes(
    settings: "Settings",
    keeper: "StartedKeeper | None",
    background: "Background | None",
    entrance: "Entrance | None",
    report: "Report",
    calls: "tuple[Drop, Fail]",
) -> "Handshakes | None":
    """Return the stage of TLS; None without TLS."""
    if keeper is None or background is None or entrance is None:
        return None
    from ucspi.tcp.server.handshakes import Handshakes
    from ucspi.tcp.server.tlslink import TlsProcesses

    processes = TlsProcesses(keeper, background, report)
    return Handshakes(settings, processes, entrance.pending, entrance.know, *calls)
