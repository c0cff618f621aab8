"""What the event log says of IPsec packets that are refused (screenos-cli §3.3)."""

from __future__ import annotations

from typing import Final

from nsemu.config.algorithms import IpsecProtocol
from nsemu.flow.packet import ESP, IPSEC, Packet
from nsemu.flow.tunnels import TunnelPath
from nsemu.ipsec.tunnel import Tunnel
from nsemu.wire.address import format_ipv4

_NAMES: Final = {protocol.value: protocol.name for protocol in IpsecProtocol}


def protocol_of(packet: Packet) -> int:
    """ESP or AH, also when it came in UDP."""
    return packet.protocol if packet.protocol in IPSEC else ESP


def bad_spi(packet: Packet, tunnel: Tunnel, spi: int, sequence: int) -> str:
    """Nobody has that SPI; `tunnel` is one with the sender."""
    ends = f"{format_ipv4(packet.source)}->{format_ipv4(packet.destination)}"
    return (
        f"IPSec tunnel on interface {packet.ingress.name} with tunnel ID 0x{tunnel.identifier:x} received a "
        f"packet with a bad SPI. {ends}/{len(packet.data)}, {_NAMES[protocol_of(packet)]}, "
        f"SPI 0x{spi:x}, SEQ 0x{sequence:x}."
    )


def replayed(packet: Packet, path: TunnelPath, spi: int, sequence: int) -> str:
    """The sequence number was seen before, or is too old."""
    ends = f"From {format_ipv4(packet.source)} to {format_ipv4(packet.destination)}"
    return (
        f"Replay packet detected on IPSec tunnel on {packet.ingress.name} with tunnel ID 0x{path.identifier:x}! "
        f"{ends}/{len(packet.data)}, {_NAMES[protocol_of(packet)]}, SPI 0x{spi:x}, SEQ 0x{sequence:x}."
    )
