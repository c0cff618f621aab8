"""`?` and TAB at every place of every tree: each word has its help, a line that may end says so, nothing raises."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from nsemu.cli.grammar.graph import Position
from nsemu.cli.grammar.help import RETURN, complete, help_rows, help_text
from nsemu.cli.grammar.nodes import Command, Enter, Keyword, Leave, Setting
from nsemu.cli.settings import SETTINGS
from nsemu.cli.settings.configuration import load_configuration
from nsemu.cli.settings.top_help import HELP
from nsemu.cli.show import GET
from nsemu.config.device import DeviceConfig, factory_configuration
from nsemu.config.editor import Editor
from support.cli_console import Session, all_graphs

REAL = Path(__file__).parent.parent / "data" / "real.cfg"


@cache
def _positions() -> list[Position]:
    return [position for graph in all_graphs() for position in graph.positions()]


@cache
def _rich() -> DeviceConfig:
    editor = Editor(factory_configuration())
    load_configuration(REAL.read_text(), editor)
    return editor.finish()


def test_help_at_every_position() -> None:
    """On a device full of objects: rows, in order, each with its text, `<return>` exactly where a line may end."""
    config = _rich()
    for position in _positions():
        rows = help_rows(position, (), "", config)
        assert rows, [edge.token for edge in position.edges]
        ends = position.leaf is not None
        assert (rows[0][0] == RETURN) is ends
        assert all(text and text == text.strip() and not text.endswith(".") for word, text in rows if word != RETURN)
        words = [word.lower() for word, _ in rows if word != RETURN]
        assert words == sorted(words)
        assert len(help_text(rows).splitlines()) == len(rows)


def test_a_line_ends_in_something_that_is_carried_out() -> None:
    leaves = {type(position.leaf) for position in _positions() if position.leaf is not None}
    assert leaves == {Command, Setting, Enter, Leave}


def test_the_beginning_of_each_word_leads_to_it() -> None:
    """Every keyword that help shows is found by all of its beginnings, and TAB offers it."""
    config = _rich()
    for position in _positions():
        for edge in position.edges:
            token = edge.token
            if not isinstance(token, Keyword) or token.hidden:
                continue
            for size in {1, len(token.word) // 2, len(token.word)}:
                rows = help_rows(position, (), token.word[:size], config)
                assert token.word in [word for word, _ in rows]
                assert token.word in complete(position, (), token.word[:size], config)


def test_tab_at_every_position_offers_what_can_be_typed() -> None:
    config = _rich()
    for position in _positions():
        offered = complete(position, (), "", config)
        shown = [word for word, _ in help_rows(position, (), "", config) if word != RETURN]
        assert {word for word in shown if not word.startswith("<")} - set(offered) == set()


@pytest.mark.parametrize(
    "word", ["set", "unset", "get", "clear", "exec", "save", "reset", "debug", "ping", "trace-route"]
)
@pytest.mark.parametrize("privilege", ["all", "read-only"])
def test_asking_changes_nothing_and_is_answered_to_everybody(word: str, privilege: str) -> None:
    session = Session(privilege=privilege)
    before = session.device.config
    text = session.type(f"{word} ?")
    assert text
    assert "^-" not in text
    assert not session.console.refused
    assert session.device.config is before
    assert not session.device.modified


def test_the_words_after_set_have_their_own_texts() -> None:
    """No text of the first words is the word itself; the table has no word that is not there."""
    for start in ("set", "unset", "get"):
        for line in Session().type(f"{start} ?").splitlines():
            word, _, text = line.partition(" ")
            assert text.strip()
            assert text.strip().lower() != word
    words = {line.split()[0] for line in Session().type("set ?").splitlines()}
    assert set(HELP) <= words
    assert len(SETTINGS) > 40
    assert len(GET) > 40
