"""The TCP side of UCSPI: listen, accept, limit, name, judge, log; and connect.

    connection = connect(b"mail.example.com", 25)
    os.write(connection.descriptor, b"QUIT\\r\\n")
    connection.close()

Everything but `connect` is in modules; import the one you need.
"""

TYPE_CHECKING = False
_LATER = ("connect",)

if TYPE_CHECKING:
    from ucspi.tcp.client import connect as connect
else:

    def __getattr__(name: str) -> object:
        """Import `connect` when it is asked for: a server has no use for it."""
        if name == "connect":
            from ucspi.tcp.client import connect

            return connect
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        """Name it too as long as nobody has asked for it."""
        return sorted({*globals(), *_LATER})
