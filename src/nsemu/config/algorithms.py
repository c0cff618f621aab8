"""The cryptographic choices an admin can make, by their ScreenOS names.

Values only: the ciphers themselves are behind `runtime.crypto`, the wire numbers in `ike`.
"""

from __future__ import annotations

from enum import Enum


class Encryption(Enum):
    """An ESP or IKE cipher (Vol. 5, "Encapsulating Security Payload"; B023). The value is the CLI word."""

    NULL = "null"
    DES = "des"
    TRIPLE_DES = "3des"
    AES128 = "aes128"
    AES192 = "aes192"
    AES256 = "aes256"

    @property
    def key_size(self) -> int:
        """Octets of key."""
        return _KEY_SIZES[self]

    @property
    def block_size(self) -> int:
        """Octets of one block, which is also the size of the IV; 1 for NULL."""
        return _BLOCK_SIZES[self]


class Integrity(Enum):
    """A hash used as HMAC or as the IKE hash (B021). The value is the CLI word of a proposal."""

    NULL = "null"
    MD5 = "md5"
    SHA1 = "sha-1"
    SHA2_256 = "sha2-256"

    @property
    def key_size(self) -> int:
        """Octets of HMAC key, which is also the digest size (RFC 2403, RFC 2404, RFC 4868)."""
        return _DIGEST_SIZES[self]

    @property
    def icv_size(self) -> int:
        """Octets of truncated ICV in ESP and AH (RFC 2403 §2, RFC 2404 §2, RFC 4868 §2.6)."""
        return _ICV_SIZES[self]


class DhGroup(Enum):
    """A Diffie-Hellman group (B046). The value is its IKE group description (RFC 2409 §6, RFC 3526)."""

    GROUP1 = 1
    GROUP2 = 2
    GROUP5 = 5
    GROUP14 = 14


class AuthenticationMethod(Enum):
    """How Phase 1 peers authenticate. The value is the CLI word."""

    PRESHARE = "preshare"
    RSA_SIG = "rsa-sig"
    DSA_SIG = "dsa-sig"


class IpsecProtocol(Enum):
    """The IPsec protocol; the value is its IP protocol number."""

    ESP = 50
    AH = 51


class ExchangeMode(Enum):
    """Phase 1 exchange; the value is the CLI word."""

    MAIN = "main"
    AGGRESSIVE = "aggressive"


_KEY_SIZES = {
    Encryption.NULL: 0,
    Encryption.DES: 8,
    Encryption.TRIPLE_DES: 24,
    Encryption.AES128: 16,
    Encryption.AES192: 24,
    Encryption.AES256: 32,
}
_BLOCK_SIZES = {
    Encryption.NULL: 1,
    Encryption.DES: 8,
    Encryption.TRIPLE_DES: 8,
    Encryption.AES128: 16,
    Encryption.AES192: 16,
    Encryption.AES256: 16,
}
_DIGEST_SIZES = {Integrity.NULL: 0, Integrity.MD5: 16, Integrity.SHA1: 20, Integrity.SHA2_256: 32}
_ICV_SIZES = {Integrity.NULL: 0, Integrity.MD5: 12, Integrity.SHA1: 12, Integrity.SHA2_256: 16}
