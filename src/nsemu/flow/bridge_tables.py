"""What a device in transparent mode knows of layer 2: its ports, its MAC table, and hosts that are being looked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nsemu.config.bridge import VLAN1
from nsemu.config.interface import BridgeSettings, InterfaceKind
from nsemu.flow.packet import Packet
from nsemu.runtime.interface import RunInterface
from nsemu.runtime.mac_table import MacTable

HELD_LIMIT: Final = 16
"""Packets that wait for one host."""
SEARCH_LIMIT: Final = 256
"""Hosts that are looked for at one time."""


class HostSearch:
    """A host that ARP is asking for, and the packets out of a tunnel that wait for it."""

    __slots__ = ("asked", "packets")

    def __init__(self) -> None:
        self.asked = 0
        self.packets: list[Packet] = []


class BridgeTables:
    """`ports` are the interfaces in layer 2 zones; `zones` the interfaces that stand for those zones, by their name.

    `vlan1` has the device's own addresses. An interface of a zone shares them, and sends to the ports of its zone only.
    """

    def __init__(self) -> None:
        self.macs = MacTable()
        self.ports: tuple[RunInterface, ...] = ()
        self.zones: dict[str, RunInterface] = {}
        self.vlan1: RunInterface | None = None
        self.settings = BridgeSettings()
        self.searches: dict[int, HostSearch] = {}

    def configure(self, interfaces: Mapping[str, RunInterface]) -> None:
        """Bring the ports in step with the interfaces."""
        ports = tuple(interface for interface in interfaces.values() if interface.bridged)
        for gone in set(self.ports) - set(ports):
            self.macs.forget(gone)
        self.ports = ports
        self.vlan1 = interfaces.get(VLAN1)
        self.settings = self.vlan1.config.bridge if self.vlan1 is not None else BridgeSettings()
        self.zones = {
            interface.zone: interface
            for interface in interfaces.values()
            if interface.kind is InterfaceKind.VLAN and interface is not self.vlan1
        }

    def others(self, ingress: RunInterface) -> list[RunInterface]:
        """The ports to which a frame goes that everyone shall get."""
        return [port for port in self.ports if port is not ingress and port.carrier]

    def behind(self, interface: RunInterface) -> list[RunInterface]:
        """The ports of `vlan1`, which are all, or those of an interface that stands for a zone."""
        return [
            port for port in self.ports if port.carrier and (interface is self.vlan1 or port.zone == interface.zone)
        ]
