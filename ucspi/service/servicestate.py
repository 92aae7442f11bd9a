"""How a service is: what its directory and its supervisor's status say at one moment."""

import posix as os

from ucspi.service import controlfiles, statusrecord
from ucspi.unix.errtext import explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.service.statusrecord import Status


class ServiceState:
    """The state of a service.

    Attributes:
        status: what the supervisor has published; None if it is not known.
        problem: why it is not known, in the words of ``svstat``, else empty.
        is_normally_up: there is no file ``down``; None if that is not known.
    """

    __slots__ = ("is_normally_up", "problem", "status")

    def __init__(self, status: "Status | None", problem: bytes, is_normally_up: bool | None) -> None:
        """Take them."""
        self.status, self.problem, self.is_normally_up = status, problem, is_normally_up


def look(name: bytes) -> ServiceState:
    """Return the state of the service in a directory.

    Source: the order of the steps as observed from svstat.
    """
    step, normally_up = b"chdir", None
    try:
        service = controlfiles.enter_named(name)
        try:
            step = b"stat down"
            normally_up = controlfiles.is_normally_up(service)
            step = b"open supervise/ok"
            if not controlfiles.is_supervised(service):
                return ServiceState(None, controlfiles.NOT_RUNNING, normally_up)
            step = b"open supervise/status"
            file = controlfiles.open_status(service)
        finally:
            os.close(service)
        step = b"read supervise/status"
        try:
            record = os.read(file, statusrecord.READ)
        finally:
            os.close(file)
    except OSError as error:
        return ServiceState(None, b"unable to %s: %s" % (step, explain(error)), normally_up)
    status = statusrecord.unpack(record)
    problem = b"" if status else b"unable to read supervise/status: bad format"
    return ServiceState(status, problem, normally_up)
