"""Patterns of multilog, which are matched without backtracking.

Any byte matches itself.  A star matches everything before the next byte that
equals the character after the star; if there is no such byte the match fails.  A
star at the end matches the whole rest.  So ``*ab`` does not match ``aab``.  And
``**`` matches a line that contains a star: the first star looks for the second,
which is then a star itself.

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
