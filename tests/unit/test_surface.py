"""What each package offers, in one table.

A new public name is a line here; a name that is not meant to be public fails.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

# Packages that re-export what is public, from private modules.
NAMES = {
    "ucspi": "Client",
    "ucspi.decimal": "DIGITS first_digits leading_digits remainder whole_number",
    "ucspi.value": "Value",
    "ucspi.exits": "EXIT_PERMANENT EXIT_TEMPORARY EXIT_USAGE",
    "ucspi.errors": """
        EXIT_PERMANENT EXIT_TEMPORARY EXIT_USAGE
        BackendUnavailableError BadAddressError BadPortError
        CdbFormatError CdbLengthError CdbTextError CdbTooLargeError
        CdbTruncatedError CertificateError ClosedError ConnectError Error HostsAccessError LogError
        NoAddressError NoFunctionError ProxyHeaderError RuleSyntaxError ServiceError UnsafeFileError
        UnusableError
    """,
    "ucspi.cdb": """
        Builder Reader Stats Writer backend create dump hash hash64 load make open scan
        CdbFormatError CdbLengthError CdbTextError CdbTooLargeError CdbTruncatedError ClosedError
    """,
    "ucspi.rules": """
        Diagnostic Lengths LiveRules LiveText Rule RuleSet RuleSyntaxError Tally Verdict
        candidates certificate_candidates compile_rules convert_hosts encode expand explain
        explain_certificate find_line is_address is_fingerprint limit_remark lint load parse readable
        segments
    """,
    "ucspi.compat": "",
    "ucspi.compat.cdb": "cdb cdbmake error hash init",
    "ucspi.compat.cdblib": "Reader Reader64 Writer Writer64 djb_hash",
    "ucspi.compat.cdblib.compat": "cdb cdbmake error init",
    "ucspi.tcp": "connect",
    "ucspi.programs": "",
}

# Packages whose modules are public, each with names of its own.
MODULES = {
    "ucspi.cdb": "cdbmaketext layout",
    "ucspi.compat": "cdb cdbx",
    "ucspi.handler": """
        client connectionfile environment find kept quickend serve standardfiles stem stemenviron
        stemlinks stempackets
    """,
    "ucspi.lines": "crlf kernel kernelloader label localstamp localtime streamfilter",
    "ucspi.logs": """
        age distributor fileend finishedfiles lastlinefile leftovers logdir logger nativedistributor pattern
        processor retry rotation script svlogd switchingdistributor
    """,
    "ucspi.service": """
        begunsupervisor birthrecord conduct conductedsupervisor controlfiles deathtally diskthreads eventloop
        essentialservice essentialwatch
        groupend handedon heldservice keptsockets listensockets socketplaces
        loggerpipe notifysocket optionalfiles optionalvalues periodicscan piperecovery
        processhandles readiness runhistory serviceprocess wishes
        registry scanner servicedir startchildren startclassic startinprocess statemachine statuspublisher
        startwarm statusrecord stem stemservice superviseall supervisor supervisorhost supervisorlist
        teardown goals pastends servicestate waiting watchedservice
    """,
    "ucspi.dnsbl": "blocklist dnsquery liststep nameservers stubresolver",
    "ucspi.tcp": """
        address background client clientnotes connection environment ident lookupchoices namelookups
        names proxyheader proxywriter resolver serverlookups
    """,
    "ucspi.tcp.report": "classic classiclines clientfields jsonlog jsontext protocol several statusfile",
    "ucspi.tcp.server": """
        admission census clientlimits clientlookups denyingdoor door doors endings entrance handlers
        handshakes idleness judge keptpool listener loop networks parts pending proxieddoor proxyheaders rate
        settings shutdown socketoptions stemkeeper timelimits tlslink unixdoor warmhandlers
    """,
    "ucspi.tls": """
        certificates channel choices clientend context handlerends keeper mover process proven session
    """,
    "ucspi.unix": """
        accountfile cachedstat chain chainclient chainlayout chainlists chainspawn descriptorholder
        environ errtext fds folderwatch forking helperprocess inheritedstate launchers locks
        memoryreserve mover namefiles nameorder native notify oom output privilege processtitle
        processtree
        procfiles publish regularfile relay rlimits safeopen search seenfile signalnames signals sockdiag
        socketnames sockets spawn start stem stemchannel stemspawn streams tai threadtask unixdomain
    """,
}


def public(module: ModuleType) -> set[str]:
    names = {name for name in vars(module) if not name.startswith("_") and name != "TYPE_CHECKING"}
    later = vars(module).get("_LATER", {})  # names that are imported when they are asked for
    return {name for name in names if not isinstance(getattr(module, name), ModuleType)} | set(later)


@pytest.mark.parametrize("package", sorted(NAMES))
def test_package_offers_these_names_and_no_others(package: str) -> None:
    module = import_module(package)
    assert public(module) == set(NAMES[package].split())
    assert public(module) <= set(dir(module))


@pytest.mark.parametrize("package", sorted(MODULES))
def test_package_offers_these_modules_and_no_others(package: str) -> None:
    directory = Path(import_module(package).__path__[0])
    assert {path.stem for path in directory.glob("[!_]*.py")} == set(MODULES[package].split())
    assert public(import_module(package)) == set(NAMES.get(package, "").split())


@pytest.mark.parametrize("package", sorted(NAMES))
def test_public_names_have_docstrings(package: str) -> None:
    module = import_module(package)
    assert module.__doc__
    for name in NAMES[package].split():
        thing = getattr(module, name)
        assert isinstance(thing, (int, bytes)) or thing.__doc__, name
