"""What is said about rules that 0.88 accepts without a word, one test for each kind."""

import pytest

from ucspi.rules import Diagnostic, compile_rules, lint

COMMENT = "give the comment a line of its own, with # in the first column"


def said(text: bytes) -> list[str]:
    return [diagnostic.text(b"f").decode() for diagnostic in lint(text)]


@pytest.mark.parametrize(
    ("line", "place", "reason", "suggestion"),
    [
        (b" 10.:deny", "1:1", "a blank begins the address", "leave it out"),
        (b"1.2.3.4 :deny", "1:8", "a blank ends the address", "leave it out"),
        (b"no colon", "1:1", "a line without a colon is ignored", "put one between"),
        (b"  # why", "1:3", "a line without a colon is ignored", "a comment begins in the first column"),
        (b" \r", "1:2", "a carriage return is all of this line", "convert"),
        (b"10-5.:deny", "1:3", "the range goes downwards", "smaller number first"),
        (b"1.2.3.1-300:deny", "1:9", "numbers above 255 are left out", "write 255"),
        (b"1.2.3.256-300:deny", "1:11", "a range stands for no numbers above 255", "from 0 to 255"),
        (b"1.2.3.-4:deny", "1:7", "a range without its first number begins at 0", "write 0-4"),
        (b"-3.:deny", "1:1", "a range without its first number begins at 0", "write 0-3"),
        (b"1.-.:deny", "1:3", "a range without its first number begins at 0", "write 0-0"),
        (b':allow,MAXCONN="5"', "1:8", "this variable limits nothing here", "-c limits all clients"),
        (b':allow,MAXCON="5"', "1:8", "this variable limits nothing here", "-c limits all clients"),
        (b':allow,MaxConnections="5"', "1:8", "this variable limits nothing here", "-c limits all clients"),
        (b':allow,MAXCLIENTS="5"', "1:8", "this variable limits nothing here", "-c limits all clients"),
        (b':allow,A="b",MAXCONNPERIP="5"', "1:14", "this variable limits nothing here", "write MAXCONNIP"),
        (b':allow,max_conn_ip="5"', "1:8", "this variable limits nothing here", "write MAXCONNIP"),
        (b':allow,maxperip="5"', "1:8", "this variable limits nothing here", "write MAXCONNIP"),
        (
            b':allow,MaxConnectionsPerSource="5"',
            "1:8",
            "this variable limits nothing here",
            "write MAXCONNIP",
        ),
        (b':allow,MAXCONNIPS="5"', "1:8", "this variable limits nothing here", "write MAXCONNIP"),
        (b':allow,MAXCONNPI="5"', "1:8", "this variable limits nothing here", "write MAXCONNIP"),
        (b':allow,MAXCONNP="5"', "1:8", "this variable limits nothing here", "write MAXCONNIP"),
        (b':allow,MaxConnC="5"', "1:8", "this variable limits nothing here", "write MAXCONNC"),
        (b':allow,MAXPERNET="5"', "1:8", "this variable limits nothing here", "write MAXCONNC"),
        (b':allow,max_load="3.5"', "1:8", "this variable limits nothing here", "write MAXLOAD"),
        (b':allow,MAXLOADAVG="350"', "1:8", "this variable limits nothing here", "write MAXLOAD"),
        (b':allow,MAXLAOD="350"', "1:8", "this variable limits nothing here", "write MAXLOAD"),
        (b':allow,MAXCONNRATE="5"', "1:8", "this variable limits nothing here", "write --rate"),
        (b':allow,MAXCONNIP="five"', "1:19", "this limit is no number", "write digits"),
        (b':allow,MAXTIMEOUT="60"', "1:8", "this variable limits nothing here", "write MAXTIME"),
        (b':allow,max_time="60"', "1:8", "this variable limits nothing here", "write MAXTIME"),
        (b':allow,MAXTIMES="60"', "1:8", "this variable limits nothing here", "write MAXTIME"),
        (b':allow,MAXIDLE="60"', "1:8", "this variable limits nothing here", "write --idle-time"),
        (b':allow,MAXTIME="1m"', "1:17", "this limit is no number", "write digits"),
        (b':allow,MAXTIME="00"', "1:17", "this limit is 0", "write seconds, at least 1"),
        (b':allow,A="b",MAXLOAD="3.5"', "1:23", "this limit is no number", "write digits"),
        (b':allow,MAXCONIP=""', "1:18", "this limit is no number", "write digits"),
        (b':allow,MAXPERIP="1000000000000000000"', "1:18", "this limit is no number", "write digits"),
        (b"1.2-3.4-5.6:deny", "1:1", "no client has this address", ""),
        (b".1.2:deny", "1:1", "an address has four numbers", "write four"),
        (b"*:deny", "1:1", "there are no wildcards", "the empty address is everybody"),
        (b"*.a.org:deny", "1:1", "no client has this address", "a name is written =.a.org"),
        (b"=*.a.org:deny", "1:2", "there are no wildcards", "write =.a.org"),
        (b"joe@=a*.org:deny", "1:7", "no name of a client has this character", "leave it out"),
        (b"=a b.org:deny", "1:3", "no name of a client has this character", "leave it out"),
        (b"=a.org.:deny", "1:7", "names of clients do not end in a dot", "leave it out"),
        (b"=1.2.3.4:deny", "1:1", "names stand behind an equals sign", "write 1.2.3.4"),
        (b"=10.0.0.0/8:deny", "1:10", "no name of a client has this character", ""),
        (b':allow,"A"="b"', "1:8", "a quote is part of the variable's name", "leave it out"),
        (b"1.2.3-5:deny", "1:1", "a prefix ends in a dot", "write 1.2.3-5. for all"),
        (b"1.256.:deny", "1:3", "an octet is at most 255", ""),
        (b"1.02.:deny", "1:3", "an octet has no leading zeros", ""),
        (b"192.168.1:deny", "1:10", "a prefix ends in a dot", "write 192.168.1. for all that begin so"),
        (b"1.2.3.4.:deny", "1:1", "an address has four numbers", ""),
        (b"1.2.3.4.5:deny", "1:1", "an address has four numbers", ""),
        (b"192.168.*:deny", "1:9", "there are no wildcards", "write 192.168."),
        (b"ALL:deny", "1:1", "no client has this address", "the empty address is everybody"),
        (b"Example.org:deny", "1:1", "no client has this address", "a name is written =example.org"),
        (b"\xe9:deny", "1:1", "no client has this address", ""),
        (b"=.Example.org:deny", "1:1", "names of clients are in lower case", "write =.example.org"),
        (b"x=y:deny", "1:2", "the equals sign of a name begins the address", ""),
        (b"joe@1.2.:deny", "1:5", "behind an @", ""),
        (b"joe@=Org:deny", "1:5", "names of clients are in lower case", "write =org"),
        (b"joe@10.0.0.0/8:deny", "1:5", "behind an @", ""),
        (b"10.0/x:deny", "1:5", "this is no network", "like 10.0.0.0/8"),
        (b"10.0.0.0./8:deny", "1:10", "this is no network", "like 10.0.0.0/8"),
        (b"10../8:deny", "1:5", "this is no network", "like 10.0.0.0/8"),
        (b"10.0-3./16:deny", "1:1", "a range with a length is no network", ""),
        (b"joe@10./8:deny", "1:5", "behind an @", ""),
        (b"10.0-3.0.0/8:deny", "1:1", "a range with a length is no network", ""),
        (b"1\0.2.3.4:deny", "1:2", "a NUL is part of the address", ""),
        (b":deny,A=xbx", "1:9", "the character x serves as the quote", 'write A="..."'),
        (b":deny,A= b ,B=/c/", "1:9", "a blank serves as the quote", 'write A="..."'),
        (b':deny, A="b"', "1:7", "a blank is part of the variable's name", "leave it out"),
        (b':deny,A ="b"', "1:7", "a blank is part of the variable's name", "leave it out"),
        (b':deny,="b"', "1:7", "a variable has no name", ""),
        (b':deny,,A="b"', "1:7", "a variable has no name", ""),
        (b':deny,A\0="b"', "1:7", "a NUL is part of the variable's name", ""),
        (b':deny,A="b\0c"', "1:11", "the value ends at this NUL", ""),
        (b"\xef\xbb\xbf# head", "1:1", "the file begins with a byte-order mark", "save it without one"),
        (b"\xef\xbb\xbf1.:deny", "1:1", "the file begins with a byte-order mark", "save it without one"),
    ],
)
def test_odd_line_is_remarked_on(line: bytes, place: str, reason: str, suggestion: str) -> None:
    first = said(line + b"\n")[0]
    assert first.startswith(f"f:{place}: warning: {reason}"), first
    assert suggestion in first
    assert all(diagnostic.suggestion for diagnostic in lint(line + b"\n"))

    heard: list[Diagnostic] = []
    compile_rules([line + b"\n"], lambda key, data: None, heard.append)
    assert first in [diagnostic.text(b"f").decode() for diagnostic in heard], "compiling says it too"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b" \t",
        b"# 1.2.3:deny \r",
        b":deny",
        b"1.2.3.4:deny",
        b"1.2.3.:deny",
        b"1.2-5.:allow",
        b':allow,MAXCONNIP="5",MAXCONNC="9",DIEMSG="no"',
        b':allow,MAXCONIP="5",MAXPERIP="0",MAXLOAD="350",MAXTIME="60"',
        b':allow,MAXSIZE="5",MAX="",MA=""',
        b':allow,MAXLOAF="x",MAXUSERS="5",M_AXCONIP="5",DIEMSG=""',
        b"10.0.0.0/8:deny",
        b"::1:deny",
        b"=:allow",
        b"=.org:allow",
        b"=a-b.org:allow",
        b"j@e@1.2.3.4:allow",
        b"joe@=org:allow",
        b":allow,A=\"b\",C_1=/d/,E=''",
        b':allow,A="\xff"',
        b':allow,A-B="b"',
    ],
)
def test_ordinary_line_is_not_remarked_on(line: bytes) -> None:
    assert said(line + b"\n") == []


