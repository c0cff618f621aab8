"""The packet walk as text: the verdict first, then hop by hop, numbered stages, nothing wider than 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from nsemu.device.packet_facts import Fact, Stage
from nsemu.sim.scheduler import SECOND, Instant

if TYPE_CHECKING:
    from nsemu.cli.walk.model import PacketWalk, Verdict, WalkEvent, WalkHop, WalkStep

WIDTH: Final = 100
_INDENT: Final = 22
_GOOD: Final = frozenset({"delivered"})
_NEW_PASS: Final = frozenset({"packet-received", "originated"})
_ENDS: Final = frozenset({"dropped", "lost", "delivered", "delivered-self"})

_DEFAULT: Final = "no line: a factory default"

_BOLD, _RED, _GREEN, _YELLOW, _CYAN = "1", "1;31", "1;32", "33", "36"


class _Paint:
    """Colours text, or not."""

    def __init__(self, colour: bool) -> None:
        self._colour = colour

    def __call__(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text


def walk_text(walk: PacketWalk, *, colour: bool = False) -> str:
    """The walk for people; every line ends with a newline."""
    paint = _Paint(colour)
    lines = [*_verdict(walk, paint), ""]
    returning = None
    shown = 0
    for number, hop in enumerate(walk.hops, start=1):
        events = walk.events_before(hop.at, shown)
        shown += len(events)
        lines += _events(events, paint)
        if hop.returning is not returning:
            returning = hop.returning
            lines += [paint("the way back" if returning else "the way there", _BOLD)]
        lines += _hop(number, hop, paint)
    lines += _events(walk.events_before(None, shown), paint)
    return "".join(f"{line}\n" for line in lines)


def events_text(events: Iterable[WalkEvent], *, colour: bool = False) -> str:
    """Events alone, as between two walks; every line ends with a newline."""
    return "".join(f"{line}\n" for line in _events(events, _Paint(colour)))


# --- the verdict


def _verdict(walk: PacketWalk, paint: _Paint) -> Iterator[str]:
    verdict = walk.verdict
    word = verdict.disposition.value.upper()
    where = f" at {verdict.hop.node}" if verdict.hop is not None else ""
    what = f": {verdict.fact.text}" if verdict.fact is not None else ""
    first, *rest = _wrapped(f"{word}{where}{what}", 2)
    yield paint(first, _GREEN if walk.disposition in _GOOD else _RED)
    yield from rest
    if walk.hops:
        took = _seconds(walk.hops[-1].at - walk.hops[0].at)
        count = f"{len(walk.hops)} hop{'s' if len(walk.hops) > 1 else ''}"
        yield from _wrapped(f"  {count} in {took} s; {walk.hops[0].summary}".rstrip("; "), 4)
    yield from _why(verdict)
    yield from _told(walk)


def _why(verdict: Verdict) -> Iterator[str]:
    reason, fact = verdict.reason, verdict.fact
    if reason is None or fact is None or verdict.hop is None:
        return
    yield f"  stage    {fact.stage.number} {fact.stage.title}"
    yield f"  reason   {reason.name}"
    if verdict.hop.path != "originated":
        yield f"  counter  {reason.counter} (get counter flow)"
    for step in verdict.hop.steps:
        if step.fact is fact:
            for line in step.lines:
                yield from _wrapped(f"  config   {line}", 11)
            if step.by_default:
                yield f"  config   {_DEFAULT}"
    yield from _wrapped(f"  hint     {reason.hint}", 11)


def _told(walk: PacketWalk) -> Iterator[str]:
    """A packet that was dropped may have been answered with an error."""
    ends = [hop.end for hop in walk.hops if hop.returning]
    arrived = [end for end in ends if end is not None and end.type == "delivered"]
    if walk.disposition == "dropped" and arrived:
        yield from _wrapped(f"  told     {arrived[-1].text}", 11)


# --- hops


def _hop(number: int, hop: WalkHop, paint: _Paint) -> Iterator[str]:
    where = " ".join(word for word in (hop.node, hop.interface) if word)
    place = ", ".join(word for word in (hop.zone and f"zone {hop.zone}", hop.vrouter, hop.path) if word)
    title = f"{number:>2}  {where}{f'  ({place})' if place else ''}"
    time = f"t={_seconds(hop.at)} s"
    gap = max(1, WIDTH - len(title) - len(time))
    yield paint(title, _BOLD) + " " * gap + time if len(title) + len(time) < WIDTH else f"{paint(title, _BOLD)} {time}"
    if hop.summary:
        yield from _wrapped(f"    {hop.summary}", 6)
    shown: set[str] = set()
    first, *inner = _passes(hop)
    summarised = bool(hop.summary and first and first[0].fact.type in _NEW_PASS)
    for steps in (first[1:] if summarised else first, *inner):
        yield from _pass(steps, paint, shown)


def _passes(hop: WalkHop) -> list[list[WalkStep]]:
    """A packet that comes out of a tunnel passes all stages again."""
    passes: list[list[WalkStep]] = [[]]
    for step in hop.steps:
        if step.fact.type in _NEW_PASS and passes[-1]:
            passes.append([])
        passes[-1].append(step)
    return passes


def _pass(steps: list[WalkStep], paint: _Paint, shown: set[str]) -> Iterator[str]:
    ordered = sorted((step for step in steps if step.fact.type not in _ENDS), key=lambda step: step.fact.stage.number)
    last: Stage | None = None
    for step in (*ordered, *(step for step in steps if step.fact.type in _ENDS)):
        fact = step.fact
        if fact.type in _ENDS:
            yield from _end(fact, paint)
        elif fact.stage is Stage.PACKET:
            inside = "inside: " if fact.type == "packet-received" else ""
            yield from _wrapped(f"    {inside}{fact.text}", 6)
        else:
            label = f"{fact.stage.number} {fact.stage.title}" if fact.stage is not last else ""
            yield from _wrapped(f"    {label:<{_INDENT - 4}}{fact.text}", _INDENT)
        last = fact.stage
        yield from _details(step, paint, shown)


def _end(fact: Fact, paint: _Paint) -> Iterator[str]:
    code, word = (_GREEN, "arrived") if fact.type.startswith("delivered") else (_RED, "dropped")
    stage = f" in stage {fact.stage.number} {fact.stage.title}" if fact.type == "dropped" else ""
    first, *rest = _wrapped(f"    {word}{stage}: {fact.text}", 6)
    yield paint(first, code)
    yield from rest


def _details(step: WalkStep, paint: _Paint, shown: set[str]) -> Iterator[str]:
    """What else there is to say; a line that this hop has shown already is not shown again."""
    pad = " " * _INDENT
    for line in step.fact.more:
        yield from _wrapped(f"{pad}{line}", _INDENT + 2)
    for config in [str(line) for line in step.lines] or ([_DEFAULT] if step.by_default else []):
        if config not in shown:
            shown.add(config)
            for line in _wrapped(f"{pad}by: {config}", _INDENT + 4):
                yield paint(line, _CYAN)
    for loser in step.fact.losers:
        yield from _wrapped(f"{pad}not {loser}", _INDENT + 4)


def _events(events: Iterable[WalkEvent], paint: _Paint) -> Iterator[str]:
    for event in events:
        head = f"  * {_seconds(event.entry.at)} s {event.device}: "
        for line in _wrapped(f"{head}{event.entry.text}", 6):
            yield paint(line, _YELLOW)


def _seconds(at: Instant) -> str:
    return f"{at // SECOND}.{at % SECOND // 1000:06}"


def _wrapped(text: str, hang: int) -> list[str]:
    """Lines of at most WIDTH columns; the blanks inside stay as they are."""
    return textwrap.wrap(
        text, WIDTH, subsequent_indent=" " * hang, replace_whitespace=False, break_on_hyphens=False
    ) or [text]
