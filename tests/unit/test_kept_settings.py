"""Settings that are kept without effect: the laws of settings hold for each, and the console says what they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from nsemu.cli.grammar.nodes import Arguments, Enter, Setting
from nsemu.cli.grammar.printer import command_line
from nsemu.cli.grammar.words import split_words
from nsemu.cli.interpreter import Interpreter, Shell
from nsemu.cli.settings import SETTINGS, TREE
from nsemu.cli.settings.configuration import configuration_text, load_configuration
from nsemu.config.device import DeviceConfig, factory_configuration
from nsemu.config.editor import Editor
from support.cli_console import Session, all_settings, is_kept_as_typed

DATA = Path(__file__).parent.parent / "data"
BASE = """
set interface ethernet1 zone trust
set interface ethernet1 ip 10.1.1.1/24
set interface ethernet3 zone untrust
set interface ethernet3 ip 1.1.1.1/24
set interface ethernet3.4 zone dmz
set auth-server auth1 id 1
set ippool pool1 10.9.9.1 10.9.9.100
set user adam password pw
set user-group fs user adam
set l2tp tun1 outgoing-interface ethernet3
set ike gateway gw1 address 2.2.2.2 outgoing-interface ethernet3 preshare k sec-level standard
set vpn vpn1 gateway gw1 sec-level standard
set policy id 1 from trust to untrust any any any permit
set vrouter trust-vr protocol bgp 65000
set vrouter trust-vr protocol ospf
set vrouter trust-vr protocol rip
"""
OBJECTS = {"l2tp": "unset l2tp tun2", "snmp community": "unset snmp community public"}
OBJECTS |= {"pppoe name": "unset pppoe name isp2"}
"""Settings that are taken back with their object."""


def load(text: str, base: DeviceConfig | None = None) -> tuple[DeviceConfig, list[str]]:
    editor = Editor(base or factory_configuration())
    errors = load_configuration(text, editor)
    return editor.finish(), [str(error) for error in errors]


def loaded(text: str, base: DeviceConfig | None = None) -> DeviceConfig:
    config, errors = load(text, base)
    assert not errors, "\n".join(errors)
    return config


def blocks() -> Iterator[tuple[str, ...]]:
    """Each line of the data file, with the context around it."""
    inside: list[str] = []
    for line in (DATA / "kept.cfg").read_text().splitlines():
        inside.append(line)
        enters = line in {"set crypto-policy", "set policy id 1"} or line == "set url protocol websense"
        if line == "exit" or not (enters or len(inside) > 1):
            yield tuple(inside)
            inside = []


BLOCKS = tuple(blocks())
IDS = [" / ".join(line for line in block if line != "exit") for block in BLOCKS]


_SHELL = Shell(SETTINGS, ())


@cache
def based() -> DeviceConfig:
    """The base, loaded once."""
    return loaded(BASE)


def read(block: tuple[str, ...], base: DeviceConfig) -> tuple[Setting, Arguments, Interpreter]:
    """The setting of a block and its arguments, in the context of the block."""
    interpreter = Interpreter(_SHELL)
    editor = Editor(base)
    for line in block:
        parsed = interpreter.read(split_words(line), editor)
        if isinstance(parsed.leaf, Enter):
            interpreter.apply(parsed, editor)
            continue
        assert isinstance(parsed.leaf, Setting)
        return parsed.leaf, parsed.arguments, interpreter
    raise AssertionError(block)


def opposite(block: tuple[str, ...], base: DeviceConfig) -> str:
    """The lines that take a block back, in the words of the grammar."""
    leaf, arguments, interpreter = read(block, base)
    if leaf.name in OBJECTS:
        return OBJECTS[leaf.name]
    at = next(index for index, line in enumerate(block) if not is_context(line))
    was_unset = block[at].startswith("unset")
    tree = TREE.__class__(interpreter.frames[-1].body.nodes) if interpreter.frames else TREE
    line = command_line(tree, leaf, arguments, unset=not was_unset)
    return "\n".join([*block[:at], f"{'set' if was_unset else 'unset'} {line}", *block[at + 1 :]])


def is_context(line: str) -> bool:
    return line in {"set crypto-policy", "set policy id 1", "set url protocol websense", "exit"}


def test_the_data_file_knows_every_kept_setting() -> None:
    base = based()
    covered = {read(block, base)[0].name for block in BLOCKS}
    kept = {name for name, one in all_settings().items() if one.without_effect or is_kept_as_typed(one)}
    assert kept - covered == {"url protocol"}


def test_a_context_is_a_setting_too() -> None:
    changed = loaded("set url protocol scfp\nexit", based())
    assert "set url protocol scfp\nexit\n" in configuration_text(changed)
    assert loaded(configuration_text(changed)) == changed
    assert loaded("unset url protocol", changed) == based()


@pytest.mark.parametrize("block", BLOCKS, ids=IDS)
def test_it_is_stored_shown_and_taken_back(block: tuple[str, ...]) -> None:
    base = based()
    changed = loaded("\n".join(block), base)
    assert changed != base
    text = configuration_text(changed)
    assert loaded(text) == changed
    assert loaded(text, changed) == changed
    added = Counter(text.splitlines()) - Counter(configuration_text(base).splitlines())
    assert added, "not shown"
    once = next(line for line in block if not is_context(line)).split()[-1].strip('"').lower()
    assert any(once in line.lower() for line in added)
    assert loaded(opposite(block, base), changed) == base


def test_the_console_says_that_nothing_comes_of_it() -> None:
    session = Session()
    session.accept(*BASE.strip().splitlines())
    for block in BLOCKS:
        for line in block:
            answer = session.type(line)
            assert not session.console.refused, f"{line}\n{answer}"
            if not is_context(line) and read(block, based())[0].without_effect:
                assert answer.startswith("Note: "), line
                assert answer.endswith("is kept in the configuration but not emulated.\n")
                assert answer.count("\n") == 1


def test_all_of_them_together_replay() -> None:
    config = loaded(BASE + "\n".join(line for block in BLOCKS for line in block if "heartbeat hello" not in line))
    text = configuration_text(config)
    assert loaded(text) == config
    assert configuration_text(loaded(text)) == text


@pytest.mark.parametrize(
    ("made", "gone"),
    [
        (
            "set interface tunnel.7 zone untrust\nset interface tunnel.7 protocol ospf area 5",
            "unset interface tunnel.7",
        ),
        (
            "set ike gateway g2 address 9.9.9.9 outgoing-interface e3 preshare k\nset ike gateway g2 modecfg server",
            "unset ike gateway g2",
        ),
        (
            "set vrouter name vr7\nset vrouter vr7 protocol bgp 5\nset vrouter vr7 protocol bgp enable",
            "unset vrouter vr7",
        ),
        (
            "set policy id 7 from trust to untrust any any ftp deny\nset policy id 7 application HTTP",
            "unset policy id 7",
        ),
        ("set auth-server a2 id 7\nset auth-server a2 type ldap", "unset auth-server a2"),
        (
            "set vrouter untrust-vr protocol ospf\nset vrouter untrust-vr protocol ospf area 3",
            "unset vrouter untrust-vr protocol ospf",
        ),
        (
            "set pki authority 7 cert-status crl url http://a\nset pki authority 7 cert-status ocsp url http://b",
            "unset pki authority 7 cert-status",
        ),
        (
            "set snmp community c Read-Only\nset snmp host c 10.1.1.5",
            "unset snmp host c 10.1.1.5\nunset snmp community c",
        ),
    ],
)
def test_an_object_takes_its_lines_with_it(made: str, gone: str) -> None:
    base = based()
    changed = loaded(made, base)
    assert changed.kept != base.kept
    assert loaded(gone, changed) == base


@pytest.mark.parametrize(
    ("uses", "line", "why"),
    [
        ("set l2tp default ippool pool1", "unset ippool pool1", "ippool pool1 is in use by l2tp default ippool"),
        ("set user adam remote-settings ippool pool1", "unset ippool pool1", 'ippool pool1 is in use by user "adam"'),
        (
            "set auth default auth server auth1",
            "unset auth-server auth1",
            "auth-server auth1 is in use by auth default auth server",
        ),
        (
            "set scheduler s once start 1/1/2027 00:00 stop 1/2/2027 00:00\n"
            "set policy id 8 from trust to untrust any any any permit schedule s",
            "unset scheduler s",
            "scheduler s is in use by policy 8",
        ),
        ("set vpn-group id 3 vpn vpn1", "unset vpn vpn1", "vpn vpn1 is in use by vpn-group 3"),
        (
            "set vpn-group id 3 vpn vpn1\nset policy id 8 from trust to untrust any any any tunnel vpn-group 3",
            "unset vpn-group id 3",
            "vpn-group 3 is in use by policy 8",
        ),
        ("set user-group fs user adam", "unset user adam", 'user adam is in use by user group "fs"'),
        (
            "set ike gateway d dialup fs aggressive outgoing-interface e3 preshare k sec-level compatible",
            "unset user-group fs",
            'user group fs is in use by gateway "d"',
        ),
        (
            "set interface tunnel.5 zone untrust\nset syslog src-interface tunnel.5",
            "unset interface tunnel.5",
            "interface tunnel.5 is in use by syslog src-interface",
        ),
        (
            "set policy id 8 from untrust to trust any any any tunnel l2tp tun1",
            "unset l2tp tun1",
            "l2tp tun1 is in use by policy 8",
        ),
    ],
)
def test_what_is_used_stays(uses: str, line: str, why: str) -> None:
    base = loaded(uses, based())
    config, errors = load(line, base)
    assert errors == [f"line 1: {why} in {line!r}"]
    assert config == base


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("set l2tp default ippool nothing", "ippool nothing does not exist"),
        ("set l2tp tun1 auth server nowhere", "auth-server nowhere does not exist"),
        ("set l2tp tun1 outgoing-interface tunnel.77", "interface tunnel.77 does not exist"),
        ("set interface tunnel.77 protocol bgp", "interface tunnel.77 does not exist"),
        ("set ike gateway nobody xauth", "gateway nobody does not exist"),
        ("set ippool p 10.1.1.9 10.1.1.1", "invalid range 10.1.1.9 to 10.1.1.1"),
        ("set vpn-group id 1 vpn nothing", "vpn nothing does not exist"),
        ("set auth-server second id 1", "auth-server ID 1 is taken by auth-server auth1"),
        ("unset auth-server nobody", "auth-server nobody does not exist"),
        ("unset snmp community nothing", "snmp community nothing does not exist"),
        ("unset vpn-group id 1 vpn vpn1", "vpn-group 1 does not exist"),
        ("set pki authority x cert-path full", "invalid name x (CA ID or default expected)"),
        ("set snmp community a b", "unknown keyword b"),
        ("set policy id 9 from trust to untrust any any any permit schedule never", "scheduler never does not exist"),
        ("set policy id 9 from trust to untrust any any any tunnel l2tp nothing", "l2tp nothing does not exist"),
        ("set policy id 9 from trust to untrust any any any tunnel vpn-group 9", "vpn-group 9 does not exist"),
        ("set interface ethernet3 ip 10.1.1.9/24 secondary", "overlaps with 10.1.1.1/24 of interface ethernet1"),
        ("set vrouter untrust-vr protocol bgp enable", "virtual router untrust-vr does not run BGP"),
        ("set vrouter untrust-vr protocol bgp enable extra", "unknown keyword extra"),
        ("set user nobody uid 1", "user ID 1 is taken by user adam"),
        ("set user-group other user nobody", "user nobody does not exist"),
        ("set user adam ike-id asn1-dn wildcard sales", "invalid distinguished name sales"),
    ],
)
def test_what_is_wrong_is_named_and_leaves_no_trace(line: str, why: str) -> None:
    base = based()
    config, errors = load(line, base)
    assert len(errors) == 1
    assert why in errors[0]
    assert config == base
