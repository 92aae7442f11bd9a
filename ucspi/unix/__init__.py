"""Thin, policy-free wrappers of the system; import the module you need."""
