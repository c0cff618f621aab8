"""What main, aggressive, quick and informational exchanges have in common.

The state of an exchange, the shape of a transition (which payloads are legal, what is done, what follows), sealing and
opening of messages with the IV chain of RFC 2409 Appendix B, and retransmission (RFC 2408 §5.1). The tables
themselves are in `tables`; role is data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from nsemu.config.algorithms import ExchangeMode
from nsemu.ike.errors import PeerError
from nsemu.ike.events import Originals, Refusal, Role
from nsemu.ike.keys import Phase1Keys
from nsemu.ike.parameters import Datagram, Endpoint, Ends, NatVariant
from nsemu.runtime.crypto.ciphers import decrypt_cbc, encrypt_cbc
from nsemu.runtime.crypto.integrity import hmac, same
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.isakmp import (
    FLAG_COMMIT,
    FLAG_ENCRYPTED,
    HEADER_SIZE,
    ZERO_COOKIE,
    Header,
    Payload,
    PayloadType,
    build_message,
    build_payloads,
    parse_payloads,
)
from nsemu.wire.isakmp_payloads import NotifyType

if TYPE_CHECKING:
    from nsemu.config.ike import Phase1Proposal
    from nsemu.ike.context import IkeContext
    from nsemu.ike.events import SaKeys
    from nsemu.ike.nat_traversal import NatMap
    from nsemu.ike.peers import Gateway, Tunnel
    from nsemu.ike.proposals import Phase2Choice
    from nsemu.runtime.crypto.dh import DhKeyPair
    from nsemu.sim.scheduler import Instant, Timer
    from nsemu.wire.isakmp_config import ConfigPayload

Payloads = list[tuple[int, bytes]]
"""What an action wants to be sent: (type, body) pairs."""


class State(Enum):
    """Where an exchange stands, by what was sent last. `debug ike` prints the first word of the value."""

    NONE = "OAK_MM_NO_STATE"
    MAIN_OFFERED = "OAK_MM_SA_SETUP (initiator)"
    MAIN_CHOSEN = "OAK_MM_SA_SETUP"
    MAIN_KEY_SENT = "OAK_MM_KEY_EXCH (initiator)"
    MAIN_KEY_ANSWERED = "OAK_MM_KEY_EXCH"
    MAIN_ID_SENT = "OAK_MM_KEY_AUTH"
    AGGRESSIVE_OFFERED = "OAK_AG_INIT_EXCH"
    AGGRESSIVE_ANSWERED = "OAK_AG_INIT_EXCH (responder)"
    ESTABLISHED = "established"
    QUICK_NONE = "OAK_QM_IDLE"
    QUICK_OFFERED = "OAK_QM_SA_ACCEPT"
    QUICK_ANSWERED = "OAK_QM_AUTH_AWAIT"
    QUICK_COMMIT = "OAK_QM_COMMIT_AWAIT"
    QUICK_DONE = "OAK_QM_IDLE (done)"
    TRANSACTION_NONE = "OAK_XACT_NO_STATE"
    TRANSACTION_ASKED = "OAK_XACT_REQ_SENT"
    TRANSACTION_ANSWERED = "OAK_XACT_ANSWERED"
    TRANSACTION_DONE = "OAK_XACT_DONE"
    DEAD = "dead"


class Login(Enum):
    """Where the login under a Phase 1 SA stands, if one is wanted: who waits for whom."""

    NONE = "no login"
    AWAITED = "awaited"
    DECIDING = "being decided"
    UNCONFIGURED = "accepted, settings to come"
    DONE = "accepted"
    REFUSED = "refused"


class Protection(Enum):
    """Whether a message is encrypted."""

    CLEAR = auto()
    ENCRYPTED = auto()
    EITHER = auto()


class Message(NamedTuple):
    """A received message, opened. `text` starts with the ISAKMP header; payload offsets count in it."""

    header: Header
    text: bytes
    payloads: list[Payload]
    bodies: dict[int, bytes]
    """The first body of each payload type."""
    ends: Ends = Ends(Endpoint(0, 0), Endpoint(0, 0))
    """Where it came from and went to, where that matters."""

    def all(self, kind: int) -> list[bytes]:
        """The bodies of all payloads of one type, in order."""
        return [payload.body for payload in self.payloads if payload.type == kind]


@dataclass(frozen=True, slots=True)
class Transition:
    """A legal input in a state, and what it does.

    `payloads` maps each legal payload type to its least and greatest number; `first`, if given, must lead. `action`
    checks the message, changes the exchange and returns the payloads of the answer, or raises PeerError or
    MalformedPacket and leaves the exchange as it was. `answer` says how the answer is sent, None that there is none.
    With `repeat` the answer is retransmitted until the next message comes; without, the negotiation time limit runs.
    """

    payloads: Mapping[int, tuple[int, int]]
    first: int | None
    protection: Protection
    action: Callable[..., Payloads]
    following: State
    answer: Protection | None = Protection.CLEAR
    repeat: bool = True


class Exchange:
    """A negotiation in progress, Phase 1 or quick mode."""

    __slots__ = ("answer", "contents", "failed", "iv", "received", "rejected", "repeats", "started", "state", "timer")

    def __init__(self, state: State, started: Instant) -> None:
        self.state = state
        self.started = started
        self.iv = b""
        self.received: bytes | None = None
        """The last message that was accepted: seen again, it gets `answer` again."""
        self.answer: bytes | None = None
        self.contents: tuple[int, ...] = ()
        """The types of the payloads of `answer`."""
        self.rejected: bytes | None = None
        """The last message that was refused: seen again, it is only counted."""
        self.repeats = 0
        self.timer: Timer | None = None
        self.failed = False

    def stop_timer(self) -> None:
        """Forget the retransmission or time-limit timer."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Held(NamedTuple):
    """A message that cannot be read before its Phase 1 SA is established."""

    header: Header
    data: bytes
    ends: Ends


