"""The TCP side of UCSPI: listen, accept, limit, name, judge, log."""
