"""ARP at the interfaces of a device: resolving next hops, answering for own addresses (RFC 826).

A `Neighbor` holds the ready link header; forwarding needs one attribute of it. Packets for an unresolved neighbor wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from nsemu.config.arp import ArpSettings
from nsemu.config.interface import InterfaceKind
from nsemu.runtime.interface import RunInterface
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.scheduler import SECOND, Instant, Scheduler
from nsemu.wire.address import BROADCAST_MAC, ZERO_MAC
from nsemu.wire.arp import ArpPacket
from nsemu.wire.errors import MalformedPacket

LIFETIME: Final = 1200 * SECOND
FOREVER: Final[Instant] = 1 << 62
RETRY_INTERVAL: Final = 1 * SECOND
RETRIES: Final = 3
QUEUE_LIMIT: Final = 16

_IPV4: Final = b"\x08\x00"
_ARP: Final = b"\x08\x06"

_ON_A_WIRE: Final = frozenset({InterfaceKind.ETHERNET, InterfaceKind.VLAN})

Waiting = tuple[bytes, PacketTrace | None]


class Neighbor:
    """A node on the wire. `header` is the 14-octet Ethernet header towards it, None while it is not resolved."""

    __slots__ = ("address", "expires", "header", "interface", "mac", "queue", "retries", "static")

    def __init__(self, interface: RunInterface, address: int) -> None:
        self.interface = interface
        self.address = address
        self.mac = ZERO_MAC
        self.header: bytes | None = None
        self.expires: Instant = 0
        self.retries = 0
        self.queue: deque[Waiting] = deque()
        self.static = False


class NeighborTable:
    """The ARP tables of all interfaces of a device. `heard` is told of every sender of ARP, by interface."""

    def __init__(
        self,
        scheduler: Scheduler,
        send: Callable[[RunInterface, bytes, PacketTrace | None], None],
        owns: Callable[[RunInterface, int], bool],
        unreachable: Callable[[Neighbor, bytes, PacketTrace | None], None],
    ) -> None:
        self._scheduler = scheduler
        self._send = send
        self._owns = owns
        self._unreachable = unreachable
        self.entries: dict[tuple[str, int], Neighbor] = {}
        self.settings = ArpSettings()
        self.heard: Callable[[RunInterface, int, bytes], None] | None = None

    def configure(self, settings: ArpSettings, interfaces: Mapping[str, RunInterface]) -> None:
        """Follow `set arp …`: make the static entries, and let those go that are none any more."""
        self.settings = settings
        wanted = {(name, address): mac for name, address, mac in settings.entries if name in interfaces}
        for key, neighbor in self.entries.items():
            if neighbor.static and key not in wanted:
                neighbor.static, neighbor.header = False, None
        for (name, address), mac in wanted.items():
            neighbor = self.neighbor(interfaces[name], address)
            neighbor.static = False
            self._resolve(neighbor, mac)
            neighbor.static, neighbor.expires = True, FOREVER

    def neighbor(self, interface: RunInterface, address: int) -> Neighbor:
        """The neighbor with that address on that interface, resolved or not."""
        key = (interface.name, address)
        found = self.entries.get(key)
        if found is None:
            found = self.entries[key] = Neighbor(interface, address)
        return found

    def known(self, interface: RunInterface, address: int, mac: bytes) -> Neighbor:
        """A neighbor outside the table whose link address was seen on a frame (reply to where it came from).

        With `set arp always-on-dest` it is one of the table, and is asked for.
        """
        if self.settings.always_on_dest:
            return self.neighbor(interface, address)
        neighbor = Neighbor(interface, address)
        self._resolve(neighbor, mac)
        return neighbor

    def fixed(self, interface: RunInterface, address: int, mac: bytes, source: bytes) -> Neighbor:
        """A neighbor outside the table whose link address was seen on a frame that is bridged; it stays as it is.

        `source` is the other address of its frames, and their VLAN tag if they have one.
        """
        neighbor = Neighbor(interface, address)
        neighbor.mac = mac
        neighbor.header = mac + source + _IPV4
        neighbor.expires = FOREVER
        return neighbor

    def send(self, neighbor: Neighbor, packet: bytes, trace: PacketTrace | None) -> None:
        """Send a packet to a neighbor, asking for its link address first if need be."""
        header = neighbor.header
        if header is not None and neighbor.expires > self._scheduler.now:
            self._send(neighbor.interface, header + packet, trace)
            return
        neighbor.header = None
        if len(neighbor.queue) >= QUEUE_LIMIT:
            self._unreachable(neighbor, *neighbor.queue.popleft())
        neighbor.queue.append((packet, trace))
        if neighbor.retries == 0:
            self._ask(neighbor)

    def receive(self, interface: RunInterface, frame: bytes) -> None:
        """Take an ARP frame: answer requests for own addresses, learn from what concerns us."""
        try:
            arp = ArpPacket.parse(memoryview(frame)[14:])
        except MalformedPacket:
            return
        if self.heard is not None and arp.sender_ip:
            self.heard(interface, arp.sender_ip, arp.sender_mac)
        mine = self._owns(interface, arp.target_ip)
        known = self.entries.get((interface.name, arp.sender_ip))
        if arp.sender_ip and (mine or known is not None) and not self._owns(interface, arp.sender_ip):
            self._resolve(known or self.neighbor(interface, arp.sender_ip), arp.sender_mac)
        if mine and arp.operation == 1:
            reply = ArpPacket(2, interface.mac, arp.target_ip, arp.sender_mac, arp.sender_ip)
            self._send(interface, arp.sender_mac + interface.mac + _ARP + reply.build(), None)

    def announce(self, interface: RunInterface) -> None:
        """A gratuitous ARP for each address of the interface."""
        if interface.address and interface.carrier and interface.kind in _ON_A_WIRE:
            for address in (interface.address, *(prefix.address for prefix in interface.secondary)):
                arp = ArpPacket(1, interface.mac, address, ZERO_MAC, address)
                self._send(interface, BROADCAST_MAC + interface.mac + _ARP + arp.build(), None)

    def forget(self, interface: RunInterface) -> None:
        """Drop what is known of an interface's wire (its link or address went)."""
        for key in [key for key, one in self.entries.items() if key[0] == interface.name and not one.static]:
            neighbor = self.entries.pop(key)
            neighbor.header = None
            neighbor.retries = 0
            self._give_up(neighbor)

    def clear(self, interface: str | None = None, address: int | None = None) -> None:
        """`clear arp`: all, those of an interface, that of an address.

        Entries stay, without link address: tunnels and sessions hold on to them.
        """
        for neighbor in self.entries.values():
            if not neighbor.static and interface in {None, neighbor.interface.name}:
                neighbor.header = None if address in {None, neighbor.address} else neighbor.header

    def _ask(self, neighbor: Neighbor) -> None:
        if neighbor.header is not None or not neighbor.queue:
            neighbor.retries = 0
            return
        if neighbor.retries >= RETRIES:
            neighbor.retries = 0
            self._give_up(neighbor)
            return
        neighbor.retries += 1
        interface = neighbor.interface
        arp = ArpPacket(1, interface.mac, interface.source_towards(neighbor.address), ZERO_MAC, neighbor.address)
        self._send(interface, BROADCAST_MAC + interface.mac + _ARP + arp.build(), None)
        self._scheduler.after(RETRY_INTERVAL, self._ask, neighbor)

    def _give_up(self, neighbor: Neighbor) -> None:
        waiting = list(neighbor.queue)
        neighbor.queue.clear()
        for packet, trace in waiting:
            self._unreachable(neighbor, packet, trace)

    def _resolve(self, neighbor: Neighbor, mac: bytes) -> None:
        if neighbor.static:
            return
        neighbor.mac = mac
        neighbor.header = mac + neighbor.interface.mac + _IPV4
        neighbor.expires = self._scheduler.now + (self.settings.age * SECOND or LIFETIME)
        neighbor.retries = 0
        queue, neighbor.queue = neighbor.queue, deque()
        for packet, trace in queue:
            self._send(neighbor.interface, neighbor.header + packet, trace)
