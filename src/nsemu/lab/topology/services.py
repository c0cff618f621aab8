"""Readers of the services of a host: `http`, `{name: http, port: 8080}`, and what DNS and DHCP serve.

{name: dns, records: {www.nspar.com: 2.2.2.2, two.example: [3.3.3.3, 4.4.4.4]}, ttl: 60}
{name: dhcp, pool: 2.2.2.10-2.2.2.20, gateway: 2.2.2.250, dns: 5.5.5.5, domain: example.org, lease: 8h}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nsemu.lab.topology import units, values
from nsemu.lab.topology.document import Element
from nsemu.lab.topology.errors import Findings, quoted
from nsemu.lab.topology.model import SERVICE_PORTS, PoolSpec, ServiceSpec, ZoneSpec
from nsemu.sim.scheduler import SECOND
from nsemu.wire.address import AddressError, Prefix, format_ipv4, parse_ipv4

_ZONE_KEYS: Final = ("records", "ttl")
_POOL_KEYS: Final = ("pool", "gateway", "dns", "domain", "lease")
_OWN_KEYS: Final[Mapping[str, tuple[str, ...]]] = {"dns": _ZONE_KEYS, "dhcp": _POOL_KEYS}
_DEFAULT_TTL: Final = 60
_SHORTEST_LEASE: Final = 10


def service(element: Element, findings: Findings) -> ServiceSpec | None:
    """A service by its name, or a mapping with `name`, `port` and what is its own."""
    if not isinstance(element.value, dict):
        word = values.one_of(*SERVICE_PORTS)(element, findings)
        return _service(word, {}, element, findings) if word is not None else None
    name = element.value.get("name")
    own = _OWN_KEYS.get(str(name.value), ()) if name is not None else (*_ZONE_KEYS, *_POOL_KEYS)
    parts = values.known_keys(element, findings, ("name", "port", *own)) or {}
    if not values.require(parts, ("name",), element.path, findings):
        return None
    word = values.one_of(*SERVICE_PORTS)(parts["name"], findings)
    return _service(word, parts, element, findings) if word is not None else None


def _service(word: str, parts: Mapping[str, Element], element: Element, findings: Findings) -> ServiceSpec | None:
    port = SERVICE_PORTS[word]
    if "port" in parts:
        chosen = values.whole_number(1, 65535)(parts["port"], findings)
        if chosen is None:
            return None
        port = chosen
    if word == "dns":
        zone = _zone(parts, findings)
        return None if zone is None else ServiceSpec(word, port, zone)
    if word == "dhcp":
        pool = _pool(parts, element, findings)
        return None if pool is None else ServiceSpec(word, port, pool=pool)
    return ServiceSpec(word, port)


def _zone(parts: Mapping[str, Element], findings: Findings) -> ZoneSpec | None:
    records = values.map_of(values.addresses)(parts["records"], findings) if "records" in parts else {}
    ttl = values.whole_number(0, 2**31 - 1)(parts["ttl"], findings) if "ttl" in parts else _DEFAULT_TTL
    if records is None or ttl is None:
        return None
    return ZoneSpec({name.lower(): addresses for name, addresses in records.items()}, ttl)


def _pool(parts: Mapping[str, Element], element: Element, findings: Findings) -> PoolSpec | None:
    if not values.require(parts, ("pool",), element.path, findings):
        return None
    readers: Mapping[str, values.Reader[Any]] = {
        "pool": address_range,
        "gateway": values.address,
        "dns": values.addresses,
        "domain": values.text,
        "lease": _lease,
    }
    read: dict[str, Any] = {key: reader(parts[key], findings) for key, reader in readers.items() if key in parts}
    if None in read.values():
        return None
    first, last = read.pop("pool")
    return PoolSpec(first, last, **read)


def address_range(element: Element, findings: Findings) -> tuple[int, int] | None:
    """`2.2.2.10-2.2.2.20`, or one address."""
    found = values.text(element, findings)
    if found is None:
        return None
    low, dash, high = found.partition("-")
    try:
        first, last = parse_ipv4(low.strip()), parse_ipv4((high if dash else low).strip())
    except AddressError:
        findings.error(element.path, quoted(found), allowed="a range of addresses such as 2.2.2.10-2.2.2.20")
        return None
    if first > last:
        findings.error(element.path, quoted(found), reason="the first address is above the last")
        return None
    return first, last


def _lease(element: Element, findings: Findings) -> int | None:
    time = units.wait(element, findings)
    if time is None:
        return None
    if time < _SHORTEST_LEASE * SECOND:
        findings.error(element.path, element.shown, allowed=f"{_SHORTEST_LEASE} seconds or more")
        return None
    return time // SECOND


def check_pool(pool: PoolSpec, host: Prefix, where: str, findings: Findings) -> None:
    """The pool and its gateway are in the network of the host that serves them."""
    for name, address in (("pool", pool.first), ("pool", pool.last), ("gateway", pool.gateway)):
        if address is not None and address not in host.network:
            reason = f"outside the subnet {host.network} of the host"
            findings.error(f"{where}.{name}", quoted(format_ipv4(address)), reason=reason)
