"""Two L2TP engines and the wire between them."""

from __future__ import annotations

from collections.abc import Callable

from nsemu.l2tp.engine import L2tpEngine, Request
from nsemu.l2tp.parameters import Datagram, EngineSettings, Event, Path, Profile
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import MILLISECOND, SECOND
from nsemu.wire.address import parse_ipv4

LAC, LNS = parse_ipv4("3.3.3.3"), parse_ipv4("1.1.1.1")
SERVER = Profile("corp", keepalive=60)


class Wire:
    """`lose` says of the n-th datagram whether it gets lost. Delay 10 ms."""

    def __init__(self, profile: Profile = SERVER, lose: Callable[[int, Datagram], bool] = lambda _n, _d: False) -> None:
        self.now = 0
        self.asked: list[Request] = []
        self.lose = lose
        self.seen: list[Datagram] = []
        entropy = Entropy(3)
        self.lns = L2tpEngine(entropy.stream("lns"), EngineSettings("fw"), self._authorize)
        self.lac = L2tpEngine(entropy.stream("lac"), EngineSettings("pc"))
        self.profile: Profile | None = profile
        self.events: dict[str, list[Event]] = {"lac": [], "lns": []}
        self._flying: list[tuple[int, int, Datagram]] = []

    def _authorize(self, request: Request) -> Profile | None:
        self.asked.append(request)
        return self.profile

    def connect(self, secret: str = "", keepalive: int = 0) -> int:
        return self.lac.connect(Path(LAC, LNS), Profile("office", secret, keepalive), self.now)

    def collect(self) -> None:
        for name, engine in (("lac", self.lac), ("lns", self.lns)):
            while (event := engine.next_event()) is not None:
                self.events[name].append(event)
            for datagram in engine.datagrams_to_send():
                self.put(datagram)

    def put(self, datagram: Datagram) -> None:
        self.seen.append(datagram)
        if not self.lose(len(self.seen) - 1, datagram):
            self._flying.append((self.now + 10 * MILLISECOND, len(self.seen), datagram))

    def run(self, seconds: float) -> None:
        end = self.now + int(seconds * SECOND)
        self.collect()
        while (at := self._next()) is not None and at <= end:
            self.now = max(at, self.now)
            self._step()
            self.collect()
        self.now = end

    def _next(self) -> int | None:
        times = [at for at, _, _ in self._flying]
        times += [at for engine in (self.lac, self.lns) if (at := engine.next_deadline()) is not None]
        return min(times, default=None)

    def _step(self) -> None:
        due = sorted(item for item in self._flying if item[0] <= self.now)
        for item in due:
            self._flying.remove(item)
            path = item[2].path
            engine = self.lns if path.remote == LNS else self.lac
            arrived = Path(path.remote, path.local, path.remote_port, path.local_port, path.through)
            engine.receive_datagram(item[2].data, arrived, self.now)
        for engine in (self.lac, self.lns):
            deadline = engine.next_deadline()
            if deadline is not None and deadline <= self.now:
                engine.handle_timer(self.now)

    def of(self, name: str, kind: type) -> list:  # type: ignore[type-arg]
        return [event for event in self.events[name] if isinstance(event, kind)]
