"""MIPs and VIPs, compiled for lookup by destination and by host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nsemu.config.nat import Mip, Vip


class Mappings:
    """All address mappings of a device. Host masks are found by one look-up, wider ones by a scan."""

    __slots__ = ("_by_address", "_by_host", "_vips", "_wide", "empty")

    def __init__(self, mips: Iterable[Mip] = (), vips: Mapping[tuple[int, int], tuple[Vip, int]] | None = None) -> None:
        self._by_address: dict[int, Mip] = {}
        self._by_host: dict[tuple[str, int], Mip] = {}
        self._wide: list[Mip] = []
        for mip in mips:
            if mip.length == 32:
                self._by_address[mip.address] = mip
                self._by_host[mip.interface, mip.host] = mip
            else:
                self._wide.append(mip)
        self._wide.sort(key=lambda mip: -mip.length)
        self._vips = dict(vips or {})
        self.empty = not (self._by_address or self._wide or self._vips)

    def mip(self, destination: int) -> tuple[Mip, int] | None:
        """The MIP of a destination, and the host behind it."""
        exact = self._by_address.get(destination)
        if exact is not None:
            return exact, exact.host
        for mip in self._wide:
            host = mip.maps(destination)
            if host is not None:
                return mip, host
        return None

    def vip(self, destination: int, port: int) -> tuple[Vip, int] | None:
        """The VIP of a destination and port, and the port at its server."""
        return self._vips.get((destination, port))

    def claims(self, destination: int, protocol: int, port: int) -> bool:
        """Whether a packet to that destination is for a mapped host, though the address may be the device's own."""
        if self.empty:
            return False
        return self.mip(destination) is not None or (protocol in {6, 17} and (destination, port) in self._vips)

    def behind(self, interface: str, host: int) -> tuple[Mip, int] | None:
        """The MIP with which a host leaves by an interface, and its mapped address."""
        exact = self._by_host.get((interface, host))
        if exact is not None:
            return exact, exact.address
        for mip in self._wide:
            address = mip.maps_back(host) if mip.interface == interface else None
            if address is not None:
                return mip, address
        return None
