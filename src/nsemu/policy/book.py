"""What the names in policies stand for: addresses as ranges of numbers, services as entries.

A `Book` reads one configuration and notes every record it looked at, so that what was compiled from it can be kept for
as long as those records are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from nsemu.config.address import PREDEFINED_ADDRESSES, Address, AddressGroup, AddressKey
from nsemu.config.interface import Interface
from nsemu.config.mapped import mapped_range, own_vip_interface
from nsemu.config.service import Service, ServiceEntry, ServiceGroup
from nsemu.policy.ranges import Range, complement, merge
from nsemu.wire.address import BROADCAST_ADDRESS, Prefix

K = TypeVar("K")
V = TypeVar("V")

ResolveName = Callable[[str], tuple[int, ...]]
"""Domain name → its addresses, none while it is not resolved."""

ServiceMember = tuple[ServiceEntry, Service]
"""One match of a service cell, and the service it belongs to."""


class Names(Protocol):
    """The tables that names in policies refer to."""

    @property
    def addresses(self) -> Mapping[AddressKey, Address]:
        """Address books."""

    @property
    def address_groups(self) -> Mapping[AddressKey, AddressGroup]:
        """Address groups."""

    @property
    def interfaces(self) -> Mapping[str, Interface]:
        """Interfaces, for VIPs on their own addresses."""

    @property
    def services(self) -> Mapping[str, Service]:
        """Services."""

    @property
    def service_groups(self) -> Mapping[str, ServiceGroup]:
        """Service groups."""


def unresolved(name: str) -> tuple[int, ...]:
    """A `ResolveName` without DNS: no name has an address."""
    del name
    return ()


class Book:
    """Resolves names. A name that refers to nothing stands for no address and no service."""

    __slots__ = ("_addresses", "_names", "_resolve", "_services", "_used")

    def __init__(self, names: Names, resolve: ResolveName = unresolved) -> None:
        self._names = names
        self._resolve = resolve
        self._used: dict[tuple[str, object], object] = {}
        self._addresses: dict[tuple[str, tuple[str, ...], bool], tuple[Range, ...]] = {}
        self._services: dict[tuple[str, ...], tuple[ServiceMember, ...]] = {}

    def addresses(self, zone: str, members: tuple[str, ...], negate: bool = False) -> tuple[Range, ...]:
        """The addresses a cell of a policy covers, as merged ranges; all others when the cell is negated."""
        key = (zone, members, negate)
        ranges = self._addresses.get(key)
        if ranges is None:
            ranges = merge(self._collect(zone, members, set()))
            if negate:
                ranges = complement(ranges, BROADCAST_ADDRESS)
            self._addresses[key] = ranges
        return ranges

    def services(self, members: tuple[str, ...]) -> tuple[ServiceMember, ...]:
        """The matches of a service cell in its order, groups taken apart."""
        found = self._services.get(members)
        if found is None:
            found = self._services[members] = tuple(self._collect_services(members, set()))
        return found

    def still_holds(self, names: Names, resolve: ResolveName) -> bool:
        """Whether all that was looked up is the same in `names`."""
        tables = _tables(names)
        if all(new is old for new, old in zip(tables.values(), _tables(self._names).values(), strict=True)):
            return all(resolve(str(key)) == seen for (kind, key), seen in self._used.items() if kind == "fqdn")
        for (kind, key), seen in self._used.items():
            if kind == "fqdn":
                if resolve(str(key)) != seen:
                    return False
            elif tables[kind].get(key) is not seen:
                return False
        return True

    def rebase(self, names: Names, resolve: ResolveName) -> None:
        """Go on with other tables in which all that was looked up is the same (`still_holds`)."""
        self._names = names
        self._resolve = resolve

    def _collect(self, zone: str, members: tuple[str, ...], seen: set[str]) -> list[Range]:
        ranges: list[Range] = []
        for name in members:
            if name in seen:  # a group may not contain itself, but must not hang us if it does
                continue
            seen.add(name)
            address: Address | None = self._look("addresses", self._names.addresses, (zone, name))
            if address is not None:
                ranges += self._ranges(address)
                continue
            group: AddressGroup | None = self._look("address_groups", self._names.address_groups, (zone, name))
            if group is not None:
                ranges += self._collect(zone, group.members, seen)
            elif name in PREDEFINED_ADDRESSES:
                ranges.append(_range(PREDEFINED_ADDRESSES[name]))
            else:
                ranges += self._mapped(name)
        return ranges

    def _mapped(self, name: str) -> list[Range]:
        """The addresses of a MIP or VIP; none for another name."""
        own = own_vip_interface(name)
        if own is None:
            fixed = mapped_range(name)
            return [fixed] if fixed is not None else []
        record: Interface | None = self._look("interfaces", self._names.interfaces, own)
        address = record.address.address if record is not None and record.address is not None else None
        return [(address, address)] if address is not None else []

    def _ranges(self, address: Address) -> list[Range]:
        if address.prefix is not None:
            return [_range(address.prefix)]
        answers = self._resolve(address.fqdn)
        self._used["fqdn", address.fqdn] = answers
        return [(answer, answer) for answer in answers]

    def _collect_services(self, members: tuple[str, ...], seen: set[str]) -> list[ServiceMember]:
        found: list[ServiceMember] = []
        for name in members:
            if name in seen:
                continue
            seen.add(name)
            service: Service | None = self._look("services", self._names.services, name)
            if service is not None:
                found += [(entry, service) for entry in service.entries]
                continue
            group: ServiceGroup | None = self._look("service_groups", self._names.service_groups, name)
            if group is not None:
                found += self._collect_services(group.members, seen)
        return found

    def _look(self, kind: str, table: Mapping[K, V], key: K) -> V | None:
        record = table.get(key)
        self._used[kind, key] = record
        return record


def _tables(names: Names) -> dict[str, Mapping[Any, object]]:
    return {
        "addresses": names.addresses,
        "address_groups": names.address_groups,
        "interfaces": names.interfaces,
        "services": names.services,
        "service_groups": names.service_groups,
    }


def _range(prefix: Prefix) -> Range:
    first = prefix.address & prefix.mask
    return first, first | (prefix.mask ^ 0xFFFFFFFF)
