"""The event log and the traffic log with calendar dates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nsemu.device.device import Device
from nsemu.device.traffic_log import TrafficEntry
from nsemu.device.views.system import local_date
from nsemu.flow.session import FlowTuple
from nsemu.policy.decision import Traffic
from nsemu.sim.scheduler import SECOND

_PORTED = frozenset((6, 17))


@dataclass(frozen=True, slots=True)
class EventView:
    """One event. `level` is the word of `get event`."""

    date: datetime
    module: str
    level: str
    type: int
    text: str


@dataclass(frozen=True, slots=True)
class TrafficView:
    """One logged flow. `duration` in seconds; flows are (source, destination, source port, destination port).

    `service` is "" when none is known; a denied flow has zeros for its translation.
    """

    policy_id: int
    date: datetime
    duration: int
    flow: FlowTuple
    translated: FlowTuple
    protocol: int
    service: str
    reason: str
    session_id: int


def event_views(device: Device) -> tuple[EventView, ...]:
    """The event log, newest first."""
    return tuple(
        EventView(local_date(device, entry.at), entry.module, entry.level.value, entry.type, entry.text)
        for entry in device.event_log.newest_first()
    )


@dataclass(frozen=True, slots=True)
class AlarmView:
    """One alarm of a policy's traffic: `rate` octets in a `unit`, at or above `threshold`."""

    date: datetime
    policy_id: int
    unit: str
    rate: int
    threshold: int


def alarm_views(device: Device) -> tuple[AlarmView, ...]:
    """The alarms of traffic, newest first."""
    return tuple(
        AlarmView(local_date(device, entry.at), entry.policy_id, entry.unit, entry.rate, entry.threshold)
        for entry in reversed(device.records.alarms)
    )


def traffic_views(device: Device) -> tuple[TrafficView, ...]:
    """The traffic log, newest first."""
    return tuple(_traffic(device, entry) for entry in reversed(device.traffic_log.entries))


def self_views(device: Device) -> tuple[TrafficView, ...]:
    """What came for the device itself and nothing wanted, newest first."""
    return tuple(_traffic(device, entry) for entry in reversed(device.self_log.entries))


def _traffic(device: Device, entry: TrafficEntry) -> TrafficView:
    return TrafficView(
        entry.policy_id,
        local_date(device, entry.started),
        entry.duration // SECOND,
        entry.flow,
        entry.translated,
        entry.protocol,
        entry.service or _service(device, entry),
        entry.reason,
        entry.session_id,
    )


def _service(device: Device, entry: TrafficEntry) -> str:
    """The service that names a refused flow, which never had a session."""
    if entry.protocol not in _PORTED:
        return ""
    source, destination, source_port, destination_port = entry.flow
    traffic = Traffic(source, destination, entry.protocol, source_port, destination_port)
    service = device.state.services.identify(traffic)
    return service.name if service is not None else ""
