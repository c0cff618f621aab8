"""The option negotiation automaton (RFC 1661 §4), as LCP and IPCP use it.

The table is that of §4.1: a row an event, a column a state. What the options mean is the business of `Negotiable`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Final, NamedTuple, Protocol

from nsemu.sim.scheduler import SECOND, Duration, Instant
from nsemu.wire.ppp import Code, Option, PppPacket, build_options, parse_options

RESTART_TIME: Final[Duration] = 3 * SECOND
MAX_CONFIGURE: Final = 10
MAX_TERMINATE: Final = 2
MAX_FAILURE: Final = 5
"""RFC 1661 §4.6."""


class State(IntEnum):
    """RFC 1661 §4.2."""

    INITIAL = 0
    STARTING = 1
    CLOSED = 2
    STOPPED = 3
    CLOSING = 4
    STOPPING = 5
    REQ_SENT = 6
    ACK_RCVD = 7
    ACK_SENT = 8
    OPENED = 9


TRANSITIONS: Final[dict[str, tuple[str, ...]]] = {
    #           0      1        2         3             4      5      6         7         8         9
    "up":    ("2", "irc scr 6", "", "", "", "", "", "", "", ""),
    "down":  ("", "", "0", "tls 1", "0", "1", "1", "1", "1", "tld 1"),
    "open":  ("tls 1", "1", "irc scr 6", "3", "5", "5", "6", "7", "8", "9"),
    "close": ("0", "tlf 0", "2", "2", "4", "4", "irc str 4", "irc str 4", "irc str 4", "tld irc str 4"),
    "to+":   ("", "", "", "", "str 4", "str 5", "scr 6", "scr 6", "scr 8", ""),
    "to-":   ("", "", "", "", "tlf 2", "tlf 3", "tlf 3", "tlf 3", "tlf 3", ""),
    "rcr+":  ("", "", "sta 2", "irc scr sca 8", "4", "5", "sca 8", "sca tlu 9", "sca 8", "tld scr sca 8"),
    "rcr-":  ("", "", "sta 2", "irc scr scn 6", "4", "5", "scn 6", "scn 7", "scn 6", "tld scr scn 6"),
    "rca":   ("", "", "sta 2", "sta 3", "4", "5", "irc 7", "scr 6", "irc tlu 9", "tld scr 6"),
    "rcn":   ("", "", "sta 2", "sta 3", "4", "5", "irc scr 6", "scr 6", "irc scr 8", "tld scr 6"),
    "rtr":   ("", "", "sta 2", "sta 3", "sta 4", "sta 5", "sta 6", "sta 6", "sta 6", "tld zrc sta 5"),
    "rta":   ("", "", "2", "3", "tlf 2", "tlf 3", "6", "6", "8", "tld scr 6"),
    "ruc":   ("", "", "scj 2", "scj 3", "scj 4", "scj 5", "scj 6", "scj 7", "scj 8", "scj 9"),
    "rxj+":  ("", "", "2", "3", "4", "5", "6", "6", "8", "9"),
    "rxj-":  ("", "", "tlf 2", "tlf 3", "tlf 2", "tlf 3", "tlf 3", "tlf 3", "tlf 3", "tld irc str 5"),
}  # fmt: skip
"""Event → for each state the actions and the next state; "" where the event cannot come or is of no account."""


class Judgement(NamedTuple):
    """The answer to the peer's request: Ack with all, or Nak or Reject with those that will not do."""

    code: Code
    options: tuple[Option, ...]


class Negotiable(Protocol):
    """What the options of one protocol mean."""

    def wanted(self) -> Sequence[Option]:
        """Our options, as they stand."""

    def judge(self, options: tuple[Option, ...]) -> Judgement:
        """The peer's options; an Ack takes them."""

    def refused(self, code: Code, options: tuple[Option, ...]) -> None:
        """The peer wants other values (Nak) or does not know these options (Reject)."""


def _ignore() -> None:
    return None


