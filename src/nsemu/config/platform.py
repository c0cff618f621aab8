"""The platforms that can be emulated: their interfaces, limits and banners.

The book's examples use the NetScreen-200 names (ethernet1 to ethernet8); ns208 is the default.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many objects of a kind the platform holds.

    `zones` and `vrouters` of the admin's own count for zones, all of them for virtual routers. `dips` is the number of
    pool IDs; `kept_lines` bounds each setting that is only kept.
    """

    sessions: int = 128_000
    policies: int = 10_000
    addresses: int = 20_000
    services: int = 2_048
    routes: int = 20_000
    vpns: int = 1_000
    tunnel_interfaces: int = 1_000
    zones: int = 100
    vrouters: int = 16
    mips: int = 6_144
    vips: int = 64
    dips: int = 1_019
    users: int = 1_500
    vlans: int = 32
    vsys: int = 0
    kept_lines: int = 4_096


@dataclass(frozen=True, slots=True)
class Platform:
    """One model. `bindings` are the zones that interfaces are in on a factory device.

    `memory` in megabytes, `flash` in kilobytes; `ramp` is how many sessions a second its first path can make. `asic`
    is whether sessions are handed to hardware, `card` whether there is a slot for a memory card.
    """

    name: str
    product: str
    hardware: str
    interfaces: tuple[str, ...]
    bindings: tuple[tuple[str, str], ...]
    release: str = "5.4.0r12.0"
    bandwidth_kbps: int = 100_000
    capacity: Capacity = Capacity()
    memory: int = 128
    flash: int = 31_264
    ramp: int = 10_000
    asic: bool = False
    card: bool = False


# The figures are those of the makers' data sheets as far as remembered (docs/fidelity.md).
_TINY = Capacity(
    sessions=2_064, policies=100, addresses=300, services=256, routes=1_024, vpns=25, tunnel_interfaces=10, zones=8,
    vrouters=3, mips=256, users=100, vlans=0, kept_lines=1_024,
)  # fmt: skip
_DESK = Capacity(
    sessions=16_064, policies=1_000, addresses=2_000, routes=4_096, vpns=250, tunnel_interfaces=100, zones=24,
    vrouters=8, mips=1_500, users=500, vlans=50,
)  # fmt: skip
_BRANCH = replace(_DESK, sessions=48_064, policies=2_000, addresses=4_000, vpns=500, zones=40, vlans=100)
_OFFICE = replace(_BRANCH, sessions=64_064, policies=4_000, tunnel_interfaces=300, mips=6_144, users=1_500, vlans=125)
_SITE = Capacity(sessions=128_064, policies=10_000, tunnel_interfaces=300, zones=60, vlans=125)
_LARGE = Capacity(
    sessions=250_064, policies=20_000, addresses=40_000, vpns=5_000, tunnel_interfaces=1_000, users=15_000, vlans=150
)
_ISG = replace(_LARGE, sessions=250_064, tunnel_interfaces=1_024, vlans=4_094, vsys=50)
_CORE = Capacity(
    sessions=1_000_064, policies=40_000, addresses=60_000, routes=20_000, vpns=25_000, tunnel_interfaces=4_000,
    zones=1_000, vrouters=502, mips=20_000, users=50_000, vlans=4_094, vsys=500,
)  # fmt: skip


def _slots(stem: str, count: int, first: int = 0) -> tuple[str, ...]:
    return tuple(f"{stem}{index}" for index in range(first, first + count))


_ETHERNET0_BINDINGS = (("ethernet0/0", "Untrust"), ("ethernet0/1", "DMZ"), ("ethernet0/2", "Trust"))
_ETHERNET1_BINDINGS = (("ethernet1", "Trust"), ("ethernet2", "DMZ"), ("ethernet3", "Untrust"))
_TWO_BINDINGS = (("trust", "Trust"), ("untrust", "Untrust"))
_SIX = "6.3.0r19.0"
_GIGABIT = 1_000_000
_TEN_MEGABIT = 10_000


def _netscreen(name: str, product: str, hardware: str, ports: int, capacity: Capacity = _DESK) -> Platform:
    """A device with ethernet1, ethernet2, … and the releases of the book."""
    return Platform(name, product, hardware, _slots("ethernet", ports, 1), _ETHERNET1_BINDINGS, capacity=capacity)


def _two_ports(name: str, product: str, hardware: str) -> Platform:
    """A device with the interfaces trust and untrust."""
    return Platform(
        name, product, hardware, ("trust", "untrust"), _TWO_BINDINGS, capacity=_TINY, memory=64, flash=8_192, ramp=1_000
    )


