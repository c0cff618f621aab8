"""What the console shows, letter by letter. Commands of `cli/show` and `cli/action` have their own transcripts."""

from __future__ import annotations

import pytest

from nsemu.cli.console import Console
from nsemu.cli.dialogue import MORE, Item, Question
from nsemu.cli.grammar import Command, argument, flag, keyword, optional
from nsemu.cli.interpreter import Shell
from nsemu.cli.output import paged
from nsemu.cli.types import INTERFACE
from nsemu.sim.wait import Wait
from support.cli_console import Session


def shown(*lines: str) -> str:
    return Session().transcript(*lines)


def test_help_of_a_command_and_of_its_parts() -> None:
    assert (
        shown(
            "set interface ethernet3 na?",
            "set interface e3 ip ?",
            "set interface e3 man?",
            "set interface e3 mtu ?",
            "unset interface e3 ip ?",
        )
        == """\
ns208-> set interface ethernet3 na?
nat                  NAT mode: translate the source of outgoing traffic
ns208-> set interface e3 ip ?
<a.b.c.d/n>          address and mask
<a.b.c.d>            address
dhcp-client          get the address from a server
manageable           the address can be used for management
unnumbered           borrow the address of another interface
ns208-> set interface e3 man?
manage               management services
manage-ip            address for management only
ns208-> set interface e3 mtu ?
<number>             octets
ns208-> unset interface e3 ip ?
<return>
<a.b.c.d/n>          address and mask
dhcp-client          get the address from a server
manageable           the address can be used for management
ns208-> """
    )


def test_help_after_the_options_that_are_taken() -> None:
    """Ordered and unordered options of a gateway: each is offered while it can still be given."""
    assert (
        shown(
            "set ike gateway g address 2.2.2.2 ?",
            "set ike gateway g address 2.2.2.2 preshare k ?",
            "set ike gateway g address 2.2.2.2 preshare k proposal a ?",
            "set ike gateway g address 2.2.2.2 preshare k proposal a b c d ?",
        )
        == """\
ns208-> set ike gateway g address 2.2.2.2 ?
<return>
aggressive           Aggressive mode
id                   IKE ID of the peer
local-address        own address towards the peer
local-id             own IKE ID
main                 Main mode
outgoing-interface   interface towards the peer
outgoing-zone        layer 2 zone towards the peer
preshare             preshared key
proposal             proposals, the preferred one first
sec-level            a predefined set of proposals
seed-preshare        seed of the keys of a group
ns208-> set ike gateway g address 2.2.2.2 preshare k ?
<return>
aggressive           Aggressive mode
id                   IKE ID of the peer
local-address        own address towards the peer
local-id             own IKE ID
main                 Main mode
outgoing-interface   interface towards the peer
outgoing-zone        layer 2 zone towards the peer
proposal             proposals, the preferred one first
sec-level            a predefined set of proposals
seed-preshare        seed of the keys of a group
ns208-> set ike gateway g address 2.2.2.2 preshare k proposal a ?
<return>
<string>             proposal name
ns208-> set ike gateway g address 2.2.2.2 preshare k proposal a b c d ?
<return>
ns208-> """
    )


def test_help_where_the_line_is_already_wrong() -> None:
    assert (
        shown("set intrfce ?", "set zone trust x?")
        == """\
ns208-> set intrfce ?
            ^---------unknown keyword intrfce
ns208-> set zone trust x?
                       ^---unknown keyword x
ns208-> """
    )


