"""ESP in UDP, for tunnels through NAT (RFC 3948; draft-ietf-ipsec-udp-encaps-00; B307, B308, B309).

A UDP header goes between the outer IPv4 header and ESP. On port 4500 nothing else is needed: what begins with four zero
octets is IKE. Draft 00 stays on port 500, where eight zero octets, which no IKE cookie is, go in front of ESP.
"""

from __future__ import annotations

from dataclasses import replace
from struct import Struct
from typing import Final

from nsemu.ipsec.encapsulation import with_protocol
from nsemu.ipsec.esp import EspOutbound
from nsemu.ipsec.sa import IpsecFailure, Octets, SaParameters, UdpPorts
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import Instant
from nsemu.wire.checksum import checksum

_UDP: Final = 17
_NON_IKE_MARKER: Final = bytes(8)
_IKE_PORT: Final = 500
_NAT_PORT: Final = 4500

_pack_udp: Final = Struct("!HHHH").pack


class EspUdpOutbound(EspOutbound):
    """Seals packets and puts them into UDP."""

    __slots__ = ("_ports",)

    def __init__(self, parameters: SaParameters, stream: Stream, now: Instant = 0) -> None:
        super().__init__(parameters, stream, now)
        assert parameters.udp is not None
        self._ports = parameters.udp
        self._longest -= self._extra
        self._room -= self._extra

    @property
    def _extra(self) -> int:
        """Octets that UDP adds."""
        return 16 if self._ports.marker else 8

    def longest_inner(self, mtu: int) -> int:
        """The longest inner packet whose outer packet fits `mtu`."""
        return super().longest_inner(mtu - self._extra)

    def move(self, peer: int, port: int) -> None:
        """Send to another address and port from the next packet on: the mapping of a NAT device has changed."""
        assert self.parameters.udp is not None
        self._ports = replace(self.parameters.udp, peer=port)
        self.parameters = replace(self.parameters, peer=peer, udp=self._ports)
        self._addresses_and_spi = self._addresses_and_spi[:4] + peer.to_bytes(4, "big") + self._addresses_and_spi[8:]
        self._prepare_flags()

    def seal(self, packet: Octets) -> bytes | IpsecFailure:
        """An inner IPv4 packet → the whole outer packet: IPv4, UDP, ESP."""
        outer = super().seal(packet)
        if isinstance(outer, IpsecFailure):
            return outer
        ports = self._ports
        size = (outer[0] & 15) * 4  # in transport mode the header is the packet's own, and may have options
        body = (_NON_IKE_MARKER if ports.marker else b"") + outer[size:]
        length = len(body) + 8
        datagram = _pack_udp(ports.local, ports.peer, length, 0) + body
        if ports.checksum:
            pseudo = outer[12:20] + bytes((0, _UDP)) + length.to_bytes(2, "big")
            # RFC 768: a sum of 0 is sent as all ones.
            total = checksum(pseudo + datagram) or 0xFFFF
            datagram = datagram[:6] + total.to_bytes(2, "big") + body
        return with_protocol(outer[:size], size + length, _UDP) + datagram


def esp_offset(packet: Octets, header_length: int, port: int) -> int:
    """Where ESP begins in a UDP packet to `port`; 0 when it carries something else, such as IKE or a keepalive."""
    start = header_length + 8
    if port == _NAT_PORT:
        return start if len(packet) >= start + 8 and packet[start : start + 4] != _NON_IKE_MARKER[:4] else 0
    if port == _IKE_PORT and packet[start : start + 8] == _NON_IKE_MARKER and len(packet) >= start + 16:
        return start + 8
    return 0


__all__ = ["EspUdpOutbound", "UdpPorts", "esp_offset"]
