"""The compiled module of system calls and byte filters, or None where it was not built.

The one place in `ucspi.logs` that imports it, and where it gets its types.
"""

try:
    from ucspi._syscore import ffi as ffi
    from ucspi._syscore import lib as lib
except ImportError:
    ffi = lib = None
