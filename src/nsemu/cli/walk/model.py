"""A packet walk as data: hops with facts and deciding lines, events between them, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from nsemu.cli.walk.config_lines import ConfigLine, deciding_lines, is_default
from nsemu.cli.walk.text import walk_text
from nsemu.config.device import DeviceConfig
from nsemu.device.packet_facts import Fact, Stage, facts_of
from nsemu.runtime.drop import DropReason
from nsemu.runtime.event_log import EventEntry
from nsemu.runtime.trace import Hop, PacketTrace
from nsemu.sim.scheduler import SECOND, Instant

_ARRIVALS = frozenset({"delivered", "delivered-self"})
_LOSSES = frozenset({"dropped", "lost"})


class Disposition(Enum):
    """What became of the packet."""

    ANSWERED = "answered"
    DELIVERED = "delivered"
    ANSWER_DROPPED = "answer dropped"
    DROPPED = "dropped"
    WAITING = "waiting for ARP"
    UNDER_WAY = "under way"


@dataclass(frozen=True, slots=True)
class WalkStep:
    """A fact and the configuration lines that decided it."""

    fact: Fact
    lines: tuple[ConfigLine, ...]

    @property
    def by_default(self) -> bool:
        """Whether a factory setting decided, for which the configuration has no line."""
        return not self.lines and any(is_default(subject) for subject in self.fact.subjects)


@dataclass(frozen=True, slots=True)
class WalkHop:
    """One node's handling. `path` is "first packet", "fast path", "originated" or "" where there is none."""

    node: str
    at: Instant
    interface: str
    zone: str
    vrouter: str
    path: str
    returning: bool
    summary: str
    steps: tuple[WalkStep, ...]

    @property
    def end(self) -> Fact | None:
        """The fact that ended the packet's way here: an arrival or a loss."""
        ends = [step.fact for step in self.steps if step.fact.type in _ARRIVALS | _LOSSES]
        return ends[-1] if ends else None


