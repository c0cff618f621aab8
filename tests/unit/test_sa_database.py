"""Tunnels and SAs of a device: look-up, make before break, expiry, statistics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nsemu.config.algorithms import Encryption, Integrity, IpsecProtocol
from nsemu.ipsec.database import SaDatabase
from nsemu.ipsec.sa import InboundSa, OutboundSa, SaError
from nsemu.ipsec.tunnel import Tunnel, TunnelSettings
from nsemu.sim.scheduler import SECOND
from support.ipsec import LOCAL, PEER, inner_packet, parameters, stream

ESP = IpsecProtocol.ESP


def settings(**changes: Any) -> TunnelSettings:
    base = TunnelSettings(
        vpn="to-branch",
        gateway="branch",
        peer=PEER,
        local=LOCAL,
        outgoing_interface="ethernet3",
        protocol=ESP,
        encryption=Encryption.TRIPLE_DES,
        integrity=Integrity.SHA1,
        bound_interface="tunnel.1",
    )
    return replace(base, **changes)


def install(
    database: SaDatabase, tunnel: Tunnel, spi: int, *, now: int = 0, lifetime: int = 0
) -> tuple[InboundSa, OutboundSa]:
    """A pair: inbound with `spi`, outbound with `spi` + 1."""
    values = parameters(Encryption.AES128, Integrity.SHA1, spi=spi, lifetime_seconds=lifetime)
    inbound = database.install_inbound(tunnel, values, now)
    return inbound, database.install_outbound(tunnel, replace(values, spi=spi + 1), now)


def test_numbers_go_up_from_one_and_free_ones_are_used_again() -> None:
    database = SaDatabase(stream())
    tunnels = [database.add_tunnel(settings(vpn=name)) for name in "abcd"]
    assert [tunnel.identifier for tunnel in tunnels] == [1, 2, 3, 4]
    database.remove_tunnel(tunnels[2])
    database.remove_tunnel(tunnels[0])
    assert [database.add_tunnel(settings(vpn=name)).identifier for name in "efg"] == [1, 3, 5]
    assert [tunnel.settings.vpn for tunnel in database] == ["e", "b", "f", "d", "g"]


def test_inbound_look_up_by_destination_protocol_and_spi() -> None:
    """B030: all three count."""
    database = SaDatabase(stream())
    tunnel = database.add_tunnel(settings())
    inbound, _ = install(database, tunnel, 0x1000)
    entry = database.find(LOCAL, ESP, 0x1000)
    assert entry is not None
    assert (entry.sa, entry.tunnel) == (inbound, tunnel)
    assert database.find(LOCAL + 1, ESP, 0x1000) is None
    assert database.find(LOCAL, IpsecProtocol.AH, 0x1000) is None
    assert database.find(LOCAL, ESP, 0x1001) is None


def test_the_packet_itself_is_the_key() -> None:
    far, near = SaDatabase(stream("far")), SaDatabase(stream("near"))
    values = parameters(Encryption.AES128, Integrity.SHA1)
    sender = far.install_outbound(far.add_tunnel(settings()), values, 0)
    receiver_tunnel = near.add_tunnel(settings(local=PEER, peer=LOCAL))
    receiver = near.install_inbound(receiver_tunnel, replace(values, local=PEER, peer=LOCAL), 0)
    outer = sender.seal(inner_packet(b"data"))
    assert isinstance(outer, bytes)
    assert near.esp[outer[16:24]].sa is receiver
    with_options = outer[:20] + bytes(8) + outer[20:]
    for datagram, offset in ((outer, 20), (bytearray(outer), 20), (memoryview(with_options), 28)):
        entry = near.find_for_packet(datagram, ESP, offset)
        assert entry is not None
        assert entry.tunnel is receiver_tunnel
    for size in range(24):
        assert near.find_for_packet(outer[:size], ESP) is None


def test_an_spi_is_taken_once_per_destination() -> None:
    database = SaDatabase(stream())
    tunnel = database.add_tunnel(settings())
    values = parameters(Encryption.AES128, Integrity.SHA1, spi=0x2000)
    database.install_inbound(tunnel, values, 0)
    with pytest.raises(SaError, match="in use"):
        database.install_inbound(tunnel, values, 0)
    database.install_inbound(tunnel, replace(values, local=LOCAL + 1), 0)
    assert len(tunnel.inbound_sas) == 2


def test_allocated_spis_are_free_and_out_of_the_reserved_range() -> None:
    class Scripted:
        def __init__(self, *values: int) -> None:
            self.values = list(values)
            self.asked: list[tuple[int, int]] = []

        def integer(self, low: int, high: int) -> int:
            self.asked.append((low, high))
            return self.values.pop(0)

    script = Scripted(0x3000, 0x3000, 0x4000)
    database = SaDatabase(script)  # type: ignore[arg-type]
    tunnel = database.add_tunnel(settings())
    first = database.allocate_spi(LOCAL, ESP)
    database.install_inbound(tunnel, parameters(Encryption.AES128, Integrity.SHA1, spi=first), 0)
    assert (first, database.allocate_spi(LOCAL, ESP)) == (0x3000, 0x4000)
    assert set(script.asked) == {(256, 0xFFFFFFFF)}


def test_make_before_break() -> None:
    """The newest SA sends at once; the old one receives until it is taken out."""
    database = SaDatabase(stream())
    tunnel = database.add_tunnel(settings())
    assert not tunnel.active
    assert tunnel.label == "esp:3des/sha1"
    old_in, old_out = install(database, tunnel, 0x1000)
    assert tunnel.active
    assert tunnel.label == "esp:a128/sha1"
    new_in, new_out = install(database, tunnel, 0x2000)
    assert tunnel.outbound is new_out
    assert tunnel.inbound is new_in
    assert tunnel.inbound_sas == [old_in, new_in]
    assert database.find(LOCAL, ESP, 0x1000) is not None
    assert database.remove(old_in) is tunnel
    assert database.remove(old_in) is None
    assert database.find(LOCAL, ESP, 0x1000) is None
    assert database.find(LOCAL, ESP, 0x2000) is not None
    assert database.remove(new_out) is tunnel
    assert tunnel.outbound is old_out


def test_old_sas_end_with_their_lifetime_and_the_last_spi_stays() -> None:
    database = SaDatabase(stream())
    tunnel = database.add_tunnel(settings())
    assert database.next_deadline() is None
    old = install(database, tunnel, 0x1000, now=0, lifetime=100)
    new = install(database, tunnel, 0x2000, now=90 * SECOND, lifetime=100)
    assert database.next_deadline() == 100 * SECOND
    assert database.expire(100 * SECOND - 1) == []
    assert {expired.sa for expired in database.expire(100 * SECOND)} == set(old)
    assert tunnel.outbound is new[1]
    assert database.next_deadline() == 190 * SECOND
    assert [(expired.tunnel, expired.sa) for expired in database.expire(200 * SECOND)] == [(tunnel, sa) for sa in new]
    assert not tunnel.active
    assert tunnel.inbound is None
    assert (tunnel.last_inbound_spi, tunnel.last_outbound_spi) == (0x2000, 0x2001)
    assert tunnel.label == "esp:3des/sha1"
    assert database.next_deadline() is None
    assert not database.esp


def test_a_removed_sa_leaves_no_deadline() -> None:
    database = SaDatabase(stream())
    tunnel = database.add_tunnel(settings())
    inbound, outbound = install(database, tunnel, 0x1000, lifetime=50)
    database.remove(inbound)
    database.remove(outbound)
    assert database.next_deadline() is None
    assert database.expire(60 * SECOND) == []


def test_statistics_outlive_the_sas() -> None:
    database = SaDatabase(stream())
    tunnel = database.add_tunnel(settings())
    for generation in range(1, 4):
        inbound, outbound = install(database, tunnel, 0x1000 * generation)
        outbound.seal(inner_packet(bytes(80)))
        inbound.authentication_failures += 2
        inbound.other_failures += 1
        inbound.fragments += 4
    database.remove(tunnel.outbound_sas[0])
    database.clear(tunnel)
    sent, received = tunnel.outbound_statistics, tunnel.inbound_statistics
    assert (sent.packets, sent.octets) == (3, 300)
    assert (received.authentication_failures, received.other_failures, received.fragments) == (6, 3, 12)


def test_a_sender_with_an_unknown_spi() -> None:
    """B158, B159: an inactive tunnel to the sender is found by its address, and only while it is inactive."""
    database = SaDatabase(stream())
    first, second = database.add_tunnel(settings()), database.add_tunnel(settings(vpn="other"))
    assert database.inactive_tunnel_of(PEER) is first
    assert database.inactive_tunnel_of(PEER + 1) is None
    _, outbound = install(database, first, 0x1000)
    assert database.inactive_tunnel_of(PEER) is second
    install(database, second, 0x2000)
    assert database.inactive_tunnel_of(PEER) is None
    assert database.tunnels_of(PEER) == (first, second)
    database.remove(outbound)
    assert database.inactive_tunnel_of(PEER) is first


def test_the_sa_of_a_delete_notification() -> None:
    database = SaDatabase(stream())
    tunnel = database.add_tunnel(settings())
    _, outbound = install(database, tunnel, 0x1000)
    assert database.find_outbound(PEER, ESP, 0x1001) is outbound
    assert database.find_outbound(PEER, ESP, 0x1000) is None
    assert database.find_outbound(PEER, IpsecProtocol.AH, 0x1001) is None
    assert database.find_outbound(LOCAL, ESP, 0x1001) is None


def test_changed_settings_keep_the_number_and_drop_the_sas() -> None:
    database = SaDatabase(stream())
    tunnel = database.add_tunnel(settings())
    install(database, tunnel, 0x1000)
    database.change_tunnel(tunnel, settings(peer=PEER + 5))
    assert not tunnel.active
    assert not database.esp
    assert database.tunnels[1] is tunnel
    assert database.tunnels_of(PEER) == ()
    assert database.inactive_tunnel_of(PEER + 5) is tunnel
    database.remove_tunnel(tunnel)
    assert database.tunnels_of(PEER + 5) == ()
    assert not database.tunnels
