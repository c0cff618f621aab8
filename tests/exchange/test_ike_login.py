"""XAuth and Mode Config between Phase 1 and Phase 2 (Vol. 5, "Shared IKE ID"; the drafts xauth-06 and mode-cfg).

client                                    device
  aggressive mode, three messages
                                     <--  REQUEST(type, name, password)
  REPLY(name, password)              -->
                                     <--  SET(status)
  ACK                                -->
                                     <--  SET(address, DNS, WINS), if there is anything to tell
  ACK                                -->
  quick mode                         -->
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.ike.events import (
    ClientConfigured,
    LoggedIn,
    LoginAborted,
    LoginMissing,
    LoginPassed,
    LoginRefused,
    LoginRequested,
    Phase1Completed,
    Phase1Removed,
    Phase2Completed,
    Phase2Initiated,
    Refusal,
    Removal,
)
from nsemu.ike.exchange import seal_hashed
from nsemu.ike.parameters import ClientSettings, Datagram, XauthLogin
from nsemu.ike.transaction import begin
from nsemu.sim.scheduler import SECOND
from nsemu.wire.address import Prefix, parse_ipv4
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.isakmp import ExchangeType
from nsemu.wire.isakmp_config import ConfigAttribute, ConfigPayload, ConfigType, build_config, parse_config
from support.ike import texts
from support.ike_dialup import SHARED, Calls, connects, login

SERVERS = ClientSettings(
    parse_ipv4("10.20.0.0"), 0xFFFFFF00, (parse_ipv4("10.1.1.53"),), (parse_ipv4("10.1.1.54"),), 600
)


def shared(settings: ClientSettings | None = None) -> Calls:
    return Calls(SHARED, xauth=True, settings=settings)


def is_transaction(datagram: Datagram) -> bool:
    return datagram.data[18] == ExchangeType.TRANSACTION


def test_quick_mode_follows_the_login() -> None:
    """B263, B264: nothing of Phase 2 before the name and the password have been accepted."""
    calls = shared()
    client = calls.dial("sales@ns.com", login=login("Joe"))
    calls.run()
    assert connects(calls, client)
    order = [type(event) for event in client.events]
    assert order.index(Phase1Completed) < order.index(LoggedIn) < order.index(Phase2Initiated)
    assert calls.east.one(LoginPassed).name == "Joe"
    assert [view.login for view in calls.east.engine.callers()] == ["Joe"]
    assert any("XAuth login was passed for gateway dialup, username Joe" in text for text in texts(calls.east))


@pytest.mark.parametrize(
    ("name", "password"), [("Joe", "5678"), ("Joe", ""), ("joe", "1234"), ("", ""), ("Nobody", "1234")]
)
def test_a_wrong_name_or_password_ends_it(name: str, password: str) -> None:
    """B265."""
    calls = shared()
    client = calls.dial("sales@ns.com", login=XauthLogin(name, password))
    calls.run(30 * SECOND)
    assert calls.east.of(Phase2Completed) == []
    assert client.of(Phase2Initiated) == []
    assert calls.east.one(LoginRefused).name == name
    assert not client.one(LoggedIn).accepted
    assert client.one(Phase1Removed).reason is Removal.DELETED_BY_PEER
    assert calls.east.engine.phase1s(calls.now) == []
    assert calls.connected == []


def test_several_users_share_id_and_key() -> None:
    """B263, B266."""
    calls = shared()
    joe = calls.dial("sales@ns.com", login=login("Joe"))
    mike = calls.dial("sales@ns.com", login=login("Mike"))
    calls.run()
    assert connects(calls, joe)
    assert connects(calls, mike)
    assert sorted(view.login for view in calls.east.engine.callers()) == ["Joe", "Mike"]
    wrong = calls.dial("sales@ns.com", login=XauthLogin("Joe", "no"))
    calls.run()
    assert not connects(calls, wrong)
    assert connects(calls, joe)


def test_a_client_that_knows_no_xauth_gets_no_phase_2() -> None:
    """B264: its quick modes are rejected as long as nobody has logged in."""
    calls = shared()
    client = calls.dial("sales@ns.com")
    calls.run(90 * SECOND)
    assert not connects(calls, client)
    assert calls.east.of(LoginAborted)
    assert not calls.east.of(LoginPassed)


def test_phase_2_before_the_login_is_told() -> None:
    """B264: a quick mode that comes while the login is under way is not answered."""
    calls = shared()
    client = calls.dial("sales@ns.com", login=login("Joe"), begin=False)
    calls.filter = lambda _number, datagram: () if is_transaction(datagram) else (datagram,)
    calls.acquire(client)
    calls.run()
    (sa,) = client.engine._context.initiated.values()
    # The client forgets that it is to log in, and begins Phase 2 at once.
    sa.login = sa.login.NONE
    sa.gateway.waiting.clear()
    client.engine.rekey(1, calls.now)
    calls.run()
    assert calls.east.of(LoginMissing)
    assert calls.east.of(Phase2Completed) == []
    assert any("XAuth login has not been completed" in text for text in texts(calls.east))


def test_a_gateway_without_xauth_refuses_a_client_that_insists() -> None:
    """The authentication method of the proposal says that a login will follow: there is none here."""
    calls = Calls(SHARED)
    client = calls.dial("sales@ns.com", login=login("Joe"))
    calls.run(60 * SECOND)
    assert not connects(calls, client)
    assert calls.east.of(Phase1Completed) == []


def test_settings_are_told_and_used() -> None:
    """The client negotiates from the inner address that it was given."""
    calls = shared(SERVERS)
    client = calls.dial("sales@ns.com", login=login("Joe", wants_address=True))
    calls.run()
    told = client.one(ClientConfigured).settings
    assert told.address == SERVERS.address + 1
    assert (told.dns, told.wins, told.netmask, told.expiry) == (SERVERS.dns, SERVERS.wins, SERVERS.netmask, 600)
    assert connects(calls, client)
    (tunnel,) = [item for item in calls.east.engine._context.tunnels.values() if item.template is not None]
    assert tunnel.parameters.remote == Prefix(told.address, 32)


def test_a_client_that_is_told_no_address_does_not_go_on_without() -> None:
    calls = shared()
    client = calls.dial("sales@ns.com", login=login("Joe", wants_address=True))
    calls.run(90 * SECOND)
    assert not connects(calls, client)
    assert client.of(LoginAborted)


def test_a_client_may_ask_for_its_settings() -> None:
    """draft-dukes-ike-mode-cfg §2.1: some clients do not wait to be told."""
    calls = shared(SERVERS)
    client = calls.dial("sales@ns.com", login=login("Joe"))
    calls.run()
    got: list[ConfigPayload | None] = []
    (sa,) = client.engine._context.initiated.values()
    asked = [(ConfigAttribute.INTERNAL_IP4_ADDRESS, b""), (ConfigAttribute.INTERNAL_IP4_DNS, b""), (28672, b"")]
    begin(client.engine._context, sa, ConfigType.REQUEST, asked, lambda _context, _sa, answer: got.append(answer))
    calls.run()
    (answer,) = got
    assert answer is not None
    assert answer.value(ConfigAttribute.INTERNAL_IP4_ADDRESS) == (SERVERS.address + 1).to_bytes(4, "big")
    assert [kind for kind, _ in answer.attributes] == [1, 3]


def test_nobody_is_told_anything_before_the_login() -> None:
    calls = shared(SERVERS)
    client = calls.dial("sales@ns.com", login=login("Joe"), begin=False)
    calls.filter = lambda _number, datagram: (
        () if is_transaction(datagram) and datagram.source.address == calls.east.address else (datagram,)
    )
    calls.acquire(client)
    calls.run()
    got: list[ConfigPayload | None] = []
    (sa,) = client.engine._context.initiated.values()
    calls.filter = None
    asked = [(ConfigAttribute.INTERNAL_IP4_ADDRESS, b"")]
    begin(client.engine._context, sa, ConfigType.REQUEST, asked, lambda _context, _sa, answer: got.append(answer))
    calls.run(SECOND // 10)
    assert [answer.attributes for answer in got if answer is not None] == [()]


# --- disturbances


def lost(number: int) -> Callable[[int, Datagram], tuple[Datagram, ...]]:
    """Lose the n-th transaction message of all."""
    seen = -1

    def filter_(_number: int, datagram: Datagram) -> tuple[Datagram, ...]:
        nonlocal seen
        seen += is_transaction(datagram)
        return () if is_transaction(datagram) and seen == number else (datagram,)

    return filter_


@pytest.mark.parametrize("number", range(6))
def test_any_one_message_may_be_lost(number: int) -> None:
    calls = shared(SERVERS)
    client = calls.dial("sales@ns.com", login=login("Joe", wants_address=True), begin=False)
    calls.filter = lost(number)
    calls.acquire(client)
    calls.run(30 * SECOND)
    assert connects(calls, client)
    assert len(calls.east.of(LoginPassed)) == 1
    assert len(client.of(ClientConfigured)) == 1


@pytest.mark.parametrize("times", [2, 3])
def test_every_message_may_come_several_times(times: int) -> None:
    calls = shared(SERVERS)
    client = calls.dial("sales@ns.com", login=login("Joe", wants_address=True), begin=False)
    calls.filter = lambda _number, datagram: (datagram,) * times
    calls.acquire(client)
    calls.run(30 * SECOND)
    assert connects(calls, client)
    assert len(calls.east.of(LoginRequested)) == 1
    assert len(client.of(ClientConfigured)) == 1


@pytest.mark.parametrize("silent", [0, 1, 2, 3])
def test_silence_ends_a_login(silent: int) -> None:
    """From the n-th message on nothing of the login arrives: both ends give up, and neither is left with an SA."""
    calls = shared()
    client = calls.dial("sales@ns.com", login=login("Joe"), begin=False)
    seen = -1

    def cut(_number: int, datagram: Datagram) -> tuple[Datagram, ...]:
        nonlocal seen
        seen += is_transaction(datagram)
        return () if is_transaction(datagram) and seen >= silent else (datagram,)

    calls.filter = cut
    calls.acquire(client)
    calls.run(200 * SECOND)
    assert calls.east.of(LoginAborted)
    assert calls.east.engine.phase1s(calls.now) == []
    assert client.engine.phase1s(calls.now) == []


def test_phase_1_is_renewed_with_another_login() -> None:
    calls = shared()
    client = calls.dial("sales@ns.com", login=login("Joe"))
    calls.run()
    calls.run(3 * 8 * 3600 * SECOND)
    assert len(calls.east.of(LoginPassed)) > 1
    assert len(calls.east.of(Phase1Removed)) > 0
    assert connects(calls, client)
    assert len([*client.installed]) >= 1


# --- what a peer may send


@given(body=st.binary(max_size=64), kind=st.sampled_from([8, 11, 14, 14, 14, 200]))
@settings(max_examples=40, deadline=None)
def test_octets_at_random_harm_nobody(body: bytes, kind: int) -> None:
    """An authentic peer sends nonsense in the place of its name: the device stays up, and lets nobody in."""
    calls = shared()
    client = calls.dial("sales@ns.com", login=login("Joe"), begin=False)
    calls.filter = lambda _number, datagram: (
        () if is_transaction(datagram) and datagram.source.address == client.address else (datagram,)
    )
    calls.acquire(client)
    calls.run(SECOND // 2)
    request = next(datagram for datagram in calls.seen if is_transaction(datagram)).data
    (sa,) = client.engine._context.initiated.values()
    seed = request[20:24]
    number = int.from_bytes(seed, "big")
    data = seal_hashed(sa, request[-8:], ExchangeType.TRANSACTION, number, [(kind, body)], seed=seed)
    calls.east.engine.receive_datagram(data, sa.local, sa.peer, calls.now)
    calls.run(10 * SECOND)
    assert calls.east.of(Phase2Completed) == []
    assert calls.east.of(LoginPassed) == []
    assert calls.east.engine.counters.unauthenticated == 0


_VALUES = st.lists(st.tuples(st.integers(0, 0x7FFF), st.binary(max_size=12)), max_size=6)


@given(kind=st.integers(0, 255), identifier=st.integers(0, 0xFFFF), attributes=_VALUES)
@settings(deadline=None)
def test_attributes_are_read_as_they_were_written(
    kind: int, identifier: int, attributes: list[tuple[int, bytes]]
) -> None:
    plain = [(kind_, value) for kind_, value in attributes if kind_ not in (16520, 16527)]
    assert parse_config(build_config(kind, identifier, plain)) == ConfigPayload(kind, identifier, tuple(plain))


def test_short_and_long_form_are_the_same_attribute() -> None:
    short = bytes.fromhex("01000007 c08f0001".replace(" ", ""))
    long = bytes.fromhex("01000007 408f0002 0001".replace(" ", ""))
    assert parse_config(short) == parse_config(long)
    assert build_config(1, 7, [(16527, b"\0\1")]) == short


def test_a_payload_may_break_off_nowhere() -> None:
    whole = build_config(ConfigType.REPLY, 9, [(16521, b"Joe"), (16522, b"1234"), (1, b"")])
    sound = 0
    for length in range(len(whole)):
        try:
            parse_config(whole[:length])
        except MalformedPacket:
            continue
        sound += 1
    assert sound == 3  # after the head, and after each whole attribute


@pytest.mark.parametrize("attributes", [[(16520, b"\0\1"), (16525, b"challenge")], [(16520, b"\0\0"), (16523, b"")]])
def test_a_client_says_so_when_it_cannot_answer(attributes: list[tuple[int, bytes]]) -> None:
    """CHAP and token cards: the client fails the login instead of sending its password in another form."""
    calls = shared()
    client = calls.dial("sales@ns.com", login=login("Joe"), begin=False)
    calls.filter = lambda _number, datagram: (
        () if is_transaction(datagram) and datagram.source.address != client.address else (datagram,)
    )
    calls.acquire(client)
    calls.run()
    calls.filter = None
    got: list[ConfigPayload | None] = []
    (sa,) = calls.east.engine._context.phase1s.values()
    begin(calls.east.engine._context, sa, ConfigType.REQUEST, attributes, lambda _c, _s, answer: got.append(answer))
    calls.run(SECOND // 10)
    (answer,) = got
    assert answer is not None
    assert answer.attributes == ((16527, b"\0\0"),)


def test_settings_from_a_peer_that_asked_for_no_login_are_not_taken() -> None:
    calls = Calls(SHARED)
    client = calls.dial("sales@ns.com")
    calls.run()
    (sa,) = calls.east.engine._context.phase1s.values()
    told = [(ConfigAttribute.INTERNAL_IP4_ADDRESS, bytes(4))]
    begin(calls.east.engine._context, sa, ConfigType.SET, told, lambda *_: None)
    calls.run()
    assert client.of(ClientConfigured) == []


def test_the_refusals_have_words() -> None:
    calls = Calls(SHARED, xauth=True)
    for _ in range(4):
        calls.dial("sales@ns.com", login=login("Joe"))
    calls.run(30 * SECOND)
    assert sum(view.login == "Joe" for view in calls.east.engine.callers()) == SHARED.share_limit
    assert {Refusal.SHARE_LIMIT} <= {getattr(event, "refusal", None) for event in calls.east.events}