class Phase1Sa(Exchange):
    """A Phase 1 negotiation, and the ISAKMP SA that comes of it."""

    __slots__ = (
        "cookies",
        "established_at",
        "expires",
        "expiry",
        "gateway",
        "held",
        "initial_contact",
        "key_pair",
        "keys",
        "last_block",
        "lifetime",
        "local",
        "login",
        "login_name",
        "login_timer",
        "message_ids",
        "mode",
        "nat",
        "nat_variant",
        "nonces",
        "offer",
        "origin",
        "peer",
        "peer_dpd",
        "peer_heartbeat",
        "peer_id",
        "peer_screenos",
        "proposal",
        "publics",
        "quick_modes",
        "role",
        "shortened",
        "transactions",
    )

    def __init__(self, gateway: Gateway, role: Role, local: Endpoint, peer: Endpoint, started: Instant) -> None:
        super().__init__(State.NONE, started)
        self.gateway = gateway
        self.role = role
        self.mode: ExchangeMode = gateway.parameters.mode
        self.local = local
        self.peer = peer
        self.origin = peer
        """Where the first message came from or went to."""
        self.nat_variant: NatVariant | None = None
        """By what NAT would be traversed; None when one of the ends cannot."""
        self.nat: NatMap | None = None
        """Where NAT was found, None when nowhere."""
        self.peer_dpd = self.peer_heartbeat = self.peer_screenos = False
        """What the peer announced."""
        self.held: list[Held] = []
        """Messages that overtook the last one of this exchange."""
        self.cookies = ZERO_COOKIE * 2
        self.offer = b""
        """SAi_b of RFC 2409 §5."""
        self.proposal: Phase1Proposal = gateway.parameters.proposals[0]
        self.lifetime = 0
        self.shortened = False
        self.key_pair: DhKeyPair | None = None
        self.nonces = b""
        """Own nonce until the peer's is known, then Ni_b | Nr_b."""
        self.publics = b""
        """g^xi | g^xr."""
        self.peer_id = b""
        """The peer's ID payload, where it comes before its proof."""
        self.initial_contact = False
        """The peer sent that notification with its authentication."""
        self.keys: Phase1Keys | None = None
        self.last_block = b""
        """What the IVs of later exchanges are made of."""
        self.quick_modes: dict[int, QuickMode] = {}
        self.message_ids: set[int] = set()
        self.transactions: dict[int, Transaction] = {}
        self.login = Login.NONE
        self.login_name = ""
        self.login_timer: Timer | None = None
        self.established_at: Instant = 0
        self.expires: Instant = 0
        self.expiry: Timer | None = None

    @property
    def is_responder(self) -> bool:
        """Whether the peer began."""
        return self.role is Role.RESPONDER

    @property
    def initiator_cookie(self) -> bytes:
        """CKY-I."""
        return self.cookies[:8]

    @property
    def responder_cookie(self) -> bytes:
        """CKY-R, zero while the initiator does not know it."""
        return self.cookies[8:]

    @property
    def ready(self) -> bool:
        """Whether Phase 2 may begin: no login is wanted, or it has succeeded (B264)."""
        return self.login in (Login.NONE, Login.DONE)

    def stop_login(self) -> None:
        """The SA is gone: nothing of its login is repeated or waited for any more."""
        if self.login_timer is not None:
            self.login_timer.cancel()
            self.login_timer = None
        for exchange in self.transactions.values():
            exchange.stop_timer()
        self.transactions.clear()

    def session_keys(self) -> Phase1Keys:
        """The keys; asking before they exist is a fault of the engine."""
        assert self.keys is not None
        return self.keys


