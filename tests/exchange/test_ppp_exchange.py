"""PPP between two ends: schemes of authentication, addresses and servers, loss, refusal, and the end of a link."""

from __future__ import annotations

import pytest

from nsemu.ppp.automaton import TRANSITIONS, State
from nsemu.ppp.parameters import Assigned, Authority, Caller, Down, Event, Received, Refused, Scheme, Up
from nsemu.ppp.session import PppSession
from nsemu.sim.entropy import Entropy
from nsemu.wire.ppp import Code, Option, PppPacket, Protocol, build_frame, build_options, parse_frame, parse_options

CHAP, PAP = Scheme.CHAP, Scheme.PAP
SECOND = 10**9
PASSWORDS = {"adam": "AJbioJ15", "betty": "BviPsoJ1"}
TOLD = Assigned(0x0A0A0264, (0x01010102, 0x01010103), (0x01010104,))


class Link:
    """The asking end `lns`, the asked end `pc`; frames take a moment, `lose` says which get lost."""

    def __init__(
        self,
        asks: tuple[Scheme, ...] = (CHAP,),
        does: tuple[Scheme, ...] = (CHAP, PAP),
        password: str = "AJbioJ15",
        told: Assigned | None = TOLD,
        name: str = "adam",
    ) -> None:
        entropy = Entropy(5)
        authority = Authority("fw", 0x01010101, asks, PASSWORDS.get, lambda _name: told)
        self.lns = PppSession(authority, entropy.stream("lns"))
        self.pc = PppSession(Caller(name, password, does), entropy.stream("pc"))
        self.frames: list[bytes] = []
        self.lost: set[int] = set()
        self.events: dict[PppSession, list[Event]] = {self.lns: [], self.pc: []}
        self.now = 0

    def open(self) -> Link:
        self.lns.open(self.now)
        self.pc.open(self.now)
        return self.run()

    def run(self, seconds: int = 60) -> Link:
        for _ in range(seconds):
            while self._carry():
                pass
            self.now += SECOND
            self.lns.handle_timer(self.now)
            self.pc.handle_timer(self.now)
        self._carry()
        return self

    def _carry(self) -> bool:
        moved = False
        for end, other in ((self.lns, self.pc), (self.pc, self.lns)):
            for frame in end.frames_to_send():
                self.frames.append(frame)
                moved = True
                if len(self.frames) - 1 not in self.lost:
                    other.receive(frame, self.now)
            while (event := end.next_event()) is not None:
                self.events[end].append(event)
        return moved

    def of(self, end: PppSession, kind: type) -> list:  # type: ignore[type-arg]
        return [event for event in self.events[end] if isinstance(event, kind)]

    def protocols(self) -> set[int]:
        return {parse_frame(frame)[0] for frame in self.frames}


def test_address_and_servers_are_told() -> None:
    """B272: address, DNS and WINS by IPCP."""
    link = Link().open()
    (up,) = link.of(link.pc, Up)
    assert (up.local, up.remote, up.assigned) == (TOLD.address, 0x01010101, TOLD)
    assert link.of(link.lns, Up)[0].name == "adam"
    frame = link.pc.send(b"an IPv4 packet")
    link.lns.receive(frame, link.now)
    link.run(1)
    assert [event.packet for event in link.of(link.lns, Received)] == [b"an IPv4 packet"]


def test_chap_hides_the_password_and_pap_does_not() -> None:
    """B271, B279."""
    chap, pap = Link((CHAP,)).open(), Link((PAP,)).open()
    assert chap.lns.up
    assert pap.lns.up
    assert not any(b"AJbioJ15" in frame for frame in chap.frames)
    assert any(b"AJbioJ15" in frame for frame in pap.frames)
    assert Protocol.PAP not in chap.protocols()
    assert Protocol.CHAP not in pap.protocols()


@pytest.mark.parametrize(
    ("asks", "does", "used"),
    [
        ((CHAP, PAP), (CHAP, PAP), Protocol.CHAP),
        ((CHAP, PAP), (PAP, CHAP), Protocol.CHAP),
        ((CHAP, PAP), (PAP,), Protocol.PAP),
        ((CHAP,), (PAP,), None),
        ((PAP,), (CHAP,), None),
        ((CHAP,), (), None),
    ],
)
def test_what_both_can_do(asks: tuple[Scheme, ...], does: tuple[Scheme, ...], used: Protocol | None) -> None:
    """B278: ANY means CHAP first, and PAP if the client will not."""
    link = Link(asks, does).open()
    assert link.lns.up is link.pc.up is (used is not None)
    assert link.protocols() & {Protocol.CHAP, Protocol.PAP} == ({used} if used is not None else set())
    if used is None:
        assert link.of(link.lns, Down)[0].reason == "the peer will not authenticate as it is asked to"


