"""Key material (RFC 2409 §5, §5.5, Appendix B), worked out a second time with the standard library."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from nsemu.config.algorithms import Encryption, Integrity
from nsemu.ike.keys import derive_phase1, derive_sa_keys, exchange_iv, expand_encryption_key, preshared_skeyid
from support.ike import p2

SHARED, COOKIES, PUBLICS, NONCES = b"g" * 128, b"c" * 16, b"p" * 256, b"n" * 40


def prf(key: bytes, *parts: bytes) -> bytes:
    return hmac.new(key, b"".join(parts), hashlib.sha1).digest()


def test_phase1_keys() -> None:
    skeyid = preshared_skeyid(Integrity.SHA1, b"secret", NONCES)
    keys = derive_phase1(Integrity.SHA1, Encryption.AES128, skeyid, shared=SHARED, cookies=COOKIES, publics=PUBLICS)
    assert skeyid == prf(b"secret", NONCES)
    assert keys.skeyid_d == prf(skeyid, SHARED, COOKIES, b"\0")
    assert keys.skeyid_a == prf(skeyid, keys.skeyid_d, SHARED, COOKIES, b"\1")
    assert keys.skeyid_e == prf(skeyid, keys.skeyid_a, SHARED, COOKIES, b"\2")
    assert keys.encryption_key == keys.skeyid_e[:16]
    assert keys.iv == hashlib.sha1(PUBLICS).digest()[:16]
    assert "secret" not in repr(keys)
    assert keys.skeyid.hex() not in repr(keys)


@pytest.mark.parametrize("encryption", [Encryption.DES, Encryption.TRIPLE_DES, Encryption.AES192, Encryption.AES256])
@pytest.mark.parametrize(("hash_", "name"), [(Integrity.MD5, "md5"), (Integrity.SHA1, "sha1")])
def test_encryption_key_is_stretched_when_the_hash_is_short(
    encryption: Encryption, hash_: Integrity, name: str
) -> None:
    """RFC 2409 Appendix B: Ka = K1 | K2 | ..., K1 = prf(SKEYID_e, 0)."""
    skeyid_e = hashlib.new(name, b"x").digest()
    stretched, block = b"", b"\0"
    while len(stretched) < 32:
        block = hmac.new(skeyid_e, block, name).digest()
        stretched += block
    size = encryption.key_size
    expected = skeyid_e[:size] if size <= len(skeyid_e) else stretched[:size]
    assert expand_encryption_key(hash_, skeyid_e, size) == expected


def test_iv_of_a_later_exchange() -> None:
    assert exchange_iv(Integrity.SHA1, b"lastlast", b"\0\0\0\7") == hashlib.sha1(b"lastlast\0\0\0\7").digest()[:8]


@pytest.mark.parametrize("shared", [b"", b"s" * 96])
def test_sa_keys(shared: bytes) -> None:
    """KEYMAT is K1 | K2 | K3, the encryption key first; each direction has its own SPI in it."""
    seed = shared + b"\3" + bytes.fromhex("12345678") + NONCES
    first = prf(b"d" * 20, seed)
    second = prf(b"d" * 20, first, seed)
    third = prf(b"d" * 20, second, seed)
    proposal = p2(Encryption.AES256, Integrity.SHA1)
    keys = derive_sa_keys(Integrity.SHA1, b"d" * 20, proposal, shared=shared, protocol=3, spi=0x12345678, nonces=NONCES)
    material = first + second + third
    assert (keys.encryption_key, keys.integrity_key) == (material[:32], material[32:52])
