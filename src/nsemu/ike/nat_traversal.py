"""NAT traversal in Phase 1: who supports it, who is behind a NAT device (RFC 3947; drafts 00 and 02; B300 to B306).

Both ends announce the variants they know in vendor ID payloads; the newest common one is used. NAT-D payloads then show
whether addresses or ports were changed on the way, and at which end. With draft 02 and RFC 3947 the exchange moves to
port 4500 as soon as that is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nsemu.ike.context import IkeContext
from nsemu.ike.events import NatDetected, NatUnsupported, Originals
from nsemu.ike.exchange import Message, Payloads, Phase1Sa
from nsemu.ike.identification import ID_IPV4
from nsemu.ike.parameters import NAT_PORT, Endpoint, Ends, NatVariant
from nsemu.ike.proposals import (
    DRAFT_UDP_TRANSPORT_MODE,
    DRAFT_UDP_TUNNEL_MODE,
    TRANSPORT_MODE,
    TUNNEL_MODE,
    UDP_TRANSPORT_MODE,
    UDP_TUNNEL_MODE,
)
from nsemu.runtime.crypto.integrity import digest
from nsemu.wire.isakmp import PayloadType
from nsemu.wire.isakmp_payloads import build_identification, parse_identification


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the documents. `announced` is the vendor ID that is sent, `known` are those that are accepted.

    `payload` is the type of NAT-D payloads, `tunnel_mode` and `transport_mode` are the encapsulation modes in UDP, and
    `original` is the type of NAT-OA payloads: two of them with `both_originals`, else the sender's own address alone.
    Without `floats` IKE and ESP stay on port 500.
    """

    announced: bytes
    known: frozenset[bytes]
    payload: int
    tunnel_mode: int
    transport_mode: int
    original: int
    both_originals: bool = False
    floats: bool = True


_DRAFT_00_ID: Final = bytes.fromhex("4485152d18b6bbcd0be8a8469579ddcc")
# The book prints the first one (B301), which is the hash of the title and a line feed; the second is that of the title.
_DRAFT_02_IDS: Final = (
    bytes.fromhex("90cb80913ebb696e086381b5ec427b1f"),
    bytes.fromhex("cd60464335df21f87cfdb2fc68b6a448"),
)
_RFC_3947_ID: Final = bytes.fromhex("4a131c81070358455c5728f20e95452f")

_DRAFT_VALUES: Final = (
    PayloadType.NAT_D_DRAFT,
    DRAFT_UDP_TUNNEL_MODE,
    DRAFT_UDP_TRANSPORT_MODE,
    PayloadType.NAT_OA_DRAFT,
)

VARIANTS: Final = {
    NatVariant.RFC_3947: Variant(
        _RFC_3947_ID,
        frozenset((_RFC_3947_ID,)),
        PayloadType.NAT_D,
        UDP_TUNNEL_MODE,
        UDP_TRANSPORT_MODE,
        PayloadType.NAT_OA,
        both_originals=True,
    ),
    NatVariant.DRAFT_02: Variant(_DRAFT_02_IDS[0], frozenset(_DRAFT_02_IDS), *_DRAFT_VALUES),
    NatVariant.DRAFT_00: Variant(_DRAFT_00_ID, frozenset((_DRAFT_00_ID,)), *_DRAFT_VALUES, floats=False),
}
"""Newest first."""


@dataclass(frozen=True, slots=True)
class NatMap:
    """NAT was found: at which end, and by which document it is traversed."""

    variant: NatVariant
    local: bool
    remote: bool

    def mode(self, transport: bool) -> int:
        """The encapsulation mode of tunnels, or of transport mode."""
        variant = VARIANTS[self.variant]
        return variant.transport_mode if transport else variant.tunnel_mode


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


def encapsulation_mode(sa: Phase1Sa, transport: bool) -> int:
    """The encapsulation mode, tunnel or transport, of what is negotiated under this SA."""
    if sa.nat is not None:
        return sa.nat.mode(transport)
    return TRANSPORT_MODE if transport else TUNNEL_MODE


def tell_originals(sa: Phase1Sa, transport: bool) -> Payloads:
    """The NAT-OA payloads of a quick mode for transport mode through NAT: the addresses as this end sees them.

    RFC 3947 §5.2: the initiator's first, then the responder's. Drafts 00 and 02 have the sender's own alone.
    """
    if sa.nat is None or not transport:
        return []
    variant = VARIANTS[sa.nat.variant]
    initiator, responder = (sa.peer, sa.local) if sa.is_responder else (sa.local, sa.peer)
    ends = (initiator, responder) if variant.both_originals else (sa.local,)
    return [(variant.original, build_identification(ID_IPV4, 0, 0, end.address.to_bytes(4, "big"))) for end in ends]


def read_originals(sa: Phase1Sa, message: Message, *, from_initiator: bool) -> Originals | None:
    """Both addresses as the peer sees them; None unless it told its own. Raises MalformedPacket for a stump.

    The payload is laid out as an ID payload without protocol and port.
    """
    if sa.nat is None:
        return None
    told = [_address(body) for body in message.all(VARIANTS[sa.nat.variant].original)]
    if not told or None in told:
        return None
    addresses = [address for address in told if address is not None]
    if len(addresses) == 1:  # its own alone: ours it sees as it is, unless NAT is on our side too
        return None if sa.nat.local else Originals(addresses[0], sa.local.address)
    peer, own = addresses[:2] if from_initiator else addresses[1::-1]
    return Originals(peer, own)


def _address(body: bytes) -> int | None:
    kind, _protocol, _port, data = parse_identification(body)
    return int.from_bytes(data, "big") if kind == ID_IPV4 and len(data) == 4 else None
