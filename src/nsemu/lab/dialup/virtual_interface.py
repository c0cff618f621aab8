"""The virtual interface of a VPN client: packets that are routed into it go into the tunnel."""

from __future__ import annotations

from collections.abc import Callable

from nsemu.lab.ip_interface import IpInterface, PacketOwner
from nsemu.runtime.trace import PacketTrace
from nsemu.wire.address import ZERO_MAC, Prefix

LONGEST = 1400
"""Leaves room for what the tunnel adds on an Ethernet."""

Sealer = Callable[[bytes, PacketTrace | None], None]


class VirtualInterface(IpInterface):
    """Has no cable and no neighbours. Always up: a packet for it is what makes the client connect."""

    def __init__(self, owner: PacketOwner, name: str, address: int, seal: Sealer) -> None:
        super().__init__(owner, name, (Prefix(address, 32),), ZERO_MAC, LONGEST)
        self._seal = seal

    @property
    def up(self) -> bool:
        """Always."""
        return True

    def readdress(self, address: int) -> None:
        """Take another inner address."""
        self.prefixes = (Prefix(address, 32),)

    def send(self, packet: bytes, next_hop: int, trace: PacketTrace | None, *, forwarded: bool = False) -> None:
        """Into the tunnel; there is no next hop."""
        del next_hop, forwarded
        self._seal(packet, trace)
