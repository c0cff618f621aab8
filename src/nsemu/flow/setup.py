"""The decisions about a first packet, gathered stage by stage; the packet itself stays as it came."""

from __future__ import annotations

from nsemu.auth.table import AuthEntry
from nsemu.config.authentication import LoginProtocol
from nsemu.flow.packet import ICMP, TCP, UDP, Packet
from nsemu.flow.session import FlowTuple, Session
from nsemu.flow.tunnels import TunnelPath
from nsemu.ipsec.tunnel import Tunnel
from nsemu.nat.pools import Lease
from nsemu.policy.decision import Decision, Traffic
from nsemu.runtime.interface import RunInterface
from nsemu.runtime.trace import PacketTrace, Step
from nsemu.wire.address import Prefix

Address = tuple[int, int]
"""(address, port)."""


class FlowSetup:
    """What is known of a new flow, and what the stages decided about it.

    `renews` is the session that is looked at again after a configuration or route change; None for a new flow.
    `new_source` and `new_destination` are (address, port) after translation; `lease` holds the source that was given.
    `multipath` names the equal-cost paths among which the flow took its turn.
    `vrouter` is where the destination is looked up: that of the ingress interface, or of the mapped host.
    `standby` are redundant tunnels that should be there beside `path`, and are not.
    `detail` and `subject` explain a drop. `icmp` is (type, code) of an ICMP message that is no echo. `flood` are the
    ports to try while nobody knows behind which `link_destination` is. `login` is that of the user whose policy it is;
    without one, `prompt` is the protocol in which the user can be asked.
    """

    __slots__ = (
        "decision",
        "destination",
        "destination_port",
        "detail",
        "egress",
        "flood",
        "from_zone",
        "icmp",
        "ingress",
        "lease",
        "link_destination",
        "link_source",
        "link_tag",
        "login",
        "multipath",
        "new_destination",
        "new_source",
        "next_hop",
        "path",
        "prompt",
        "protocol",
        "renews",
        "route_id",
        "source",
        "source_port",
        "standby",
        "subject",
        "tcp_flags",
        "to_zone",
        "tos",
        "trace",
        "tunnel_in",
        "vrouter",
    )

    def __init__(self, protocol: int, flow: FlowTuple, ingress: RunInterface, tunnel_in: Tunnel | None) -> None:
        self.protocol = protocol
        self.source, self.destination, self.source_port, self.destination_port = flow
        self.ingress = ingress
        self.tunnel_in = tunnel_in
        self.tcp_flags = 0
        self.tos = 0
        self.icmp: tuple[int, int] | None = None
        self.link_source = b""
        self.link_destination = b""
        self.link_tag = b""
        self.flood: tuple[RunInterface, ...] = ()
        self.trace: PacketTrace | None = None
        self.renews: Session | None = None
        self.from_zone = ingress.zone
        self.to_zone = ""
        self.egress: RunInterface = ingress
        self.next_hop = 0
        self.route_id = 0
        self.multipath: tuple[str, Prefix] | None = None
        self.decision: Decision | None = None
        self.login: AuthEntry | None = None
        self.prompt: LoginProtocol | None = None
        self.path: TunnelPath | None = None
        self.standby: tuple[TunnelPath, ...] = ()
        self.new_source: Address | None = None
        self.new_destination: Address | None = None
        self.lease: Lease | None = None
        self.vrouter = ingress.vrouter
        self.detail = ""
        self.subject: tuple[object, ...] = ()

    @classmethod
    def of_packet(cls, packet: Packet) -> FlowSetup:
        """For a packet without session."""
        flow = (packet.source, packet.destination, packet.source_port, packet.destination_port)
        setup = cls(packet.protocol, flow, packet.ingress, packet.tunnel)
        setup.trace = packet.trace
        setup.tos = packet.data[1]
        setup.link_source = packet.link_source
        setup.link_destination = packet.link_destination
        setup.link_tag = packet.link_tag
        if packet.protocol == TCP:
            setup.tcp_flags = packet.tcp_flags
        elif packet.protocol == ICMP:
            setup.icmp = (packet.icmp_type, packet.icmp_code)
        return setup

    @classmethod
    def of_session(cls, session: Session, trace: PacketTrace | None) -> FlowSetup:
        """For a session that must be decided anew."""
        wing = session.forward
        setup = cls(session.protocol, wing.flow, wing.ingress, wing.tunnel_in)
        setup.trace = trace
        setup.link_source = session.link_source
        setup.link_destination = session.link_destination
        setup.link_tag = session.link_tag
        setup.renews = session
        setup.tos = session.tos
        if session.protocol == ICMP:
            setup.icmp = session.icmp
        return setup

    @property
    def flow(self) -> FlowTuple:
        """The addresses as the packet came."""
        return (self.source, self.destination, self.source_port, self.destination_port)

    @property
    def routed_destination(self) -> int:
        """The destination that routes are looked up for: behind its mapping, if it has one."""
        return self.new_destination[0] if self.new_destination is not None else self.destination

    @property
    def routed_port(self) -> int:
        """The port that goes with `routed_destination`."""
        return self.new_destination[1] if self.new_destination is not None else self.destination_port

    def map_destination(self, address: int, port: int) -> None:
        """Decide another destination."""
        self.new_destination = (address, port)

    @property
    def translated(self) -> FlowTuple | None:
        """The flow as it leaves, None when nothing changes. An ICMP source "port" is the identifier (see `Packet`)."""
        if self.new_source is None and self.new_destination is None:
            return None
        source, source_port = self.new_source or (self.source, self.source_port)
        destination, port = self.new_destination or (self.destination, self.destination_port)
        if self.protocol == ICMP:
            port = self.new_source[1] if self.new_source is not None else self.destination_port
            source_port = self.source_port
        return (source, destination, source_port, port)

    @property
    def traffic(self) -> Traffic:
        """What policies look at."""
        first, second = self.icmp if self.icmp is not None else (self.source_port, self.destination_port)
        return Traffic(self.source, self.destination, self.protocol, first, second)

    @property
    def mapped_traffic(self) -> Traffic | None:
        """The same with the server's port, where a VIP translates the port; None elsewhere."""
        if self.protocol not in {TCP, UDP} or self.routed_port == self.destination_port:
            return None
        return Traffic(self.source, self.destination, self.protocol, self.source_port, self.routed_port)

    def give_back(self) -> None:
        """The flow will not be: a source that was taken for it is free again."""
        held = self.renews.lease if self.renews is not None else None
        if self.lease is not None and self.lease is not held:
            self.lease.release()

    def add(self, step: Step) -> None:
        """Add a step to the trace, which must be there."""
        if self.trace is not None:
            self.trace.add(step)
