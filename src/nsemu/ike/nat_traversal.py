"""NAT traversal in Phase 1: who supports it, who is behind a NAT device (RFC 3947; drafts 00 and 02; B300 to B306).

Both ends announce the variants they know in vendor ID payloads; the newest common one is used. NAT-D payloads then show
whether addresses or ports were changed on the way, and at which end. With draft 02 and RFC 3947 the exchange moves to
port 4500 as soon as that is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nsemu.ike.context import IkeContext
from nsemu.ike.events import NatDetected, NatUnsupported
from nsemu.ike.exchange import Message, Payloads, Phase1Sa
from nsemu.ike.parameters import NAT_PORT, Endpoint, Ends, NatVariant
from nsemu.runtime.crypto.integrity import digest
from nsemu.wire.isakmp import PayloadType

_TUNNEL_MODE: Final = 1  # RFC 2407 §4.5


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the documents. `announced` is the vendor ID that is sent, `known` are those that are accepted.

    `payload` is the type of NAT-D payloads, `tunnel_mode` the encapsulation mode of tunnels in UDP. Without `floats`
    IKE and ESP stay on port 500.
    """

    announced: bytes
    known: frozenset[bytes]
    payload: int
    tunnel_mode: int
    floats: bool = True


_DRAFT_00_ID: Final = bytes.fromhex("4485152d18b6bbcd0be8a8469579ddcc")
# The book prints the first one (B301), which is the hash of the title and a line feed; the second is that of the title.
_DRAFT_02_IDS: Final = (
    bytes.fromhex("90cb80913ebb696e086381b5ec427b1f"),
    bytes.fromhex("cd60464335df21f87cfdb2fc68b6a448"),
)
_RFC_3947_ID: Final = bytes.fromhex("4a131c81070358455c5728f20e95452f")

VARIANTS: Final = {
    NatVariant.RFC_3947: Variant(_RFC_3947_ID, frozenset((_RFC_3947_ID,)), PayloadType.NAT_D, 3),
    NatVariant.DRAFT_02: Variant(_DRAFT_02_IDS[0], frozenset(_DRAFT_02_IDS), PayloadType.NAT_D_DRAFT, 61443),
    NatVariant.DRAFT_00: Variant(_DRAFT_00_ID, frozenset((_DRAFT_00_ID,)), PayloadType.NAT_D_DRAFT, 61443, False),
}
"""Newest first."""


@dataclass(frozen=True, slots=True)
class NatMap:
    """NAT was found: at which end, and by which document it is traversed."""

    variant: NatVariant
    local: bool
    remote: bool

    @property
    def tunnel_mode(self) -> int:
        """The encapsulation mode of tunnels."""
        return VARIANTS[self.variant].tunnel_mode


def announce(context: IkeContext, sa: Phase1Sa) -> Payloads:
    """The vendor IDs of NAT-T that go with a first message; none unless the gateway wants it."""
    if not sa.gateway.parameters.nat_traversal:
        return []
    # An answer also names what was chosen, so that the peer can tell.
    chosen = () if sa.nat_variant is None else (sa.nat_variant,)
    wanted = dict.fromkeys((*chosen, *context.settings.nat_variants))
    return [(PayloadType.VENDOR_ID, VARIANTS[item].announced) for item in VARIANTS if item in wanted]


def note_variant(context: IkeContext, sa: Phase1Sa, message: Message) -> None:
    """Choose the newest variant that both ends know (B302)."""
    if not sa.gateway.parameters.nat_traversal:
        return
    identifiers = set(message.all(PayloadType.VENDOR_ID))
    usable = VARIANTS if sa.is_responder else context.settings.nat_variants
    sa.nat_variant = next((item for item in VARIANTS if item in usable and VARIANTS[item].known & identifiers), None)
    if sa.nat_variant is None:
        context.events.append(NatUnsupported(sa.gateway.parameters.name, sa.peer.address))


def _hash(sa: Phase1Sa, end: Endpoint) -> bytes:
    """B304."""
    return digest(sa.proposal.hash, sa.cookies + end.address.to_bytes(4, "big") + end.port.to_bytes(2, "big"))


def discovery(sa: Phase1Sa) -> Payloads:
    """The NAT-D payloads of a message that goes from `sa.local` to `sa.peer`: destination first (B303, B304)."""
    if sa.nat_variant is None:
        return []
    kind = VARIANTS[sa.nat_variant].payload
    return [(kind, _hash(sa, sa.peer)), (kind, _hash(sa, sa.local))]


def detect(context: IkeContext, sa: Phase1Sa, message: Message, ends: Ends) -> None:
    """Compare the peer's NAT-D payloads with what we see, and find out where NAT is (B305, E099)."""
    if sa.nat_variant is None:
        return
    hashes = message.all(VARIANTS[sa.nat_variant].payload)
    if len(hashes) < 2:
        return
    # The third aggressive message comes from port 4500; peers differ in which ports they hash.
    ours, theirs = {ends.destination, sa.local}, {ends.source, sa.peer}
    local = not any(_hash(sa, end) == hashes[0] for end in ours)
    remote = not any(_hash(sa, end) in hashes[1:] for end in theirs)
    sa.nat = NatMap(sa.nat_variant, local, remote) if local or remote else None
    if sa.nat is not None:
        context.events.append(NatDetected(sa.gateway.parameters.name, sa.peer.address, sa.role, local, remote))


def float_ports(sa: Phase1Sa) -> None:
    """As initiator: from the next message on both ends use port 4500 (B306)."""
    if sa.nat is not None and VARIANTS[sa.nat.variant].floats:
        sa.local, sa.peer = sa.local._replace(port=NAT_PORT), sa.peer._replace(port=NAT_PORT)


def encapsulation_mode(sa: Phase1Sa) -> int:
    """The encapsulation mode of the tunnels that are negotiated under this SA."""
    return _TUNNEL_MODE if sa.nat is None else sa.nat.tunnel_mode
