"""Makes and removes the service directory of the demonstration."""

import os

from ucspi.exits import EXIT_USAGE
from ucspi.programs._program import Stop, fatal

MARK = b"# Made by `ucspi demo`."

RULES = b"""\
# Who may connect.  After a change run ./make_cdb: the next client is judged anew.
127.0.0.1:allow,DEMO="set by the rule for 127.0.0.1"
:deny
"""

MAKE_CDB = b"""\
#!/bin/sh
%(mark)s

%(ucspi)s tcprules tcp.demo.cdb tcp.demo.tmp < tcp.demo
"""

RUN = b"""\
#!/bin/sh
%(mark)s
exec env - PATH="$PATH" \\
%(ucspi)s tcpserver -l0 -R -H -v -c 3 -x ./tcp.demo.cdb 127.0.0.1 %(port)d \\
%(ucspi)s demo --handler 2>&1
"""


def quote(word: bytes) -> bytes:
    """Return a word quoted for a shell."""
    plain = all(byte in b"+,-./:=@_" or bytes((byte,)).isalnum() for byte in word)
    return word if word and plain else b"'" + word.replace(b"'", b"'\\''") + b"'"


def make_temporary() -> bytes:
    """Make an empty folder that only this user can enter; return its path."""
    parent = os.environb.get(b"TMPDIR") or b"/tmp"
    folder = os.path.join(os.path.abspath(parent), b"ucspi-demo-" + os.urandom(4).hex().encode())
    try:
        os.mkdir(folder, 0o700)
    except OSError as error:
        raise fatal(b"demo", b"unable to make " + folder, error) from None
    return folder


def take_named(folder: bytes) -> bytes:
    """Make a named folder, or take it if it is empty or belongs to an earlier demonstration."""
    try:
        os.makedirs(folder, exist_ok=True)
        run = os.path.join(folder, b"run")
        if os.path.exists(run):
            with open(run, "rb") as script:
                ours = MARK in script.read(1000)
        else:
            ours = not os.listdir(folder)
    except OSError as error:
        raise fatal(b"demo", b"unable to use " + folder, error) from None
    if not ours:
        raise Stop(b"demo: fatal: %s is in use for something else; name a new folder" % folder, EXIT_USAGE)
    return os.path.abspath(folder)


def write_files(folder: bytes, ucspi: bytes, port: int) -> None:
    """Write the files of the service directory, except rules that exist already.

    Args:
        folder: the service directory.
        ucspi: the shell words that run ``ucspi``.
        port: the port to listen on.
    """
    values = {b"mark": MARK, b"ucspi": ucspi, b"port": port}
    _write(os.path.join(folder, b"run"), RUN % values, 0o755)
    _write(os.path.join(folder, b"make_cdb"), MAKE_CDB % values, 0o755)
    if not os.path.exists(os.path.join(folder, b"tcp.demo")):
        _write(os.path.join(folder, b"tcp.demo"), RULES, 0o644)


def _write(path: bytes, text: bytes, mode: int) -> None:
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(text)
    except OSError as error:
        raise fatal(b"demo", b"unable to write " + path, error) from None


def remove(folder: bytes) -> None:
    """Remove a folder and its contents, without following links."""
    for directory, inner, files in os.walk(folder, topdown=False):
        for name in files:
            os.unlink(os.path.join(directory, name))
        for name in inner:
            path = os.path.join(directory, name)
            (os.unlink if os.path.islink(path) else os.rmdir)(path)
    os.rmdir(folder)