def test_b001_b002_typing_errors() -> None:
    assert (
        shown(
            "END-OF-TEST-SCRIPT",
            "set zne trust block",
            "set v trust-vr",
            "set interface ethernet3 ip",
            "set interface ethernet3 ip 1.1.1.1/33",
            "set interface ethernet3 ip 1.1.1.256/24",
            "set interface ethernet3 mtu 9000",
            "set interface ethernet3 mtu big",
            "set zone trust block now",
            'set address trust "local LAN 10.1.1.0/24',
            'set address trust "local LAN"10.1.1.0/24',
            'set address trust "" 10.1.1.0/24',
            "set address trust caf\u00e9\u2013 10.1.1.0/24",
            "set console page 10 | include x",
        )
        == """\
ns208-> END-OF-TEST-SCRIPT
        ^--------------------unknown keyword END-OF-TEST-SCRIPT
ns208-> set zne trust block
            ^------unknown keyword zne
ns208-> set v trust-vr
            ^---ambiguous keyword v (vip, vpn, vpn-group, vpnmonitor, vrouter, vsys)
ns208-> set interface ethernet3 ip
                                   ^--keyword or <a.b.c.d/n> or <a.b.c.d> expected
ns208-> set interface ethernet3 ip 1.1.1.1/33
                                   ^------------invalid address 1.1.1.1/33 (<a.b.c.d/n> expected)
ns208-> set interface ethernet3 ip 1.1.1.256/24
                                   ^--------------invalid address 1.1.1.256/24 (<a.b.c.d/n> expected)
ns208-> set interface ethernet3 mtu 9000
                                    ^------value 9000 out of range (<800-1500> expected)
ns208-> set interface ethernet3 mtu big
                                    ^-----invalid number big (<800-1500> expected)
ns208-> set zone trust block now
                             ^-----unknown keyword now
ns208-> set address trust "local LAN 10.1.1.0/24
                          ^------------------------missing closing quote
ns208-> set address trust "local LAN"10.1.1.0/24
                                     ^---blank expected after the closing quote
ns208-> set address trust "" 10.1.1.0/24
                          ^----empty name ""
ns208-> set address trust caf\u00e9\u2013 10.1.1.0/24
                              ^---invalid character 0x2013
ns208-> set console page 10 | include x
                            ^---only get commands take an output filter
ns208-> """
    )


def test_refusals_say_what_is_wrong() -> None:
    assert (
        shown(
            "set interface ethernet9 zone trust",
            "set interface ethernet3 zone nowhere",
            "set interface ethernet5 ip 10.1.1.1/24",
            "set interface ethernet3 ip 10.1.1.0/24",
            "set interface ethernet3 ip 10.1.1.1/24",
            "set interface ethernet1 ip 10.1.1.2/16",
            "unset interface ethernet3 zone",
            "set policy from trust to untrust any Paris any permit",
            "set policy from trust to untrust any any any tunnel vpn v",
            "set policy id 7",
            "unset zone untrust",
            "set zone name UNTRUST",
            "set vpn v gateway g sec-level standard",
        )
        == """\
ns208-> set interface ethernet9 zone trust
interface ethernet9 does not exist
ns208-> set interface ethernet3 zone nowhere
zone nowhere does not exist
ns208-> set interface ethernet5 ip 10.1.1.1/24
interface ethernet5 is in no zone (set interface ethernet5 zone first)
ns208-> set interface ethernet3 ip 10.1.1.0/24
invalid IP address 10.1.1.0/24 (a host address of 10.1.1.0/24 expected)
ns208-> set interface ethernet3 ip 10.1.1.1/24
ns208-> set interface ethernet1 ip 10.1.1.2/16
IP address 10.1.1.2/16 overlaps with 10.1.1.1/24 of interface ethernet3
ns208-> unset interface ethernet3 zone
interface ethernet3 has an IP address and cannot move from zone Untrust to Null (unset interface ethernet3 ip first)
ns208-> set policy from trust to untrust any Paris any permit
address Paris does not exist in zone Untrust
ns208-> set policy from trust to untrust any any any tunnel vpn v
vpn v does not exist
ns208-> set policy id 7
policy id 7 does not exist
ns208-> unset zone untrust
zone Untrust is predefined and cannot be removed
ns208-> set zone name UNTRUST
zone Untrust already exists
ns208-> set vpn v gateway g sec-level standard
gateway g does not exist
ns208-> """
    )