class Automaton:
    """One end of one control protocol. `outgoing` are packets to send; the four hooks tell the layers around it."""

    def __init__(self, options: Negotiable, codes: frozenset[int] = frozenset(range(1, 8))) -> None:
        self.options = options
        self.state = State.INITIAL
        self.outgoing: list[PppPacket] = []
        self.deadline: Instant | None = None
        self.up_hook: Callable[[], None] = _ignore
        self.down_hook: Callable[[], None] = _ignore
        self.finished_hook: Callable[[], None] = _ignore
        self._codes = codes
        self._now: Instant = 0
        self._restarts = 0
        self._failures = 0
        self._identifier = 0
        self._request = b""
        self._answer: Judgement | None = None
        self._received = PppPacket(0, 0)

    @property
    def opened(self) -> bool:
        """Whether both ends agree."""
        return self.state is State.OPENED

    def event(self, name: str, now: Instant) -> None:
        """Let something happen: a row of the table."""
        self._now = now
        *actions, state = TRANSITIONS[name][self.state].split() or [str(int(self.state))]
        before = self.state
        self.state = State(int(state))
        for action in actions:
            getattr(self, f"_{action}")()
        if self.state not in _TIMED:
            self.deadline = None
        elif before not in _TIMED and self.deadline is None:
            self.deadline = now + RESTART_TIME

    def timeout(self, now: Instant) -> None:
        """The restart timer has run out."""
        if self.deadline is not None and now >= self.deadline:
            self.deadline = now + RESTART_TIME
            self.event("to+" if self._restarts > 0 else "to-", now)

    def receive(self, packet: PppPacket, now: Instant) -> None:
        """A packet of this protocol. Raises MalformedPacket for options that make no sense."""
        self._received = packet
        if packet.code not in self._codes:
            self.event("ruc", now)
        elif packet.code == Code.CONFIGURE_REQUEST:
            self._take_request(packet, now)
        elif packet.code in _ANSWERS:
            self._take_answer(packet, now)
        elif packet.code == Code.TERMINATE_REQUEST:
            self.event("rtr", now)
        elif packet.code == Code.TERMINATE_ACK:
            self.event("rta", now)
        elif packet.code == Code.CODE_REJECT:
            needed = bool(packet.data) and packet.data[0] <= Code.CODE_REJECT
            self.event("rxj-" if needed else "rxj+", now)

    def _take_request(self, packet: PppPacket, now: Instant) -> None:
        options = parse_options(packet.data)
        answer = self.options.judge(options)
        if answer.code is Code.CONFIGURE_NAK:
            self._failures += 1
            if self._failures > MAX_FAILURE:  # RFC 1661 §4.6: no convergence, so no more offers
                unfit = {option.type for option in answer.options}
                answer = Judgement(Code.CONFIGURE_REJECT, tuple(item for item in options if item.type in unfit))
        self._answer = answer
        self.event("rcr+" if answer.code is Code.CONFIGURE_ACK else "rcr-", now)

    def _take_answer(self, packet: PppPacket, now: Instant) -> None:
        if packet.identifier != self._identifier:
            return  # RFC 1661 §5.2: silently discarded
        if packet.code == Code.CONFIGURE_ACK:
            if packet.data == self._request:
                self.event("rca", now)
            return
        self.options.refused(Code(packet.code), parse_options(packet.data))
        self.event("rcn", now)

    # -- actions (RFC 1661 §4.4), by their names in the table ------------------------------------------------------

    def _tlu(self) -> None:
        self._failures = 0
        self.up_hook()

    def _tld(self) -> None:
        self.down_hook()

    def _tls(self) -> None:
        """The lower layer is there already."""

    def _tlf(self) -> None:
        self.finished_hook()

    def _irc(self) -> None:
        self._restarts = MAX_TERMINATE if self.state in (State.CLOSING, State.STOPPING) else MAX_CONFIGURE

    def _zrc(self) -> None:
        self._restarts = 0
        self.deadline = self._now + RESTART_TIME

    def _scr(self) -> None:
        self._restarts -= 1
        self._identifier = (self._identifier + 1) & 0xFF
        self._request = build_options(self.options.wanted())
        self._send(Code.CONFIGURE_REQUEST, self._identifier, self._request)
        self.deadline = self._now + RESTART_TIME

    def _sca(self) -> None:
        self._send(Code.CONFIGURE_ACK, self._received.identifier, self._received.data)

    def _scn(self) -> None:
        assert self._answer is not None
        self._send(self._answer.code, self._received.identifier, build_options(self._answer.options))

    def _str(self) -> None:
        self._restarts -= 1
        self._identifier = (self._identifier + 1) & 0xFF
        self._send(Code.TERMINATE_REQUEST, self._identifier, b"")
        self.deadline = self._now + RESTART_TIME

    def _sta(self) -> None:
        self._send(Code.TERMINATE_ACK, self._received.identifier, b"")

    def _scj(self) -> None:
        self._identifier = (self._identifier + 1) & 0xFF
        self._send(Code.CODE_REJECT, self._identifier, self._received.build())

    def _send(self, code: Code, identifier: int, data: bytes) -> None:
        self.outgoing.append(PppPacket(code, identifier, data))


_TIMED: Final = frozenset((State.CLOSING, State.STOPPING, State.REQ_SENT, State.ACK_RCVD, State.ACK_SENT))
_ANSWERS: Final = frozenset((Code.CONFIGURE_ACK, Code.CONFIGURE_NAK, Code.CONFIGURE_REJECT))
