"""The texts that ucspi-tcp, cdb and daemontools print for an errno.

They are the originals' words, not libc's, for log parsers and differential tests
depend on them.  An errno outside the table is ``unknown error``.

Source: observed from the original programs.  EPROTO is also their errno for a
damaged cdb file.
"""

import errno as _errno

_TEXTS = {
    "ENOENT": b"file does not exist",
    "EACCES": b"access denied",
    "EPERM": b"permission denied",
    "EEXIST": b"file already exists",
    "EISDIR": b"is a directory",
    "ENOTDIR": b"not a directory",
    "ENOTEMPTY": b"directory not empty",
    "ELOOP": b"symbolic link loop",
    "ENAMETOOLONG": b"file name too long",
    "EXDEV": b"cross-device link",
    "EROFS": b"read-only file system",
    "ENOSPC": b"out of disk space",
    "EFBIG": b"file too big",
    "EDQUOT": b"disk quota exceeded",
    "EIO": b"input/output error",
    "ENOMEM": b"out of memory",
    "EINTR": b"interrupted system call",
    "ETXTBSY": b"text busy",
    "EINVAL": b"invalid argument",
    "EPROTO": b"protocol error",
    "EPIPE": b"broken pipe",
    "ESPIPE": b"unseekable descriptor",
    "EBADF": b"file descriptor not open",
    "ENFILE": b"system cannot open more files",
    "EMFILE": b"process cannot open more files",
    "ENXIO": b"device not configured",
    "ENODEV": b"device does not support operation",
    "EBUSY": b"device busy",
    "ENOTTY": b"not a tty",
    "EAGAIN": b"temporary failure",
    "EINPROGRESS": b"operation in progress",
    "EALREADY": b"operation already in progress",
    "ETIMEDOUT": b"timed out",
    "ECONNREFUSED": b"connection refused",
    "ECONNRESET": b"connection reset",
    "ECONNABORTED": b"connection aborted",
    "EADDRINUSE": b"address already used",
    "EADDRNOTAVAIL": b"address not available",
    "ENETDOWN": b"network down",
    "ENETUNREACH": b"network unreachable",
    "ENETRESET": b"network reset",
    "EHOSTDOWN": b"host down",
    "EHOSTUNREACH": b"host unreachable",
    "ENOBUFS": b"out of buffer space",
    "EISCONN": b"already connected",
    "ENOTCONN": b"not connected",
    "ESHUTDOWN": b"socket shut down",
    "ENOTSOCK": b"not a socket",
    "EAFNOSUPPORT": b"address family not supported",
    "EPROTONOSUPPORT": b"protocol not supported",
    "EOPNOTSUPP": b"operation not supported",
    "ENOPROTOOPT": b"protocol not available",
    "EMSGSIZE": b"message too long",
    "EDESTADDRREQ": b"destination address required",
    "E2BIG": b"argument list too long",
    "ENOEXEC": b"exec format error",
    "ECHILD": b"no child processes",
    "ESRCH": b"no such process",
    "EFAULT": b"bad address",
    "EDEADLK": b"operation would cause deadlock",
    "ENOLCK": b"no locks available",
    "ENOSYS": b"system call not available",
    "ESTALE": b"stale NFS file handle",
    "EMLINK": b"too many links",
    "EDOM": b"input out of range",
    "ERANGE": b"output out of range",
    "EBADMSG": b"bad message type",
    "EUSERS": b"too many users",
}

_by_number: dict[int, bytes] = {}  # filled when the first text is needed


def describe(number: int | None) -> bytes:
    """Return the originals' text for an errno; there is one for None and for unknown numbers, too."""
    if not _by_number:
        known = {getattr(_errno, name): text for name, text in _TEXTS.items() if hasattr(_errno, name)}
        _by_number.update(known | {0: b"no error"})  # in one step, for threads may call this
    return _by_number.get(number or 0, b"unknown error")


def explain(error: OSError) -> bytes:
    """Return the reason of an error: the originals' text for its errno, or our own for a refusal."""
    # Only an `UnsafeFileError` has a reason.  Most programs need not load its module.
    reason: bytes | None = getattr(error, "reason", None)
    return describe(error.errno) if reason is None else reason
