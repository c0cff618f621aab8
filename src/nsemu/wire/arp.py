"""ARP for IPv4 over Ethernet (RFC 826)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from nsemu.wire.errors import MalformedPacket

REQUEST: Final = 1
REPLY: Final = 2
LENGTH: Final = 28

_PACKET: Final = struct.Struct("!HHBBH6sI6sI")
_ETHERNET: Final = 1
_IPV4: Final = 0x0800


@dataclass(frozen=True, slots=True)
class ArpPacket:
    """One packet; protocol addresses are ints, hardware addresses 6 octets."""

    operation: int
    sender_mac: bytes
    sender_ip: int
    target_mac: bytes
    target_ip: int

    @classmethod
    def parse(cls, data: bytes | memoryview) -> ArpPacket:
        """Octets (padding may follow) → packet. Raises MalformedPacket, also for other hardware or protocols."""
        if len(data) < LENGTH:
            raise MalformedPacket(f"ARP packet of {len(data)} octets, must have {LENGTH}")
        hardware, protocol, hardware_length, protocol_length, *fields = _PACKET.unpack_from(data)
        if (hardware, protocol) != (_ETHERNET, _IPV4):
            raise MalformedPacket(
                f"ARP hardware type {hardware} and protocol type {protocol:#06x}, not Ethernet and IPv4"
            )
        if (hardware_length, protocol_length) != (6, 4):
            raise MalformedPacket(f"ARP address lengths {hardware_length} and {protocol_length}, must be 6 and 4")
        return cls(*fields)

    def build(self) -> bytes:
        """Packet → 28 octets."""
        return _PACKET.pack(
            _ETHERNET,
            _IPV4,
            6,
            4,
            self.operation,
            self.sender_mac,
            self.sender_ip,
            self.target_mac,
            self.target_ip,
        )
