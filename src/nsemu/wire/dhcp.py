"""DHCP messages (RFC 2131, options of RFC 2132): BOOTP header, magic cookie, options."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from nsemu.wire.errors import MalformedPacket

SERVER_PORT: Final = 67
CLIENT_PORT: Final = 68
REQUEST: Final = 1
REPLY: Final = 2

_HEADER: Final = struct.Struct("!BBBBIHHIIII16s64s128s")
_COOKIE: Final = b"\x63\x82\x53\x63"
_PAD, _END, _OVERLOAD = 0, 255, 52
_BROADCAST: Final = 0x8000
_SHORTEST: Final = 300  # RFC 1542 §2.1: BOOTP relays drop shorter messages.
_LONGEST_OPTION: Final = 255


class DhcpType(IntEnum):
    """The message type (RFC 2132 §9.6)."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    DECLINE = 4
    ACK = 5
    NAK = 6
    RELEASE = 7
    INFORM = 8


class DhcpOption(IntEnum):
    """The options that are used here."""

    SUBNET_MASK = 1
    ROUTER = 3
    DNS_SERVER = 6
    HOST_NAME = 12
    DOMAIN_NAME = 15
    NIS_DOMAIN = 40
    NIS_SERVER = 41
    NETBIOS_SERVER = 44
    REQUESTED_ADDRESS = 50
    LEASE_TIME = 51
    MESSAGE_TYPE = 53
    SERVER_IDENTIFIER = 54
    PARAMETER_LIST = 55
    RENEWAL_TIME = 58
    REBINDING_TIME = 59
    VENDOR_CLASS = 60
    CLIENT_IDENTIFIER = 61
    SMTP_SERVER = 69
    POP3_SERVER = 70
    NNTP_SERVER = 71


@dataclass(frozen=True, slots=True)
class DhcpMessage:
    """One message. `options` maps codes to octets, the message type among them; addresses are ints.

    `server_name` and `file` are the texts of BOOTP, empty when options overload their fields.
    """

    operation: int
    transaction: int
    hardware: bytes
    options: Mapping[int, bytes] = field(default_factory=dict)
    client: int = 0
    yours: int = 0
    server: int = 0
    relay: int = 0
    seconds: int = 0
    broadcast: bool = False
    hops: int = 0
    server_name: bytes = b""
    file: bytes = b""

    @property
    def type(self) -> int:
        """The message type; 0 without one."""
        value = self.options.get(DhcpOption.MESSAGE_TYPE, b"")
        return value[0] if len(value) == 1 else 0

    def address(self, option: int) -> int | None:
        """The first address of an option, None when it is absent or of no use."""
        return next(iter(self.addresses(option)), None)

    def addresses(self, option: int) -> tuple[int, ...]:
        """All addresses of an option."""
        value = self.options.get(option, b"")
        if len(value) % 4:
            return ()
        return tuple(int.from_bytes(value[at : at + 4], "big") for at in range(0, len(value), 4))

    def number(self, option: int) -> int | None:
        """A 32-bit option, None when it is absent or of another size."""
        value = self.options.get(option, b"")
        return int.from_bytes(value, "big") if len(value) == 4 else None

    @classmethod
    def parse(cls, data: bytes) -> DhcpMessage:
        """Octets → message. Raises MalformedPacket."""
        if len(data) < _HEADER.size + len(_COOKIE):
            raise MalformedPacket(f"DHCP message of {len(data)} octets")
        fields = _HEADER.unpack_from(data)
        operation, kind, length, hops, transaction, seconds, flags = fields[:7]
        if data[_HEADER.size : _HEADER.size + 4] != _COOKIE:
            raise MalformedPacket("no DHCP magic cookie")
        if operation not in {REQUEST, REPLY} or kind != 1 or length != 6:
            raise MalformedPacket(f"BOOTP operation {operation}, hardware {kind} with {length} octets")
        options: dict[int, bytes] = {}
        _read_options(data[_HEADER.size + 4 :], options)
        # RFC 2131 §4.1: the file and server name fields may hold more options.
        overload = options.get(_OVERLOAD, b"\0")[:1]
        if overload and overload[0] & 1:
            _read_options(fields[13], options)
        if overload and overload[0] & 2:
            _read_options(fields[12], options)
        hardware = fields[11][:6]
        client, yours, server, relay = fields[7:11]
        broadcast = bool(flags & _BROADCAST)
        names = _names(fields[12], fields[13], overload)
        return cls(
            operation, transaction, hardware, options, client, yours, server, relay, seconds, broadcast, hops, *names
        )

    def build(self) -> bytes:
        """Message → octets, at least as long as BOOTP wants. Raises ValueError for an option that does not fit."""
        header = _HEADER.pack(
            self.operation,
            1,
            6,
            self.hops,
            self.transaction,
            self.seconds,
            _BROADCAST * self.broadcast,
            self.client,
            self.yours,
            self.server,
            self.relay,
            self.hardware,
            self.server_name,
            self.file,
        )
        out = bytearray(header + _COOKIE)
        for code, value in self.options.items():
            if len(value) > _LONGEST_OPTION or not 0 < code < _END:
                raise ValueError(f"DHCP option {code} of {len(value)} octets")
            out += bytes((code, len(value))) + value
        out.append(_END)
        return bytes(out.ljust(_SHORTEST, b"\0"))


def _names(server_name: bytes, file: bytes, overload: bytes) -> tuple[bytes, bytes]:
    used = overload[0] if overload else 0
    return (b"" if used & 2 else server_name.rstrip(b"\0"), b"" if used & 1 else file.rstrip(b"\0"))


def _read_options(data: bytes, options: dict[int, bytes]) -> None:
    offset = 0
    while offset < len(data):
        code = data[offset]
        offset += 1
        if code == _PAD:
            continue
        if code == _END:
            return
        if offset >= len(data) or offset + 1 + data[offset] > len(data):
            raise MalformedPacket(f"DHCP option {code} is cut off")
        length = data[offset]
        # RFC 3396 §5: an option that is there several times is one, in pieces.
        options[code] = options.get(code, b"") + data[offset + 1 : offset + 1 + length]
        offset += 1 + length
