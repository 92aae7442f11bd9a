"""The telnet service from `make_cdb` to `svc -dx`, with our programs, the originals, and some of each."""

import re

import pytest

from tests.support.oracles import find_oracle
from tests.support.patience import wait_for
from tests.support.program_choices import EACH
from tests.support.telnet_service import LONGER_RULES, RULES, Service
from tests.support.world import FRIEND, OUTSIDER

pytestmark = [pytest.mark.e2e, pytest.mark.oracle]


def assert_shape(lines: list[str], shape: list[str]) -> dict[str, str]:
    """Check lines against patterns; one group name means one text throughout."""
    assert len(lines) == len(shape), lines
    seen: dict[str, str] = {}
    for line, pattern in zip(lines, shape, strict=True):
        match = re.fullmatch(pattern, line)
        assert match, (line, pattern)
        for name, text in match.groupdict().items():
            assert seen.setdefault(name, text) == text, (line, pattern)
    return seen


# One after the other, on one running service, as its operator would see it.
@pytest.mark.parametrize(("chosen", "scanner"), EACH, indirect=True, scope="class")
class TestWalkThrough:
    def test_no_original_of_what_is_ours_can_be_run(self, service: Service) -> None:
        originals = list(filter(None, map(find_oracle, sorted(service.world.ours))))
        told = service.world.run(
            ["sh", "-c", 'for each; do "$each"; echo "$? $each"; done', "sh", *originals]
        )
        assert told.stdout.decode().splitlines() == [f"126 {original}" for original in originals]

    def test_make_cdb_leaves_the_database_and_no_temporary(self, service: Service) -> None:
        left = sorted(entry.name for entry in service.directory.iterdir() if entry.name.startswith("tcp."))
        assert left == ["tcp.telnet", "tcp.telnet.cdb"]

    def test_allowed_client_gets_the_login_prompt_and_the_log_shows_it(self, service: Service) -> None:
        mark = len(service.log())
        assert service.world.telnet(FRIEND).endswith(b"login: ")
        assert_shape(
            service.log_since(mark, 5),
            [
                r"tcpserver: status: 1/3",
                r"tcpserver: pid (?P<pid>\d+) from 192\.168\.1\.33",
                r"tcpserver: ok (?P<pid>\d+) 0:192\.168\.1\.44:23 :192\.168\.1\.33::\d+",
                # Debian's telnetd calls a client that hangs up a failure; the
                # one of the walk-through ended with 0.
                r"tcpserver: end (?P<pid>\d+) status (0|256)",
                r"tcpserver: status: 0/3",
            ],
        )

    def test_any_other_client_is_cut_off_before_anything_runs(self, service: Service) -> None:
        mark = len(service.log())
        seen = service.world.telnet(OUTSIDER)
        assert b"Connection closed by foreign host" in seen
        assert b"login" not in seen
        facts = assert_shape(
            service.log_since(mark, 5),
            [
                r"tcpserver: status: 1/3",
                r"tcpserver: pid (?P<pid>\d+) from 203\.0\.113\.9",
                r"tcpserver: deny (?P<pid>\d+) 0:192\.168\.1\.44:23 :203\.0\.113\.9::\d+",
                r"tcpserver: end (?P<pid>\d+) status 25600",
                r"tcpserver: status: 0/3",
            ],
        )
        # Ours makes no process for such a client, so the pid is the server's.
        # This also proves that it is ours that is tried, and not the original.
        assert (facts["pid"] == service.server_pid().decode()) == ("tcpserver" in service.world.ours)

    def test_new_rules_judge_the_next_connection_without_a_restart(self, service: Service) -> None:
        server = service.server_pid()
        service.make_cdb(LONGER_RULES)
        assert b"login" not in service.world.telnet(FRIEND)
        assert service.world.telnet("192.168.1.44").endswith(b"login: ")
        service.make_cdb(RULES)
        assert service.world.telnet(FRIEND).endswith(b"login: ")
        assert service.server_pid() == server

    def test_a_rules_file_that_cannot_be_parsed_leaves_the_old_judgement(self, service: Service) -> None:
        (service.directory / "tcp.telnet").write_text("192.168.1.:allwo\n")
        failed = service.world.run(["./make_cdb"], env={"PATH": service.world.path}, cwd=service.directory)
        assert failed.returncode == 100
        assert failed.stderr.splitlines()[0] == (
            b"tcprules: fatal: unable to parse this line: 192.168.1.:allwo"
        )
        assert service.world.telnet(FRIEND).endswith(b"login: ")
        service.make_cdb(RULES)

    def test_rm_and_svc_in_this_order_end_it(self, service: Service) -> None:
        service.end()
        wait_for(
            lambda: service.world.programs() == ["svscan"],
            "the end of both supervisors",
        )
        for directory in (service.directory / "log", service.directory):
            assert not service.is_supervised(directory)
