"""DIP pools at work: which address and port a session's source gets."""

from __future__ import annotations

from nsemu.config.nat import DipPool
from nsemu.nat.ports import PortTranslator

Source = tuple[int, int]
"""(address, port); for ICMP the port is the identifier."""


class SourcePool:
    """One pool. With port translation its addresses take turns; `sticky` keeps a host on the address it had."""

    __slots__ = ("_fixed", "_hosts", "_translator", "_turn", "record", "sticky")

    def __init__(self, record: DipPool, translator: PortTranslator) -> None:
        self.record = record
        self.sticky = False
        self._translator = translator
        self._turn = 0
        self._hosts: dict[int, int] = {}
        self._fixed: set[tuple[int, int, int]] = set()

    def allocate(self, source: Source, protocol: int) -> Source | None:
        """A source for a new session; None when the pool has none left."""
        record = self.record
        if record.shift_from is not None:
            address = record.low + source[0] - record.shift_from
            return (address, source[1]) if address in record and source[0] >= record.shift_from else None
        if record.fixed_port:
            return self._fixed_port(source, protocol)
        for address in self._addresses(source[0]):
            port = self._translator.allocate(address, protocol)
            if port is not None:
                self._hosts[source[0]] = address
                return address, port
        return None

    def release(self, translated: Source, protocol: int) -> None:
        """Give back what `allocate` gave."""
        address, port = translated
        if self.record.fixed_port:
            self._fixed.discard((address, protocol, port))
        elif self.record.shift_from is None:
            self._translator.release(address, protocol, port)

    @property
    def translates_ports(self) -> bool:
        """Whether the port changes too."""
        return not self.record.fixed_port and self.record.shift_from is None

    @property
    def in_use(self) -> int:
        """Sources handed out, over all protocols."""
        if self.record.fixed_port:
            return len(self._fixed)
        addresses = range(self.record.low, self.record.high + 1)
        return sum(self._translator.in_use(address, protocol) for address in addresses for protocol in (1, 6, 17))

    def _addresses(self, host: int) -> list[int]:
        record = self.record
        if self.sticky and host in self._hosts:
            return [self._hosts[host]]
        first = self._turn % record.size
        self._turn += 1
        return [record.low + (first + step) % record.size for step in range(record.size)]

    def _fixed_port(self, source: Source, protocol: int) -> Source | None:
        for address in self._addresses(source[0]):
            use = (address, protocol, source[1])
            if use not in self._fixed:
                self._fixed.add(use)
                return address, source[1]
        return None
