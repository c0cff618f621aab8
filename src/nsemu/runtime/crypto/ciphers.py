"""CBC ciphers: one-shot calls for IKE, contexts that live as long as an SA for ESP.

Single DES is TripleDES with its key three times over. Padding belongs to the protocols above; only whole blocks pass.
RFC 2405 (DES), RFC 2451 (3DES), RFC 3602 (AES).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from struct import Struct
from typing import Final

from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR

from nsemu.config.algorithms import Encryption
from nsemu.runtime.crypto.errors import CryptoError
from nsemu.sim.entropy import Stream

try:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
except ImportError:  # cryptography before 43
    from cryptography.hazmat.primitives.ciphers.algorithms import TripleDES

Octets = bytes | bytearray | memoryview
Update = Callable[[Octets], bytes]

_BATCH: Final = 64  # blocks drawn at once: one call to the cipher, about a kilobyte


def _single_des(key: bytes) -> BlockCipherAlgorithm:
    return TripleDES(key * 3)


_ALGORITHMS: Final[dict[Encryption, Callable[[bytes], BlockCipherAlgorithm]]] = {
    Encryption.DES: _single_des,
    Encryption.TRIPLE_DES: TripleDES,
    Encryption.AES128: AES,
    Encryption.AES192: AES,
    Encryption.AES256: AES,
}


def _cbc(algorithm: Encryption, key: bytes, iv: bytes) -> Cipher[CBC]:
    make = _ALGORITHMS.get(algorithm)
    if make is None:
        raise CryptoError(f"{algorithm.value} is not a CBC cipher")
    if len(key) != algorithm.key_size:
        raise CryptoError(f"{algorithm.value} takes a key of {algorithm.key_size} octets, got {len(key)}")
    if len(iv) != algorithm.block_size:
        raise CryptoError(f"{algorithm.value} takes an IV of {algorithm.block_size} octets, got {len(iv)}")
    return Cipher(make(key), CBC(iv))


def _run(context: CipherContext, algorithm: Encryption, text: bytes) -> bytes:
    if len(text) % algorithm.block_size:
        raise CryptoError(f"{len(text)} octets are not whole blocks of {algorithm.block_size}")
    return context.update(text)


def encrypt_cbc(algorithm: Encryption, key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    """Encrypt whole blocks. Raises CryptoError for a wrong key, IV or text length, and for NULL."""
    return _run(_cbc(algorithm, key, iv).encryptor(), algorithm, plaintext)


def decrypt_cbc(algorithm: Encryption, key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    """Decrypt whole blocks. Raises CryptoError for a wrong key, IV or text length, and for NULL."""
    return _run(_cbc(algorithm, key, iv).decryptor(), algorithm, ciphertext)


class CbcEncryptor:
    """One encryption context for a whole SA: packets are one long CBC stream, cut into pieces.

    `update(block + text)`, where `block` is unpredictable, gives `iv + ciphertext` of one packet: the first block of
    output is the encryption of (unpredictable block XOR the last ciphertext block), so it is itself unpredictable to
    whoever lacks the key, which is what CBC asks of an IV (RFC 3602 §3); and the text after it is chained to it as to
    any IV. A receiver cannot tell this from ESP with a fresh context per packet.
    """

    __slots__ = ("update",)

    def __init__(self, algorithm: Encryption, key: bytes) -> None:
        self.update: Update = _cbc(algorithm, key, bytes(algorithm.block_size)).encryptor().update


class CbcDecryptor:
    """One decryption context for a whole SA.

    `update(iv + ciphertext)[block:]` is the text: the first block of output is junk (the IV deciphered against
    whatever came before), the rest depends only on this packet. Feed whole blocks only, or all later packets shift.
    """

    __slots__ = ("update",)

    def __init__(self, algorithm: Encryption, key: bytes) -> None:
        self.update: Update = _cbc(algorithm, key, bytes(algorithm.block_size)).decryptor().update


def unpredictable_blocks(stream: Stream, size: int) -> Iterator[bytes]:
    """An endless iterator of unpredictable blocks of `size` octets: AES-128-CTR under a key drawn from `stream`.

    The stream is read once, here, so the packets of one SA do not change what others draw. The iterator runs in C:
    `next` costs less than 0.1 µs.
    """
    keystream = Cipher(AES(stream.octets(16)), CTR(bytes(16))).encryptor().update
    zeros = bytes(_BATCH * size)
    batches = iter(lambda: keystream(zeros), None)
    tuples = chain.from_iterable(map(Struct(f"{size}s").iter_unpack, batches))
    return chain.from_iterable(tuples)
