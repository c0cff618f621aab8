"""An Ethernet cable between two ports: delay, jitter, loss, rate, MTU, carrier.

Frames of one direction never overtake each other, as on a real cable: jitter delays, it does not reorder. A sender's
frames wait in a queue of limited length while the rate lets earlier ones out. The rate counts the octets of the frame
as captured (no preamble, check sequence or gap). Knows nothing of what a frame says, save where its payload begins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

from nsemu.lab.port import FrameHandler, Port
from nsemu.runtime.trace import Lost, PacketTrace
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import SECOND, Duration, Instant, Scheduler
from nsemu.wire.ethernet import ETHERTYPE_VLAN, HEADER_LENGTH, TAG_LENGTH

_TAGGED: Final = ETHERTYPE_VLAN.to_bytes(2, "big")


@dataclass(frozen=True, slots=True)
class LinkProperties:
    """Both directions alike. `rate_bps` and `mtu` None mean unlimited; `loss` is a probability from 0.0 to 1.0.

    `jitter_ns` moves the delay of each frame by up to as much either way. `queue_limit` counts frames that wait for
    the rate, the one on its way out included. `mtu` is compared with the Ethernet payload (802.1Q tag not counted);
    the ports are told of it, as containerlab sets it on both ends, and a frame that is longer all the same is dropped.
    """

    delay_ns: Duration = 0
    jitter_ns: Duration = 0
    loss: float = 0.0
    rate_bps: int | None = None
    mtu: int | None = None
    down: bool = False
    queue_limit: int = 1000

    def __post_init__(self) -> None:
        if self.delay_ns < 0 or self.jitter_ns < 0:
            raise ValueError(f"delay {self.delay_ns} ns and jitter {self.jitter_ns} ns must not be negative")
        if not 0.0 <= self.loss <= 1.0:
            raise ValueError(f"loss {self.loss} is no probability from 0 to 1")
        if self.rate_bps is not None and self.rate_bps <= 0:
            raise ValueError(f"rate {self.rate_bps} bit/s must be positive")
        if self.mtu is not None and self.mtu < 68:
            raise ValueError(f"MTU {self.mtu} must be at least 68")
        if self.queue_limit < 1:
            raise ValueError(f"queue limit {self.queue_limit} must be at least 1")


class Seen(Enum):
    """Where a tap saw a frame."""

    SENT = "sent"
    """Leaving the port."""
    RECEIVED = "received"
    """Arriving at the port."""


Tap = Callable[[Port, bytes, Instant, Seen], None]


@dataclass(slots=True)
class DirectionCounters:
    """Frames of one direction. `sent` counts what the port handed over, the others what became of it."""

    sent: int = 0
    octets: int = 0
    delivered: int = 0
    lost: int = 0
    too_large: int = 0
    queue_full: int = 0
    carrier_lost: int = 0


class _Direction:
    """From one port to the other."""

    __slots__ = ("_departures", "_last_arrival", "_link", "counters", "destination", "epoch", "source")

    def __init__(self, link: Link, source: Port, destination: Port) -> None:
        self._link = link
        self.source = source
        self.destination = destination
        self.counters = DirectionCounters()
        self.epoch = 0
        self._departures: deque[Instant] = deque()
        self._last_arrival: Instant = 0

    def choose(self) -> FrameHandler:
        """The cheapest way to send that the properties and taps allow."""
        properties = self._link.properties
        if properties.down:
            return self._send_down
        if self._link.taps or properties != _IDEAL:
            return self._send
        return self._send_ideal

    def cut(self) -> None:
        """The cable was pulled: what is on it never arrives."""
        self.epoch += 1
        self._departures.clear()
        self._last_arrival = 0

    def _send_ideal(self, frame: bytes, trace: PacketTrace | None) -> None:
        self.counters.sent += 1
        self.counters.octets += len(frame)
        # Through the scheduler all the same: two nodes must not call each other without end. The last arrival is
        # still to come only when a delay was just taken away.
        self._link.scheduler.at(self._last_arrival, self._arrive, frame, trace, self.epoch)

    def _send_down(self, frame: bytes, trace: PacketTrace | None) -> None:
        self.counters.sent += 1
        self.counters.octets += len(frame)
        self.counters.carrier_lost += 1
        self._tell(trace, "the link is down")

    def _send(self, frame: bytes, trace: PacketTrace | None) -> None:
        link, counters, now = self._link, self.counters, self._link.scheduler.now
        properties = link.properties
        counters.sent += 1
        counters.octets += len(frame)
        if properties.mtu is not None and _payload_length(frame) > properties.mtu:
            counters.too_large += 1
            self._tell(trace, f"payload of {_payload_length(frame)} octets exceeds the link's MTU of {properties.mtu}")
            return
        departure = self._departure(len(frame), now, properties)
        if departure is None:
            counters.queue_full += 1
            self._tell(trace, f"the queue of {properties.queue_limit} frames is full")
            return
        for tap in link.taps:
            tap(self.source, frame, now, Seen.SENT)
        if properties.loss and link.stream.uniform() < properties.loss:
            counters.lost += 1
            self._tell(trace, f"lost at random (loss {properties.loss:g})")
            return
        arrival = max(departure + self._propagation(properties), self._last_arrival)
        self._last_arrival = arrival
        link.scheduler.at(arrival, self._arrive, frame, trace, self.epoch)

    def _departure(self, size: int, now: Instant, properties: LinkProperties) -> Instant | None:
        """When the last bit has left the port; None when the queue is full."""
        if properties.rate_bps is None:
            return now
        departures = self._departures
        while departures and departures[0] <= now:
            departures.popleft()
        if len(departures) >= properties.queue_limit:
            return None
        start = departures[-1] if departures else now
        departures.append(start + serialisation_delay(size, properties.rate_bps))
        return departures[-1]

    def _propagation(self, properties: LinkProperties) -> Duration:
        if not properties.jitter_ns:
            return properties.delay_ns
        swing = self._link.stream.integer(-properties.jitter_ns, properties.jitter_ns)
        return max(0, properties.delay_ns + swing)

    def _arrive(self, frame: bytes, trace: PacketTrace | None, epoch: int) -> None:
        if epoch != self.epoch:
            self.counters.carrier_lost += 1
            self._tell(trace, "the link went down while the frame was on it")
            return
        self.counters.delivered += 1
        for tap in self._link.taps:
            tap(self.destination, frame, self._link.scheduler.now, Seen.RECEIVED)
        self.destination.on_receive(frame, trace)

    def _tell(self, trace: PacketTrace | None, reason: str) -> None:
        if trace is not None:
            trace.enter(self._link.label, self._link.scheduler.now, self.source.label)
            trace.add(Lost(reason))


_IDEAL: Final = LinkProperties()


class Link:
    """Attaches to two ports. `taps` may be changed with `add_tap` and `remove_tap` at any time."""

    __slots__ = ("_directions", "ends", "properties", "scheduler", "stream", "taps")

    def __init__(
        self, a: Port, b: Port, scheduler: Scheduler, stream: Stream, properties: LinkProperties = _IDEAL
    ) -> None:
        self.ends = (a, b)
        self.scheduler = scheduler
        self.stream = stream
        self.properties = properties
        self.taps: tuple[Tap, ...] = ()
        self._directions = (_Direction(self, a, b), _Direction(self, b, a))
        self._attach()
        if not properties.down:
            self._tell_carrier(True)

    @property
    def label(self) -> str:
        """`node:interface -- node:interface`."""
        return f"{self.ends[0].label} -- {self.ends[1].label}"

    def counters(self, source: Port) -> DirectionCounters:
        """The counters of the direction that begins at one of the two ports."""
        return self._directions[self.ends.index(source)].counters

    def set(self, **changes: Any) -> None:
        """Change properties by name; frames on their way are not touched unless the link goes down.

        Raises ValueError for a bad value, TypeError for an unknown name, and then nothing has changed.
        """
        before = self.properties.down
        self.properties = replace(self.properties, **changes)
        down = self.properties.down
        if down and not before:
            for direction in self._directions:
                direction.cut()
        self._attach()
        if down != before:
            self._tell_carrier(not down)

    def up(self) -> None:
        """Plug the cable in; does nothing when it is."""
        self.set(down=False)

    def down(self) -> None:
        """Pull the cable; does nothing when it is out."""
        self.set(down=True)

    def add_tap(self, tap: Tap) -> None:
        """Show every frame to `tap` at both ends: when its port sends it, and when the other receives it."""
        self.taps = (*self.taps, tap)
        self._attach()

    def remove_tap(self, tap: Tap) -> None:
        """Stop showing frames to `tap`; nothing happens when it is not there."""
        self.taps = tuple(one for one in self.taps if one != tap)
        self._attach()

    def _attach(self) -> None:
        for direction in self._directions:
            direction.source.transmit = direction.choose()
            direction.source.mtu = self.properties.mtu
            direction.source.on_mtu(self.properties.mtu)

    def _tell_carrier(self, up: bool) -> None:
        for port in self.ends:
            port.carrier = up
        for port in self.ends:
            port.on_carrier(up)


def serialisation_delay(size: int, rate_bps: int) -> Duration:
    """Nanoseconds that `size` octets take at a rate, rounded up."""
    return -(-size * 8 * SECOND // rate_bps)


def _payload_length(frame: bytes) -> int:
    tagged = frame[12:14] == _TAGGED
    return len(frame) - HEADER_LENGTH - (TAG_LENGTH if tagged else 0)
