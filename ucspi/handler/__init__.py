"""Handlers that are Python functions, for ``pyhandler``; ``ucspi.Client`` is what they get."""
