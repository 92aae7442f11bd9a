"""What /proc says of a process."""

import os
from pathlib import Path


def status(pid: int) -> dict[str, str]:
    """Return the fields of ``/proc/PID/status``; none of a process that is gone.

    Unlike ``stat``, ``environ`` and ``cmdline`` it can be read of a process that hangs in an exec.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def pids() -> list[int]:
    """Return the processes that there are."""
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def children(parent: int) -> list[int]:
    """Return the children of a process; none if it is gone."""
    found = []
    try:
        for thread in os.listdir(f"/proc/{parent}/task"):
            found += Path(f"/proc/{parent}/task/{thread}/children").read_text().split()
    except ProcessLookupError:
        return []
    except FileNotFoundError:  # it is gone, or this kernel has no such files
        return [pid for pid in pids() if status(pid).get("PPid") == str(parent)]
    return [int(pid) for pid in found]


def processor_time(pid: int) -> float:
    """Return how many seconds of processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(pid: int) -> int:
    """Return how many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def family(pid: int) -> str:
    """Return what a process and its children do: name and state of each, and the system call that it is in.

    For the message of a test that waited in vain.
    """
    told = []
    for each in (pid, *children(pid)):
        fields = status(each)
        try:
            call = Path(f"/proc/{each}/syscall").read_text().split()[:2]
        except OSError:
            call = ["?"]
        told.append(f"{each} {fields.get('Name')} {fields.get('State')} {' '.join(call)}")
    return "; ".join(told)
