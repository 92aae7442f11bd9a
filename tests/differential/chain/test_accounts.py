"""setuidgid and envuidgid against the originals."""

import os
import pwd
from pathlib import Path

import pytest

from tests.differential.chain import ENVIRONMENT, POWERLESS, SIGNALS, Compare, as_root
from tests.support.oracles import Oracle
from tests.support.world import why_not

pytestmark = [pytest.mark.oracle, pytest.mark.sampled(3)]

NO_ACCOUNTS: list[str | bytes] = [
    "nosuch",
    "0",
    "65534",
    "",
    "nobody ",
    "NOBODY",
    b"\xff\xfe",
    "x" * 5000,
    ":",
    "nobody:nogroup",
    "-n",
]


@pytest.mark.parametrize("tool", ["setuidgid", "envuidgid"])
def test_what_is_no_account_is_refused(compare: Compare, oracle: Oracle, tool: str, tmp_path: Path) -> None:
    for name in NO_ACCOUNTS if tool == "setuidgid" else NO_ACCOUNTS[:3]:
        code, _, error = compare(oracle, tool, [name, "true"], tmp_path)
        text = name if isinstance(name, bytes) else name.encode()
        assert (code, error) == (111, b"%s: fatal: unknown account %s\n" % (tool.encode(), text))


@as_root
def test_all_groups_but_the_accounts_own_are_dropped(
    compare: Compare, oracle: Oracle, tmp_path: Path
) -> None:
    def before() -> None:
        os.setgroups([0, 1, 2, 3])

    for entry in (pwd.getpwnam(name) for name in ("root", "daemon", "games", "nobody")):
        output = compare(oracle, "setuidgid", [entry.pw_name, *SIGNALS], tmp_path, before=before)[1]
        seen = {line.split()[0]: line.split()[1:] for line in output.splitlines()}
        assert seen[b"Uid:"] == [b"%d" % entry.pw_uid] * 4
        assert seen[b"Gid:"] == [b"%d" % entry.pw_gid] * 4
        assert seen[b"Groups:"] == [b"%d" % entry.pw_gid]


@as_root
def test_who_is_not_root_becomes_nobody_not_even_itself(
    compare: Compare, oracle: Oracle, tmp_path: Path
) -> None:
    for name in ("nobody", "root"):
        refused = compare(oracle, "setuidgid", [name, "true"], tmp_path, behind=POWERLESS)
        assert refused == (111, b"", b"setuidgid: fatal: unable to setgid: permission denied\n")


@as_root
def test_envuidgid_needs_no_privilege_and_changes_no_ids(
    compare: Compare, oracle: Oracle, tmp_path: Path
) -> None:
    for probe in (ENVIRONMENT, SIGNALS):
        assert compare(oracle, "envuidgid", ["games", *probe], tmp_path, behind=POWERLESS)[0] == 0


def test_variables_are_set_where_the_original_sets_them(
    compare: Compare, oracle: Oracle, tmp_path: Path
) -> None:
    for given in ({}, {"UID": "1", "X": "2"}, {"A": "", "GID": "1", "B": "", "UID": "2", "C": ""}):
        output = compare(oracle, "envuidgid", ["games", *ENVIRONMENT], tmp_path, environment=given)[1]
        entry = pwd.getpwnam("games")
        assert {b"UID=%d" % entry.pw_uid, b"GID=%d" % entry.pw_gid} <= set(output.split(b"\0"))


# An account whose ids are 2^32 - 1 and 2^31, where nobody else sees it.
LARGE = """
{ cat /etc/passwd; echo 'large:x:4294967295:2147483648::/:/bin/false'; } >passwd
mount --bind passwd /etc/passwd && exec "$@"
"""


@pytest.mark.parametrize("tool", ["envuidgid", "setuidgid"])
def test_largest_id_is_no_negative_number(
    compare: Compare, oracle: Oracle, tool: str, tmp_path: Path
) -> None:
    if reason := why_not():
        pytest.skip(reason)
    behind = ["unshare", "--mount", "sh", "-c", LARGE, "sh"]
    code, output, error = compare(oracle, tool, ["large", *ENVIRONMENT], tmp_path, behind=behind)
    if tool == "envuidgid":
        assert {b"UID=4294967295", b"GID=2147483648"} <= set(output.split(b"\0"))
    else:
        assert (code, error) == (111, b"setuidgid: fatal: unable to setuid: invalid argument\n")
