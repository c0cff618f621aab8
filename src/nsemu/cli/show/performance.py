"""`get performance …` (screenos-cli §1.18): processor and session ramp.

The emulated processor has no load of its own: the figures say what part of the platform's rated first-path work the
sessions of the time were (docs/fidelity.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, Node, choice, keyword
from nsemu.cli.show.layout import lines
from nsemu.device.views.resources import RampView, ramp_view

_COLUMNS = 6
_MINUTES = (1, 5, 15)


def _cpu(context: Context, _arguments: Arguments) -> str:
    return lines(*_load(ramp_view(context.device)))


def _load(view: RampView) -> Iterator[str]:
    yield f"Average System Utilization: {view.load(view.since(60), 3600):>2}%"
    parts = (
        f"Last {minutes} minute{'s' if minutes > 1 else ''}: {view.load(view.since(minutes), 60 * minutes):>2}%"
        for minutes in _MINUTES
    )
    yield ", ".join(parts)


def _sessions(context: Context, _arguments: Arguments) -> str:
    return lines(_made(ramp_view(context.device)))


def _made(view: RampView) -> str:
    return ", ".join(f"Last {minutes} minute: {view.since(minutes)}" for minutes in _MINUTES)


def _cpu_detail(context: Context, _arguments: Arguments) -> str:
    view = ramp_view(context.device)
    loads = [
        ("Last 60 seconds:", [view.load(count, 1) for count in view.seconds]),
        ("Last 60 minutes:", [view.load(count, 60) for count in view.minutes]),
        ("Last 24 hours:", [view.load(count, 3600) for count in view.hours]),
    ]
    return lines(f"Average System Utilization: {view.load(view.since(60), 3600):>2}%", *_tables(loads))


def _sessions_detail(context: Context, _arguments: Arguments) -> str:
    view = ramp_view(context.device)
    counts = [
        ("Last 60 seconds:", list(view.seconds)),
        ("Last 60 minutes:", list(view.minutes)),
        ("Last 24 hours:", list(view.hours)),
    ]
    return lines(*_tables(counts))


def _tables(tables: Iterable[tuple[str, list[int]]]) -> Iterator[str]:
    for title, values in tables:
        yield title
        for start in range(0, len(values), _COLUMNS):
            cells = enumerate(values[start : start + _COLUMNS], start)
            yield "".join(f"{place:>3}:{value:>7}   " for place, value in cells).rstrip()


def _about(word: str, help: str, brief: Command, detail: Command) -> Node:
    return keyword(word, help, choice(brief, keyword("detail", "by second, minute and hour", detail)))


PERFORMANCE = keyword(
    "performance",
    "get performance info",
    choice(
        _about("cpu", "show CPU utilization", Command(_cpu), Command(_cpu_detail)),
        _about("session", "show session ramp-up rate", Command(_sessions), Command(_sessions_detail)),
    ),
)
