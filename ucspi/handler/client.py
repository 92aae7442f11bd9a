"""One connection, as a UCSPI server or client tool hands it over: variables and two descriptors."""

import io
import os

from ucspi.handler.connectionfile import ConnectionFile, release

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket as socketmodule
    from collections.abc import Callable, Mapping


class Client:
    """The other end of one connection, and what is known about it.

    Nothing is opened and no variable is read before it is asked for.

    Attributes:
        environ: the environment of this connection; what a rule has assigned is in it.
        input: the descriptor to read from.
        output: the descriptor to write to; both may be one socket.
        failure: the last error of `reader` or `writer`; None: there was none.
    """

    # What has not been asked for yet costs a process nothing that is made for this one connection.
    failure: OSError | None = None
    _input_file: ConnectionFile | None = None
    _output_file: ConnectionFile | None = None
    _reader: io.BufferedReader | None = None
    _writer: io.BufferedWriter | None = None
    _socket: "socketmodule.socket | None" = None

    def __init__(
        self,
        environ: "Mapping[str, str] | Callable[[], Mapping[str, str]]",
        input: int = 0,  # noqa: A002
        output: int = 1,
    ) -> None:
        """Take the environment, or what makes it when it is asked for, and two descriptors."""
        self._environ, self.input, self.output = environ, input, output

    def __repr__(self) -> str:
        """Show the protocol and the other end."""
        place = f"{self.remote_ip}:{self.remote_port}" if self.remote_ip else "unknown"
        return f"<ucspi.Client {self.protocol or 'without protocol'}, {place}>"

    @property
    def environ(self) -> "Mapping[str, str]":
        """The environment of this connection."""
        if callable(self._environ):
            self._environ = self._environ()
        return self._environ

    @property
    def protocol(self) -> str:
        """``TCP``, ``TCP6``, ``UNIX`` or what else ``$PROTO`` says; empty if it is not set."""
        return self.environ.get("PROTO", "")

    @property
    def remote_ip(self) -> str:
        """The address of the other end; empty if the protocol has none."""
        return self._variable("REMOTEIP")

    @property
    def remote_port(self) -> str:
        """The port of the other end, in decimal; empty if the protocol has none."""
        return self._variable("REMOTEPORT")

    @property
    def remote_host(self) -> str:
        """The host name of the other end, which proves nothing; empty if there is none."""
        return self._variable("REMOTEHOST")

    @property
    def remote_info(self) -> str:
        """What the ident server of the other end says, which proves nothing; empty if there is nothing."""
        return self._variable("REMOTEINFO")

    @property
    def local_ip(self) -> str:
        """Our address of this connection; empty if the protocol has none."""
        return self._variable("LOCALIP")

    @property
    def local_port(self) -> str:
        """Our port of this connection, in decimal; empty if the protocol has none."""
        return self._variable("LOCALPORT")

    @property
    def local_host(self) -> str:
        """Our host name; empty if there is none."""
        return self._variable("LOCALHOST")

    def _variable(self, suffix: str) -> str:
        # Only of the protocol that $PROTO names: a variable of another one may be that of an outer server.
        protocol = self.protocol
        return self.environ.get(protocol + suffix, "") if protocol else ""

    @property
    def reader(self) -> io.BufferedReader:
        """The file to read from.  A non-blocking descriptor is waited for."""
        if self._reader is None:
            self._input_file = ConnectionFile(self.input, "r", self._note)
            self._reader = io.BufferedReader(self._input_file)
        return self._reader

    @property
    def writer(self) -> io.BufferedWriter:
        """The file to write to; `flush` it before waiting for an answer."""
        if self._writer is None:
            self._output_file = ConnectionFile(self.output, "w", self._note)
            self._writer = io.BufferedWriter(self._output_file)
        return self._writer

    @property
    def socket(self) -> "socketmodule.socket":
        """A socket of its own for the connection; what `reader` and `writer` hold is not in it.

        Raises:
            OSError: the descriptor to read from is no socket, because a program
                such as ``recordio`` stands in between.
        """
        if self._socket is None:
            import socket

            copy = os.dup(self.input)
            try:
                self._socket = socket.socket(fileno=copy)
            except BaseException:
                os.close(copy)
                raise
        return self._socket

    def _note(self, error: OSError) -> None:
        self.failure = error

    def close(self) -> None:
        """Send what `writer` holds, then close it, `reader` and `socket`.  A second call does nothing.

        Raises:
            OSError: something could not be sent; all is closed.
        """
        try:
            if self._writer is not None:
                self._writer.flush()
        except ValueError:
            pass  # its user has closed or detached it
        finally:
            # Below the buffer: what could not be sent must not be tried again.
            output, input_ = self._output_file, self._input_file
            release(
                self.output if output is None else output.give_up(),
                self.input if input_ is None else input_.give_up(),
            )
            if self._socket is not None:
                self._socket.close()
