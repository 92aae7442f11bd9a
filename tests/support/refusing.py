"""A kernel that refuses a system call of a test's process: a seccomp filter, which binds root too."""

import ctypes
import platform
import struct
from collections.abc import Callable

import pytest

NUMBERS = {
    "x86_64": {"setsockopt": 54, "sysinfo": 99, "socket": 41, "pidfd_getfd": 438},
    "aarch64": {"setsockopt": 208, "sysinfo": 179, "socket": 198, "pidfd_getfd": 438},
}

# Source: linux/filter.h, linux/seccomp.h, seccomp(2).
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
NUMBER_AT, ARGUMENTS_AT = 0, 16  # in struct seccomp_data
NO_NEW_PRIVILEGES, SET_FILTER, FILTER = 38, 22, 2


def refuse(call: str, error: int, **arguments: int) -> Callable[[], None]:
    """Return what a child does before its exec, so that a system call with some arguments fails from then on.

    ``arguments`` are ``a0``, ``a1`` and so on, each with its value.
    """
    numbers = NUMBERS.get(platform.machine())
    if numbers is None:
        pytest.skip(f"the numbers of system calls of {platform.machine()} are not listed")
    tests = [(NUMBER_AT, numbers[call])]
    tests += [(ARGUMENTS_AT + 8 * int(name[1:]), value) for name, value in arguments.items()]
    program = b""
    for at, (offset, value) in enumerate(tests):
        left = 2 * (len(tests) - at) - 1  # instructions up to the last one, which allows
        program += struct.pack("=HBBI", LOAD, 0, 0, offset)
        program += struct.pack("=HBBI", JUMP_IF_EQUAL, 0, left, value)
    program += struct.pack("=HBBI", RETURN, 0, 0, REFUSE | error)
    program += struct.pack("=HBBI", RETURN, 0, 0, ALLOW)
    code = ctypes.create_string_buffer(program, len(program))
    whole = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def install() -> None:
        assert code  # the kernel reads it
        assert prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
        assert prctl(SET_FILTER, FILTER, whole, 0, 0) == 0

    return install
