"""Command lines that tcpclient is given, and how words in them stand for what a test has."""

REPLACED = """
    PROTO TCPLOCALIP TCPLOCALPORT TCPLOCALHOST TCPREMOTEIP TCPREMOTEPORT TCPREMOTEHOST TCPREMOTEINFO
"""
INHERITED = {name.encode(): b"old" for name in (*REPLACED.split(), "TCP6REMOTEIP", "A", "Z")}

# Command lines, the port being PORT; no look-ups, as there may be no name server.
ALIKE = {
    "plain": "-RHl0 127.0.0.1 PORT PROBE",
    "verbose": "-vRHl0 127.0.0.1 PORT PROBE a b",
    "silent": "-qRHl0 127.0.0.1 PORT PROBE exit 3",
    "the last of contrary options": "-qvQvRrRhHl1 -l 2 127.0.0.1 PORT PROBE",
    "an empty local name": "-RH -l  127.0.0.1 PORT PROBE",
    "no delay": "-DRHl0 127.0.0.1 PORT ON6",
    "delay after all": "-DdRHl0 127.0.0.1 PORT ON6",
    "from another address": "-vRHl0 -i 127.0.0.7 127.0.0.1 PORT PROBE",
    "this machine": "-vRHl0 0 PORT PROBE",
    "this machine, by nothing": "-vRHl0 EMPTY PORT PROBE",
    "an odd literal": "-vRHl0 [127.0.000.001] PORT PROBE",
    "no time for ident": "-t0 -Hl0 127.0.0.1 PORT PROBE",
    "two dashes": "-RHl0 -- 127.0.0.1 PORT PROBE -x",
    "the second address": "-vRHl0 127.0.0.9.127.0.0.1 PORT PROBE",
    "a rest behind the addresses": "-vRHl0 127.0.0.9.127.0.0.1.5.6 PORT PROBE",
    "refused": "127.0.0.9 PORT PROBE",
    "refused twice": "127.0.0.9.127.0.0.8 PORT PROBE",
    "refused, silent": "-q 127.0.0.9 PORT PROBE",
    "refused, port 0": "127.0.0.1 0 PROBE",
    "no port at all": "127.0.0.1 EMPTY PROBE",
    "an address that is not ours": "-i 10.9.8.7 127.0.0.1 PORT PROBE",
    "a port that is taken": "-i 127.0.0.1 -p PORT 127.0.0.1 PORT PROBE",
    "a literal that is too short": "1.2.3 PORT PROBE",
    "a service that does not exist": "127.0.0.1 nosuch PROBE",
    "a port with something behind": "127.0.0.1 80x PROBE",
    "a service that does not exist, no program": "127.0.0.1 nosuch",
    "a program that does not exist": "-RHl0 127.0.0.1 PORT nosuch",
    "a program that does not exist, silent": "-qRHl0 127.0.0.1 PORT nosuch",
    "a program that is a directory": "-RHl0 127.0.0.1 PORT /etc",
    "a program that is none": "-RHl0 127.0.0.1 PORT /etc/passwd",
    "a program without a name": "-RHl0 127.0.0.1 PORT EMPTY",
    "nothing": "",
    "a host alone": "127.0.0.1",
    "no program": "127.0.0.1 PORT",
    "nothing, silent": "-q",
    "an unknown option": "-z",
    "an unknown option, silent": "-qz 127.0.0.1 PORT PROBE",
    "an option without its value": "-RHl",
    "a label that is too long": "x" * 64 + ".test PORT PROBE",
    "a name that is too long": ".".join(["x" * 63, "y" * 63, "z" * 63, "a" * 62]) + " PORT PROBE",
    "a label that is too long, in the middle": "a." + "x" * 100 + ".test. PORT PROBE",
    "an address that is none": "-i abc 127.0.0.1 PORT PROBE",
    "an address that is too short, silent": "-q -i 1.2.3 127.0.0.1 PORT PROBE",
    "an address in brackets": "-i [1.2.3.4] 127.0.0.1 PORT PROBE",
    "an empty address": "-i EMPTY 127.0.0.1 PORT PROBE",
}
# The same with listeners that never answer; what each attempt must take, in seconds.
SLOW = {
    "-T 1+1 127.0.0.2 PORT PROBE": 2,
    "-T 1 127.0.0.2 PORT PROBE": 1,
    "-T +1 127.0.0.2 PORT PROBE": 1,
    "-T 0 127.0.0.2 PORT PROBE": 0,
    "-T 1+1 127.0.0.2.127.0.0.3 PORT PROBE": 4,
    "-T 1+0 127.0.0.2.127.0.0.3 PORT PROBE": 2,
    "-T 1+0 127.0.0.2.127.0.0.9 PORT PROBE": 1,
    "-T 0+1 127.0.0.2.127.0.0.9.127.0.0.3 PORT PROBE": 2,
    "-vT 1+1 -RHl0 127.0.0.2.127.0.0.1.127.0.0.3 PORT PROBE": 1,
    "-qT 1 127.0.0.2 PORT PROBE": 1,
}


def arguments(line: str, port: int, probe: str) -> list[str]:
    words = {"EMPTY": "", "PORT": str(port), "PORT+65536": str(port + 65536), "PROBE": probe}
    given = [words.get(word, word) for word in line.split(" ")] if line else []
    if given[-1:] == ["ON6"]:  # the probe shows socket options of descriptor 0
        given[-1:] = ["sh", "-c", 'exec "$0" <&6', probe]
    return given
