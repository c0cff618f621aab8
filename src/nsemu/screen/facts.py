"""What SCREEN looks at: the fields of a parsed packet, and the shape of a check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from nsemu.screen.attack import Attack
from nsemu.sim.scheduler import Instant

ICMP: Final = 1
TCP: Final = 6
UDP: Final = 17

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
ACK: Final = 0x10
URG: Final = 0x20

MORE_FRAGMENTS: Final = 0x2000
OFFSET_MASK: Final = 0x1FFF


class ScreenedPacket(Protocol):
    """An IPv4 packet whose header is sound. `data` are its octets without link padding.

    `fragment` are the more-fragments bit and the offset; the ports are 0 while it is not 0.
    """

    @property
    def data(self) -> bytes: ...  # noqa: D102
    @property
    def header_length(self) -> int: ...  # noqa: D102
    @property
    def protocol(self) -> int: ...  # noqa: D102
    @property
    def fragment(self) -> int: ...  # noqa: D102
    @property
    def source(self) -> int: ...  # noqa: D102
    @property
    def destination(self) -> int: ...  # noqa: D102
    @property
    def source_port(self) -> int: ...  # noqa: D102
    @property
    def destination_port(self) -> int: ...  # noqa: D102


Check = Callable[[ScreenedPacket, Instant], Attack | None]
"""Looks at one packet; the attack it is part of, or None."""
