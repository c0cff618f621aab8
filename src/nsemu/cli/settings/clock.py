"""`set clock dst …`; `set clock MM/DD/YYYY HH:MM:SS` moves the clock at once and is no part of the configuration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Final

from nsemu.cli.context import Context
from nsemu.cli.grammar import (
    Arguments,
    ArgumentType,
    Command,
    InvalidWordError,
    Node,
    NumberType,
    Row,
    Scope,
    Setting,
    Word,
    argument,
    choice,
    flag,
    keyword,
    optional,
    sequence,
    when_set,
)
from nsemu.config.clock import LAST_WEEK, DaylightSaving, YearlyMoment
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor

EARLIEST_YEAR: Final = 1970
LATEST_YEAR: Final = 2037


@dataclass(frozen=True, slots=True)
class DateType(ArgumentType[date]):
    """A date as `MM/DD/YYYY`."""

    hint: str = "<mm/dd/yyyy>"

    def parse(self, word: Word, _scope: Scope) -> date:
        """Month, day and year."""
        parts = word.text.split("/")
        if len(parts) == 3 and all(part.isascii() and part.isdigit() and len(part) <= 4 for part in parts):
            month, day, year = map(int, parts)
            if EARLIEST_YEAR <= year <= LATEST_YEAR:
                try:
                    return date(year, month, day)
                except ValueError:
                    pass
        raise InvalidWordError(f"invalid date {word.text} (<mm/dd/yyyy> expected)")

    def show(self, value: date) -> str:
        """`05/01/2008`."""
        return value.strftime("%m/%d/%Y")


@dataclass(frozen=True, slots=True)
class TimeType(ArgumentType[time]):
    """A time of day as `HH:MM` or `HH:MM:SS`."""

    hint: str = "<hh:mm:ss>"

    def parse(self, word: Word, _scope: Scope) -> time:
        """Hours, minutes and, if there are, seconds."""
        parts = word.text.split(":")
        if len(parts) in {2, 3} and all(part.isascii() and part.isdigit() and len(part) <= 2 for part in parts):
            try:
                hours, minutes, seconds = map(int, [*parts, "0"][:3])
                return time(hours, minutes, seconds)
            except ValueError:
                pass
        raise InvalidWordError(f"invalid time {word.text} (<hh:mm:ss> expected)")

    def show(self, value: time) -> str:
        """`10:00:00`."""
        return value.strftime("%H:%M:%S")


@dataclass(frozen=True, slots=True)
class MinuteType(TimeType):
    """A time of day of whole minutes, `HH:MM`."""

    hint: str = "<hh:mm>"

    def parse(self, word: Word, scope: Scope) -> time:
        """Hours and minutes; seconds that are 0 may follow."""
        moment = TimeType.parse(self, word, scope)
        if moment.second:
            raise InvalidWordError(f"invalid time {word.text} (<hh:mm> expected)")
        return moment

    def show(self, value: time) -> str:
        """`08:00`."""
        return value.strftime("%H:%M")


def _set_clock(context: Context, arguments: Arguments) -> str:
    moment = datetime.combine(arguments["date"], arguments.get("time", time()))
    context.device.set_clock(moment)
    return ""


NODE = when_set(
    argument(
        "date",
        DateType(),
        "date to set the clock to",
        optional(argument("time", TimeType(), "time of day")),
        Command(_set_clock, privileged=True),
    )
)


def _set_saving(editor: Editor, arguments: Arguments) -> None:
    saving = None if "off" in arguments else _read_saving(arguments)
    editor.system = replace(editor.system, saving=saving)


def _read_saving(arguments: Arguments) -> DaylightSaving:
    if "first_week" not in arguments:
        return DaylightSaving()
    start, stop = (
        YearlyMoment(*(arguments[f"{end}_{part}"] for part in ("week", "day", "month", "time")))
        for end in ("first", "last")
    )
    return DaylightSaving(start, stop, arguments.get("offset", DaylightSaving().minutes))


def _unset_saving(editor: Editor, _arguments: Arguments) -> None:
    editor.system = replace(editor.system, saving=None)


def _saving_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    saving = config.system.saving
    if saving is None:
        return
    row: dict[str, object] = {"recurring": True}
    if saving != DaylightSaving():
        for end, moment in (("first", saving.start), ("last", saving.stop)):
            parts = {"week": moment.week, "day": moment.day, "month": moment.month, "time": moment.time}
            row.update({f"{end}_{part}": value for part, value in parts.items()})
        row["offset"] = saving.minutes
    yield Row(row)


DAYLIGHT_SAVING = Setting("clock dst", _set_saving, _unset_saving, _saving_rows)


def _moment(end: str, which: str) -> tuple[Node, ...]:
    return (
        argument(f"{end}_week", NumberType(1, LAST_WEEK), f"{which} week of a month, {LAST_WEEK} for the last"),
        argument(f"{end}_day", NumberType(0, 6), "day of the week, 0 for Sunday"),
        argument(f"{end}_month", NumberType(1, 12), "month"),
        argument(f"{end}_time", MinuteType(), "time"),
    )


DST_NODE = keyword(
    "dst",
    "daylight saving time",
    when_set(
        choice(
            keyword(
                "recurring",
                "every year",
                optional(
                    choice(
                        sequence(
                            keyword("start-weekday", "when it begins", *_moment("first", "first")),
                            keyword("end-weekday", "when it ends", *_moment("last", "last")),
                        ),
                        sequence(*_moment("first", "first"), *_moment("last", "last")),
                    ),
                    optional(argument("offset", NumberType(0, 180), "minutes")),
                ),
                binds=("recurring", True),
            ),
            flag("off", "none", "off"),
        )
    ),
    DAYLIGHT_SAVING,
)
