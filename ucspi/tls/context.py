"""The posture of a server: what it offers, and what it asks of clients."""

import ssl

from ucspi.tls.choices import OPTIONAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.tls.choices import TlsChoices


class NamedObject(ssl.SSLObject):
    """The TLS of one connection, which remembers the name that the client has asked for."""

    asked_name: str | None = None


def new_context(choices: "TlsChoices") -> ssl.SSLContext:
    """Return a context without a certificate.

    It is what Python's `ssl.create_default_context` gives to servers, without a look at
    the environment, and never older than TLS 1.2.

    Raises:
        OSError: the authorities for clients cannot be read, or are none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if choices.is_13_only else ssl.TLSVersion.TLSv1_2
    # Without compression no secret shows in lengths; without renegotiation nobody has us sign for ever.
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.sslobject_class = NamedObject
    if choices.alpn:
        context.set_alpn_protocols([protocol.decode() for protocol in choices.alpn])
    if choices.client_ca is not None:
        context.load_verify_locations(choices.client_ca)
        is_optional = choices.client == OPTIONAL
        context.verify_mode = ssl.CERT_OPTIONAL if is_optional else ssl.CERT_REQUIRED
    return context
