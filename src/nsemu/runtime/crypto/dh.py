"""Diffie-Hellman over the MODP groups of IKE: 1 and 2 (RFC 2409 §6), 5 and 14 (RFC 3526).

`gmpy2` does the arithmetic; without it Python's own `pow` gives the same values, eight times slower. Neither runs in
constant time, which an emulator does not need.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from nsemu.config.algorithms import DhGroup
from nsemu.runtime.crypto.errors import CryptoError
from nsemu.sim.entropy import Stream

_number: Callable[[int], Any]
_power: Callable[[Any, Any, Any], Any]
try:
    import gmpy2  # type: ignore[import-untyped]
except ImportError:
    _number, _power = int, pow
else:
    _number, _power = gmpy2.mpz, gmpy2.powmod

# Twice the strength of the strongest group is enough (RFC 3526 §8: group 14 needs 220 to 320 bits), and the cost of an
# exchange is proportional to it.
_EXPONENT_OCTETS: Final = 32

_PRIME_TEXTS: Final = {
    DhGroup.GROUP1: (
        "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
        "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A63A3620FFFFFFFFFFFFFFFF"
    ),
    DhGroup.GROUP2: (
        "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
        "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
        "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF"
    ),
    DhGroup.GROUP5: (
        "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
        "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
        "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
        "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA237327FFFFFFFFFFFFFFFF"
    ),
    DhGroup.GROUP14: (
        "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
        "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
        "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
        "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
        "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
        "15728E5A8AACAA68FFFFFFFFFFFFFFFF"
    ),
}
_PRIMES: Final = {group: _number(int(text, 16)) for group, text in _PRIME_TEXTS.items()}
_SIZES: Final = {group: len(text) // 2 for group, text in _PRIME_TEXTS.items()}
_GENERATOR: Final = _number(2)


def prime(group: DhGroup) -> int:
    """The modulus of `group`."""
    return int(_PRIMES[group])


def public_size(group: DhGroup) -> int:
    """Octets of a public value (and of a shared secret) in `group`."""
    return _SIZES[group]


@dataclass(frozen=True, slots=True)
class DhKeyPair:
    """One side's half of an exchange. `public` is padded to the size of the modulus (RFC 2409 §5)."""

    group: DhGroup
    public: bytes
    secret: int

    @classmethod
    def generate(cls, group: DhGroup, stream: Stream) -> DhKeyPair:
        """A new key pair with a 256-bit exponent drawn from `stream`."""
        secret = int.from_bytes(stream.octets(_EXPONENT_OCTETS), "big") | 1 << (8 * _EXPONENT_OCTETS - 1)
        public = int(_power(_GENERATOR, secret, _PRIMES[group]))
        return cls(group, public.to_bytes(_SIZES[group], "big"), secret)

    def shared(self, peer_public: bytes) -> bytes:
        """g^xy, padded to the size of the modulus.

        Raises CryptoError for a value of the wrong length, and for 0, 1, p-1 and anything from p up, which would
        force a secret that everybody knows (RFC 2412 §5, RFC 6989 §2.1).
        """
        size, modulus = _SIZES[self.group], _PRIMES[self.group]
        if len(peer_public) != size:
            raise CryptoError(f"group {self.group.value} public value has {size} octets, got {len(peer_public)}")
        value = _number(int.from_bytes(peer_public, "big"))
        if not 1 < value < modulus - 1:
            raise CryptoError(f"group {self.group.value} public value is out of range")
        return int(_power(value, self.secret, modulus)).to_bytes(size, "big")