def test_missing_newline_at_the_end() -> None:
    assert said(b"1.:deny\n:allow") == ["f:2:7: warning: the last line has no newline; is the file whole?"]


def test_errors_are_all_there_and_look_like_those_of_tcprules() -> None:
    assert said(b"1.:alow\n2.:deny # why\n3.:Deny\n4.:deny ,A=/b/\n5.:allow,A=b\n6.:deny\r\n") == [
        "f:1:4: allow or deny must follow the colon at once, in lower case; write one of them",
        "f:2:8: only a comma and a variable can follow here; " + COMMENT,
        "f:3:4: allow or deny must follow the colon at once, in lower case; write deny",
        "f:4:8: only a comma and a variable can follow here; leave out the blanks before the comma",
        'f:5:12: the quote that starts here is not closed; write "b"',
        "f:6:8: a carriage return ends this line; convert the file's DOS line ends",
    ]


@pytest.mark.parametrize(
    ("line", "place", "reason", "suggestion"),
    [
        (b'1.:allow,A="b', "1:12", "the quote that starts here is not closed", "write the same character"),
        (b'1.:allow,A= "b"', "1:12", "the quote that starts here is not closed", "leave out the blank"),
        (b"1.:allow,A=", "1:12", "a quoted value must follow", 'an empty one is ""'),
        (b"1.:allow,", "1:10", "a variable has the form", "write one, or no comma"),
        (b"1.:allow\0", "1:9", "only a comma and a variable can follow", 'write ,NAME="value"'),
        (b"my-host.org:deny", "1:1", "a range needs digits", "a name is written =name"),
        (b"10.1.0.0/8:deny", "1:1", "bits beyond the length are set", "write 10.0.0.0/8"),
        (b"10.0.0.0/33:deny", "1:10", "the length of a prefix", "/32 is a single address"),
        (b"10.0.0.0/0:deny", "1:10", "the length of a prefix", "the empty address is everybody"),
        (b"300.0.0.0/8:deny", "1:1", "an octet is at most 255", "from 0 to 255"),
        (b"01.0.0.0/8:deny", "1:1", "an octet has no leading zeros", "leave them out"),
        (b"2001:db8::1/32:deny", "1:1", "bits beyond the length are set", "write 2001:db8::/32"),
        (b"::ffff:10.0.0.0/104:deny", "1:1", "clients with IPv4", "write 10.0.0.0/8"),
        (b"1::2::3:deny", "1:1", "this is not an IPv6 address", "write eight groups"),
        (b"[::1:deny", "1:1", "the bracket that starts here is not closed", "write ]"),
        (b" ::1:deny", "1:1", "a blank is part of the address", "leave it out"),
        (b"::1 :deny", "1:1", "a blank is part of the address", "leave it out"),
        (b"::1:Deny", "1:5", "allow or deny must follow the colon", "write deny"),
        (b"[::1]/128:maybe", "1:11", "allow or deny must follow the colon", "write one of them"),
        (b"2001:db8::/32", "1:14", "no instruction follows this address", "write :allow or :deny"),
        (b"joe@::/32:deny", "1:5", "a network cannot follow", "write a whole address"),
    ],
)
def test_error_says_where_why_and_what_to_do(line: bytes, place: str, reason: str, suggestion: str) -> None:
    first = said(line + b"\n")[0]
    assert first.startswith(f"f:{place}: {reason}"), first
    assert suggestion in first


