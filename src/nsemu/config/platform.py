"""The platforms that can be emulated: their interfaces, limits and banners.

The book's examples use the NetScreen-200 names (ethernet1 to ethernet8); ns208 is the default.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many objects of a kind the platform holds."""

    sessions: int = 128_000
    policies: int = 10_000
    addresses: int = 20_000
    services: int = 2_048
    routes: int = 20_000
    vpns: int = 1_000
    tunnel_interfaces: int = 1_000
    zones: int = 100
    vrouters: int = 16


@dataclass(frozen=True, slots=True)
class Platform:
    """One model. `bindings` are the zones that interfaces are in on a factory device."""

    name: str
    product: str
    hardware: str
    interfaces: tuple[str, ...]
    bindings: tuple[tuple[str, str], ...]
    release: str = "5.4.0r12.0"
    bandwidth_kbps: int = 100_000
    capacity: Capacity = Capacity()


_LARGE = Capacity(sessions=250_064, policies=20_000, addresses=40_000, routes=20_000, vpns=5_000)
_SMALL = Capacity(
    sessions=16_064,
    policies=1_000,
    addresses=2_000,
    routes=4_096,
    vpns=250,
    tunnel_interfaces=100,
    zones=24,
    vrouters=8,
)


def _slots(stem: str, count: int, first: int = 0) -> tuple[str, ...]:
    return tuple(f"{stem}{index}" for index in range(first, first + count))


_ETHERNET0_BINDINGS = (("ethernet0/0", "Untrust"), ("ethernet0/1", "DMZ"), ("ethernet0/2", "Trust"))

PLATFORMS: dict[str, Platform] = {
    platform.name: platform
    for platform in (
        Platform(
            "ns208",
            "NetScreen-208",
            "0110(0)",
            _slots("ethernet", 8, 1),
            (("ethernet1", "Trust"), ("ethernet2", "DMZ"), ("ethernet3", "Untrust")),
        ),
        Platform(
            "ns204",
            "NetScreen-204",
            "0110(0)",
            _slots("ethernet", 4, 1),
            (("ethernet1", "Trust"), ("ethernet2", "DMZ"), ("ethernet3", "Untrust")),
        ),
        Platform(
            "ssg5",
            "SSG5-Serial",
            "0710(0)-(00)",
            _slots("ethernet0/", 7),
            _ETHERNET0_BINDINGS,
            "6.3.0r19.0",
            capacity=_SMALL,
        ),
        Platform(
            "ssg20",
            "SSG20",
            "0710(0)-(00)",
            _slots("ethernet0/", 5),
            _ETHERNET0_BINDINGS,
            "6.3.0r19.0",
            capacity=_SMALL,
        ),
        Platform("ssg140", "SSG-140", "1010(0)-(00)", _slots("ethernet0/", 10), _ETHERNET0_BINDINGS, "6.3.0r19.0"),
        Platform(
            "ssg550",
            "SSG-550M",
            "0000(0)-(00)",
            _slots("ethernet0/", 4),
            _ETHERNET0_BINDINGS,
            "6.3.0r19.0",
            1_000_000,
            _LARGE,
        ),
        Platform(
            "ssg350m",
            "SSG-350M",
            "0000(0)-(00)",
            _slots("ethernet0/", 4),
            _ETHERNET0_BINDINGS,
            "6.3.0r19.0",
            1_000_000,
        ),
        Platform(
            "ssg520",
            "SSG-520",
            "0000(0)-(00)",
            _slots("ethernet0/", 4),
            _ETHERNET0_BINDINGS,
            "6.3.0r19.0",
            1_000_000,
        ),
        Platform(
            "isg2000",
            "NetScreen-2000",
            "3010(0)-(04)",
            _slots("ethernet1/", 8, 1),
            (("ethernet1/1", "Untrust"), ("ethernet1/2", "Trust")),
            "6.3.0r19.0",
            1_000_000,
            _LARGE,
        ),
        Platform(
            "isg1000",
            "NetScreen-ISG1000",
            "3010(0)-(04)",
            _slots("ethernet1/", 4, 1),
            (("ethernet1/1", "Untrust"), ("ethernet1/2", "Trust")),
            "6.3.0r19.0",
            1_000_000,
            _LARGE,
        ),
        Platform(
            "ns5gt",
            "NetScreen-5GT",
            "1010(0)",
            ("trust", "untrust"),
            (("trust", "Trust"), ("untrust", "Untrust")),
            capacity=_SMALL,
        ),
        Platform(
            "ns5xp",
            "NS5XP",
            "3010(0)",
            ("trust", "untrust"),
            (("trust", "Trust"), ("untrust", "Untrust")),
            bandwidth_kbps=10_000,
            capacity=_SMALL,
        ),
        Platform(
            "ns25",
            "NetScreen-25",
            "4010(0)",
            _slots("ethernet", 4, 1),
            (("ethernet1", "Trust"), ("ethernet2", "DMZ"), ("ethernet3", "Untrust")),
            capacity=_SMALL,
        ),
        Platform(
            "ns50",
            "NetScreen-50",
            "4010(0)",
            _slots("ethernet", 4, 1),
            (("ethernet1", "Trust"), ("ethernet2", "DMZ"), ("ethernet3", "Untrust")),
            capacity=_SMALL,
        ),
    )
}
DEFAULT_PLATFORM = "ns208"
