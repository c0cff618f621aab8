"""Services and service groups (`set service …`, `set group service …`)."""

from __future__ import annotations

from dataclasses import dataclass

ANY_SERVICE = "ANY"

PROTOCOL_ANY = 0
ICMP, TCP, UDP = 1, 6, 17

NEVER = 0
"""A session time-out that never comes."""


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """One match of a service.

    For TCP and UDP the four numbers are port ranges, both ends included. For ICMP `destination_low` is the type and
    `destination_high` the code, -1 for any. Other protocols ignore them. Protocol 0 matches every protocol.
    """

    protocol: int
    destination_low: int = 0
    destination_high: int = 65535
    source_low: int = 0
    source_high: int = 65535


@dataclass(frozen=True, slots=True)
class Service:
    """A service. `timeout` in seconds, NEVER for none, None for the default of the protocol.

    `category` is the Group column of `get service`. `programs` are RPC services, which match nothing: the family
    (`sun-rpc`, `ms-rpc`) and the program numbers or the UUID, as written.
    """

    name: str
    entries: tuple[ServiceEntry, ...]
    timeout: int | None = None
    category: str = "other"
    predefined: bool = False
    programs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceGroup:
    """A group of services (and groups)."""

    name: str
    members: tuple[str, ...] = ()
    comment: str = ""
    predefined: bool = False
