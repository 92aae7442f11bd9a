"""A client as JSON shows it: where it comes from, and all that is known of it."""

from ucspi.tcp.report.jsontext import milliseconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.tcp.clientnotes import ClientNotes
    from ucspi.tcp.connection import Connection
    from ucspi.tcp.report.jsontext import Value


def address_fields(connection: "Connection") -> "dict[bytes, Value]":
    """Return where a client comes from, in full."""
    return {b"remote_ip": connection.remote_ip, b"remote_port": connection.remote_port}


def client_fields(connection: "Connection", notes: "ClientNotes") -> "dict[bytes, Value]":
    """Return all that is known of a client; what is not, or was not asked, is left out."""
    fields: dict[bytes, Value] = {
        **address_fields(connection),
        b"remote_host": connection.remote_host,
        b"remote_info": connection.remote_info,
        b"local_ip": connection.local_ip,
        b"local_port": connection.local_port,
        b"local_host": connection.local_host,
        b"names_ms": None if notes.names is None else milliseconds(notes.names),
        b"ident_ms": None if notes.ident is None else milliseconds(notes.ident),
    }
    fields = {name: value for name, value in fields.items() if value is not None}
    if notes.is_judged:
        fields[b"rule"] = notes.rule if notes.rule is None else _readable(notes.rule)
        if notes.line is not None:
            fields[b"line"] = notes.line
    return fields


def _readable(rule: bytes) -> bytes:
    from ucspi.rules import readable  # who has no rules need not load the code for them

    return readable(rule)
