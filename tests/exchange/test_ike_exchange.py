"""Main, aggressive and quick mode between two engines.

west (1.1.1.1)                      east (2.2.2.2)
  1  HDR, SA, VID              -->
                               <--  2  HDR, SA, VID
  3  HDR, KE, Ni               -->
                               <--  4  HDR, KE, Nr
  5  HDR*, IDii, HASH_I        -->
                               <--  6  HDR*, IDir, HASH_R
  7  HDR*, HASH(1), SA, Ni, .. -->
                               <--  8  HDR*, HASH(2), SA, Nr, ..
  9  HDR*, HASH(3)             -->
"""

from __future__ import annotations

import pytest

from nsemu.config.algorithms import DhGroup, Encryption, ExchangeMode, Integrity, IpsecProtocol
from nsemu.config.ike import Identity
from nsemu.ike.events import (
    Failure,
    LifetimeShortened,
    NotifyReceived,
    Phase1Completed,
    Phase1Failed,
    Phase1Initiated,
    Phase1Refused,
    Phase1Responded,
    Phase2Completed,
    Phase2Failed,
    Phase2InboundReady,
    Phase2Initiated,
    Phase2Queued,
    Phase2Responded,
    Refusal,
    Role,
)
from nsemu.ike.parameters import EngineSettings, GatewayParameters, TunnelParameters
from nsemu.sim.scheduler import SECOND
from nsemu.wire.address import Prefix
from nsemu.wire.isakmp_payloads import NotifyType
from support.ike import EAST, EAST_LAN, WEST, WEST_LAN, Pair, keys_match, p1, p2, texts


def exchange_types(pair: Pair) -> list[tuple[int, bool]]:
    return [(datagram.data[18], bool(datagram.data[19] & 1)) for datagram in pair.seen]


def test_six_and_three_messages_make_a_tunnel() -> None:
    """B033, B040, B041 (identities encrypted), B049, B063, B191, B203."""
    pair = Pair().establish()
    assert exchange_types(pair) == [(2, False)] * 4 + [(2, True)] * 2 + [(32, True)] * 3
    assert [type(event) for event in pair.west.events] == [
        Phase2Queued,
        Phase1Initiated,
        Phase1Completed,
        Phase2Initiated,
        Phase2Completed,
    ]
    assert [type(event) for event in pair.east.events] == [
        Phase1Responded,
        Phase1Completed,
        Phase2Responded,
        Phase2InboundReady,
        Phase2Completed,
    ]
    assert keys_match(pair)
    assert {(d.source, d.destination) for d in pair.seen} == {
        ((WEST, 500), (EAST, 500)),
        ((EAST, 500), (WEST, 500)),
    }


def test_both_ends_name_the_same_cookies_and_message_id() -> None:
    pair = Pair().establish()
    west, east = pair.west.one(Phase1Completed), pair.east.one(Phase1Completed)
    assert (west.initiator_cookie, west.responder_cookie) == (east.initiator_cookie, east.responder_cookie)
    assert (west.role, east.role) == (Role.INITIATOR, Role.RESPONDER)
    assert west.encryption_key == east.encryption_key
    assert pair.west.one(Phase2Completed).message_id == pair.east.one(Phase2Completed).message_id
    assert pair.west.one(Phase2Completed).inbound.spi >= 0x100


def test_either_end_can_begin() -> None:
    """B191."""
    pair = Pair()
    pair.acquire(pair.east)
    pair.run()
    assert pair.east.one(Phase1Completed).role is Role.INITIATOR
    assert keys_match(pair)


def test_phase1_is_reused() -> None:
    """B155: a second Phase 2 needs three more messages."""
    pair = Pair().establish()
    pair.west.engine.delete_tunnel_sas(1, pair.now)
    pair.run()
    before = len(pair.seen)
    pair.acquire()
    pair.run()
    assert exchange_types(pair)[before:] == [(32, True)] * 3
    assert len(pair.west.of(Phase1Completed)) == 1
    assert keys_match(pair)


