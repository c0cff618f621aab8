"""Checks that need one whole packet and no memory: IP options, flags of TCP, sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nsemu.config.screen import ScreenOption
from nsemu.screen.attack import Attack
from nsemu.screen.facts import ACK, FIN, SYN, URG, Check, ScreenedPacket
from nsemu.sim.scheduler import Instant
from nsemu.wire import ipv4_options
from nsemu.wire.checksum import adjust_at
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.icmp import ECHO_REPLY, ECHO_REQUEST

LARGE_ICMP: Final = 1024
FIRST_UNKNOWN_PROTOCOL: Final = 137
NETBIOS_SESSION: Final = 139

_FIXED: Final[dict[int, Callable[[ipv4_options.Option], object]]] = {
    ipv4_options.RECORD_ROUTE: ipv4_options.RouteOption.parse,
    ipv4_options.LOOSE_SOURCE_ROUTE: ipv4_options.RouteOption.parse,
    ipv4_options.STRICT_SOURCE_ROUTE: ipv4_options.RouteOption.parse,
    ipv4_options.TIMESTAMP: ipv4_options.TimestampOption.parse,
    ipv4_options.STREAM_ID: ipv4_options.stream_identifier,
}

_BY_KIND: Final[dict[ScreenOption, dict[int, Attack]]] = {
    ScreenOption.IP_FILTER_SRC: {
        ipv4_options.LOOSE_SOURCE_ROUTE: Attack.IP_FILTER_SRC,
        ipv4_options.STRICT_SOURCE_ROUTE: Attack.IP_FILTER_SRC,
    },
    ScreenOption.IP_LOOSE_SRC_ROUTE: {ipv4_options.LOOSE_SOURCE_ROUTE: Attack.IP_LOOSE_SRC_ROUTE},
    ScreenOption.IP_STRICT_SRC_ROUTE: {ipv4_options.STRICT_SOURCE_ROUTE: Attack.IP_STRICT_SRC_ROUTE},
    ScreenOption.IP_RECORD_ROUTE: {ipv4_options.RECORD_ROUTE: Attack.IP_RECORD_ROUTE},
    ScreenOption.IP_TIMESTAMP_OPT: {ipv4_options.TIMESTAMP: Attack.IP_TIMESTAMP},
    ScreenOption.IP_SECURITY_OPT: {ipv4_options.SECURITY: Attack.IP_SECURITY},
    ScreenOption.IP_STREAM_OPT: {ipv4_options.STREAM_ID: Attack.IP_STREAM},
}


class IpOptions:
    """The options of a header that has any: malformed ones, and those of the kinds that are looked for."""

    __slots__ = ("_bad", "_kinds")

    def __init__(self, active: frozenset[ScreenOption]) -> None:
        self._bad = ScreenOption.IP_BAD_OPTION in active
        self._kinds: dict[int, Attack] = {}
        for option, kinds in _BY_KIND.items():
            if option in active:
                # The filter comes first: it blocks both kinds of source route.
                self._kinds = {**kinds, **self._kinds}

    @property
    def wanted(self) -> bool:
        """Whether there is anything to look for."""
        return self._bad or bool(self._kinds)

    def __call__(self, packet: ScreenedPacket, _now: Instant) -> Attack | None:
        """One packet with IP options."""
        data = packet.data[20 : packet.header_length]
        found = self._kind_in(data)
        if self._bad and _is_bad(data):
            return Attack.IP_BAD_OPTION
        return found

    def _kind_in(self, data: bytes) -> Attack | None:
        """The first kind that is looked for, as far as the list can be read."""
        at = 0
        while at < len(data) and data[at] != ipv4_options.END_OF_LIST:
            attack = self._kinds.get(data[at])
            if attack is not None:
                return attack
            if data[at] == ipv4_options.NO_OPERATION:
                at += 1
                continue
            if at + 1 >= len(data) or data[at + 1] < 2:
                return None
            at += data[at + 1]
        return None


def _is_bad(data: bytes) -> bool:
    try:
        for option in ipv4_options.parse_options(data):
            parse = _FIXED.get(option.kind)
            if parse is not None:
                parse(option)
    except MalformedPacket:
        return True
    return False


def is_land(packet: ScreenedPacket, _now: Instant) -> Attack | None:
    """A SYN from an address to itself."""
    return Attack.LAND if packet.source == packet.destination else None


def is_large_icmp(packet: ScreenedPacket, _now: Instant) -> Attack | None:
    """ICMP of more than 1024 octets, header included."""
    return Attack.ICMP_LARGE if len(packet.data) > LARGE_ICMP else None


def is_ping_without_id(packet: ScreenedPacket, _now: Instant) -> Attack | None:
    """ICMP echo, request or reply, with identifier 0 (`icmp-id`)."""
    at = packet.header_length
    echo = packet.data[at] in {ECHO_REPLY, ECHO_REQUEST}
    return Attack.ICMP_ID if echo and packet.data[at + 4 : at + 6] == b"\0\0" else None


def is_winnuke(packet: ScreenedPacket, _now: Instant) -> Attack | None:
    """Urgent data for the NetBIOS session service."""
    return Attack.WINNUKE if packet.destination_port == NETBIOS_SESSION else None


def without_urgent(data: bytes, header_length: int) -> bytes:
    """The TCP packet without its URG flag and urgent pointer, with its checksum adjusted (RFC 1624)."""
    out = bytearray(data)
    flags = header_length + 13
    pointer = header_length + 18
    removed = URG + (out[pointer] << 8 | out[pointer + 1])
    out[flags] &= ~URG & 0xFF
    out[pointer : pointer + 2] = b"\0\0"
    adjust_at(out, header_length + 16, -removed)
    return bytes(out)


def always(attack: Attack) -> Check:
    """A check of packets that are an attack by what selected them."""

    def check(_packet: ScreenedPacket, _now: Instant) -> Attack | None:
        return attack

    return check


def flag_attack(flags: int, active: frozenset[ScreenOption]) -> Attack | None:
    """The attack that a combination of TCP flags is by itself."""
    if ScreenOption.SYN_FIN in active and flags & (SYN | FIN) == SYN | FIN:
        return Attack.SYN_FIN
    if ScreenOption.FIN_NO_ACK in active and flags & (FIN | ACK) == FIN:
        return Attack.FIN_NO_ACK
    if ScreenOption.TCP_NO_FLAG in active and not flags:
        return Attack.TCP_NO_FLAG
    return None
