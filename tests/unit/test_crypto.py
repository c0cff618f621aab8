"""The crypto façade against published vectors and against independent arithmetic."""

from __future__ import annotations

import hashlib
import hmac as standard_hmac
from itertools import islice

import pytest

from nsemu.config.algorithms import DhGroup, Encryption, Integrity
from nsemu.runtime.crypto import dh
from nsemu.runtime.crypto.ciphers import CbcDecryptor, CbcEncryptor, decrypt_cbc, encrypt_cbc, unpredictable_blocks
from nsemu.runtime.crypto.errors import CryptoError
from nsemu.runtime.crypto.integrity import HmacState, digest, hmac, same
from nsemu.sim.entropy import Entropy

CIPHERS = [encryption for encryption in Encryption if encryption is not Encryption.NULL]
HASHES = [hash_ for hash_ in Integrity if hash_ is not Integrity.NULL]

# RFC 3602 §4, cases 1 to 3; SP 800-38A F.2.3, F.2.5; FIPS 81 appendix C (DES).
CBC_VECTORS = [
    (
        Encryption.AES128,
        "06a9214036b8a15b512e03d534120006",
        "3dafba429d9eb430b422da802c9fac41",
        b"Single block msg".hex(),
        "e353779c1079aeb82708942dbe77181a",
    ),
    (
        Encryption.AES128,
        "c286696d887c9aa0611bbb3e2025a45a",
        "562e17996d093d28ddb3ba695a2e6f58",
        bytes(range(32)).hex(),
        "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1",
    ),
    (
        Encryption.AES128,
        "6c3ea0477630ce21a2ce334aa746c2cd",
        "c782dc4c098c66cbd9cd27d825682c81",
        b"This is a 48-byte message (exactly 3 AES blocks)".hex(),
        "d0a02b3836451753d493665d33f0e8862dea54cdb293abc7506939276772f8d5021c19216bad525c8579695d83ba2684",
    ),
    (
        Encryption.AES192,
        "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
        "000102030405060708090a0b0c0d0e0f",
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
        "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a",
    ),
    (
        Encryption.AES256,
        "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        "000102030405060708090a0b0c0d0e0f",
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
        "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d",
    ),
    (
        Encryption.DES,
        "0123456789abcdef",
        "1234567890abcdef",
        b"Now is the time for all ".hex(),
        "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6",
    ),
]


@pytest.mark.parametrize(("algorithm", "key", "iv", "plain", "cipher"), CBC_VECTORS)
def test_cbc_vectors(algorithm: Encryption, key: str, iv: str, plain: str, cipher: str) -> None:
    raw_key, raw_iv = bytes.fromhex(key), bytes.fromhex(iv)
    assert encrypt_cbc(algorithm, raw_key, raw_iv, bytes.fromhex(plain)).hex() == cipher
    assert decrypt_cbc(algorithm, raw_key, raw_iv, bytes.fromhex(cipher)).hex() == plain


def test_triple_des_is_encrypt_decrypt_encrypt() -> None:
    """RFC 2451 §2: one block under K1, K2, K3 is E(K3, D(K2, E(K1, block)))."""
    keys = [bytes.fromhex(text) for text in ("0123456789abcdef", "23456789abcdef01", "456789abcdef0123")]
    zero = bytes(8)
    block = bytes.fromhex("5468652071756663")
    step = encrypt_cbc(Encryption.DES, keys[0], zero, block)
    step = decrypt_cbc(Encryption.DES, keys[1], zero, step)
    step = encrypt_cbc(Encryption.DES, keys[2], zero, step)
    whole = encrypt_cbc(Encryption.TRIPLE_DES, b"".join(keys), zero, block)
    assert whole == step
    assert whole.hex() == "a826fd8ce53b855f"  # SP 800-67 appendix B