def test_contexts_show_in_the_prompt_and_exit_leaves_one() -> None:
    assert (
        shown(
            "set hostname tokyo",
            "set vrouter Trust-VR",
            "set auto?",
            "set route 10.2.0.0/16 interface e1 gateway 10.1.1.2",
            "set zone trust block",
            "exit",
            "set policy from trust to untrust any any any permit",
            "set policy id 1",
            "unset service any",
            "exit",
        )
        == """\
ns208-> set hostname tokyo
tokyo-> set vrouter Trust-VR
tokyo(trust-vr)-> set auto?
auto-route-export    export interface routes to untrust-vr
tokyo(trust-vr)-> set route 10.2.0.0/16 interface e1 gateway 10.1.1.2
tokyo(trust-vr)-> set zone trust block
                      ^-------unknown keyword zone
tokyo(trust-vr)-> exit
tokyo-> set policy from trust to untrust any any any permit
policy id = 1
tokyo-> set policy id 1
tokyo(policy:1)-> unset service any
service ANY is the only one of policy id 1
tokyo(policy:1)-> exit
tokyo-> """
    )


def test_a_long_line() -> None:
    session = Session()
    longest = 'set address trust n 1.1.1.1/32 "' + "x" * (1023 - 33) + '"'
    assert len(longest) == 1023
    assert "too long (at most 64 characters)" in session.type(longest)
    assert session.type(longest + " ").endswith("^--line too long (1024 characters, at most 1023)\n")
    assert session.console.refused


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", ["exit", "set", "unset"]),
        ("un", ["unset"]),
        ("set int", ["interface"]),
        ("set interface tun", []),
        ("set interface ethernet3 zone V1", ["V1-DMZ", "V1-Null", "V1-Trust", "V1-Untrust"]),
        ("set policy from trust to untrust ", ["Any", '"Dial-Up VPN"', '"local LAN"', "web"]),
        ('set policy from trust to untrust "lo', ['"local LAN"']),
        ("set policy from trust to untrust web any HTTP", ["HTTP", "HTTP-EXT", "HTTPS"]),
        ("set vpn v gateway g sec-level ", ["basic", "compatible", "standard"]),
        ("set nonsense ", []),
    ],
)
def test_tab(typed: str, offered: list[str]) -> None:
    session = Session()
    session.accept('set address trust "local LAN" 10.1.1.0/24', "set address trust web 10.1.1.5/32")
    found = session.console.complete(typed)
    if typed == "":
        assert set(offered) <= set(found)
    else:
        assert found == offered


def _numbers(_context: object, arguments: object) -> str:
    return "".join(f"{n} bottles\n" for n in range(1, 31))


def _slow(_context: object, _arguments: object) -> object:
    yield "one\ntw"
    yield Wait(5)
    yield "o\nthree"


def _reading_console(page: int = 20, *, interactive: bool = False) -> tuple[Session, Console]:
    """A console with `get` commands of its own."""
    session = Session()
    session.accept(f"set console page {page}")
    get = keyword("get", "get system information", keyword("numbers", "thirty lines", Command(_numbers)))
    slow = keyword("slow", "takes time", Command(_slow))  # type: ignore[arg-type]
    session.console = Console(session.device, Shell((), (get, slow)), interactive=interactive)
    return session, session.console


def test_output_filter() -> None:
    """screenos-cli §1: `| include` and `| exclude`, abbreviated too."""
    session, _ = _reading_console()
    assert session.type("get numbers | include 7") == "7 bottles\n17 bottles\n27 bottles\n"
    assert session.type("get num |i 30") == "30 bottles\n"
    assert session.type('get num | exc "0 bo"').count("\n") == 27
    assert session.type("get num | exclude bottles") == ""
    assert session.type("get num | grep x") == " " * 18 + "^-------unknown keyword grep\n"
    assert session.console.refused


def test_help_offers_the_filter_after_get() -> None:
    _, console = _reading_console()
    assert (
        console.help("get numbers ")
        == "<return>\n|                    match output\n>                    redirect output\n"
    )
    assert console.help("get numbers | ") == (
        "exclude              show the lines without a text\ninclude              show the lines with a text\n"
    )
    assert console.complete("get numbers | in") == ["include"]