def test_address_that_came_before() -> None:
    assert said(b"1.2.3.5:deny\n1.2.3.4-6:deny\n::1:deny\n[0::1]:deny\n") == [
        "f:2:1: warning: line 1 has the address 1.2.3.5 already, and the first counts; leave this line out",
        "f:4:1: warning: line 3 has the address ::1 already, and the first counts; leave this line out",
    ]
    assert said(b":deny\n:allow\n")[-1].endswith("the first counts; leave out the one that is not meant")


def test_network_behind_a_dotted_prefix() -> None:
    (hidden,) = said(b"10.1.2.0/24:deny\n10.:deny\n10.1.:deny\n10.0.0.0/7:deny\n")
    assert hidden.startswith("f:1:1: warning: line 3 (10.1.) hides this network; ")


@pytest.mark.parametrize(
    ("text", "place", "which"),
    [
        (b":deny\n127.:allow\n", "1:1", "for 127.9.9.9 line 2 (127.)"),
        (b"1.2.:allow\n1.2.3.4:deny\n", "1:1", "for 1.2.3.4 line 2 (1.2.3.4)"),
        (b'1.:allow\n1.2.:allow,A="b"\n', "1:1", "for 1.2.9.9 line 2 (1.2.)"),
        (b"10.0.0.0/8:allow\n10.1.:deny\n", "1:1", "for 10.1.9.9 line 2 (10.1.)"),
        (b"2001:db8::/32:allow\n2001:db8::1:deny\n", "1:1", "for 2001:db8::1 line 2 (2001:db8::1)"),
        (b"=.org:allow\n=a.org:deny\n", "1:1", "for 240.9.9.9 named a.org line 2 (=a.org)"),
        (b"=.org:deny\n\n10.:allow\n", "1:1", "for 10.9.9.9 named host.org line 3 (10.)"),
        (b"10.:deny\n=a.org:allow\n", "1:1", "for 10.9.9.9 named a.org line 2 (=a.org)"),
        (b"=a.org:deny\n1.2.3.4:allow\n", "1:1", "for 1.2.3.4 named a.org line 2 (1.2.3.4)"),
        (b"1.2.3.4:deny\njoe@1.2.3.4:allow\n", "1:1", "for joe at 1.2.3.4 line 2 (joe@1.2.3.4)"),
    ],
)
def test_first_line_that_matches_is_not_the_one_that_decides(text: bytes, place: str, which: str) -> None:
    (warning,) = said(text)
    assert warning.startswith(f"f:{place}: warning: {which} decides, though it stands below; "), warning


@pytest.mark.parametrize(
    "text",
    [
        b"192.168.1.33:deny\n192.168.1.:allow\n127.:allow\n:deny\n",
        b":deny\n127.:deny\n",
        b"=a.org:allow\n=.org:deny\n=:allow\n:deny\n",
        b"1.2.3.4:allow\n=a.org:deny\n10.:allow\n=.org:deny\n:allow\n",
        b"10.1.0.0/16:deny\n10.0.0.0/8:allow\n",
    ],
)
def test_lines_in_the_order_in_which_they_decide_are_not_warned_of(text: bytes) -> None:
    assert said(text) == []


def test_diagnostics_are_equal_by_their_parts() -> None:
    one = Diagnostic(1, 2, "r", "s")
    assert one == Diagnostic(1, 2, "r", "s")
    assert hash(one) == hash(Diagnostic(1, 2, "r", "s"))
    assert one != Diagnostic(1, 2, "r", "s", "error")
    assert one != 1
    assert repr(one) == "Diagnostic(1, 2, 'r', 's', 'warning')"
