"""IKE as the admin wrote it: proposals and gateways (Vol. 5, chapters 1, 3, 4).

Frozen data; the engine in `ike` receives what it needs of this through `ike.parameters`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from nsemu.config.algorithms import (
    AuthenticationMethod,
    DhGroup,
    Encryption,
    ExchangeMode,
    Integrity,
    IpsecProtocol,
)
from nsemu.wire.address import parse_ipv4

MAXIMUM_PROPOSALS = 4
"""Proposals a gateway or a VPN can name (B035, B051)."""


@dataclass(frozen=True, slots=True)
class Phase1Proposal:
    """A Phase 1 proposal, predefined or custom (B036 to B039). `lifetime` is in seconds."""

    name: str
    method: AuthenticationMethod
    group: DhGroup
    encryption: Encryption
    hash: Integrity
    lifetime: int = 28800
    predefined: bool = False


@dataclass(frozen=True, slots=True)
class Phase2Proposal:
    """A Phase 2 proposal. `pfs` None means no-pfs; `lifetime` in seconds; `lifesize` in kilobytes, 0 for no limit.

    For AH, `encryption` is NULL and has no meaning.
    """

    name: str
    pfs: DhGroup | None
    protocol: IpsecProtocol
    encryption: Encryption
    integrity: Integrity
    lifetime: int = 3600
    lifesize: int = 0
    predefined: bool = False


class SecurityLevel(Enum):
    """A predefined set of proposals (Vol. 5, "Phase 1", "Phase 2"). The value is the CLI word."""

    STANDARD = "standard"
    COMPATIBLE = "compatible"
    BASIC = "basic"


class IdentityType(Enum):
    """The type of an IKE ID; the value is its number on the wire (RFC 2407 §4.6.2.1)."""

    IPV4 = 1
    FQDN = 2
    U_FQDN = 3
    ASN1_DN = 9


@dataclass(frozen=True, slots=True)
class Identity:
    """An IKE ID as text, with its type."""

    type: IdentityType
    text: str

    @property
    def encoded(self) -> bytes:
        """The data of an ID payload for it: four octets for an IP address, else the text."""
        if self.type is IdentityType.IPV4:
            return parse_ipv4(self.text).to_bytes(4, "big")
        return self.text.encode()

    @classmethod
    def infer(cls, text: str) -> Identity:
        """The identity an admin means by `text`: dotted quad, mailbox, distinguished name, else FQDN."""
        parts = text.split(".")
        if len(parts) == 4 and all(part.isdigit() and int(part) < 256 for part in parts):
            return cls(IdentityType.IPV4, text)
        if "@" in text:
            return cls(IdentityType.U_FQDN, text)
        if "=" in text:
            return cls(IdentityType.ASN1_DN, text)
        return cls(IdentityType.FQDN, text)


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """`cert …` of a gateway. `authority` is the ID of the CA that must have signed the peer's certificate, "all", or
    "" for none given; `form` is x509-sig or pkcs7, "" for none given."""

    authority: str = ""
    form: str = ""


@dataclass(frozen=True, slots=True)
class NatTraversal:
    """`nat-traversal …`. `keepalive` in seconds, 0 for none (B309, B310)."""

    enabled: bool = False
    udp_checksum: bool = True
    keepalive: int = 5


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """`heartbeat …`. `hello` and `reconnect` in seconds, 0 for off; `threshold` in heartbeats (B353, B359)."""

    hello: int = 0
    threshold: int = 5
    reconnect: int = 0


@dataclass(frozen=True, slots=True)
class DeadPeerDetection:
    """`dpd …`. `interval` and `reconnect` in seconds, 0 for off; `retry` in requests (B355 to B358)."""

    interval: int = 0
    retry: int = 5
    always_send: bool = False
    reconnect: int = 0


@dataclass(frozen=True, slots=True)
class GatewayXauth:
    """`xauth …` of a gateway: whoever calls must log in. `user` or `group` limit who may, "" for any XAuth user.

    With `method` the device itself would log in at the peer, with `bypass` clients would get settings without a login.
    """

    server: str = ""
    user: str = ""
    group: str = ""
    bypass: bool = False
    method: str = ""
    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def asks(self) -> bool:
        """Whether the device asks its peers for name and password."""
        return not self.method and not self.bypass


@dataclass(frozen=True, slots=True)
class XauthSettings:
    """`set xauth …`: what clients are told after their login. `lifetime` is in minutes; addresses are ints or None."""

    lifetime: int = 480
    pool: str = ""
    dns1: int | None = None
    dns2: int | None = None
    wins1: int | None = None
    wins2: int | None = None


@dataclass(frozen=True, slots=True)
class LocalEnd:
    """`local-address` and `tos` of a gateway: the own address towards the peer, None for that of the outgoing
    interface, and the ToS octet of IKE packets."""

    address: int | None = None
    tos: int = 0


@dataclass(frozen=True, slots=True)
class IkeGateway:
    """`set ike gateway NAME …`: the remote peer.

    `address` is a dotted quad or an FQDN for a static peer, None for a dynamic or dialup one. A dynamic peer is known
    by `peer_id`, a dialup one by `dialup`, a user or user group. `outgoing_interface` is the name of a layer 2 zone in
    transparent mode. Either `security_level` or `proposals` (names, at most four) is set; with neither, the device uses
    Standard. `preshared_key` and `seed_preshare` (group IKE ID) are "" when the proposals name certificates.
    """

    name: str
    address: str | None
    outgoing_interface: str
    mode: ExchangeMode = ExchangeMode.MAIN
    preshared_key: str = ""
    security_level: SecurityLevel | None = None
    proposals: tuple[str, ...] = ()
    local_id: str | None = None
    peer_id: str | None = None
    dialup: str | None = None
    seed_preshare: str = field(default="", repr=False)
    certificate: PeerCertificate = PeerCertificate()
    nat_traversal: NatTraversal = NatTraversal()
    heartbeat: Heartbeat = Heartbeat()
    dpd: DeadPeerDetection = DeadPeerDetection()
    xauth: GatewayXauth | None = None
    local_end: LocalEnd = LocalEnd()


class IdMode(Enum):
    """`set ike id-mode`: what names a tunnel in Phase 2. The value is the CLI word."""

    SUBNET = "subnet"
    IP = "ip"


@dataclass(frozen=True, slots=True)
class IkeSettings:
    """`set ike …` globals. `respond_bad_spi` counts the notifications sent about bad SPIs (0 to 10 a second).

    `monitor_interval` (seconds) and `monitor_threshold` (requests) are those of VPN monitoring (`set vpnmonitor`).
    `initial_contact` is for all peers, `initial_contact_gateways` are named ones. `id_mode` IP sends no proxy ID;
    without `policy_checking` a received one is not compared. `single_tunnels` are gateways all of whose policies share
    one Phase 2 SA. `heartbeat` (without reconnect) is for gateways that have none of their own. `member_hold` is for
    how many minutes SAs of dialup users are kept that nothing uses, 0 for as long as they live.
    """

    respond_bad_spi: int = 1
    initial_contact: bool = False
    soft_lifetime_buffer: int = 10
    monitor_interval: int = 10
    monitor_threshold: int = 10
    xauth: XauthSettings = XauthSettings()
    initial_contact_gateways: tuple[str, ...] = ()
    accept_all_proposals: bool = False
    id_mode: IdMode = IdMode.SUBNET
    policy_checking: bool = True
    single_tunnels: tuple[str, ...] = ()
    heartbeat: Heartbeat = Heartbeat()
    initiator_commit: bool = False
    responder_commit: bool = False
    ikeid_enumeration: bool = False
    dos_protection: bool = False
    member_hold: int = 0
