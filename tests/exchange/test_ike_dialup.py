"""Dialup clients: found by their IKE ID, each with SAs of its own (Vol. 5, chapter 5).

client (any address)                  device, one dialup gateway for all
  1  HDR, SA, KE, Ni, IDii      -->   the ID says which user, and so which key
                                <--  2  HDR, SA, KE, Nr, IDir, HASH_R
  3  HDR*, HASH_I               -->
  4  HDR*, quick mode           -->   a tunnel is made for this client and its inner address
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from nsemu.config.algorithms import ExchangeMode
from nsemu.config.ike import Identity, IdentityType
from nsemu.ike.dialup import matches, preshared_key
from nsemu.ike.events import (
    CallerLeft,
    DialupTunnelGone,
    PacketRejected,
    Phase1Refused,
    Phase2Completed,
    Phase2Failed,
    Refusal,
    Removal,
    SaRemoved,
)
from nsemu.ike.parameters import DialupUser
from nsemu.sim.scheduler import SECOND
from nsemu.wire.address import Prefix, parse_ipv4
from support.ike import KEY, texts
from support.ike_dialup import SHARED, WENDY, Calls, connects

GROUP = DialupUser("User2", Identity(IdentityType.U_FQDN, "juniper.net"), share_limit=2)
DOMAIN = DialupUser("eng", Identity(IdentityType.FQDN, "eng.jnpr.net"), share_limit=5)
SEED = b"jk930k"


def key_of(identity: str, seed: bytes = SEED) -> bytes:
    return preshared_key(seed, identity.encode())


def test_a_user_connects_with_whatever_inner_address_it_has() -> None:
    """B147, B233, B245: the remote half of the proxy ID says nothing of the client's address."""
    for inner in ("10.9.9.77", "192.168.1.33", "172.31.0.1"):
        calls = Calls(WENDY)
        client = calls.dial("wparker@email.com", inner=inner)
        calls.run()
        assert connects(calls, client)
        (view,) = calls.east.engine.callers()
        assert (view.user, view.identity, view.peer.address) == ("wendy", "wparker@email.com", client.address)


@pytest.mark.parametrize("inner", ["0.0.0.0", "127.0.0.1", "224.0.0.5", "255.255.255.255"])
def test_what_is_no_address_of_a_host_is_no_inner_address(inner: str) -> None:
    calls = Calls(WENDY)
    client = calls.dial("wparker@email.com", inner=inner)
    calls.run(30 * SECOND)
    assert not connects(calls, client)
    assert Refusal.PROXY_ID in {event.refusal for event in calls.east.of(Phase2Failed)}
    assert calls.east.engine.callers()[0].tunnels == ()


@pytest.mark.parametrize(
    ("remote", "service"),
    [("10.2.2.0/25", (0, 0)), ("10.2.3.0/24", (0, 0)), ("10.2.2.0/24", (6, 80)), ("0.0.0.0/0", (0, 0))],
)
def test_the_local_half_must_be_that_of_a_policy(remote: str, service: tuple[int, int]) -> None:
    calls = Calls(WENDY)
    client = calls.dial("wparker@email.com", remote=Prefix.parse(remote), service=service)
    calls.run(30 * SECOND)
    assert not connects(calls, client)


@pytest.mark.parametrize(
    "identity", ["other@email.com", "xwparker@email.com", "wparker@email.com.evil", "wparker.email.com"]
)
def test_another_identity_is_no_user(identity: str) -> None:
    """05-01: a client with another ID is refused."""
    calls = Calls(WENDY)
    client = calls.dial(identity)
    calls.run(30 * SECOND)
    assert not connects(calls, client)
    assert {event.refusal for event in calls.east.of(PacketRejected)} == {Refusal.UNRECOGNIZED_PEER}


def test_a_wrong_key_leaves_nothing_behind() -> None:
    """05-01."""
    calls = Calls(WENDY)
    client = calls.dial("wparker@email.com", key=b"guess")
    calls.run(100 * SECOND)
    assert not connects(calls, client)
    assert calls.connected == []
    assert calls.east.engine._context.callers == {}


def test_main_mode_with_a_preshared_key_is_not_possible() -> None:
    """B132, B235."""
    calls = Calls(WENDY)
    client = calls.dial("wparker@email.com", begin=False)
    calls.change(client, mode=ExchangeMode.MAIN)
    calls.acquire(client)
    calls.run(30 * SECOND)
    assert {event.refusal for event in calls.east.of(PacketRejected)} == {Refusal.DYNAMIC_PEER}
    assert any("Cannot use a preshared key" in text for text in texts(calls.east))


