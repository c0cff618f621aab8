"""Event log entries about attacks: counted for a second, then one entry each (screenos-cli §3.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nsemu.runtime.event_log import Level
from nsemu.screen.attack import Attack
from nsemu.screen.facts import ICMP, TCP, UDP, ScreenedPacket
from nsemu.wire.address import format_ipv4

_DISTINCT: Final = 64
"""Entries of one second; what differs beyond them is counted with the last one of its attack."""

_PROTOCOLS: Final = {TCP: "TCP", UDP: "UDP"}


@dataclass(frozen=True, slots=True)
class Alarm:
    """An entry for the event log."""

    type: int
    level: Level
    text: str


@dataclass(slots=True)
class _Pending:
    title: str
    count: int


_Key = tuple[Attack, str, str, int, int]


class AlarmLog:
    """Gathers attacks until `take`. `comma` chooses between the wordings of ScreenOS 5 and 6 before the interface."""

    __slots__ = ("_last", "_pending", "comma")

    def __init__(self) -> None:
        self.comma = True
        self._pending: dict[_Key, _Pending] = {}
        self._last: dict[Attack, _Key] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def record(self, attack: Attack, packet: ScreenedPacket, zone: str, interface: str) -> bool:
        """Count a packet; whether it is the first since `take`, which is then due in a second."""
        first = not self._pending
        source = 0 if attack.info.per_target else packet.source
        key = (attack, zone, interface, source, 0 if attack.info.per_zone else packet.destination)
        if key not in self._pending and len(self._pending) >= _DISTINCT:
            key = self._last.get(attack, key)
        pending = self._pending.get(key)
        if pending is None:
            pending = self._pending[key] = _Pending(self._describe(attack, packet, zone, interface), 0)
            self._last[attack] = key
        pending.count += 1
        return first

    def take(self) -> list[Alarm]:
        """The entries of the second that is over."""
        alarms = [
            Alarm(key[0].info.event, key[0].info.level, f"{pending.title} Occurred {pending.count} times.")
            for key, pending in self._pending.items()
        ]
        self._pending.clear()
        self._last.clear()
        return alarms

    def _describe(self, attack: Attack, packet: ScreenedPacket, zone: str, interface: str) -> str:
        source, destination = format_ipv4(packet.source), format_ipv4(packet.destination)
        if attack.info.ports:
            # The "ports" of ICMP echo are identifier and sequence; no log shows them.
            ports = (0, 0) if packet.protocol == ICMP else (packet.source_port, packet.destination_port)
            source, destination = f"{source}:{ports[0]}", f"{destination}:{ports[1]}"
        if attack.info.per_zone:
            sweep = f"{attack.info.title} From {format_ipv4(packet.source)} to zone {zone}"
            return f"{sweep}, proto {_PROTOCOLS[packet.protocol]} (int {interface})."
        protocol = _PROTOCOLS.get(packet.protocol, str(packet.protocol))
        where = f"(zone {zone}, int {interface})" if self.comma else f"(zone {zone} int  {interface})"
        return f"{attack.info.title} From {source} to {destination}, proto {protocol} {where}."
