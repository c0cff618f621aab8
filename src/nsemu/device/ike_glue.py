"""The few lines between the IKE engine and its device: datagrams out, events in, one timer (charter §4)."""

from __future__ import annotations

from collections.abc import Callable

from nsemu.device.sa_parameters import sa_parameters
from nsemu.device.tunnels import is_dynamic
from nsemu.flow.nhtb import learn_hop
from nsemu.flow.originate import originate
from nsemu.flow.state import FlowState
from nsemu.ike.engine import IkeEngine
from nsemu.ike.events import (
    DialupTunnelGone,
    Event,
    LifetimeShortened,
    PacketRejected,
    PeerMoved,
    Phase1Completed,
    Phase2Completed,
    Phase2InboundReady,
    SaKeys,
    SaRemoved,
    TunnelAddressLearned,
)
from nsemu.ike.log import IKE_TYPE, log_lines
from nsemu.ike.parameters import ISAKMP_PORT, NAT_PORT, Datagram, Endpoint
from nsemu.ipsec.esp_udp import EspUdpOutbound
from nsemu.ipsec.sa import InboundSa, OutboundSa, SaParameters
from nsemu.ipsec.tunnel import Tunnel
from nsemu.runtime.event_log import Level
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.scheduler import SECOND, Instant, Scheduler, Timer
from nsemu.wire.address import format_ipv4
from nsemu.wire.ipv4 import PROTOCOL_UDP, Ipv4Packet
from nsemu.wire.udp import UdpDatagram

LogEntry = Callable[[int, Level, str], None]
"""Makes an event log entry of (type, level, text)."""


def _nothing() -> None:
    return None


