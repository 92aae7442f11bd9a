"""The commands, and the module of ``ucspi.programs`` that each one is."""

COMMANDS = {
    "addcr": "addcr",
    "argv0": "argv0",
    "cdb": "cdb",
    "cdbdump": "cdbdump",
    "cdbget": "cdbget",
    "cdbmake": "cdbmake",
    "cdbmake-12": "cdbmake_12",
    "cdbmake-sv": "cdbmake_sv",
    "cdbstats": "cdbstats",
    "cdbtest": "cdbtest",
    "connect": "connect",
    "delcr": "delcr",
    "demo": "demo",
    "fixcrio": "fixcrio",
    "hosts2rules": "hosts2rules",
    "mconnect-io": "mconnect_io",
    "recordio": "recordio",
    "tcprules": "tcprules",
    "tcprulescheck": "tcprulescheck",
    "tcpserver": "tcpserver",
}
