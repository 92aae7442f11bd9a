"""The settings of a server, as its command line gives them."""

from ucspi.tcp.lookupchoices import LookupChoices

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.tcp.server.networks import Networks
    from ucspi.tcp.server.rate import Rate
    from ucspi.tcp.server.socketoptions import SocketOptions
    from ucspi.tls.choices import TlsChoices


class Settings(LookupChoices):
    """The settings of one server; each means what the option of the original means.

    Times are in seconds.  A new object has the defaults of the original, but for the backlog.
    """

    __slots__ = (
        "backlog",
        "banner",
        "clear_ip_options",
        "drain_time",
        "exit_time",
        "idle_time",
        "is_s6",
        "limit",
        "limit_message",
        "log",
        "lookup_limit",
        "max_time",
        "names_timeout",
        "net4_bits",
        "net6_bits",
        "no_delay",
        "paranoid",
        "pending",
        "per_ip",
        "per_net",
        "proxy_from",
        "proxy_local_closes",
        "proxy_most",
        "proxy_timeout",
        "rate",
        "report_holders",
        "socket_options",
        "status_file",
        "status_on_signal",
        "tls",
    )

    def __init__(self) -> None:
        super().__init__()
        self.limit = 40
        # As many as Linux allows by default (net.core.somaxconn), and it lowers the number to what it allows.
        # With the original's 20, a burst overflows: who is turned away tries again only after a second.
        self.backlog = 4096
        self.banner = b""
        self.paranoid = False
        self.names_timeout = 60.0
        self.lookup_limit = 256  # names looked up at once
        self.clear_ip_options = True
        self.no_delay = False
        self.per_ip: int | None = None  # most clients of one address
        self.per_net: int | None = None  # most clients of one network
        self.rate: Rate | None = None  # of connections from one source
        self.net4_bits, self.net6_bits = 24, 64  # bits of an address that make a network
        self.socket_options: SocketOptions | None = None  # of the kernel, for TCP listeners
        self.limit_message = b""  # sent to a client that is over one of these
        self.report_holders = False
        self.pending = 1024  # most clients that have not yet sent what must come first
        self.proxy_from: Networks | None = None  # balancers, whose connections begin with a PROXY header
        self.proxy_timeout = 5.0  # for the whole header
        self.proxy_most = 4096  # bytes of a header of version 2
        self.proxy_local_closes = False  # a connection of the balancer's own gets no handler
        self.tls: TlsChoices | None = None
        self.max_time: int | None = None  # that a handler may serve one client
        self.idle_time: int | None = None  # in which something must move between the client and us
        self.drain_time: float | None = None  # for handlers to finish; None: SIGTERM ends the server at once
        self.exit_time: int | None = None  # without a client, after which the server ends
        self.is_s6 = False  # SIGHUP, SIGQUIT and SIGABRT mean what they mean to s6-tcpserverd
        self.log = b"classic"  # or b"json", b"both"
        self.status_file: bytes | None = None
        self.status_on_signal = False  # write the status file for SIGUSR1, not for changes

    @property
    def needs_lookups(self) -> bool:
        """Whether anything is looked up about clients that have an address."""
        looks_up_info = self.lookup_remote_info and self.info_timeout > 0
        return self.lookup_remote_host or self.local_host is None or looks_up_info

    @property
    def tells_nobody_of_denied(self) -> bool:
        """Whether for a client that the rules deny nothing is sent, written, looked up or counted."""
        counts = self.per_ip is not None or self.per_net is not None or self.rate is not None
        return self.verbosity < 2 and not (counts or self.banner or self.needs_lookups or self.keeps_notes)

    @property
    def limits_time(self) -> bool:
        """Whether the time of every client is limited; a rule may limit it as well."""
        return self.max_time is not None or self.idle_time is not None

    @property
    def keeps_notes(self) -> bool:
        """Whether clients get notes, from which JSON and the status file are made."""
        return self.log != b"classic" or self.status_file is not None