@dataclass(frozen=True, slots=True)
class WalkEvent:
    """An event log entry of a device that was made while the packet was under way, or what its IKE did then."""

    device: str
    entry: EventEntry

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {"time": self.entry.at / SECOND, "device": self.device, "text": self.entry.text}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`hop` and `fact` are where it was decided; both None while the packet is under way."""

    disposition: Disposition
    hop: WalkHop | None = None
    fact: Fact | None = None

    @property
    def reason(self) -> DropReason | None:
        """Why a security device dropped it."""
        return self.fact.reason if self.fact is not None else None


class PacketWalk:
    """The walk of one traced packet.

    `configs` are the configurations of the security devices by node name; `events` what their event logs got
    meanwhile, as (device, entry).
    """

    def __init__(
        self,
        trace: PacketTrace,
        configs: Mapping[str, DeviceConfig],
        events: Iterable[tuple[str, EventEntry]] = (),
    ) -> None:
        self.hops: list[WalkHop] = [_hop(hop, configs.get(hop.node)) for hop in trace.hops]
        found = [WalkEvent(device, entry) for device, entry in events]
        self.events = sorted(found, key=lambda event: event.entry.at)
        self.verdict = judge(self.hops)

    @property
    def disposition(self) -> str:
        """`delivered`, `dropped`, `answer dropped`, `waiting for ARP` or `under way`; see also `answered`."""
        found = self.verdict.disposition
        shown: str = (Disposition.DELIVERED if found is Disposition.ANSWERED else found).value
        return shown

    @property
    def answered(self) -> bool:
        """Whether the packet was delivered and its answer came back."""
        return self.verdict.disposition is Disposition.ANSWERED

    def text(self, *, colour: bool = False) -> str:
        """The walk for people, at most 100 columns wide."""
        return walk_text(self, colour=colour)

    def to_json(self) -> dict[str, Any]:
        """The walk for programs, of dicts, lists, text, numbers and None; keys are stable."""
        verdict, fact = self.verdict, self.verdict.fact
        reason = verdict.reason
        return {
            "disposition": self.disposition,
            "answered": self.answered,
            "node": verdict.hop.node if verdict.hop is not None else None,
            "stage": _stage_of(fact),
            "reason": fact.text if fact is not None else None,
            "code": reason.name if reason is not None else None,
            "counter": reason.counter if reason is not None else None,
            "hint": reason.hint if reason is not None else None,
            "config_line": _deciding(verdict),
            "hops": [_hop_json(hop) for hop in self.hops],
            "events": [event.to_json() for event in self.events],
        }

    def events_before(self, at: Instant | None, since: int) -> Sequence[WalkEvent]:
        """The events from number `since` on that were made before an instant; all that are left for None."""
        rest = self.events[since:]
        return rest if at is None else [event for event in rest if event.entry.at < at]


def judge(hops: Sequence[WalkHop]) -> Verdict:
    """What became of a packet: arrivals count more than losses of copies, the way back comes after the way there."""
    there = [hop for hop in hops if not hop.returning]
    back = [hop for hop in hops if hop.returning]
    arrival = _last_end(there, _ARRIVALS)
    if arrival is None:
        loss = _last_end(there, _LOSSES)
        if loss is not None:
            return Verdict(Disposition.DROPPED, *loss)
        return Verdict(Disposition.WAITING, hops[-1]) if hops and _waits(hops[-1]) else Verdict(Disposition.UNDER_WAY)
    answer = _last_end(back, _ARRIVALS)
    if answer is not None:
        return Verdict(Disposition.ANSWERED, *answer)
    loss = _last_end(back, _LOSSES)
    if loss is not None:
        return Verdict(Disposition.ANSWER_DROPPED, *loss)
    return Verdict(Disposition.DELIVERED, *arrival)


def _last_end(hops: Sequence[WalkHop], kinds: frozenset[str]) -> tuple[WalkHop, Fact] | None:
    for hop in reversed(hops):
        for step in reversed(hop.steps):
            if step.fact.type in kinds:
                return hop, step.fact
    return None


def _waits(hop: WalkHop) -> bool:
    last = hop.steps[-1].fact if hop.steps else None
    return last is not None and (last.values.get("resolved") is False or last.text.startswith("waits for ARP"))


def _hop(hop: Hop, config: DeviceConfig | None) -> WalkHop:
    steps = tuple(WalkStep(fact, _lines(fact, config)) for fact in facts_of(hop))
    return WalkHop(hop.node, hop.at, hop.interface, hop.zone, hop.vrouter, hop.path, hop.returning, hop.summary, steps)


def _lines(fact: Fact, config: DeviceConfig | None) -> tuple[ConfigLine, ...]:
    if config is None:
        return ()
    purpose = fact.reason.name if fact.reason is not None else fact.type
    return tuple(line for subject in fact.subjects for line in deciding_lines(config, subject, purpose))


def _stage_of(fact: Fact | None) -> str | None:
    if fact is None or fact.type not in _LOSSES:
        return None
    return fact.stage.title if fact.stage is not Stage.PACKET else "network"


def _deciding(verdict: Verdict) -> str | None:
    """The line that decided a drop; None when a default did."""
    if verdict.hop is None or verdict.reason is None:
        return None
    lines = [step.lines for step in verdict.hop.steps if step.fact is verdict.fact]
    return _first(lines[0]) if lines else None


def _first(lines: tuple[ConfigLine, ...]) -> str | None:
    return lines[0].text if lines else None


def _hop_json(hop: WalkHop) -> dict[str, Any]:
    return {
        "node": hop.node,
        "time": hop.at / SECOND,
        "interface": hop.interface,
        "zone": hop.zone,
        "vrouter": hop.vrouter,
        "path": hop.path,
        "direction": "return" if hop.returning else "forward",
        "packet": hop.summary,
        "steps": [_step_json(step) for step in hop.steps],
    }


def _step_json(step: WalkStep) -> dict[str, Any]:
    fact = step.fact
    values = {name: value for name, value in fact.values.items() if name not in {"subject", "losers"}}
    return {
        "type": fact.type,
        "stage": fact.stage.title,
        "text": fact.text,
        "config_line": _first(step.lines),
        "config_lines": [str(line) for line in step.lines],
        "lost": list(fact.losers),
        "values": values,
    }
