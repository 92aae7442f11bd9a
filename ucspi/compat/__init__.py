"""The interfaces of other Python cdb libraries, on top of ours: change one import line.

    from ucspi.compat import cdb            # was: import cdb (python-cdb)
    from ucspi.compat import cdblib         # was: import cdblib (pure-cdb)
    from ucspi.compat.cdbx import CDB       # was: from cdbx import CDB

They behave as the originals were observed to, except where those are unsafe.
Here a file is replaced in one step, a ``with`` block that raises publishes
nothing, and damage is an error.  New programs should use `ucspi.cdb` itself.
"""
