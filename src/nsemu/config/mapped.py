"""The names that MIPs and VIPs have in policies (screenos-cli §1.14): `MIP(1.1.1.5)`, `VIP(1.1.1.10)`.

A MIP of a network is `MIP(1.1.1.0/24)`. A VIP on the interface's own address is `VIP(ethernet3)`; older devices count
them, `VIP::1`. Case does not matter when they are typed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Protocol

from nsemu.config.nat import Mip, MipKey, Vip, VipKey
from nsemu.wire.address import AddressError, Prefix, format_ipv4, parse_ipv4, parse_mask

_NAME: Final = re.compile(r"(MIP|VIP)\(([A-Za-z0-9./-]+)\)", re.IGNORECASE | re.ASCII)
_COUNTED: Final = re.compile(r"VIP::(\d{1,4})", re.IGNORECASE | re.ASCII)


class MappedTables(Protocol):
    """The tables that hold MIPs and VIPs."""

    @property
    def mips(self) -> Mapping[MipKey, Mip]: ...  # noqa: D102
    @property
    def vips(self) -> Mapping[VipKey, Vip]: ...  # noqa: D102


def mip_name(mip: Mip) -> str:
    """`MIP(1.1.1.5)`, `MIP(1.1.1.0/24)`."""
    mask = "" if mip.length == 32 else f"/{mip.length}"
    return f"MIP({format_ipv4(mip.address)}{mask})"


def vip_name(vip: Vip) -> str:
    """`VIP(1.1.1.10)`, `VIP(ethernet3)`."""
    return f"VIP({format_ipv4(vip.address) if vip.address else vip.interface})"


def mapped_names(tables: MappedTables) -> list[str]:
    """The names of all MIPs and VIPs."""
    names = [mip_name(mip) for mip in tables.mips.values()] + [vip_name(vip) for vip in tables.vips.values()]
    return list(dict.fromkeys(names))


def resolve_mapped(tables: MappedTables, text: str) -> str | None:
    """The MIP or VIP that `text` means, by its own name; None when there is none."""
    counted = _COUNTED.fullmatch(text)
    if counted is not None:
        own = [name for name in mapped_names(tables) if own_vip_interface(name) is not None]
        number = int(counted[1])
        return own[number - 1] if 0 < number <= len(own) else None
    wanted = _NAME.fullmatch(text)
    if wanted is None:
        return None
    return next((name for name in mapped_names(tables) if _means(wanted, name)), None)


def _means(wanted: re.Match[str], name: str) -> bool:
    """Whether typed words mean a MIP or VIP: a mask may be left out, or be written with dots."""
    if name[:3] != wanted[1].upper():
        return False
    inside, length = name[4:-1].split("/") if "/" in name and name[:3] == "MIP" else (name[4:-1], "32")
    typed, slash, mask = wanted[2].partition("/") if name[:3] == "MIP" else (wanted[2], "", "")
    return typed.lower() == inside and (not slash or str(_length_or_none(mask)) == length)


def mapped_range(name: str) -> tuple[int, int] | None:
    """The addresses of a MIP, or of a VIP with an address of its own; None for another name."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    address, _, mask = match[2].partition("/")
    try:
        network = Prefix(parse_ipv4(address), _length(mask)).network
    except AddressError:
        return None
    return network.address, network.broadcast


def own_vip_interface(name: str) -> str | None:
    """The interface whose own address a VIP uses; None for another name."""
    match = _NAME.fullmatch(name)
    if match is None or match[1].upper() != "VIP" or mapped_range(name) is not None:
        return None
    return match[2]


def _length_or_none(mask: str) -> int | None:
    try:
        return _length(mask)
    except AddressError:
        return None


def _length(mask: str) -> int:
    if not mask:
        return 32
    if mask.isdigit() and int(mask) <= 32:
        return int(mask)
    return parse_mask(mask)
