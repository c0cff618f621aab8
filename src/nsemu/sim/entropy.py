"""The only source of chance in a lab: named, seeded streams.

Each consumer asks for its own stream by name, so one consumer drawing more does not change what another gets.
A stream depends on the seed and its name alone, never on hash randomisation or on the order of creation.
"""

from __future__ import annotations

import hashlib
import random


class Stream:
    """One consumer's chance. Deterministic under a seed; from the operating system otherwise."""

    __slots__ = ("_random",)

    def __init__(self, generator: random.Random) -> None:
        self._random = generator

    def octets(self, count: int) -> bytes:
        """`count` random octets."""
        return self._random.randbytes(count)

    def integer(self, low: int, high: int) -> int:
        """A random integer, both ends included."""
        return self._random.randint(low, high)

    def uniform(self) -> float:
        """A random number from 0.0 up to but not including 1.0."""
        return self._random.random()


class _SystemRandom(random.SystemRandom):
    def randbytes(self, n: int) -> bytes:
        return self.getrandbits(n * 8).to_bytes(n, "big") if n else b""


class Entropy:
    """Hands out streams. `seed=None` draws from the operating system (a lab joined to real networks)."""

    __slots__ = ("seed",)

    def __init__(self, seed: int | None) -> None:
        self.seed = seed

    def stream(self, name: str) -> Stream:
        """The stream called `name`; asking twice gives two equal streams, so ask once and keep it."""
        if self.seed is None:
            return Stream(_SystemRandom())
        digest = hashlib.sha256(f"{self.seed}/{name}".encode()).digest()
        return Stream(random.Random(int.from_bytes(digest, "big")))
