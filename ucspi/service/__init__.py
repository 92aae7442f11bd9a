"""Supervision: a service is kept running, told what to do, and asked how it is."""
