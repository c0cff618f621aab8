"""What the engine tells its device: typed events, in the order in which they happened.

Data only. `log` turns them into ScreenOS event-log lines; the device installs and removes SAs by them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from nsemu.config.algorithms import ExchangeMode
from nsemu.config.ike import Phase1Proposal, Phase2Proposal
from nsemu.ike.parameters import ClientSettings, Endpoint, NatVariant
from nsemu.wire.address import Prefix


class Role(Enum):
    """Which end of an exchange this device is. The value is the word of `get ike cookies`."""

    INITIATOR = "initiator"
    RESPONDER = "responder"


class Failure(Enum):
    """Why a negotiation came to its end without an SA."""

    RETRANSMISSION_LIMIT = "retransmission limit"
    TIME_LIMIT = "time limit"
    REFUSED_BY_PEER = "refused by peer"
    REFUSED = "refused"
    PHASE1_LOST = "phase 1 lost"


class Refusal(Enum):
    """What was wrong with a peer's message."""

    NO_PROPOSAL = "no acceptable proposal"
    PFS_GROUP = "PFS group"
    ENCAPSULATION = "encapsulation mode"
    PROXY_ID = "proxy ID"
    IDENTITY = "identity"
    AUTHENTICATION = "authentication"
    UNREADABLE = "unreadable after decryption"
    PAYLOADS = "illegal payloads"
    KEY_EXCHANGE = "key exchange value"
    NONCE = "nonce"
    DOI = "DOI or situation"
    DYNAMIC_PEER = "main mode of a dynamic peer"
    UNRECOGNIZED_PEER = "unrecognized peer gateway"
    MODE = "exchange mode"
    HALF_OPEN_LIMIT = "half-open limit"
    SHARE_LIMIT = "share limit"
    TUNNEL_LIMIT = "tunnel limit"


class Removal(Enum):
    """Why an established SA went away."""

    LIFETIME = "lifetime"
    DELETED_BY_PEER = "deleted by peer"
    UNKNOWN_TO_PEER = "invalid SPI"
    INITIAL_CONTACT = "initial contact"
    CLEARED = "cleared"
    CONFIGURATION = "configuration changed"
    PEER_SILENT = "peer does not answer"
    PEER_DEAD = "peer is dead"
    PEER_MOVED = "peer has another address"
    UNCONFIRMED = "quick mode was not completed"
    LOGIN_FAILED = "login failed"


class Watch(Enum):
    """What found out that a peer is dead."""

    DPD = "dead peer detection"
    HEARTBEAT = "heartbeats"


class Originals(NamedTuple):
    """The two ends of a transport mode SA through NAT as the peer sees them: its own address and ours."""

    peer: int
    own: int


@dataclass(frozen=True, slots=True)
class SaKeys:
    """One direction of an IPsec SA. Keys are hidden from `repr`."""

    spi: int
    encryption_key: bytes = field(repr=False)
    integrity_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events. `gateway` is the name of the gateway, "" when none is known; `peer` its IPv4 address."""

    gateway: str
    peer: int


@dataclass(frozen=True, slots=True)
class Phase1Initiated(Event):
    """This device sent the first message of Phase 1."""

    mode: ExchangeMode


@dataclass(frozen=True, slots=True)
class Phase1Responded(Event):
    """This device accepted the first message of Phase 1."""

    mode: ExchangeMode


@dataclass(frozen=True, slots=True)
class Phase1Completed(Event):
    """A Phase 1 SA is established. `lifetime` is in seconds; `encryption_key` is for captures."""

    mode: ExchangeMode
    role: Role
    initiator_cookie: bytes
    responder_cookie: bytes
    proposal: Phase1Proposal
    lifetime: int
    encryption_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Phase1Failed(Event):
    """A Phase 1 negotiation ended without an SA."""

    mode: ExchangeMode
    role: Role
    reason: Failure


@dataclass(frozen=True, slots=True)
class Phase1Removed(Event):
    """An established Phase 1 SA went away."""

    initiator_cookie: bytes
    responder_cookie: bytes
    reason: Removal


@dataclass(frozen=True, slots=True)
class Phase1Refused(Event):
    """A message of the peer in Phase 1 was refused; its state is unchanged.

    `details` depend on `refusal`: (received, expected) texts for IDENTITY, for NO_PROPOSAL (offered, acceptable) wire
    forms of proposals if any was offered, nothing otherwise.
    """

    mode: ExchangeMode
    role: Role
    refusal: Refusal
    details: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class NatUnsupported(Event):
    """The peer announced no variant of NAT-T that this device knows."""


@dataclass(frozen=True, slots=True)
class NatDetected(Event):
    """There is NAT in front of this device (`local`), of the peer (`remote`), or of both."""

    role: Role
    local: bool
    remote: bool


@dataclass(frozen=True, slots=True)
class PeerMoved(Event):
    """The peer, which is behind NAT, now sends from `remote`; `local` is our end; `tunnels` are its tunnels."""

    local: Endpoint
    remote: Endpoint
    tunnels: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PeerDead(Event):
    """The peer gave no sign of life; `missed` counts requests or heartbeats. Its SAs are being removed."""

    by: Watch
    missed: int


@dataclass(frozen=True, slots=True)
class HeartbeatsDisabled(Event):
    """The peer sends no heartbeats, so this device stops to (B354)."""


@dataclass(frozen=True, slots=True)
class Phase2Queued(Event):
    """A tunnel waits for Phase 1."""

    tunnel_id: int


@dataclass(frozen=True, slots=True)
class Phase2Initiated(Event):
    """This device sent the first message of a quick mode."""

    tunnel_id: int
    message_id: int


@dataclass(frozen=True, slots=True)
class Phase2Responded(Event):
    """This device accepted the first message of a quick mode."""

    tunnel_id: int
    message_id: int


@dataclass(frozen=True, slots=True)
class Phase2InboundReady(Event):
    """The responder's inbound SA may be used: the initiator sends with it as soon as it has our answer.

    Its last message may be lost or overtaken, so a device that waits for Phase2Completed may drop packets. What follows
    is either Phase2Completed with the same `inbound`, or SaRemoved. `nat` says how ESP is carried in UDP, if it is.
    With `transport` the mode is transport mode; `originals` then tells what NAT has changed, as far as the peer said.
    """

    tunnel_id: int
    message_id: int
    proposal: Phase2Proposal
    local: Endpoint
    remote: Endpoint
    inbound: SaKeys
    lifetime: int
    lifesize: int
    nat: NatVariant | None = None
    transport: bool = False
    originals: Originals | None = None


@dataclass(frozen=True, slots=True)
class Phase2Completed(Event):
    """A pair of IPsec SAs is ready for use.

    `lifetime` in seconds, `lifesize` in kilobytes (0 for no limit); the last three as in Phase2InboundReady.
    `current` is False when another pair, negotiated at the same time, is to be preferred: both ends come to the same
    choice.
    """

    tunnel_id: int
    message_id: int
    role: Role
    proposal: Phase2Proposal
    local: Endpoint
    remote: Endpoint
    inbound: SaKeys
    outbound: SaKeys
    lifetime: int
    lifesize: int
    current: bool
    nat: NatVariant | None = None
    transport: bool = False
    originals: Originals | None = None


@dataclass(frozen=True, slots=True)
class Phase2Failed(Event):
    """A quick mode ended without SAs. `tunnel_id` is None when the peer's proxy IDs match no tunnel.

    `details`: for PROXY_ID (ReceivedProxyId, the parameters of our tunnels), or nothing; for PFS_GROUP (received group
    or 0, expected group or 0); for NO_PROPOSAL as in Phase1Refused.
    """

    tunnel_id: int | None
    message_id: int
    role: Role
    reason: Failure
    refusal: Refusal | None = None
    details: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class ProxyIdIgnored(Event):
    """The proxy ID of a peer was not compared with the own ones, as the admin wished."""


@dataclass(frozen=True, slots=True)
class ReceivedProxyId:
    """A proxy ID as the peer's quick mode gave it, seen from this device."""

    local: Prefix
    remote: Prefix
    local_protocol: int
    local_port: int
    remote_protocol: int
    remote_port: int


