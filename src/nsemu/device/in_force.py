"""The configuration in force: what the admin wrote, with what follows from it and from DHCP leases. Never printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nsemu.config.device import DeviceConfig
from nsemu.config.kept import owned_lines, owners_of
from nsemu.config.vrouter import RouteKey, StaticRoute
from nsemu.device.dhcp import leased
from nsemu.runtime.dhcp_client import Lease
from nsemu.wire.address import Prefix


def in_force(config: DeviceConfig, leases: Mapping[str, Lease]) -> DeviceConfig:
    """The configuration that the run-time tables are made from."""
    return leased(_with_gateways(config), leases)


def _with_gateways(config: DeviceConfig) -> DeviceConfig:
    """`set interface X gateway A` is a default route by the interface, unless it says `no-default-route`."""
    routes = dict(config.routes)
    for name in owners_of(config.kept, "interface gateway"):
        (_rest, line), *_others = owned_lines(config.kept, ("interface", name), "interface gateway")
        vrouter = config.zones[config.interfaces[name].zone].vrouter
        key = RouteKey(vrouter, Prefix(0, 0), name, line["address"])
        if vrouter and "no_route" not in line:
            routes.setdefault(key, StaticRoute(key))
    return config if len(routes) == len(config.routes) else replace(config, routes=routes)
