"""What ESP costs: our seal and open beside the bare cryptography and beside scapy, in one run.

`pytest benchmarks/test_esp.py` times each; `test_ratios` prints them side by side, which is what can be compared from
one machine to another. "Bare" is what an implementation pays that makes a new Cipher and an `hmac.digest` per packet,
without sequence numbers, padding, headers or a replay window.
"""

from __future__ import annotations

from time import perf_counter

import pytest
from esp_cost import CIPHERS, WAYS, Pass
from pytest_benchmark.fixture import BenchmarkFixture

from nsemu.config.algorithms import Encryption


@pytest.mark.parametrize("encryption", CIPHERS)
@pytest.mark.parametrize("way", WAYS)
def test_seal_and_open(benchmark: BenchmarkFixture, way: str, encryption: Encryption) -> None:
    benchmark.group = f"1400 octets, {encryption.value}/sha-1, seal and open"
    benchmark(WAYS[way](encryption))


def _best(once: Pass, rounds: int) -> float:
    """Microseconds of the best of five rounds."""
    times = []
    for _ in range(5):
        start = perf_counter()
        for _ in range(rounds):
            once()
        times.append((perf_counter() - start) / rounds * 1e6)
    return min(times)


def test_ratios(capsys: pytest.CaptureFixture[str]) -> None:
    """Interleaved best-of-five: the table, and floors far enough off that a loaded machine passes."""
    lines = ["", f"{'1400 octets, seal + open':26}{'engine':>10}{'bare':>10}{'scapy':>10}{'/bare':>8}{'scapy/':>8}"]
    ratios = {}
    for encryption in CIPHERS:
        rounds = {"engine": 2000, "bare": 1000, "scapy": 40}
        cost = {way: _best(make(encryption), rounds[way]) for way, make in WAYS.items()}
        ratios[encryption] = (cost["engine"] / cost["bare"], cost["scapy"] / cost["engine"])
        columns = "".join(f"{cost[way]:8.2f}us" for way in WAYS)
        lines.append(
            f"{encryption.value + '/sha-1':26}{columns}{ratios[encryption][0]:8.2f}{ratios[encryption][1]:8.0f}"
        )
    with capsys.disabled():
        print("\n".join(lines))
    assert ratios[Encryption.AES128][0] < 1.0
    assert ratios[Encryption.AES128][1] > 50
    assert ratios[Encryption.TRIPLE_DES][0] < 1.1