class QuickMode(Exchange):
    """A Phase 2 negotiation under one Phase 1 SA."""

    __slots__ = (
        "choice",
        "commit",
        "hop",
        "identities",
        "inbound_keys",
        "inbound_spi",
        "key_pair",
        "message_id",
        "nonces",
        "originals",
        "peer_spi",
        "phase1",
        "role",
        "settled",
        "shared",
        "tunnel",
    )

    def __init__(self, phase1: Phase1Sa, role: Role, message_id: int, started: Instant) -> None:
        super().__init__(State.QUICK_NONE, started)
        self.phase1 = phase1
        self.role = role
        self.message_id = message_id
        self.settled = started
        """When the responder answered, at once, or its answer came in."""
        self.tunnel: Tunnel | None = None
        self.inbound_spi = 0
        self.peer_spi = b""
        """The SPI of the peer's first proposal, which error notifications name."""
        self.nonces = b""
        """Ni_b until the responder's is known, then Ni_b | Nr_b."""
        self.key_pair: DhKeyPair | None = None
        self.shared = b""
        """g(qm)^xy, empty without PFS."""
        self.choice: Phase2Choice | None = None
        self.identities: list[bytes] = []
        """The ID payloads that were sent."""
        self.commit = False
        """Whether one end has set the commit bit."""
        self.hop = 0
        """The address of the peer's tunnel interface, 0 unless it was told."""
        self.originals: Originals | None = None
        """The two ends as the peer sees them, in transport mode through NAT."""
        self.inbound_keys: SaKeys | None = None
        """Set once the device has been told of the inbound SA."""


class Transaction(Exchange):
    """A transaction exchange under one Phase 1 SA; `wanted` is the kind of answer to a message of ours."""

    __slots__ = ("ended", "identifier", "message_id", "phase1", "wanted")

    def __init__(self, phase1: Phase1Sa, message_id: int, started: Instant) -> None:
        super().__init__(State.TRANSACTION_NONE, started)
        self.phase1 = phase1
        self.message_id = message_id
        self.identifier = 0
        self.wanted = 0
        self.ended: Callable[[IkeContext, Phase1Sa, ConfigPayload | None], None] | None = None


def seal(phase1: Phase1Sa, iv: bytes, exchange: int, message_id: int, payloads: Payloads) -> bytes:
    """An encrypted message; its last block is the next IV (RFC 2409 Appendix B)."""
    chain = _encrypted(phase1, iv, build_payloads(payloads))
    return build_message(phase1.cookies, exchange, message_id, payloads[0][0], chain, flags=FLAG_ENCRYPTED)


def seal_hashed(
    phase1: Phase1Sa,
    iv: bytes,
    exchange: int,
    message_id: int,
    payloads: Payloads,
    *,
    seed: bytes,
    commit: bool = False,
) -> bytes:
    """An encrypted message with a HASH payload in front: prf(SKEYID_a, seed | payloads) (RFC 2409 §5.5, §5.7).

    `commit` sets the commit bit (RFC 2408 §3.1).
    """
    chain = build_payloads(payloads)
    proof = hmac(phase1.proposal.hash, phase1.session_keys().skeyid_a, seed + chain)
    following = payloads[0][0] if payloads else 0
    chain = b"".join((bytes((following, 0, 0, len(proof) + 4)), proof, chain))
    chain = _encrypted(phase1, iv, chain)
    flags = FLAG_ENCRYPTED | FLAG_COMMIT * commit
    return build_message(phase1.cookies, exchange, message_id, PayloadType.HASH, chain, flags=flags)


def _encrypted(phase1: Phase1Sa, iv: bytes, chain: bytes) -> bytes:
    cipher = phase1.proposal.encryption
    chain += bytes(-len(chain) % cipher.block_size)
    return encrypt_cbc(cipher, phase1.session_keys().encryption_key, iv, chain)


def is_authentic(phase1: Phase1Sa, message: Message, seed: bytes) -> bool:
    """Whether the message begins with the HASH payload that `seal_hashed` would make."""
    payloads = message.payloads
    if not payloads or payloads[0].type != PayloadType.HASH:
        return False
    covered = message.text[payloads[0].end : payloads[-1].end]
    proof = hmac(phase1.proposal.hash, phase1.session_keys().skeyid_a, seed + covered)
    return same(proof, payloads[0].body)


