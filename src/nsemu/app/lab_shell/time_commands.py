"""Commands about time: advance, rate, pause, resume."""

from __future__ import annotations

from collections.abc import Sequence

from nsemu.app.lab_shell.command import ShellCommand, expect
from nsemu.app.lab_shell.session import Jump, Refused, Session, format_time
from nsemu.cli.dialogue import Dialogue
from nsemu.lab.quantities import read_wait


def _advance(session: Session, words: Sequence[str]) -> Dialogue:
    expect(words, 1, 1, "advance SECONDS, or with a unit: advance 500ms, advance 8h")
    try:
        duration = read_wait(words[0])
    except ValueError as error:
        raise Refused(f"advance: {error}") from None
    return _pass(session, duration)


def _pass(session: Session, duration: int) -> Dialogue:
    yield Jump(session.lab.scheduler.now + duration)
    yield f"time {format_time(session.lab.scheduler.now)}\n"


def read_rate(text: str) -> float:
    """Virtual seconds a wall second. Raises Refused."""
    try:
        return float(text)
    except ValueError:
        raise Refused(f"rate {text!r} is no number; 1 is real time, 60 a minute a second, 0 stands still") from None


def _rate(session: Session, words: Sequence[str]) -> str:
    expect(words, 0, 1, "rate [VIRTUAL-SECONDS-PER-SECOND]")
    if words:
        try:
            session.pacer.set_rate(read_rate(words[0]))
        except ValueError as error:
            raise Refused(str(error)) from None
    return _pace(session)


def _pause(session: Session, words: Sequence[str]) -> str:
    expect(words, 0, 0, "pause")
    try:
        session.pacer.pause()
    except ValueError as error:
        raise Refused(str(error)) from None
    return _pace(session)


def _resume(session: Session, words: Sequence[str]) -> str:
    expect(words, 0, 0, "resume")
    session.pacer.resume()
    return _pace(session)


def _pace(session: Session) -> str:
    rate, now = session.pacer.rate, format_time(session.lab.scheduler.now)
    return f"rate {rate:g}, time {now}\n" if rate else f"paused, time {now}\n"


COMMANDS = (
    ShellCommand(
        "advance",
        ("SECONDS", "DURATION"),
        "let virtual time pass at once",
        _advance,
        detail="A duration is a number with a unit: 500ms, 30s, 5m, 8h. Everything due meanwhile happens.",
        short="SECONDS|DURATION",
    ),
    ShellCommand(
        "rate",
        ("", "X"),
        "show or set how fast virtual time runs",
        _rate,
        detail="1 is real time, 60 a minute a second, 0 stands still. A batch run always goes as fast as it can.",
        short="[X]",
    ),
    ShellCommand("pause", ("",), "stop virtual time", _pause),
    ShellCommand("resume", ("",), "let virtual time run again", _resume),
)
