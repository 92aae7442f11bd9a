"""Constant databases: files and bytes, no sockets."""
