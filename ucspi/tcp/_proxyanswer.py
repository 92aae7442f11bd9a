"""What the C and the Python parser of PROXY headers answer, before it is made a value or an error."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    # A state, its number, whether the connection's own addresses count, whether the
    # certificate was verified, source and destination with their ports, and texts.
    Answer = tuple[int, int, bool, bool, bytes, int, bytes, int, dict[str, bytes]]
    Read = Callable[[bytes, int], Answer]

# The states, in the order of ``enum usys_proxy_state`` (``cdbext/proxy/header.h``).
(WHOLE, PARTIAL, NONE, ENDLESS, NO_CR, PROTOCOL, FIELDS, SOURCE, PORT) = range(9)
(VERSION, COMMAND, FAMILY, LONG, SHORT, CUT, CHECKSUM, ID) = range(9, 17)

# What is said of a refusal; the number is that of the answer.
REASONS = {
    NONE: b"no PROXY header",
    ENDLESS: b"PROXY header without an end in 107 bytes",
    NO_CR: b"PROXY header without a carriage return",
    PROTOCOL: b"PROXY header of an unknown protocol",
    FIELDS: b"PROXY header without its four fields",
    SOURCE: b"PROXY header whose source is no address of its protocol",
    PORT: b"PROXY header with a bad port",
    VERSION: b"PROXY header of version %d",
    COMMAND: b"PROXY header with the command %d",
    FAMILY: b"PROXY header of the family 0x%02x",
    LONG: b"PROXY header too long: %d bytes",
    SHORT: b"PROXY header too short for its addresses: %d bytes",
    CUT: b"PROXY header that ends inside its entry 0x%02x",
    CHECKSUM: b"PROXY header with a wrong checksum",
    ID: b"PROXY header with a unique id of %d bytes",
}

# The texts that a header may hold, in the order of ``enum usys_proxy_text``.
TEXTS = (
    *("alpn", "authority", "unique_id", "netns"),
    *("tls_version", "tls_name", "tls_cipher", "tls_signature", "tls_key"),
)


def state_only(state: int, number: int = 0) -> "Answer":
    """Return the answer of a header that is not whole, or is refused."""
    return state, number, False, False, b"", 0, b"", 0, {}
