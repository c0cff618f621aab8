"""Deriving the run-time address translation of a device: pools, mappings, and the addresses to answer ARP for."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.config.arp import proxied_addresses
from nsemu.config.device import DeviceConfig
from nsemu.config.interface import Interface, WebAuth
from nsemu.config.nat import Vip
from nsemu.config.service import TCP, UDP
from nsemu.device.pool_alarm import PoolAlarm
from nsemu.flow.state import FlowState
from nsemu.nat.mappings import Mappings, VipPorts
from nsemu.nat.pools import SourcePool
from nsemu.policy.book import Book
from nsemu.wire.address import mask_of

Span = tuple[int, int]
"""Lowest and highest address."""


def compile_translation(state: FlowState, config: DeviceConfig) -> None:
    """Bring pools, mappings, tunnel bindings and proxy ARP in step with a configuration.

    Unchanged pools keep their state.
    """
    state.pools = {
        number: known
        if (known := state.pools.get(number)) is not None and known.record == record
        else SourcePool(record, state.ports)
        for number, record in config.dips.items()
    }
    state.pool_groups = {
        number: tuple(state.pools[one] for one in members if one in state.pools)
        for number, members in config.dip_groups.items()
    }
    state.alarmed_pools &= state.pools.keys() if config.nat.alarm_raise else set()
    watch = PoolAlarm(state, config.nat).look if config.nat.alarm_raise else None
    for pool in state.pools.values():
        pool.sticky = config.nat.dip_sticky
        pool.watch = watch
        if watch is not None:
            watch(pool)
    vips = (ports for vip in config.vips.values() for ports in virtual_ports(config, vip))
    state.mappings = Mappings(config.mips.values(), vips)
    state.proxies = _proxies(config)
    state.routed_proxies = _routed_proxies(config)
    state.nhtb = dict(config.nhtb)


def virtual_ports(config: DeviceConfig, vip: Vip) -> Iterator[VipPorts]:
    """The ports that a VIP takes: the first of its service, or with `vip multi-port` all of them."""
    service = config.services.get(vip.service)
    entries = [entry for entry in service.entries if entry.protocol in {TCP, UDP}] if service is not None else []
    address = vip.address or own_address(config, vip.interface)
    if not entries or not address:
        return
    shift = entries[0].destination_low - vip.port
    for entry in entries:
        if config.nat.vip_multi_port:
            low, high = max(0, entry.destination_low - shift), min(65535, entry.destination_high - shift)
            yield VipPorts(address, entry.protocol, low, high, shift, vip)
        elif entry.destination_low == entries[0].destination_low:
            yield VipPorts(address, entry.protocol, vip.port, vip.port, shift, vip)


def own_address(config: DeviceConfig, interface: str) -> int:
    """The address of an interface, 0 without one."""
    record = config.interfaces.get(interface)
    return record.address.address if record is not None and record.address is not None else 0


def _proxies(config: DeviceConfig) -> dict[str, tuple[Span, ...]]:
    """What to answer ARP for: by interface; those of a loopback interface at the members of its group."""
    spans: dict[str, list[Span]] = {}
    for pool in config.dips.values():
        spans.setdefault(pool.interface, []).append((pool.low, pool.high))
        if pool.extended is not None:
            spans[pool.interface].append((pool.extended.address, pool.extended.address))
    for mip in config.mips.values():
        low = mip.address & mask_of(mip.length)
        spans.setdefault(mip.interface, []).append((low, low | (mask_of(mip.length) ^ 0xFFFFFFFF)))
    for vip in config.vips.values():
        if vip.address:
            spans.setdefault(vip.interface, []).append((vip.address, vip.address))
    for interface in config.interfaces.values():
        if interface.webauth is not WebAuth.OFF and interface.webauth_ip:
            spans.setdefault(interface.name, []).append((interface.webauth_ip, interface.webauth_ip))
    for name, addresses in proxied_addresses(config).items():
        spans.setdefault(name, []).extend(addresses)
    for interface in config.interfaces.values():
        if interface.loopback_group in spans:
            spans.setdefault(interface.name, []).extend(spans[interface.loopback_group])
    return {interface: tuple(found) for interface, found in spans.items()}


def _routed_proxies(config: DeviceConfig) -> dict[str, tuple[Span, ...]]:
    """Destinations that policies translate and that look as if they were on the wire of an interface.

    Whether ARP is answered depends on the route to the address: one that leads elsewhere makes it ours.
    """
    book = Book(config)
    spans: dict[str, list[Span]] = {}
    for policy in config.policies.values():
        if policy.destination_nat is None or not policy.enabled or policy.destination_negate:
            continue
        for low, high in book.addresses(policy.to_zone, policy.destinations):
            for interface in config.interfaces.values():
                if policy.from_zone in {interface.zone, "Global"}:
                    spans.setdefault(interface.name, []).extend(_on_wire(interface, low, high))
    return {interface: tuple(found) for interface, found in spans.items() if found}


def _on_wire(interface: Interface, low: int, high: int) -> Iterator[Span]:
    if interface.address is None:
        return
    network = interface.address.network
    first, last = max(low, network.address), min(high, network.broadcast)
    if first <= last:
        yield first, last
