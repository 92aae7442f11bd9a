"""The commands, and the module of ``ucspi.programs`` that each one is."""

COMMANDS = {
    "connect": "connect",
    "demo": "demo",
    "tcprules": "tcprules",
    "tcprulescheck": "tcprulescheck",
    "tcpserver": "tcpserver",
}
