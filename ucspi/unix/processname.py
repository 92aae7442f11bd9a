"""The short name of a process, as ``ps`` shows it."""

import posix as os


def set_name(name: bytes) -> None:
    """Change our own, of which the kernel keeps 15 bytes; without ``/proc`` it stays as it is."""
    try:
        descriptor = os.open(b"/proc/self/comm", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.write(descriptor, name)
    except OSError:
        pass
    finally:
        os.close(descriptor)
