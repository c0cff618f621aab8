"""`get scheduler [NAME]` (the layout is unverified, see docs/fidelity.md)."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, argument, choice, keyword
from nsemu.cli.settings.checks import require
from nsemu.cli.settings.policy_more import SCHEDULER
from nsemu.cli.show.layout import lines
from nsemu.config.references import users_of_kept
from nsemu.config.schedule import Schedule
from nsemu.device.views.system import clock_view


def _all(context: Context, _arguments: Arguments) -> str:
    schedules = context.device.config.schedules.values()
    blocks = (line for schedule in schedules for line in ("", *_block(context, schedule)))
    return lines(f"Total schedulers: {len(schedules)}", *blocks)


def _one(context: Context, arguments: Arguments) -> str:
    schedule = require(context.device.config.schedules, arguments["scheduler"], "scheduler")
    return lines(*_block(context, schedule))


def _block(context: Context, schedule: Schedule) -> Iterator[str]:
    state = "active" if schedule.is_open(clock_view(context.device).now) else "inactive"
    kinds = [word for word, entries in (("once", schedule.once), ("recurrent", schedule.days)) if entries]
    users = users_of_kept(context.device.config, ("scheduler", schedule.name))
    yield f'Scheduler "{schedule.name}", type {"+".join(kinds)}, {state}, used by {", ".join(users) or "none"}'
    if schedule.once is not None:
        once = schedule.once
        yield f"  once       {once.start:%m/%d/%Y %H:%M} - {once.stop:%m/%d/%Y %H:%M}{_comment(once.comment)}"
    for entry in schedule.days:
        slots = ", ".join(f"{start:%H:%M}-{stop:%H:%M}" for start, stop in entry.slots)
        yield f"  {entry.day:<10} {slots}{_comment(entry.comment)}"


def _comment(text: str) -> str:
    return f'  "{text}"' if text else ""


SCHEDULE = keyword(
    "scheduler",
    "show schedulers",
    choice(Command(_all), argument("scheduler", SCHEDULER, "scheduler name", Command(_one))),
)
