"""Proposals made of what a peer offers: `set ike accept-all-proposal`.

Whatever algorithms this device has are acceptable then, with the lifetimes of the peer.
"""

from __future__ import annotations

from typing import Final

from nsemu.config.algorithms import AuthenticationMethod, DhGroup, Encryption, Integrity, IpsecProtocol
from nsemu.config.ike import Phase1Proposal, Phase2Proposal
from nsemu.ike.proposals import (
    AH_TRANSFORM,
    AUTHENTICATION,
    ESP_TRANSFORM,
    P1_ENCRYPTION,
    P1_HASH,
    P1_METHOD,
    Phase1Key,
    Phase2Key,
)
from nsemu.wire.isakmp_payloads import PROTOCOL_AH, PROTOCOL_ESP

_NAME: Final = "any"
_LONGEST_LIFETIME: Final = 0xFFFFFFFF

_P1_ENCRYPTIONS: Final = {value: key for key, value in P1_ENCRYPTION.items()}
_P1_HASHES: Final = {value: key for key, value in P1_HASH.items()}
_ESP_ENCRYPTIONS: Final = {value: key for key, value in ESP_TRANSFORM.items()}
_INTEGRITIES: Final = {value: key for key, value in AUTHENTICATION.items()}
_GROUPS: Final[dict[int, DhGroup | None]] = {group.value: group for group in DhGroup}
_PFS: Final[dict[int, DhGroup | None]] = {0: None, **_GROUPS}


def any_phase1(key: Phase1Key) -> Phase1Proposal | None:
    """The proposal for a key, None if this device lacks one of its algorithms or it asks for certificates."""
    encryption = _P1_ENCRYPTIONS.get((key.encryption, key.key_length))
    hash_, group = _P1_HASHES.get(key.hash), _GROUPS.get(key.group)
    preshared = key.method == P1_METHOD[AuthenticationMethod.PRESHARE]
    if encryption is None or hash_ is None or group is None or not preshared:
        return None
    return Phase1Proposal(_NAME, AuthenticationMethod.PRESHARE, group, encryption, hash_, _LONGEST_LIFETIME)


def any_phase2(key: Phase2Key) -> Phase2Proposal | None:
    """The proposal for a key, None if this device lacks one of its algorithms or nothing would be protected."""
    integrity = _INTEGRITIES.get(key.authentication)
    if integrity is None or key.group not in _PFS:
        return None
    pfs = _PFS[key.group]
    if key.protocol == PROTOCOL_AH:
        fits = AH_TRANSFORM.get(integrity) == key.transform
        ah = Phase2Proposal(_NAME, pfs, IpsecProtocol.AH, Encryption.NULL, integrity, _LONGEST_LIFETIME)
        return ah if fits else None
    encryption = _ESP_ENCRYPTIONS.get((key.transform, key.key_length))
    nothing = encryption is Encryption.NULL and integrity is Integrity.NULL  # RFC 4303 §3.2
    if key.protocol != PROTOCOL_ESP or encryption is None or nothing:
        return None
    return Phase2Proposal(_NAME, pfs, IpsecProtocol.ESP, encryption, integrity, _LONGEST_LIFETIME)


def no_phase1(_key: Phase1Key) -> Phase1Proposal | None:
    """Only the own proposals are acceptable."""
    return None


def no_phase2(_key: Phase2Key) -> Phase2Proposal | None:
    """Only the own proposals are acceptable."""
    return None