@pytest.mark.parametrize("algorithm", CIPHERS)
def test_wrong_sizes_are_refused(algorithm: Encryption) -> None:
    key, block = bytes(range(algorithm.key_size)), algorithm.block_size
    for call in (encrypt_cbc, decrypt_cbc):
        with pytest.raises(CryptoError, match="takes a key of"):
            call(algorithm, key[1:], bytes(block), bytes(block))
        with pytest.raises(CryptoError, match="takes an IV of"):
            call(algorithm, key, bytes(block + 1), bytes(block))
        with pytest.raises(CryptoError, match="not whole blocks"):
            call(algorithm, key, bytes(block), bytes(block + 1))


def test_null_is_no_cipher_and_no_hash() -> None:
    with pytest.raises(CryptoError):
        encrypt_cbc(Encryption.NULL, b"", b"", b"")
    with pytest.raises(CryptoError):
        digest(Integrity.NULL, b"")
    with pytest.raises(CryptoError):
        hmac(Integrity.NULL, b"", b"")
    with pytest.raises(CryptoError):
        HmacState(Integrity.NULL, b"")


@pytest.mark.parametrize("algorithm", CIPHERS)
def test_one_context_serves_many_packets(algorithm: Encryption) -> None:
    """Each piece that leaves the long-lived encryptor is IV and ciphertext for an ordinary receiver, and back."""
    random = Entropy(3).stream(algorithm.value)
    key, size = random.octets(algorithm.key_size), algorithm.block_size
    encryptor, decryptor = CbcEncryptor(algorithm, key), CbcDecryptor(algorithm, key)
    ivs = set()
    for blocks in (1, 5, 2, 90):
        text = random.octets(blocks * size)
        sealed = encryptor.update(random.octets(size) + text)
        ivs.add(sealed[:size])
        assert decrypt_cbc(algorithm, key, sealed[:size], sealed[size:]) == text
        iv = random.octets(size)
        assert decryptor.update(iv + encrypt_cbc(algorithm, key, iv, text))[size:] == text
    assert len(ivs) == 4


def test_unpredictable_blocks_repeat_under_a_seed_and_never_within() -> None:
    def draw(name: str, size: int) -> list[bytes]:
        return list(islice(unpredictable_blocks(Entropy(1).stream(name), size), 1000))

    assert draw("a", 16) == draw("a", 16)
    assert draw("a", 16) != draw("b", 16)
    for size in (8, 16):
        blocks = draw("a", size)
        assert {len(block) for block in blocks} == {size}
        assert len(set(blocks)) == 1000


# RFC 2202 §2 and §3, RFC 4231: key, data, MD5, SHA-1, SHA-256.
HMAC_VECTORS = [
    (
        b"Jefe",
        b"what do ya want for nothing?",
        "750c783e6ab0b503eaa86e310a5db738",
        "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (
        b"\xaa" * 80,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd",
        "aa4ae5e15272d00e95705637ce8a3b55ed402112",
        None,
    ),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        None,
        None,
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
]


@pytest.mark.parametrize(("key", "data", "md5", "sha1", "sha256"), HMAC_VECTORS)
def test_hmac_vectors(key: bytes, data: bytes, md5: str | None, sha1: str | None, sha256: str | None) -> None:
    for hash_, expected in ((Integrity.MD5, md5), (Integrity.SHA1, sha1), (Integrity.SHA2_256, sha256)):
        if expected is not None:
            assert hmac(hash_, key, data).hex() == expected
            assert HmacState(hash_, key).digest(data).hex() == expected


@pytest.mark.parametrize("hash_", HASHES)
@pytest.mark.parametrize("key_size", [0, 1, 16, 63, 64, 65, 200])
def test_hmac_state_serves_many_messages(hash_: Integrity, key_size: int) -> None:
    random = Entropy(4).stream("hmac")
    key = random.octets(key_size)
    state = HmacState(hash_, key)
    for size in (0, 1, 64, 1400, 3):
        data = random.octets(size)
        expected = standard_hmac.new(key, data, {"md5": "md5", "sha-1": "sha1", "sha2-256": "sha256"}[hash_.value])
        assert state.digest(data) == expected.digest()


def test_digest() -> None:
    assert digest(Integrity.MD5, b"abc").hex() == "900150983cd24fb0d6963f7d28e17f72"
    assert digest(Integrity.SHA1, b"abc").hex() == "a9993e364706816aba3e25717850c26c9cd0d89d"
    assert digest(Integrity.SHA2_256, b"abc") == hashlib.sha256(b"abc").digest()
    assert same(b"abc", b"abc")
    assert not same(b"abc", b"abd")


