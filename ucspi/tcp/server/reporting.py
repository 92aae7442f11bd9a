"""Which reports a server makes: the classic lines, JSON, the status file, as its settings say."""

import os

from ucspi.tcp.report.classic import ClassicReport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ucspi.tcp.report.protocol import Report
    from ucspi.tcp.report.statusfile import StatusFile
    from ucspi.tcp.server.listener import Listener
    from ucspi.tcp.server.settings import Settings


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
