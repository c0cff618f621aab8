"""Commands of a host that serves names or addresses: `dns` and `dhcp`, to look at them and change them at run time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from nsemu.lab.arguments import CommandRefused, address, number
from nsemu.lab.host.services.dhcp import DhcpPool
from nsemu.sim.scheduler import SECOND
from nsemu.sim.wait import Progress
from nsemu.wire.address import format_ipv4

if TYPE_CHECKING:
    from nsemu.lab.host.host import Host


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
        return _say(_leases(host, pool) if pool is not None else "no pool\n")
    if len(words) != 2 or words[0] not in {"pool", "lease", "gateway"}:
        raise CommandRefused("dhcp [pool FIRST-LAST | lease SECONDS | gateway ADDRESS]")
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
        "[pool FIRST-LAST | lease SECONDS | gateway ADDRESS]",
        "List the leases of the DHCP service, or change what it hands out",
    ),
}
