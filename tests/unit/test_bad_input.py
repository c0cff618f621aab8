"""Every kind of wrong input: the error names the word and what would be right, and nothing is half applied."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.cli.grammar import AddressType, NumberType, PrefixType, TextType
from nsemu.cli.grammar.errors import CommandError
from nsemu.cli.grammar.graph import Position
from nsemu.cli.grammar.nodes import Argument
from nsemu.cli.grammar.parse import Walk
from nsemu.cli.grammar.types import ArgumentType, NameType, ReferenceType
from nsemu.cli.grammar.words import split_words
from nsemu.cli.settings.configuration import configuration_text, load_configuration
from nsemu.config.device import DeviceConfig, factory_configuration
from nsemu.config.editor import Editor
from support.cli_console import LineMaker, Session, all_graphs

DATA = Path(__file__).parent.parent / "data"


@cache
def rich() -> DeviceConfig:
    """A device that holds something of nearly everything."""
    editor = Editor(factory_configuration())
    assert load_configuration((DATA / "real.cfg").read_text(), editor) == []
    return editor.finish()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("set interfac ethernet1 colour", "unknown keyword colour"),
        ("set s", "ambiguous keyword s (scheduler, scp, scs, service, snmp, snmpv3, ssh, ssl, ...)"),
        ("set vpnmonitor threshold 0", "value 0 out of range (<1-255> expected)"),
        ("set vpnmonitor threshold ten", "invalid number ten (<1-255> expected)"),
        ("set xauth default dns1 10.1.1.256", "invalid IP address 10.1.1.256 (<a.b.c.d> expected)"),
        ("set interface ethernet3 ip 1.1.1.1/33", "invalid address 1.1.1.1/33 (<a.b.c.d/n> expected)"),
        ("set address trust x 10.1.1.0 255.0.255.0", "invalid netmask 255.0.255.0"),
        (f"set user {'u' * 32} password p", f"name {'u' * 32} too long (at most 31 characters)"),
        ("unset interface ethernet4", "interface ethernet4 cannot be removed"),
        ("set vpn v9 gateway nobody", "gateway nobody does not exist"),
        ("set zone name trust", "zone Trust already exists"),
        ("set user other uid 1", "user ID 1 is taken by user joe"),
        ("set interface ethernet4.11 tag 10", "VLAN tag 10 is taken by interface ethernet4.10"),
        ("unset user joe", 'user joe is in use by user group "dial"'),
        ("unset ippool pool", "ippool pool is in use by xauth default ippool"),
        ("set ike gateway peer heartbeat hello 5", "gateway peer has DPD and cannot have heartbeats too"),
        ("set ike gateway peer nat-traversal keepalive-frequency 301", "value 301 out of range (<0-300> expected)"),
        ("set ike gateway peer dpd retry 129", "value 129 out of range (<1-128> expected)"),
        ("set ike gateway peer heartbeat reconnect 30", "value 30 out of range (<60-9999> expected)"),
        ("set vpn v9 gateway peer replay replay", "keyword replay given twice"),
        ("set user joe ike-id", "keyword or <string> expected"),
    ],
)
def test_the_error_names_the_word_and_what_would_be_right(line: str, message: str) -> None:
    editor = Editor(rich())
    errors = load_configuration(line, editor)
    assert len(errors) == 1
    assert message in errors[0].message
    assert editor.finish() == rich()


def _wrong_words(kind: ArgumentType[object]) -> tuple[str, ...]:
    """Words that an argument of a kind must refuse."""
    if isinstance(kind, NumberType):
        return (str(kind.low - 1), str(kind.high + 1), "x1", "1.5", '""', "9" * 40)
    if isinstance(kind, AddressType):
        return ("1.2.3", "1.2.3.256", "host", "1.2.3.4/24", '""')
    if isinstance(kind, PrefixType):
        return ("1.2.3.4/33", "1.2.3/8", "net", '""')
    if isinstance(kind, (NameType, ReferenceType)):
        return ('""', "n" * (kind.longest + 1))
    if isinstance(kind, TextType):
        return ("n" * (kind.longest + 1),) if kind.longest < 1000 else ()
    return ('""',)


def _arguments() -> list[tuple[Position, Argument]]:
    found = []
    for graph in all_graphs():
        for position in graph.positions():
            found += [(position, edge.token) for edge in position.edges if isinstance(edge.token, Argument)]
    return found


def test_every_argument_of_the_grammar_refuses_what_it_cannot_be() -> None:
    """At each place of each command: the error holds the word, or says that it is empty or too long."""
    tried = 0
    for position, argument in _arguments():
        if len(position.arguments) > 1:
            continue
        for text in _wrong_words(argument.type):
            (word,) = split_words(text)
            if position.matching(word.text.lower()) and not word.quoted:
                continue
            walk = Walk(position, rich())
            with pytest.raises(CommandError) as refusal:
                walk.take(word, last=True)
            assert not walk.arguments
            assert word.text in refusal.value.message or "empty" in refusal.value.message
            tried += 1
    assert tried > 1000


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32))
def test_a_line_is_applied_whole_or_not_at_all(seed: int) -> None:
    """Random lines of every context, half of them mutated, on a device with everything in it."""
    maker = LineMaker(seed)
    session = Session()
    editor = Editor(session.device.config)
    load_configuration((DATA / "real.cfg").read_text(), editor)
    session.device.commit(editor.finish())
    for index in range(30):
        graph = session.console._interpreter.graph
        line = maker.line(graph)
        line = maker.mutate(line) if index % 2 else line
        before = session.device.config
        session.console.complete(line)
        session.console.help(line)
        assert session.device.config is before
        session.type(line)
        if session.console.refused:
            assert session.device.config is before
    printed = configuration_text(session.device.config)
    editor = Editor(factory_configuration())
    assert [str(error) for error in load_configuration(printed, editor)] == []


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32))
def test_a_refused_handler_leaves_the_editor_as_it_was(seed: int) -> None:
    maker = LineMaker(seed)
    graphs = list(all_graphs())
    editor = Editor(rich())
    for graph in graphs[:1] * 20:
        mark = editor.mark()
        errors = load_configuration(maker.line(graph), editor)
        if errors:
            assert editor.mark() == mark


def test_the_lines_of_a_refused_context_do_not_run_at_the_top_level() -> None:
    """They would mean something else there: a route of a missing virtual router would go to the default one."""
    editor = Editor(factory_configuration())
    text = (
        "set interface ethernet1 zone trust\nset interface ethernet1 ip 10.1.1.1/24\n"
        'set vrouter "vr9"\nset route 10.9.0.0/16 interface ethernet1 gateway 10.1.1.2\n'
        "set protocol ospf\nset enable\nexit\nunset auto-route-export\nexit\n"
        "set route 10.8.0.0/16 interface ethernet1 gateway 10.1.1.2\n"
        'set policy id 77\nset src-address "x"\nexit\nset hostname after\n'
    )
    found = [(error.line, error.message) for error in load_configuration(text, editor)]
    belongs = "belongs to line {}, which was refused,"
    assert found == [
        (3, "virtual router vr9 does not exist"),
        *((number, belongs.format(3)) for number in (4, 5, 6, 8)),
        (11, "policy id 77 does not exist"),
        (12, belongs.format(11)),
    ]
    config = editor.finish()
    assert [str(key.prefix) for key in config.routes] == ["10.8.0.0/16"]
    assert config.system.hostname == "after"


def test_a_refused_line_without_exit_takes_nothing_with_it() -> None:
    editor = Editor(factory_configuration())
    errors = load_configuration("set policy id 77\nset hostname after\n", editor)
    assert [error.line for error in errors] == [1]
    assert editor.finish().system.hostname == "after"
