"""VPN monitoring: echo requests through tunnels, and what follows from their answers (Vol. 5, "VPN Monitoring").

With `rekey` the requests begin at once and trigger IKE; when a tunnel goes down its SAs are ended and negotiated anew.
Without it they accompany a tunnel that traffic has brought up (B320, B321). Decides nothing about routes: `changed` is
called when a state came or went, and `usable` tells what it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from nsemu.config.device import DeviceConfig
from nsemu.config.policy import PolicyAction
from nsemu.config.vpn import VpnMonitor
from nsemu.device.tunnels import TunnelPlan
from nsemu.flow.originate import originate
from nsemu.flow.packet import Packet
from nsemu.flow.state import FlowState
from nsemu.flow.tunnels import TunnelPath
from nsemu.ike.events import Event, Phase2Completed, SaRemoved
from nsemu.policy.decision import Traffic
from nsemu.runtime.event_log import Level
from nsemu.sim.scheduler import SECOND, Duration, Instant, Timer
from nsemu.wire import icmp
from nsemu.wire.address import format_ipv4
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import PROTOCOL_ICMP, Ipv4Packet

_DATA: Final = bytes(range(56))
_UP, _DOWN, _DEACTIVATED = 40, 41, 536
_REMEMBERED: Final = 30
"""Results that availability and average latency are taken from (B328)."""

Log = Callable[[int, Level, str], None]


@dataclass(slots=True)
class Watched:
    """One monitored tunnel. `up` is None before the first verdict; `results` are round trips, None for a miss.

    `missed` counts requests in a row without answer, while nothing else came out of the tunnel either.
    """

    identifier: int
    settings: VpnMonitor
    echo: int
    up: bool | None = None
    sequence: int = 0
    asked_at: Instant = 0
    waiting: bool = False
    missed: int = 0
    received: int = 0
    sent: int = 0
    results: deque[Duration | None] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    timer: Timer | None = None

    @property
    def latency(self) -> Duration | None:
        """The round trip of the newest answered request."""
        return next((result for result in reversed(self.results) if result is not None), None)

    @property
    def average(self) -> Duration | None:
        """The mean round trip of the last 30 requests."""
        answered = [result for result in self.results if result is not None]
        return sum(answered) // len(answered) if answered else None

    @property
    def availability(self) -> int:
        """The share of the last 30 requests that was answered, in percent."""
        answered = sum(result is not None for result in self.results)
        return answered * 100 // len(self.results) if self.results else 0


class VpnMonitors:
    """The monitored tunnels of a device, by tunnel ID. `end` takes the SAs of a tunnel out and tells the peer."""

    def __init__(self, state: FlowState, log: Log, changed: Callable[[], None], end: Callable[[int], None]) -> None:
        self._state = state
        self._log = log
        self._changed = changed
        self._end = end
        self.watched: dict[int, Watched] = {}
        state.echo_handlers.append(self._take)

    def configure(self, config: DeviceConfig, plans: Mapping[int, TunnelPlan]) -> None:
        """Follow the configuration: watch what is new, leave what stayed. One VPN may be in several tunnels (B318)."""
        wanted = {}
        for identifier, plan in plans.items():
            vpn = config.vpns.get(plan.vpn)
            if vpn is not None and vpn.monitor is not None:
                wanted[identifier] = vpn.monitor
        for identifier in [one for one, held in self.watched.items() if wanted.get(one) != held.settings]:
            _rest(self.watched.pop(identifier))
        for identifier, settings in wanted.items():
            if identifier not in self.watched:
                held = Watched(identifier, settings, self._state.next_identification())
                self.watched[identifier] = held
                self._resume(held)

    def stop(self) -> None:
        """Watch no more (the device restarts)."""
        for held in self.watched.values():
            _rest(held)
        self.watched = {}

    def heard(self, event: Event) -> None:
        """SAs came or went. Listens to the engine's events."""
        if isinstance(event, (Phase2Completed, SaRemoved)):
            held = self.watched.get(event.tunnel_id)
            if held is not None and isinstance(event, Phase2Completed):
                if held.up is not True:
                    _rest(held)
                self._resume(held)
            elif held is not None and not self._active(held):
                self._without_sa(held)

    def usable(self, identifier: int) -> bool:
        """Whether the monitor, if any, takes the tunnel for usable.

        Without `rekey` one that has no verdict is: only traffic can bring it up. With it, one must have answered.
        """
        held = self.watched.get(identifier)
        return held is None or (held.up is True if held.settings.rekey else held.up is not False)

    def _active(self, held: Watched) -> bool:
        path = self._state.paths.get(held.identifier)
        return path is not None and path.tunnel.active

    def _resume(self, held: Watched) -> None:
        """Begin, unless it is going on: at once, before anything else happens to the tunnel."""
        if held.timer is None and (held.settings.rekey or self._active(held)):
            held.timer = self._state.scheduler.after(0, self._tick, held)

    def _without_sa(self, held: Watched) -> None:
        """The SAs are gone: with `rekey` the requests go on, else there is nothing to watch until traffic returns."""
        held.waiting = False
        held.missed = 0
        if not held.settings.rekey:
            _rest(held)
            self._decide(held, None)

    def _tick(self, held: Watched) -> None:
        """The interval is over: judge the last request, send the next."""
        held.timer = None
        path = self._state.paths.get(held.identifier)
        if path is None or self.watched.get(held.identifier) is not held:
            return
        arrived = path.tunnel.inbound_statistics.packets
        others = arrived - held.received
        held.received = arrived
        if held.waiting:
            self._missed(held, others > 0)
        if path.tunnel.active:
            self._ask(held, path, others > 0)
        elif held.settings.rekey:
            self._state.upcalls.acquire(path)
        else:
            return
        interval = self._state.config.ike.monitor_interval * SECOND
        if held.timer is None:
            held.timer = self._state.scheduler.after(interval, self._tick, held)

    def _missed(self, held: Watched, traffic: bool) -> None:
        """No answer. Other traffic out of the tunnel shows that it works, and with `optimized` is as good as one."""
        held.waiting = False
        if traffic and held.settings.optimized:
            self._answered(held, None)
            return
        held.results.append(None)
        held.missed = 0 if traffic else held.missed + 1
        if held.missed >= self._state.config.ike.monitor_threshold and held.up is not False:
            self._decide(held, False)

    def _ask(self, held: Watched, path: TunnelPath, traffic: bool) -> None:
        outbound = path.tunnel.outbound
        interval = self._state.config.ike.monitor_interval * SECOND
        recent = outbound is not None and outbound.last_used > max(held.asked_at, self._state.scheduler.now - interval)
        if held.settings.optimized and traffic and recent:
            self._answered(held, None)
            return  # B322: traffic both ways needs no requests
        source, destination = self._ends(held, path)
        held.sequence = (held.sequence + 1) & 0xFFFF
        held.sent += 1
        held.waiting = True
        held.asked_at = self._state.scheduler.now
        if not source or not destination or not self._allowed(held, path, source, destination):
            return
        request = icmp.echo_request(held.echo, held.sequence, _DATA).build()
        number = self._state.next_identification()
        packet = Ipv4Packet(source, destination, PROTOCOL_ICMP, request, identification=number)
        originate(self._state, packet, path.outgoing.vrouter, through=path)

    def _ends(self, held: Watched, path: TunnelPath) -> tuple[int, int]:
        """By default the outgoing interface and the remote gateway (B324)."""
        named = self._state.interfaces.get(held.settings.source_interface or "")
        source = named.address if named is not None else path.outgoing.address
        return source, held.settings.destination or path.tunnel.settings.peer

    def _allowed(self, held: Watched, path: TunnelPath, source: int, destination: int) -> bool:
        """Whether a policy lets the requests of an interface of the admin's choice into the tunnel (B326)."""
        named = self._state.interfaces.get(held.settings.source_interface or "")
        if named is None:
            return True
        towards = path.bound.zone if path.bound is not None else path.outgoing.zone
        traffic = Traffic(source, destination, PROTOCOL_ICMP, icmp.ECHO_REQUEST, 0)
        verdict = self._state.policies.lookup(named.zone, towards, traffic).verdict
        return verdict in {PolicyAction.PERMIT, PolicyAction.TUNNEL}

    def _take(self, packet: Packet) -> bool:
        """An ICMP message for the device: whether it answers one of ours, out of the tunnel it went into."""
        if packet.tunnel is None or packet.tunnel.identifier not in self.watched:
            return False
        try:
            message = icmp.IcmpMessage.parse(packet.data[packet.header_length :])
        except MalformedPacket:
            return False
        held = self.watched[packet.tunnel.identifier]
        if message.type != icmp.ECHO_REPLY or message.identifier != held.echo:
            return False
        if held.waiting and message.sequence == held.sequence:
            held.received += 1
            held.waiting = False
            self._answered(held, self._state.scheduler.now - held.asked_at)
        return True

    def _answered(self, held: Watched, round_trip: Duration | None) -> None:
        held.missed = 0
        if round_trip is not None:
            held.results.append(round_trip)
        if held.up is not True:
            self._decide(held, True)

    def _decide(self, held: Watched, up: bool | None) -> None:
        """A verdict: log it, let routes follow; with `rekey` a tunnel that went down begins again (B320)."""
        before, held.up = held.up, up
        path = self._state.paths.get(held.identifier)
        if path is None or before is up:
            return
        name, peer = path.vpn, format_ipv4(path.tunnel.settings.peer)
        if up is not None:
            word = "up" if up else "down"
            self._log(_UP if up else _DOWN, Level.CRITICAL, f"VPN '{name}' from {peer} is {word}.")
        if up is False and held.settings.rekey:
            text = f"VPN monitoring for VPN {name} has deactivated the SA with ID 0x{held.identifier:08x}."
            self._log(_DEACTIVATED, Level.INFORMATION, text)
            held.missed = 0
            self._end(held.identifier)
        self._changed()


def _rest(held: Watched) -> None:
    if held.timer is not None:
        held.timer.cancel()
        held.timer = None
