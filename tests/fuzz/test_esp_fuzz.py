"""Damaged ESP: nothing but a typed failure comes out, and the right counter moves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.config.algorithms import Encryption, Integrity
from nsemu.ipsec.esp import EspInbound, EspOutbound
from nsemu.ipsec.sa import IpsecFailure
from support.ipsec import PAIR_IDS, PAIRS, inner_packet, parameters, stream

every_pair = pytest.mark.parametrize(("encryption", "integrity"), PAIRS, ids=PAIR_IDS)


def ends(encryption: Encryption, integrity: Integrity) -> tuple[EspOutbound, EspInbound]:
    values = parameters(encryption, integrity)
    return EspOutbound(values, stream()), EspInbound(replace(values, local=values.peer, peer=values.local))


def counts(sa: EspInbound) -> tuple[int, int]:
    return sa.authentication_failures, sa.other_failures


@every_pair
def test_truncated_at_every_octet(encryption: Encryption, integrity: Integrity) -> None:
    outbound, inbound = ends(encryption, integrity)
    packet = inner_packet(bytes(range(60)))
    outer = outbound.seal(packet)
    assert isinstance(outer, bytes)
    for size in range(len(outer)):
        authentication, other = counts(inbound)
        result = inbound.open(outer[:size])
        if integrity is not Integrity.NULL:
            assert result in (IpsecFailure.MALFORMED, IpsecFailure.AUTHENTICATION)
        if result is IpsecFailure.AUTHENTICATION:
            assert counts(inbound) == (authentication + 1, other)
        elif isinstance(result, IpsecFailure):
            assert counts(inbound) == (authentication, other + 1)
    # What came before has not thrown the cipher out of step.
    assert inbound.open(outer) == packet


@pytest.mark.parametrize(("encryption", "integrity"), [pair for pair in PAIRS if pair[1] is not Integrity.NULL])
def test_every_bit_is_authenticated(encryption: Encryption, integrity: Integrity) -> None:
    """B161: from the SPI to the last bit of the ICV."""
    outbound, inbound = ends(encryption, integrity)
    packet = inner_packet(b"0123456789")
    outer = outbound.seal(packet)
    assert isinstance(outer, bytes)
    flips = 0
    for bit in range(20 * 8, len(outer) * 8):
        damaged = bytearray(outer)
        damaged[bit // 8] ^= 1 << bit % 8
        assert inbound.open(damaged) in (IpsecFailure.AUTHENTICATION, IpsecFailure.REPLAY)
        flips += 1
    assert inbound.authentication_failures + inbound.replay_failures == flips
    assert inbound.replay_failures == inbound.other_failures <= 1  # sequence number 1 with its one bit gone is 0
    assert inbound.open(outer) == packet


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(PAIRS), st.lists(st.binary(max_size=200), max_size=6), st.integers(0, 60))
def test_noise_never_escapes(pair: tuple[Encryption, Integrity], noise: list[bytes], offset: int) -> None:
    outbound, inbound = ends(*pair)
    for datagram in noise:
        before = sum(counts(inbound)), inbound.packets
        result = inbound.open(datagram, offset)
        failed = isinstance(result, IpsecFailure)
        assert (sum(counts(inbound)), inbound.packets) == (before[0] + failed, before[1] + (not failed))
        if pair[1] is not Integrity.NULL:
            assert failed
    # An SA without authentication may have swallowed noise whose sequence number moved the window: sound packets
    # of a fresh sequence still open.
    if inbound.window is not None and inbound.window.next < 2**32:
        outbound.sequence = inbound.window.next
        packet = inner_packet(b"after the noise")
        outer = outbound.seal(packet)
        assert isinstance(outer, bytes)
        assert inbound.open(outer) == packet


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(PAIRS), st.binary(max_size=1500), st.integers(0, 255))
def test_any_packet_makes_the_round_trip(pair: tuple[Encryption, Integrity], payload: bytes, tos: int) -> None:
    outbound, inbound = ends(*pair)
    packet = inner_packet(payload, tos=tos)
    outer = outbound.seal(packet)
    assert isinstance(outer, bytes)
    assert inbound.open(outer) == packet
