"""DNS block lists: which lists contain a client's address, queried all at once."""
