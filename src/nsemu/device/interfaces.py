"""Keeping the run-time interfaces of a device in step with its configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from nsemu.config.bridge import L2_NULL, VLAN1
from nsemu.config.device import DeviceConfig
from nsemu.config.interface import GROUP_STEM, Interface, InterfaceKind, management_services
from nsemu.config.zone import Zone, ZoneKind
from nsemu.device.monitor import monitored_down
from nsemu.runtime.interface import DEFAULT_MTU, RunInterface
from nsemu.sim.scheduler import Instant

_VENDOR = bytes.fromhex("0010db")
_GROUP_NUMBER = 11
_TUNNEL_NUMBER = 20
_LOOPBACK_NUMBER = 21
_NULL_NUMBER = 22


class InterfaceSet:
    """All interfaces of one device. `carriers` and `link_mtus` remember the links, whatever the configuration."""

    def __init__(self, device: str) -> None:
        # A made-up but stable block of addresses: two devices of a lab never share one.
        self._block = int.from_bytes(hashlib.sha256(device.encode()).digest()[:3], "big") & 0xFFFF80
        self.items: dict[str, RunInterface] = {}
        self.carriers: dict[str, bool] = {}
        self.link_mtus: dict[str, int] = {}
        self.tracking_failed: frozenset[str] = frozenset()
        self.held_down: frozenset[str] = frozenset()

    def synchronise(self, config: DeviceConfig) -> None:
        """Create, update and retire interfaces; their `up` is decided later, by `settle`."""
        zones = _zones_in_use(config)
        for gone in [name for name in self.items if name not in config.interfaces and name not in zones]:
            interface = self.items.pop(gone)
            interface.present = False
            interface.up = False
            interface.vrouter = ""
        for record in config.interfaces.values():
            interface = self.items.get(record.name) or self._create(config, record)
            self.items[record.name] = interface
            self._update(interface, record, config)
        self._join()
        for interface in self.items.values():
            self._carrier(interface)
        for name, zone in zones.items():
            self.items[name] = self._stand_for(zone, name, config)
        self._follow_ports()

    def settle(self, config: DeviceConfig, usable: Callable[[int], bool], now: Instant) -> bool:
        """Decide which interfaces are up; whether any changed. `usable` tells whether a tunnel could carry traffic.

        What monitoring takes down can take others down: `held_down` grows until nothing changes.
        """
        self.held_down = frozenset()
        ups = self._ups(config, usable)
        while down := monitored_down(config, ups, self.tracking_failed) - self.held_down:
            self.held_down |= down
            ups = self._ups(config, usable)
        changed = False
        for interface in self.items.values():
            up = ups[interface.name]
            if up != interface.up:
                interface.up = up
                interface.status_changes += 1
                interface.last_change = now
                changed = True
        return changed

    def set_carrier(self, name: str, up: bool) -> list[RunInterface]:
        """A link came up or went down; the interface, and those that go up or down with it."""
        self.carriers[name] = up
        interface = self.items.get(name)
        if interface is None:
            return []
        before = {one.name: one.carrier for one in self.items.values()}
        for one in self._above(interface):
            self._carrier(one)
        if interface.bridged:
            self._follow_ports()
        followers = [one for one in self._above(interface)[1:] if one.carrier != before[one.name]]
        return [interface, *followers]

    def _above(self, interface: RunInterface) -> list[RunInterface]:
        """An interface and those that use its link, in the order in which they depend on each other."""
        found = [interface]
        if interface.group is not None:
            found.append(interface.group)
        for one in list(found):
            found += one.parts.values()
        return found

    def set_link_mtu(self, name: str, mtu: int | None) -> None:
        """The longest packet that the link of an interface carries; None without a limit."""
        self.link_mtus[name] = mtu or 65535
        interface = self.items.get(name)
        for one in self._above(interface) if interface is not None else ():
            one.mtu = self._mtu(one)

    def restart(self) -> None:
        """Forget the run-time interfaces; the links stay as they are."""
        self.items = {}
        self.tracking_failed = frozenset()

    def _create(self, config: DeviceConfig, record: Interface) -> RunInterface:
        number, index = _numbers(config, record)
        mac = _VENDOR + (self._block + number).to_bytes(3, "big")
        return RunInterface(record, number, index, mac)

    def _update(self, interface: RunInterface, record: Interface, config: DeviceConfig) -> None:
        interface.config = record
        zone = config.zones.get(record.zone)
        interface.zone = record.zone
        interface.zone_id = zone.id if zone is not None else 0
        interface.bridged = zone is not None and zone.kind is ZoneKind.LAYER2 and zone.name != L2_NULL
        bound = zone is not None and zone.kind in {ZoneKind.LAYER3, ZoneKind.FUNCTION, ZoneKind.TUNNEL}
        interface.vrouter = zone.vrouter if zone is not None and (bound or interface.bridged) else ""
        lender = config.interfaces.get(record.unnumbered) if record.unnumbered else None
        prefix = record.address or (lender.address if lender is not None else None)
        interface.address = prefix.address if prefix is not None else 0
        interface.length = prefix.length if prefix is not None and record.address is not None else 0
        interface.manage_ip = record.manage_ip or 0
        interface.mtu = self._mtu(interface)
        interface.secondary = record.secondary
        interface.nat_mode = record.mode.value == "nat"
        bridging = zone is not None and zone.kind is ZoneKind.LAYER2
        interface.manage = zone.services if zone is not None and bridging else management_services(record)

    def _join(self) -> None:
        """Sub-interfaces to their parents, ports to their groups."""
        for interface in self.items.values():
            interface.parts, interface.ports = {}, ()
        for interface in self.items.values():
            record = interface.config
            interface.group = self.items.get(record.port_group) if record.port_group else None
            if interface.group is not None:
                interface.group.ports += (interface,)
                interface.zone, interface.zone_id, interface.vrouter, interface.bridged = "Null", 0, "", False
            interface.tag = record.tag
            interface.parent = self.items.get(record.parent) if record.parent else None
            if interface.parent is not None:
                interface.mac = interface.parent.mac
                if interface.tag:
                    interface.parent.parts[interface.tag] = interface
            interface.switched = interface.bridged or interface.group is not None
            interface.indirect = interface.kind is InterfaceKind.VLAN or interface.parent is not None or record.is_group
        for interface in self.items.values():
            interface.mtu = self._mtu(interface)

    def _mtu(self, interface: RunInterface) -> int:
        """What is configured, the parent's for a sub-interface; less where a link carries less."""
        configured = interface.config.mtu
        if interface.parent is not None:
            below = self._mtu(interface.parent)
            return min(configured or below, below)
        wires = [port.name for port in interface.ports] if interface.config.is_group else [interface.name]
        return min([configured or DEFAULT_MTU, *(self.link_mtus.get(name, 65535) for name in wires)])

    def _carrier(self, interface: RunInterface) -> None:
        if interface.kind is InterfaceKind.ETHERNET:
            interface.carrier = self._has_link(interface)

    def _has_link(self, interface: RunInterface) -> bool:
        """Whether frames can come and go: by the link, any port of the group, or the parent when there is a tag."""
        if interface.config.link_down:
            return False
        if interface.parent is not None:
            return interface.tag > 0 and self._has_link(interface.parent)
        if interface.config.is_group:
            return any(self._has_link(port) for port in interface.ports)
        return self.carriers.get(interface.name, False)

    def _stand_for(self, zone: Zone, name: str, config: DeviceConfig) -> RunInterface:
        """The interface that stands for a layer 2 zone where VPNs need one: it has the addresses of `vlan1`."""
        vlan1 = self.items[VLAN1]
        record = Interface(name, InterfaceKind.VLAN, zone.name)
        interface = self.items.get(name)
        if interface is None:
            interface = RunInterface(record, vlan1.number, zone.id, vlan1.mac)
        self._update(interface, record, config)
        interface.vrouter, interface.bridged = zone.vrouter, False
        interface.address, interface.mtu = vlan1.address, vlan1.mtu
        return interface

    def _follow_ports(self) -> None:
        """`vlan1` and the interfaces of layer 2 zones have a link while one of their ports has."""
        ports = [interface for interface in self.items.values() if interface.bridged and interface.carrier]
        for interface in self.items.values():
            if interface.kind is InterfaceKind.VLAN:
                own = interface.name == VLAN1
                interface.carrier = any(own or port.zone == interface.zone for port in ports)

    def _ups(self, config: DeviceConfig, usable: Callable[[int], bool]) -> dict[str, bool]:
        return {
            name: name not in self.held_down and self._is_up(interface, config, usable)
            for name, interface in self.items.items()
        }

    def _is_up(self, interface: RunInterface, config: DeviceConfig, usable: Callable[[int], bool]) -> bool:
        if interface.kind is not InterfaceKind.TUNNEL:
            return interface.carrier
        zone = config.zones.get(interface.zone)
        if zone is not None and zone.kind is ZoneKind.TUNNEL:
            return True
        if not any(usable(identifier) for identifier in interface.tunnel_ids):
            return False
        lender = interface.config.unnumbered
        lending = self.items.get(lender) if lender else None
        if lending is None:
            return lender is None
        return lending.carrier and lending.name not in self.held_down


