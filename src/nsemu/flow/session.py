"""Sessions: two wings and what they share; the table that finds them.

A wing is one direction: the key that its packets carry when they come in, and all that forwarding them takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import itemgetter
from struct import Struct
from typing import TYPE_CHECKING, Final, Protocol

from nsemu.config.flow import AggressiveAging
from nsemu.flow.packet import ICMP, PACKED_KEY, TCP, UDP
from nsemu.sim.scheduler import SECOND, Duration, Instant

if TYPE_CHECKING:
    from nsemu.auth.table import AuthEntry
    from nsemu.flow.alg.segments import SegmentEditor
    from nsemu.flow.neighbors import Neighbor
    from nsemu.flow.packet import Packet
    from nsemu.flow.rewrite import Rewrite
    from nsemu.flow.state import FlowState
    from nsemu.flow.tcp_window import TcpWindow
    from nsemu.flow.tunnels import TunnelPath
    from nsemu.ipsec.tunnel import Tunnel
    from nsemu.nat.pools import Lease
    from nsemu.policy.decision import PolicyRun
    from nsemu.runtime.interface import RunInterface
    from nsemu.screen.limits import SessionLimits

TICK: Final = 10 * SECOND
"""The unit of session ageing (screenos-cli §1.8)."""

CLOSING_TIMEOUT: Final = 10 * SECOND

FIN, SYN, RST, ACK = 1, 2, 4, 16

_FLAG_BYTE: Final = Struct("!B")

FlowTuple = tuple[int, int, int, int]
"""(source, destination, source port, destination port)."""

WingTable = dict[bytes, "Wing"]


def session_key(flow: FlowTuple, icmp_type: int | None = None) -> bytes:
    """The key under which a packet with these addresses looks for its wing."""
    key = PACKED_KEY.pack(*flow)
    return key if icmp_type is None else key + _FLAG_BYTE.pack(icmp_type)


class SessionIndex:
    """The wings of one virtual router, by protocol and key."""

    __slots__ = ("tables",)

    def __init__(self) -> None:
        self.tables: dict[int, WingTable] = {TCP: {}, UDP: {}, ICMP: {}}

    def table(self, protocol: int) -> WingTable:
        """The wings of a protocol."""
        found = self.tables.get(protocol)
        if found is None:
            found = self.tables[protocol] = {}
        return found


class Splice(Protocol):
    """What stands between two halves of a TCP connection that the device has joined."""

    def apply(self, state: FlowState, packet: Packet, wing: Wing, out: bytearray, /) -> bool:
        """Change the segment in `out`; whether it goes on."""

    def end(self) -> None:
        """The session ends."""


class Wing:
    """One direction of a session.

    `tunnel_in` is the tunnel its packets come from (None: clear text); `tunnel_out` the one they go into.
    `flow` are the addresses as they come in, `rewrite` what is done to them; `shift` joins a proxied TCP connection.
    `hops` is what forwarding takes from the TTL, 0 where the packet is bridged; `flood` are the ports that get a copy
    while it is not known behind which the destination is.
    """

    __slots__ = (
        "egress",
        "flood",
        "flow",
        "forward",
        "hops",
        "ingress",
        "key",
        "neighbor",
        "octets",
        "packets",
        "rewrite",
        "route_id",
        "session",
        "shift",
        "table",
        "tunnel_in",
        "tunnel_out",
    )

    def __init__(self, session: Session, forward: bool) -> None:
        self.session = session
        self.forward = forward
        self.key = b""
        self.table: WingTable = {}
        self.flow: FlowTuple = (0, 0, 0, 0)
        self.packets = 0
        self.octets = 0
        self.route_id = 0
        self.rewrite: Rewrite | None = None
        self.shift: Splice | None = None
        self.tunnel_in: Tunnel | None = None
        self.tunnel_out: TunnelPath | None = None
        self.neighbor: Neighbor | None = None
        self.hops = 1
        self.flood: tuple[RunInterface, ...] = ()
        self.ingress: RunInterface
        self.egress: RunInterface

    @property
    def opposite(self) -> Wing:
        """The other direction."""
        return self.session.reverse if self.forward else self.session.forward


class TcpState:
    """What is remembered of a TCP connection: who has sent SYN, FIN, RST, and where its windows are.

    `initial` is the time-out until the client has acknowledged; `window` is None where numbers are not checked.
    """

    __slots__ = ("closing", "established", "fins", "initial", "window")

    def __init__(self, *, established: bool, initial: Duration, window: TcpWindow | None) -> None:
        self.established = established
        self.initial = initial
        self.window = window
        self.closing = False
        self.fins = 0

    def observe(self, flags: int, forward: bool) -> bool:
        """Take a segment's flags; tell whether the state, and with it the time-out, changed."""
        if flags & RST:
            changed = not self.closing
            self.closing = True
            return changed
        if flags & FIN:
            self.fins |= 1 if forward else 2
            changed = self.fins == 3 and not self.closing
            self.closing = self.closing or self.fins == 3
            return changed
        if self.closing and forward and flags & (SYN | ACK) == SYN:
            self.closing = self.established = False  # the same ports again: RFC 9293 §3.6.1
            self.fins = 0
            return True
        if not self.established and flags & ACK and (not flags & SYN) and forward:
            self.established = True
            return True
        return False


