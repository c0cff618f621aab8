"""The device's syslog: events and traffic go to servers, framed as ScreenOS does (RFC 3164; screenos-cli §3.1).

Messages leave a moment after what they tell of, so that what sending them causes cannot come before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nsemu.config.device import DeviceConfig
from nsemu.config.policy import Policy, PolicyAction
from nsemu.config.syslog import SyslogServer, SyslogSettings, syslog_settings
from nsemu.device.clock import DeviceClock
from nsemu.device.names import addresses_of
from nsemu.device.own_traffic import send_own
from nsemu.device.traffic_log import TrafficEntry
from nsemu.flow.originate import egress_towards
from nsemu.flow.state import FlowState
from nsemu.runtime.event_log import EventEntry, Level
from nsemu.runtime.interface import RunInterface
from nsemu.sim.scheduler import SECOND
from nsemu.wire.address import format_ipv4
from nsemu.wire.ipv4 import PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP, Ipv4Packet
from nsemu.wire.syslog import FACILITIES, PORT, SyslogMessage
from nsemu.wire.udp import UdpDatagram

MOST_WAITING: Final = 1024
_MANAGEMENT_VROUTER: Final = "trust-vr"
_LEVELS: Final = {
    Level.EMERGENCY: (0, "emergency"),
    Level.ALERT: (1, "alert"),
    Level.CRITICAL: (2, "critical"),
    Level.ERROR: (3, "error"),
    Level.WARNING: (4, "warning"),
    Level.NOTIFICATION: (5, "notification"),
    Level.INFORMATION: (6, "information"),
    Level.DEBUG: (7, "debugging"),
}
_NOTIFICATION: Final = 5
_SECURITY_TYPES: Final = frozenset({*range(4, 13), 16, 17, 26, 32, 33, 42, *range(412, 416), *range(430, 443)})
"""Events that are attacks (screenos-cli §3.3, §3.4): they go to the security facility."""

_FACILITY_WORDS: Final = {"AUTH/SEC": "auth"}
_TRANSPORTS: Final = {PROTOCOL_TCP: "tcp", PROTOCOL_UDP: "udp"}


class Syslog:
    """The messages of one device. `lookup` gives the addresses of a domain name."""

    def __init__(self, state: FlowState, clock: DeviceClock, lookup: Callable[[str], tuple[int, ...]]) -> None:
        self._flow = state
        self._clock = clock
        self._lookup = lookup
        self._settings = SyslogSettings()
        self._waiting: list[tuple[SyslogServer, SyslogMessage]] = []
        self.sent = 0
        self.lost = 0

    def configure(self, config: DeviceConfig) -> None:
        """Follow the configuration."""
        self._settings = syslog_settings(config)

    def event(self, entry: EventEntry) -> None:
        """An event was logged."""
        severity, word = _LEVELS[entry.level]
        at = self._clock.date(entry.at, self._flow.config.system.zone)
        text = f"{self._head()}{entry.module}-{word}-{entry.type:05d}: {entry.text} ({at:%Y-%m-%d %H:%M:%S})"
        for server in self._settings.servers:
            if server.events:
                facility = server.security if entry.type in _SECURITY_TYPES else server.regular
                self._queue(server, facility, severity, text)

    def traffic(self, entry: TrafficEntry) -> None:
        """A flow was logged."""
        servers = [server for server in self._settings.servers if server.traffic]
        if servers:
            text = f"{self._head()}system-notification-00257(traffic): {self._described(entry)}"
            for server in servers:
                self._queue(server, server.regular, _NOTIFICATION, text)

    def _head(self) -> str:
        name = self._flow.config.system.hostname
        return f"{name}: NetScreen device_id={name}  [Root]"

    def _described(self, entry: TrafficEntry) -> str:
        """The flow as `key=value` pairs (screenos-cli §3.1)."""
        policy = self._flow.config.policies.get(entry.policy_id)
        start = self._clock.date(entry.started, self._flow.config.system.zone)
        source, destination, source_port, destination_port = entry.flow
        parts = [
            f'start_time="{start:%Y-%m-%d %H:%M:%S}" duration={entry.duration // SECOND} policy_id={entry.policy_id}',
            f"service={_service(entry)} proto={entry.protocol} {_zones(policy)} action={_action(entry, policy)}",
            f"sent={entry.sent} rcvd={entry.received} src={format_ipv4(source)} dst={format_ipv4(destination)}",
        ]
        ported = entry.protocol in _TRANSPORTS
        if entry.protocol == PROTOCOL_ICMP:
            parts.append("icmp type=8")
        elif ported:
            parts.append(f"src_port={source_port} dst_port={destination_port}")
        if entry.session_id:
            parts.append(_translated(entry, ported))
            parts.append(f"session_id={entry.session_id} reason={entry.reason}")
        return " ".join(parts)

    # -- sending -----------------------------------------------------------------------------------------------

    def _queue(self, server: SyslogServer, facility: str, severity: int, text: str) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self.lost += 1
            return
        number = FACILITIES[_FACILITY_WORDS.get(facility, facility)]
        if not self._waiting:
            self._flow.scheduler.after(0, self._send_all)
        self._waiting.append((server, SyslogMessage(number, severity, text)))

    def _send_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for server, message in waiting:
            if self._send(server, message.build()):
                self.sent += 1
            else:
                self.lost += 1

    def _send(self, server: SyslogServer, message: bytes) -> bool:
        destination = next(iter(addresses_of(server.address, self._lookup)), 0)
        source = self._source(destination) if destination else None
        if source is None:
            return False
        payload = UdpDatagram(PORT, server.port, message).build(source.address, destination)
        identification = self._flow.next_identification()
        packet = Ipv4Packet(source.address, destination, PROTOCOL_UDP, payload, identification=identification)
        return send_own(self._flow, packet, source, policy_based=self._settings.vpn)

    def _source(self, destination: int) -> RunInterface | None:
        """The interface in whose name a message goes."""
        chosen = self._flow.interfaces.get(self._settings.source)
        if chosen is not None:
            return chosen if chosen.address else None
        egress = egress_towards(self._flow, _MANAGEMENT_VROUTER, destination)
        return egress if egress is not None and egress.address else None


def _service(entry: TrafficEntry) -> str:
    if entry.service:
        return entry.service.lower()
    transport = _TRANSPORTS.get(entry.protocol)
    if transport is None:
        return "icmp" if entry.protocol == PROTOCOL_ICMP else f"proto:{entry.protocol}/port:{entry.flow[3]}"
    return f"{transport}/port:{entry.flow[3]}"


def _zones(policy: Policy | None) -> str:
    if policy is None:
        return "src zone=Null dst zone=self"
    return f"src zone={policy.from_zone} dst zone={policy.to_zone}"


def _action(entry: TrafficEntry, policy: Policy | None) -> str:
    if not entry.session_id:
        return "Deny"
    return "Tunnel" if policy is not None and policy.action is PolicyAction.TUNNEL else "Permit"


def _translated(entry: TrafficEntry, ported: bool) -> str:
    source, destination, source_port, destination_port = entry.translated
    ports = (f" port={source_port}", f" port={destination_port}") if ported else ("", "")
    return f"src-xlated ip={format_ipv4(source)}{ports[0]} dst-xlated ip={format_ipv4(destination)}{ports[1]}"
