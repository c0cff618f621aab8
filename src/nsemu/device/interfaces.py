"""Keeping the run-time interfaces of a device in step with its configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from nsemu.config.device import DeviceConfig
from nsemu.config.interface import Interface, InterfaceKind, management_services
from nsemu.config.zone import ZoneKind
from nsemu.runtime.interface import DEFAULT_MTU, RunInterface
from nsemu.sim.scheduler import Instant

_VENDOR = bytes.fromhex("0010db")
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

    def synchronise(self, config: DeviceConfig) -> None:
        """Create, update and retire interfaces; their `up` is decided later, by `settle`."""
        for gone in [name for name in self.items if name not in config.interfaces]:
            interface = self.items.pop(gone)
            interface.present = False
            interface.up = False
            interface.vrouter = ""
        for record in config.interfaces.values():
            interface = self.items.get(record.name) or self._create(config, record)
            self.items[record.name] = interface
            self._update(interface, record, config)
            self._carrier(interface)

    def settle(self, config: DeviceConfig, usable: Callable[[int], bool], now: Instant) -> bool:
        """Decide which interfaces are up; whether any changed. `usable` tells whether a tunnel could carry traffic."""
        changed = False
        for interface in self.items.values():
            up = self._is_up(interface, config, usable)
            if up != interface.up:
                interface.up = up
                interface.status_changes += 1
                interface.last_change = now
                changed = True
        return changed

    def set_carrier(self, name: str, up: bool) -> RunInterface | None:
        """A link came up or went down."""
        self.carriers[name] = up
        interface = self.items.get(name)
        if interface is not None:
            self._carrier(interface)
        return interface

    def set_link_mtu(self, name: str, mtu: int | None) -> None:
        """The longest packet that the link of an interface carries; None without a limit."""
        self.link_mtus[name] = mtu or 65535
        interface = self.items.get(name)
        if interface is not None:
            interface.mtu = min(interface.config.mtu or DEFAULT_MTU, self.link_mtus[name])

    def restart(self) -> None:
        """Forget the run-time interfaces; the links stay as they are."""
        self.items = {}

    def _create(self, config: DeviceConfig, record: Interface) -> RunInterface:
        number, index = _numbers(config, record)
        mac = _VENDOR + (self._block + number).to_bytes(3, "big")
        return RunInterface(record, number, index, mac)

    def _update(self, interface: RunInterface, record: Interface, config: DeviceConfig) -> None:
        interface.config = record
        zone = config.zones.get(record.zone)
        interface.zone = record.zone
        interface.zone_id = zone.id if zone is not None else 0
        bound = zone is not None and zone.kind in {ZoneKind.LAYER3, ZoneKind.FUNCTION, ZoneKind.TUNNEL}
        interface.vrouter = zone.vrouter if zone is not None and bound else ""
        lender = config.interfaces.get(record.unnumbered) if record.unnumbered else None
        prefix = record.address or (lender.address if lender is not None else None)
        interface.address = prefix.address if prefix is not None else 0
        interface.length = prefix.length if prefix is not None and record.address is not None else 0
        interface.manage_ip = record.manage_ip or 0
        interface.mtu = min(record.mtu or DEFAULT_MTU, self.link_mtus.get(record.name, 65535))
        interface.nat_mode = record.mode.value == "nat"
        interface.manage = management_services(record)

    def _carrier(self, interface: RunInterface) -> None:
        if interface.kind in {InterfaceKind.ETHERNET, InterfaceKind.VLAN}:
            interface.carrier = self.carriers.get(interface.name, False) and not interface.config.link_down

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
        return lending.carrier if lending is not None else lender is None


def _numbers(config: DeviceConfig, record: Interface) -> tuple[int, int]:
    """The `number` and `if_index` of an interface (screenos-cli §1.1, §1.3)."""
    names = config.platform.interfaces
    if record.name in names:
        return names.index(record.name), 0
    if record.kind is InterfaceKind.TUNNEL:
        return _TUNNEL_NUMBER, int(record.name.partition(".")[2])
    if record.kind is InterfaceKind.LOOPBACK:
        return _LOOPBACK_NUMBER, int(record.name.partition(".")[2])
    if record.kind is InterfaceKind.NULL:
        return _NULL_NUMBER, 0
    return len(names), 0
