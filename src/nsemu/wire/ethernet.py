"""Ethernet II frames with an optional IEEE 802.1Q tag. No padding, no frame check sequence (a capture has neither)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from nsemu.wire.errors import MalformedPacket

ETHERTYPE_IPV4: Final = 0x0800
ETHERTYPE_ARP: Final = 0x0806
ETHERTYPE_VLAN: Final = 0x8100
HEADER_LENGTH: Final = 14
TAG_LENGTH: Final = 4

_HEADER: Final = struct.Struct("!6s6sH")
_TAG: Final = struct.Struct("!HH")


@dataclass(frozen=True, slots=True)
class VlanTag:
    """IEEE 802.1Q tag control information: VLAN identifier 0–4095, priority 0–7, drop eligible."""

    identifier: int
    priority: int = 0
    drop_eligible: bool = False

    @classmethod
    def from_control(cls, control: int) -> VlanTag:
        """The tag that a 16-bit tag control field stands for."""
        return cls(control & 0xFFF, control >> 13, bool(control & 0x1000))

    @property
    def control(self) -> int:
        """The 16-bit tag control field."""
        return self.priority << 13 | self.drop_eligible << 12 | self.identifier


@dataclass(frozen=True, slots=True)
class EthernetFrame:
    """One frame; `ethertype` is the inner one when the frame is tagged."""

    destination: bytes
    source: bytes
    ethertype: int
    payload: bytes
    vlan: VlanTag | None = None

    @classmethod
    def parse(cls, data: bytes | memoryview) -> EthernetFrame:
        """Octets → frame. Raises MalformedPacket when a header or the tag is cut short."""
        if len(data) < HEADER_LENGTH:
            raise MalformedPacket(f"Ethernet frame of {len(data)} octets, the header has {HEADER_LENGTH}")
        destination, source, ethertype = _HEADER.unpack_from(data)
        if ethertype != ETHERTYPE_VLAN:
            return cls(destination, source, ethertype, bytes(data[HEADER_LENGTH:]))
        start = HEADER_LENGTH + TAG_LENGTH
        if len(data) < start:
            raise MalformedPacket(f"Ethernet frame of {len(data)} octets, the tagged header has {start}")
        control, ethertype = _TAG.unpack_from(data, HEADER_LENGTH)
        return cls(destination, source, ethertype, bytes(data[start:]), VlanTag.from_control(control))

    def build(self) -> bytes:
        """Frame → octets."""
        if self.vlan is None:
            return _HEADER.pack(self.destination, self.source, self.ethertype) + self.payload
        tag = _TAG.pack(self.vlan.control, self.ethertype)
        return _HEADER.pack(self.destination, self.source, ETHERTYPE_VLAN) + tag + self.payload


def is_group(mac: bytes) -> bool:
    """Whether a MAC address is a multicast or the broadcast address (IEEE 802.3 §3.2.3)."""
    return bool(mac[0] & 1)
