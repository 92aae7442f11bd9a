"""The super-server: doors where clients come in, who is let in, and the handlers that serve them."""
