"""The traffic log: what policies with `log` saw (`get log traffic`, screenos-cli §1.15)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from nsemu.flow.packet import ICMP
from nsemu.flow.session import FlowTuple, Session
from nsemu.sim.scheduler import Instant

CAPACITY = 4096


@dataclass(frozen=True, slots=True)
class TrafficEntry:
    """One flow. Times in nanoseconds; octets are of both directions; `translated` is the flow after translation."""

    policy_id: int
    started: Instant
    duration: int
    flow: FlowTuple
    translated: FlowTuple
    protocol: int
    service: str
    sent: int
    received: int
    reason: str
    session_id: int


class TrafficLog:
    """The newest entries; `listener` is told of each."""

    def __init__(self) -> None:
        self.entries: deque[TrafficEntry] = deque(maxlen=CAPACITY)
        self.listener: Callable[[TrafficEntry], None] | None = None

    def closed(self, session: Session, now: Instant) -> None:
        """A session of a logging policy ended."""
        self._add(session, now, session.close_reason)

    def created(self, session: Session, now: Instant) -> None:
        """A session of a policy with `log session-init` began."""
        self._add(session, now, "Creation")

    def denied(self, policy_id: int, now: Instant, flow: FlowTuple, protocol: int, service: str) -> None:
        """A logging policy refused a first packet."""
        self._keep(TrafficEntry(policy_id, now, 0, flow, (0, 0, 0, 0), protocol, service, 0, 0, "Traffic Denied", 0))

    def clear(self, policy_id: int | None = None) -> None:
        """Forget all, or what one policy logged (`clear log traffic`)."""
        kept = [entry for entry in self.entries if policy_id not in {None, entry.policy_id}]
        self.entries = deque(kept, maxlen=CAPACITY)

    def _keep(self, entry: TrafficEntry) -> None:
        self.entries.append(entry)
        if self.listener is not None:
            self.listener(entry)

    def _add(self, session: Session, now: Instant, reason: str) -> None:
        rewrite = session.forward.rewrite
        flow = session.forward.flow
        if reason == "Close - AGE OUT" and session.protocol == ICMP and session.reverse.packets:
            reason = "Close - RESP"
        self._keep(
            TrafficEntry(
                session.policy.id if session.policy is not None else 0,
                session.created,
                now - session.created,
                flow,
                rewrite.after if rewrite is not None else flow,
                session.protocol,
                session.service,
                session.forward.octets,
                session.reverse.octets,
                reason,
                session.id,
            )
        )
