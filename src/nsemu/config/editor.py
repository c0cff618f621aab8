"""Changing a configuration: an editor works on copies of the tables it touches and can take back line by line.

editor = Editor(config)
mark = editor.mark()
editor.addresses.put(("Trust", "lan"), Address(...))
editor.rollback(mark)        # as if nothing had been said
new = editor.finish()        # a DeviceConfig; tables that nobody touched are the same objects
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

from nsemu.config.address import Address, AddressGroup, AddressKey
from nsemu.config.authentication import AuthSettings
from nsemu.config.device import DeviceConfig
from nsemu.config.flow import FlowSettings
from nsemu.config.ike import IkeGateway, IkeSettings, Phase1Proposal, Phase2Proposal
from nsemu.config.interface import Interface
from nsemu.config.ippool import IpPool
from nsemu.config.kept import KeptKey, KeptLine
from nsemu.config.nat import DipPool, Mip, MipKey, NatSettings, NhtbKey, Vip, VipKey
from nsemu.config.policy import Policy, ZonePair
from nsemu.config.schedule import Schedule
from nsemu.config.service import Service, ServiceGroup
from nsemu.config.system import AdminUser, SystemSettings
from nsemu.config.users import User, UserGroup
from nsemu.config.vpn import Vpn, VpnGroup
from nsemu.config.vrouter import RouteKey, StaticRoute, VirtualRouter
from nsemu.config.zone import Zone

K = TypeVar("K")
V = TypeVar("V")

_Undo = Callable[[], None]


class Table(Mapping[K, V], Generic[K, V]):
    """A table under edit: reads like the mapping it stands for; changes go to a copy and into the journal."""

    __slots__ = ("_data", "_journal", "_owned")

    def __init__(self, data: Mapping[K, V], journal: list[_Undo]) -> None:
        self._data: dict[K, V] = data if isinstance(data, dict) else dict(data)
        self._owned = False
        self._journal = journal

    @property
    def data(self) -> dict[K, V]:
        """The table as it stands; not to be changed."""
        return self._data

    def __getitem__(self, key: K) -> V:
        return self._data[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __contains__(self, key: object) -> bool:
        return key in self._data

    def put(self, key: K, record: V) -> None:
        """Add or replace; a replaced record keeps its place in the order."""
        if not self._owned:
            self._data = dict(self._data)
            self._owned = True
        if key in self._data:
            old = self._data[key]
            self._journal.append(lambda: self._data.__setitem__(key, old))
        else:
            self._journal.append(lambda: self._data.__delitem__(key))
        self._data[key] = record

    def remove(self, key: K) -> None:
        """Remove. Raises KeyError when there is no such record."""
        del_from = self._data
        if key not in del_from:
            raise KeyError(key)
        owned = self._owned
        self._journal.append(lambda: self._restore(del_from, owned))
        self._data = {other: record for other, record in del_from.items() if other != key}
        self._owned = True

    def _restore(self, data: dict[K, V], owned: bool) -> None:
        self._data = data
        self._owned = owned


class Editor:
    """One edit of one configuration. Checks read the pending state from it; `finish` gives the new configuration."""

    def __init__(self, base: DeviceConfig) -> None:
        journal: list[_Undo] = []
        self._journal = journal
        self._base = base
        self.platform = base.platform
        self._system = base.system
        self._flow = base.flow
        self._ike = base.ike
        self._nat = base.nat
        self._auth = base.auth
        self.admins: Table[str, AdminUser] = Table(base.admins, journal)
        self.vrouters: Table[str, VirtualRouter] = Table(base.vrouters, journal)
        self.zones: Table[str, Zone] = Table(base.zones, journal)
        self.interfaces: Table[str, Interface] = Table(base.interfaces, journal)
        self.routes: Table[RouteKey, StaticRoute] = Table(base.routes, journal)
        self.addresses: Table[AddressKey, Address] = Table(base.addresses, journal)
        self.address_groups: Table[AddressKey, AddressGroup] = Table(base.address_groups, journal)
        self.services: Table[str, Service] = Table(base.services, journal)
        self.service_groups: Table[str, ServiceGroup] = Table(base.service_groups, journal)
        self.schedules: Table[str, Schedule] = Table(base.schedules, journal)
        self.policies: Table[int, Policy] = Table(base.policies, journal)
        self.policy_order: Table[ZonePair, tuple[int, ...]] = Table(base.policy_order, journal)
        self.dips: Table[int, DipPool] = Table(base.dips, journal)
        self.dip_groups: Table[int, tuple[int, ...]] = Table(base.dip_groups, journal)
        self.mips: Table[MipKey, Mip] = Table(base.mips, journal)
        self.vips: Table[VipKey, Vip] = Table(base.vips, journal)
        self.nhtb: Table[NhtbKey, str] = Table(base.nhtb, journal)
        self.p1_proposals: Table[str, Phase1Proposal] = Table(base.p1_proposals, journal)
        self.p2_proposals: Table[str, Phase2Proposal] = Table(base.p2_proposals, journal)
        self.gateways: Table[str, IkeGateway] = Table(base.gateways, journal)
        self.vpns: Table[str, Vpn] = Table(base.vpns, journal)
        self.vpn_groups: Table[int, VpnGroup] = Table(base.vpn_groups, journal)
        self.users: Table[str, User] = Table(base.users, journal)
        self.user_groups: Table[str, UserGroup] = Table(base.user_groups, journal)
        self.ippools: Table[str, IpPool] = Table(base.ippools, journal)
        self.kept: Table[KeptKey, KeptLine] = Table(base.kept, journal)

    @property
    def system(self) -> SystemSettings:
        """Host name, clock, console, root admin."""
        return self._system

    @system.setter
    def system(self, record: SystemSettings) -> None:
        old = self._system
        self._journal.append(lambda: setattr(self, "_system", old))
        self._system = record

    @property
    def flow(self) -> FlowSettings:
        """Flow switches."""
        return self._flow

    @flow.setter
    def flow(self, record: FlowSettings) -> None:
        old = self._flow
        self._journal.append(lambda: setattr(self, "_flow", old))
        self._flow = record

    @property
    def ike(self) -> IkeSettings:
        """IKE globals."""
        return self._ike

    @ike.setter
    def ike(self, record: IkeSettings) -> None:
        old = self._ike
        self._journal.append(lambda: setattr(self, "_ike", old))
        self._ike = record

    @property
    def nat(self) -> NatSettings:
        """Switches of address translation."""
        return self._nat

    @nat.setter
    def nat(self, record: NatSettings) -> None:
        old = self._nat
        self._journal.append(lambda: setattr(self, "_nat", old))
        self._nat = record

    @property
    def auth(self) -> AuthSettings:
        """Authentication of users at the firewall."""
        return self._auth

    @auth.setter
    def auth(self, record: AuthSettings) -> None:
        old = self._auth
        self._journal.append(lambda: setattr(self, "_auth", old))
        self._auth = record

    def mark(self) -> int:
        """A point to come back to with `rollback`."""
        return len(self._journal)

    def rollback(self, mark: int) -> None:
        """Take back all changes since `mark`, newest first."""
        while len(self._journal) > mark:
            self._journal.pop()()

    @property
    def changed(self) -> bool:
        """Whether anything was put, removed or set."""
        return bool(self._journal)

    def finish(self) -> DeviceConfig:
        """The configuration with all changes. The editor must not be used afterwards."""
        return DeviceConfig(
            platform=self.platform,
            system=self._system,
            flow=self._flow,
            ike=self._ike,
            nat=self._nat,
            auth=self._auth,
            admins=self.admins.data,
            vrouters=self.vrouters.data,
            zones=self.zones.data,
            interfaces=self.interfaces.data,
            routes=self.routes.data,
            addresses=self.addresses.data,
            address_groups=self.address_groups.data,
            services=self.services.data,
            service_groups=self.service_groups.data,
            schedules=self.schedules.data,
            policies=self.policies.data,
            policy_order=self.policy_order.data,
            dips=self.dips.data,
            dip_groups=self.dip_groups.data,
            mips=self.mips.data,
            vips=self.vips.data,
            nhtb=self.nhtb.data,
            p1_proposals=self.p1_proposals.data,
            p2_proposals=self.p2_proposals.data,
            gateways=self.gateways.data,
            vpns=self.vpns.data,
            vpn_groups=self.vpn_groups.data,
            users=self.users.data,
            user_groups=self.user_groups.data,
            ippools=self.ippools.data,
            kept=self.kept.data,
        )
