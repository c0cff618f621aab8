"""A console over a wire, without any wire: keys in, text out, time from the scheduler."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nsemu.cli.dialogue import Dialogue, Entry
from nsemu.cli.line_editor import LONGEST_TYPED, Action, LineEditor
from nsemu.cli.login import Caller, Login
from nsemu.cli.teletype import TYPE_AHEAD, Greeting, Line, Teletype
from nsemu.sim.scheduler import SECOND, Scheduler
from nsemu.sim.wait import Wait
from support.cli_console import Session

MINUTE = 60 * SECOND


class Wire:
    """The far end."""

    def __init__(self, scheduler: Scheduler, *, fault: Callable[[Exception], None] | None = None) -> None:
        self.text = ""
        self.calls: list[str] = []
        self.line = Line(self._write, self._hang_up, scheduler.after, fault)

    def _write(self, text: str) -> None:
        self.text += text

    def _hang_up(self) -> None:
        self.calls.append("hung up")

    def take(self) -> str:
        taken, self.text = self.text, ""
        return taken


class Seat:
    """A device with one network session."""

    def __init__(self, *lines: str) -> None:
        self.session = Session()
        self.session.accept(*lines)
        self.device = self.session.device
        self.wire = Wire(self.session.scheduler)
        self.login = Login(self.device, Caller("Telnet", "10.1.1.5", 1025))
        system = self.device
        self.teletype = Teletype(
            self.session.scheduler, self.wire.line, lambda: system.config.system.console_timeout, self.login.timed_out
        )
        self.teletype.begin(self.login.dialogue())

    def enter(self, name: str = "netscreen", password: str = "netscreen") -> str:
        self.teletype.receive(f"{name}\r{password}\r")
        return self.wire.take()


def test_every_end_of_line_counts_once() -> None:
    seat = Seat()
    seat.teletype.receive("netscreen\r")
    seat.teletype.receive("\nnetscreen\r\0get hostname\nget hostname\r\n")
    assert seat.wire.take().count("Hostname: ns208") == 2
    seat.teletype.receive("\r\n\n\r")
    assert seat.wire.take() == "\r\nns208-> " * 3


def test_return_alone_at_the_login_is_no_attempt() -> None:
    seat = Seat()
    seat.teletype.receive("\r" * 10)
    assert seat.wire.take().endswith("\r\nlogin: ")
    assert seat.enter().endswith("-> ")


def test_attempts_run_out() -> None:
    seat = Seat()
    for _ in range(3):
        assert not seat.wire.calls
        seat.enter(password="no")
    assert seat.wire.calls == ["hung up"]
    assert seat.teletype.closed


def test_a_session_ends_when_nobody_types_for_the_console_timeout() -> None:
    seat = Seat("set console timeout 3")
    seat.enter()
    scheduler = seat.session.scheduler
    scheduler.run_for(2 * MINUTE)
    seat.teletype.receive("g")
    scheduler.run_for(3 * MINUTE - 1)
    assert not seat.wire.calls
    scheduler.run_for(1)
    assert seat.wire.calls == ["hung up"]
    entry = next(seat.device.event_log.newest_first())
    assert entry.text == "Management session via Telnet from 10.1.1.5:1025 for admin netscreen has timed out"


def test_console_timeout_0_never_ends_a_session_and_a_login_has_a_minute() -> None:
    seat = Seat("set console timeout 0")
    idle = Seat()
    seat.enter()
    seat.session.scheduler.run_for(600 * MINUTE)
    assert not seat.wire.calls
    idle.session.scheduler.run_for(MINUTE)
    assert idle.wire.calls == ["hung up"]


def test_escape_by_itself_stops_a_command_and_an_arrow_key_does_not() -> None:
    """As ping says: type escape sequence to abort."""
    seat = Seat()
    seat.enter()
    scheduler = seat.session.scheduler
    for keys, prompted in (("\x1b[C", False), ("\x1b", True)):
        seat.teletype.receive("ping 10.9.9.9 count 50\r")
        seat.wire.take()
        seat.teletype.receive(keys)
        assert seat.wire.take().endswith("-> ") == prompted
        scheduler.run_for(MINUTE)
        seat.wire.take()
    seat.teletype.receive("get hostname\r")
    assert "Hostname: ns208" in seat.wire.take()


def test_a_running_command_is_not_idle() -> None:
    seat = Seat("set console timeout 1")
    seat.enter()
    seat.teletype.receive("ping 10.1.1.1 count 200\r")
    seat.session.scheduler.run_for(2 * MINUTE)
    assert not seat.wire.calls
    seat.session.scheduler.run_for(10 * MINUTE)
    assert "Success Rate is 0 percent (0/200)" in seat.wire.take()
    assert seat.wire.calls == ["hung up"]


def test_hanging_up_ends_what_runs() -> None:
    ended: list[bool] = []

    def forever() -> Greeting:
        try:
            while True:
                yield Wait(seat.session.scheduler.now + SECOND)
        finally:
            ended.append(True)

    seat = Seat()
    wire = Wire(seat.session.scheduler)
    teletype = Teletype(seat.session.scheduler, wire.line, lambda: 0)
    teletype.begin(forever())
    assert teletype.waiting
    teletype.hang_up()
    teletype.hang_up()
    assert ended == [True]
    assert wire.calls == ["hung up"]
    assert seat.session.scheduler.next_deadline() is None or not teletype.waiting


def test_the_end_of_input_lets_what_runs_go_on_and_answers_nothing() -> None:
    seat = Seat("set hostname other")
    seat.enter()
    seat.teletype.receive("ping 10.1.1.1 count 2\rreset\r")
    seat.teletype.finish()
    seat.session.scheduler.run_for(10 * SECOND)
    text = seat.wire.take()
    assert "(0/2)" in text
    assert text.endswith("Configuration modified, save? [y]/n ")
    assert seat.wire.calls == ["hung up"]
    assert seat.device.modified
    assert seat.device.resets == 0


def test_a_bug_is_one_line_and_the_session_goes_on() -> None:
    faults: list[Exception] = []
    session = Session()
    wire = Wire(session.scheduler, fault=faults.append)

    class Broken:
        closed = False
        prompt = "> "

        def execute(self, _line: str) -> Dialogue:
            yield "well\n"
            raise KeyError("oops")

        def help(self, _text: str) -> str:
            raise ValueError("help")

        def complete(self, _text: str) -> list[str]:
            raise TypeError("tab")

    def greeting() -> Greeting:
        yield "hello\n"
        return Broken()

    teletype = Teletype(session.scheduler, wire.line, lambda: 0)
    teletype.begin(greeting())
    wire.take()
    teletype.receive("x\r")
    assert wire.take() == "x\r\nwell\r\n\r\nInternal error; the command was not finished.\r\n> "
    teletype.receive("?\t")
    assert wire.take().count("Internal error") == 2
    assert [type(fault) for fault in faults] == [KeyError, ValueError, TypeError]
    assert not teletype.closed


def test_without_someone_to_tell_a_bug_goes_on() -> None:
    session = Session()

    def greeting() -> Greeting:
        yield Entry("name: ")
        raise KeyError("oops")

    teletype = Teletype(session.scheduler, Wire(session.scheduler).line, lambda: 0)
    teletype.begin(greeting())
    with pytest.raises(KeyError):
        teletype.receive("x\r")


def test_type_ahead_has_a_limit() -> None:
    seat = Seat()
    seat.enter()
    seat.teletype.receive("ping 10.1.1.1 count 9\r")
    seat.wire.take()
    seat.teletype.receive("x" * (TYPE_AHEAD + 10))
    assert "\a" in seat.wire.take()


class Typist:
    """A line editor, and a screen of one line that understands backspace."""

    def __init__(self) -> None:
        self.screen: list[str] = []
        self.column = 0
        self.editor = LineEditor(self._write)
        self.editor.begin()

    def _write(self, text: str) -> None:
        for letter in text:
            if letter == "\b":
                self.column -= 1
                assert self.column >= 0
            else:
                self.screen[self.column : self.column + 1] = [letter]
                self.column += 1

    def type(self, keys: str) -> list[Action]:
        return [action for key in keys if (action := self.editor.type(key)) is not None]

    def check(self, text: str, cursor: int) -> None:
        assert (self.editor.text, self.editor.cursor) == (text, cursor)
        assert "".join(self.screen).rstrip(" ") == text.rstrip(" ")
        assert self.column == cursor


@pytest.mark.parametrize(
    ("keys", "text", "cursor"),
    [
        ("get", "get", 3),
        ("gt\x1b[De", "get", 2),
        ("xget\x01\x1b[3~", "get", 0),
        ("getx\b", "get", 3),
        ("getx\x7f\x7f\x7f\x7f\x7f", "", 0),
        ("get config\x17", "get ", 4),
        ("get config\x15set", "set", 3),
        ("get config\x01\x06\x06\x06\x0b", "get", 3),
        ("bcd\x1b[Ha\x1b[Fe\x1bOD\x1bOC", "abcde", 5),
        ("one\x1b[Z\x1b[99;99R\x1b[15~two", "onetwo", 6),
        ("a\x02\x02b\x05\x06c", "bac", 3),
        ("old\x1b[B\x1b[A", "old", 3),
    ],
)
def test_editing_shows_what_the_line_is(keys: str, text: str, cursor: int) -> None:
    typist = Typist()
    assert typist.type(keys) == []
    typist.check(text, cursor)


def test_lines_are_recalled() -> None:
    typist = Typist()
    for line in ("first", "second", "second", "  "):
        typist.editor.remember(line)
    assert typist.editor.history == ["first", "second"]
    typist.type("new\x1b[A")
    typist.check("second", 6)
    typist.type("\x1b[A\x1b[A\x1b[A")
    typist.check("first", 5)
    typist.type("\x1b[B\x1b[B")
    typist.check("", 0)


def test_what_characters_ask_for() -> None:
    typist = Typist()
    assert typist.type("get ?") == [Action.HELP]
    assert typist.type('"a?\t') == [Action.COMPLETE], "a question mark between quotes is a letter"
    assert typist.type('"\r') == [Action.LINE]
    assert typist.type("\x04\x03\x1e") == [Action.ABORT, Action.ABORT], "ctrl-D only leaves on an empty line"
    typist.editor.begin()
    assert typist.type("\x04") == [Action.LEAVE]


def test_a_password_is_not_shown_and_takes_every_character() -> None:
    typist = Typist()
    typist.editor.begin(echo=False, plain=True)
    assert typist.type("se?cr\x04et\t\x1b[A") == []
    assert typist.editor.text == "se?cret"
    assert typist.screen == []


def test_a_line_has_an_end() -> None:
    typist = Typist()
    typist.type("x" * (LONGEST_TYPED + 5))
    assert len(typist.editor.text) == LONGEST_TYPED
