"""A whole mail chain with Postfix behind it, a real client in front and a real name server beside it.

    tcpserver … rblsmtpd -r list.test recordio fixcrio sendmail -bs

Postfix's ``sendmail -bs`` speaks SMTP on descriptors 0 and 1 and leaves what it
is given in the queue; no daemon of it runs.  Its settings and its queue are
in file systems of the world's own.
"""

import os
from pathlib import Path

import pytest

from tests.support.oracles import Oracle
from tests.support.patience import wait_for
from tests.support.world import FRIEND, OUR_COMMANDS, OUTSIDER, SERVER, World

pytestmark = [pytest.mark.e2e, pytest.mark.oracle]

POSTFIX = """
set -e
mount -t tmpfs -o mode=755 tmpfs /etc/postfix
mount -t tmpfs -o mode=755 tmpfs /var/spool/postfix
cat > /etc/postfix/main.cf <<'END'
compatibility_level = 3.6
myhostname = mail.test
mydestination = mail.test
inet_protocols = ipv4
alias_maps =
local_recipient_maps =
smtpd_recipient_restrictions = permit
smtpd_relay_restrictions = permit
END
: > /etc/postfix/master.cf
cd /var/spool/postfix
mkdir maildrop public pid
chown postfix:postdrop maildrop public
chmod 1730 maildrop
chmod 710 public
"""
QUEUE = "/var/spool/postfix/maildrop"
LISTED = ".".join(reversed(OUTSIDER.split("."))) + ".list.test"
DNS = [
    "dnsmasq",
    "--keep-in-foreground",
    "--log-facility=/dev/null",
    "--conf-file=/dev/null",
    "--no-resolv",
    "--no-hosts",
    "--bind-interfaces",
    "--listen-address=127.0.0.1",
    "--pid-file=",
    "--user=root",
    "--local=/test/",
    f"--txt-record={LISTED},Blocked - see http://list.test/",
]
WHICH = "for link in rblsmtpd recordio fixcrio; do command -v $link; done"
# Postfix refuses to speak as root.
CHAIN = (
    f"tcpserver -vHRl0 -u 65534 -g 65534 {SERVER} 25 rblsmtpd -b -r list.test recordio fixcrio sendmail -bs"
)


class Chain:
    """The chain in its world, and its log."""

    def __init__(self, world: World, directory: Path) -> None:
        """Start the name server and the chain; wait until both serve."""
        self.world = world
        self._log = directory / "log"
        prepared = world.run(["sh", "-c", POSTFIX])
        assert prepared.returncode == 0, prepared.stderr
        world.start(DNS)
        environment = {"PATH": world.path, "DNSCACHEIP": "127.0.0.1"}
        with self._log.open("wb") as log:
            world.start(CHAIN.split(), env=os.environ | environment, stderr=log)
        self.links = world.run(["sh", "-c", WHICH], env=os.environ | environment)
        wait_for(lambda: world.listens(25) and world.listens(53), "the chain")

    def log(self) -> str:
        """Return what the chain has written so far."""
        return self._log.read_text("latin-1")

    def send(self, source: str, body: str) -> tuple[int, str]:
        """Send a message from an address; return swaks' exit code and what it shows."""
        swaks = ["swaks", "--server", SERVER, "--local-interface", source, "--timeout", "20"]
        message = [
            "--helo",
            "client.test",
            "--from",
            "a@client.test",
            "--to",
            "root@mail.test",
            "--body",
            body,
        ]
        done = self.world.run([*swaks, *message])
        return done.returncode, done.stdout.decode("latin-1")

    def queue(self) -> list[bytes]:
        """Return the messages that Postfix has taken."""
        read = 'for file in "$0"/*; do [ ! -e "$file" ] || { cat "$file"; printf "\\1END\\1"; }; done'
        return self.world.run(["sh", "-c", read, QUEUE]).stdout.split(b"\1END\1")[:-1]


@pytest.fixture(scope="module")
def programs(oracle: Oracle) -> None:
    """Look for what the chain is made of."""
    for program in ("rblsmtpd", "recordio", "fixcrio", "sendmail", "postdrop", "swaks", "dnsmasq"):
        oracle(program)


@pytest.fixture(scope="class")
def chain(programs: None, world: World, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """Give the chain, in its world."""
    directory = tmp_path_factory.mktemp("mail")
    return Chain(world, directory)


class TestMailChain:
    def test_links_are_those_that_are_meant(self, chain: Chain) -> None:
        for place in chain.links.stdout.decode().split():
            directory, _, link = place.rpartition("/")
            assert (directory == OUR_COMMANDS) == (link in chain.world.ours), place

    def test_message_from_an_address_that_is_not_listed_arrives(self, chain: Chain) -> None:
        code, shown = chain.send(FRIEND, "a message for you\n.with a dot\n")
        assert code == 0, shown
        (message,) = (text for text in chain.queue() if b"a message for you" in text)
        assert b"root@mail.test" in message
        assert b".with a dot" in message
        assert b"a message for you\r" not in message
        assert " < MAIL FROM:<a@client.test>" in chain.log()
        assert " > 220 mail.test ESMTP" in chain.log()

    def test_client_whose_lines_end_in_lf_alone_is_understood(self, chain: Chain) -> None:
        talk = ["EHLO x", "MAIL FROM:<b@client.test>", "RCPT TO:<root@mail.test>", "QUIT", ""]
        speak = f"exec 3<>/dev/tcp/{SERVER}/25; printf %s {chr(39)}{chr(10).join(talk)}{chr(39)} >&3; cat <&3"
        done = chain.world.run(["bash", "-c", speak])
        lines = done.stdout.split(b"\r\n")
        assert lines[0] == b"220 mail.test ESMTP Postfix", done
        assert lines[-4:] == [b"250 2.1.0 Ok", b"250 2.1.5 Ok", b"221 2.0.0 Bye", b""]

    def test_client_that_is_listed_is_turned_away_with_the_reason(self, chain: Chain) -> None:
        before = len(chain.queue())
        code, shown = chain.send(OUTSIDER, "buy this")
        assert code != 0
        assert "220 rblsmtpd.local" in shown
        assert "553 Blocked - see http://list.test/" in shown
        assert len(chain.queue()) == before
        assert f"rblsmtpd: {OUTSIDER} pid " in chain.log()
        assert ": 553 Blocked - see http://list.test/\n" in chain.log()

    def test_every_client_leaves_nothing_behind(self, chain: Chain) -> None:
        wait_for(
            lambda: chain.log().count("tcpserver: end ") == chain.log().count("tcpserver: ok "),
            "the end of all",
        )
        assert "status: 0/40\n" in chain.log().splitlines(keepends=True)[-1]
        assert not [line for line in chain.world.processes() if "sendmail" in line.split()[0]]
