"""The interfaces of other Python cdb libraries, over ours: change one import line.

    from ucspi.compat import cdb            # was: import cdb (python-cdb)
    from ucspi.compat import cdblib         # was: import cdblib (pure-cdb)
    from ucspi.compat.cdbx import CDB       # was: from cdbx import CDB

They are thin and keep what the originals were seen to do, but for what is
unsafe there: files are replaced in one step, what raised inside a ``with``
block is not published, and damage ends in an error.  New programs do better
with `ucspi.cdb` itself.
"""
