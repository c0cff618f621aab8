"""The domain names that a configuration uses, and so the DNS client keeps resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nsemu.config.device import DeviceConfig
from nsemu.config.dhcp import dhcp_relays
from nsemu.config.ntp import ntp_settings
from nsemu.config.syslog import syslog_settings
from nsemu.wire.address import AddressError, parse_ipv4


def names_in_use(config: DeviceConfig) -> Iterator[str]:
    """Names of IKE gateways, of address book entries and of servers that the device speaks to, each once."""
    seen: set[str] = set()
    gateways = (gateway.address or "" for gateway in config.gateways.values())
    for name in (*gateways, *_entries(config), *_servers(config)):
        if name and name not in seen and not is_address(name):
            seen.add(name)
            yield name


def _entries(config: DeviceConfig) -> Iterator[str]:
    return (address.fqdn for address in config.addresses.values() if address.fqdn)


def _servers(config: DeviceConfig) -> Iterator[str]:
    for relay in dhcp_relays(config).values():
        yield from relay.servers
    yield from (server.address for server in syslog_settings(config).servers)
    yield from (server.address for server in ntp_settings(config).servers)


def addresses_of(text: str, lookup: Callable[[str], tuple[int, ...]]) -> tuple[int, ...]:
    """The address that a text is, or those of the domain name that it is."""
    try:
        return (parse_ipv4(text),)
    except AddressError:
        return lookup(text)


def is_address(text: str) -> bool:
    """Whether a text is a dotted quad."""
    try:
        parse_ipv4(text)
    except AddressError:
        return False
    return True
