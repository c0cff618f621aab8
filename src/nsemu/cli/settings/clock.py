"""`set clock MM/DD/YYYY HH:MM:SS`: moves the device's clock at once; no part of the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final

from nsemu.cli.context import Context
from nsemu.cli.grammar import (
    Arguments,
    ArgumentType,
    Command,
    InvalidWordError,
    Scope,
    Word,
    argument,
    optional,
    when_set,
)

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


def _set_clock(context: Context, arguments: Arguments) -> str:
    moment = datetime.combine(arguments["date"], arguments.get("time", time()))
    context.device.clock.set(moment, context.device.config.system.timezone)
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
