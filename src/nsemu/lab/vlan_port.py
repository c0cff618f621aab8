"""IEEE 802.1Q at the interface of a host or router: one cable, an interface without tag, and one for each VLAN.

The interfaces above know nothing of it: each has a port of its own, and its frames go out with its tag.
"""

from __future__ import annotations

from functools import partial

from nsemu.lab.port import Port
from nsemu.runtime.trace import Lost, PacketTrace
from nsemu.sim.scheduler import Scheduler
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ethernet import EthernetFrame, VlanTag

UNTAGGED = 0


class VlanPort:
    """The physical side is `port`, to which a link attaches; `attach` adds an interface, `UNTAGGED` for no tag."""

    def __init__(self, node: str, interface: str, scheduler: Scheduler) -> None:
        self.port = Port(node, interface)
        self.port.on_receive = self._receive
        self.port.on_carrier = self._carrier
        self.port.on_mtu = self._mtu
        self._scheduler = scheduler
        self._above: dict[int, Port] = {}

    def attach(self, vlan: int, port: Port) -> None:
        """Join an interface's port. Raises ValueError when the VLAN has one."""
        if vlan in self._above:
            raise ValueError(f"VLAN {vlan} of {self.port.label} is taken by {self._above[vlan].label}")
        self._above[vlan] = port
        port.transmit = partial(self._transmit, vlan)

    def _transmit(self, vlan: int, data: bytes, trace: PacketTrace | None) -> None:
        if vlan != UNTAGGED:
            frame = EthernetFrame.parse(data)
            tag = VlanTag(vlan)
            data = EthernetFrame(frame.destination, frame.source, frame.ethertype, frame.payload, tag).build()
        self.port.transmit(data, trace)

    def _receive(self, data: bytes, trace: PacketTrace | None) -> None:
        try:
            frame = EthernetFrame.parse(data)
        except MalformedPacket as error:
            self._lost(str(error), trace)
            return
        # A tag of VLAN 0 gives a priority only (IEEE 802.1Q §6.9).
        vlan = frame.vlan.identifier if frame.vlan is not None else UNTAGGED
        above = self._above.get(vlan)
        if above is None:
            self._lost(f"no interface for VLAN {vlan}" if vlan else "no interface takes frames without tag", trace)
            return
        bare = EthernetFrame(frame.destination, frame.source, frame.ethertype, frame.payload)
        above.on_receive(data if frame.vlan is None else bare.build(), trace)

    def _lost(self, reason: str, trace: PacketTrace | None) -> None:
        if trace is not None:
            trace.enter(self.port.node, self._scheduler.now, self.port.interface)
            trace.add(Lost(reason))

    def _carrier(self, up: bool) -> None:
        for port in self._above.values():
            port.carrier = up
        for port in self._above.values():
            port.on_carrier(up)

    def _mtu(self, mtu: int | None) -> None:
        for port in self._above.values():
            port.mtu = mtu
            port.on_mtu(mtu)


def split_vlan(name: str) -> tuple[str, int]:
    """`eth1.10` → ("eth1", 10); a name without VLAN has 0."""
    stem, dot, number = name.rpartition(".")
    if dot and number.isascii() and number.isdigit() and 1 <= int(number) <= 4094:
        return stem, int(number)
    return name, UNTAGGED
