"""Trace-route from the device: echo requests with growing TTL, three for each hop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nsemu.device.echo import Answer, EchoProber, Fate
from nsemu.sim.scheduler import SECOND, Duration
from nsemu.sim.wait import Wait

if TYPE_CHECKING:
    from nsemu.device.device import Device

PROBES: Final = 3
DEFAULT_HOPS: Final = 32
DEFAULT_TIME_OUT: Final[Duration] = 2 * SECOND
_SIZE: Final = 12


@dataclass(frozen=True, slots=True)
class HopAnswers:
    """The answers to the requests of one TTL, None for each that was lost."""

    ttl: int
    answers: tuple[Answer | None, ...]

    @property
    def source(self) -> int | None:
        """Who answered first; None when nobody did."""
        return next((answer.source for answer in self.answers if answer is not None), None)

    @property
    def final(self) -> bool:
        """Whether a greater TTL can bring nothing more."""
        return any(answer is not None and answer.fate is not Fate.TTL_EXCEEDED for answer in self.answers)


class DeviceTraceroute:
    """One run. `hops` holds what was found."""

    def __init__(
        self, device: Device, destination: int, most: int = DEFAULT_HOPS, time_out: Duration = DEFAULT_TIME_OUT
    ) -> None:
        self._device = device
        self._destination = destination
        self._most = most
        self._time_out = time_out
        self.hops: list[HopAnswers] = []

    def run(self) -> Iterator[Wait | HopAnswers]:
        """Yields a wait for each request, and the answers of each hop."""
        with EchoProber(self._device, self._destination, self._time_out, None) as prober:
            for ttl in range(1, self._most + 1):
                answers = []
                for _ in range(PROBES):
                    prober.send(_SIZE, ttl)
                    yield Wait(prober.deadline, prober.answered)
                    answers.append(prober.answer)
                hop = HopAnswers(ttl, tuple(answers))
                self.hops.append(hop)
                yield hop
                if hop.final:
                    return
