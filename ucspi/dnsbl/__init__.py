"""DNS block lists: which lists name a client, asked of DNS servers all at once."""
