"""A packet on its way through one device: its octets, and what was parsed of them once.

Addresses and ports are ints. For ICMP echo the "ports" are sequence and identifier, as in a session listing
(screenos-cli §1.8); for other ICMP and other protocols they are 0.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from nsemu.ipsec.tunnel import Tunnel
from nsemu.runtime.interface import RunInterface
from nsemu.runtime.trace import PacketTrace

ICMP: Final = 1
TCP: Final = 6
UDP: Final = 17
GRE: Final = 47
ESP: Final = 50
AH: Final = 51
IPSEC: Final = frozenset({ESP, AH})

MORE_FRAGMENTS: Final = 0x2000
OFFSET_MASK: Final = 0x1FFF
DONT_FRAGMENT: Final = 0x4000

_HEADER: Final = Struct("!BBHHHBBHII")
_PORTS: Final = Struct("!HH")
_ICMP_ECHO_REQUEST: Final = 8
_ICMP_ECHO_REPLY: Final = 0

PACKED_KEY: Final = Struct("!IIHH")
"""Session keys are the octets of source, destination and ports; ICMP echo adds its type, so that an echo request never
passes for the reply that a session awaits."""


class Packet:
    """One IPv4 packet. `tunnel` is the VPN tunnel it was decrypted from, None for clear text.

    `pieces` is the length of the longest fragment of which it was made and into which it is to be cut again, else 0.
    """

    __slots__ = (
        "data",
        "destination",
        "destination_port",
        "fragment",
        "header_length",
        "ingress",
        "key",
        "link_source",
        "pieces",
        "protocol",
        "source",
        "source_port",
        "trace",
        "ttl",
        "tunnel",
    )

    def __init__(self, data: bytes, ingress: RunInterface, tunnel: Tunnel | None, trace: PacketTrace | None) -> None:
        self.data = data
        self.ingress = ingress
        self.tunnel = tunnel
        self.trace = trace
        self.link_source = b""
        self.header_length = 20
        self.pieces = 0

    def parse(self) -> bool:
        """Fill the fields from the octets; False when the octets are no sound IPv4 packet (its checksum apart).

        `data` is cut to the total length: what follows is link padding.
        """
        data = self.data
        size = len(data)
        if size < 20:
            return False
        first, _tos, total, _ident, fragment, ttl, protocol, _checksum, source, destination = _HEADER.unpack_from(data)
        length = (first & 15) << 2
        if first >> 4 != 4 or length < 20 or total < length or total > size:
            return False
        if total < size:
            data = self.data = data[:total]
        self.header_length = length
        self.fragment = fragment & (MORE_FRAGMENTS | OFFSET_MASK)
        self.ttl = ttl
        self.protocol = protocol
        self.source = source
        self.destination = destination
        if self.fragment:
            self.source_port = self.destination_port = 0
            self.key = b""
            return True
        return self._parse_transport(data, length, total, protocol)

    def _parse_transport(self, data: bytes, length: int, total: int, protocol: int) -> bool:
        if protocol in {TCP, UDP}:
            if total < length + (20 if protocol == TCP else 8):
                return False
            self.source_port, self.destination_port = _PORTS.unpack_from(data, length)
            self.key = data[12:24] if length == 20 else data[12:20] + data[length : length + 4]
            return True
        if protocol == ICMP:
            if total < length + 8:
                return False
            if data[length] in {_ICMP_ECHO_REQUEST, _ICMP_ECHO_REPLY}:
                self.destination_port, self.source_port = _PORTS.unpack_from(data, length + 4)
                if data[length] == _ICMP_ECHO_REPLY:
                    self.source_port, self.destination_port = self.destination_port, self.source_port
                ports = (self.source, self.destination, self.source_port, self.destination_port)
                self.key = PACKED_KEY.pack(*ports) + data[length : length + 1]
                return True
        self.source_port = self.destination_port = 0
        self.key = data[12:20] + b"\0\0\0\0"
        return True

    @property
    def link_destination(self) -> bytes:
        """The destination MAC address of the frame it came in, b"" where that was the device's own."""
        return b""

    @property
    def link_tag(self) -> bytes:
        """The IEEE 802.1Q tag of a frame that a bridge passes on with it, else b""."""
        return b""

    @property
    def tcp_flags(self) -> int:
        """The flag octet; only for TCP."""
        return self.data[self.header_length + 13]

    @property
    def icmp_type(self) -> int:
        """Type; only for ICMP."""
        return self.data[self.header_length]

    @property
    def icmp_code(self) -> int:
        """Code; only for ICMP."""
        return self.data[self.header_length + 1]

    @property
    def is_icmp_error(self) -> bool:
        """Whether it is an ICMP message about another packet (RFC 1122 §3.2.2)."""
        return self.protocol == ICMP and not self.fragment and self.icmp_type in {3, 4, 5, 11, 12}


class BridgedPacket(Packet):
    """A packet in a frame that a bridge passes on: it keeps the MAC addresses of the frame, and its VLAN tag."""

    __slots__ = ("_link_destination", "_link_tag")

    def __init__(self, data: bytes, ingress: RunInterface, macs: bytes, trace: PacketTrace | None) -> None:
        """`macs` are the destination and the source address of the frame, and its tag if it has one."""
        super().__init__(data, ingress, None, trace)
        self._link_destination = macs[:6]
        self.link_source = macs[6:12]
        self._link_tag = macs[12:]

    @property
    def link_destination(self) -> bytes:
        """The destination MAC address of the frame."""
        return self._link_destination

    @property
    def link_tag(self) -> bytes:
        """The VLAN tag of the frame."""
        return self._link_tag
