"""Names of addresses: made safe, and dropped when they do not lead back."""

import socket
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.commands import ENVIRONMENT
from tests.support.patience import PATIENCE
from ucspi.tcp import names


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        (b"Host.Example", b"host.example"),
        (b"a_b-c.0", b"a_b-c.0"),
        (b"a b", b"a\\040b"),
        (b"\xff\0\n", b"\\377\\000\\012"),
    ],
)
def test_name_is_lower_case_and_escaped(name: bytes, cleaned: bytes) -> None:
    assert names.clean(name) == cleaned


@given(st.binary())
def test_no_odd_byte_survives(name: bytes) -> None:
    assert set(names.clean(name)) <= set(b"abcdefghijklmnopqrstuvwxyz0123456789-_.\\")


def test_reverse_takes_the_system_resolver() -> None:
    assert names.reverse(b"127.0.0.1") == b"localhost"
    assert names.reverse_checked(b"127.0.0.1") == b"localhost"


def test_name_is_dropped_when_it_does_not_lead_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "reverse", lambda ip: b"localhost")
    assert names.reverse_checked(b"127.9.9.9") is None


HOST_NOT_FOUND, TRY_AGAIN, NO_RECOVERY, NO_DATA, INTERNAL = 1, 2, 3, 4, -1


@pytest.mark.parametrize(
    ("number", "found"), [(HOST_NOT_FOUND, b""), (NO_DATA, b""), (NO_RECOVERY, b""), (TRY_AGAIN, None)]
)
def test_no_name_is_told_from_no_answer(
    monkeypatch: pytest.MonkeyPatch, number: int, found: bytes | None
) -> None:
    monkeypatch.setattr("_socket.gethostbyaddr", failing(socket.herror(number, "")))
    assert names.find(b"192.0.2.1") == found
    assert names.reverse(b"192.0.2.1") is None


@pytest.mark.parametrize(
    ("number", "found"), [(socket.EAI_NONAME, b""), (socket.EAI_AGAIN, None), (socket.EAI_SYSTEM, None)]
)
def test_where_there_is_no_room_the_other_call_decides(
    monkeypatch: pytest.MonkeyPatch, number: int, found: bytes | None
) -> None:
    monkeypatch.setattr("_socket.gethostbyaddr", failing(socket.herror(INTERNAL, "")))
    monkeypatch.setattr("_socket.getnameinfo", failing(socket.gaierror(number, "")))
    assert names.find(b"192.0.2.1") == found


def failing(error: OSError) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


def test_look_up_imports_nothing() -> None:
    """By then there may be no right to read what would be imported, and no memory."""
    script = (
        "import sys; from ucspi.tcp import names; before = set(sys.modules); "
        "print(names.reverse_checked(b'127.0.0.1'), names.find(b'::1'), *set(sys.modules) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, env=ENVIRONMENT, timeout=PATIENCE
    )
    assert len(done.stdout.split()) == 2, done
