"""The reliable delivery of control messages: sequence numbers, a sliding window, repetition (RFC 2661 §5.8)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from nsemu.l2tp.parameters import EngineSettings
from nsemu.sim.scheduler import Instant
from nsemu.wire.l2tp import Avp, ControlMessage

_HALF = 0x8000


class Channel:
    """One end of a control connection; `send` takes messages. `peer_window` is how many the peer takes at once."""

    def __init__(self, settings: EngineSettings, send: Callable[[ControlMessage], None]) -> None:
        self._settings = settings
        self._send = send
        self.peer_tunnel = 0
        self.peer_window = 4
        self._next = 0
        self._expected = 0
        self._unacknowledged: deque[tuple[int, int, tuple[Avp, ...]]] = deque()
        self._waiting: deque[tuple[int, tuple[Avp, ...]]] = deque()
        self._repetitions = 0
        self.deadline: Instant | None = None

    @property
    def idle(self) -> bool:
        """Whether everything has been acknowledged."""
        return not self._unacknowledged and not self._waiting

    def transmit(self, session: int, avps: tuple[Avp, ...], now: Instant) -> None:
        """Send a message, at once if the peer's window is open."""
        self._waiting.append((session, avps))
        self._fill(now)

    def _fill(self, now: Instant) -> None:
        while self._waiting and len(self._unacknowledged) < self.peer_window:
            session, avps = self._waiting.popleft()
            self._unacknowledged.append((self._next, session, avps))
            self._put(self._next, session, avps)
            self._next = (self._next + 1) & 0xFFFF
            if self.deadline is None:
                self._repetitions, self.deadline = 0, now + self._settings.first

    def _put(self, ns: int, session: int, avps: tuple[Avp, ...]) -> None:
        self._send(ControlMessage(self.peer_tunnel, session, ns, self._expected, avps))

    def accept(self, message: ControlMessage, now: Instant) -> bool:
        """Note what a message acknowledges; whether it is the next one and has something to say."""
        self._acknowledge(message.nr, now)
        if not message.avps:
            return False
        ahead = (message.ns - self._expected) & 0xFFFF
        if ahead == 0:
            self._expected = (self._expected + 1) & 0xFFFF
            return True
        if ahead >= _HALF:
            self.acknowledge()  # a repetition: our acknowledgment was lost
        return False

    def acknowledge(self) -> None:
        """A ZLB, which takes no number."""
        self._send(ControlMessage(self.peer_tunnel, 0, self._next, self._expected))

    def _acknowledge(self, nr: int, now: Instant) -> None:
        done = False
        while self._unacknowledged and 0 < ((nr - self._unacknowledged[0][0]) & 0xFFFF) < _HALF:
            self._unacknowledged.popleft()
            done = True
        if done:
            self._repetitions = 0
            self.deadline = now + self._settings.first if self._unacknowledged else None
            self._fill(now)

    def timeout(self, now: Instant) -> bool:
        """Repeat the oldest message; False when the peer is to be given up."""
        if self.deadline is None or now < self.deadline:
            return True
        if self._repetitions >= self._settings.limit:
            self.deadline = None
            return False
        self._repetitions += 1
        self.deadline = now + min(self._settings.first << self._repetitions, self._settings.longest)
        self._put(*self._unacknowledged[0])
        return True