def test_several_clients_have_tunnels_of_their_own() -> None:
    """B233, B243: even when their inner addresses are the same, each has its own SAs."""
    calls = Calls(WENDY, replace(WENDY, name="carol", identity=Identity.infer("carol@email.com")))
    one, other = calls.dial("wparker@email.com", inner="10.9.9.9"), calls.dial("carol@email.com", inner="10.9.9.9")
    calls.run()
    assert connects(calls, one)
    assert connects(calls, other)
    ids = {calls.tunnel_of(client).tunnel_id for client in (one, other)}
    assert len(ids) == 2
    assert {view.tunnels for view in calls.east.engine.callers()} == {(number,) for number in ids}


def test_the_tunnel_goes_with_its_last_sa() -> None:
    calls = Calls(WENDY)
    client = calls.dial("wparker@email.com")
    calls.run()
    tunnel_id = calls.tunnel_of(client).tunnel_id
    client.engine.delete_tunnel_sas(1, calls.now)
    calls.run()
    assert calls.east.one(DialupTunnelGone).tunnel_id == tunnel_id
    assert calls.connected == ["wparker@email.com"]  # Phase 1 is still there
    client.engine.delete_phase1(calls.now)
    calls.run()
    assert calls.east.one(CallerLeft).caller == 1
    assert calls.connected == []


def test_keys_are_renewed_from_either_side_under_the_same_tunnel() -> None:
    calls = Calls(WENDY)
    client = calls.dial("wparker@email.com")
    calls.run()
    tunnel_id = calls.tunnel_of(client).tunnel_id
    for end, number in ((client, 1), (calls.east, tunnel_id)):
        before = len(calls.east.of(Phase2Completed))
        end.engine.rekey(number, calls.now)
        calls.run()
        assert len(calls.east.of(Phase2Completed)) == before + 1
    assert {event.tunnel_id for event in calls.east.of(Phase2Completed)} == {tunnel_id}
    calls.run(24 * 3600 * SECOND)
    assert {event.tunnel_id for event in calls.east.of(Phase2Completed)} == {tunnel_id}
    assert len(calls.east.of(Phase2Completed)) > 20


def test_a_user_that_comes_back_from_elsewhere_replaces_itself() -> None:
    calls = Calls(WENDY)
    calls.dial("wparker@email.com")
    calls.run()
    again = calls.dial("wparker@email.com")
    calls.run()
    assert connects(calls, again)
    assert calls.connected == ["wparker@email.com"]
    assert {event.reason for event in calls.east.of(SaRemoved)} == {Removal.PEER_MOVED}


# --- groups


def test_members_of_a_group_are_told_by_the_right_part_of_their_id() -> None:
    """B246, B259, B260, B261."""
    calls = Calls(GROUP, DOMAIN, seed=SEED)
    for identity in ("heidi@juniper.net", "alice.eng.jnpr.net"):
        client = calls.dial(identity, key=key_of(identity))
        calls.run()
        assert connects(calls, client)
    for identity in ("alice@example.net", "carol.jnpr.net", "juniper.net.evil@x", "heidi.juniper.net"):
        client = calls.dial(identity, key=key_of(identity))
        calls.run(30 * SECOND)
        assert not connects(calls, client)


@pytest.mark.parametrize("wrong", [key_of("bob@juniper.net"), key_of("heidi@juniper.net", b"other"), KEY, SEED])
def test_each_member_has_a_key_of_its_own(wrong: bytes) -> None:
    """B261."""
    calls = Calls(GROUP, seed=SEED)
    client = calls.dial("heidi@juniper.net", key=wrong)
    calls.run(60 * SECOND)
    assert not connects(calls, client)


def test_keys_depend_on_seed_and_id_and_on_nothing_else() -> None:
    """B262, E071."""
    keys = {key_of(name, seed) for name in ("a@x.net", "b@x.net", "ab@x.net") for seed in (b"s", b"t")}
    assert len(keys) == 6
    assert key_of("a@x.net", b"s") == key_of("a@x.net", b"s")
    assert all(len(key) == 40 and int(key, 16) for key in keys)
    # RFC 2202, test case 2.
    assert preshared_key(b"Jefe", b"what do ya want for nothing?") == b"effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"