def test_repeated_calls_while_negotiating_do_nothing() -> None:
    pair = Pair()
    for _ in range(5):
        pair.acquire()
    pair.run(5_000_000)
    pair.acquire()
    pair.run()
    assert len(pair.seen) == 9
    pair.acquire()
    pair.run()
    assert len(pair.seen) == 9


def test_an_unknown_tunnel_is_the_callers_fault() -> None:
    with pytest.raises(KeyError):
        Pair().west.engine.acquire(99, 0)


ALGORITHMS = [
    (encryption, hash_, group)
    for encryption in (
        Encryption.DES,
        Encryption.TRIPLE_DES,
        Encryption.AES128,
        Encryption.AES192,
        Encryption.AES256,
    )
    for hash_ in (Integrity.MD5, Integrity.SHA1)
    for group in (DhGroup.GROUP1, DhGroup.GROUP2, DhGroup.GROUP5)
]
PFS = (None, DhGroup.GROUP1, DhGroup.GROUP2, DhGroup.GROUP5)


@pytest.mark.parametrize("mode", ExchangeMode)
@pytest.mark.parametrize(("encryption", "hash_", "group"), ALGORITHMS)
def test_every_phase1_choice(encryption: Encryption, hash_: Integrity, group: DhGroup, mode: ExchangeMode) -> None:
    """B042, B046."""
    index = ALGORITHMS.index((encryption, hash_, group))
    pair = Pair(
        p1s=(p1(encryption, hash_, group),), p2s=(p2(encryption, hash_, PFS[index % 4]),), mode=mode
    ).establish()
    assert keys_match(pair)
    assert pair.east.one(Phase1Completed).proposal == p1(encryption, hash_, group)


@pytest.mark.parametrize("pfs", PFS)
@pytest.mark.parametrize("integrity", [Integrity.NULL, Integrity.MD5, Integrity.SHA1])
@pytest.mark.parametrize("encryption", Encryption)
def test_every_phase2_choice(encryption: Encryption, integrity: Integrity, pfs: DhGroup | None) -> None:
    """B022, B023, B050, B058."""
    pair = Pair(p1s=(p1(group=DhGroup.GROUP1),), p2s=(p2(encryption, integrity, pfs),)).establish()
    assert keys_match(pair)
    keys = pair.west.one(Phase2Completed).inbound
    assert (len(keys.encryption_key), len(keys.integrity_key)) == (encryption.key_size, integrity.key_size)


@pytest.mark.parametrize("integrity", [Integrity.MD5, Integrity.SHA1, Integrity.SHA2_256])
def test_ah(integrity: Integrity) -> None:
    """B021."""
    pair = Pair(p2s=(p2(Encryption.NULL, integrity, protocol=IpsecProtocol.AH),)).establish()
    keys = pair.west.one(Phase2Completed).inbound
    assert keys_match(pair)
    assert (keys.encryption_key, len(keys.integrity_key)) == (b"", integrity.key_size)


def test_group_14_with_sha_2() -> None:
    first = p1(Encryption.AES256, Integrity.SHA2_256, DhGroup.GROUP14)
    assert keys_match(Pair(p1s=(first,), p2s=(p2(Encryption.AES256, Integrity.SHA2_256, DhGroup.GROUP14),)).establish())


def test_the_first_common_proposals_are_taken() -> None:
    """B034, B050: the initiator's order decides."""
    ours = (p1(Encryption.DES), p1(Encryption.AES128), p1(Encryption.TRIPLE_DES))
    theirs = (p1(Encryption.TRIPLE_DES), p1(Encryption.AES128))
    pair = Pair(
        p1s=ours,
        east_p1s=theirs,
        p2s=(p2(Encryption.DES), p2(Encryption.AES192), p2(Encryption.AES128)),
        east_p2s=(p2(Encryption.AES128), p2(Encryption.AES192)),
    ).establish()
    assert pair.west.one(Phase1Completed).proposal == p1(Encryption.AES128)
    assert pair.east.one(Phase1Completed).proposal == p1(Encryption.AES128)
    assert pair.west.one(Phase2Completed).proposal == p2(Encryption.AES192)
    assert keys_match(pair)