def _zones_in_use(config: DeviceConfig) -> dict[str, Zone]:
    """The layer 2 zones with an interface, by the name that outgoing interfaces call them."""
    used = {record.zone for record in config.interfaces.values()}
    return {
        zone.name.lower(): zone
        for zone in config.zones.values()
        if zone.kind is ZoneKind.LAYER2 and zone.name in used and zone.name != L2_NULL
    }


def _numbers(config: DeviceConfig, record: Interface) -> tuple[int, int]:
    """The `number` and `if_index` of an interface (screenos-cli §1.1, §1.3)."""
    names = config.platform.interfaces
    if record.name in names:
        return names.index(record.name), 0
    if record.parent is not None and record.parent in config.interfaces:
        return _numbers(config, config.interfaces[record.parent])[0], int(record.name.rpartition(".")[2])
    if record.is_group:
        return _GROUP_NUMBER + int(record.name[len(GROUP_STEM) :]), 0
    if record.kind is InterfaceKind.TUNNEL:
        return _TUNNEL_NUMBER, int(record.name.partition(".")[2])
    if record.kind is InterfaceKind.LOOPBACK:
        return _LOOPBACK_NUMBER, int(record.name.partition(".")[2])
    if record.kind is InterfaceKind.NULL:
        return _NULL_NUMBER, 0
    return len(names), 0
