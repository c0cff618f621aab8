"""The IPv4 stack that hosts and routers share (RFC 1122, RFC 1812): interfaces, routes, delivery, forwarding, sending.

ARP and framing are in `ip_interface`, errors and echo in `icmp_layer`, sockets in `udp_layer`. A stack that forwards is
a router's. IPv4 options pass through unchanged and are not acted upon; redirects are neither sent nor obeyed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from nsemu.lab.arp_cache import Waiting
from nsemu.lab.icmp_layer import IcmpErrorHandler, IcmpLayer
from nsemu.lab.ip_interface import IpInterface, default_mac
from nsemu.lab.ip_routes import Route, RouteTable
from nsemu.lab.udp_layer import UdpLayer
from nsemu.runtime.ip import SendResult
from nsemu.runtime.path_mtu import PathMtu
from nsemu.runtime.reassembly import FragmentKey, Reassembly, fragment_key
from nsemu.runtime.trace import Lost, Note, PacketTrace
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import Scheduler, Timer
from nsemu.wire import icmp
from nsemu.wire.address import Prefix, format_ipv4
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import PROTOCOL_ICMP, PROTOCOL_UDP, FragmentationNeeded, Ipv4Packet, decrement_ttl, fragment
from nsemu.wire.summary import summarise

DEFAULT_TTL: Final = 64
DEFAULT_MTU: Final = 1500
GROUP_ADDRESSES: Final = 0xE0000000
"""From 224.0.0.0 up no address is a single host's: multicast, reserved, the limited broadcast."""

ProtocolHandler = Callable[[Ipv4Packet, bytes, IpInterface, PacketTrace | None], None]
"""Called with the whole packet, its payload, the interface it came in through and its trace."""