def test_no_common_phase1_proposal() -> None:
    """B034, B047: the responder refuses, the initiator repeats itself to the limit and gives up."""
    pair = Pair(east_p1s=(p1(group=DhGroup.GROUP5),))
    pair.acquire()
    pair.run(120 * SECOND)
    assert pair.east.of(Phase1Refused)[0].refusal is Refusal.NO_PROPOSAL
    assert "IKE 1.1.1.1 Phase 1: Rejected proposals from peer. Negotiations failed." in texts(pair.east)
    assert "IKE 2.2.2.2: Received a notification message for DOI 1 14 NO-PROPOSAL-CHOSEN." in texts(pair.west)
    assert texts(pair.west)[-1] == "IKE 2.2.2.2 Phase 1: Retransmission limit has been reached."
    assert pair.west.one(Phase1Failed).reason is Failure.RETRANSMISSION_LIMIT
    assert not pair.west.engine.phase1s(pair.now)
    assert not pair.east.engine.phase1s(pair.now)


def test_no_common_phase2_proposal() -> None:
    pair = Pair(east_p2s=(p2(Encryption.AES128),)).establish()
    assert pair.west.one(Phase2Failed).reason is Failure.REFUSED_BY_PEER
    refused = pair.east.one(Phase2Failed)
    assert (refused.tunnel_id, refused.refusal) == (7, Refusal.NO_PROPOSAL)
    assert "IKE 1.1.1.1 Phase 2: Rejected proposals from peer. Negotiations failed." in texts(pair.east)
    assert pair.west.one(NotifyReceived).protected


@pytest.mark.parametrize(
    ("ours", "theirs"), [(DhGroup.GROUP5, DhGroup.GROUP2), (None, DhGroup.GROUP2), (DhGroup.GROUP1, None)]
)
def test_pfs_groups_that_differ(ours: DhGroup | None, theirs: DhGroup | None) -> None:
    """B058, and B047 for Phase 2."""
    pair = Pair(p2s=(p2(pfs=ours),), east_p2s=(p2(pfs=theirs),)).establish()
    received, expected = (group.value if group else 0 for group in (ours, theirs))
    assert texts(pair.east)[-1] == (
        f"IKE 1.1.1.1 Phase 2: Received DH group {received} instead of expected group {expected} for PFS."
    )
    assert not pair.west.of(Phase2Completed)


def test_wrong_preshared_key_in_main_mode() -> None:
    """The responder cannot read message 5: both ends repeat themselves to the limit, and nothing is established."""
    pair = Pair(keys=(b"one", b"other"))
    pair.acquire()
    pair.run(120 * SECOND)
    for end in pair.ends:
        assert not end.of(Phase1Completed)
        assert end.one(Phase1Failed).reason is Failure.RETRANSMISSION_LIMIT
        assert not end.engine.phase1s(pair.now)
    refused = pair.east.one(Phase1Refused)
    assert refused.refusal is Refusal.UNREADABLE
    assert texts(pair.east)[1:] == [
        "IKE 1.1.1.1 Phase 1: Received a packet that could not be decrypted. The preshared keys might not match.",
        "IKE 1.1.1.1 Phase 1: Retransmission limit has been reached.",
    ]
    assert pair.west.of(NotifyReceived)[0].type == NotifyType.PAYLOAD_MALFORMED
    assert pair.west.engine.next_deadline() is None


def test_wrong_preshared_key_in_aggressive_mode() -> None:
    pair = Pair(keys=(b"one", b"other"), mode=ExchangeMode.AGGRESSIVE)
    pair.acquire()
    pair.run(120 * SECOND)
    assert pair.west.one(Phase1Refused).refusal is Refusal.AUTHENTICATION
    assert pair.west.one(Phase1Failed).reason is pair.east.one(Phase1Failed).reason is Failure.RETRANSMISSION_LIMIT


@pytest.mark.parametrize("mode", ExchangeMode)
def test_identities(mode: ExchangeMode) -> None:
    """B064: each end checks what the other sends."""
    pair = Pair(mode=mode)
    west, east = Identity.infer("pmason@abc.com"), Identity.infer("www.juniper.net")
    pair.change(pair.west, local_identity=west, peer_identity=east)
    pair.change(pair.east, local_identity=east, peer_identity=west)
    pair.establish()
    assert keys_match(pair)


