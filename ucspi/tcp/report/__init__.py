"""What the server tells of its clients: the classic lines, JSON, and the status file."""
