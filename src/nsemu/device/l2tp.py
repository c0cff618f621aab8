"""The device as LNS: between its L2TP engine, a PPP session for each call, its users and the packet path (chapter 6).

What comes out of a call goes on as if it had come out of a tunnel of a dialup client; what is for the client's address
goes back the same way. Without policy that names it, an L2TP tunnel takes nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nsemu.config.algorithms import Encryption, Integrity, IpsecProtocol
from nsemu.config.device import DeviceConfig
from nsemu.config.l2tp import L2tpSettings, L2tpTunnel, l2tp_settings
from nsemu.config.policy import PolicyAction
from nsemu.config.users import LOCAL, User, UserType
from nsemu.flow.originate import originate
from nsemu.flow.packet import Packet
from nsemu.flow.pipeline import process
from nsemu.flow.state import FlowState
from nsemu.flow.steps import L2tpOpen, L2tpSeal
from nsemu.flow.tunnels import TunnelPath
from nsemu.ipsec.tunnel import Tunnel, TunnelSettings
from nsemu.l2tp.engine import L2tpEngine, Request
from nsemu.l2tp.parameters import (
    CallDown,
    CallKey,
    CallUp,
    Datagram,
    Ending,
    EngineSettings,
    Event,
    Frame,
    Path,
    Profile,
    TunnelDown,
    TunnelUp,
)
from nsemu.ppp.parameters import Assigned, Authority, Down, Received, Refused, Scheme, Up
from nsemu.ppp.session import PppSession
from nsemu.runtime.event_log import Level
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import Instant, Timer
from nsemu.wire.address import Prefix, format_ipv4
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import PROTOCOL_UDP, Ipv4Packet
from nsemu.wire.udp import UdpDatagram

LOG_TYPE = 43
_FIRST_CALL = 0x40000000
_SCHEMES = {
    "any": (Scheme.CHAP, Scheme.PAP),
    "chap": (Scheme.CHAP,),
    "secure": (Scheme.CHAP,),
    "pap": (Scheme.PAP,),
}


@dataclass(slots=True)
class Client:
    """One call: whose it is, and how packets reach it once PPP is up (`path` is None before)."""

    key: CallKey
    remote: Path
    tunnel: str
    ppp: PppSession
    since: Instant
    path: TunnelPath | None = None
    address: int = 0
    trace: PacketTrace | None = None


class Lns:
    """All L2TP of one device. `calls_changed` is told when a client has come or gone."""

    def __init__(self, state: FlowState, stream: Stream, log: Callable[[int, Level, str], None]) -> None:
        self._state = state
        self._stream = stream
        self._log = log
        self.engine = L2tpEngine(stream, EngineSettings(state.name), self._authorize)
        self.clients: dict[CallKey, Client] = {}
        self.calls_changed: Callable[[], None] = lambda: None
        self._settings = L2tpSettings({}, l2tp_settings(state.config).users)
        self._last_given: dict[str, int] = {}
        self._next_call = _FIRST_CALL
        self._timer: Timer | None = None
        state.l2tp_handler = self._receive

    # -- configuration ------------------------------------------------------------------------------------------

    def configure(self) -> None:
        """Follow the configuration: tunnels that are gone or changed lose their calls."""
        before, config = self._settings, self._state.config
        self._settings = l2tp_settings(config)
        self.engine.settings = EngineSettings(config.system.hostname)
        for number, tunnel in list(self.engine.tunnels.items()):
            name = tunnel.profile.name
            if before.tunnels.get(name) != self._settings.tunnels.get(name) or not self._carriers(name):
                self.engine.close(number, self._now)
        for client in list(self.clients.values()):
            if client.ppp.name and not self._may(self._settings.tunnels.get(client.tunnel), client.ppp.name):
                self.engine.hang_up(client.key, self._now)
        self._pump()

    def stop(self) -> None:
        """Forget the timer (the device restarts)."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def clear(self, name: str | None = None) -> int:
        """End the calls of a tunnel, or of all; how many there were."""
        doomed = [client for client in self.clients.values() if name in (None, client.tunnel)]
        for client in doomed:
            client.ppp.close(self._now, Ending.ADMIN.value)
        self._pump()
        for number, tunnel in list(self.engine.tunnels.items()):
            if name in (None, tunnel.profile.name):
                self.engine.close(number, self._now)
        self._pump()
        return len(doomed)

    def host_of(self, client: Client) -> str:
        """The host name of the LAC."""
        tunnel = self.engine.tunnels.get(client.key.tunnel)
        return tunnel.host if tunnel is not None else ""

    @property
    def _now(self) -> Instant:
        return self._state.scheduler.now

    def _carriers(self, name: str) -> set[str | None]:
        """The VPNs in which policies want an L2TP tunnel, None for one in clear (B282, B284)."""
        policies = self._state.config.policies.values()
        return {item.vpn for item in policies if item.action is PolicyAction.TUNNEL and item.l2tp == name}

    def _authorize(self, request: Request) -> Profile | None:
        """The tunnel that a LAC means: by our address, its address, its host name, the VPN it came through."""
        path = self._state.paths.get(request.path.through)
        vpn = path.vpn if path is not None else None
        fitting = [item for item in self._settings.tunnels.values() if self._fits(item, request, vpn)]
        fitting.sort(key=lambda item: (not item.host, not item.peer))
        if not fitting:
            where = format_ipv4(request.path.remote)
            self._note(f"L2TP request of {request.host or 'a host'} at {where} refused: no tunnel is for it")
            return None
        return Profile(fitting[0].name, fitting[0].secret, fitting[0].keepalive)

    def _fits(self, tunnel: L2tpTunnel, request: Request, vpn: str | None) -> bool:
        interface = self._state.interfaces.get(tunnel.interface)
        return (
            interface is not None
            and interface.address == request.path.local
            and tunnel.peer in (0, request.path.remote)
            and tunnel.host in ("", request.host)
            and vpn in self._carriers(tunnel.name)
        )

    # -- users --------------------------------------------------------------------------------------------------

    def _secret_of(self, name: str, user: str) -> str | None:
        """A user's password, None when it may not use the tunnel. Other servers than Local are not emulated."""
        tunnel = self._settings.tunnels.get(name)
        found = self._may(tunnel, user)
        return found.password if found is not None else None

    def _may(self, tunnel: L2tpTunnel | None, name: str) -> User | None:
        config = self._state.config
        user = config.users.get(name)
        if tunnel is None or tunnel.server != LOCAL or user is None or not user.password or not user.enabled:
            return None
        group = config.user_groups.get(tunnel.group)
        member = not tunnel.group or (group is not None and name in group.members)
        return user if UserType.L2TP in user.types and tunnel.user in ("", name) and member else None

    def _admit(self, key: CallKey, tunnel: L2tpTunnel, name: str) -> Assigned | None:
        """What a user is told: its own settings, then those of the tunnel, then the defaults (B280, B296)."""
        user = self._may(tunnel, name)
        if user is None:
            return None
        own, choices = user.remote, (tunnel.users, self._settings.users)
        address = own.ip
        if address is None:
            pool = own.pool or next((item.pool for item in choices if item.pool), "")
            address = self._next_address(pool)
        elif any(client.address == address and client.key != key for client in self.clients.values()):
            address = None
        if address is None:
            return None
        self.clients[key].address = address
        sources = (own, *choices)
        dns = _servers(sources, "dns1", "dns2")
        return Assigned(address, dns, _servers(sources, "wins1", "wins2"))

    def _next_address(self, name: str) -> int | None:
        """The pool is gone through cyclically, past what is in use (B277)."""
        pool = self._state.config.ippools.get(name)
        if pool is None:
            return None
        size, used = pool.high - pool.low + 1, {client.address for client in self.clients.values()}
        last = self._last_given.get(name, pool.high)
        start = last + 1 - pool.low if last in pool else 0
        for step in range(size):
            address = pool.low + (start + step) % size
            if address not in used:
                self._last_given[name] = address
                return address
        return None

    # -- datagrams in and out -----------------------------------------------------------------------------------

    def _receive(self, packet: Packet, payload: bytes) -> bool:
        if not self._settings.tunnels:
            return False
        through = packet.tunnel.identifier if packet.tunnel is not None else 0
        path = Path(packet.destination, packet.source, packet.destination_port, packet.source_port, through)
        self.engine.receive_datagram(payload, path, self._now)
        self._pump(packet)
        return True

    def _pump(self, packet: Packet | None = None) -> None:
        """Apply what happened, send what is to be sent, arm the timer."""
        while (event := self.engine.next_event()) is not None:
            self._apply(event, packet)
        for client in list(self.clients.values()):
            self._exchange(client, packet)
        for datagram in self.engine.datagrams_to_send():
            self._send(datagram)
        self._arm()

    def _arm(self) -> None:
        wanted = [self.engine.next_deadline(), *(client.ppp.next_deadline() for client in self.clients.values())]
        deadline = min((at for at in wanted if at is not None), default=None)
        if self._timer is not None and self._timer.active and self._timer.at == deadline:
            return
        self.stop()
        if deadline is not None:
            self._timer = self._state.scheduler.at(deadline, self._expired)

    def _expired(self) -> None:
        self.engine.handle_timer(self._now)
        for client in self.clients.values():
            client.ppp.handle_timer(self._now)
        self._pump()

    def _send(self, datagram: Datagram, trace: PacketTrace | None = None) -> None:
        path = datagram.path
        payload = UdpDatagram(path.local_port, path.remote_port, datagram.data).build(path.local, path.remote)
        identification = self._state.next_identification()
        packet = Ipv4Packet(path.local, path.remote, PROTOCOL_UDP, payload, identification=identification)
        owner = self._state.local_addresses.get(path.local)
        through = self._state.paths.get(path.through) if path.through else None
        if owner is not None and (through is not None or not path.through):
            originate(self._state, packet, owner.vrouter, trace, through)

    # -- calls --------------------------------------------------------------------------------------------------

    def _apply(self, event: Event, packet: Packet | None) -> None:
        if isinstance(event, TunnelUp):
            self._note(f"L2TP tunnel {event.profile} with {event.host} at {format_ipv4(event.path.remote)} is up")
        elif isinstance(event, TunnelDown):
            where = format_ipv4(event.path.remote)
            self._note(f"L2TP tunnel {event.profile} with {where} is down: {event.ending.value}")
        elif isinstance(event, CallUp):
            self._begin(event)
        elif isinstance(event, CallDown):
            client = self.clients.get(event.key)
            if client is not None:
                client.ppp.hang_up(self._now, event.ending.value)
        elif isinstance(event, Frame):
            self._take(event, packet)

    def _begin(self, event: CallUp) -> None:
        tunnel = self._settings.tunnels[event.profile]
        authority = Authority(
            self._state.config.system.hostname,
            event.path.local,
            _SCHEMES[self._settings.ppp_auth],
            lambda user: self._secret_of(tunnel.name, user),
            lambda user: self._admit(event.key, self._settings.tunnels.get(tunnel.name, tunnel), user),
        )
        client = Client(event.key, event.path, tunnel.name, PppSession(authority, self._stream), self._now)
        self.clients[event.key] = client
        client.ppp.open(self._now)

    def _take(self, event: Frame, packet: Packet | None) -> None:
        client = self.clients.get(event.key)
        if client is None:
            return
        try:
            client.ppp.receive(event.frame, self._now)
        except MalformedPacket:
            self.engine.malformed += 1
        self._exchange(client, packet)

    def _exchange(self, client: Client, packet: Packet | None) -> None:
        """Carry a call's frames out and its events up."""
        for frame in client.ppp.frames_to_send():
            datagram = self.engine.send_frame(client.key, frame)
            if datagram is not None:
                self._send(datagram)
        while (event := client.ppp.next_event()) is not None:
            if isinstance(event, Received):
                self._pass_on(client, event.packet, packet)
            elif isinstance(event, Up):
                self._came(client)
            elif isinstance(event, Refused):
                user = event.name or "a user"
                self._note(f"L2TP user {user} of tunnel {client.tunnel} was refused: {event.reason}")
            elif isinstance(event, Down):
                self._went(client, event.reason)

    def _came(self, client: Client) -> None:
        state, interface = self._state, self._settings.tunnels[client.tunnel].interface
        outgoing = state.interfaces[interface]
        settings = TunnelSettings(
            client.tunnel,
            "",
            client.remote.remote,
            client.remote.local,
            interface,
            IpsecProtocol.ESP,
            Encryption.NULL,
            Integrity.NULL,
        )
        self._next_call += 1
        path = TunnelPath(Tunnel(self._next_call, settings), outgoing, None, outgoing.zone)
        path.l2tp, path.inner = client.tunnel, Prefix(client.address, 32)
        carrier = state.paths.get(client.remote.through)
        path.carrier = carrier.vpn if carrier is not None else None
        path.link = lambda inner, trace: self._into_call(client, inner, trace)
        path.link_mtu = client.ppp.peer_mru
        client.path = path
        state.calls[path.identifier] = path
        self.calls_changed()
        inner = format_ipv4(client.address)
        self._note(f"L2TP user {client.ppp.name} of tunnel {client.tunnel} is connected with address {inner}")

    def _went(self, client: Client, reason: str) -> None:
        self.clients.pop(client.key, None)
        self.engine.hang_up(client.key, self._now, Ending.PPP)
        if client.path is not None:
            del self._state.calls[client.path.identifier]
            self.calls_changed()
            self._note(f"L2TP user {client.ppp.name} of tunnel {client.tunnel} is disconnected: {reason}")

    def _pass_on(self, client: Client, inner: bytes, packet: Packet | None) -> None:
        """A client's packet goes through the pipeline like one out of a tunnel (B276)."""
        path = client.path
        if path is None or packet is None:
            return
        trace = packet.trace
        if trace is not None:
            trace.add(L2tpOpen(client.tunnel, client.ppp.name, client.remote.remote, len(inner)))
        process(self._state, Packet(inner, packet.ingress, path.tunnel, trace))

    def _into_call(self, client: Client, inner: bytes, trace: PacketTrace | None) -> None:
        datagram = self.engine.send_frame(client.key, client.ppp.send(inner)) if client.ppp.up else None
        if datagram is None:
            return
        if trace is not None:
            trace.add(L2tpSeal(client.tunnel, client.ppp.name, client.remote.remote, len(inner)))
        self._send(datagram, trace)

    def _note(self, text: str) -> None:
        self._log(LOG_TYPE, Level.INFORMATION, text)


def policies_of_call(config: DeviceConfig, path: TunnelPath) -> tuple[int, ...]:
    """The policies that an L2TP client comes under: those of its tunnel, with the VPN that carries it if any."""
    return tuple(
        policy.id
        for policy in config.policies.values()
        if policy.action is PolicyAction.TUNNEL and policy.l2tp == path.l2tp and policy.vpn == path.carrier
    )


def _servers(sources: tuple[object, ...], *names: str) -> tuple[int, ...]:
    """The first address that a source has, for each name; without gaps."""
    found = (next((value for item in sources if (value := getattr(item, name))), 0) for name in names)
    return tuple(address for address in found if address)