class Session:
    """One flow through the device. Times in nanoseconds of virtual time. `unreachable`: an ICMP error said so.
    `tos` is that of its first packet.

    `alg` reads its text; `login` is that of the user it belongs to. `control` is the session that announced it, `along`
    the direction of that one in which it was opened.
    """

    __slots__ = (
        "alg",
        "along",
        "close_reason",
        "control",
        "created",
        "forward",
        "generation",
        "icmp",
        "id",
        "last_seen",
        "lease",
        "limits",
        "link_destination",
        "link_source",
        "link_tag",
        "login",
        "policy",
        "protocol",
        "reverse",
        "service",
        "service_timeout",
        "tcp",
        "timeout",
        "tos",
        "unreachable",
    )

    def __init__(self, session_id: int, protocol: int, now: Instant) -> None:
        self.id = session_id
        self.protocol = protocol
        self.created = now
        self.last_seen = now
        self.timeout: Duration = 60 * SECOND
        self.service_timeout: Duration = 60 * SECOND
        self.generation = 0
        self.policy: PolicyRun | None = None
        self.service = ""
        self.tcp: TcpState | None = None
        self.icmp: tuple[int, int] | None = None
        self.link_source = b""
        self.link_destination = b""
        self.link_tag = b""
        self.limits: SessionLimits | None = None
        self.close_reason = "Close - AGE OUT"
        self.unreachable = False
        self.tos = 0
        self.lease: Lease | None = None
        self.login: AuthEntry | None = None
        self.alg: SegmentEditor | None = None
        self.control: Session | None = None
        self.along = True
        self.forward = Wing(self, forward=True)
        self.reverse = Wing(self, forward=False)

    def give_back(self) -> None:
        """At its end: its addresses may have another session, and the TCP proxy stops waiting."""
        if self.limits is not None:
            self.limits.closed(self.forward.flow[0], self.forward.flow[1])
            self.limits = None
        if self.forward.shift is not None:
            self.forward.shift.end()

    @property
    def never_expires(self) -> bool:
        """Whether its service has no time-out."""
        return self.timeout == 0

    def remaining_ticks(self, now: Instant) -> int:
        """The `time` of a session listing: ticks of ten seconds until it ages out."""
        if self.never_expires:
            return 0
        left = self.last_seen + self.timeout - now
        return max(0, -(-left // TICK))

    def observe_tcp(self, flags: int, forward: bool) -> None:
        """Follow the connection and set the time-out of its state."""
        tcp = self.tcp
        if tcp is None or not tcp.observe(flags, forward):
            return
        if tcp.closing:
            self.timeout = CLOSING_TIMEOUT
            self.close_reason = "Close - TCP RST" if flags & RST else "Close - TCP FIN"
        else:
            self.timeout = self.service_timeout if tcp.established else tcp.initial
            self.close_reason = "Close - AGE OUT"


class SessionTable:
    """All sessions of a device, by ID. `on_close` is called for each session that ends.

    `aging` tells whether the table is so full that sessions end before their time (`set flow aging`); `crowded` whether
    it holds `alarm_at` sessions or did at the last sweep.
    """

    __slots__ = ("_free", "_next", "aging", "alarm_at", "capacity", "crowded", "failed", "on_close", "sessions")

    def __init__(self, capacity: int, on_close: Callable[[Session], None]) -> None:
        self.capacity = capacity
        self.sessions: dict[int, Session] = {}
        self._next = capacity
        self._free: list[int] = []
        self.on_close = on_close
        self.failed = 0
        self.aging = False
        self.alarm_at = capacity + 1
        self.crowded = False

    def create(self, protocol: int, now: Instant) -> Session | None:
        """A session without wings in any table yet; None when the table is full."""
        if self._free:
            session_id = self._free.pop()
        elif self._next > 0:
            self._next -= 1
            session_id = self._next
        else:
            self.failed += 1
            return None
        session = Session(session_id, protocol, now)
        self.sessions[session_id] = session
        return session

    def install(self, session: Session) -> None:
        """Let packets find the wings. A wing that stood under the same key gives way with its session."""
        for wing in (session.forward, session.reverse):
            holder = wing.table.get(wing.key)
            if holder is not None and holder.session is not session:
                self.remove(holder.session, "Close - OTHER")
            wing.table[wing.key] = wing

    def uninstall(self, session: Session) -> None:
        """Take the wings out of their tables; the session itself stays."""
        for wing in (session.forward, session.reverse):
            if wing.table.get(wing.key) is wing:
                del wing.table[wing.key]

    def remove(self, session: Session, reason: str | None = None) -> None:
        """End a session."""
        if self.sessions.pop(session.id, None) is None:
            return
        self.uninstall(session)
        self._free.append(session.id)
        if reason is not None:
            session.close_reason = reason
        if session.lease is not None:
            session.lease.release()
        self.on_close(session)

    def sweep(self, now: Instant, settings: AggressiveAging) -> int:
        """Age out what has been silent too long, or nearly so in a full table; the number of sessions that ended."""
        before = len(self.sessions)
        for session in self.sessions.values():
            if session.control is not None:  # a long transfer keeps its control connection
                session.control.last_seen = max(session.control.last_seen, session.last_seen)
        stale = [
            session
            for session in self.sessions.values()
            if session.timeout and session.last_seen + session.timeout <= now
        ]
        for session in stale:
            self.remove(session)
        self._age_early(now, settings)
        self.crowded = self.crowded and len(self.sessions) >= self.alarm_at
        return before - len(self.sessions)

    def _age_early(self, now: Instant, settings: AggressiveAging) -> None:
        """From the high mark down to the low one all time-outs are shorter; what has least left goes first."""
        high = self.capacity * settings.high_watermark // 100
        low = min(high, self.capacity * settings.low_watermark // 100)
        self.aging = len(self.sessions) >= (low if self.aging else high)
        if not self.aging:
            return
        horizon = now + settings.early_ageout * TICK
        ends = ((session.last_seen + session.timeout, session) for session in self.sessions.values() if session.timeout)
        for _, session in sorted((pair for pair in ends if pair[0] <= horizon), key=itemgetter(0)):
            if len(self.sessions) < low:
                break
            self.remove(session)
        self.aging = len(self.sessions) >= low

    def select(self, wanted: Callable[[Session], bool]) -> list[Session]:
        """The sessions that satisfy a filter, newest ID first."""
        return [session for session in self.sessions.values() if wanted(session)]

    def __iter__(self) -> Iterator[Session]:
        return iter(self.sessions.values())

    def __len__(self) -> int:
        return len(self.sessions)
