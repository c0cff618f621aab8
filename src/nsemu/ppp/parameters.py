"""What one end of a PPP link is told, and what it tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum


class Scheme(Enum):
    """How users prove who they are; the value is the CLI word."""

    CHAP = "chap"
    PAP = "pap"


@dataclass(frozen=True, slots=True)
class Assigned:
    """What a client is told (RFC 1332 §3.3, RFC 1877). Addresses are ints; up to two servers of each kind."""

    address: int
    dns: tuple[int, ...] = ()
    wins: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Authority:
    """The end that asks. `schemes` in order of preference; `secret_of` a user's password, None for nobody.

    `admit` is asked once the user has proved its name, and gives it an address, or None to turn it away.
    """

    name: str
    address: int
    schemes: tuple[Scheme, ...]
    secret_of: Callable[[str], str | None]
    admit: Callable[[str], Assigned | None]


@dataclass(frozen=True, slots=True)
class Caller:
    """The end that is asked: its name and password, what it will do to prove them, the longest packet it takes."""

    name: str
    password: str = field(repr=False)
    schemes: tuple[Scheme, ...] = (Scheme.CHAP, Scheme.PAP)
    mru: int = 1500


@dataclass(frozen=True, slots=True)
class Up:
    """The link carries IPv4: own and peer's address, and what was told beside them."""

    local: int
    remote: int
    assigned: Assigned
    name: str


@dataclass(frozen=True, slots=True)
class Down:
    """The link has ended."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The authority turned a user away."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Received:
    """An IPv4 packet from the other end."""

    packet: bytes


Event = Up | Down | Refused | Received
