"""What the engine is told: gateways, tunnels and settings, resolved from the configuration.

Frozen data without names of interfaces, zones or policies; the device compiles these from `config`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

from nsemu.config.algorithms import ExchangeMode
from nsemu.config.ike import DeadPeerDetection, Heartbeat, Identity, Phase1Proposal, Phase2Proposal
from nsemu.sim.scheduler import SECOND, Duration
from nsemu.wire.address import Prefix

ISAKMP_PORT: Final = 500
NAT_PORT: Final = 4500

NETSCREEN_VENDOR_ID: Final = bytes.fromhex("166f932d55eb64d8e4df4fd37e2313f0d0fd84510000000000000000")
"""What ScreenOS 5.2 to 5.4 sends, as ike-scan's list of vendor IDs has it ("Netscreen-15")."""


DPD_VENDOR_ID: Final = bytes.fromhex("afcad71368a1f1c96b8696fc77570100")
"""Dead peer detection, version 1.0 (RFC 3706 §5.1)."""

XAUTH_VENDOR_ID: Final = bytes.fromhex("09002689dfd6b712")
"""draft-ietf-ipsec-isakmp-xauth-06 §2."""

HEARTBEAT_VENDOR_ID: Final = b"HeartBeat_Notify" + bytes.fromhex("386b0100")
"""As ike-scan's list of vendor IDs has it."""


NO_DPD: Final = DeadPeerDetection()
NO_HEARTBEAT: Final = Heartbeat()


class Endpoint(NamedTuple):
    """An IPv4 address and a UDP port."""

    address: int
    port: int


class Ends(NamedTuple):
    """Where a datagram came from, and to which of our addresses."""

    source: Endpoint
    destination: Endpoint


class NatVariant(Enum):
    """The documents by which NAT can be traversed."""

    DRAFT_00 = "draft 00"
    DRAFT_02 = "draft 02"
    RFC_3947 = "RFC 3947"


class Datagram(NamedTuple):
    """A UDP payload to send. `payloads` are the types of what is in it, for those who look on: it may be encrypted."""

    data: bytes
    source: Endpoint
    destination: Endpoint
    tos: int = 0
    payloads: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class DialupUser:
    """An IKE user: its full ID, or with a seed the right-hand part of many. `share_limit` of them may be connected."""

    name: str
    identity: Identity
    share_limit: int = 1


class DialupTunnel(NamedTuple):
    """What a caller wants a tunnel for: the configured tunnel that it fits, the caller, its addresses."""

    template: int
    caller: int
    peer: int
    inner: Prefix


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What a client is told after its login (mode-cfg §3.3). Addresses are ints, 0 for none; `expiry` in seconds."""

    address: int = 0
    netmask: int = 0xFFFFFFFF
    dns: tuple[int, ...] = ()
    wins: tuple[int, ...] = ()
    expiry: int = 0


@dataclass(frozen=True, slots=True)
class XauthLogin:
    """With what this end answers the peer's XAuth request; with `wants_address` it waits for one before Phase 2."""

    name: str
    password: str = field(repr=False)
    wants_address: bool = False


@dataclass(frozen=True, slots=True)
class GatewayParameters:
    """A remote IKE peer.

    `peer` is None for a dynamic peer, which is known by `peer_identity`, or while the address is not known. An identity
    of None means the IP address of that end (B133). `proposals` are in order of preference. `initial_contact` asks for
    that notification (`set ike initial-contact`). `keepalive` is in seconds, 0 for none (B310).
    `dialup` are the users of a dialup gateway, and `seed` that of their keys, b"" when all have `preshared_key`.
    `xauth` asks callers for name and password; `login` is how this end answers such a question. `tos` is the ToS octet
    of our packets.
    """

    name: str
    local: int
    peer: int | None
    proposals: tuple[Phase1Proposal, ...]
    preshared_key: bytes = field(default=b"", repr=False)
    mode: ExchangeMode = ExchangeMode.MAIN
    local_identity: Identity | None = None
    peer_identity: Identity | None = None
    initial_contact: bool = False
    nat_traversal: bool = False
    keepalive: int = 5
    dpd: DeadPeerDetection = NO_DPD
    heartbeat: Heartbeat = NO_HEARTBEAT
    dialup: tuple[DialupUser, ...] | None = None
    seed: bytes = field(default=b"", repr=False)
    xauth: bool = False
    login: XauthLogin | None = None
    tos: int = 0


@dataclass(frozen=True, slots=True)
class TunnelParameters:
    """An AutoKey IKE tunnel: one proxy ID of one VPN.

    `local` and `remote` are networks; `protocol` and `port` are the service of the proxy ID, 0 for any.
    `replay` is carried for the data path only (B060: not negotiated). `bound` tells a tunnel of a tunnel interface.
    With `renewed` the SAs are replaced before they end whether anything used them or not (B344). `hop` is the address
    of our tunnel interface, which a peer of our kind is told (B335), 0 for none. With `transport` the mode is transport
    mode, between the two ends themselves (B137).
    """

    id: int
    vpn: str
    gateway: str
    proposals: tuple[Phase2Proposal, ...]
    local: Prefix
    remote: Prefix
    protocol: int = 0
    port: int = 0
    replay: bool = False
    bound: bool = False
    renewed: bool = False
    hop: int = 0
    transport: bool = False


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Device-wide IKE settings. Durations are in nanoseconds, `soft_lifetime_buffer` in seconds.

    `retransmit_first` doubles up to `retransmit_longest`; after `retransmit_limit` repetitions the exchange fails.
    A responder that has proved nothing yet is kept for `negotiation_limit`. `half_open_limit` bounds Phase 1
    negotiations as responder. `superseded_linger` is how long a replaced SA still serves packets on their way.
    `nat_variants` are offered; a responder takes all. `retransmit_early` is for the first repetition of a quick mode
    that follows on the heels of the third aggressive message, which some responders drop.
    `accept_all_proposals` takes whatever algorithms this device has. Without `send_proxy_ids` quick mode names the two
    gateways; without `check_proxy_ids` whatever a peer names is taken. `initiator_commit` and `responder_commit` set
    the commit bit. With `hide_identities` an unknown IKE ID gets an answer that nobody can prove to be false.
    `half_open_of_one`, if not 0, bounds the negotiations that one address has begun.
    """

    respond_bad_spi: int = 1
    soft_lifetime_buffer: int = 10
    retransmit_first: Duration = 2 * SECOND
    retransmit_longest: Duration = 8 * SECOND
    retransmit_limit: int = 7
    negotiation_limit: Duration = 60 * SECOND
    half_open_limit: int = 256
    superseded_linger: Duration = 30 * SECOND
    nonce_size: int = 20
    nat_variants: tuple[NatVariant, ...] = (NatVariant.DRAFT_00, NatVariant.DRAFT_02)
    retransmit_early: Duration = SECOND // 2
    accept_all_proposals: bool = False
    send_proxy_ids: bool = True
    check_proxy_ids: bool = True
    initiator_commit: bool = False
    responder_commit: bool = False
    hide_identities: bool = False
    half_open_of_one: int = 0
    vendor_ids: tuple[bytes, ...] = (NETSCREEN_VENDOR_ID, DPD_VENDOR_ID, HEARTBEAT_VENDOR_ID)
