"""Two TCP connections on a virtual pipe that loses, repeats and reorders as a schedule says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from nsemu.runtime.tcp.connection import TcpConnection
from nsemu.runtime.tcp.states import Endpoint, TcpEvent, TcpSettings, TcpState
from nsemu.sim.scheduler import MILLISECOND, Scheduler, Timer
from nsemu.wire.address import parse_ipv4
from nsemu.wire.tcp import TcpSegment

CLIENT = Endpoint(parse_ipv4("10.2.2.5"), 40000)
SERVER = Endpoint(parse_ipv4("10.3.3.5"), 80)

Fate = tuple[int, ...]
"""What the pipe does with one segment: a delay in ms for each copy delivered; none for a loss."""


@dataclass
class End:
    """One connection with all it reported and received."""

    connection: TcpConnection
    events: list[TcpEvent] = field(default_factory=list)
    received: bytearray = field(default_factory=bytearray)
    sent: list[TcpSegment] = field(default_factory=list)
    reads: bool = True
    timer: Timer | None = None


class Pair:
    """Client and server; `fates` gives the fate of each segment in the order of sending, then all pass in 10 ms."""

    def __init__(
        self,
        fates: Iterator[Fate] | None = None,
        *,
        isn: tuple[int, int] = (1000, 5000),
        settings: tuple[TcpSettings, TcpSettings] = (TcpSettings(), TcpSettings()),
    ) -> None:
        self.scheduler = Scheduler()
        self.fates = fates if fates is not None else iter(())
        self.client = End(TcpConnection(CLIENT, SERVER, isn[0], settings[0]))
        self.server = End(TcpConnection(SERVER, CLIENT, isn[1], settings[1]))
        self.listening = True

    def open(self) -> None:
        self.client.connection.open(self.scheduler.now)
        self.turn(self.client)

    def open_both(self) -> None:
        """Simultaneous open."""
        self.listening = False
        self.server.connection.open(self.scheduler.now)
        self.client.connection.open(self.scheduler.now)
        self.turn(self.client)
        self.turn(self.server)

    def act(self, end: End, call: Callable[[TcpConnection], None]) -> None:
        """Let the user of one end do something, and send what comes of it."""
        call(end.connection)
        self.turn(end)

    def send(self, end: End, data: bytes) -> None:
        self.act(end, lambda connection: connection.send(data, self.scheduler.now))

    def close(self, end: End) -> None:
        self.act(end, lambda connection: connection.close(self.scheduler.now))

    def peer_of(self, end: End) -> End:
        return self.server if end is self.client else self.client

    def turn(self, end: End) -> None:
        connection = end.connection
        while (event := connection.next_event()) is not None:
            end.events.append(event)
        if end.reads:
            end.received += connection.read()
        for segment in connection.segments_to_send(self.scheduler.now):
            end.sent.append(segment)
            # Every segment crosses the pipe as octets, so building and parsing are part of each test.
            octets = segment.build(connection.local.address, connection.remote.address)
            for delay in next(self.fates, (10,)):
                self.scheduler.after(delay * MILLISECOND, self._arrive, self.peer_of(end), octets)
        self._arm(end)

    def _arm(self, end: End) -> None:
        if end.timer is not None:
            end.timer.cancel()
        deadline = end.connection.next_deadline()
        end.timer = None if deadline is None else self.scheduler.at(deadline, self._expire, end)

    def _expire(self, end: End) -> None:
        end.connection.handle_timer(self.scheduler.now)
        self.turn(end)

    def _arrive(self, end: End, octets: bytes) -> None:
        connection = end.connection
        segment = TcpSegment.parse(octets, connection.remote.address, connection.local.address)
        if end is self.server and self.listening:
            if segment.flags != 2:
                return  # LISTEN takes nothing but a SYN; an ACK would get a RST from the table
            self.listening = False
            connection.accept(segment, self.scheduler.now)
        else:
            connection.receive(segment, self.scheduler.now)
        self.turn(end)

    @property
    def states(self) -> tuple[TcpState, TcpState]:
        return self.client.connection.state, self.server.connection.state
