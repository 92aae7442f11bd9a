"""Services that serve sockets which their supervisor keeps, and clients of them.

Each answers a connection with `ANSWER`, closes it, and notes its starts.  On SIGTERM it
ends between two connections, so what it has accepted is answered.
"""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

from tests.support.commands import ours
from tests.support.patience import PATIENCE

ANSWER = b"served\n"
NOTE = "#!/bin/sh\necho $$ >> starts\n"

PYTHON = f"""#!{sys.executable} -S
import os, select, signal, socket
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
assert int(os.environ["LISTEN_PID"]) == os.getpid()
names = os.environ["LISTEN_FDNAMES"].split(":")
servers = [socket.socket(fileno=3 + at) for at in range(int(os.environ["LISTEN_FDS"]))]
with open("starts", "a") as notes:
    places = [f"{{name}}={{server.getsockname()}}" for name, server in zip(names, servers, strict=True)]
    print(os.getpid(), *places, file=notes)
while not signal.sigpending():
    for server in select.select(servers, [], [], 0.02)[0]:
        client, _ = server.accept()
        client.sendall(b"served\\n")
        client.close()
"""

C = r"""
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static volatile sig_atomic_t is_over;
static void end(int number) { is_over = number; }

int main(void)
{
  struct sigaction action = { .sa_handler = end };
  struct pollfd polled = { .fd = 3, .events = POLLIN };
  sigset_t term, none;

  if (!getenv("LISTEN_PID") || atoi(getenv("LISTEN_PID")) != getpid() || atoi(getenv("LISTEN_FDS")) != 1)
    return 100;
  sigemptyset(&none);
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, NULL);
  sigaction(SIGTERM, &action, NULL);
  while (!is_over)
    if (ppoll(&polled, 1, NULL, &none) == 1) {
      int client = accept(3, NULL, NULL);
      if (client >= 0 && write(client, "served\n", 7) == 7)
        close(client);
    }
  return 0;
}
"""


def tcpserver(options: str = "-HRl0 --drain 30", *, passed: str = "--listen-fds") -> str:
    """Return a ``run`` of a server of ours."""
    server = " ".join(ours("tcpserver"))
    return f"{NOTE}exec {server} {options} {passed} echo served\n"


def compiled(directory: Path) -> str | None:
    """Return a ``run`` of a server in C; None without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    source = directory / "server.c"
    source.write_text(C)
    program = directory / "server"
    subprocess.run([compiler, "-O1", "-o", program, source], check=True, timeout=PATIENCE)
    return f"{NOTE}exec {program}\n"


def connect(place: int | Path) -> socket.socket:
    """Connect to a port of this machine or to a path."""
    client = socket.socket(socket.AF_INET if isinstance(place, int) else socket.AF_UNIX)
    client.settimeout(PATIENCE)
    try:
        client.connect(("127.0.0.1", place) if isinstance(place, int) else str(place))
    except BaseException:
        client.close()
        raise
    return client


def answer(client: socket.socket) -> bytes:
    """Return all that a server says."""
    with client:
        text = b""
        while more := client.recv(100):
            text += more
        return text


def burst(place: int | Path, count: int) -> list[bytes]:
    """Connect several times at once; return what each client was told."""
    return [answer(client) for client in [connect(place) for _ in range(count)]]
