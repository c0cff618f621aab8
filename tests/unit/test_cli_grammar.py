"""The grammar kernel on a small tree of its own."""

from __future__ import annotations

import pytest

from nsemu.cli.grammar import (
    Arguments,
    Command,
    CommandError,
    GrammarError,
    Graph,
    Node,
    NumberType,
    Parsed,
    ReferenceType,
    Setting,
    TextType,
    any_order,
    argument,
    as_set,
    as_unset,
    choice,
    command_line,
    complete,
    flag,
    help_rows,
    help_text,
    keyword,
    optional,
    parse,
    repeat,
    sequence,
    split_words,
    when_set,
)
from nsemu.config.device import factory_configuration

CONFIG = factory_configuration()
NAME = TextType(31, quoted=True)


def _leaf(name: str) -> Setting:
    return Setting(name, set=lambda _e, _a: None, unset=lambda _e, _a: None)


COLOUR, GATEWAY, ADMIN, PORTS, LIST = (_leaf(name) for name in ("colour", "gateway", "admin", "ports", "list"))
ZONES = ReferenceType(
    lambda scope, text: next((name for name in scope.config.zones if name.lower() == text.lower()), None),
    lambda scope: scope.config.zones,
)

GATEWAY_NODE = keyword(
    "gateway",
    "an IKE gateway",
    argument(
        "name",
        NAME,
        "name",
        when_set(
            keyword("address", "its address", argument("address", TextType(31), "address")),
            optional(choice(flag("main", "main mode", "mode", 1), flag("aggressive", "aggressive mode", "mode", 2))),
            any_order(
                keyword("local-id", "own identity", argument("local_id", TextType(31), "identity")),
                keyword("preshare", "key", argument("preshare", NAME, "key")),
            ),
            optional(
                choice(
                    keyword("proposal", "proposals", repeat("proposals", argument("p", TextType(31), "name"), 4)),
                    keyword(
                        "sec-level", "level", choice(flag("standard", "s", "level"), flag("basic", "b", "level", 2))
                    ),
                )
            ),
        ),
        GATEWAY,
    ),
)
SETTINGS: tuple[Node, ...] = (
    GATEWAY_NODE,
    keyword("colour", "a colour", when_set(choice(flag("red", "r", "c", 1), flag("green", "g", "c", 2))), COLOUR),
    keyword("colours", "something longer", _leaf("colours")),
    keyword(
        "ports",
        "ports",
        repeat("ports", sequence(flag("+", "more", "more"), argument("port", NumberType(0, 65535), "port")), 2),
        PORTS,
    ),
    keyword("zone", "a zone", argument("zone", ZONES, "zone", LIST)),
)
TREE = Graph(choice(keyword("set", "set", as_set(*SETTINGS)), keyword("unset", "unset", as_unset(*SETTINGS))))


def read(line: str) -> Parsed:
    return parse(TREE.root, split_words(line), CONFIG)


def arguments_of(line: str) -> Arguments:
    return read(line).arguments


def error_of(line: str) -> CommandError:
    with pytest.raises(CommandError) as caught:
        read(line)
    return caught.value


def test_b001_unique_prefixes_and_any_case() -> None:
    assert arguments_of("SET gate G ADDR 1.1.1.1 Aggr PRE k") == {
        "name": "G",
        "address": "1.1.1.1",
        "mode": 2,
        "preshare": "k",
    }


def test_an_exact_word_wins_over_a_longer_one() -> None:
    assert read("set colour red").leaf is COLOUR


def test_b002_ambiguous_prefix_is_refused() -> None:
    error = error_of("set colo red")
    assert error.message == "ambiguous keyword colo (colour, colours)"
    assert (error.column, error.length) == (4, 4)


def test_a_quoted_word_is_a_keyword_only_in_full() -> None:
    """Some releases save keywords between quotes: `set user "joe" "enable"`."""
    assert arguments_of('set "colour" red') == arguments_of("set colour red")
    assert error_of('set "col" red').message == "unknown keyword col"


def test_options_in_any_order_each_once() -> None:
    a = arguments_of("set gateway G address A preshare k local-id me")
    b = arguments_of("set gateway G address A local-id me preshare k")
    assert a == b
    assert error_of("set gateway G address A preshare k preshare j").message == "keyword preshare given twice"


def test_repeats_are_counted() -> None:
    assert arguments_of("set gateway G address A proposal a b c d")["proposals"] == ("a", "b", "c", "d")
    assert error_of("set gateway G address A proposal a b c d e").message == "too many values at e (at most 4)"


def test_repeated_groups() -> None:
    assert arguments_of("set ports + 1 + 2")["ports"] == ({"more": True, "port": 1}, {"more": True, "port": 2})
    assert error_of("set ports + 1 + 2 + 3").message == "unknown keyword +"
    assert error_of("set ports + 1 +").message == "<number> expected"


