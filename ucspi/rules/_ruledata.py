"""The record of a rule in the cdb file.

    key   the address
    data  pieces, each ended by a NUL:
          "D"           deny
          "+NAME=VALUE" set a variable

So ``allow`` without variables has no data at all.  A last piece without its NUL
has no meaning, and neither has a piece that begins with another byte.

Source: cr.yp.to/ucspi-tcp/tcprules.html describes the meaning; the bytes are
observed from the original ``tcprules`` and ``tcprulescheck``.
"""

from ucspi.rules._checkinput import require_bytes
from ucspi.rules._parse import Rule

DENY = b"D"
ASSIGN = b"+"


def encode(rule: Rule) -> bytes:
    """Return the data of a rule's records."""
    pieces = b"".join(b"+%s=%s\0" % variable for variable in rule.variables)
    return pieces if rule.allowed else b"D\0" + pieces


def segments(data: bytes) -> list[bytes]:
    """Split a record's data into its pieces, without their NULs.

    A value with a NUL in it comes back as two pieces, as in the original.
    """
    require_bytes("data", data)
    return data.split(b"\0")[:-1]
