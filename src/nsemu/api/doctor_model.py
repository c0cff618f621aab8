"""What `doctor` looks at, a device with what follows from its configuration, and what it says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nsemu.cli.grammar.nodes import Setting
from nsemu.cli.grammar.printer import command_line
from nsemu.cli.settings import TREE, ike_gateway, vpn, vpn_manual
from nsemu.config.device import DeviceConfig
from nsemu.config.ike import IkeGateway
from nsemu.config.interface import InterfaceKind
from nsemu.device.tunnels import Lookup, TunnelPlan, gateway_address, plan_tunnels
from nsemu.routing.compile import compile_tables
from nsemu.routing.resolve import resolve
from nsemu.routing.table import RoutingTable
from nsemu.wire.address import Prefix

_MASKED = {"preshare": "***", "seed": "***"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of `get config`, keys hidden."""

    node: str
    text: str

    def __str__(self) -> str:
        return f"{self.node}: {self.text}"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not match. `subject` names the tunnel, `topic` is a word for programs."""

    subject: str
    topic: str
    message: str
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """One device with what follows from its configuration."""

    name: str
    config: DeviceConfig
    lookup: Lookup
    addresses: dict[str, int]
    tables: Mapping[str, RoutingTable]
    plans: tuple[TunnelPlan, ...]

    @classmethod
    def of(cls, name: str, config: DeviceConfig, lookup: Lookup) -> Node:
        """`lookup` gives the addresses of domain names."""
        addresses = {one.name: one.address.address if one.address else 0 for one in config.interfaces.values()}
        tables = compile_tables(config, lambda _name: True)
        return cls(name, config, lookup, addresses, tables, tuple(plan_tunnels(config, addresses, lookup)))

    def local(self, gateway: IkeGateway) -> int:
        """Our address towards a gateway, 0 when it comes by DHCP."""
        return self.addresses.get(self.outgoing(gateway), 0)

    def outgoing(self, gateway: IkeGateway) -> str:
        """The interface towards a gateway: VLAN1 in transparent mode, where a zone is named (B193)."""
        name = gateway.outgoing_interface
        return name if name in self.config.interfaces else "vlan1"

    def peer(self, gateway: IkeGateway) -> int | None:
        """The address of the peer, None while it is not known."""
        return gateway_address(gateway, self.lookup)

    def plans_of(self, gateway: IkeGateway) -> list[TunnelPlan]:
        """The tunnels that use a gateway."""
        return [plan for plan in self.plans if plan.settings.gateway == gateway.name]

    def zone_towards(self, network: Prefix) -> str:
        """The zone that leads to a network in clear, "" if none does."""
        address = network.address + (network.length < 32)
        for vrouter in self.tables:
            found = resolve(self.tables, vrouter, address)
            interface = self.config.interfaces.get(found.entry.interface or "") if found is not None else None
            known = found is not None and found.entry.prefix.length > 0
            if known and interface is not None and interface.kind is not InterfaceKind.TUNNEL:
                return interface.zone
        return ""

    def gateway_line(self, gateway: IkeGateway) -> Line:
        """The line of a gateway."""
        return self._line(ike_gateway.GATEWAY, {"gateway": gateway.name})

    def vpn_line(self, name: str) -> Line:
        """The line of a VPN."""
        setting = vpn.VPN if self.config.vpns[name].manual is None else vpn_manual.VPN_MANUAL
        return self._line(setting, {"vpn": name})

    def proxy_line(self, name: str) -> Line:
        """The line of a VPN that gives its proxy ID, or its own."""
        configured = self.config.vpns[name].proxy_id is not None
        return self._line(vpn.VPN_PROXY_ID, {"vpn": name}) if configured else self.vpn_line(name)

    def _line(self, setting: Setting, scope: Mapping[str, str]) -> Line:
        row = next(iter(setting.rows(self.config, scope)))
        arguments = {name: _MASKED.get(name, value) for name, value in row.arguments.items()}
        if setting is vpn_manual.VPN_MANUAL:
            return Line(self.name, f'set vpn "{scope["vpn"]}" manual ***')
        return Line(self.name, f"set {command_line(TREE, setting, arguments, unset=False)}")
