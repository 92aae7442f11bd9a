"""One module per command: ``main(argv) -> exit code``; the only layer that parses options."""
