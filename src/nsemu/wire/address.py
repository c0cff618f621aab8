"""IPv4 and MAC addresses: integers and octets inside, text at the edge.

IPv4 addresses are ints (host order) everywhere in nsemu; MAC addresses are 6 octets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

ANY_ADDRESS: Final = 0
BROADCAST_ADDRESS: Final = 0xFFFFFFFF
BROADCAST_MAC: Final = b"\xff" * 6
ZERO_MAC: Final = b"\x00" * 6

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_DOTTED = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}", re.ASCII)


class AddressError(ValueError):
    """A text that is no address, mask or prefix; the message says which and why."""


def parse_ipv4(text: str) -> int:
    """`"10.1.1.5"` → int. Raises AddressError."""
    if not _DOTTED.fullmatch(text):
        raise AddressError(f"invalid IP address {text!r}")
    a, b, c, d = text.split(".")
    return int(a) << 24 | int(b) << 16 | int(c) << 8 | int(d)


def format_ipv4(address: int) -> str:
    """Int → `"10.1.1.5"`."""
    return f"{address >> 24 & 255}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"


def mask_of(length: int) -> int:
    """Prefix length → netmask as int."""
    return (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF


def parse_mask(text: str) -> int:
    """`"24"` or `"255.255.255.0"` → prefix length. Raises AddressError, also for a mask with holes."""
    if text.isascii() and text.isdigit() and int(text) <= 32:
        return int(text)
    mask = parse_ipv4(text)
    length = mask.bit_count()
    if mask_of(length) != mask:
        raise AddressError(f"invalid netmask {text!r}")
    return length


@dataclass(frozen=True, slots=True, order=True)
class Prefix:
    """An address and a prefix length. `address` may have host bits (an interface's address); see `network`."""

    address: int
    length: int

    @classmethod
    def parse(cls, text: str) -> Prefix:
        """`"10.1.1.1/24"`, `"10.1.1.1/255.255.255.0"`. Raises AddressError."""
        address, slash, mask = text.partition("/")
        if not slash:
            raise AddressError(f"missing mask in {text!r}")
        return cls(parse_ipv4(address), parse_mask(mask))

    @property
    def mask(self) -> int:
        """The netmask as int."""
        return mask_of(self.length)

    @property
    def network(self) -> Prefix:
        """The same prefix with its host bits cleared."""
        return Prefix(self.address & self.mask, self.length)

    @property
    def broadcast(self) -> int:
        """The highest address of the network."""
        return self.address | (self.mask ^ 0xFFFFFFFF)

    def __contains__(self, address: int) -> bool:
        return (address ^ self.address) & self.mask == 0

    def overlaps(self, other: Prefix) -> bool:
        """Whether the two networks share an address."""
        shorter = self if self.length <= other.length else other
        return (self.address ^ other.address) & shorter.mask == 0

    def __str__(self) -> str:
        return f"{format_ipv4(self.address)}/{self.length}"


def parse_mac(text: str) -> bytes:
    """`"0010.db28.1152"`, `"0010db281152"` or `"00:10:db:28:11:52"` → 6 octets. Raises AddressError."""
    digits = re.sub(r"[.:\-]", "", text)
    if not re.fullmatch(r"[0-9a-fA-F]{12}", digits):
        raise AddressError(f"invalid MAC address {text!r}")
    return bytes.fromhex(digits)


def format_mac_dotted(mac: bytes) -> str:
    """`0010.db28.1152`, as interface outputs print it."""
    digits = mac.hex()
    return f"{digits[:4]}.{digits[4:8]}.{digits[8:]}"
