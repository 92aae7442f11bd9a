"""The fields of a client in JSON, as the log and the status file have them."""

from ucspi.tcp.report.jsontext import milliseconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.tcp.clientnotes import ClientNotes
    from ucspi.tcp.connection import Connection
    from ucspi.tcp.report.jsontext import Value


def address_fields(connection: "Connection") -> "dict[bytes, Value]":
    """Return the fields that say where a client comes from, and through which balancer."""
    fields: dict[bytes, Value] = {
        b"remote_ip": connection.remote_ip,
        b"remote_port": connection.remote_port,
    }
    balancer = connection.balancer
    if balancer is not None:
        fields |= {b"proxy_ip": balancer.ip, b"proxy_port": balancer.port}
    return fields


def client_fields(connection: "Connection", notes: "ClientNotes") -> "dict[bytes, Value]":
    """Return all fields of a client, except those whose value is unknown or was not looked up."""
    fields: dict[bytes, Value] = {
        **address_fields(connection),
        b"remote_host": connection.remote_host,
        b"remote_info": connection.remote_info,
        b"proxy_unique_id": _unique_id(connection),
        b"local_ip": connection.local_ip or None,
        b"local_port": connection.local_port if connection.local_ip else None,
        b"local_host": connection.local_host,
        b"names_ms": None if notes.names_time is None else milliseconds(notes.names_time),
        b"ident_ms": None if notes.ident_time is None else milliseconds(notes.ident_time),
    }
    if connection.tls is not None:
        fields.update(connection.tls.fields())
    fields = {name: value for name, value in fields.items() if value is not None}
    if notes.is_judged:
        fields[b"rule"] = notes.rule if notes.rule is None else _readable(notes.rule)
        if notes.line is not None:
            fields[b"line"] = notes.line
    return fields


def _unique_id(connection: "Connection") -> bytes | None:
    """Return the name that the balancer gave to the connection, and that its own log may have."""
    balancer = connection.balancer
    return None if balancer is None else dict(balancer.variables).get(b"PROXY_UNIQUE_ID")


def _readable(rule: bytes) -> bytes:
    from ucspi.rules import readable  # a server without rules does not load their code

    return readable(rule)