@pytest.mark.parametrize("mode", ExchangeMode)
def test_unexpected_identity(mode: ExchangeMode) -> None:
    pair = Pair(mode=mode)
    pair.change(pair.west, local_identity=Identity.infer("3.3.3.3"))
    pair.acquire()
    pair.run(120 * SECOND)
    assert "IKE 1.1.1.1: Received incorrect ID payload: IP address 3.3.3.3 instead of IP address 1.1.1.1." in texts(
        pair.east
    )
    assert not pair.west.of(Phase1Completed)


def test_unrecognized_gateway() -> None:
    pair = Pair()
    pair.change(pair.east, peer=0x09090909)
    pair.acquire()
    pair.run(1 * SECOND)
    cookie = pair.seen[0].data[:8].hex()
    assert texts(pair.east) == [
        f"Rejected an IKE packet on ethernet3 from 1.1.1.1:500 to 2.2.2.2:500 with cookies {cookie} and "
        "0000000000000000 because an initial Phase 1 packet arrived from an unrecognized peer gateway."
    ]
    assert pair.east.engine.counters.unknown_peer == 1
    assert len(pair.seen) == 1


def test_modes_that_differ() -> None:
    pair = Pair()
    pair.change(pair.west, mode=ExchangeMode.AGGRESSIVE)
    pair.acquire()
    pair.run(1 * SECOND)
    assert pair.east.engine.counters.refused == 1
    assert not pair.east.engine.phase1s(pair.now)


def set_proxies(pair: Pair, west: tuple[str, str], east: tuple[str, str]) -> None:
    """Set proxy IDs; a gateway has a field called `local` too, so this goes past `change`."""
    for end, (local, remote) in ((pair.west, west), (pair.east, east)):
        old = end.tunnel
        end.tunnel = TunnelParameters(
            old.id, old.vpn, old.gateway, old.proposals, Prefix.parse(local), Prefix.parse(remote)
        )
        end.configure(0)


@pytest.mark.parametrize("service", [(0, 0), (6, 80), (1, 0)])
@pytest.mark.parametrize(("one", "other"), [("0.0.0.0/0", "0.0.0.0/0"), ("10.1.1.5/32", "10.2.0.0/16")])
def test_mirrored_proxy_ids_match(one: str, other: str, service: tuple[int, int]) -> None:
    """B056, B057, B173, B174."""
    pair = Pair()
    tunnel = TunnelParameters(1, "v", "to_east", (p2(),), Prefix.parse(one), Prefix.parse(other), *service)
    pair.west.tunnel = tunnel
    pair.east.tunnel = TunnelParameters(7, "v", "to_west", (p2(),), tunnel.remote, tunnel.local, *service)
    for end in pair.ends:
        end.configure(0)
    assert keys_match(pair.establish())


@pytest.mark.parametrize(
    ("west", "east"),
    [
        (("0.0.0.0/0", "10.2.2.0/24"), ("10.2.2.0/24", "10.1.1.0/24")),
        (("10.1.1.0/24", "10.2.2.0/24"), ("10.1.1.0/24", "10.2.2.0/24")),
        (("10.1.1.0/24", "10.2.2.0/25"), ("10.2.2.0/24", "10.1.1.0/24")),
    ],
)
def test_other_proxy_ids_do_not(west: tuple[str, str], east: tuple[str, str]) -> None:
    """B057, B197: 0.0.0.0/0 is a value like any other."""
    pair = Pair()
    set_proxies(pair, west, east)
    pair.establish()
    failed = pair.east.one(Phase2Failed)
    assert (failed.tunnel_id, failed.refusal) == (None, Refusal.PROXY_ID)
    assert pair.west.one(Phase2Failed).reason is Failure.REFUSED_BY_PEER
    remote, local = Prefix.parse(west[0]), Prefix.parse(west[1])
    mask = {0: "0.0.0.0", 24: "255.255.255.0", 25: "255.255.255.128"}
    address = {prefix: str(prefix).split("/")[0] for prefix in (remote, local)}
    assert texts(pair.east)[-1] == (
        "IKE 1.1.1.1 Phase 2: No policy exists for the proxy ID received: "
        f"local ID (<{address[local]}>/<{mask[local.length]}>, 0, 0) "
        f"remote ID (<{address[remote]}>/<{mask[remote.length]}>, 0, 0)."
    )
    assert pair.west.one(NotifyReceived).type == NotifyType.INVALID_ID_INFORMATION


