"""One emulated ScreenOS device: configuration, run-time state, frames in, frames out.

Knows no lab, link or terminal: frames leave through a callable, time comes from the scheduler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from nsemu.config.device import DeviceConfig, factory_configuration
from nsemu.config.interface import InterfaceKind
from nsemu.config.platform import DEFAULT_PLATFORM, PLATFORMS
from nsemu.device.admin_sessions import AdminSessions
from nsemu.device.clock import DeviceClock
from nsemu.device.compile import Compiler
from nsemu.device.config_lock import ConfigLock
from nsemu.device.debug_buffer import DebugBuffer
from nsemu.device.debug_flow import render_flow
from nsemu.device.debug_story import dialect_of
from nsemu.device.dhcp import DhcpClients
from nsemu.device.dns import DnsClient
from nsemu.device.idle import IdleWatch
from nsemu.device.ike_glue import IkeGlue
from nsemu.device.in_force import in_force
from nsemu.device.interfaces import InterfaceSet
from nsemu.device.ipsec_upcalls import IpsecUpcalls
from nsemu.device.l2tp import Lns
from nsemu.device.local_tcp import LocalTcp
from nsemu.device.logins import ClientLogins
from nsemu.device.monitor import InterfaceMonitors
from nsemu.device.names import names_in_use
from nsemu.device.own_services import OwnServices
from nsemu.device.policy_records import PolicyRecords
from nsemu.device.port_group import PortGroups
from nsemu.device.ramp import SessionRamp
from nsemu.device.schedules import PolicySchedules, end_sessions
from nsemu.device.traffic_log import TrafficLog
from nsemu.device.tunnels import TunnelPlan
from nsemu.device.vlan import TAG, tagged, untag
from nsemu.device.vpn_monitor import VpnMonitors
from nsemu.flow import bridge
from nsemu.flow.icmp_errors import report_silent_neighbor
from nsemu.flow.local import SELF_POLICY
from nsemu.flow.logins import Logins
from nsemu.flow.neighbors import Neighbor
from nsemu.flow.originate import originate
from nsemu.flow.packet import Packet
from nsemu.flow.pipeline import close_stranded, open_flow, receive
from nsemu.flow.session import TICK, Session
from nsemu.flow.state import FlowState
from nsemu.flow.steps import Dropped
from nsemu.ike.engine import IkeEngine
from nsemu.ike.parameters import EngineSettings
from nsemu.ipsec.database import SaDatabase
from nsemu.ipsec.sa import SaParameters
from nsemu.runtime.drop import DropReason
from nsemu.runtime.event_log import EventLog, Level
from nsemu.runtime.interface import RunInterface
from nsemu.runtime.tcp.table import ConversationFactory
from nsemu.runtime.trace import PacketTrace
from nsemu.screen.runtime import KEY_LENGTH, Screening
from nsemu.sim.entropy import Entropy, Stream
from nsemu.sim.scheduler import Instant, Scheduler, Timer
from nsemu.wire.address import BROADCAST_MAC, format_ipv4
from nsemu.wire.ipv4 import Ipv4Packet

Transmit = Callable[[str, bytes, PacketTrace | None], None]
"""Puts a frame on the wire of a named interface."""

_Take = Callable[[FlowState, RunInterface, bytes, PacketTrace | None], None]
_VLAN = InterfaceKind.VLAN
_ARP = b"\x08\x06"
_IPV4 = b"\x08\x00"


class Device(IpsecUpcalls):
    """One device. `saved_text` is the saved configuration file, None on a factory device; `modified` tells whether the
    running configuration has changed since. `on_restart` are the sessions that end when the power goes.

    `good_text` is the last-known-good configuration, which `rolls_back` uses when the saved one has errors. `card` are
    the files of the memory card, None without a slot.
    """

    def __init__(
        self, name: str, scheduler: Scheduler, entropy: Entropy, transmit: Transmit, platform: str = DEFAULT_PLATFORM
    ) -> None:
        self.name = name
        self.scheduler = scheduler
        self.platform = platform
        self._entropy = entropy
        self._transmit = transmit
        self.clock = DeviceClock(scheduler)
        self.interfaces = InterfaceSet(name)
        self.event_log = EventLog()
        self.traffic_log = TrafficLog()
        self.self_log = TrafficLog()
        self.debug = DebugBuffer()
        self.saved_text: str | None = None
        self.on_save: Callable[[str], None] = _ignore
        self.good_text: str | None = None
        self.on_keep_good: Callable[[str], None] = _ignore
        self.rolls_back = False
        self.card: dict[str, str] | None = {} if PLATFORMS[platform].card else None
        self.config_lock: ConfigLock | None = None
        self.on_restart: list[Callable[[], None]] = []
        self._tcp_services: dict[int, ConversationFactory] = {}
        self.tcp = LocalTcp(self._tcp_services)
        self.modified = False
        self.admin_sessions = AdminSessions()
        self.resets = 0
        self._sweeper: Timer | None = None
        self._boot(factory_configuration(platform))

    def _boot(self, config: DeviceConfig) -> None:
        scheduler = self.scheduler
        self.booted_at: Instant = scheduler.now
        self.ramp = SessionRamp()
        self.database = SaDatabase(self._stream("ipsec"))
        self.state = FlowState(self.name, scheduler, config, self.database, self)
        self.state.unreachable = self._neighbor_unreachable
        self.tcp.start(self.state, self._stream("tcp"))
        self.logins = self.state.logins = Logins(self.state, self._stream("login"), open_flow)
        self.state.screening = Screening(self._stream("screen").octets(KEY_LENGTH))
        self.dns = DnsClient(self.state, self._stream("dns"), self._names_changed)
        self._moved: set[int] = set()
        self.dhcp = DhcpClients(self.state, self._stream("dhcp"), self._lease_changed)
        streams = tuple(map(self._stream, OwnServices.STREAMS))
        self.services = OwnServices(self.state, self.clock, streams, self.dns.lookup)
        self.event_log.listener = self.services.syslog.event
        self.traffic_log.listener = self.services.syslog.traffic
        self._port_groups = PortGroups(scheduler, self.send_frame, self.receive)
        self.monitors = InterfaceMonitors(self.state, self.log, self._tracking_changed)
        self.records = PolicyRecords(scheduler, self.traffic_log, self.log)
        self.schedules = PolicySchedules(scheduler, self.clock, self._schedules_changed)
        self.services.ntp.moved = self.schedules.look
        self.vpn_monitors = VpnMonitors(self.state, self.log, self._vpn_state_changed, self.clear_tunnel)
        self._compiler = Compiler(self.state, self.interfaces, self.dns, self.vpn_monitors)
        self.ike = IkeGlue(self.state, IkeEngine(self._stream("ike"), EngineSettings()), self.scheduler, self.log)
        self._idle = IdleWatch(scheduler, self.database, lambda: self._compiler.plans, self.clear_tunnel)
        self.ike.engine.claim, self.ike.release = self._compiler.add_client, self._compiler.remove_client
        self.l2tp = Lns(self.state, self._stream("l2tp"), self.log)
        self.l2tp.calls_changed = self._compiler.calls_changed
        self.client_logins = ClientLogins(self.state, self.ike.engine)
        self.ike.listeners += [self._idle.heard, self.vpn_monitors.heard, self.client_logins.heard]
        self.ike.hops_changed = lambda: self._compiler.refresh_routes(scheduler.now)
        self._apply(config)

    def _stream(self, consumer: str) -> Stream:
        """Chance for one consumer, another after each restart."""
        return self._entropy.stream(f"{self.name}/{self.resets}/{consumer}")

    @property
    def config(self) -> DeviceConfig:
        """The running configuration, as the admin wrote it."""
        return self._config

    @property
    def config_in_force(self) -> DeviceConfig:
        """The same with what DHCP leases give: addresses and gateways that nobody wrote."""
        return self.state.config

    @property
    def tunnel_plans(self) -> Mapping[int, TunnelPlan]:
        """What the configuration says of each tunnel, by ID."""
        return self._compiler.plans

    @property
    def inbound_keys(self) -> list[SaParameters]:
        """Every inbound SA there has been, with its keys: what captures are decrypted with."""
        return [*self.ike.key_rows, *self._compiler.manual_keys]

    def commit(self, config: DeviceConfig) -> None:
        """Put a checked configuration in force; cannot fail."""
        if config is not self._config:
            self.modified = True
            self._apply(config)

    def serve_tcp(self, port: int, factory: ConversationFactory) -> None:
        """Have a management service answer at a TCP port, wherever the configuration allows that service."""
        self._tcp_services[port] = factory
        self.tcp.serve(port, factory)

    def save(self, text: str) -> None:
        """Keep `text` as the saved configuration; it is what a restart begins with.

        Raises OSError when the place where it is kept cannot be written; nothing has changed then.
        """
        self.on_save(text)
        self.saved_text = text
        self.modified = False

    def keep_good(self, text: str) -> None:
        """Keep `text` as the last-known-good configuration. Raises OSError, as `save`, and has kept nothing then."""
        self.on_keep_good(text)
        self.good_text = text

    def erase(self) -> None:
        """`unset all`: the saved configuration is gone, the running one stays until the device restarts."""
        self.on_save("")
        self.saved_text = None
        self.modified = True

    def restart(self, config: DeviceConfig) -> None:
        """Power off and on: sessions, SAs and learned addresses are gone; `config` is the saved configuration.

        Only the keys for captures stay, as the frames they protected stay in the file.
        """
        phase1_keys, key_rows = self.ike.phase1_keys, self.ike.key_rows
        for end_session in list(self.on_restart):
            end_session()
        self.tcp.stop()
        self.logins.stop()
        self.ike.stop()
        self.l2tp.stop()
        self._idle.stop()
        self.monitors.stop()
        self.schedules.stop()
        self.vpn_monitors.stop()
        self.records.stop()
        self.dns.stop()
        self.dhcp.stop()
        self.services.stop()
        self.state.stop()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        self.resets += 1
        self.interfaces.restart()
        self.event_log = EventLog()
        self.traffic_log = TrafficLog()
        self.self_log = TrafficLog()
        self.debug = DebugBuffer()
        self._boot(config)
        self.ike.phase1_keys[:0], self.ike.key_rows[:0] = phase1_keys, key_rows
        self.modified = False

    def receive(self, interface: str, frame: bytes, trace: PacketTrace | None = None) -> None:
        """A frame came in."""
        ingress = self.interfaces.items.get(interface)
        if ingress is None or not ingress.carrier or len(frame) < 14:
            return
        counters = ingress.counters
        counters.in_packets += 1
        counters.in_bytes += len(frame)
        if ingress.switched:
            if ingress.bridged:
                self._bridge(ingress, frame, trace)
            else:
                self._port_groups.arrived(ingress, frame, trace)
            return
        ethertype = frame[12:14]
        if ethertype == _IPV4:
            if interface in self.dhcp.clients and self.dhcp.takes(frame):
                self.dhcp.receive(ingress, frame)
            elif frame[:6] == ingress.mac:
                if self.debug.flow:
                    trace = self._debugged(ingress, frame, trace)
                    return
                receive(self.state, ingress, frame, trace)
            elif frame[:6] == BROADCAST_MAC:
                self.services.dhcp.heard(ingress, frame)
        elif ethertype == _ARP and (frame[:6] == BROADCAST_MAC or frame[:6] == ingress.mac):
            self.state.neighbors.receive(ingress, frame)
        elif ethertype == TAG:
            untag(self.state, ingress, frame, trace, self.receive)

    def set_carrier(self, interface: str, up: bool) -> None:
        """The link of an interface came up or went down."""
        found = self.interfaces.set_carrier(interface, up)
        if not found:
            return
        if not up:
            self.state.bridge.macs.forget(found[0])
            self._port_groups.forget(found[0])
        for one in found:
            if not one.carrier:
                self.state.neighbors.forget(one)
        self._compiler.refresh_routes(self.scheduler.now)
        if up:
            for one in found:
                self.state.neighbors.announce(one)
                self.dhcp.carrier(one.name)
                self.services.dhcp.servers.carrier(one.name)
            self.dns.refresh()
        for one in found:
            if not one.carrier:
                close_stranded(self.state, one)

    def originate(self, packet: Ipv4Packet, vrouter: str) -> bool:
        """Send a packet of the device's own, seen by `debug flow basic` as well; whether it left or waits for ARP."""
        if not (self.debug.flow and self.debug.wants(packet.build())):
            return originate(self.state, packet, vrouter)
        trace = PacketTrace(travels=False)
        left = originate(self.state, packet, vrouter, trace)
        self._write_flow(trace, 0)
        return left

    def set_clock(self, date: datetime) -> None:
        """`set clock`: the local date now is `date`; schedules open and close at once."""
        self.clock.set(date, self.config.system.zone)
        self.schedules.look()

    def release_lease(self, interface: str) -> None:
        """`exec dhcp client X release`: the interface has no address until it is told to renew."""
        self.dhcp.release(interface)
        self._lease_changed()

    # -- upcalls of the pipeline (flow.state.Upcalls) -----------------------------------------------------------

    def send_frame(self, interface: RunInterface, frame: bytes, trace: PacketTrace | None) -> None:
        """Put a frame on the wire."""
        counters = interface.counters
        counters.out_packets += 1
        counters.out_bytes += len(frame)
        if interface.indirect:
            self._send_indirect(interface, frame, trace)
            return
        self._transmit(interface.name, frame, trace if trace is not None and trace.travels else None)

    def _send_indirect(self, interface: RunInterface, frame: bytes, trace: PacketTrace | None) -> None:
        """By the bridge, with a tag by the parent, or by a port of the group."""
        if interface.kind is _VLAN:
            bridge.leave(self.state, interface, frame, trace)
        elif interface.parent is not None:
            interface.parent.counters.flow["out vlan"] += 1
            self.send_frame(interface.parent, tagged(frame, interface.tag), trace)
        else:
            self._port_groups.leave(interface, frame, trace)

    def session_created(self, session: Session) -> None:
        """A session began: it will have to be aged."""
        self.ramp.count(self.scheduler.now)
        self.records.began(session)
        if self._sweeper is None:
            self._sweeper = self.scheduler.after(TICK, self._sweep)

    def session_closed(self, session: Session) -> None:
        """A session ended."""
        self.records.ended(session)

    def denied(self, packet: Packet, policy_id: int | None, _reason: DropReason) -> None:
        """A first packet was refused by policy, or was for the device and nothing there wanted it."""
        flow = (packet.source, packet.destination, packet.source_port, packet.destination_port)
        if policy_id == SELF_POLICY:
            self.self_log.denied(policy_id, self.scheduler.now, flow, packet.protocol, "")
            return
        run = self.state.policies.run(policy_id) if policy_id is not None else None
        if run is not None:
            self.records.refused(run, packet, flow)

    def log(self, type_: int, level: Level, text: str) -> None:
        """Make an event log entry."""
        self.event_log.add(self.scheduler.now, type_, level, text)

    # -- inside -------------------------------------------------------------------------------------------------

    def _apply(self, config: DeviceConfig) -> None:
        now = self.scheduler.now
        self._config = config
        self.tcp.follow(config.system.access)
        self.dhcp.configure(config)
        leases = self.dhcp.leases
        self.schedules.configure(config)
        self._compiler.closed = self.schedules.closed
        before = {name: (one.address, one.secondary) for name, one in self.interfaces.items.items()}
        self._compiler.apply(in_force(config, leases), now)
        end_sessions(self.state, self.schedules.closed)
        self.services.configure(config, self.dhcp.clients.values())
        self.logins.configure()
        self._follow_monitors()
        self._compiler.configure_ike(self.ike.engine, now)
        self.ike.pump()
        self.l2tp.configure()
        self._idle.refresh()
        learned = (server for lease in leases.values() for server in lease.dns)
        servers = tuple(dict.fromkeys((*config.system.dns_servers, *learned)))
        self.dns.configure(names_in_use(config), servers, config.system.domain)
        for name, interface in self.interfaces.items.items():
            if (interface.address, interface.secondary) != before.get(name, (0, ())) and not interface.is_tunnel:
                self.state.neighbors.announce(interface)

    def _follow_monitors(self) -> None:
        """Probe what the configuration says; what is tracked no more holds nothing down."""
        self.monitors.configure(self.state.config)
        if self.monitors.failed != self.interfaces.tracking_failed:
            self._tracking_changed()

    def _tracking_changed(self) -> None:
        """The tracking of an interface failed or works again: interfaces and their routes follow (B179)."""
        self.interfaces.tracking_failed = self.monitors.failed
        before = self.interfaces.held_down
        self._compiler.refresh_routes(self.scheduler.now)
        for name in sorted(before ^ self.interfaces.held_down):
            state = "down" if name in self.interfaces.held_down else "up"
            self.log(513, Level.NOTIFICATION, f"The logical state of interface {name} has changed to {state}.")

    def _schedules_changed(self) -> None:
        """A schedule opened or closed."""
        self._compiler.closed = self.schedules.closed
        self._compiler.follow_schedules()
        end_sessions(self.state, self.schedules.closed)

    def _vpn_state_changed(self) -> None:
        """A monitored VPN went down or came back: its tunnel interface and routes follow (B179)."""
        self._compiler.refresh_routes(self.scheduler.now)

    def _names_changed(self) -> None:
        """A domain name in use has other addresses: gateways, tunnels and policies follow (B216)."""
        self._apply(self.config)

    def _lease_changed(self) -> None:
        """A DHCP lease came, went or has other terms: follow, and negotiate active tunnels anew (B323)."""
        tunnels = self.database.tunnels
        self._moved |= {identifier for identifier, tunnel in tunnels.items() if tunnel.active}
        self._apply(self._config)
        for identifier in sorted(self._moved):
            path = self.state.paths.get(identifier)
            if path is not None and not path.tunnel.active and path.negotiable:
                self.ike.engine.acquire(identifier, self.scheduler.now)
        # While there is no address they wait for one.
        self._moved = {one for one in self._moved & tunnels.keys() if not tunnels[one].settings.local}
        self.ike.pump()

    def _sweep(self) -> None:
        self.state.sweep()
        self._sweeper = self.scheduler.after(TICK, self._sweep) if len(self.state.sessions) else None

    def _neighbor_unreachable(self, neighbor: Neighbor, packet: bytes, trace: PacketTrace | None) -> None:
        """A next hop does not answer ARP: count, tell the sender."""
        neighbor.interface.counters.drop(DropReason.NO_ARP)
        if trace is not None:
            trace.enter(self.name, self.scheduler.now, neighbor.interface.name)
            trace.add(Dropped("egress", DropReason.NO_ARP, format_ipv4(neighbor.address)))
            if self.debug.flow and self.debug.wants(packet):
                self._write_flow(trace, len(trace.hops) - 1)
        report_silent_neighbor(self.state, neighbor.interface, packet, trace)

    def _bridge(self, ingress: RunInterface, frame: bytes, trace: PacketTrace | None) -> None:
        """A frame came in on a port in a layer 2 zone."""
        if self.debug.flow and frame[12:14] in {_IPV4, TAG}:
            self._debugged(ingress, frame, trace, bridge.receive)
        else:
            bridge.receive(self.state, ingress, frame, trace)

    def _debugged(
        self, ingress: RunInterface, frame: bytes, trace: PacketTrace | None, take: _Take | None = None
    ) -> PacketTrace | None:
        """Process a frame with `debug flow basic` on, and write what happened into the debug buffer."""
        own = trace
        packet = frame[18 if frame[12:14] == TAG else 14 :]
        wanted = self.debug.wants(packet)
        if own is None and (wanted or self.debug.may_want_inside(packet)):
            own = PacketTrace(travels=False)
        first = len(own.hops) if own is not None else 0
        (take or receive)(self.state, ingress, frame, own)
        if own is not None and (wanted or self.debug.wants_inside(own.hops[first:])):
            self._write_flow(own, first)
        return trace

    def _write_flow(self, trace: PacketTrace, first: int) -> None:
        dialect = dialect_of(self.config.platform)
        for hop in trace.hops[first:]:
            if hop.node == self.name:
                self.debug.write(render_flow(hop, self.booted_at, dialect))


def _ignore(_text: str) -> None:
    return None