@pytest.mark.parametrize("scheme", [CHAP, PAP])
@pytest.mark.parametrize(("name", "password"), [("adam", "wrong"), ("adam", ""), ("nobody", "AJbioJ15"), ("", "")])
def test_whoever_proves_nothing_is_refused(scheme: Scheme, name: str, password: str) -> None:
    """B270: the local database decides."""
    link = Link((scheme,), name=name, password=password).open()
    assert not link.lns.up
    assert not link.pc.up
    assert [(event.name, event.reason) for event in link.of(link.lns, Refused)] == [
        (name, "wrong user name or password")
    ]
    assert link.of(link.pc, Down)[0].reason == "the peer refused the user name or the password"
    assert Protocol.IPCP not in link.protocols()


def test_without_an_address_nobody_is_let_in() -> None:
    link = Link(told=None).open()
    assert link.of(link.lns, Refused)[0].reason == "no address for the user"
    assert not link.pc.up


@pytest.mark.parametrize("scheme", [CHAP, PAP])
@pytest.mark.parametrize("lost", range(14))
def test_any_one_frame_may_get_lost(scheme: Scheme, lost: int) -> None:
    """RFC 1661 §4.6, RFC 1994 §4.1: it is repeated."""
    link = Link((scheme,))
    link.lost = {lost}
    link.open()
    assert link.lns.up
    assert link.pc.up
    assert len(link.of(link.lns, Up)) >= 1


def test_nobody_at_the_other_end() -> None:
    link = Link()
    link.lost = set(range(1000))
    link.open()
    assert link.of(link.lns, Down)[0].reason == "no agreement with the peer"
    assert link.lns.next_deadline() is None


@pytest.mark.parametrize("closer", ["lns", "pc"])
def test_either_end_may_close(closer: str) -> None:
    link = Link().open()
    one, other = (link.lns, link.pc) if closer == "lns" else (link.pc, link.lns)
    one.close(link.now, "enough")
    link.run(10)
    assert link.of(one, Down)[0].reason == "enough"
    assert link.of(other, Down)[0].reason == "the peer ended the link"
    assert len(link.of(one, Down)) == len(link.of(other, Down)) == 1
    assert not one.up
    assert not other.up


def test_options_that_are_not_known_are_rejected() -> None:
    """RFC 1661 §5.4."""
    link = Link().open()
    request = PppPacket(Code.CONFIGURE_REQUEST, 9, build_options([Option(99, b"x"), Option(5, b"\1\2\3\4")]))
    link.lns.receive(build_frame(Protocol.LCP, request.build()), link.now)
    answers = [PppPacket.parse(parse_frame(frame)[1]) for frame in link.lns.frames_to_send()]
    reject = next(answer for answer in answers if answer.code == Code.CONFIGURE_REJECT)
    assert parse_options(reject.data) == (Option(99, b"x"),)


def test_echo_and_unknown_protocols() -> None:
    """RFC 1661 §5.7, §5.8."""
    link = Link().open()
    link.lns.receive(build_frame(Protocol.LCP, PppPacket(Code.ECHO_REQUEST, 7, bytes(4) + b"hi").build()), link.now)
    link.lns.receive(build_frame(0x8057, b"what is this"), link.now)
    echo, reject = (PppPacket.parse(parse_frame(frame)[1]) for frame in link.lns.frames_to_send())
    assert (echo.code, echo.identifier, echo.data[4:]) == (Code.ECHO_REPLY, 7, b"hi")
    assert (reject.code, reject.data[:2]) == (Code.PROTOCOL_REJECT, b"\x80\x57")


def test_no_packets_before_the_user_is_known() -> None:
    """B293: IPv4 does not pass before IPCP is open."""
    link = Link()
    link.lns.open(0)
    link.lns.receive(build_frame(Protocol.IPV4, b"early"), 0)
    assert link.lns.next_event() is None


def test_the_table_is_whole() -> None:
    """RFC 1661 §4.1: a column for each state, and only actions that exist."""
    from nsemu.ppp.automaton import Automaton

    for row, cells in TRANSITIONS.items():
        assert len(cells) == len(State), row
        for cell in cells:
            *actions, state = cell.split() or ["0"]
            assert State(int(state)) in State
            assert all(hasattr(Automaton, f"_{action}") for action in actions)
