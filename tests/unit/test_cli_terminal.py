"""The terminal: keys in, screen out, over a pipe."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from nsemu.cli.console import Console
from nsemu.cli.dialogue import Dialogue
from nsemu.cli.grammar import Arguments, Command, keyword
from nsemu.cli.grammar.nodes import Leave
from nsemu.cli.interpreter import Shell
from nsemu.cli.settings import SETTINGS
from nsemu.cli.terminal import Terminal
from nsemu.cli.typed_shell import common_start, last_word
from nsemu.sim.scheduler import SECOND, Scheduler
from nsemu.sim.wait import Wait, satisfy
from support.cli_console import Session

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[78]")


class FastTime:
    """Virtual time without a wall clock: a wait is over at the second look, so that keys are seen in between."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.looked = 0

    def idle(self) -> float:
        return 0.001

    def towards(self, wait: Wait) -> float | None:
        self.looked += 1
        if self.looked % 2:
            return 0.0
        satisfy(wait, self.scheduler)
        return None


def _ticks(context: object, _arguments: Arguments) -> Dialogue:
    device = context.device  # type: ignore[attr-defined]
    for number in range(1, 4):
        yield f"tick {number}\n"
        yield Wait(device.scheduler.now + SECOND)


def _endless(context: object, _arguments: Arguments) -> Dialogue:
    device = context.device  # type: ignore[attr-defined]
    try:
        while True:
            yield "!"
            yield Wait(device.scheduler.now + SECOND)
    finally:
        context.console.stopped = True  # type: ignore[attr-defined]


def _lines(_context: object, _arguments: Arguments) -> str:
    return "".join(f"line {number}\n" for number in range(1, 31))


SHELL = Shell(
    SETTINGS,
    (
        keyword("get", "get system information", keyword("lines", "thirty lines", Command(_lines))),
        keyword("ticks", "three seconds", Command(_ticks)),
        keyword("endless", "never ends", Command(_endless)),
        keyword("exit", "exit command console", Leave()),
    ),
)


def screen(keys: str) -> tuple[str, Session]:
    """Type keys; what was printed, without escapes, and the session."""
    session = Session()
    console = Console(session.device, SHELL, interactive=True)
    session.console = console
    printed = StringIO()
    output = Vt100_Output(printed, lambda: Size(rows=40, columns=100), term="dumb")
    with create_pipe_input() as keyboard:
        keyboard.send_text(keys)
        Terminal(console, FastTime(session.scheduler), input=keyboard, output=output).run()
    return _ESCAPES.sub("", printed.getvalue()).replace("\r", ""), session


def test_lines_are_run_until_exit() -> None:
    _, session = screen("set hostname tokyo\rexit\rn")
    assert session.device.config.system.hostname == "tokyo"
    assert session.console.closed


def test_a_question_takes_one_key() -> None:
    shown, _ = screen("set console page 0\rexit\rn")
    assert "Configuration modified, save? [y]/n n\n" in shown


def test_question_mark_acts_at_once_and_the_text_comes_back() -> None:
    shown, session = screen("set console p?age 7\rexit\rn")
    assert "ns208-> set console p?\npage                 lines shown before the console pauses\n" in shown
    assert session.device.config.system.console_page == 7


def test_question_mark_inside_quotes_is_text() -> None:
    _, session = screen('set interface e1 description "why?"\rexit\rn')
    assert session.device.config.interfaces["ethernet1"].description == "why?"


def test_tab_completes_and_lists() -> None:
    shown, session = screen("set cons\tpa\t5\rset interface e\t\t\x15exit\rn")
    assert session.device.config.system.console_page == 5
    assert "ethernet1  ethernet2  ethernet3" in shown


def test_pages() -> None:
    """Blank: a page more; return: a line; q: enough."""
    shown, _ = screen("set console page 10\rget lines\r \rqexit\rn")
    assert shown.count("--- more ---") == 3
    assert "line 21\n" in shown
    assert "line 22\n" not in shown


def test_control_c_stops_a_command() -> None:
    shown, session = screen("endless\r\x03exit\r")
    assert session.console.stopped  # type: ignore[attr-defined]
    assert "!" in shown


def test_escape_stops_a_command() -> None:
    """As ping says: type escape sequence to abort."""
    _, session = screen("endless\r\x1bexit\r")
    assert session.console.stopped  # type: ignore[attr-defined]


def test_time_passes_for_a_command_that_waits() -> None:
    shown, session = screen("ticks\rexit\r")
    assert "tick 3\n" in shown
    assert session.scheduler.now == 3 * SECOND


def test_a_pasted_configuration_is_typed_line_by_line() -> None:
    pasted = "set hostname tokyo\nset vrouter trust-vr\nset sharable\nexit\r\nset console page 3\n"
    shown, session = screen(f"\x1b[200~{pasted}\x1b[201~exit\rn")
    assert session.device.config.system.hostname == "tokyo"
    assert session.device.config.vrouters["trust-vr"].sharable
    assert session.device.config.system.console_page == 3
    assert "tokyo(trust-vr)->" in shown


def test_control_c_at_the_prompt_forgets_the_line() -> None:
    _, session = screen("set hostname nobody\x03exit\r")
    assert session.device.config.system.hostname == "ns208"


@pytest.mark.parametrize(
    ("text", "word"), [("", ""), ("set ", ""), ("set ad", "ad"), ('set zone "X 1', '"X 1'), ('x "a b" c', "c")]
)
def test_last_word(text: str, word: str) -> None:
    assert last_word(text) == word


def test_common_start() -> None:
    assert common_start([]) == ""
    assert common_start(["Untrust", "Untrust-Tun"]) == "Untrust"
    assert common_start(["V1-Trust", "v1-Untrust"]) == "V1-"
