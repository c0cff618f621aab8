"""Port translation: which port of a shared address a session gets.

Ports are handed out in turn, so that a port that was just released rests as long as possible.
"""

from __future__ import annotations

from typing import Final

FIRST_PORT: Final = 1024
LAST_PORT: Final = 65535


class PortPool:
    """The ports (TCP, UDP) or identifiers (ICMP) of one address for one protocol."""

    __slots__ = ("_next", "_used")

    def __init__(self) -> None:
        self._used: set[int] = set()
        self._next = FIRST_PORT

    def allocate(self) -> int | None:
        """The next free port, or None when all are in use."""
        used = self._used
        if len(used) > LAST_PORT - FIRST_PORT:
            return None
        port = self._next
        while port in used:
            port = FIRST_PORT if port == LAST_PORT else port + 1
        used.add(port)
        self._next = FIRST_PORT if port == LAST_PORT else port + 1
        return port

    def release(self, port: int) -> None:
        """Give a port back."""
        self._used.discard(port)

    def __len__(self) -> int:
        return len(self._used)


class PortTranslator:
    """The port pools of a device, by address and protocol."""

    __slots__ = ("_pools",)

    def __init__(self) -> None:
        self._pools: dict[tuple[int, int], PortPool] = {}

    def allocate(self, address: int, protocol: int) -> int | None:
        """A free port of `address`, or None."""
        pool = self._pools.get((address, protocol))
        if pool is None:
            pool = self._pools[(address, protocol)] = PortPool()
        return pool.allocate()

    def release(self, address: int, protocol: int, port: int) -> None:
        """Give a port of `address` back."""
        pool = self._pools.get((address, protocol))
        if pool is not None:
            pool.release(port)

    def in_use(self, address: int, protocol: int) -> int:
        """How many ports are taken."""
        pool = self._pools.get((address, protocol))
        return len(pool) if pool is not None else 0
