"""Whatever is typed, the console accepts or refuses it: no exception, nothing half done."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.cli.grammar.errors import CommandError
from nsemu.cli.grammar.words import Word, is_writable, quote, split_words, tidy
from nsemu.cli.settings.configuration import load_configuration
from nsemu.config.device import factory_configuration
from nsemu.config.editor import Editor
from support.cli_console import LineMaker, Session

LINES = (
    'set policy id 3 top name "a b" from trust to untrust any any any permit log',
    "set ike gateway g address 1.1.1.1 main outgoing-interface e3 preshare k sec-level standard",
    'set interface tunnel.1 ip unnumbered interface ethernet3 | include "x"',
    "unset vrouter trust-vr route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.2",
)


def _never_raises(session: Session, line: str) -> None:
    before = session.device.config
    session.console.complete(line)
    session.console.help(line)
    assert session.device.config is before
    session.type(line)
    if session.console.refused:
        assert session.device.config is before
    assert not session.console.prompt.endswith("\n")


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=80))
def test_any_text(line: str) -> None:
    _never_raises(Session(), line)


@settings(deadline=None, max_examples=200)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=200))
def test_any_console_text_splits_or_is_refused(line: str) -> None:
    words: list[Word] = []
    refusal = None
    try:
        words = split_words(line)
    except CommandError as error:
        refusal = error
    assert refusal is None or 0 <= refusal.column <= len(line)
    for word in words:
        assert line[word.column : word.end].strip(" \t") == line[word.column : word.end]
        if word.quoted:
            assert is_writable(word.text)
            assert tidy(word.text) == word.text
            assert split_words(quote(word.text))[0].text == word.text


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32))
def test_lines_of_the_grammar_with_typing_errors(seed: int) -> None:
    maker = LineMaker(seed)
    session = Session()
    for index in range(25):
        line = maker.line(session.console._interpreter.graph)
        _never_raises(session, maker.mutate(line) if index % 2 else line)


def test_lines_cut_at_every_character() -> None:
    for line in LINES:
        session = Session()
        for end in range(len(line) + 1):
            _never_raises(session, line[:end])


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=300))
def test_any_text_as_a_configuration(text: str) -> None:
    config = factory_configuration()
    editor = Editor(config)
    lines = [line for line in text.split("\n") if line.strip(" \t\r") and not line.strip(" \t\r").startswith("#")]
    assert len(load_configuration(text, editor)) <= len(lines)
