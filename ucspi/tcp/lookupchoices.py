"""The settings that tcpserver and tcpclient share: what to look up, and how much to log."""


class LookupChoices:
    """What to look up about the two ends of a connection, and how much to log.

    Each attribute means what the option of the originals means.  Times are in
    seconds.  A new object has the defaults of the originals.
    """

    __slots__ = ("info_timeout", "local_host", "lookup_remote_host", "lookup_remote_info", "verbosity")

    def __init__(self) -> None:
        self.verbosity = 1  # 0: silent, 1: errors, 2: every connection
        self.local_host: bytes | None = None  # None: look it up
        self.lookup_remote_host = True
        self.lookup_remote_info = True
        self.info_timeout = 26.0