# -- Diffie-Hellman -----------------------------------------------------------------------------------------------


def _pi_times_two_to(bits: int) -> int:
    """⌊π · 2^bits⌋ by Machin's formula, with guard bits."""
    one = 1 << (bits + 64)

    def arctan_of_inverse(number: int) -> int:
        power = one // number
        total, divisor, sign = power, 3, -1
        while power:
            power //= number * number
            total += sign * (power // divisor)
            divisor, sign = divisor + 2, -sign
        return total

    return 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239)) >> 64


@pytest.mark.parametrize(
    ("group", "bits", "addend"),
    [
        (DhGroup.GROUP1, 768, 149686),
        (DhGroup.GROUP2, 1024, 129093),
        (DhGroup.GROUP5, 1536, 741804),
        (DhGroup.GROUP14, 2048, 124476),
    ],
)
def test_primes_are_those_of_the_rfcs(group: DhGroup, bits: int, addend: int) -> None:
    """B046; RFC 2409 §6.1, §6.2, RFC 3526 §2, §3 give each prime as 2^n - 2^(n-64) - 1 + 2^64 ([2^(n-130) π] + c)."""
    assert dh.prime(group) == 2**bits - 2 ** (bits - 64) - 1 + 2**64 * (_pi_times_two_to(bits - 130) + addend)
    assert dh.public_size(group) == bits // 8


@pytest.mark.parametrize("group", DhGroup)
def test_both_ends_share_one_secret(group: DhGroup) -> None:
    random = Entropy(5).stream("dh")
    here, there = dh.DhKeyPair.generate(group, random), dh.DhKeyPair.generate(group, random)
    secret = here.shared(there.public)
    assert secret == there.shared(here.public)
    assert len(secret) == len(here.public) == dh.public_size(group)
    assert here.secret.bit_length() == 256
    assert int.from_bytes(here.public, "big") == pow(2, here.secret, dh.prime(group))
    assert int.from_bytes(secret, "big") == pow(2, here.secret * there.secret, dh.prime(group))


def test_values_are_padded_to_the_modulus() -> None:
    """RFC 2409 §5: leading zero octets stay."""
    pair = dh.DhKeyPair(DhGroup.GROUP2, b"", secret=1)
    assert pair.shared((5).to_bytes(128, "big")) == (5).to_bytes(128, "big")


@pytest.mark.parametrize("group", DhGroup)
def test_weak_public_values_are_refused(group: DhGroup) -> None:
    pair = dh.DhKeyPair.generate(group, Entropy(6).stream("dh"))
    size, modulus = dh.public_size(group), dh.prime(group)
    for value in (0, 1, modulus - 1, modulus, modulus + 1, 2 ** (8 * size) - 1):
        with pytest.raises(CryptoError, match="out of range"):
            pair.shared(value.to_bytes(size, "big"))
    for octets in (b"", b"\x02", pair.public[1:], b"\0" + pair.public):
        with pytest.raises(CryptoError, match="public value has"):
            pair.shared(octets)
    assert len(pair.shared((modulus - 2).to_bytes(size, "big"))) == size


def test_pow_gives_what_gmpy2_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = dh.DhKeyPair.generate(DhGroup.GROUP1, Entropy(8).stream("dh"))
    monkeypatch.setattr(dh, "_number", int)
    monkeypatch.setattr(dh, "_power", pow)
    assert dh.DhKeyPair.generate(DhGroup.GROUP1, Entropy(8).stream("dh")) == fast
    assert len(fast.shared(fast.public)) == 96


@pytest.mark.parametrize("algorithm", CIPHERS)
def test_key_sizes_match_the_algorithm_table(algorithm: Encryption) -> None:
    key = bytes(range(algorithm.key_size))
    block = encrypt_cbc(algorithm, key, bytes(algorithm.block_size), bytes(algorithm.block_size))
    assert len(block) == algorithm.block_size
