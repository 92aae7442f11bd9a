"""Filters of lines: convert line ends, put the time before each line, turn such times into local time."""
