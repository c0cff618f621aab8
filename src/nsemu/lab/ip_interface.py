"""One IPv4 interface of a host or router: addresses, MAC, MTU, ARP and Ethernet framing on a port (RFC 894, RFC 826).

Hands packets that came in to the stack; knows no routes and no protocols above IPv4.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from nsemu.lab.arp_cache import ArpActions, ArpCache, Waiting
from nsemu.lab.port import Port
from nsemu.runtime.trace import Lost, Note, PacketTrace
from nsemu.sim.scheduler import Scheduler
from nsemu.wire import arp
from nsemu.wire.address import BROADCAST_ADDRESS, BROADCAST_MAC, ZERO_MAC, Prefix, format_ipv4
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ethernet import ETHERTYPE_ARP, ETHERTYPE_IPV4, EthernetFrame, is_group


class PacketOwner(Protocol):
    """What an interface needs of its stack."""

    name: str
    scheduler: Scheduler
    counters: Counter[str]

    def receive(self, data: bytes, interface: IpInterface, group: bool, trace: PacketTrace | None) -> None:
        """A packet came in; `group` tells whether the frame was a broadcast or multicast."""

    def unresolved(self, waiting: Waiting, interface: IpInterface) -> None:
        """ARP found no next hop for a packet."""


def default_mac(node: str, interface: str) -> bytes:
    """A locally administered address that depends on the names alone."""
    return b"\x02" + hashlib.sha256(f"{node}:{interface}".encode()).digest()[:5]


def _ignore() -> None:
    return None


class IpInterface:
    """`prefixes[0]` holds the primary address, the others are secondary ones. `on_up` is called when the link is up.

    `sender` is the link address that the last packet came from, for those who answer without ARP.
    """

    def __init__(self, owner: PacketOwner, name: str, prefixes: Sequence[Prefix], mac: bytes, mtu: int) -> None:
        self.name = name
        self.prefixes = tuple(prefixes)
        self.mac = mac
        self.configured_mtu = mtu
        self.gratuitous_arp = False
        self.sender = ZERO_MAC
        self.on_up: Callable[[], None] = _ignore
        self.port = Port(owner.name, name)
        self.port.on_receive = self._receive
        self.port.on_carrier = self._carrier
        self._owner = owner
        actions = ArpActions(self._ask, self._deliver, self._give_up, self._overflow)
        self.arp = ArpCache(owner.scheduler, actions)

    @property
    def address(self) -> int:
        """The primary address, 0 while there is none."""
        return self.prefixes[0].address if self.prefixes else 0

    @property
    def up(self) -> bool:
        """Whether the cable carries."""
        return self.port.carrier

    @property
    def mtu(self) -> int:
        """The longest packet: what is configured, or less when the cable carries less."""
        limit = self.port.mtu
        return self.configured_mtu if limit is None else min(self.configured_mtu, limit)

    def owns(self, address: int) -> bool:
        """Whether the address is one of its own."""
        return any(prefix.address == address for prefix in self.prefixes)

    def reaches(self, address: int) -> bool:
        """Whether the address is on a network of this interface."""
        return any(address in prefix for prefix in self.prefixes)

    def is_broadcast(self, address: int) -> bool:
        """Whether all nodes of this network are meant; a /31 has no broadcast (RFC 3021)."""
        return address == BROADCAST_ADDRESS or any(
            prefix.length < 31 and address == prefix.broadcast for prefix in self.prefixes
        )

    def send(self, packet: bytes, next_hop: int, trace: PacketTrace | None, *, forwarded: bool = False) -> None:
        """Send a packet that fits the MTU to a neighbour, by ARP if it must."""
        if self.is_broadcast(next_hop):
            self.transmit(BROADCAST_MAC, packet, trace)
        elif next_hop >> 28 == 0xE:
            # RFC 1112 §6.4: the low 23 bits of the group make the MAC address.
            self.transmit(b"\x01\x00\x5e" + (next_hop & 0x7FFFFF).to_bytes(3, "big"), packet, trace)
        else:
            if trace is not None and self.arp.lookup(next_hop) is None:
                trace.add(Note(f"waits for ARP of {format_ipv4(next_hop)} on {self.name}"))
            self.arp.resolve(next_hop, Waiting(packet, trace, forwarded))

    def announce(self) -> None:
        """A gratuitous ARP request for each address (RFC 5944 §4.6)."""
        for prefix in self.prefixes:
            self._request(prefix.address, prefix.address)

    def transmit(self, destination: bytes, packet: bytes, trace: PacketTrace | None) -> None:
        """Send a packet to a link address."""
        self.port.transmit(EthernetFrame(destination, self.mac, ETHERTYPE_IPV4, packet).build(), trace)

    def _receive(self, data: bytes, trace: PacketTrace | None) -> None:
        try:
            frame = EthernetFrame.parse(data)
            group = is_group(frame.destination)
            if (frame.destination != self.mac and not group) or frame.vlan is not None:
                self._owner.counters["frames for others"] += 1
            elif frame.ethertype == ETHERTYPE_IPV4:
                self.sender = frame.source
                self._owner.receive(frame.payload, self, group, trace)
            elif frame.ethertype == ETHERTYPE_ARP:
                self._receive_arp(arp.ArpPacket.parse(frame.payload))
            else:
                self._owner.counters["unknown ethertype"] += 1
        except MalformedPacket as error:
            self._owner.counters["malformed"] += 1
            if trace is not None:
                trace.enter(self._owner.name, self._owner.scheduler.now, self.name)
                trace.add(Lost(str(error)))

    def _receive_arp(self, packet: arp.ArpPacket) -> None:
        # RFC 826, "Packet Reception": merge first, insert only if we are the target.
        for_us = self.owns(packet.target_ip)
        if packet.sender_ip and not self.owns(packet.sender_ip) and not is_group(packet.sender_mac):
            self.arp.learn(packet.sender_ip, packet.sender_mac, insert=for_us)
        if for_us and packet.operation == arp.REQUEST and not self.owns(packet.sender_ip):
            reply = arp.ArpPacket(arp.REPLY, self.mac, packet.target_ip, packet.sender_mac, packet.sender_ip)
            self._transmit_arp(packet.sender_mac, reply)

    def _transmit_arp(self, destination: bytes, packet: arp.ArpPacket) -> None:
        self.port.transmit(EthernetFrame(destination, self.mac, ETHERTYPE_ARP, packet.build()).build(), None)

    def _request(self, sender: int, target: int) -> None:
        self._transmit_arp(BROADCAST_MAC, arp.ArpPacket(arp.REQUEST, self.mac, sender, ZERO_MAC, target))

    def _ask(self, target: int) -> None:
        sender = next((prefix.address for prefix in self.prefixes if target in prefix), self.address)
        self._request(sender, target)

    def _deliver(self, mac: bytes, waiting: Waiting) -> None:
        self.transmit(mac, waiting.packet, waiting.trace)

    def _give_up(self, address: int, queue: list[Waiting]) -> None:
        self._owner.counters["unresolved"] += len(queue)
        for waiting in queue:
            if waiting.trace is not None:
                waiting.trace.add(Lost(f"no ARP reply from {format_ipv4(address)} on {self.name}"))
        for waiting in queue:
            self._owner.unresolved(waiting, self)

    def _overflow(self, waiting: Waiting) -> None:
        self._owner.counters["ARP queue overflow"] += 1
        if waiting.trace is not None:
            waiting.trace.add(Lost(f"too many packets wait for ARP on {self.name}"))

    def _carrier(self, up: bool) -> None:
        if not up:
            self.arp.flush()
            return
        if self.gratuitous_arp:
            self.announce()
        self.on_up()
