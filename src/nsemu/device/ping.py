"""Ping from the device: echo requests one after the other, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nsemu.device.echo import Answer, EchoProber, Fate
from nsemu.runtime.interface import RunInterface
from nsemu.sim.scheduler import SECOND, Duration
from nsemu.sim.wait import Wait

if TYPE_CHECKING:
    from nsemu.device.device import Device

DEFAULT_COUNT: Final = 5
DEFAULT_SIZE: Final = 100
DEFAULT_TIME_OUT: Final[Duration] = 1 * SECOND


@dataclass(frozen=True, slots=True)
class PingOptions:
    """What to send; `size` counts the octets of ICMP data, `interface` gives the source."""

    destination: int
    count: int = DEFAULT_COUNT
    size: int = DEFAULT_SIZE
    time_out: Duration = DEFAULT_TIME_OUT
    interface: RunInterface | None = None


class DevicePing:
    """One run. `answers` has an entry for each request that is over, None for one that was lost."""

    def __init__(self, device: Device, options: PingOptions) -> None:
        self._device = device
        self.options = options
        self.answers: list[Answer | None] = []

    def run(self) -> Iterator[Wait | Answer | None]:
        """Yields a wait for each request, then its answer, None when there was none."""
        options = self.options
        with EchoProber(self._device, options.destination, options.time_out, options.interface) as prober:
            for _ in range(options.count):
                prober.send(options.size)
                yield Wait(prober.deadline, prober.answered)
                self.answers.append(prober.answer)
                yield prober.answer

    @property
    def rtts(self) -> list[Duration]:
        """The round trips of the requests that were answered with a reply."""
        return [answer.rtt for answer in self.answers if answer is not None and answer.fate is Fate.REPLY]
