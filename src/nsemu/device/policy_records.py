"""What policies record: totals, the traffic log, rates by second, minute, hour and day, and alarms above a rate.

Rates are those of policies with `count`. Nothing is added to the path of a packet: once a second, while sessions of
such policies live, what their wings have counted since is added up. Octets of rates are those of Ethernet frames, of
which none is shorter than 64: so `count alarm 64 0` is raised by a single packet, as an article on traffic alarms has
it (KB4213).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nsemu.device.traffic_log import TrafficLog
from nsemu.flow.packet import Packet
from nsemu.flow.session import FlowTuple, Session
from nsemu.policy.decision import PolicyRun
from nsemu.runtime.event_log import Level
from nsemu.sim.scheduler import SECOND, Instant, Scheduler, Timer

UNITS: Final = {"second": (1, 60), "minute": (60, 60), "hour": (3600, 24), "day": (86400, 30)}
"""The intervals of rates: how many seconds each is long, and how many are remembered."""

ALARM_CAPACITY: Final = 1024
_SHORTEST_FRAME: Final = 64
_FRAME: Final = 18
"""Octets of a frame around a packet: header and checksum."""

Logger = Callable[[int, Level, str], None]


@dataclass(frozen=True, slots=True)
class TrafficAlarmEntry:
    """A policy's traffic reached a threshold. `unit` is "second" or "minute", `rate` octets in one of these."""

    at: Instant
    policy_id: int
    unit: str
    rate: int
    threshold: int


class RateHistory:
    """Octets of one policy by interval."""

    __slots__ = ("alarmed_minute", "intervals")

    def __init__(self) -> None:
        self.intervals: dict[str, dict[int, int]] = {unit: {} for unit in UNITS}
        self.alarmed_minute = -1

    def add(self, second: int, octets: int) -> None:
        """Count octets of a second, which is numbered from the start of the lab."""
        for unit, (length, most) in UNITS.items():
            counts, number = self.intervals[unit], second // length
            counts[number] = counts.get(number, 0) + octets
            if len(counts) > most:
                del counts[next(iter(counts))]

    def at(self, unit: str, second: int) -> int:
        """The octets of the interval that a second is in."""
        return self.intervals[unit].get(second // UNITS[unit][0], 0)


class PolicyRecords:
    """The records of all policies of a device."""

    def __init__(self, scheduler: Scheduler, traffic_log: TrafficLog, log: Logger) -> None:
        self._scheduler = scheduler
        self._traffic_log = traffic_log
        self._log = log
        self._living: dict[Session, int] = {}
        self._limited: dict[Session, PolicyRun] = {}
        self._timer: Timer | None = None
        self.rates: dict[int, RateHistory] = {}
        self.alarms: deque[TrafficAlarmEntry] = deque(maxlen=ALARM_CAPACITY)
        self._runs: dict[int, PolicyRun] = {}

    def began(self, session: Session) -> None:
        """A session began."""
        run = session.policy
        if run is None:
            return
        if run.policy.log_init:
            self._traffic_log.created(session, self._scheduler.now)
        if run.policy.session_limit is not None:
            self._limited[session] = run
            run.counters.held[session.forward.flow[0]] += 1
        if run.policy.count:
            self._living[session] = 0
            self._await()

    def ended(self, session: Session) -> None:
        """A session ended."""
        run = session.policy
        limited = self._limited.pop(session, None)
        if limited is not None:
            _release(limited, session.forward.flow[0])
        if session in self._living:
            self._collect(session)
            del self._living[session]
        if run is None:
            return
        run.counters.packets += session.forward.packets + session.reverse.packets
        run.counters.octets += session.forward.octets + session.reverse.octets
        if run.policy.log:
            self._traffic_log.closed(session, self._scheduler.now)

    def refused(self, run: PolicyRun, packet: Packet, flow: FlowTuple) -> None:
        """A policy refused a first packet."""
        octets = len(packet.data)
        run.counters.hits += 1
        run.counters.packets += 1
        run.counters.octets += octets
        if run.policy.log:
            self._traffic_log.denied(run.id, self._scheduler.now, flow, packet.protocol, "")
        if run.policy.count:
            self._add(run, _on_wire(1, octets))
            self._await()

    def clear_alarms(self, policy_id: int | None = None) -> None:
        """`clear alarm traffic`: of one policy, or of all."""
        kept = [alarm for alarm in self.alarms if policy_id not in {None, alarm.policy_id}]
        self.alarms = deque(kept, maxlen=ALARM_CAPACITY)

    def stop(self) -> None:
        """The device powers off."""
        if self._timer is not None:
            self._timer.cancel()

    def history(self, policy_id: int) -> RateHistory:
        """The rates of a policy, those of living sessions included."""
        for session in self._living:
            self._collect(session)
        return self.rates.get(policy_id) or RateHistory()

    def _await(self) -> None:
        if self._timer is None or not self._timer.active:
            second = self._scheduler.now // SECOND
            # Just before the second is over, so that it counts what came in it.
            self._timer = self._scheduler.at((second + 1) * SECOND - 1, self._second_over)

    def _second_over(self) -> None:
        for session in self._living:
            self._collect(session)
        second = self._scheduler.now // SECOND
        for number, history in self.rates.items():
            self._check(self._runs[number], history, second)
        if self._living:
            self._timer = self._scheduler.after(SECOND, self._second_over)

    def _collect(self, session: Session) -> None:
        octets = sum(_on_wire(wing.packets, wing.octets) for wing in (session.forward, session.reverse))
        fresh = octets - self._living[session]
        if fresh > 0 and session.policy is not None:
            self._living[session] = octets
            self._add(session.policy, fresh)

    def _add(self, run: PolicyRun, octets: int) -> None:
        self._runs[run.id] = run
        self.rates.setdefault(run.id, RateHistory()).add(self._scheduler.now // SECOND, octets)

    def _check(self, run: PolicyRun, history: RateHistory, second: int) -> None:
        if run.policy.alarm is None:
            return
        by_second, by_minute = run.policy.alarm
        rate = history.at("second", second)
        if by_second and rate >= by_second:
            self._alarm(run, "second", rate, by_second)
        rate, minute = history.at("minute", second), second // 60
        if by_minute and rate >= by_minute and history.alarmed_minute != minute:
            history.alarmed_minute = minute
            self._alarm(run, "minute", rate, by_minute)

    def _alarm(self, run: PolicyRun, unit: str, rate: int, threshold: int) -> None:
        self.alarms.append(TrafficAlarmEntry(self._scheduler.now, run.id, unit, rate, threshold))
        type_, word = (1, "sec") if unit == "second" else (2, "min")
        self._log(type_, Level.CRITICAL, f"Policy ID={run.id} Rate={rate} bytes/{word} exceeds threshold")


def _release(run: PolicyRun, source: int) -> None:
    held = run.counters.held
    held[source] -= 1
    if not held[source]:
        del held[source]


def _on_wire(packets: int, octets: int) -> int:
    return max(octets + _FRAME * packets, _SHORTEST_FRAME * packets)