def _ssg(name: str, product: str, hardware: str, ports: int, capacity: Capacity) -> Platform:
    """A device with ethernet0/0, ethernet0/1, …"""
    interfaces = _slots("ethernet0/", ports)
    return Platform(name, product, hardware, interfaces, _ETHERNET0_BINDINGS, _SIX, capacity=capacity, flash=62_520)


def _modular(name: str, product: str, slots: tuple[tuple[int, int], ...], capacity: Capacity) -> Platform:
    """A device with an ASIC; `slots` are pairs of a slot and its ports. The management port is called mgt."""
    ports = tuple(port for slot, count in slots for port in _slots(f"ethernet{slot}/", count, 1))
    first = slots[0][0]
    bindings = (("mgt", "MGT"), (f"ethernet{first}/1", "Untrust"), (f"ethernet{first}/2", "Trust"))
    interfaces = (*ports, "mgt")
    platform = Platform(name, product, "3010(0)-(04)", interfaces, bindings, _SIX, _GIGABIT, capacity)
    return replace(platform, memory=2_048, flash=62_520, ramp=30_000, asic=True, card=True)


PLATFORMS: dict[str, Platform] = {
    platform.name: platform
    for platform in (
        replace(_netscreen("ns208", "NetScreen-208", "0110(0)", 8, Capacity()), card=True),
        replace(_netscreen("ns204", "NetScreen-204", "0110(0)", 4, Capacity()), card=True),
        _netscreen("ns25", "NetScreen-25", "4010(0)", 4, replace(_DESK, sessions=32_064)),
        _netscreen("ns50", "NetScreen-50", "4010(0)", 4, replace(_DESK, sessions=64_064)),
        replace(
            _netscreen("ns500", "NetScreen-500", "4110(0)", 0, _LARGE),
            interfaces=(
                "ethernet1/1",
                "ethernet1/2",
                "ethernet2/1",
                "ethernet2/2",
                "ethernet3/1",
                "ethernet3/2",
                "mgt",
            ),
            bindings=(("ethernet1/1", "Untrust"), ("ethernet1/2", "Trust"), ("mgt", "MGT")),
            memory=256,
            card=True,
        ),
        _two_ports("ns5gt", "NetScreen-5GT", "1010(0)"),
        _two_ports("ns5xt", "NetScreen-5XT", "3010(0)"),
        replace(_two_ports("ns5xp", "NS5XP", "3010(0)"), bandwidth_kbps=_TEN_MEGABIT),
        replace(_two_ports("ns-hsc", "NetScreen-HSC", "2010(0)"), bandwidth_kbps=_TEN_MEGABIT),
        replace(_ssg("ssg5", "SSG5-Serial", "0710(0)-(00)", 7, _DESK), memory=256),
        replace(_ssg("ssg20", "SSG20", "0710(0)-(00)", 5, _DESK), memory=256),
        replace(_ssg("ssg140", "SSG-140", "1010(0)-(00)", 10, _BRANCH), memory=512),
        replace(_ssg("ssg320m", "SSG-320M", "0000(0)-(00)", 4, _OFFICE), memory=1_024, bandwidth_kbps=_GIGABIT),
        replace(_ssg("ssg350m", "SSG-350M", "0000(0)-(00)", 4, _SITE), memory=1_024, bandwidth_kbps=_GIGABIT),
        replace(_ssg("ssg520", "SSG-520", "0000(0)-(00)", 4, _SITE), memory=1_024, bandwidth_kbps=_GIGABIT),
        replace(_ssg("ssg550", "SSG-550M", "0000(0)-(00)", 4, _LARGE), memory=1_024, bandwidth_kbps=_GIGABIT),
        replace(_ssg("ssg550m", "SSG-550M", "0000(0)-(00)", 4, _LARGE), memory=1_024, bandwidth_kbps=_GIGABIT),
        _modular("isg1000", "NetScreen-ISG1000", ((1, 4),), _ISG),
        _modular("isg2000", "NetScreen-2000", ((1, 8), (2, 8)), replace(_ISG, sessions=1_000_064, vsys=250)),
        _modular("ns5200", "NetScreen-5200", ((2, 8),), _CORE),
        _modular("ns5400", "NetScreen-5400-III", ((2, 8), (3, 8), (4, 8)), replace(_CORE, sessions=2_000_064)),
    )
}
DEFAULT_PLATFORM = "ns208"
