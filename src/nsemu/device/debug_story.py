"""What the lines of `debug flow basic` need of each other: the dialect, and what earlier and later steps say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from nsemu.config.platform import Platform
from nsemu.flow import steps
from nsemu.runtime.trace import Hop, Step
from nsemu.sim.scheduler import Instant
from nsemu.wire.address import format_ipv4

TUNNEL_BIT: Final = 0x40000000
NO_TUNNEL: Final = "ffffffff"

S = TypeVar("S", bound=Step)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a line of platforms words its trace. `tokens` are those of the forward and the reverse wing."""

    functions: bool
    hardware: bool
    destination_mark: str
    first_packet: str
    wing: str
    tokens: tuple[int, int]


RELEASE_5: Final = Dialect(False, False, "[Dest] ", "1", "nsp2 wing prepared", (2, 3))
RELEASE_6: Final = Dialect(True, False, "[ Dest] ", "122", "outgoing wing prepared", (4, 3))
ISG: Final = Dialect(True, True, "[ Dest] ", "122", "outgoing wing prepared", (4, 3))


def dialect_of(platform: Platform) -> Dialect:
    """The dialect of a platform's release; one with an ASIC hands its sessions to hardware."""
    if platform.release.startswith("5."):
        return RELEASE_5
    return ISG if platform.asic else RELEASE_6


class Story:
    """What the lines of later steps need of earlier ones."""

    def __init__(self, hop: Hop, booted_at: Instant, dialect: Dialect) -> None:
        self.hop = hop
        self.booted_at = booted_at
        self.dialect = dialect
        self.index = 0
        self.zone = hop.zone
        self.interface = hop.interface
        self.egress = ""
        self.vrouter = hop.vrouter
        self.ends: steps.Endpoints | None = None
        self.length = 0
        self.gateway = 0
        self.inner = False
        self.tunnel_in = NO_TUNNEL
        self.tunnel_out = NO_TUNNEL
        self.back: steps.RouteLookup | None = None
        self.awaited: set[int] = set()

    def told(self) -> Iterator[Step]:
        """The steps one after the other; `coming` looks ahead from the one that was given last."""
        for index, step in enumerate(self.hop.steps):
            self.index = index
            yield step

    def coming(self, kind: type[S]) -> S | None:
        """The next step of a kind."""
        return next((step for step in self.hop.steps[self.index + 1 :] if isinstance(step, kind)), None)

    @property
    def source(self) -> str:
        """The source address as it came."""
        return format_ipv4(self.ends.source) if self.ends is not None else "0.0.0.0"

    @property
    def destination(self) -> str:
        """The destination address as it came."""
        return format_ipv4(self.ends.destination) if self.ends is not None else "0.0.0.0"

    def new(self, *lines: str) -> tuple[str, ...]:
        """Lines that only newer releases print."""
        return lines if self.dialect.functions else ()


def buffer_address(identification: int) -> int:
    """A packet buffer's address: made up, the same for the same packet."""
    return 0x04800000 | identification << 5


def ipid(identification: int) -> str:
    """`ipid = 34928(8870), @04815c40`."""
    return f"ipid = {identification}({identification:04x}), @{buffer_address(identification):08x}"
