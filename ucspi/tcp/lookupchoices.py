"""What to find out about the two ends of a connection, and how much to tell of it."""


class LookupChoices:
    """The choices that tcpserver and tcpclient share, each as an option of the originals means it."""

    __slots__ = ("info_timeout", "local_host", "lookup_remote_host", "lookup_remote_info", "verbosity")

    def __init__(self) -> None:
        """Begin with the original's defaults; times are in seconds."""
        self.verbosity = 1  # 0: silent, 1: errors, 2: every connection
        self.local_host: bytes | None = None  # None: look it up
        self.lookup_remote_host = True
        self.lookup_remote_info = True
        self.info_timeout = 26.0
