"""Hashes and HMAC (RFC 2104): one-shot, and precomputed for a key that is used for many packets.

RFC 2403 (MD5-96), RFC 2404 (SHA1-96), RFC 4868 (SHA-256-128); truncation belongs to ESP and AH.
"""

from __future__ import annotations

import hashlib
import hmac as _hmac
from typing import Final, Protocol, cast

from nsemu.config.algorithms import Integrity
from nsemu.runtime.crypto.errors import CryptoError

_NAMES: Final = {Integrity.MD5: "md5", Integrity.SHA1: "sha1", Integrity.SHA2_256: "sha256"}
_BLOCK: Final = 64  # octets; the same for all three
_IPAD: Final = bytes(octet ^ 0x36 for octet in range(256))
_OPAD: Final = bytes(octet ^ 0x5C for octet in range(256))


class HashState(Protocol):
    """What `hashlib` gives: a running hash."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Take more data."""

    def digest(self) -> bytes:
        """The hash of the data so far."""

    def copy(self) -> HashState:
        """A second state with the same data behind it."""


def _name(hash_: Integrity) -> str:
    name = _NAMES.get(hash_)
    if name is None:
        raise CryptoError(f"{hash_.value} is not a hash")
    return name


def _new(hash_: Integrity, data: bytes = b"") -> HashState:
    # usedforsecurity: a FIPS build of OpenSSL refuses MD5 otherwise.
    return cast(HashState, hashlib.new(_name(hash_), data, usedforsecurity=False))


def digest(hash_: Integrity, data: bytes) -> bytes:
    """The plain hash of `data`. Raises CryptoError for NULL."""
    return _new(hash_, data).digest()


def hmac(hash_: Integrity, key: bytes, data: bytes) -> bytes:
    """HMAC of `data`, not truncated; the key may have any length. Raises CryptoError for NULL."""
    return _hmac.digest(key, data, _name(hash_))


same: Final = _hmac.compare_digest
"""Whether two digests are equal, in a time that does not tell where they differ."""


class HmacState:
    """HMAC under one key: the padded key is hashed once, and each message starts from a copy (RFC 2104 §4).

    `copy_inner` and `copy_outer` are public for the ESP data path, which inlines `digest`.
    """

    __slots__ = ("copy_inner", "copy_outer")

    def __init__(self, hash_: Integrity, key: bytes) -> None:
        if len(key) > _BLOCK:
            key = digest(hash_, key)
        padded = key.ljust(_BLOCK, b"\0")
        self.copy_inner = _new(hash_, padded.translate(_IPAD)).copy
        self.copy_outer = _new(hash_, padded.translate(_OPAD)).copy

    def digest(self, data: bytes) -> bytes:
        """HMAC of `data`, not truncated."""
        inner = self.copy_inner()
        inner.update(data)
        outer = self.copy_outer()
        outer.update(inner.digest())
        return outer.digest()
