"""One end of a PPP link, through its phases: establish, authenticate, network, terminate (RFC 1661 §3.2).

Sans-IO: frames and instants in, frames and events out. The link below is there from the start and goes with `hang_up`.
"""

from __future__ import annotations

from collections import deque

from nsemu.ppp.authentication import PROTOCOLS, Examinee, Examiner
from nsemu.ppp.automaton import Automaton
from nsemu.ppp.ipcp import AskingOptions, AssigningOptions
from nsemu.ppp.lcp import DEFAULT_MRU, LcpOptions
from nsemu.ppp.parameters import Assigned, Authority, Caller, Down, Event, Received, Refused, Up
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import Instant
from nsemu.wire.ppp import Code, PppPacket, Protocol, build_frame, parse_frame

_LCP_CODES = frozenset(range(1, 12))
_AUTHENTICATION = frozenset(PROTOCOLS.values())


class PppSession:
    """With an `Authority` the end that asks and assigns, with a `Caller` the one that is asked and told."""

    def __init__(self, role: Authority | Caller, stream: Stream) -> None:
        self._role = role
        asks = role.schemes if isinstance(role, Authority) else ()
        accepts = role.schemes if isinstance(role, Caller) else ()
        mru = role.mru if isinstance(role, Caller) else DEFAULT_MRU
        self.lcp_options = LcpOptions(asks, accepts, stream, mru)
        self.lcp = Automaton(self.lcp_options, _LCP_CODES)
        self.lcp.up_hook, self.lcp.down_hook, self.lcp.finished_hook = self._lcp_up, self._lcp_down, self._finished
        self.ipcp: Automaton | None = None
        self._assigning: AssigningOptions | None = None
        self._asking: AskingOptions | None = None
        self._frames: list[bytes] = []
        self._events: deque[Event] = deque()
        self._now: Instant = 0
        self._identifier = 0
        self._reason = ""
        self._ended = False
        self._told = False
        self.name = role.name if isinstance(role, Caller) else ""
        self._assigned = Assigned(0)
        self._examiner = (
            Examiner(role, stream, self._send, self._admit, self._turned_away) if isinstance(role, Authority) else None
        )
        self._examinee = Examinee(role, self._send, self._proved, self._fail) if isinstance(role, Caller) else None

    # -- the outside --------------------------------------------------------------------------------------------

    @property
    def up(self) -> bool:
        """Whether IPv4 packets may pass."""
        return self.ipcp is not None and self.ipcp.opened

    @property
    def peer_mru(self) -> int:
        """The longest packet that the peer takes."""
        return self.lcp_options.peer_mru

    def open(self, now: Instant) -> None:
        """The link below is there: begin."""
        self._now = now
        self.lcp.event("open", now)
        self.lcp.event("up", now)
        self._collect()

    def close(self, now: Instant, reason: str) -> None:
        """End the link in order: the peer is told."""
        self._now, self._reason = now, self._reason or reason
        self.lcp.event("close", now)
        self._collect()

    def hang_up(self, now: Instant, reason: str) -> None:
        """The link below has gone."""
        self._now, self._reason = now, self._reason or reason
        self.lcp.event("down", now)
        self._finished()

    def send(self, packet: bytes) -> bytes:
        """An IPv4 packet as a frame; only while the link is up."""
        return build_frame(Protocol.IPV4, packet)

    def receive(self, frame: bytes, now: Instant) -> None:
        """A frame came. Raises MalformedPacket for one that makes no sense."""
        self._now = now
        protocol, information = parse_frame(frame)
        if protocol == Protocol.IPV4:
            if self.up:
                self._events.append(Received(information))
            return
        try:
            self._dispatch(protocol, information)
        finally:
            self._collect()

    def handle_timer(self, now: Instant) -> None:
        """Do what has come due."""
        self._now = now
        for automaton in (self.lcp, self.ipcp):
            if automaton is not None:
                automaton.timeout(now)
        for end in (self._examiner, self._examinee):
            if end is not None:
                end.repeated.timeout(now)
        self._collect()

    def next_deadline(self) -> Instant | None:
        """When `handle_timer` wants to be called."""
        ends = [end.repeated.deadline for end in (self._examiner, self._examinee) if end is not None]
        automata = [automaton.deadline for automaton in (self.lcp, self.ipcp) if automaton is not None]
        return min((at for at in (*ends, *automata) if at is not None), default=None)

    def frames_to_send(self) -> list[bytes]:
        """Take the frames that are to be sent."""
        frames, self._frames = self._frames, []
        return frames

    def next_event(self) -> Event | None:
        """Take the oldest event, None when there is no more."""
        return self._events.popleft() if self._events else None

    # -- protocols ----------------------------------------------------------------------------------------------

    def _dispatch(self, protocol: int, information: bytes) -> None:
        if protocol == Protocol.LCP:
            self._receive_lcp(PppPacket.parse(information))
        elif not self.lcp.opened:
            return  # RFC 1661 §3.4: silently discarded
        elif protocol in _AUTHENTICATION:
            packet = PppPacket.parse(information)
            for end in (self._examiner, self._examinee):
                if end is not None:
                    end.receive(protocol, packet, self._now)
        elif protocol == Protocol.IPCP:
            if self.ipcp is not None:
                self.ipcp.receive(PppPacket.parse(information), self._now)
        else:
            self._identifier = (self._identifier + 1) & 0xFF
            data = protocol.to_bytes(2, "big") + information[: self.peer_mru - 6]
            self._send(Protocol.LCP, PppPacket(Code.PROTOCOL_REJECT, self._identifier, data))

    def _receive_lcp(self, packet: PppPacket) -> None:
        if packet.code == Code.ECHO_REQUEST:
            if self.lcp.opened and len(packet.data) >= 4:
                magic = self.lcp_options.magic.to_bytes(4, "big")
                self._send(Protocol.LCP, PppPacket(Code.ECHO_REPLY, packet.identifier, magic + packet.data[4:]))
        elif packet.code == Code.PROTOCOL_REJECT:
            if packet.data[:2] == Protocol.IPCP.to_bytes(2, "big"):
                self._fail("the peer has no IPCP")
        elif packet.code not in (Code.ECHO_REPLY, Code.DISCARD_REQUEST):
            self.lcp.receive(packet, self._now)
            if self.lcp_options.unwilling:
                self._fail("the peer will not authenticate as it is asked to")

    def _send(self, protocol: int, packet: PppPacket) -> None:
        self._frames.append(build_frame(protocol, packet.build()))

    def _collect(self) -> None:
        for protocol, automaton in ((Protocol.LCP, self.lcp), (Protocol.IPCP, self.ipcp)):
            if automaton is not None:
                for packet in automaton.outgoing:
                    self._send(protocol, packet)
                automaton.outgoing.clear()

    # -- phases -------------------------------------------------------------------------------------------------

    def _lcp_up(self) -> None:
        self._collect()
        scheme = self.lcp_options.asked
        if self._examiner is not None and scheme is not None:
            self._examiner.start(scheme, self._now)
        elif self._examinee is not None and self.lcp_options.obeyed is not None:
            self._examinee.start(self.lcp_options.obeyed, self._now)
        else:
            self._proved()

    def _lcp_down(self) -> None:
        for end in (self._examiner, self._examinee):
            if end is not None:
                end.repeated.stop()
        ipcp, self.ipcp = self.ipcp, None
        if ipcp is not None and ipcp.opened:
            self._end("the peer ended the link")

    def _admit(self, name: str) -> bool:
        assert isinstance(self._role, Authority)
        assigned = self._role.admit(name)
        if assigned is None:
            return False
        self.name, self._assigned = name, assigned
        self._assigning = AssigningOptions(self._role.address, assigned)
        self._network(Automaton(self._assigning))
        return True

    def _proved(self) -> None:
        if self.ipcp is None and isinstance(self._role, Caller):
            self._asking = AskingOptions()
            self._network(Automaton(self._asking))

    def _network(self, ipcp: Automaton) -> None:
        self.ipcp = ipcp
        ipcp.up_hook = self._ipcp_up
        ipcp.finished_hook = self._ipcp_down  # a mere down is a new negotiation (RFC 1661 §4.1)
        ipcp.event("open", self._now)
        ipcp.event("up", self._now)

    def _ipcp_up(self) -> None:
        if self._told:
            return
        self._told = True
        if self._asking is not None:
            told = self._asking.assigned
            if not told.address:
                self._fail("the peer gave no address")
                return
            self._events.append(Up(told.address, self._asking.peer, told, self.name))
        else:
            assert self._assigning is not None
            own = self._assigning.own or 0
            self._events.append(Up(own, self._assigned.address, self._assigned, self.name))

    def _ipcp_down(self) -> None:
        self._fail("IPCP ended")

    def _turned_away(self, name: str, reason: str) -> None:
        self._events.append(Refused(name, reason))
        self._fail(reason)

    def _fail(self, reason: str) -> None:
        """End the link for a reason of our own."""
        self._reason = self._reason or reason
        self.lcp.event("close", self._now)

    def _finished(self) -> None:
        self._end(self._reason or "no agreement with the peer")

    def _end(self, reason: str) -> None:
        if not self._ended:
            self._ended = True
            self._events.append(Down(self._reason or reason))