def test_services_that_differ_do_not_match() -> None:
    """B057."""
    pair = Pair()
    pair.change(pair.west, protocol=6, port=80)
    pair.establish()
    assert "local ID (<10.2.2.0>/<255.255.255.0>, 6, 80)" in texts(pair.east)[-1]


def test_several_tunnels_of_one_gateway() -> None:
    """B221: the second Phase 2 is negotiated under the existing Phase 1."""
    pair = Pair()
    lans = [Prefix.parse(f"10.{n}.0.0/16") for n in range(1, 5)]
    west = {n: TunnelParameters(n, f"v{n}", "to_east", (p2(),), lan, EAST_LAN) for n, lan in enumerate(lans, 1)}
    east = {n + 10: TunnelParameters(n + 10, "v", "to_west", (p2(),), EAST_LAN, lan) for n, lan in enumerate(lans, 1)}
    pair.west.engine.configure({"to_east": pair.west.gateway}, west, 0)
    pair.east.engine.configure({"to_west": pair.east.gateway}, east, 0)
    for tunnel_id in west:
        pair.west.engine.acquire(tunnel_id, 0)
    pair.run()
    assert len(pair.west.of(Phase1Completed)) == 1
    ours = {event.tunnel_id: event.inbound for event in pair.west.of(Phase2Completed)}
    theirs = {event.tunnel_id - 10: event.outbound for event in pair.east.of(Phase2Completed)}
    assert ours == theirs
    assert len(ours) == 4


def test_among_equal_proxy_ids_the_tunnel_with_a_fitting_proposal_answers() -> None:
    pair = Pair()
    tunnels = {
        8: TunnelParameters(8, "a", "to_west", (p2(Encryption.DES),), EAST_LAN, WEST_LAN),
        9: TunnelParameters(9, "b", "to_west", (p2(),), EAST_LAN, WEST_LAN),
    }
    pair.east.engine.configure({"to_west": pair.east.gateway}, tunnels, 0)
    pair.establish()
    assert pair.east.one(Phase2Completed).tunnel_id == 9


def test_shorter_lifetimes_of_the_responder_are_announced() -> None:
    """RFC 2407 §4.6.3.1: both ends come to hold the shorter one."""
    pair = Pair(
        p1s=(p1(lifetime=28800),),
        east_p1s=(p1(lifetime=600),),
        p2s=(p2(lifetime=3600),),
        east_p2s=(p2(lifetime=300, lifesize=4000),),
    ).establish()
    for end in pair.ends:
        assert end.engine.phase1s(pair.now)[0].lifetime == 600
        completed = end.one(Phase2Completed)
        assert (completed.lifetime, completed.lifesize) == (300, 4000)
    assert [event.type for event in pair.west.of(NotifyReceived)] == [NotifyType.RESPONDER_LIFETIME]
    assert not pair.west.of(LifetimeShortened)


def test_shorter_lifetimes_of_the_initiator_need_no_announcement() -> None:
    pair = Pair(p1s=(p1(lifetime=600),), east_p1s=(p1(),), p2s=(p2(lifetime=300),), east_p2s=(p2(),)).establish()
    for end in pair.ends:
        assert end.engine.phase1s(pair.now)[0].lifetime == 600
        assert end.one(Phase2Completed).lifetime == 300
        assert not end.of(NotifyReceived)