@dataclass(frozen=True, slots=True)
class SaRemoved(Event):
    """A pair of IPsec SAs must no longer be used; after Phase2InboundReady alone, its inbound half."""

    tunnel_id: int
    inbound_spi: int
    outbound_spi: int
    reason: Removal


@dataclass(frozen=True, slots=True)
class TunnelAddressLearned(Event):
    """The peer's tunnel interface has this address (B335)."""

    tunnel_id: int
    address: int


@dataclass(frozen=True, slots=True)
class LifetimeShortened(Event):
    """The responder announced a shorter lifetime for a pair that is installed (RFC 2407 §4.6.3.1)."""

    tunnel_id: int
    inbound_spi: int
    lifetime: int
    lifesize: int


@dataclass(frozen=True, slots=True)
class NotifyReceived(Event):
    """A notification came. One that was not `protected` has no effect but this event."""

    doi: int
    type: int
    protected: bool


@dataclass(frozen=True, slots=True)
class InitialContactReceived(Event):
    """The peer has no memory of us: older SAs with it were removed."""

    phase1s: int
    phase2s: int


@dataclass(frozen=True, slots=True)
class InitialContactSent(Event):
    """This device told the peer that it has no older SAs."""


@dataclass(frozen=True, slots=True)
class BadSpiNotified(Event):
    """The peer was told that it used an SPI this device does not know."""

    spi: int


@dataclass(frozen=True, slots=True)
class DialupTunnelGone(Event):
    """A tunnel that was made for a caller is no more needed."""

    tunnel_id: int


@dataclass(frozen=True, slots=True)
class CallerLeft(Event):
    """A dialup client has nothing left with us; `name` is that of its login, "" without one."""

    caller: int
    name: str


@dataclass(frozen=True, slots=True)
class LoginRequested(Event):
    """A caller gave name and password: the device decides, and answers with `IkeEngine.answer_login`."""

    caller: int
    cookies: bytes
    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LoginPassed(Event):
    """A caller has logged in. `address` is the inner address it was given, 0 for none."""

    name: str
    address: int


@dataclass(frozen=True, slots=True)
class LoginRefused(Event):
    """The name or the password of a caller was wrong, or it may not use this gateway."""

    name: str


@dataclass(frozen=True, slots=True)
class LoginAborted(Event):
    """A login came to no end: the other side did not answer, or could not."""

    name: str


@dataclass(frozen=True, slots=True)
class LoginMissing(Event):
    """The peer began Phase 2 before it has logged in (B264)."""


@dataclass(frozen=True, slots=True)
class LoggedIn(Event):
    """As client: the peer has accepted (or refused) our name and password."""

    accepted: bool


@dataclass(frozen=True, slots=True)
class ClientConfigured(Event):
    """As client: the peer told us an inner address and servers."""

    settings: ClientSettings


@dataclass(frozen=True, slots=True)
class PacketRejected(Event):
    """A packet was refused before it belonged to any negotiation."""

    source: Endpoint
    destination: Endpoint
    initiator_cookie: bytes
    responder_cookie: bytes
    refusal: Refusal
