"""ucspi-tcp, cdb and daemontools as one Python package.

``ucspi.cdb``    constant databases
``ucspi.rules``  the tcprules language: compile, look up, judge
``ucspi.tcp``    the TCP side of UCSPI
The command ``ucspi PROGRAM ARGS`` runs any of the programs.

This package imports nothing, so that programs start fast.
"""

__version__ = "0.1.0"
