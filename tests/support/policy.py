"""Configurations with address books and policies, in few words."""

from __future__ import annotations

from dataclasses import replace

from nsemu.config.address import Address, AddressGroup
from nsemu.config.device import factory_configuration
from nsemu.config.editor import Editor
from nsemu.config.policy import Policy, PolicyAction
from nsemu.config.service import ICMP, TCP, Service, ServiceEntry, ServiceGroup
from nsemu.policy.decision import Traffic
from nsemu.wire.address import Prefix, parse_ipv4


def factory() -> Editor:
    return Editor(factory_configuration())


def address(edit: Editor, zone: str, name: str, prefix: str) -> None:
    edit.addresses.put((zone, name), Address(zone, name, Prefix.parse(prefix)))


def address_group(edit: Editor, zone: str, name: str, *members: str) -> None:
    edit.address_groups.put((zone, name), AddressGroup(zone, name, members))


def service(edit: Editor, name: str, *entries: ServiceEntry, timeout: int | None = None) -> None:
    edit.services.put(name, Service(name, entries, timeout))


def service_group(edit: Editor, name: str, *members: str) -> None:
    edit.service_groups.put(name, ServiceGroup(name, members))


def policy(
    edit: Editor,
    number: int,
    zones: tuple[str, str] = ("Trust", "Untrust"),
    cells: tuple[str | tuple[str, ...], str | tuple[str, ...], str | tuple[str, ...]] = ("Any", "Any", "ANY"),
    action: PolicyAction = PolicyAction.PERMIT,
    top: bool = False,
    **changes: object,
) -> Policy:
    """Add a policy at the end, or the head, of the list of its zones. `cells`: sources, destinations, services."""
    sources, destinations, services = ((cell,) if isinstance(cell, str) else cell for cell in cells)
    record = Policy(number, *zones, sources, destinations, services, action)
    record = replace(record, **changes)  # type: ignore[arg-type]
    order = edit.policy_order.get(zones, ())
    edit.policies.put(number, record)
    edit.policy_order.put(zones, (number, *order) if top else (*order, number))
    return record


def remove(edit: Editor, number: int) -> None:
    zones = edit.policies[number].zones
    edit.policies.remove(number)
    edit.policy_order.put(zones, tuple(other for other in edit.policy_order[zones] if other != number))


def traffic(
    source: str = "10.1.1.5",
    destination: str = "1.1.1.5",
    port: int = 80,
    protocol: int = TCP,
    source_port: int = 40000,
) -> Traffic:
    return Traffic(parse_ipv4(source), parse_ipv4(destination), protocol, source_port, port)


def icmp(kind: int, code: int = 0, source: str = "10.1.1.5", destination: str = "1.1.1.5") -> Traffic:
    return Traffic(parse_ipv4(source), parse_ipv4(destination), ICMP, kind, code)
