"""The tcprules language: parse, compile, look up, judge."""
