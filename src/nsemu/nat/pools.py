"""DIP pools at work: which address and port a session's source gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from nsemu.config.nat import DipPool
from nsemu.nat.ports import FIRST_PORT, LAST_PORT, PortTranslator

Source = tuple[int, int]
"""(address, port); for ICMP the port is the identifier."""


class Lease(Protocol):
    """A source that a session holds until it calls `release`."""

    source: Source

    def release(self) -> None:
        """Give it back; only the first call counts."""

    def another(self, port: int) -> Lease | None:
        """One more source at the same address, for a connection that wants `port`; None when out of them."""


class PortLease:
    """A translated port."""

    __slots__ = ("_held", "_protocol", "_translator", "source")

    def __init__(self, translator: PortTranslator, source: Source, protocol: int) -> None:
        self.source = source
        self._translator = translator
        self._protocol = protocol
        self._held = True

    def release(self) -> None:
        """The port is free again."""
        if self._held:
            self._held = False
            self._translator.release(self.source[0], self._protocol, self.source[1])

    def another(self, _port: int) -> PortLease | None:
        """Another port of the address."""
        return lease_port(self._translator, self.source[0], self._protocol)


def lease_port(translator: PortTranslator, address: int, protocol: int) -> PortLease | None:
    """A free port of an address; None when all are in use."""
    port = translator.allocate(address, protocol)
    return PortLease(translator, (address, port), protocol) if port is not None else None


class SourcePool:
    """One pool. With port translation its addresses take turns.

    `sticky` keeps a host on one address for as long as it has sessions. Without port translation a host always stays on
    one address, and shares it only when no address is left and no other host uses the port. `watch` is told whenever
    its use changes.
    """

    __slots__ = ("_fixed", "_hosts", "_translator", "_turn", "in_use", "record", "sticky", "watch")

    def __init__(self, record: DipPool, translator: PortTranslator, *, sticky: bool = False) -> None:
        self.record = record
        self.sticky = sticky
        self.in_use = 0
        self.watch: Callable[[SourcePool], None] | None = None
        self._translator = translator
        self._turn = 0
        self._hosts: dict[int, list[int]] = {}
        self._fixed: dict[tuple[int, int, int], list[int]] = {}

    def allocate(self, source: Source, protocol: int, *, has_ports: bool = True) -> PoolLease | None:
        """A source for a new session; None when the pool has none left.

        What has no ports keeps its 0, as if the pool had fixed ports.
        """
        record = self.record
        if record.shift_from is not None:
            address = record.low + source[0] - record.shift_from
            return self._lease(source, (address, source[1]), protocol) if address in record else None
        if record.fixed_port or not has_ports:
            return self._fixed_port(source, protocol)
        for address in self._addresses(source[0]):
            port = self._translator.allocate(address, protocol)
            if port is not None:
                return self._lease(source, (address, port), protocol, translated=True)
        return None

    @property
    def translates_ports(self) -> bool:
        """Whether the port changes too."""
        return not self.record.fixed_port and self.record.shift_from is None

    @property
    def use(self) -> int:
        """How much of it is in use, in percent: of its ports, or of its addresses where ports stay."""
        if self.translates_ports:
            return 100 * self.in_use // (self.record.size * (LAST_PORT - FIRST_PORT + 1))
        return 100 * min(len(self._hosts), self.record.size) // self.record.size

    def take(self, host: int, address: int, protocol: int, port: int) -> PoolLease | None:
        """One more source of a host that has `address`; `port` is what it would like to keep."""
        if self.translates_ports:
            chosen = self._translator.allocate(address, protocol)
            taken = (address, chosen or 0)
            return self._lease((host, port), taken, protocol, translated=True) if chosen is not None else None
        if self.record.fixed_port:
            holder = self._fixed.get((address, protocol, port))
            if holder is not None and holder[0] != host:
                return None
            self._hold((address, protocol, port), host)
        return self._lease((host, port), (address, port), protocol)

    def free(self, lease: PoolLease) -> None:
        """Take a lease back."""
        address, port = lease.source
        host = lease.host
        self.in_use -= 1
        key = (address, lease.protocol, port)
        if lease.translated:
            self._translator.release(*key)
        elif key in self._fixed:
            self._fixed[key][1] -= 1
            if not self._fixed[key][1]:
                del self._fixed[key]
        held = self._hosts.get(host)
        if held is not None:
            held[1] -= 1
            if not held[1]:
                del self._hosts[host]
        if self.watch is not None:
            self.watch(self)

    def _lease(self, before: Source, after: Source, protocol: int, *, translated: bool = False) -> PoolLease:
        self.in_use += 1
        self._hosts.setdefault(before[0], [after[0], 0])[1] += 1
        if self.watch is not None:
            self.watch(self)
        return PoolLease(self, before, after, protocol, translated)

    def _addresses(self, host: int) -> list[int]:
        record = self.record
        if self.sticky and host in self._hosts:
            return [self._hosts[host][0]]
        first = self._turn % record.size
        self._turn += 1
        return [record.low + (first + step) % record.size for step in range(record.size)]

    def _fixed_port(self, source: Source, protocol: int) -> PoolLease | None:
        host, port = source
        if host in self._hosts:
            candidates = [self._hosts[host][0]]
        else:
            everyone = range(self.record.low, self.record.high + 1)
            taken = {held[0] for held in self._hosts.values()}
            own = next((address for address in everyone if address not in taken), None)
            candidates = [own] if own is not None else list(everyone)
        for address in candidates:
            key = (address, protocol, port)
            holder = self._fixed.get(key)
            if holder is None or holder[0] == host:
                self._hold(key, host)
                return self._lease(source, (address, port), protocol)
        return None

    def _hold(self, key: tuple[int, int, int], host: int) -> None:
        self._fixed.setdefault(key, [host, 0])[1] += 1


class PoolLease:
    """A source from a pool. It outlives a change of the pool's record: it goes back to where it came from."""

    __slots__ = ("_held", "host", "pool", "protocol", "source", "translated")

    def __init__(self, pool: SourcePool, before: Source, source: Source, protocol: int, translated: bool) -> None:
        self.host = before[0]
        self.source = source
        self.protocol = protocol
        self.translated = translated
        self.pool = pool
        self._held = True

    def release(self) -> None:
        """Back to the pool."""
        if self._held:
            self._held = False
            self.pool.free(self)

    def another(self, port: int) -> PoolLease | None:
        """Another source of the same host at the same address."""
        return self.pool.take(self.host, self.source[0], self.protocol, port)
