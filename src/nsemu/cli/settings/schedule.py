"""`set scheduler NAME once | recurrent …`: the times at which the policies that name it are in effect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from nsemu.cli.grammar import (
    Arguments,
    Node,
    Row,
    Setting,
    TextType,
    argument,
    choice,
    flag,
    keyword,
    optional,
    sequence,
    when_set,
    when_unset,
)
from nsemu.cli.settings.checks import check_capacity, refuse_if_used, require
from nsemu.cli.settings.clock import DateType, MinuteType
from nsemu.cli.settings.policy_more import SCHEDULER
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, NotFoundError
from nsemu.config.references import users_of_kept
from nsemu.config.schedule import DAYS, DayEntry, OnceEntry, Schedule, Slot

MOST_SCHEDULES: Final = 256


def _change(editor: Editor, schedule: Schedule) -> None:
    if schedule.name not in editor.schedules:
        check_capacity(editor.schedules, MOST_SCHEDULES, "schedulers")
    editor.schedules.put(schedule.name, schedule)


def _known(editor: Editor, arguments: Arguments) -> Schedule:
    name = arguments["scheduler"]
    return editor.schedules.get(name) or Schedule(name)


def _set_once(editor: Editor, arguments: Arguments) -> None:
    start, stop = (datetime.combine(arguments[f"{end}_date"], arguments[f"{end}_time"]) for end in ("start", "stop"))
    _check_order(arguments["scheduler"], start < stop)
    entry = OnceEntry(start, stop, arguments.get("comment", ""))
    _change(editor, replace(_known(editor, arguments), once=entry))


def _set_day(editor: Editor, arguments: Arguments) -> None:
    slots: list[Slot] = [(arguments["start"], arguments["stop"])]
    if "start2" in arguments:
        slots.append((arguments["start2"], arguments["stop2"]))
    _check_order(arguments["scheduler"], all(start < stop for start, stop in slots))
    entry = DayEntry(arguments["day"], tuple(slots), arguments.get("comment", ""))
    schedule = _known(editor, arguments)
    others = [other for other in schedule.days if other.day != entry.day]
    days = sorted([*others, entry], key=lambda one: DAYS.index(one.day))
    _change(editor, replace(schedule, days=tuple(days)))


def _check_order(name: str, in_order: bool) -> None:
    if not in_order:
        raise ConfigError(f"scheduler {name} stops before it starts")


def _unset_entry(editor: Editor, arguments: Arguments) -> None:
    """Take back `once`, `recurrent` or one day of it; a schedule without entries is gone, if nothing needs it."""
    schedule = require(editor.schedules, arguments["scheduler"], "scheduler")
    day = arguments.get("day")
    if day is not None and schedule.day(day) is None:
        raise NotFoundError(f"scheduler {schedule.name} has no {day}")
    if "once" in arguments:
        left = replace(schedule, once=None)
    else:
        left = replace(schedule, days=tuple(entry for entry in schedule.days if day not in {None, entry.day}))
    if left.once is None and not left.days:
        _remove(editor, schedule)
    else:
        editor.schedules.put(schedule.name, left)


def _unset(editor: Editor, arguments: Arguments) -> None:
    _remove(editor, require(editor.schedules, arguments["scheduler"], "scheduler"))


def _remove(editor: Editor, schedule: Schedule) -> None:
    refuse_if_used(f"scheduler {schedule.name}", users_of_kept(editor, ("scheduler", schedule.name)))
    editor.schedules.remove(schedule.name)


def schedule_scopes(config: DeviceConfig) -> Iterator[Arguments]:
    """One scope a schedule."""
    return ({"scheduler": name} for name in config.schedules)


def _once_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    once = config.schedules[scope["scheduler"]].once
    if once is not None:
        row = {
            **scope,
            "once": True,
            "start_date": once.start.date(),
            "start_time": once.start.time(),
            "stop_date": once.stop.date(),
            "stop_time": once.stop.time(),
            "comment": once.comment or None,
        }
        yield Row({name: value for name, value in row.items() if value is not None})


def _day_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    for entry in config.schedules[scope["scheduler"]].days:
        row = {**scope, "recurrent": True, "day": entry.day, "comment": entry.comment or None}
        for slot, suffix in zip(entry.slots, ("", "2"), strict=False):
            row[f"start{suffix}"], row[f"stop{suffix}"] = slot
        yield Row({name: value for name, value in row.items() if value is not None})


SCHEDULE = Setting("scheduler", None, _unset)
SCHEDULE_ONCE = Setting("scheduler once", _set_once, _unset_entry, _once_rows)
SCHEDULE_DAY = Setting("scheduler recurrent", _set_day, _unset_entry, _day_rows)

_COMMENT = optional(keyword("comment", "a text about it", argument("comment", TextType(128, quoted=True), "text")))


def _moment(end: str, help_: str) -> Node:
    return keyword(
        end,
        help_,
        argument(f"{end}_date", DateType(), "date"),
        argument(f"{end}_time", MinuteType(), "time"),
    )


def _slot(suffix: str, help_: str) -> Node:
    return sequence(
        keyword("start", help_, argument(f"start{suffix}", MinuteType(), "time")),
        keyword("stop", "to", argument(f"stop{suffix}", MinuteType(), "time")),
    )


_DAY = choice(*(flag(day, day, "day", day) for day in DAYS))
NODE = keyword(
    "scheduler",
    "times at which policies are in effect",
    argument(
        "scheduler",
        SCHEDULER,
        "scheduler name",
        choice(
            when_unset(SCHEDULE),
            keyword(
                "once",
                "once",
                when_set(_moment("start", "from"), _moment("stop", "to"), _COMMENT),
                SCHEDULE_ONCE,
                binds=("once", True),
            ),
            keyword(
                "recurrent",
                "every week",
                choice(
                    when_set(
                        sequence(_DAY, _slot("", "from"), optional(_slot("2", "again from")), _COMMENT),
                        SCHEDULE_DAY,
                    ),
                    when_unset(optional(_DAY), SCHEDULE_DAY),
                ),
                binds=("recurrent", True),
            ),
        ),
    ),
)
