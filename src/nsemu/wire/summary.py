"""One line about an IPv4 packet, for traces: addresses, protocol, ports or the kind of message. Never fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nsemu.wire import icmp
from nsemu.wire.address import format_ipv4
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import PROTOCOL_AH, PROTOCOL_ESP, PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP, Ipv4Packet

_TCP_FLAGS: Final = ((0x02, "SYN"), (0x01, "FIN"), (0x04, "RST"), (0x08, "PSH"), (0x10, "ACK"), (0x20, "URG"))

_ICMP_NAMES: Final = {
    icmp.ECHO_REPLY: "echo reply",
    icmp.ECHO_REQUEST: "echo request",
    icmp.SOURCE_QUENCH: "source quench",
    icmp.REDIRECT: "redirect",
    icmp.PARAMETER_PROBLEM: "parameter problem",
    icmp.TIMESTAMP_REQUEST: "timestamp request",
    icmp.TIMESTAMP_REPLY: "timestamp reply",
}
_ICMP_CODES: Final = {
    (icmp.DESTINATION_UNREACHABLE, icmp.NET_UNREACHABLE): "net unreachable",
    (icmp.DESTINATION_UNREACHABLE, icmp.HOST_UNREACHABLE): "host unreachable",
    (icmp.DESTINATION_UNREACHABLE, icmp.PROTOCOL_UNREACHABLE): "protocol unreachable",
    (icmp.DESTINATION_UNREACHABLE, icmp.PORT_UNREACHABLE): "port unreachable",
    (icmp.DESTINATION_UNREACHABLE, icmp.FRAGMENTATION_NEEDED): "fragmentation needed",
    (icmp.DESTINATION_UNREACHABLE, icmp.SOURCE_ROUTE_FAILED): "source route failed",
    (icmp.DESTINATION_UNREACHABLE, icmp.NET_PROHIBITED): "net administratively prohibited",
    (icmp.DESTINATION_UNREACHABLE, icmp.HOST_PROHIBITED): "host administratively prohibited",
    (icmp.DESTINATION_UNREACHABLE, icmp.COMMUNICATION_PROHIBITED): "communication administratively prohibited",
    (icmp.TIME_EXCEEDED, icmp.TTL_EXCEEDED): "time to live exceeded",
    (icmp.TIME_EXCEEDED, icmp.REASSEMBLY_TIME_EXCEEDED): "reassembly time exceeded",
}


def summarise(data: bytes | memoryview) -> str:
    """`"10.1.1.5 > 10.2.2.5 tcp 1024 > 80 SYN, 40 octets"`."""
    try:
        packet = Ipv4Packet.parse_quote(data)
    except MalformedPacket as error:
        return f"malformed: {error}"
    addresses = f"{format_ipv4(packet.source)} > {format_ipv4(packet.destination)}"
    if packet.fragment_offset:
        what = f"protocol {packet.protocol} fragment at {packet.fragment_offset}"
    else:
        what = _DESCRIBERS.get(packet.protocol, _unknown)(packet)
        what += ", first fragment" if packet.mf else ""
    return f"{addresses} {what}, {packet.total_length} octets"


def icmp_name(kind: int, code: int) -> str:
    """`"echo request"`, `"host unreachable"`, `"type 3 code 15"`."""
    return _ICMP_CODES.get((kind, code)) or _ICMP_NAMES.get(kind) or f"type {kind} code {code}"


def _unknown(packet: Ipv4Packet) -> str:
    return f"protocol {packet.protocol}"


def _ports(payload: bytes) -> str:
    if len(payload) < 4:
        return "cut short"
    return f"{payload[0] << 8 | payload[1]} > {payload[2] << 8 | payload[3]}"


def _icmp(packet: Ipv4Packet) -> str:
    payload = packet.payload
    if len(payload) < icmp.HEADER_LENGTH:
        return "icmp cut short"
    name = icmp_name(payload[0], payload[1])
    if payload[0] not in (icmp.ECHO_REQUEST, icmp.ECHO_REPLY):
        return f"icmp {name}"
    return f"icmp {name} id {payload[4] << 8 | payload[5]} seq {payload[6] << 8 | payload[7]}"


def _tcp(packet: Ipv4Packet) -> str:
    bits = packet.payload[13] if len(packet.payload) > 13 else 0
    return " ".join(["tcp", _ports(packet.payload), "+".join(name for bit, name in _TCP_FLAGS if bits & bit)]).rstrip()


def _udp(packet: Ipv4Packet) -> str:
    return f"udp {_ports(packet.payload)}"


def _esp(packet: Ipv4Packet) -> str:
    if len(packet.payload) < 8:
        return "esp cut short"
    return f"esp spi {packet.payload[:4].hex()} seq {int.from_bytes(packet.payload[4:8], 'big')}"


def _ah(packet: Ipv4Packet) -> str:
    if len(packet.payload) < 12:
        return "ah cut short"
    return f"ah spi {packet.payload[4:8].hex()} seq {int.from_bytes(packet.payload[8:12], 'big')}"


_DESCRIBERS: Final[dict[int, Callable[[Ipv4Packet], str]]] = {
    PROTOCOL_ICMP: _icmp,
    PROTOCOL_TCP: _tcp,
    PROTOCOL_UDP: _udp,
    PROTOCOL_ESP: _esp,
    PROTOCOL_AH: _ah,
}
