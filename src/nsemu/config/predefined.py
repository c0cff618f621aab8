"""Predefined Phase 1 and Phase 2 proposals, and the sets that the security levels name (B036 to B038, B052 to B054).

The sets are the book's; the full list of names is screenos-cli §6.3.
"""

from __future__ import annotations

from nsemu.config.algorithms import AuthenticationMethod, DhGroup, Encryption, Integrity, IpsecProtocol
from nsemu.config.ike import Phase1Proposal, Phase2Proposal, SecurityLevel

_METHODS = {
    "pre": AuthenticationMethod.PRESHARE,
    "rsa": AuthenticationMethod.RSA_SIG,
    "dsa": AuthenticationMethod.DSA_SIG,
}
_CIPHERS = {"des": Encryption.DES, "3des": Encryption.TRIPLE_DES, "aes128": Encryption.AES128}
_HASHES = {"md5": Integrity.MD5, "sha": Integrity.SHA1}


def _phase1() -> dict[str, Phase1Proposal]:
    names = [(method, 2, cipher, digest) for method in _METHODS for cipher in _CIPHERS for digest in _HASHES]
    names += [("pre", 1, cipher, digest) for cipher in ("des", "3des") for digest in _HASHES]
    names += [("pre", 5, "3des", digest) for digest in _HASHES]
    table = {}
    for method, group, cipher, digest in names:
        name = f"{method}-g{group}-{cipher}-{digest}"
        table[name] = Phase1Proposal(
            name, _METHODS[method], DhGroup(group), _CIPHERS[cipher], _HASHES[digest], predefined=True
        )
    return table


def _phase2() -> dict[str, Phase2Proposal]:
    table = {}
    for word, group in (("nopfs", None), ("g2", DhGroup.GROUP2)):
        for cipher, encryption in _CIPHERS.items():
            for digest, integrity in _HASHES.items():
                name = f"{word}-esp-{cipher}-{digest}"
                table[name] = Phase2Proposal(name, group, IpsecProtocol.ESP, encryption, integrity, predefined=True)
    return table


PREDEFINED_PHASE1 = _phase1()
PREDEFINED_PHASE2 = _phase2()

PHASE1_SETS: dict[SecurityLevel, tuple[str, ...]] = {
    SecurityLevel.STANDARD: ("pre-g2-aes128-sha", "pre-g2-3des-sha"),
    SecurityLevel.COMPATIBLE: ("pre-g2-3des-sha", "pre-g2-3des-md5", "pre-g2-des-sha", "pre-g2-des-md5"),
    SecurityLevel.BASIC: ("pre-g1-des-sha", "pre-g1-des-md5"),
}
PHASE2_SETS: dict[SecurityLevel, tuple[str, ...]] = {
    SecurityLevel.STANDARD: ("g2-esp-3des-sha", "g2-esp-aes128-sha"),
    SecurityLevel.COMPATIBLE: ("nopfs-esp-3des-sha", "nopfs-esp-3des-md5", "nopfs-esp-des-sha", "nopfs-esp-des-md5"),
    SecurityLevel.BASIC: ("nopfs-esp-des-sha", "nopfs-esp-des-md5"),
}
