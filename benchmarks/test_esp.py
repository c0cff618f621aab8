"""What ESP costs: our seal and open beside the bare cryptography and beside scapy, in one run.

The ratios are what can be compared from one machine to another. "Bare" is what an implementation pays that makes a
new Cipher and an `hmac.digest` per packet, without sequence numbers, padding, headers or a replay window.
"""

from __future__ import annotations

import pytest
from esp_cost import CIPHERS, WAYS
from figures import at_least, at_most, costs
from pytest_benchmark.fixture import BenchmarkFixture

from nsemu.config.algorithms import Encryption

BARE_GOALS = {Encryption.AES128: 1.0, Encryption.TRIPLE_DES: 1.1}


@pytest.mark.parametrize("encryption", CIPHERS)
@pytest.mark.parametrize("way", WAYS)
def test_seal_and_open(benchmark: BenchmarkFixture, way: str, encryption: Encryption) -> None:
    benchmark.group = f"1400 octets, {encryption.value}/sha-1, seal and open"
    benchmark(WAYS[way](encryption))


@pytest.mark.parametrize("encryption", CIPHERS)
def test_beside_bare_cryptography_and_scapy(encryption: Encryption) -> None:
    """Where the engine is faster than bare cryptography, it is because an SA keeps its cipher and its hash states."""
    rounds = {"engine": 2000, "bare": 1000, "scapy": 25}
    cost = costs({way: (make(encryption), rounds[way]) for way, make in WAYS.items()})
    subject = f"ESP, seal and open, {encryption.value}/sha-1"
    if encryption is Encryption.AES128:
        at_least(f"{subject}: scapy / nsemu", cost["scapy"] / cost["engine"], 50)
    detail = f"{cost['engine']:.1f} us, bare {cost['bare']:.1f} us"
    at_most(f"{subject}: nsemu / bare", cost["engine"] / cost["bare"], BARE_GOALS[encryption], detail)
