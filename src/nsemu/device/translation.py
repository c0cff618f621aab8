"""Deriving the run-time address translation of a device: pools, mappings, and the addresses to answer ARP for."""

from __future__ import annotations

from nsemu.config.device import DeviceConfig
from nsemu.config.nat import Vip
from nsemu.flow.state import FlowState
from nsemu.nat.mappings import Mappings
from nsemu.nat.pools import SourcePool
from nsemu.wire.address import mask_of


def compile_translation(state: FlowState, config: DeviceConfig) -> None:
    """Bring pools, mappings and proxy ARP in step with a configuration; unchanged pools keep their state."""
    state.pools = {
        number: known if (known := state.pools.get(number)) is not None and known.record == record else made
        for number, record in config.dips.items()
        for made in (SourcePool(record, state.ports),)
    }
    vips = {(_address(config, vip), vip.port): (vip, _server_port(config, vip)) for vip in config.vips.values()}
    state.mappings = Mappings(config.mips.values(), vips)
    state.proxies = _proxies(config)


def _address(config: DeviceConfig, vip: Vip) -> int:
    if vip.address:
        return vip.address
    interface = config.interfaces.get(vip.interface)
    return interface.address.address if interface is not None and interface.address is not None else 0


def _server_port(config: DeviceConfig, vip: Vip) -> int:
    service = config.services.get(vip.service)
    return service.entries[0].destination_low if service is not None and service.entries else vip.port


def _proxies(config: DeviceConfig) -> dict[str, tuple[tuple[int, int], ...]]:
    ranges: dict[str, list[tuple[int, int]]] = {}
    for pool in config.dips.values():
        ranges.setdefault(pool.interface, []).append((pool.low, pool.high))
    for mip in config.mips.values():
        low = mip.address & mask_of(mip.length)
        ranges.setdefault(mip.interface, []).append((low, low | (mask_of(mip.length) ^ 0xFFFFFFFF)))
    for vip in config.vips.values():
        if vip.address:
            ranges.setdefault(vip.interface, []).append((vip.address, vip.address))
    return {interface: tuple(found) for interface, found in ranges.items()}
