"""Pieces of the modules that tests have `pyhandler` import."""

# What C has as the environment: Python's own is only a copy of that at the start.
C_ENVIRON = """\
import ctypes


def environ():
    entries = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
    found = []
    while entries[len(found)] is not None:
        found.append(entries[len(found)].decode("latin-1"))
    return found
"""
