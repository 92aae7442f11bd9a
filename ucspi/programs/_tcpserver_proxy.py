"""Reads the options of tcpserver for a place behind a balancer."""

from ucspi.programs._tcpserver_values import number, usage_error
from ucspi.tcp.proxyheader import LONGEST
from ucspi.tcp.server.networks import BadNetworkError, Networks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.tcp.server.settings import Settings

_SHORTEST = 16  # bytes of a header of version 2 without anything in it


def apply(settings: "Settings", word: bytes, value: bytes) -> None:
    """Set what an option says.

    Raises:
        Stop: its value is not valid; exit code 100.
    """
    if word == b"proxy-from":
        try:
            settings.proxy_from = Networks(value)
        except BadNetworkError as bad:
            raise usage_error(b"--proxy-from wants " + bad.args[0]) from None
    elif word == b"timeout-proxy":
        settings.proxy_timeout = number(word, value)
        if not settings.proxy_timeout:
            raise usage_error(b"--timeout-proxy 0 would wait for no header; give 1 or more")
    elif word == b"proxy-max":
        settings.proxy_most = number(word, value)
        if not _SHORTEST <= settings.proxy_most <= LONGEST:
            wanted = b"a number of bytes from %d to %d" % (_SHORTEST, LONGEST)
            raise usage_error(b"--proxy-max wants %s, not %s" % (wanted, value))
    else:
        if value != b"close":
            raise usage_error(b"--proxy-local wants close, not " + (value[:100] or b"nothing"))
        settings.proxy_local_closes = True
