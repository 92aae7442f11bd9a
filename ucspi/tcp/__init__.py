"""The TCP side of UCSPI: serving connections, and making them.

    connection = connect(b"mail.example.com", 25)
    os.write(connection.descriptor, b"QUIT\\r\\n")
    connection.close()

Everything else is in modules; import the one you need.
"""

from ucspi import _late_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.tcp.client import connect as connect
else:
    _LATER = {"connect": "client"}  # a server does not use it
    __getattr__, __dir__ = _late_names(globals(), _LATER)
