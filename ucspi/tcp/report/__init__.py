"""What a server reports about its clients: the classic lines, JSON, and the status file."""
