"""Key material of IKE (RFC 2409 §5, §5.5, Appendix B). Pure functions; prf is the HMAC of the negotiated hash."""

from __future__ import annotations

from dataclasses import dataclass, field

from nsemu.config.algorithms import Encryption, Integrity
from nsemu.config.ike import Phase2Proposal
from nsemu.ike.events import SaKeys
from nsemu.runtime.crypto.integrity import digest, hmac


@dataclass(frozen=True, slots=True)
class Phase1Keys:
    """The keys of a Phase 1 SA and the IV of its first encrypted message."""

    skeyid: bytes = field(repr=False)
    skeyid_d: bytes = field(repr=False)
    skeyid_a: bytes = field(repr=False)
    skeyid_e: bytes = field(repr=False)
    encryption_key: bytes = field(repr=False)
    iv: bytes


def preshared_skeyid(hash_: Integrity, key: bytes, nonces: bytes) -> bytes:
    """SKEYID for preshared keys; `nonces` is Ni_b | Nr_b (RFC 2409 §5)."""
    return hmac(hash_, key, nonces)


def derive_phase1(
    hash_: Integrity, encryption: Encryption, skeyid: bytes, *, shared: bytes, cookies: bytes, publics: bytes
) -> Phase1Keys:
    """All keys of Phase 1. `cookies` is CKY-I | CKY-R, `publics` g^xi | g^xr (RFC 2409 §5, Appendix B)."""
    tail = shared + cookies
    skeyid_d = hmac(hash_, skeyid, tail + b"\0")
    skeyid_a = hmac(hash_, skeyid, skeyid_d + tail + b"\1")
    skeyid_e = hmac(hash_, skeyid, skeyid_a + tail + b"\2")
    key = expand_encryption_key(hash_, skeyid_e, encryption.key_size)
    iv = digest(hash_, publics)[: encryption.block_size]
    return Phase1Keys(skeyid, skeyid_d, skeyid_a, skeyid_e, key, iv)


def expand_encryption_key(hash_: Integrity, skeyid_e: bytes, size: int) -> bytes:
    """The cipher key: SKEYID_e, or Ka as long as it takes (RFC 2409 Appendix B)."""
    if size <= len(skeyid_e):
        return skeyid_e[:size]
    block = hmac(hash_, skeyid_e, b"\0")
    key = block
    while len(key) < size:
        block = hmac(hash_, skeyid_e, block)
        key += block
    return key[:size]


def exchange_iv(hash_: Integrity, last_block: bytes, message_id: bytes) -> bytes:
    """The first IV of an exchange after Phase 1 (RFC 2409 Appendix B)."""
    return digest(hash_, last_block + message_id)[: len(last_block)]


def derive_sa_keys(
    hash_: Integrity,
    skeyid_d: bytes,
    proposal: Phase2Proposal,
    *,
    shared: bytes,
    protocol: int,
    spi: int,
    nonces: bytes,
) -> SaKeys:
    """The keys of one direction (RFC 2409 §5.5). `shared` is g(qm)^xy, empty without PFS; `protocol` the DOI's number.

    The encryption key comes first, then the integrity key (RFC 2401 §4.4.3, RFC 4301 §4.5.2).
    """
    seed = shared + bytes((protocol,)) + spi.to_bytes(4, "big") + nonces
    cut = proposal.encryption.key_size
    size = cut + proposal.integrity.key_size
    block = hmac(hash_, skeyid_d, seed)
    material = block
    while len(material) < size:
        block = hmac(hash_, skeyid_d, block + seed)
        material += block
    return SaKeys(spi, material[:cut], material[cut:size])
