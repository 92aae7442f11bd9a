"""What programs exit with when they cannot do their work.

A module of its own: most programs need these numbers, and few an exception.
"""

EXIT_USAGE = 100
EXIT_PERMANENT = 100
EXIT_TEMPORARY = 111