def test_log_of_a_negotiation() -> None:
    pair = Pair().establish()
    message_id = pair.west.one(Phase2Completed).message_id
    spi = pair.west.one(Phase2Completed).inbound.spi
    assert texts(pair.west) == [
        "IKE 2.2.2.2: Added Phase 2 session tasks to the task list.",
        "IKE 2.2.2.2 Phase 1: Initiated Main mode negotiations.",
        "IKE 2.2.2.2 Phase 1: Completed Main mode negotiations with a 28800-second lifetime.",
        "IKE 2.2.2.2 Phase 2: Initiated negotiations.",
        f"IKE 2.2.2.2 Phase 2 msg ID {message_id:08x}: Completed negotiations with SPI {spi:08x}, tunnel ID 1, "
        "and lifetime 3600 seconds/0 KB.",
    ]
    assert texts(pair.east)[0] == "IKE 1.1.1.1 Phase 1: Responder starts MAIN mode negotiations."
    assert texts(pair.east)[2] == (
        f"IKE 1.1.1.1 Phase 2 msg ID {message_id:08x}: Responded to the peer's first message."
    )


def test_debug_lines() -> None:
    pair = Pair()
    lines: list[str] = []
    pair.west.engine.debug = lines.append
    pair.establish()
    assert lines[0] == "IKE<2.2.2.2> Phase 1: Initiated negotiation in main mode."
    for line in (
        "Xmit : [SA] [VID] [VID] [VID]",
        "ISAKMP msg: len 156, nxp 1[SA], exch 2[MM], flag 00",
        "Recv : [KE] [NONCE]",
        "MM in state OAK_MM_KEY_EXCH.",
        "Xmit* : [HASH] [SA] [NONCE] [ID] [ID]",
        "QM in state OAK_QM_SA_ACCEPT.",
    ):
        assert f"IKE<2.2.2.2> {line}" in lines


def test_the_same_seed_gives_the_same_octets() -> None:
    first, second = Pair(seed=5).establish(), Pair(seed=5).establish()
    assert [d.data for d in first.seen] == [d.data for d in second.seen]
    assert first.seen[0].data != Pair(seed=6).establish().seen[0].data


def test_views() -> None:
    pair = Pair()
    pair.acquire()
    pair.collect()
    (view,) = pair.west.engine.phase1s(pair.now)
    assert not view.established
    assert (view.responder_cookie, view.retransmit_in, view.errors, view.keys) == (bytes(8), 2 * SECOND, 0, None)
    pair.run(10 * SECOND)
    (view,) = pair.east.engine.phase1s(pair.now)
    completed = pair.east.one(Phase1Completed)
    assert view.established
    assert (view.gateway, view.role, view.mode) == ("to_west", Role.RESPONDER, ExchangeMode.MAIN)
    assert (view.initiator_cookie, view.responder_cookie) == (completed.initiator_cookie, completed.responder_cookie)
    assert view.lifetime == 28800
    assert 28789 * SECOND < view.remaining < 28791 * SECOND
    assert view.keys is not None
    assert view.keys.encryption_key == completed.encryption_key


def test_a_gateway_without_an_address_cannot_be_called() -> None:
    """B192."""
    pair = Pair()
    pair.change(pair.west, peer=None)
    pair.acquire()
    pair.run()
    assert not pair.seen
    assert not pair.west.events


def test_configuration_that_makes_no_sense_changes_nothing() -> None:
    pair = Pair().establish()
    engine = pair.west.engine
    gateway, tunnel = pair.west.gateway, pair.west.tunnel
    lost = TunnelParameters(1, "v", "nobody", (p2(),), WEST_LAN, EAST_LAN)
    with pytest.raises(ValueError, match="no gateway 'nobody'"):
        engine.configure({gateway.name: gateway}, {1: lost}, pair.now)
    empty = GatewayParameters("to_east", WEST, EAST, ())
    with pytest.raises(ValueError, match="no proposal"):
        engine.configure({"to_east": empty}, {1: tunnel}, pair.now)
    assert engine.phase1s(pair.now)[0].established


def test_settings_can_change_while_it_runs() -> None:
    pair = Pair()
    pair.west.engine.settings = EngineSettings(vendor_ids=())
    pair.establish()
    assert len(pair.seen[0].data) < len(pair.seen[1].data)
    assert isinstance(pair.west.events[-1], Phase2Completed)