def test_one_more_than_the_share_limit_is_refused_until_another_leaves() -> None:
    """B247, B266."""
    calls = Calls(GROUP, seed=SEED)
    names = ["a@juniper.net", "b@juniper.net", "c@juniper.net"]
    clients = [calls.dial(name, key=key_of(name), begin=False) for name in names]
    for client in clients[:2]:
        calls.acquire(client)
    calls.run()
    calls.acquire(clients[2])
    calls.run(60 * SECOND)
    assert [connects(calls, client) for client in clients] == [True, True, False]
    assert Refusal.SHARE_LIMIT in {event.refusal for event in calls.east.of(PacketRejected)}
    assert any("share limit" in text for text in texts(calls.east))
    clients[0].engine.delete_tunnel_sas(1, calls.now)
    clients[0].engine.delete_phase1(calls.now)
    calls.run()
    calls.acquire(clients[2])
    calls.run()
    assert connects(calls, clients[2])


def test_the_limit_holds_when_all_come_at_once() -> None:
    """B247: all begin before any is through."""
    calls = Calls(GROUP, seed=SEED)
    clients = [calls.dial(name, key=key_of(name)) for name in ("a@juniper.net", "b@juniper.net", "c@juniper.net")]
    calls.run(60 * SECOND)
    assert sum(connects(calls, client) for client in clients) == 2
    assert {event.refusal for event in calls.east.of(Phase1Refused)} == {Refusal.SHARE_LIMIT}


def test_first_packets_alone_use_up_no_limit() -> None:
    """Anybody can send an ID; only who proves it is connected."""
    calls = Calls(replace(SHARED, share_limit=2))
    for _ in range(5):
        calls.dial("sales@ns.com", key=b"guess")
    calls.run()
    client = calls.dial("sales@ns.com")
    calls.run()
    assert connects(calls, client)


def test_a_whole_id_goes_before_a_part() -> None:
    """B249: heidi is a user of her own, with a key of her own, although the group would take her too."""
    heidi = DialupUser("heidi", Identity.infer("heidi@juniper.net"))
    calls = Calls(GROUP, heidi, seed=SEED)
    calls.dial("heidi@juniper.net", key=key_of("heidi@juniper.net"))
    calls.run()
    (view,) = calls.east.engine.callers()
    assert view.user == "heidi"


@pytest.mark.parametrize(
    ("kind", "text", "identity", "fits"),
    [
        (IdentityType.U_FQDN, "juniper.net", "lisa@juniper.net", True),
        (IdentityType.U_FQDN, "juniper.net", "lisa@Juniper.net", False),
        (IdentityType.U_FQDN, "@juniper.net", "lisa@eng.juniper.net", False),
        (IdentityType.FQDN, "eng.jnpr.net", "alice.eng.jnpr.net", True),
        (IdentityType.FQDN, "eng.jnpr.net", "carol.jnpr.net", False),
        (IdentityType.FQDN, "juniper.net", "lisa@juniper.net", False),
    ],
)
def test_parts_of_ids(kind: IdentityType, text: str, identity: str, fits: bool) -> None:
    """B259, B260: as a string, from the right; an ID of another type is another ID."""
    sent = Identity.infer(identity)
    key = sent.type.value, sent.encoded
    assert matches(DialupUser("u", Identity(kind, text)), key, partial=True) is fits


# --- the configuration changes


def test_callers_survive_what_does_not_concern_them() -> None:
    calls = Calls(WENDY)
    client = calls.dial("wparker@email.com")
    calls.run()
    carol = DialupUser("carol", Identity.infer("carol@email.com"))
    calls.change(calls.east, dialup=(WENDY, carol))
    calls.run()
    assert calls.connected == ["wparker@email.com"]
    assert calls.east.of(SaRemoved) == []
    client.engine.rekey(1, calls.now)
    calls.run()
    assert len(calls.east.of(Phase2Completed)) == 2
    calls.change(calls.east, dialup=(carol,))
    calls.run()
    assert calls.connected == []
    assert {event.reason for event in calls.east.of(SaRemoved)} == {Removal.CONFIGURATION}
    assert client.installed == {}


def test_callers_go_with_their_tunnel() -> None:
    calls = Calls(WENDY)
    client = calls.dial("wparker@email.com")
    calls.run()
    calls.east.tunnel = replace(calls.east.tunnel, local=Prefix.parse("10.2.9.0/24"))
    calls.east.configure(calls.now)
    calls.run()
    assert client.installed == {}
    assert calls.east.engine.callers()[0].tunnels == ()


def test_an_address_as_id() -> None:
    """The IKE ID of a user may be an IP address."""
    user = DialupUser("pc", Identity.infer("3.3.3.1"))
    calls = Calls(user)
    client = calls.dial("3.3.3.1")
    calls.run()
    assert connects(calls, client)
    assert calls.tunnel_of(client).peer == parse_ipv4("3.3.3.1")