class IpStack:
    """One node's IPv4. `name` is the node's, `stream` its own chance; times are the scheduler's."""

    def __init__(self, name: str, scheduler: Scheduler, stream: Stream, *, forwarding: bool = False) -> None:
        self.name = name
        self.scheduler = scheduler
        self.stream = stream
        self.forwarding = forwarding
        self.interfaces: dict[str, IpInterface] = {}
        self.routes = RouteTable()
        self.counters: Counter[str] = Counter()
        self.path_mtu = PathMtu()
        self.icmp = IcmpLayer(self)
        self.udp = UdpLayer(self)
        self._handlers: dict[int, ProtocolHandler] = {}
        self._reassembly = Reassembly()
        self._fragment_traces: dict[FragmentKey, PacketTrace] = {}
        self._reassembly_timer: Timer | None = None
        self._identification = stream.integer(0, 0xFFFF)
        self.register(PROTOCOL_ICMP, self.icmp.receive)
        self.register(PROTOCOL_UDP, self.udp.receive)
        self.on_icmp_error(PROTOCOL_UDP, self.udp.receive_error)

    # Configuration

    def add_interface(
        self,
        name: str,
        prefix: Prefix | None,
        *,
        mac: bytes | None = None,
        mtu: int = DEFAULT_MTU,
        secondary: Sequence[Prefix] = (),
    ) -> IpInterface:
        """Create an interface and its connected routes; a link attaches to its `port`. ValueError on a used name.

        Without `prefix` it has no address until `set_addresses`.
        """
        if name in self.interfaces:
            raise ValueError(f"interface {name} exists")
        prefixes = [*([prefix] if prefix is not None else []), *secondary]
        interface = IpInterface(self, name, prefixes, mac or default_mac(self.name, name), mtu)
        self.interfaces[name] = interface
        for own in interface.prefixes:
            self.routes.add(Route(own.network, interface))
        return interface

    def set_addresses(self, interface: IpInterface, prefixes: Sequence[Prefix], gateway: int) -> None:
        """Give an interface other addresses, with their routes and a default route; `gateway` 0 for none."""
        self.routes.remove_through(interface)
        interface.prefixes = tuple(prefixes)
        interface.arp.flush()
        for own in interface.prefixes:
            self.routes.add(Route(own.network, interface))
        if gateway and interface.reaches(gateway):
            self.routes.add(Route(Prefix(0, 0), interface, gateway))
        interface.announce()

    def add_route(self, prefix: Prefix, gateway: int) -> None:
        """A static route. Raises ValueError when no interface reaches the gateway."""
        interface = next((one for one in self.interfaces.values() if one.reaches(gateway)), None)
        if interface is None:
            raise ValueError(f"gateway {format_ipv4(gateway)} is on no connected network")
        self.routes.add(Route(prefix.network, interface, gateway))

    def register(self, protocol: int, handler: ProtocolHandler) -> None:
        """Take the packets of an IP protocol that are for this node."""
        self._handlers[protocol] = handler

    def on_icmp_error(self, protocol: int, handler: IcmpErrorHandler) -> None:
        """Take the ICMP errors about packets of an IP protocol that this node sent; ARP failures come as such too."""
        self.icmp.error_handlers[protocol] = handler

    # Questions

    def is_local(self, address: int) -> bool:
        """Whether the address is this node's own."""
        return address >> 24 == 127 or any(one.owns(address) for one in self.interfaces.values())

    def is_broadcast(self, address: int) -> bool:
        """Whether the address means all nodes of a connected network."""
        return any(one.is_broadcast(address) for one in self.interfaces.values())

    def source_for(self, destination: int) -> int | None:
        """The address this node would send from, or None without a route."""
        if self.is_local(destination):
            return destination
        route = self._route_for(destination)
        if route is None:
            return None
        hop = route.next_hop(destination)
        return next((own.address for own in route.interface.prefixes if hop in own), route.interface.address)

    def mtu_towards(self, destination: int) -> int | None:
        """The largest packet for a destination: the interface's MTU or the path MTU learnt; None without a route."""
        route = self._route_for(destination)
        if route is None:
            return None
        return min(route.interface.mtu, self.path_mtu.lookup(destination, self.scheduler.now))

    # Sending

    def send(  # noqa: PLR0913 - the fields of a header, all optional and by name
        self,
        destination: int,
        protocol: int,
        payload: bytes,
        *,
        source: int | None = None,
        ttl: int = DEFAULT_TTL,
        df: bool = False,
        tos: int = 0,
        identification: int | None = None,
        options: bytes = b"",
        trace: PacketTrace | None = None,
    ) -> SendResult:
        """Send a packet of this node; it is fragmented as needed. A trace opens a hop here."""
        if source is None:
            source = self.source_for(destination)
        if source is None:
            return self._refused(SendResult.NO_ROUTE, destination, trace)
        if identification is None:
            identification = self._identification
            self._identification = identification + 1 & 0xFFFF
        packet = Ipv4Packet(source, destination, protocol, payload, ttl, tos, identification, df, options=options)
        if packet.total_length > 0xFFFF:
            return self._refused(SendResult.TOO_LARGE, destination, trace)
        return self.send_packet(packet.build(), trace)

    def send_packet(self, data: bytes, trace: PacketTrace | None = None) -> SendResult:
        """Send a packet that is built already, whatever its source; it is fragmented as needed."""
        destination = int.from_bytes(data[16:20], "big")
        if trace is not None:
            trace.enter(self.name, self.scheduler.now, "", summarise(data))
        if self.is_local(destination) and self.interfaces:
            interface = next((i for i in self.interfaces.values() if i.owns(destination)), self._first_interface())
            self.scheduler.after(0, self._deliver, Ipv4Packet.parse(data), interface, trace)
            return SendResult.SENT
        route = self._route_for(destination)
        if route is None:
            return self._refused(SendResult.NO_ROUTE, destination, trace, entered=True)
        mtu = min(route.interface.mtu, self.path_mtu.lookup(destination, self.scheduler.now))
        try:
            pieces = fragment(data, mtu)
        except FragmentationNeeded:
            return self._refused(SendResult.TOO_LARGE, destination, trace, entered=True)
        self.counters["sent"] += 1
        self._output(pieces, route, destination, trace, forwarded=False)
        return SendResult.SENT

    def _refused(
        self, result: SendResult, destination: int, trace: PacketTrace | None, *, entered: bool = False
    ) -> SendResult:
        self.counters[result.value] += 1
        if trace is not None:
            if not entered:
                trace.enter(self.name, self.scheduler.now, "", f"to {format_ipv4(destination)}")
            trace.add(Lost(f"{result.value}: {format_ipv4(destination)}"))
        return result

    def _output(
        self, pieces: list[bytes], route: Route, destination: int, trace: PacketTrace | None, *, forwarded: bool
    ) -> None:
        next_hop = route.next_hop(destination)
        if trace is not None:
            verb = "forwarded" if forwarded else "sent"
            cut = f" in {len(pieces)} fragments" if len(pieces) > 1 else ""
            trace.add(
                Note(f"{verb} to {format_ipv4(next_hop)} through {route.interface.name}, TTL {pieces[0][8]}{cut}")
            )
        for piece in pieces:
            route.interface.send(piece, next_hop, trace, forwarded=forwarded)

    def _first_interface(self) -> IpInterface:
        return next(iter(self.interfaces.values()))

    def _route_for(self, destination: int) -> Route | None:
        if destination < GROUP_ADDRESSES:
            return self.routes.lookup(destination)
        # The limited broadcast and groups stay on one network: the first that is up, and no gateway.
        up = next((one for one in self.interfaces.values() if one.up), None)
        return None if up is None else Route(Prefix(destination, 32), up)

    # Receiving

    def receive(self, data: bytes, interface: IpInterface, group: bool, trace: PacketTrace | None) -> None:
        """A packet came in through an interface; `group` when in a broadcast or multicast frame."""
        self.counters["received"] += 1
        if trace is not None:
            trace.enter(self.name, self.scheduler.now, interface.name, summarise(data))
        try:
            packet = Ipv4Packet.parse(data, verify=True)
        except MalformedPacket as error:
            self._drop("malformed", str(error), trace)
            return
        # RFC 1812 §5.3.7, RFC 1122 §3.2.1.3: no packet comes from a group, a broadcast or the loopback network.
        if packet.source >= GROUP_ADDRESSES or packet.source >> 24 == 127 or interface.is_broadcast(packet.source):
            self._drop("martian source", f"source {format_ipv4(packet.source)} is no host", trace)
        elif interface.is_broadcast(packet.destination) or (self.is_local(packet.destination) and not group):
            self._deliver(packet, interface, trace)
        elif group or not self.forwarding or packet.destination >= GROUP_ADDRESSES:
            self._drop("not for this node", f"{format_ipv4(packet.destination)} is not an address of this node", trace)
        else:
            self._forward(packet, data[: packet.total_length], trace)

    def _drop(self, counter: str, reason: str, trace: PacketTrace | None) -> None:
        self.counters[counter] += 1
        if trace is not None:
            trace.add(Lost(reason))

    def _deliver(self, packet: Ipv4Packet, interface: IpInterface, trace: PacketTrace | None) -> None:
        if packet.is_fragment:
            whole = self._reassemble(packet, trace)
            if whole is None:
                return
            packet, trace = whole
        handler = self._handlers.get(packet.protocol)
        if handler is None:
            self._drop("unknown protocol", f"no user of IP protocol {packet.protocol}", trace)
            self.icmp.send_unreachable(icmp.PROTOCOL_UNREACHABLE, packet, trace)
            return
        self.counters["delivered"] += 1
        handler(packet, packet.payload, interface, trace)

    def _reassemble(self, part: Ipv4Packet, trace: PacketTrace | None) -> tuple[Ipv4Packet, PacketTrace | None] | None:
        key = fragment_key(part)
        if trace is not None:
            trace.add(Note(f"fragment at {part.fragment_offset} kept for reassembly"))
            self._fragment_traces[key] = trace
        whole = self._reassembly.add(part.build(), self.scheduler.now)
        if whole is None:
            self._arm_reassembly()
            return None
        trace = self._fragment_traces.pop(key, None)
        if trace is not None:
            trace.add(Note(f"reassembled to {len(whole)} octets"))
        return Ipv4Packet.parse(whole), trace

    def _arm_reassembly(self) -> None:
        deadline = self._reassembly.next_deadline()
        if deadline is not None and (self._reassembly_timer is None or not self._reassembly_timer.active):
            self._reassembly_timer = self.scheduler.at(deadline, self._expire_fragments)

    def _expire_fragments(self) -> None:
        for expired in self._reassembly.expire(self.scheduler.now):
            trace = self._fragment_traces.pop(expired.key, None)
            self._drop("reassembly time-outs", "fragments are missing: reassembly timed out", trace)
            if expired.first is not None:
                # RFC 792: without the first fragment there is nothing to quote, so nothing is sent.
                self.icmp.send_error(icmp.time_exceeded(icmp.REASSEMBLY_TIME_EXCEEDED, expired.first), trace)
        self._arm_reassembly()

    def _forward(self, packet: Ipv4Packet, data: bytes, trace: PacketTrace | None) -> None:
        if packet.ttl <= 1:
            self._drop("TTL exceeded", "TTL is used up", trace)
            self.icmp.send_error(icmp.time_exceeded(icmp.TTL_EXCEEDED, data), trace)
            return
        route = self.routes.lookup(packet.destination)
        if route is None:
            self._drop("no route", f"no route to {format_ipv4(packet.destination)}", trace)
            self.icmp.send_unreachable(icmp.NET_UNREACHABLE, packet, trace)
            return
        if route.gateway is None and route.interface.is_broadcast(packet.destination):
            # RFC 2644: directed broadcasts are not forwarded.
            self._drop("directed broadcast", f"{format_ipv4(packet.destination)} is a directed broadcast", trace)
            return
        try:
            pieces = fragment(decrement_ttl(data), route.interface.mtu)
        except FragmentationNeeded as needed:
            self._drop("fragmentation needed", str(needed), trace)
            error = icmp.destination_unreachable(icmp.FRAGMENTATION_NEEDED, data, needed.mtu)
            self.icmp.send_error(error, trace)
            return
        except MalformedPacket as error_in_options:
            self._drop("malformed", str(error_in_options), trace)
            return
        self.counters["forwarded"] += 1
        self._output(pieces, route, packet.destination, trace, forwarded=True)

    def unresolved(self, waiting: Waiting, interface: IpInterface) -> None:
        """ARP found no next hop: tell the sender of a forwarded packet, or our own application."""
        packet = Ipv4Packet.parse(waiting.packet)
        if waiting.forwarded:
            self.icmp.send_unreachable(icmp.HOST_UNREACHABLE, packet, waiting.trace)
        else:
            error = icmp.destination_unreachable(icmp.HOST_UNREACHABLE, waiting.packet)
            self.icmp.dispatch_error(error, interface.address, waiting.trace)
