"""What IKE costs: main mode and quick mode, both ends, beside the bare cryptography of the same messages, in one run.

The ratio is what can be compared from one machine to another. "Bare"
is the Diffie-Hellman arithmetic with gmpy2, the HMACs, hashes and CBC runs of all nine messages and of all keys at both
ends, on octets of the same sizes; no message is parsed or built.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from figures import at_most, costs
from pytest_benchmark.fixture import BenchmarkFixture

from nsemu.config.algorithms import AuthenticationMethod, DhGroup, Encryption, Integrity, IpsecProtocol
from nsemu.config.ike import Phase1Proposal, Phase2Proposal
from nsemu.ike.engine import IkeEngine
from nsemu.ike.events import Phase2Completed
from nsemu.ike.parameters import GatewayParameters, TunnelParameters
from nsemu.runtime.crypto.dh import prime
from nsemu.sim.entropy import Entropy
from nsemu.wire.address import Prefix, parse_ipv4

gmpy2 = pytest.importorskip("gmpy2", reason="the comparison is with gmpy2")

GOAL = 3.0

WEST, EAST = parse_ipv4("1.1.1.1"), parse_ipv4("2.2.2.2")
WEST_LAN, EAST_LAN = Prefix.parse("10.1.1.0/24"), Prefix.parse("10.2.2.0/24")
CIPHERS = {Encryption.TRIPLE_DES: TripleDES, Encryption.AES128: AES}
RANDOM = Entropy(1).stream("benchmark")
CASES = [
    pytest.param(Encryption.TRIPLE_DES, None, id="3des"),
    pytest.param(Encryption.AES128, None, id="aes128"),
    pytest.param(Encryption.AES128, DhGroup.GROUP2, id="aes128-pfs"),
]


def engines(encryption: Encryption, pfs: DhGroup | None) -> tuple[IkeEngine, IkeEngine]:
    """Two configured ends that have not spoken yet."""
    first = Phase1Proposal("p1", AuthenticationMethod.PRESHARE, DhGroup.GROUP2, encryption, Integrity.SHA1)
    second = Phase2Proposal("p2", pfs, IpsecProtocol.ESP, encryption, Integrity.SHA1)
    ends = []
    for local, peer, lan, other in ((WEST, EAST, WEST_LAN, EAST_LAN), (EAST, WEST, EAST_LAN, WEST_LAN)):
        engine = IkeEngine(RANDOM)
        gateway = GatewayParameters("peer", local, peer, (first,), b"h1p8A24nG5")
        engine.configure({"peer": gateway}, {1: TunnelParameters(1, "vpn", "peer", (second,), lan, other)}, 0)
        ends.append(engine)
    return ends[0], ends[1]


def negotiate(west: IkeEngine, east: IkeEngine) -> int:
    """Main mode and quick mode, driven as a device drives it; tells how many ends completed."""
    west.acquire(1, 0)
    sender, receiver, completed = west, east, 0
    while datagrams := sender.datagrams_to_send():
        for datagram in datagrams:
            receiver.receive_datagram(datagram.data, datagram.source, datagram.destination, 0)
        receiver.next_deadline()
        sender, receiver = receiver, sender
        for end in (west, east):
            while (event := end.next_event()) is not None:
                completed += isinstance(event, Phase2Completed)
    return completed


def bare(encryption: Encryption, pfs: DhGroup | None) -> Callable[[], object]:
    """The cryptography of the nine messages at both ends."""
    block = encryption.block_size
    key, iv, hash_key = RANDOM.octets(encryption.key_size), bytes(block), RANDOM.octets(20)
    modulus = gmpy2.mpz(prime(DhGroup.GROUP2))
    generator = gmpy2.mpz(2)
    texts = [bytes(-(-size // block) * block) for size in (36, 36, 124 + 132 * (pfs is not None), 24)]
    texts.insert(2, texts[2])
    extra = encryption.key_size > 20
    keymat = -(-(encryption.key_size + 20) // 20)
    # SKEYID, SKEYID_d, _a, _e, HASH_I and HASH_R and HASH(1) to HASH(3) made and checked, KEYMAT for both directions.
    prf_sizes = [40, 144, 164, 164, *([1, 20] if extra else []), 292, 292, 128, 148, 45, *[49] * (2 * keymat)]
    prf_texts = [bytes(size) for size in prf_sizes] * 2
    hash_texts = [bytes(256), bytes(block + 4)] * 2

    def exchange() -> None:
        secrets = [int.from_bytes(RANDOM.octets(32), "big") | 1 << 255 for _ in range(2)]
        publics = [gmpy2.powmod(generator, secret, modulus) for secret in secrets]
        for secret, public in zip(secrets, reversed(publics), strict=True):
            gmpy2.powmod(public, secret, modulus)

    def once() -> None:
        exchange()
        if pfs is not None:
            exchange()
        for text in prf_texts:
            hmac.digest(hash_key, text, "sha1")
        for text in hash_texts:
            hashlib.sha1(text).digest()
        for text in texts:
            ciphertext = Cipher(CIPHERS[encryption](key), CBC(iv)).encryptor().update(text)
            Cipher(CIPHERS[encryption](key), CBC(iv)).decryptor().update(ciphertext)

    return once


@pytest.mark.parametrize(("encryption", "pfs"), CASES)
def test_main_and_quick_mode(benchmark: BenchmarkFixture, encryption: Encryption, pfs: DhGroup | None) -> None:
    def setup() -> tuple[tuple[IkeEngine, IkeEngine], dict[str, object]]:
        return engines(encryption, pfs), {}

    assert benchmark.pedantic(negotiate, setup=setup, rounds=100) == 2  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(("encryption", "pfs"), CASES)
def test_bare(benchmark: BenchmarkFixture, encryption: Encryption, pfs: DhGroup | None) -> None:
    benchmark(bare(encryption, pfs))


@pytest.mark.parametrize(("encryption", "pfs"), CASES)
def test_ratio(encryption: Encryption, pfs: DhGroup | None) -> None:
    """The rounds alternate, so that what disturbs one disturbs the other."""
    pairs = [engines(encryption, pfs) for _ in range(200)]
    pairs.reverse()
    cost = costs({"ours": (lambda: negotiate(*pairs.pop()), 25), "bare": (bare(encryption, pfs), 25)})
    detail = f"{cost['ours']:.0f} us, bare {cost['bare']:.0f} us"
    name = encryption.value + (" with PFS" if pfs else "")
    at_most(f"IKE main and quick mode, {name}: nsemu / bare", cost["ours"] / cost["bare"], GOAL, detail)