def unseal(phase1: Phase1Sa, iv: bytes, data: bytes) -> bytes:
    """The message with its payloads in the clear. Raises MalformedPacket if it is not whole blocks."""
    cipher = phase1.proposal.encryption
    size = len(data) - HEADER_SIZE
    if not size or size % cipher.block_size:
        raise MalformedPacket(f"ISAKMP: {size} encrypted octets are not whole blocks")
    return data[:HEADER_SIZE] + decrypt_cbc(cipher, phase1.session_keys().encryption_key, iv, data[HEADER_SIZE:])


def open_message(header: Header, text: bytes, padded: bool) -> Message:
    """Cut a message into its payloads. Raises MalformedPacket."""
    payloads = parse_payloads(header.next_payload, text, HEADER_SIZE, padded)
    bodies: dict[int, bytes] = {}
    for payload in reversed(payloads):
        bodies[payload.type] = payload.body
    return Message(header, text, payloads, bodies)


def check_payloads(transition: Transition, message: Message) -> None:
    """Raise PeerError unless the message has the payloads that are legal here (RFC 2408 §5.3)."""
    payloads = message.payloads
    legal = transition.payloads
    if not payloads or transition.first not in (None, payloads[0].type):
        raise PeerError(NotifyType.PAYLOAD_MALFORMED, Refusal.PAYLOADS)
    counts: dict[int, int] = {}
    for payload in payloads:
        counts[payload.type] = counts.get(payload.type, 0) + 1
    for kind, count in counts.items():
        bounds = legal.get(kind)
        if bounds is None:
            raise PeerError(NotifyType.INVALID_PAYLOAD_TYPE, Refusal.PAYLOADS)
        if count > bounds[1]:
            raise PeerError(NotifyType.PAYLOAD_MALFORMED, Refusal.PAYLOADS)
    for kind, bounds in legal.items():
        if bounds[0] and counts.get(kind, 0) < bounds[0]:
            raise PeerError(NotifyType.PAYLOAD_MALFORMED, Refusal.PAYLOADS)


def is_duplicate(context: IkeContext, exchange: Exchange, data: bytes, phase1: Phase1Sa) -> bool:
    """Whether `data` was seen last time: then the last answer is sent again and nothing else happens."""
    if data == exchange.received:
        context.counters.duplicates += 1
        if exchange.answer is not None:
            send(context, phase1, exchange.answer, exchange.contents)
        return True
    if data == exchange.rejected:
        context.counters.duplicates += 1
        return True
    return False


def send(context: IkeContext, phase1: Phase1Sa, data: bytes, contents: tuple[int, ...]) -> None:
    """Send a datagram with payloads of these types to the peer, with the ToS octet of its gateway."""
    context.send(Datagram(data, phase1.local, phase1.peer, phase1.gateway.parameters.tos, contents))


def transmit(context: IkeContext, exchange: Exchange, phase1: Phase1Sa, data: bytes, contents: tuple[int, ...]) -> None:
    """Send the answer of an exchange, with payloads of these types, and remember it."""
    exchange.answer, exchange.contents = data, contents
    send(context, phase1, data, contents)


def kinds_of(payloads: Payloads, *before: int) -> tuple[int, ...]:
    """The types of payloads, after those that go before them."""
    return (*before, *(kind for kind, _ in payloads))


def arm(
    context: IkeContext,
    exchange: Exchange,
    phase1: Phase1Sa,
    give_up: Callable[[IkeContext, Exchange], None],
    *,
    early: bool = False,
) -> None:
    """Start to retransmit the answer: the interval doubles, and after the limit `give_up` is called.

    With `early` there is one repetition more, soon.
    """
    exchange.stop_timer()
    exchange.repeats = -1 if early else 0
    first = context.settings.retransmit_early if early else context.settings.retransmit_first
    exchange.timer = context.after(first, _repeat, context, exchange, phase1, give_up)


def _repeat(
    context: IkeContext,
    exchange: Exchange,
    phase1: Phase1Sa,
    give_up: Callable[[IkeContext, Exchange], None],
) -> None:
    settings = context.settings
    if exchange.repeats >= settings.retransmit_limit or exchange.answer is None:
        exchange.timer = None
        give_up(context, exchange)
        return
    exchange.repeats += 1
    context.counters.retransmissions += 1
    send(context, phase1, exchange.answer, exchange.contents)
    delay = min(settings.retransmit_first << exchange.repeats, settings.retransmit_longest)
    exchange.timer = context.after(delay, _repeat, context, exchange, phase1, give_up)
