"""The whole configuration of one device: frozen, shared freely, replaced as one.

Tables are dicts that nobody changes in place: an `Editor` copies what it touches. Two configurations can be compared
table by table with `is` to see what a commit changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nsemu.config.address import Address, AddressGroup, AddressKey
from nsemu.config.authentication import AuthSettings
from nsemu.config.flow import FlowSettings
from nsemu.config.ike import IkeGateway, IkeSettings, Phase1Proposal, Phase2Proposal
from nsemu.config.interface import Interface, InterfaceKind, InterfaceMode
from nsemu.config.ippool import IpPool
from nsemu.config.kept import Kept
from nsemu.config.nat import DipGroups, DipPool, Mip, MipKey, NatSettings, NhtbKey, Vip, VipKey
from nsemu.config.platform import DEFAULT_PLATFORM, PLATFORMS, Platform
from nsemu.config.policy import Policy, ZonePair
from nsemu.config.predefined import PREDEFINED_PHASE1, PREDEFINED_PHASE2
from nsemu.config.predefined_services import PREDEFINED_SERVICE_GROUPS, PREDEFINED_SERVICES
from nsemu.config.schedule import Schedule
from nsemu.config.service import Service, ServiceGroup
from nsemu.config.system import AdminUser, SystemSettings
from nsemu.config.users import User, UserGroup
from nsemu.config.vpn import Vpn, VpnGroup
from nsemu.config.vrouter import PREDEFINED_VROUTERS, RouteKey, StaticRoute, VirtualRouter
from nsemu.config.zone import PREDEFINED_ZONES, Zone


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """What the admin wrote, with the predefined objects among the rest (their records say `predefined`).

    `policy_order` holds, for each zone pair, the policy IDs in the order in which they are searched.
    """

    platform: Platform
    system: SystemSettings
    flow: FlowSettings
    ike: IkeSettings
    nat: NatSettings = field(default_factory=NatSettings)
    auth: AuthSettings = field(default_factory=AuthSettings)
    admins: Mapping[str, AdminUser] = field(default_factory=dict)
    vrouters: Mapping[str, VirtualRouter] = field(default_factory=dict)
    zones: Mapping[str, Zone] = field(default_factory=dict)
    interfaces: Mapping[str, Interface] = field(default_factory=dict)
    routes: Mapping[RouteKey, StaticRoute] = field(default_factory=dict)
    addresses: Mapping[AddressKey, Address] = field(default_factory=dict)
    address_groups: Mapping[AddressKey, AddressGroup] = field(default_factory=dict)
    services: Mapping[str, Service] = field(default_factory=dict)
    service_groups: Mapping[str, ServiceGroup] = field(default_factory=dict)
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    policies: Mapping[int, Policy] = field(default_factory=dict)
    policy_order: Mapping[ZonePair, tuple[int, ...]] = field(default_factory=dict)
    dips: Mapping[int, DipPool] = field(default_factory=dict)
    dip_groups: DipGroups = field(default_factory=dict)
    mips: Mapping[MipKey, Mip] = field(default_factory=dict)
    vips: Mapping[VipKey, Vip] = field(default_factory=dict)
    nhtb: Mapping[NhtbKey, str] = field(default_factory=dict)
    p1_proposals: Mapping[str, Phase1Proposal] = field(default_factory=dict)
    p2_proposals: Mapping[str, Phase2Proposal] = field(default_factory=dict)
    gateways: Mapping[str, IkeGateway] = field(default_factory=dict)
    vpns: Mapping[str, Vpn] = field(default_factory=dict)
    vpn_groups: Mapping[int, VpnGroup] = field(default_factory=dict)
    users: Mapping[str, User] = field(default_factory=dict)
    user_groups: Mapping[str, UserGroup] = field(default_factory=dict)
    ippools: Mapping[str, IpPool] = field(default_factory=dict)
    kept: Kept = field(default_factory=dict)


def factory_configuration(platform: str = DEFAULT_PLATFORM) -> DeviceConfig:
    """A device as it comes out of the box, without addresses. Raises KeyError for an unknown platform."""
    model = PLATFORMS[platform]
    return DeviceConfig(
        platform=model,
        system=SystemSettings(hostname=model.name),
        flow=FlowSettings(),
        ike=IkeSettings(),
        vrouters={vrouter.name: vrouter for vrouter in PREDEFINED_VROUTERS},
        zones={zone.name: zone for zone in PREDEFINED_ZONES},
        interfaces=_factory_interfaces(model),
        services=PREDEFINED_SERVICES,
        service_groups=PREDEFINED_SERVICE_GROUPS,
        p1_proposals=PREDEFINED_PHASE1,
        p2_proposals=PREDEFINED_PHASE2,
    )


def default_mode(zone: str) -> InterfaceMode:
    """The mode an interface gets when it is bound to a zone: NAT in Trust, Route elsewhere."""
    return InterfaceMode.NAT if zone == "Trust" else InterfaceMode.ROUTE


def _factory_interfaces(model: Platform) -> dict[str, Interface]:
    bindings = dict(model.bindings)
    table = {
        name: Interface(
            name, InterfaceKind.ETHERNET, bindings.get(name, "Null"), mode=default_mode(bindings.get(name, "Null"))
        )
        for name in model.interfaces
    }
    table["vlan1"] = Interface("vlan1", InterfaceKind.VLAN, "VLAN")
    table["null"] = Interface("null", InterfaceKind.NULL)
    return table