def play(console: Console, line: str, keys: list[str]) -> list[Item]:
    """Everything a dialogue yields, with keys for its questions."""
    items: list[Item] = []
    dialogue = console.execute(line)
    reply: str | None = None
    while True:
        try:
            item = dialogue.send(reply)
        except StopIteration:
            return items
        items.append(item)
        reply = item.answer(keys.pop(0)) if isinstance(item, Question) else None


def test_paging() -> None:
    """Blank: a page; return: a line; q: stop (screenos-cli §4.5)."""
    _, console = _reading_console(page=10, interactive=True)
    items = play(console, "get numbers", [" ", "\r", "q"])
    positions = [index for index, item in enumerate(items) if item is MORE]
    assert positions == [10, 21, 23]
    assert len(items) == 24


@pytest.mark.parametrize(("page", "interactive"), [(0, True), (10, False), (40, True)])
def test_no_paging(page: int, interactive: bool) -> None:
    _, console = _reading_console(page=page, interactive=interactive)
    assert MORE not in play(console, "get numbers", [])


def test_a_filter_waits_for_whole_lines() -> None:
    session, console = _reading_console()
    get = keyword("get", "get", keyword("slow", "takes time", Command(_slow)))  # type: ignore[arg-type]
    console = Console(session.device, Shell((), (get,)))
    assert [item for item in play(console, "get slow | include two", []) if isinstance(item, str)] == ["two\n"]
    assert [item for item in play(console, "get slow | include thr", []) if isinstance(item, str)] == ["three\n"]


def test_stopping_a_page_stops_the_command() -> None:
    stopped = []

    def endless() -> object:
        try:
            while True:
                yield "line\n"
        finally:
            stopped.append(True)

    dialogue = paged(endless(), lambda: 3)  # type: ignore[arg-type]
    assert [next(dialogue) for _ in range(4)] == ["line\n", "line\n", "line\n", MORE]
    with pytest.raises(StopIteration):
        dialogue.send("q")
    assert stopped == [True]


def test_exit_asks_when_something_was_set() -> None:
    session = Session()
    session.answers = ["n"]
    session.accept("set console page 0")
    assert session.type("exit") == "Configuration modified, save? [y]/n n\n"
    assert session.console.closed


def test_exit_asks_nothing_when_nothing_was_set() -> None:
    session = Session()
    assert session.type("exit") == ""
    assert session.console.closed


def test_a_bar_or_redirection_with_nothing_behind_it() -> None:
    assert (
        Session().transcript("get hostname |", "get hostname >", "get hostname | i")
        == """\
ns208-> get hostname |
                      ^--include or exclude expected
ns208-> get hostname >
                      ^--tftp expected
ns208-> get hostname | i
                         ^--<string> expected
ns208-> """
    )


def test_a_read_only_administrator_is_not_asked_whether_to_save() -> None:
    """It could not; who changed the configuration is asked."""
    for privilege, asked in (("read-only", ""), ("all", "Configuration modified, save? [y]/n n\n")):
        session = Session(privilege=privilege)
        session.device.modified = True
        session.answers = ["n"]
        assert session.type("exit") == asked
        assert session.console.closed


def test_a_read_only_administrator_cannot_set() -> None:
    session = Session(privilege="read-only")
    assert session.type("set hostname x") == "Read-only administrators cannot set hostname\n"
    assert session.console.refused
    assert session.device.config.system.hostname == "ns208"


def test_interface_names_are_taken_short() -> None:
    session = Session()
    session.accept("set int e3 ip 1.1.1.1/24", "set int TUN.1 zone untrust", "set int tun.1 ip unnum int eth3")
    assert session.device.config.interfaces["tunnel.1"].unnumbered == "ethernet3"


def test_options_of_a_repeated_argument() -> None:
    node = keyword("x", "x", argument("a", INTERFACE, "name"), optional(flag("b", "b")), Command(lambda _c, a: str(a)))
    session = Session()
    console = Console(session.device, Shell((), (node,)))
    assert play(console, "x e1 b", []) == ["{'a': 'ethernet1', 'b': True}"]