class IkeGlue:
    """Runs the engine of one device."""

    def __init__(self, state: FlowState, engine: IkeEngine, scheduler: Scheduler, log: LogEntry) -> None:
        self._state = state
        self._scheduler = scheduler
        self._log = log
        self.engine = engine
        self._timer: Timer | None = None
        self._pumping = False
        self.phase1_keys: list[tuple[bytes, bytes]] = []
        self.key_rows: list[SaParameters] = []
        self.listeners: list[Callable[[Event], None]] = []
        self.release: Callable[[int], None] = _keep
        """Takes a tunnel back that was made for a dialup client."""
        self.hops_changed: Callable[[], None] = _nothing
        """Called when the table of next hops has another entry."""
        engine.traffic = self._last_packet
        engine.used = self._last_use
        state.udp_handlers[ISAKMP_PORT] = state.udp_handlers[NAT_PORT] = self.receive

    def receive(
        self, payload: bytes, source: tuple[int, int], destination: tuple[int, int], trace: PacketTrace | None
    ) -> None:
        """An IKE datagram came in; its answer is no answer to the trace."""
        del trace
        self.engine.receive_datagram(payload, Endpoint(*source), Endpoint(*destination), self._scheduler.now)
        self.pump()

    def pump(self) -> None:
        """Send what is to be sent, apply what happened, arm the timer."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._pump_once():
                pass
        finally:
            self._pumping = False
        self._arm()

    def stop(self) -> None:
        """Forget the timer (the device restarts)."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _pump_once(self) -> bool:
        worked = False
        while (event := self.engine.next_event()) is not None:
            self._apply(event)
            worked = True
        for datagram in self.engine.datagrams_to_send():
            self._send(datagram)
            worked = True
        return worked

    def _arm(self) -> None:
        deadline = self.engine.next_deadline()
        if self._timer is not None and self._timer.active and self._timer.at == deadline:
            return
        self.stop()
        if deadline is not None:
            self._timer = self._scheduler.at(deadline, self._expired)

    def _expired(self) -> None:
        self.engine.handle_timer(self._scheduler.now)
        self.pump()

    def _send(self, datagram: Datagram) -> None:
        source, destination = datagram.source, datagram.destination
        payload = UdpDatagram(source.port, destination.port, datagram.data).build(source.address, destination.address)
        packet = Ipv4Packet(
            source.address,
            destination.address,
            PROTOCOL_UDP,
            payload,
            tos=datagram.tos,
            identification=self._state.next_identification(),
        )
        owner = self._state.local_addresses.get(source.address)
        if owner is not None:
            originate(self._state, packet, owner.vrouter)

    def _apply(self, event: Event) -> None:
        for line in log_lines(event, self._interface_of(event)):
            self._log(line.type, Level.INFORMATION, line.text)
        if isinstance(event, Phase1Completed):
            self.phase1_keys.append((event.initiator_cookie, event.encryption_key))
            self._learn(event)
        elif isinstance(event, Phase2InboundReady):
            self._install_inbound(event)
        elif isinstance(event, Phase2Completed):
            self._install(event)
        elif isinstance(event, SaRemoved):
            self._remove(event)
        elif isinstance(event, PeerMoved):
            self._follow(event)
        elif isinstance(event, DialupTunnelGone):
            self.release(event.tunnel_id)
        elif isinstance(event, TunnelAddressLearned):
            self._learn_hop(event)
        elif isinstance(event, LifetimeShortened):
            self._shorten(event)
        for listener in self.listeners:
            listener(event)

    def _interface_of(self, event: Event) -> str:
        if not isinstance(event, PacketRejected):
            return ""
        owner = self._state.local_addresses.get(event.destination.address)
        return owner.name if owner is not None else ""

    def _last_packet(self, tunnel_id: int) -> Instant:
        """When the last packet came out of a tunnel, as far as its living SAs know."""
        tunnel = self._state.database.tunnels.get(tunnel_id)
        return max((sa.last_used for sa in tunnel.inbound_sas if sa.packets), default=0) if tunnel is not None else 0

    def _last_use(self, tunnel_id: int) -> Instant:
        """When a packet last went through a tunnel, in either direction."""
        tunnel = self._state.database.tunnels.get(tunnel_id)
        sas: list[InboundSa | OutboundSa] = [*tunnel.inbound_sas, *tunnel.outbound_sas] if tunnel is not None else []
        return max((sa.last_used for sa in sas if sa.packets), default=0)

    def _learn(self, event: Phase1Completed) -> None:
        """The tunnels of a dynamic peer lead to where it is now. Those of dialup clients follow with their SAs."""
        gateway = self._state.config.gateways.get(event.gateway)
        if gateway is not None and is_dynamic(gateway):
            for tunnel in self._state.database:
                if tunnel.settings.gateway == event.gateway:
                    self._move(tunnel, event.peer)

    def _move(self, tunnel: Tunnel, peer: int) -> None:
        if tunnel.settings.peer != peer:
            self._state.database.move_tunnel(tunnel, peer)
            self._state.paths[tunnel.identifier].generation = -1

    def _learn_hop(self, event: TunnelAddressLearned) -> None:
        """Enter the peer's tunnel interface in the binding table, and have the routes through it looked at again."""
        path = self._state.paths.get(event.tunnel_id)
        if path is None or path.bound is None:
            return
        before = self._state.learned_hops
        holder = learn_hop(self._state, path, event.address)
        if holder not in (0, path.identifier):
            other = self._state.paths[holder].vpn
            text = f"Tunnel interface address {format_ipv4(event.address)} of vpn {path.vpn} is that of vpn {other}"
            self._log(IKE_TYPE, Level.INFORMATION, f"IKE {format_ipv4(event.peer)}: {text} already.")
        elif self._state.learned_hops != before:
            self.hops_changed()

    def _follow(self, event: PeerMoved) -> None:
        gateway = self._state.config.gateways.get(event.gateway)
        found = (self._state.database.tunnels.get(identifier) for identifier in event.tunnels)
        for tunnel in [item for item in found if item is not None]:
            if gateway is not None and gateway.address is None:
                self._move(tunnel, event.peer)
            tunnel.port = event.remote.port
            for sa in tunnel.outbound_sas:
                if isinstance(sa, EspUdpOutbound):
                    sa.move(*event.remote)

    def _install(self, event: Phase2Completed) -> None:
        self._install_inbound(event)
        tunnel = self._state.database.tunnels.get(event.tunnel_id)
        if tunnel is None:
            return
        stood = tunnel.outbound is not None
        outbound = self._parameters(event, event.outbound, tunnel)
        tunnel.port = event.remote.port
        if self._state.paths[event.tunnel_id].inner is not None:
            self._move(tunnel, event.remote.address)
        self._state.database.install_outbound(tunnel, outbound, self._scheduler.now, current=event.current)
        self._switch(tunnel, stood)

    def _switch(self, tunnel: Tunnel, stood: bool) -> None:
        """A tunnel came or went. Where others can stand in for it, sessions choose again (B347, B360)."""
        others = self._state.redundant.get(tunnel.identifier, ())
        if stood is not (tunnel.outbound is not None) and any(path.tunnel.outbound is not None for path in others):
            self._state.generation += 1

    def _install_inbound(self, event: Phase2InboundReady | Phase2Completed) -> None:
        """Make the inbound SA, unless it came early: a responder has it before the initiator's last message."""
        tunnel = self._state.database.tunnels.get(event.tunnel_id)
        if tunnel is None or any(sa.spi == event.inbound.spi for sa in tunnel.inbound_sas):
            return
        inbound = self._parameters(event, event.inbound, tunnel)
        self._state.database.install_inbound(tunnel, inbound, self._scheduler.now)
        self.key_rows.append(inbound)

    def _parameters(self, event: Phase2InboundReady | Phase2Completed, keys: SaKeys, tunnel: Tunnel) -> SaParameters:
        gateway = self._state.config.gateways.get(event.gateway)
        checksum = gateway is None or gateway.nat_traversal.udp_checksum
        replay = self._state.paths[event.tunnel_id].replay
        marks = tunnel.settings.df, tunnel.settings.dscp
        return sa_parameters(event, keys, marks, replay=replay, udp_checksum=checksum)

    def _remove(self, event: SaRemoved) -> None:
        tunnel = self._state.database.tunnels.get(event.tunnel_id)
        if tunnel is None:
            return
        stood = tunnel.outbound is not None
        for inbound in [sa for sa in tunnel.inbound_sas if sa.spi == event.inbound_spi]:
            self._state.database.remove(inbound)
        for outbound in [sa for sa in tunnel.outbound_sas if sa.spi == event.outbound_spi]:
            self._state.database.remove(outbound)
        self._switch(tunnel, stood)

    def _shorten(self, event: LifetimeShortened) -> None:
        tunnel = self._state.database.tunnels.get(event.tunnel_id)
        for sa in [*tunnel.inbound_sas, *tunnel.outbound_sas] if tunnel is not None else []:
            if event.lifetime:
                sa.expires_at = sa.installed_at + event.lifetime * SECOND


def _keep(_identifier: int) -> None:
    return None
