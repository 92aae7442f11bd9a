"""TLS for servers: certificates, one process that moves the bytes of all connections, and what it proved."""
