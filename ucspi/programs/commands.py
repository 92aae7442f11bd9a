"""The commands, and the module of ``ucspi.programs`` that each one is."""

COMMANDS = {
    "cdb": "cdb",
    "cdbdump": "cdbdump",
    "cdbget": "cdbget",
    "cdbmake": "cdbmake",
    "cdbmake-12": "cdbmake_12",
    "cdbmake-sv": "cdbmake_sv",
    "cdbstats": "cdbstats",
    "cdbtest": "cdbtest",
    "connect": "connect",
    "demo": "demo",
    "hosts2rules": "hosts2rules",
    "rblsmtpd": "rblsmtpd",
    "tcprules": "tcprules",
    "tcprulescheck": "tcprulescheck",
    "tcpserver": "tcpserver",
}
