"""A router that translates addresses between its inside and its outside: what stands in the way of IPsec (chapter 7).

`pool` lends each inside host a whole address, `one-to-one` has a fixed table, `overload` shares one address by ports
(RFC 3022: Basic NAT and NAPT). An idle translation ends after `timeout`. ESP and AH have no ports: `overload` drops
them unless the box is IKE-aware. Then IKE keeps port 500 on both sides and is told apart by its initiator cookie; ESP
by its SPI, where the first unknown SPI from a peer is taken for the inside host that spoke to it last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from nsemu.lab.arguments import CommandRefused
from nsemu.lab.ip_interface import IpInterface
from nsemu.lab.ip_stack import DEFAULT_MTU, IpStack
from nsemu.lab.nat_rewrite import Flow, embedded, flow_of, ike_cookie, rewritten, spi_of, with_embedded
from nsemu.lab.router import Router
from nsemu.lab.stack_commands import STACK_COMMANDS, run_command
from nsemu.runtime.reassembly import Reassembly
from nsemu.runtime.trace import Lost, Note, PacketTrace
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import SECOND, Duration, Instant, Scheduler
from nsemu.sim.wait import Progress
from nsemu.wire.address import Prefix, format_ipv4
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import PROTOCOL_AH, PROTOCOL_ESP, PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP, Ipv4Packet

POOL, ONE_TO_ONE, OVERLOAD = "pool", "one-to-one", "overload"
MODES: Final = (OVERLOAD, POOL, ONE_TO_ONE)
_NAMES: Final = {
    PROTOCOL_ICMP: "icmp",
    PROTOCOL_TCP: "tcp",
    PROTOCOL_UDP: "udp",
    PROTOCOL_ESP: "esp",
    PROTOCOL_AH: "ah",
}
_ISAKMP: Final = 500
_FIRST_PORT, _LAST_PORT = 1024, 65535
_IKE, _SPI = "ike", "spi"
_FIXED: Final = 1 << 62

Inner = tuple[object, ...]
"""What identifies a translation from the inside: protocol and address, then port, cookie or nothing."""


@dataclass(frozen=True, slots=True)
class NatRules:
    """How a box translates. `addresses` is the pool, `table` the inside → outside map of one-to-one."""

    mode: str
    inside: tuple[str, ...]
    outside: str
    addresses: tuple[int, ...] = ()
    table: Mapping[int, int] = field(default_factory=dict)
    timeout: Duration = 300 * SECOND
    ike_aware: bool = False
    keep_ports: bool = True


@dataclass(slots=True)
class Translation:
    """One line of the table: inside (address, port) ↔ outside (address, port); port 0 for whole addresses.

    `tag` tells translations without ports apart: a cookie or an SPI with the peer's address.
    """

    protocol: int
    inside: tuple[int, int]
    outside: tuple[int, int]
    used: Instant
    tag: tuple[object, ...] = ()


class NatStack(IpStack):
    """An IPv4 stack that translates what passes it, before it is routed."""

    def __init__(self, name: str, scheduler: Scheduler, stream: Stream, rules: NatRules) -> None:
        super().__init__(name, scheduler, stream, forwarding=True)
        self.rules = rules
        self._fragments = Reassembly()
        self._by_inside: dict[Inner, Translation] = {}
        self._by_outside: dict[Inner, Translation] = {}
        self._last_to_peer: dict[int, int] = {}
        self._next_address = 0
        self._next_port = _FIRST_PORT
        for inner, outer in rules.table.items():
            self._add(Translation(0, (inner, 0), (outer, 0), _FIXED), (0, inner), (0, outer))

    def receive(self, data: bytes, interface: IpInterface, group: bool, trace: PacketTrace | None) -> None:
        """A packet came in: translate it if it crosses the border, then do what a router does."""
        try:
            packet = Ipv4Packet.parse(data, verify=True)
        except MalformedPacket:
            super().receive(data, interface, group, trace)
            return
        crosses = None if group else self._direction(packet, interface)
        if crosses is None:
            super().receive(data, interface, group, trace)
            return
        if packet.is_fragment:
            whole = self._fragments.add(packet.build(), self.scheduler.now)
            self._fragments.expire(self.scheduler.now)
            if whole is None:
                return
            packet = Ipv4Packet.parse(whole)
        changed = crosses(packet)
        if changed is None:
            self.counters["not translated"] += 1
            if trace is not None:
                trace.enter(self.name, self.scheduler.now, interface.name, "")
                trace.add(Lost(f"no translation for {format_ipv4(packet.source)} to {format_ipv4(packet.destination)}"))
            return
        if trace is not None and changed is not packet:
            ends = f"{format_ipv4(changed.source)} > {format_ipv4(changed.destination)}"
            trace.enter(self.name, self.scheduler.now, interface.name, "")
            trace.add(Note(f"translated to {ends}"))
        super().receive(changed.build(), interface, group, trace)

    def translations(self) -> list[Translation]:
        """The living translations, in the order of making."""
        self._expire()
        return list(self._by_outside.values())

    def clear(self) -> None:
        """Forget all translations but fixed ones."""
        for key in [key for key, one in self._by_inside.items() if one.used != _FIXED]:
            del self._by_inside[key]
        for key in [key for key, one in self._by_outside.items() if one.used != _FIXED]:
            del self._by_outside[key]
        self._last_to_peer.clear()

    # -- which way ---------------------------------------------------------------------------------------------

    def _direction(
        self, packet: Ipv4Packet, interface: IpInterface
    ) -> Callable[[Ipv4Packet], Ipv4Packet | None] | None:
        if interface.name == self.rules.outside:
            return self._inwards if self._is_translated(packet.destination) else None
        if interface.name not in self.rules.inside or self.is_local(packet.destination) or packet.ttl <= 1:
            return None
        route = self._route_for(packet.destination)
        return self._outwards if route is not None and route.interface.name == self.rules.outside else None

    def _is_translated(self, address: int) -> bool:
        if self.rules.mode == OVERLOAD:
            return address == self.shared_address
        return address in self.rules.addresses or address in self.rules.table.values()

    @property
    def shared_address(self) -> int:
        """The address that `overload` shares: the first of the pool, else that of the outside interface."""
        return self.rules.addresses[0] if self.rules.addresses else self.interfaces[self.rules.outside].address

    # -- outwards ----------------------------------------------------------------------------------------------

    def _outwards(self, packet: Ipv4Packet) -> Ipv4Packet | None:
        quoted = embedded(packet)
        if quoted is not None:
            return self._error_outwards(packet, quoted)
        if self.rules.mode != OVERLOAD:
            outer = self._address_for(packet.source)
            return None if outer is None else rewritten(packet, source=(outer, None))
        flow = flow_of(packet)
        found = self._shared(packet, flow)
        if found is None:
            return None
        return rewritten(packet, source=(found.outside[0], found.outside[1] if flow is not None else None))

    def _address_for(self, inner: int) -> int | None:
        self._expire()
        known = self._by_inside.get((0, inner))
        if known is None:
            if self.rules.mode == ONE_TO_ONE:
                return None
            outer = self._free_address()
            if outer is None:
                return None
            known = self._add(Translation(0, (inner, 0), (outer, 0), 0), (0, inner), (0, outer))
        self._touch(known)
        return known.outside[0]

    def _free_address(self) -> int | None:
        """The next address in turn, so that a host whose translation has ended gets another one."""
        pool = self.rules.addresses
        for step in range(len(pool)):
            address = pool[(self._next_address + step) % len(pool)]
            if (0, address) not in self._by_outside:
                self._next_address = (self._next_address + step + 1) % len(pool)
                return address
        return None

    def _shared(self, packet: Ipv4Packet, flow: Flow | None) -> Translation | None:
        self._expire()
        address, peer = self.shared_address, packet.destination
        if self.rules.ike_aware:
            cookie = ike_cookie(packet)
            if cookie is not None and flow is not None and flow.source == flow.destination == _ISAKMP:
                tag: Inner = (_IKE, peer, cookie)
                return self._tagged(packet, (address, _ISAKMP), tag)
            spi = spi_of(packet)
            if spi is not None:
                return self._tagged(packet, (address, 0), (_SPI, packet.protocol, peer, spi), answered=False)
        if flow is None:
            return None
        inner: Inner = (packet.protocol, packet.source, flow.source)
        known = self._by_inside.get(inner)
        if known is None:
            port = self._free_port(packet.protocol, address, flow.source)
            if port is None:
                return None
            made = Translation(packet.protocol, (packet.source, flow.source), (address, port), 0)
            known = self._add(made, inner, (packet.protocol, address, port))
        return self._touch(known)

    def _tagged(
        self, packet: Ipv4Packet, outside: tuple[int, int], tag: Inner, *, answered: bool = True
    ) -> Translation:
        """A translation without port change. Answers carry the same tag, or, for ESP, an SPI that is yet unknown."""
        self._last_to_peer[packet.destination] = packet.source
        known = self._by_inside.get((packet.source, *tag))
        if known is None:
            made = Translation(packet.protocol, (packet.source, outside[1]), outside, 0, tag)
            known = self._add(made, (packet.source, *tag), tag if answered else ("out", packet.source, *tag))
        return self._touch(known)

    def _free_port(self, protocol: int, address: int, wanted: int) -> int | None:
        if self.rules.keep_ports and (protocol, address, wanted) not in self._by_outside:
            return wanted
        for _ in range(_LAST_PORT - _FIRST_PORT + 1):
            port = self._next_port
            self._next_port = port + 1 if port < _LAST_PORT else _FIRST_PORT
            if (protocol, address, port) not in self._by_outside:
                return port
        return None

    # -- inwards -----------------------------------------------------------------------------------------------

    def _inwards(self, packet: Ipv4Packet) -> Ipv4Packet | None:
        quoted = embedded(packet)
        if quoted is not None:
            return self._error_inwards(packet, quoted)
        found = self._inside_of(packet)
        if found is None:
            # The shared address is the box's own as well: it answers for itself what belongs to nobody inside.
            return packet if self.rules.mode == OVERLOAD and self.is_local(packet.destination) else None
        self._touch(found)
        port = found.inside[1] if found.protocol and flow_of(packet) is not None else None
        return rewritten(packet, destination=(found.inside[0], port))

    def _inside_of(self, packet: Ipv4Packet) -> Translation | None:
        self._expire()
        if self.rules.mode != OVERLOAD:
            return self._by_outside.get((0, packet.destination))
        if self.rules.ike_aware:
            cookie, spi = ike_cookie(packet), spi_of(packet)
            if cookie is not None:
                known = self._by_outside.get((_IKE, packet.source, cookie))
                if known is not None:
                    return known
            if spi is not None:
                return self._by_spi(packet, spi)
        flow = flow_of(packet)
        if flow is None:
            return None
        return self._by_outside.get((packet.protocol, packet.destination, flow.destination))

    def _by_spi(self, packet: Ipv4Packet, spi: int) -> Translation | None:
        tag = (_SPI, packet.protocol, packet.source, spi)
        known = self._by_outside.get(("in", *tag))
        inner = self._last_to_peer.get(packet.source)
        if known is None and inner is not None:
            made = Translation(packet.protocol, (inner, 0), (packet.destination, 0), 0, tag)
            known = self._add(made, (inner, "in", *tag), ("in", *tag))
        return known

    # -- ICMP errors (RFC 5508 §4) -----------------------------------------------------------------------------

    def _error_inwards(self, packet: Ipv4Packet, quoted: Ipv4Packet) -> Ipv4Packet | None:
        """About a packet that went out: it quotes the outside address as source."""
        answer = replace(quoted, source=quoted.destination, destination=quoted.source)
        flow = flow_of(quoted)
        if self.rules.mode != OVERLOAD:
            found = self._by_outside.get((0, quoted.source))
        elif flow is not None and (quoted.protocol, quoted.source, flow.source) in self._by_outside:
            found = self._by_outside[quoted.protocol, quoted.source, flow.source]
        else:
            found = self._inside_of(answer) if flow is None else None
        if found is None:
            return packet if self.is_local(packet.destination) else None
        port = found.inside[1] if found.protocol and flow is not None else None
        inner = rewritten(quoted, source=(found.inside[0], port))
        return with_embedded(replace(packet, destination=found.inside[0]), inner)

    def _error_outwards(self, packet: Ipv4Packet, quoted: Ipv4Packet) -> Ipv4Packet | None:
        """About a packet that came in: it quotes the inside address as destination."""
        flow = flow_of(quoted)
        if self.rules.mode != OVERLOAD:
            found = self._by_inside.get((0, quoted.destination))
        else:
            port = flow.destination if flow is not None else 0
            found = self._by_inside.get((quoted.protocol, quoted.destination, port))
        if found is None:
            return None
        inner = rewritten(quoted, destination=(found.outside[0], found.outside[1] if found.protocol else None))
        return with_embedded(replace(packet, source=found.outside[0]), inner)

    # -- the table ---------------------------------------------------------------------------------------------

    def _add(self, made: Translation, inner: Inner, outer: Inner) -> Translation:
        self._by_inside[inner] = made
        self._by_outside[outer] = made
        return made

    def _touch(self, one: Translation) -> Translation:
        if one.used != _FIXED:
            one.used = self.scheduler.now
        return one

    def _expire(self) -> None:
        limit = self.scheduler.now - self.rules.timeout
        for table in (self._by_inside, self._by_outside):
            for key in [key for key, one in table.items() if one.used < limit]:
                del table[key]


class NatBox(Router):
    """A node of kind `nat`: a router with a `NatStack`."""

    stack: NatStack

    def __init__(
        self,
        name: str,
        scheduler: Scheduler,
        stream: Stream,
        interfaces: Mapping[str, Prefix],
        rules: NatRules,
        routes: Mapping[Prefix, int] | None = None,
    ) -> None:
        """Raises ValueError for a route whose gateway is on no network of the box."""
        super().__init__(name, scheduler, stream, {})
        self.stack = NatStack(name, scheduler, stream, rules)
        for interface, prefix in interfaces.items():
            own = [prefix.address]
            lent = [*rules.addresses, *rules.table.values()] if interface == rules.outside else []
            # The box answers ARP for the addresses that it lends.
            secondary = [Prefix(address, 32) for address in dict.fromkeys(lent) if address not in own]
            self.stack.add_interface(interface, prefix, mtu=DEFAULT_MTU, secondary=secondary)
        for prefix, gateway in (routes or {}).items():
            self.stack.add_route(prefix, gateway)

    def run(self, command: str) -> Progress:
        """Start a text command: those of a router, `translations`, `clear`. Raises CommandRefused."""
        words = command.split()
        if words and words[0] in _COMMANDS:
            if len(words) > 1:
                raise CommandRefused(f"unexpected word {words[1]!r}")
            return _COMMANDS[words[0]](self.stack)
        return run_command(self.stack, command, STACK_COMMANDS)


def _show(stack: NatStack) -> Progress:
    rows = [("Protocol", "Inside", "Outside", "Idle", "Told apart by")]
    for one in stack.translations():
        idle = "fixed" if one.used == _FIXED else f"{(stack.scheduler.now - one.used) // SECOND} s"
        tag = " ".join(part.hex() if isinstance(part, bytes) else str(part) for part in one.tag[:1] + one.tag[-1:])
        protocol = _NAMES.get(one.protocol, str(one.protocol)) if one.protocol else "all"
        rows.append((protocol, _end(one.inside), _end(one.outside), idle, tag))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    yield "".join(f"{line}\n" for line in lines)


def _end(end: tuple[int, int]) -> str:
    return f"{format_ipv4(end[0])}:{end[1]}" if end[1] else format_ipv4(end[0])


def _clear(stack: NatStack) -> Progress:
    stack.clear()
    yield "translations cleared\n"


_COMMANDS: Final[Mapping[str, Callable[[NatStack], Progress]]] = {"translations": _show, "clear": _clear}
NAT_COMMANDS: Final[Sequence[str]] = tuple(_COMMANDS)
