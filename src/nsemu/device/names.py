"""The domain names that a configuration uses, and so the DNS client keeps resolved."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.config.device import DeviceConfig
from nsemu.wire.address import AddressError, parse_ipv4


def names_in_use(config: DeviceConfig) -> Iterator[str]:
    """Names of IKE gateways and of address book entries, each once."""
    seen: set[str] = set()
    for name in (*(gateway.address or "" for gateway in config.gateways.values()), *_entries(config)):
        if name and name not in seen and not is_address(name):
            seen.add(name)
            yield name


def _entries(config: DeviceConfig) -> Iterator[str]:
    return (address.fqdn for address in config.addresses.values() if address.fqdn)


def is_address(text: str) -> bool:
    """Whether a text is a dotted quad."""
    try:
        parse_ipv4(text)
    except AddressError:
        return False
    return True