def test_unset_stops_where_it_should() -> None:
    assert read("unset gateway G").leaf is GATEWAY
    assert error_of("unset gateway G address").message == "unknown keyword address"
    assert error_of("set gateway G").message == "keyword expected"


def test_names_of_zones_match_in_any_case() -> None:
    assert arguments_of("set zone UNTRUST")["zone"] == "Untrust"
    assert arguments_of("set zone nowhere")["zone"] == "nowhere"


@pytest.mark.parametrize(
    ("line", "marker"),
    [
        ("END-OF-TEST-SCRIPT", "^--------------------unknown keyword END-OF-TEST-SCRIPT"),
        ("set hello x", "    ^---------unknown keyword hello"),
        ("set cmd x", "    ^------unknown keyword cmd"),
        ("set ports + 70000", "            ^-------value 70000 out of range (<0-65535> expected)"),
        ("set gateway", "            ^--<string> expected"),
    ],
)
def test_marker(line: str, marker: str) -> None:
    assert error_of(line).marker(0) == marker


def test_marker_is_indented_by_the_prompt() -> None:
    """The capture of screenos-cli §4.3."""
    assert error_of("END-OF-TEST-SCRIPT").marker(len("firewall0001(M)-> ")).index("^") == 18


@pytest.mark.parametrize(
    ("line", "message", "column"),
    [
        ('set zone "a', "missing closing quote", 9),
        ('set zone a"b', "unexpected quote inside a word", 10),
        ('set zone "a"b', "blank expected after the closing quote", 12),
        ("set zone \x1b[A", "invalid character 0x1b", 9),
        ("set zone “a”", "invalid character 0x201c", 9),
        ("x" * 1024, "line too long (1024 characters, at most 1023)", 1023),
    ],
)
def test_lines_that_are_no_words(line: str, message: str, column: int) -> None:
    error = error_of(line)
    assert (error.message, error.column) == (message, column)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ('" local LAN "', "local LAN"),
        ('"local    LAN"', "local LAN"),
        ('"trust_net"', "trust_net"),
        ('"\xa0\xff\x85 x"', "\xa0\xff\x85 x"),
    ],
)
def test_b005_b006_b009_b011_names(typed: str, name: str) -> None:
    assert split_words(f"set {typed} x")[1].text == name


def rows(line: str, partial: str = "") -> list[tuple[str, str]]:
    return help_rows(TREE.root, split_words(line), partial, CONFIG)


def test_help_lists_keywords_in_order_return_first() -> None:
    assert rows("unset gateway g") == [("<return>", "")]
    assert [row[0] for row in rows("set gateway g address a main preshare k")] == [
        "<return>",
        "local-id",
        "proposal",
        "sec-level",
    ]
    assert rows("set", "ga") == [("gateway", "an IKE gateway")]
    assert rows("set ports +") == [("<number>", "port")]


def test_help_layout() -> None:
    assert help_text([("<return>", ""), ("clear", "clear dynamic system info")]) == (
        "<return>\nclear                clear dynamic system info\n"
    )


def test_completion_offers_keywords_and_live_names() -> None:
    assert complete(TREE.root, split_words("set"), "co", CONFIG) == ["colour", "colours"]
    assert complete(TREE.root, split_words("set zone"), "v1-t", CONFIG) == ["V1-Trust"]
    assert complete(TREE.root, split_words("set zone"), '"unt', CONFIG) == ['"Untrust"', '"Untrust-Tun"']


@pytest.mark.parametrize(
    "line",
    [
        'set gateway "G" address A aggressive local-id me preshare "k k" proposal a b',
        'set gateway "G" address A sec-level basic',
        "set colour green",
        "set ports + 1 + 2",
        'set zone "Untrust"',
    ],
)
def test_printing_what_was_read_gives_the_line(line: str) -> None:
    parsed = read(line)
    assert "set " + command_line(choice(*SETTINGS), parsed.leaf, parsed.arguments) == line


def test_printing_unset() -> None:
    assert command_line(choice(*SETTINGS), GATEWAY, {"name": "G", "address": "A"}, unset=True) == 'gateway "G"'


def test_what_the_declaration_cannot_express_is_a_bug() -> None:
    with pytest.raises(GrammarError, match="no words for"):
        command_line(choice(*SETTINGS), COLOUR, {"c": 3})


def test_two_nodes_that_claim_one_word_are_refused() -> None:
    run = Command(lambda _context, _arguments: "")
    graph = Graph(choice(keyword("a", "1", run), keyword("A", "2", run)))
    with pytest.raises(GrammarError, match="declared twice"):
        list(graph.positions())
