"""`get event …` and `get log event` (screenos-cli §1.15)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import (
    Arguments,
    Command,
    NumberType,
    TextType,
    any_order,
    argument,
    choice,
    flag,
    keyword,
    sequence,
)
from nsemu.cli.show.layout import lines
from nsemu.device.views.logs import EventView, event_views
from nsemu.runtime.event_log import ALARM_LEVELS

_HEADER = "Date       Time     Module Level  Type Description"
_INDENT = " " * 39
_WIDTH = 38
"""Characters of text on a line before the blank at which it breaks; all captured breaks agree with it."""

_LEVELS = {
    "emergency": "emer",
    "alert": "alert",
    "critical": "crit",
    "error": "error",
    "warning": "warn",
    "notification": "notif",
    "information": "info",
    "debugging": "debug",
}


def _events(context: Context, arguments: Arguments) -> str:
    views = event_views(context.device)
    chosen = [view for view in views if _wanted(view, arguments)]
    if arguments.get("sort") == "oldest":
        chosen.reverse()
    title = [] if arguments else [f"Total event entries = {len(views)}"]
    return lines(*title, _HEADER, *_rows(chosen))


def alarm_events(context: Context, _arguments: Arguments) -> str:
    """`get alarm event`: the events that are alarms."""
    alarms = {level.value for level in ALARM_LEVELS}
    chosen = [view for view in event_views(context.device) if view.level in alarms]
    return lines(f"Total event entries = {len(chosen)}", _HEADER, *_rows(chosen))


def _wanted(view: EventView, arguments: Arguments) -> bool:
    return (
        arguments.get("type") in {None, view.type}
        and arguments.get("level") in {None, view.level}
        and arguments.get("module") in {None, view.module}
        and arguments.get("include", "") in view.text
        and ("exclude" not in arguments or arguments["exclude"] not in view.text)
    )


def _rows(views: Iterable[EventView]) -> Iterator[str]:
    for view in views:
        first, *others = wrap(view.text)
        yield f"{view.date:%Y-%m-%d %H:%M:%S} {view.module:<6} {view.level:<5} {view.type:05d} {first}"
        yield from (f"{_INDENT}{other}" for other in others)


def wrap(text: str) -> list[str]:
    """A text in lines that break after a blank, which stays at the end of the line; a long word is not broken."""
    broken = [""]
    for word in text.split(" "):
        line = broken[-1]
        if line and len(line) + len(word) > _WIDTH:
            broken.append("")
            line = ""
        broken[-1] = f"{line}{word} "
    broken[-1] = broken[-1][:-1]
    return broken


_TEXT = TextType(64)
_FILTERS = any_order(
    keyword("type", "show events of a type", argument("type", NumberType(0, 65535), "event type")),
    keyword(
        "level",
        "show events of a level",
        choice(*(flag(word, f"{word} events", "level", short) for word, short in _LEVELS.items())),
    ),
    keyword("module", "show events of a module", flag("system", "system module", "module", "system")),
    keyword("include", "show events with a text", argument("include", _TEXT, "text")),
    keyword("exclude", "show events without a text", argument("exclude", _TEXT, "text")),
    keyword(
        "sort-by",
        "the order",
        choice(flag("date", "newest first", "sort", "newest"), flag("time", "oldest first", "sort", "oldest")),
    ),
)

EVENT = keyword("event", "show event messages", sequence(_FILTERS, Command(_events)))
