"""The errors of accept(2), by whom they concern."""

# What accept(2) lists.  EAGAIN is not among them: it means that no client is there.
OF_ONE_CLIENT = [
    "ECONNABORTED",
    "EINTR",
    "EPERM",
    "EPROTO",
    "ENETDOWN",
    "ENOPROTOOPT",
    "EHOSTDOWN",
    "ENONET",
    "EHOSTUNREACH",
    "EOPNOTSUPP",
    "ENETUNREACH",
]

OF_THE_SYSTEM = [
    "EBADF",
    "EFAULT",
    "EINVAL",
    "EMFILE",
    "ENFILE",
    "ENOBUFS",
    "ENOMEM",
    "ENOTSOCK",
    "ENOSR",
    "ESOCKTNOSUPPORT",
    "EPROTONOSUPPORT",
    "ETIMEDOUT",
]
