"""Patterns of multilog, which never look back.

A byte matches itself.  A star matches up to the first byte that is what
follows the star, and fails when there is none; a star at the end matches any
rest.  So ``*ab`` does not match ``aab``, and ``**`` matches what contains a star:
the second is what the first looks for, and then is a star itself.

Source: observed from the original multilog.
"""


def matches(pattern: bytes, line: bytes) -> bool:
    """Return whether the whole line matches the pattern."""
    at, index = 0, 0
    while index < len(pattern):
        if pattern[index] == ord("*"):
            index += 1
            if index == len(pattern):
                return True
            at = line.find(pattern[index], at)
            if at < 0:
                return False
        else:
            if line[at : at + 1] != pattern[index : index + 1]:
                return False
            at, index = at + 1, index + 1
    return at == len(line)
