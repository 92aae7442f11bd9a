"""The server: accepts clients, decides which are let in, and starts and reaps their handlers."""
