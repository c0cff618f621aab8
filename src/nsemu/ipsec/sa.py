"""Security associations: their parameters, and the state that ESP and AH share (RFC 2401 §4.4.3, B028 to B030).

An SA is one direction of one tunnel. It knows no device, no session and no clock; times come from the caller.
The octets on the wire are made in `esp` and `ah`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from nsemu.config.algorithms import Encryption, Integrity, IpsecProtocol
from nsemu.ipsec.replay import ReplayWindow
from nsemu.sim.scheduler import SECOND, Instant

MINIMUM_SPI: Final = 256
"""Lower values are reserved (RFC 4303 §2.1)."""

MAXIMUM_SEQUENCE: Final = 0xFFFFFFFF

_SOFT_SEQUENCE: Final = 0xF0000000
"""From here on an outbound SA asks to be replaced before its sequence numbers run out."""

_UNLIMITED: Final = 1 << 62
_SAME_TOS: Final = bytes(range(256))

Octets = bytes | bytearray | memoryview


class SaError(ValueError):
    """Parameters from which no SA can be made; the message says which and why."""


class SaMode(Enum):
    """What is protected; the value is the encapsulation mode of IKE (RFC 2407 §4.5)."""

    TUNNEL = 1
    TRANSPORT = 2


class DfBit(Enum):
    """What becomes of the DF bit in the outer header (`set vpn … df-bit`); the value is the CLI word."""

    CLEAR = "clear"
    SET = "set"
    COPY = "copy"


class IpsecFailure(Enum):
    """Why `seal` or `open` gave no packet; the value is a text for traces."""

    MALFORMED = "impossible length"
    REPLAY = "sequence number repeated or left of the replay window"
    AUTHENTICATION = "authentication failed"
    PADDING = "wrong padding after decryption"
    NEXT_HEADER = "not an IPv4 packet in tunnel mode"
    EXPIRED = "lifetime in kilobytes used up"
    EXHAUSTED = "sequence numbers used up"
    TOO_LONG = "packet too long to be encapsulated"


_ENCRYPTION_LABELS: Final = {
    Encryption.NULL: "null",
    Encryption.DES: "des",
    Encryption.TRIPLE_DES: "3des",
    Encryption.AES128: "a128",
    Encryption.AES192: "a192",
    Encryption.AES256: "a256",
}
_INTEGRITY_LABELS: Final = {
    Integrity.NULL: "null",
    Integrity.MD5: "md5",
    Integrity.SHA1: "sha1",
    Integrity.SHA2_256: "sha256",
}


def transform_label(protocol: IpsecProtocol, encryption: Encryption, integrity: Integrity) -> str:
    """`esp:a128/sha1`, `esp: des/md5`, `ah:md5`: a transform as `get sa` writes it."""
    if protocol is IpsecProtocol.AH:
        return f"ah:{_INTEGRITY_LABELS[integrity]}"
    return f"esp:{_ENCRYPTION_LABELS[encryption]:>4}/{_INTEGRITY_LABELS[integrity]}"


@dataclass(frozen=True, slots=True)
class UdpPorts:
    """How ESP is carried in UDP: ports of both ends, the marker of draft 00, and whether checksums are sent (B309)."""

    local: int
    peer: int
    marker: bool = False
    checksum: bool = True


@dataclass(frozen=True, slots=True)
class SaParameters:
    """What two peers agreed on for one direction. Raises SaError when it makes no SA.

    `local` and `peer` are the addresses of the tunnel's two ends, the same for both directions. Keys are octets of
    exactly the algorithm's size. `lifetime_seconds` and `lifesize_kilobytes`: 0 for no limit. `udp` is for NAT.
    `originals` are, in transport mode in UDP, the peer's address and ours as the peer sees them, if it told.
    `dscp` marks the outer header; None copies the ToS octet (RFC 2401 §5.1.2.1). Its two lowest bits always stay.
    """

    spi: int
    local: int
    peer: int
    protocol: IpsecProtocol
    encryption: Encryption
    integrity: Integrity
    encryption_key: bytes = field(repr=False)
    integrity_key: bytes = field(repr=False)
    replay: bool = False
    lifetime_seconds: int = 0
    lifesize_kilobytes: int = 0
    mode: SaMode = SaMode.TUNNEL
    df: DfBit = DfBit.CLEAR
    udp: UdpPorts | None = None
    dscp: int | None = None
    originals: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if not MINIMUM_SPI <= self.spi <= 0xFFFFFFFF:
            raise SaError(f"SPI {self.spi:#x} is reserved or too large")
        if self.integrity is Integrity.NULL and self.encryption is Encryption.NULL:
            raise SaError("an SA that neither encrypts nor authenticates")  # RFC 4303 §3.2
        if self.protocol is IpsecProtocol.AH and self.encryption is not Encryption.NULL:
            raise SaError("AH does not encrypt")
        if len(self.encryption_key) != self.encryption.key_size:
            raise SaError(f"{self.encryption.value} key has {len(self.encryption_key)} octets")
        if len(self.integrity_key) != self.integrity.key_size:
            raise SaError(f"{self.integrity.value} key has {len(self.integrity_key)} octets")
        if self.lifetime_seconds < 0 or self.lifesize_kilobytes < 0:
            raise SaError("negative lifetime")

    @property
    def tos(self) -> bytes:
        """The ToS octet of the outer header for each of the packet inside."""
        return _SAME_TOS if self.dscp is None else bytes(self.dscp << 2 | inner & 3 for inner in range(256))

    @property
    def label(self) -> str:
        """The transform as `get sa` writes it: `esp:a128/sha1`."""
        return transform_label(self.protocol, self.encryption, self.integrity)


class SecurityAssociation:
    """State of either direction and either protocol.

    `octets` counts the protected octets, which is also what the lifetime in kilobytes counts: from `soft_octets` on a
    new SA should be negotiated, from `hard_octets` on this one refuses to work. `last_used` and `fragments` are the
    caller's to write.
    """

    __slots__ = (
        "authentication_failures",
        "expires_at",
        "fragments",
        "hard_octets",
        "installed_at",
        "last_used",
        "octets",
        "other_failures",
        "parameters",
        "soft_octets",
        "spi",
    )

    def __init__(self, parameters: SaParameters, now: Instant) -> None:
        self.parameters = parameters
        self.spi = parameters.spi
        self.installed_at = now
        self.last_used = now
        lifetime = parameters.lifetime_seconds
        self.expires_at: Instant | None = now + lifetime * SECOND if lifetime else None
        self.hard_octets = parameters.lifesize_kilobytes * 1024 or _UNLIMITED
        self.soft_octets = self.hard_octets - self.hard_octets // 10
        self.octets = 0
        self.authentication_failures = 0
        self.other_failures = 0
        self.fragments = 0

    @property
    def soft_expired(self) -> bool:
        """Whether so many octets are used up that a new SA should be negotiated (time is the caller's to watch)."""
        return self.octets >= self.soft_octets

    @property
    def hard_expired(self) -> bool:
        """Whether the lifetime in kilobytes is used up."""
        return self.octets >= self.hard_octets

    @property
    def octets_remaining(self) -> int:
        """Octets of the lifetime in kilobytes that are left; 0 without such a lifetime, as `get sa id` shows it."""
        return max(self.hard_octets - self.octets, 0) if self.parameters.lifesize_kilobytes else 0

    def nanoseconds_remaining(self, now: Instant) -> int | None:
        """What is left of the lifetime in seconds, not below 0; None without such a lifetime."""
        return None if self.expires_at is None else max(self.expires_at - now, 0)


class OutboundSa(SecurityAssociation):
    """An SA that protects packets. `sequence` is the number of the last packet, and so their count."""

    __slots__ = ("sequence",)

    def __init__(self, parameters: SaParameters, now: Instant) -> None:
        super().__init__(parameters, now)
        self.sequence = 0

    @property
    def packets(self) -> int:
        """Packets protected."""
        return self.sequence

    @property
    def exhausted(self) -> bool:
        """Whether all sequence numbers are used; the counter never wraps (RFC 4303 §3.3.3)."""
        return self.sequence >= MAXIMUM_SEQUENCE

    @property
    def soft_expired(self) -> bool:
        """Whether a new SA should be negotiated: kilobytes or sequence numbers are running out."""
        return self.octets >= self.soft_octets or self.sequence >= _SOFT_SEQUENCE

    def longest_inner(self, mtu: int) -> int:
        """The longest packet whose protected form has at most `mtu` octets."""
        raise NotImplementedError

    def set_marks(self, df: DfBit, dscp: int | None) -> None:
        """Write the DF bit and the ToS octet otherwise from the next packet on; no key changes."""
        self.parameters = replace(self.parameters, df=df, dscp=dscp)

    def seal(self, packet: Octets) -> bytes | IpsecFailure:
        """A valid IPv4 packet → the whole protected IPv4 packet, ready to be routed; or why there is none."""
        raise NotImplementedError

    def _refusal(self, size: int, limit: int) -> IpsecFailure:
        self.other_failures += 1
        if self.octets >= self.hard_octets:
            return IpsecFailure.EXPIRED
        return IpsecFailure.TOO_LONG if size > limit else IpsecFailure.EXHAUSTED


class InboundSa(SecurityAssociation):
    """An SA that takes the protection off. `window` is None when replay protection is off (B059)."""

    __slots__ = ("newest", "packets", "replay_failures", "window")

    def __init__(self, parameters: SaParameters, now: Instant) -> None:
        super().__init__(parameters, now)
        self.packets = 0
        self.replay_failures = 0
        self.newest = 0
        """The highest sequence number that came in UDP: only a newer packet can tell that the peer has moved."""
        self.window = ReplayWindow() if parameters.replay else None

    def open(self, datagram: Octets, offset: int = 20) -> bytes | IpsecFailure:
        """A protected IPv4 packet, cut to its total length, whose IPsec header is at `offset` → the packet inside.

        Anything else than octets tells why there is none; the SA's counters have moved. The inner packet is as the
        peer sent it: its own header is not yet checked.
        """
        raise NotImplementedError

    def _fail(self, failure: IpsecFailure) -> IpsecFailure:
        if failure is IpsecFailure.AUTHENTICATION:
            self.authentication_failures += 1
        else:
            self.other_failures += 1
            if failure is IpsecFailure.REPLAY:
                self.replay_failures += 1
        return failure
