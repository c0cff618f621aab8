"""Commands of a host that serves names or addresses: `dns` and `dhcp`, to look at them and change them at run time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from nsemu.lab.arguments import CommandRefused, address, number
from nsemu.lab.host.services.dhcp import DhcpPool
from nsemu.sim.scheduler import SECOND, Duration
from nsemu.sim.wait import Progress, Wait
from nsemu.wire.address import format_ipv4

if TYPE_CHECKING:
    from nsemu.lab.host.dhcp_client import HostDhcp
    from nsemu.lab.host.host import Host

_PATIENCE: Final[Duration] = 10 * SECOND
"""How long `dhcp renew` waits for an answer."""


def _say(text: str) -> Progress:
    if text:
        yield text


def _dns(host: Host, words: Sequence[str]) -> Progress:
    zone = host.store.zone
    if not words:
        rows = (f"{name} {' '.join(map(format_ipv4, found))}\n" for name, found in sorted(zone.records.items()))
        return _say(f"{zone.queries} queries, ttl {zone.ttl} s\n" + "".join(rows))
    verb, *rest = words
    if verb == "set" and len(rest) >= 2:
        zone.set(rest[0], tuple(address(word) for word in rest[1:]))
    elif verb == "remove" and len(rest) == 1:
        zone.set(rest[0], ())
    elif verb == "ttl" and len(rest) == 1:
        zone.ttl = _number(0, 2**31 - 1, rest[0])
    else:
        raise CommandRefused("dns [set NAME ADDRESS... | remove NAME | ttl SECONDS]")
    return _say("")


def _dhcp(host: Host, words: Sequence[str]) -> Progress:
    pool = host.store.pool
    if not words:
        own = host.dhcp.describe() if host.dhcp is not None else ""
        return _say(own + (_leases(host, pool) if pool is not None else "" if own else "no pool\n"))
    if list(words) in (["renew"], ["release"]):
        return _dhcp_client(host, words[0])
    if len(words) != 2 or words[0] not in {"pool", "lease", "gateway"}:
        raise CommandRefused("dhcp [renew | release | pool FIRST-LAST | lease SECONDS | gateway ADDRESS]")
    verb, value = words
    if verb == "pool":
        first, dash, last = value.partition("-")
        low, high = address(first), address(last if dash else first)
        if low > high:
            raise CommandRefused(f"{first} is above {last}")
        if pool is None:
            host.store.pool = DhcpPool(low, high)
        else:
            pool.first, pool.last = low, high
        return _say("")
    if pool is None:
        raise CommandRefused("there is no pool (dhcp pool FIRST-LAST)")
    if verb == "lease":
        pool.lease = _number(10, 2**31 - 1, value)
    else:
        pool.gateway = address(value)
    return _say("")


def _dhcp_client(host: Host, verb: str) -> Progress:
    """Ask for an address, or give it back, and show what comes of it within a few seconds."""
    if host.dhcp is None:
        raise CommandRefused(f"{host.name} has a fixed address (address: dhcp in the topology makes it a DHCP client)")
    dhcp, client = host.dhcp, host.dhcp.client
    if verb == "release":
        dhcp.release()
        return _say("")
    client.renew()
    return _renewal(host, dhcp)


def _renewal(host: Host, dhcp: HostDhcp) -> Progress:
    before = dhcp.client.lease.since if dhcp.client.lease is not None else -1
    until = host.scheduler.now + _PATIENCE

    def done() -> bool:
        return dhcp.client.lease is not None and dhcp.client.lease.since > before

    yield Wait(until, done)
    yield dhcp.describe()


def _leases(host: Host, pool: DhcpPool) -> str:
    now = host.scheduler.now
    rows = [f"pool {format_ipv4(pool.first)}-{format_ipv4(pool.last)}, lease {pool.lease} s\n"]
    for hardware, lease in pool.leases.items():
        left = f"{(lease.expires - now) // SECOND} s left" if lease.expires > now else "expired"
        rows.append(f"{format_ipv4(lease.address)} {hardware.hex(':')} {left}\n")
    return "".join(rows)


def _number(low: int, high: int, text: str) -> int:
    try:
        return number(low, high)(text)
    except ValueError as error:
        raise CommandRefused(str(error)) from None


COMMANDS: Final[dict[str, tuple[Callable[[Host, Sequence[str]], Progress], str, str]]] = {
    "dns": (_dns, "[set NAME ADDRESS... | remove NAME | ttl SECONDS]", "List or change what the DNS service answers"),
    "dhcp": (
        _dhcp,
        "[renew | release | pool FIRST-LAST | lease SECONDS | gateway ADDRESS]",
        "Show the lease of a DHCP client, renew or release it; list what the DHCP service lends, or change it",
    ),
}
