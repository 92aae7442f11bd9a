"""A network namespace for a script of the tests: a loopback interface, and the resolver's files as wanted."""

import fcntl
import socket
import struct
import subprocess
from pathlib import Path

from tests.support.patience import PATIENCE

NAMED = {
    "/etc/resolv.conf": "nameserver 127.0.0.1\n",
    "/etc/hosts": "",
    "/etc/nsswitch.conf": "hosts: files dns\nservices: files\n",
}


def settle(place: Path, files: dict[str, str]) -> None:
    """Bring up the interface, and put files in place of the system's, for this mount namespace alone.

    Call it under ``unshare -n -m``.
    """
    with socket.socket() as any_socket:
        flags = struct.pack("16sH14x", b"lo", 0x41)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, flags)  # SIOCSIFFLAGS
    for target, text in {**NAMED, **files}.items():
        source = place / Path(target).name
        source.write_text(text)
        source.chmod(0o644)
        if Path(target).exists():
            subprocess.run(["mount", "--bind", source, target], check=True, timeout=PATIENCE)
