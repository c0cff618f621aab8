"""Every command that acts, with typing errors and any answer to its questions: no exception, nothing half done."""

from __future__ import annotations

import random
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.cli.action import COMMANDS, UNDER_SET
from nsemu.cli.dialogue import Question
from nsemu.cli.grammar import Graph, choice
from nsemu.cli.grammar.nodes import as_set, as_unset, keyword
from nsemu.cli.settings.configuration import load_configuration
from nsemu.cli.show import GET
from nsemu.config.editor import Editor
from support.cli_console import LineMaker, Session

REAL = Path(__file__).parent.parent / "data" / "real.cfg"
ACTIONS = Graph(
    choice(
        *COMMANDS,
        keyword("get", "get", choice(*GET)),
        keyword("set", "set", as_set(*UNDER_SET)),
        keyword("unset", "unset", as_unset(*UNDER_SET)),
    )
)


class Careless(Session):
    """Somebody who answers questions by chance, on a device with everything in it."""

    def __init__(self, seed: int, platform: str = "ns208", privilege: str = "all") -> None:
        super().__init__(platform=platform, privilege=privilege)
        self._chance = random.Random(seed)
        editor = Editor(self.device.config)
        load_configuration(REAL.read_text(), editor)
        self.device.commit(editor.finish())
        self.device.modified = False

    def _answer(self, question: Question) -> str:
        return question.answer(self._chance.choice("yn \rx"))

    def state(self) -> tuple[object, ...]:
        """Whatever a refused command must leave alone."""
        device = self.device
        return (
            device.config,
            device.saved_text,
            device.good_text,
            device.rolls_back,
            device.modified,
            device.resets,
            device.config_lock,
            device.booted_at,
        )


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32))
def test_actions_with_typing_errors(seed: int) -> None:
    maker = LineMaker(seed)
    session = Careless(seed, "ssg5" if seed % 2 else "ns208")
    for index in range(30):
        line = maker.line(ACTIONS)
        line = maker.mutate(line) if index % 3 else line
        before = session.state()
        session.console.help(line)
        session.console.complete(line)
        assert session.state() == before, line
        session.type(line)
        if session.console.refused:
            assert session.state() == before, line
        session.console.closed = False


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32))
def test_a_read_only_administrator_acts_on_nothing(seed: int) -> None:
    """Only `get` and what is harmless run; whatever is said, the configuration and its files stay."""
    maker = LineMaker(seed)
    session = Careless(seed, privilege="read-only")
    before = session.state()
    for index in range(30):
        line = maker.line(ACTIONS if index % 2 else session.console._interpreter.graph)
        session.type(line)
        assert session.state() == before, line
        session.console.closed = False


def test_every_get_that_needs_no_name_answers() -> None:
    """With some text, or a refusal that says what there is not, on both families of releases."""
    for platform in ("ns208", "ssg140", "ns5200"):
        session = Careless(1, platform)
        for seed in range(120):
            line = LineMaker(seed).line(Graph(keyword("get", "get", choice(*GET))))
            text = session.type(line)
            assert text.endswith("\n") or not text, line
            assert "Traceback" not in text
            assert all(ord(character) < 256 for character in text), line
