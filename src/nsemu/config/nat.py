"""Address translation as configured: DIP pools, MIPs, VIPs, and what a policy asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nsemu.wire.address import Prefix

FIRST_DIP_ID = 4
"""Lower numbers are the device's own; 2 is the address of the egress interface."""

LAST_DIP_ID = 1023

MipKey = tuple[str, int]
"""(interface, mapped address)."""

VipKey = tuple[str, int, int]
"""(interface, virtual address, virtual port)."""

NhtbKey = tuple[str, int]
"""(tunnel interface, next hop): the key of a next-hop tunnel binding, whose value is the name of a VPN (B334)."""


@dataclass(frozen=True, slots=True)
class NatSettings:
    """Settings of address translation: `set dip sticky`, `set dip alarm-raise`, `set vip multi-port`.

    `alarm_raise` and `alarm_clear` are the percentages of use at which a pool raises an alarm and takes it back, 0 for
    never.
    """

    dip_sticky: bool = False
    vip_multi_port: bool = False
    alarm_raise: int = 0
    alarm_clear: int = 0


@dataclass(frozen=True, slots=True)
class DipPool:
    """`set interface I dip ID LOW HIGH …`: source addresses for policies with `nat src dip-id ID`.

    `fixed_port` keeps the source port. `shift_from` maps that address to LOW, the next to the one after it, and so on.
    `extended` is the subnet of a pool that is not in the interface's (`ext ip`), with the address the interface takes
    there.
    """

    id: int
    interface: str
    low: int
    high: int
    fixed_port: bool = False
    shift_from: int | None = None
    extended: Prefix | None = None

    @property
    def size(self) -> int:
        """How many addresses it holds."""
        return self.high - self.low + 1

    def __contains__(self, address: int) -> bool:
        return self.low <= address <= self.high


DipGroups = Mapping[int, tuple[int, ...]]
"""`set dip group ID member POOL`: groups share the numbers of pools; a policy that names one takes from its members."""


def pools_of(pools: Mapping[int, DipPool], groups: DipGroups, number: int) -> tuple[DipPool, ...]:
    """The pools that an ID stands for: itself, or the members of a group; none when there is no such ID."""
    numbers = groups.get(number, (number,))
    return tuple(pools[one] for one in numbers if one in pools)


@dataclass(frozen=True, slots=True)
class Mip:
    """`set interface I mip ADDRESS host HOST netmask M vr VR`: one to one, both directions.

    `length` is the mask: with less than 32 a whole subnet is mapped, host part kept.
    """

    interface: str
    address: int
    host: int
    length: int = 32
    vrouter: str = "trust-vr"

    def maps(self, address: int) -> int | None:
        """The host behind a mapped address; None for another address."""
        return _shifted(address, self.address, self.host, self.length)

    def maps_back(self, address: int) -> int | None:
        """The mapped address of a host; None for another host."""
        return _shifted(address, self.host, self.address, self.length)


@dataclass(frozen=True, slots=True)
class Vip:
    """`set interface I vip ADDRESS [+] PORT SERVICE HOST`: one port of a virtual address leads to a server.

    `address` 0 means the interface's own. `service` gives the port at the server. `manual` is the word that says that
    the server is not to be probed.
    """

    interface: str
    address: int
    port: int
    service: str
    host: int
    manual: bool = False


@dataclass(frozen=True, slots=True)
class DestinationNat:
    """`nat dst ip LOW [HIGH | port PORT]` of a policy. With `high`, the original range is shifted onto LOW to HIGH."""

    low: int
    high: int | None = None
    port: int | None = None


def _shifted(address: int, base: int, other: int, length: int) -> int | None:
    hosts = 0xFFFFFFFF >> length if length < 32 else 0
    if (address ^ base) & ~hosts & 0xFFFFFFFF:
        return None
    return (other & ~hosts & 0xFFFFFFFF) | (address & hosts)
