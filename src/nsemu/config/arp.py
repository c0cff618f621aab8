"""ARP as configured: static entries, age, and addresses of others that interfaces answer for."""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.config.device import DeviceConfig
from nsemu.config.kept import owned_lines, owners_of
from nsemu.wire.address import parse_mac

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ArpSettings:
    """`entries` are (interface, address, MAC address). `age` in seconds, 0 for the default.

    With `always_on_dest` a reply is never sent to the link address from which the packet came, without asking.
    """

    entries: tuple[tuple[str, int, bytes], ...] = ()
    age: int = 0
    always_on_dest: bool = False


def arp_settings(config: DeviceConfig) -> ArpSettings:
    """What the lines say."""
    lines = owned_lines(config.kept, None, "arp")
    single = dict(lines)
    entries = tuple(
        (line["interface"], line["address"], parse_mac(line["mac"]))
        for rest, line in lines
        if not rest and line["interface"] in config.interfaces
    )
    return ArpSettings(entries, single.get("age", {}).get("seconds", 0), "always-on-dest" in single)


def proxied_addresses(config: DeviceConfig) -> dict[str, tuple[Span, ...]]:
    """`set interface X proxy-arp-entry`: the addresses, by interface."""
    return {
        name: tuple(
            (line["low"], line["high"])
            for _rest, line in owned_lines(config.kept, ("interface", name), "interface proxy-arp-entry")
        )
        for name in dict.fromkeys(owners_of(config.kept, "interface proxy-arp-entry"))
    }
