"""MIPs and VIPs, compiled for lookup by destination and by host."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from nsemu.config.nat import Mip, Vip

Reached = Callable[[str], bool]
"""Whether the mappings of an interface are meant by a packet: virtual routers may map the same address."""


def _everywhere(_interface: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class VipPorts:
    """Ports LOW to HIGH of a virtual address that lead to one server, `shift` ports further up there."""

    address: int
    protocol: int
    low: int
    high: int
    shift: int
    vip: Vip


class Mappings:
    """All address mappings of a device. Host masks are found by one look-up, wider ones by a scan."""

    __slots__ = ("_by_address", "_by_host", "_vips", "_virtual", "_wide", "empty")

    def __init__(self, mips: Iterable[Mip] = (), vips: Iterable[VipPorts] = ()) -> None:
        self._by_address: dict[int, list[Mip]] = {}
        self._by_host: dict[tuple[str, int], Mip] = {}
        self._wide: list[Mip] = []
        for mip in mips:
            if mip.length == 32:
                self._by_address.setdefault(mip.address, []).append(mip)
                self._by_host[mip.interface, mip.host] = mip
            else:
                self._wide.append(mip)
        self._wide.sort(key=lambda mip: -mip.length)
        self._vips: dict[tuple[int, int], list[VipPorts]] = {}
        # The ports of one service before the range of another that covers them.
        for ports in sorted(vips, key=lambda item: item.high - item.low):
            self._vips.setdefault((ports.address, ports.protocol), []).append(ports)
        self._virtual: dict[int, set[str]] = {}
        for found in self._vips.values():
            for ports in found:
                self._virtual.setdefault(ports.vip.address, set()).add(ports.vip.interface)
        self.empty = not (self._by_address or self._wide or self._vips)

    def mip(self, destination: int, reached: Reached = _everywhere) -> tuple[Mip, int] | None:
        """The MIP of a destination, and the host behind it."""
        for mip in self._by_address.get(destination, ()):
            if reached(mip.interface):
                return mip, mip.host
        for mip in self._wide:
            host = mip.maps(destination)
            if host is not None and reached(mip.interface):
                return mip, host
        return None

    def vip(self, destination: int, protocol: int, port: int, reached: Reached = _everywhere) -> tuple[Vip, int] | None:
        """The VIP of a destination and port, and the port at its server."""
        for ports in self._vips.get((destination, protocol), ()):
            if ports.low <= port <= ports.high and reached(ports.vip.interface):
                return ports.vip, port + ports.shift
        return None

    def is_virtual(self, destination: int, reached: Reached = _everywhere) -> bool:
        """Whether the address exists for its VIPs alone: what none of them takes leads nowhere."""
        return any(reached(interface) for interface in self._virtual.get(destination, ()))

    def claims(self, destination: int, protocol: int, port: int, reached: Reached = _everywhere) -> bool:
        """Whether a packet to that destination is for a mapped host, though the address may be the device's own."""
        if self.empty:
            return False
        return self.mip(destination, reached) is not None or self.vip(destination, protocol, port, reached) is not None

    def behind(self, interfaces: Iterable[str], host: int) -> tuple[Mip, int] | None:
        """The MIP with which a host leaves by an interface (its loopback group first), and its mapped address."""
        for interface in interfaces:
            exact = self._by_host.get((interface, host))
            if exact is not None:
                return exact, exact.address
            for mip in self._wide:
                address = mip.maps_back(host) if mip.interface == interface else None
                if address is not None:
                    return mip, address
        return None
