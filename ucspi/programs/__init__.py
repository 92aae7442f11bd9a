"""One module or package per command: ``main(argv) -> exit code``; the only layer that parses options."""
