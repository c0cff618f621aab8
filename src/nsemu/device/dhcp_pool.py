"""The leases of one DHCP server (RFC 2131 §4.3): who has which address, until when, and which is free. No messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from nsemu.config.dhcp import DhcpServerSettings
from nsemu.sim.scheduler import SECOND, Instant

OFFER_HELD: Final = 60 * SECOND
CONFLICT_HELD: Final = 600 * SECOND
FOREVER: Final[Instant] = 1 << 62


class LeaseState(Enum):
    """What an address is; the value is what views print."""

    IDLE = "idle"
    OFFERED = "offered"
    ALLOCATED = "allocated"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class AddressLease:
    """One address that is not free. `hardware` is whose it is, b"" for an address in conflict."""

    address: int
    hardware: bytes
    state: LeaseState
    expires: Instant
    reserved: bool = False


class DhcpPool:
    """Addresses of one interface. `settings` may change at any time; what is lent stays lent until it ends."""

    def __init__(self, settings: DhcpServerSettings) -> None:
        self.settings = settings
        self._leases: dict[int, AddressLease] = {}
        self._last: dict[bytes, int] = {}

    def lease_of(self, hardware: bytes, now: Instant) -> AddressLease | None:
        """What a client has or was offered."""
        address = self._last.get(hardware)
        lease = self._leases.get(address) if address is not None else None
        return lease if lease is not None and lease.hardware == hardware and lease.expires > now else None

    def holds(self, address: int, hardware: bytes) -> bool:
        """Whether the server lends the address to that client, if it is free."""
        reserved = dict(self.settings.reserved)
        if address in reserved.values():
            return reserved.get(hardware) == address
        return any(first <= address <= last for first, last in self.settings.ranges)

    def is_free(self, address: int, hardware: bytes, now: Instant) -> bool:
        """Whether nobody else has it."""
        lease = self._leases.get(address)
        return lease is None or lease.expires <= now or lease.hardware == hardware

    def choose(self, hardware: bytes, wanted: int | None, usable: Iterable[range], now: Instant) -> int | None:
        """An address for a client; None when there is none.

        Its reserved one; else its last one, the one it asks for, the lowest free one (RFC 2131 §4.3.1). `usable` are
        the networks of the wire the client is on.
        """
        networks = list(usable)
        reserved = dict(self.settings.reserved).get(hardware)
        if reserved is not None:
            candidates: Iterable[int] = [reserved]
        else:
            liked = [one for one in (self._last.get(hardware), wanted) if one is not None]
            candidates = (*liked, *self._unclaimed(now))
        for address in candidates:
            here = any(address in network for network in networks)
            if here and self.holds(address, hardware) and self.is_free(address, hardware, now):
                return address
        return None

    def _unclaimed(self, now: Instant) -> Iterator[int]:
        """Free addresses, those that nobody had before first."""
        old = []
        for first, last in self.settings.ranges:
            for address in range(first, last + 1):
                lease = self._leases.get(address)
                if lease is None:
                    yield address
                elif lease.expires <= now:
                    old.append((lease.expires, address))
        yield from (address for _expired, address in sorted(old))

    def lend(self, address: int, hardware: bytes, state: LeaseState, expires: Instant) -> None:
        """The client has the address, or is offered it, until `expires`."""
        reserved = dict(self.settings.reserved).get(hardware) == address
        self._leases[address] = AddressLease(address, hardware, state, expires, reserved)
        self._last[hardware] = address

    def give_back(self, address: int, hardware: bytes, now: Instant) -> bool:
        """The client needs it no more; whether it was its own."""
        lease = self.lease_of(hardware, now)
        if lease is None or lease.address != address:
            return False
        self._leases[address] = AddressLease(address, hardware, LeaseState.IDLE, now, lease.reserved)
        return True

    def conflict(self, address: int, now: Instant) -> None:
        """Somebody else uses it: nobody gets it for a while."""
        self._leases[address] = AddressLease(address, b"", LeaseState.CONFLICT, now + CONFLICT_HELD)

    def clear(self, address: int | None = None) -> None:
        """Forget the lease of an address, or all."""
        if address is None:
            self._leases.clear()
        else:
            self._leases.pop(address, None)

    def taken(self, now: Instant) -> list[AddressLease]:
        """What is not free, by address."""
        return sorted((one for one in self._leases.values() if one.expires > now), key=lambda lease: lease.address)

    def size(self) -> int:
        """How many addresses there are to lend, the reserved ones included."""
        spans = [range(first, last + 1) for first, last in self.settings.ranges]
        extra = sum(1 for _mac, address in self.settings.reserved if not any(address in span for span in spans))
        return sum(map(len, spans)) + extra
