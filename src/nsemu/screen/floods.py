"""Checks that count: floods, scans, sweeps, and how many connection requests a second a zone may make."""

from __future__ import annotations

from typing import Final

from nsemu.config.screen import ScreenOptions, Threshold
from nsemu.screen.attack import Attack
from nsemu.screen.facts import ScreenedPacket
from nsemu.screen.rates import DistinctTargets, FloodGate, Rate
from nsemu.sim.scheduler import MICROSECOND, Instant

SCAN_TARGETS: Final = 10
"""Ports or addresses that make a scan."""


class IcmpFlood:
    """More ICMP packets a second to one address than allowed; they are refused through the next second."""

    __slots__ = ("_gate", "_threshold")

    def __init__(self, options: ScreenOptions) -> None:
        self._threshold = options.value(Threshold.ICMP_FLOOD)
        self._gate = FloodGate()

    def __call__(self, packet: ScreenedPacket, now: Instant) -> Attack | None:
        """One ICMP packet."""
        return Attack.ICMP_FLOOD if self._gate.exceeds(packet.destination, self._threshold, now) else None


class UdpFlood:
    """The same for UDP; some destinations have a threshold of their own."""

    __slots__ = ("_gate", "_hosts", "_threshold")

    def __init__(self, options: ScreenOptions) -> None:
        self._threshold = options.value(Threshold.UDP_FLOOD)
        self._hosts = dict(options.udp_flood_hosts)
        self._gate = FloodGate()

    def __call__(self, packet: ScreenedPacket, now: Instant) -> Attack | None:
        """One datagram."""
        destination = packet.destination
        threshold = self._hosts.get(destination, self._threshold)
        return Attack.UDP_FLOOD if self._gate.exceeds(destination, threshold, now) else None


class Sweep:
    """One source, packets to ten addresses within the interval: ICMP, SYN or UDP, as `attack` says."""

    __slots__ = ("_attack", "_targets")

    def __init__(self, options: ScreenOptions, threshold: Threshold, attack: Attack) -> None:
        self._attack = attack
        self._targets = DistinctTargets(options.value(threshold) * MICROSECOND, SCAN_TARGETS)

    def __call__(self, packet: ScreenedPacket, now: Instant) -> Attack | None:
        """One packet."""
        return self._attack if self._targets.reached(packet.source, packet.destination, now) else None


class PortScan:
    """One source, SYN to ten ports of one address within the interval."""

    __slots__ = ("_targets",)

    def __init__(self, options: ScreenOptions) -> None:
        self._targets = DistinctTargets(options.value(Threshold.PORT_SCAN) * MICROSECOND, SCAN_TARGETS)

    def __call__(self, packet: ScreenedPacket, now: Instant) -> Attack | None:
        """One SYN."""
        key = packet.source << 32 | packet.destination
        return Attack.PORT_SCAN if self._targets.reached(key, packet.destination_port, now) else None


class SynFlood:
    """Connection requests a second: by source, by destination, and by destination and port.

    Beyond the first two thresholds a request is refused; beyond the third the device answers it in the place of the
    server, and gives the alarm once more than the alarm threshold are answered so within the second.
    """

    __slots__ = ("_alarm", "_attack", "_by_destination", "_by_service", "_by_source", "_destination", "_source")

    def __init__(self, options: ScreenOptions) -> None:
        self._source = options.value(Threshold.SYN_SOURCE)
        self._destination = options.value(Threshold.SYN_DESTINATION)
        self._attack = options.value(Threshold.SYN_ATTACK)
        self._alarm = self._attack + options.value(Threshold.SYN_ALARM)
        self._by_source = Rate()
        self._by_destination = Rate()
        self._by_service = Rate()

    def __call__(self, packet: ScreenedPacket, now: Instant) -> Attack | None:
        """One SYN."""
        destination = packet.destination
        requests = self._by_service.count(destination << 16 | packet.destination_port, now)
        from_source = self._by_source.count(packet.source, now)
        to_destination = self._by_destination.count(destination, now)
        if from_source > self._source or to_destination > self._destination:
            return Attack.SYN_FLOOD
        if requests <= self._attack:
            return None
        return Attack.SYN_PROXIED_ALARM if requests > self._alarm else Attack.SYN_PROXIED
