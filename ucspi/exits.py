"""The exit codes of programs that cannot do their work.

They are not in `ucspi.errors`, which most programs do not load.
"""

EXIT_USAGE = 100
EXIT_PERMANENT = 100
EXIT_TEMPORARY = 111
