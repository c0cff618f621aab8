"""An authenticated peer that writes its messages by hand: other vendors' forms, and rule breakers.

east (by hand)                              west (engine)
  HDR*, HASH(1), SA, Ni [, KE] [, IDs]  -->
                                        <--  HDR*, HASH(2), SA, Nr ..   or   HDR*, HASH, N
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from nsemu.config.algorithms import DhGroup, ExchangeMode
from nsemu.ike.authentication import own_proof
from nsemu.ike.events import (
    Failure,
    InitialContactReceived,
    LifetimeShortened,
    NotifyReceived,
    Phase1Completed,
    Phase1Refused,
    Phase2Completed,
    Phase2Failed,
    Phase2Responded,
    Refusal,
    SaRemoved,
)
from nsemu.ike.exchange import Phase1Sa, Protection, seal, seal_hashed
from nsemu.ike.keys import exchange_iv
from nsemu.ike.parameters import Datagram, Endpoint, TunnelParameters
from nsemu.ike.proposals import build_lifetime, offer_phase2
from nsemu.ike.tables import PHASE1, QUICK
from nsemu.sim.scheduler import MILLISECOND, SECOND
from nsemu.wire.address import Prefix
from nsemu.wire.isakmp import (
    FLAG_COMMIT,
    ExchangeType,
    PayloadType,
    build_message,
    build_payloads,
    parse_header,
    parse_payloads,
)
from nsemu.wire.isakmp_payloads import (
    NotifyType,
    Proposal,
    build_delete,
    build_identification,
    build_notification,
    build_security_association,
    build_transform,
)
from support.ike import EAST, EAST_LAN, WEST, WEST_LAN, Pair, keys_match, p1, p2, texts

Payloads = list[tuple[int, bytes]]
SPI = b"\x12\x34\x56\x78"
SA_PAYLOAD = (PayloadType.SA, SPI.join(offer_phase2((p2(),))))
NONCE = (PayloadType.NONCE, bytes(20))


def subnet(prefix: Prefix) -> tuple[int, bytes]:
    data = prefix.address.to_bytes(4, "big") + prefix.mask.to_bytes(4, "big")
    return PayloadType.IDENTIFICATION, build_identification(4, 0, 0, data)


IDS = [subnet(EAST_LAN), subnet(WEST_LAN)]


def phase1_of_east(pair: Pair) -> Phase1Sa:
    (sa,) = pair.east.engine._context.phase1s.values()
    return sa


def say(pair: Pair, payloads: Payloads, *, exchange: int = ExchangeType.QUICK, message_id: int = 0xBAD) -> bytes:
    """An authentic message from east to west."""
    sa = phase1_of_east(pair)
    octets = message_id.to_bytes(4, "big")
    iv = exchange_iv(sa.proposal.hash, sa.last_block, octets)
    data = seal_hashed(sa, iv, exchange, message_id, payloads, seed=octets)
    hear(pair, data)
    return data


def hear(pair: Pair, data: bytes) -> None:
    pair.west.engine.receive_datagram(data, Endpoint(EAST, 500), Endpoint(WEST, 500), pair.now)
    pair.collect()


def refusal(pair: Pair) -> Phase2Failed:
    return pair.west.one(Phase2Failed)


def test_quick_mode_by_hand_is_answered() -> None:
    pair = Pair().establish()
    say(pair, [SA_PAYLOAD, NONCE, *IDS])
    assert pair.west.one(Phase2Responded).message_id == 0xBAD
    assert not pair.west.of(Phase2Failed)


@pytest.mark.parametrize("form", ["address", "range"])
def test_host_proxy_ids_in_other_forms(form: str) -> None:
    """An address or a range that is the same network matches (RFC 2407 §4.6.2)."""
    pair = Pair()
    hosts = Prefix.parse("10.2.2.5/32"), Prefix.parse("10.1.1.5/32")
    tunnel = TunnelParameters(2, "v", "to_east", (p2(),), hosts[1], hosts[0])
    pair.west.engine.configure({"to_east": pair.west.gateway}, {1: pair.west.tunnel, 2: tunnel}, 0)
    pair.establish()
    ids = []
    for host in hosts:
        address = host.address.to_bytes(4, "big")
        body = build_identification(*((1, 0, 0, address) if form == "address" else (7, 0, 0, address * 2)))
        ids.append((PayloadType.IDENTIFICATION, body))
    say(pair, [SA_PAYLOAD, NONCE, *ids])
    assert pair.west.one(Phase2Responded).tunnel_id == 2


def test_quick_mode_without_ids_is_for_the_gateways_themselves() -> None:
    """RFC 2409 §5.5."""
    pair = Pair()
    tunnel = TunnelParameters(2, "v", "to_east", (p2(),), Prefix(WEST, 32), Prefix(EAST, 32))
    pair.west.engine.configure({"to_east": pair.west.gateway}, {1: pair.west.tunnel, 2: tunnel}, 0)
    pair.establish()
    say(pair, [SA_PAYLOAD, NONCE])
    assert pair.west.one(Phase2Responded).tunnel_id == 2
    other = Pair().establish()
    say(other, [SA_PAYLOAD, NONCE])
    assert refusal(other).refusal is Refusal.PROXY_ID
    assert "local ID (<1.1.1.1>/<255.255.255.255>, 0, 0)" in texts(other.west)[-1]


KE = (PayloadType.KEY_EXCHANGE, bytes(127) + b"\5")


@pytest.mark.parametrize(
    ("payloads", "refused"),
    [
        ([SA_PAYLOAD, NONCE, IDS[0]], Refusal.PAYLOADS),
        ([SA_PAYLOAD, NONCE, *IDS, IDS[0]], Refusal.PAYLOADS),
        ([SA_PAYLOAD, SA_PAYLOAD, NONCE, *IDS], Refusal.PAYLOADS),
        ([NONCE, *IDS], Refusal.PAYLOADS),
        ([SA_PAYLOAD, *IDS], Refusal.PAYLOADS),
        ([SA_PAYLOAD, NONCE, *IDS, (PayloadType.SIGNATURE, b"")], Refusal.PAYLOADS),
        ([SA_PAYLOAD, NONCE, *IDS, (77, b"")], Refusal.PAYLOADS),
        ([(PayloadType.SA, b"\0\0\0\1\0\0\0\1\xff"), NONCE, *IDS], Refusal.PAYLOADS),
        ([SA_PAYLOAD, (PayloadType.NONCE, bytes(7)), *IDS], Refusal.NONCE),
        ([SA_PAYLOAD, (PayloadType.NONCE, bytes(257)), *IDS], Refusal.NONCE),
        ([SA_PAYLOAD, NONCE, KE, *IDS], Refusal.KEY_EXCHANGE),
        ([SA_PAYLOAD, NONCE, (5, b"\4\0\0\0"), IDS[1]], Refusal.PROXY_ID),
        ([SA_PAYLOAD, NONCE, *reversed(IDS)], Refusal.PROXY_ID),
        ([(PayloadType.SA, b"\0\0\0\2\0\0\0\1"), NONCE, *IDS], Refusal.DOI),
    ],
)
def test_rule_breakers_are_refused_once_and_told(payloads: Payloads, refused: Refusal) -> None:
    pair = Pair().establish()
    before = len(pair.seen)
    data = say(pair, payloads)
    assert refusal(pair).refusal is refused
    assert [datagram.data[18] for datagram in pair.seen[before:]] == [ExchangeType.INFORMATIONAL]
    assert texts(pair.west)
    # The notification may have been lost: the same message gets the same answer, and the log stays quiet.
    hear(pair, data)
    assert pair.seen[-1] == pair.seen[-2]
    refusal(pair)
    pair.run(100 * SECOND)
    hear(pair, data)
    assert pair.west.engine.counters.message_id_reused == 1
    assert keys_match(pair)


@pytest.mark.parametrize("public", [bytes(128), bytes(127) + b"\1", b"\xff" * 128, bytes(96), b""])
def test_public_values_that_give_no_secret(public: bytes) -> None:
    pair = Pair(p2s=(p2(pfs=DhGroup.GROUP2),)).establish()
    offer = (PayloadType.SA, SPI.join(offer_phase2((p2(pfs=DhGroup.GROUP2),))))
    say(pair, [offer, NONCE, (PayloadType.KEY_EXCHANGE, public), *IDS])
    assert refusal(pair).refusal is Refusal.KEY_EXCHANGE
    other = Pair(p2s=(p2(pfs=DhGroup.GROUP2),)).establish()
    say(other, [offer, NONCE, *IDS])
    assert refusal(other).refusal is Refusal.KEY_EXCHANGE


def intercept(pair: Pair, number: int, change: Callable[[bytes], bytes]) -> None:
    """Replace the datagram with that number on the wire by what `change` makes of it."""

    def rewrite(n: int, datagram: Datagram) -> Sequence[Datagram]:
        if n != number:
            return (datagram,)
        pair.filter = None
        return (datagram._replace(data=change(datagram.data)),)

    pair.filter = rewrite


def answer_with(pair: Pair, payloads: Payloads) -> None:
    """Let east's answer in the first quick mode (message 8) be `payloads`."""

    def change(_data: bytes) -> bytes:
        sa = phase1_of_east(pair)
        (quick,) = sa.quick_modes.values()
        message_id = quick.message_id.to_bytes(4, "big")
        iv = pair.seen[6].data[-sa.proposal.encryption.block_size :]
        own = quick.nonces[:20]
        return seal_hashed(sa, iv, ExchangeType.QUICK, quick.message_id, payloads, seed=message_id + own)

    intercept(pair, 7, change)


def own_ids() -> Payloads:
    return [subnet(WEST_LAN), subnet(EAST_LAN)]


def answer_sa(*proposals: Proposal) -> tuple[int, bytes]:
    return PayloadType.SA, build_security_association(proposals)


GOOD = build_transform(1, 3, [(1, 1), (2, 3600), (4, 1), (5, 2)])
OTHER = build_transform(1, 2, GOOD.attributes)
CHOSEN = Proposal(1, 3, SPI, (GOOD,))


@pytest.mark.parametrize(
    ("payloads", "refused"),
    [
        ([answer_sa(Proposal(1, 3, SPI, (GOOD, GOOD))), NONCE, *own_ids()], Refusal.NO_PROPOSAL),
        ([answer_sa(CHOSEN, CHOSEN._replace(number=2)), NONCE, *own_ids()], Refusal.NO_PROPOSAL),
        ([answer_sa(CHOSEN._replace(transforms=(OTHER,))), NONCE, *own_ids()], Refusal.NO_PROPOSAL),
        ([answer_sa(Proposal(1, 3, b"\0\0\0\1", (GOOD,))), NONCE, *own_ids()], Refusal.NO_PROPOSAL),
        ([answer_sa(CHOSEN), NONCE, *reversed(own_ids())], Refusal.PROXY_ID),
        ([answer_sa(CHOSEN), NONCE], Refusal.PROXY_ID),
        ([answer_sa(CHOSEN), NONCE, KE, *own_ids()], Refusal.KEY_EXCHANGE),
        ([answer_sa(CHOSEN), (PayloadType.NONCE, b""), *own_ids()], Refusal.NONCE),
    ],
)
def test_answers_that_were_not_offered(payloads: Payloads, refused: Refusal) -> None:
    """RFC 2408 §4.2: the initiator checks what the responder chose, tells it, and ends."""
    pair = Pair()
    answer_with(pair, payloads)
    pair.acquire()
    pair.run()
    assert refusal(pair).refusal is refused
    assert pair.east.one(Phase2Failed).reason is Failure.REFUSED_BY_PEER
    assert not pair.west.of(Phase2Completed)
    pair.acquire()
    pair.run()
    assert keys_match(pair)


def test_a_shorter_lifetime_in_the_answer_is_taken() -> None:
    pair = Pair()
    transform = build_transform(1, 3, [(1, 1), (2, 900), (1, 2), (2, 64), (4, 1), (5, 2)])
    answer_with(pair, [answer_sa(Proposal(1, 3, SPI, (transform,))), NONCE, *own_ids()])
    pair.acquire()
    pair.run()
    completed = pair.west.one(Phase2Completed)
    assert (completed.lifetime, completed.lifesize, completed.outbound.spi) == (900, 64, 0x12345678)


def test_initial_contact_beside_the_proof() -> None:
    """Others send it with message 5; it counts when the proof holds."""
    pair = Pair()

    def change(_data: bytes) -> bytes:
        (sa,) = pair.west.engine._context.phase1s.values()
        keys = sa.session_keys()
        assert sa.received is not None
        payloads: Payloads = [
            *own_proof(sa),
            (PayloadType.NOTIFICATION, build_notification(1, NotifyType.INITIAL_CONTACT, sa.cookies)),
        ]
        data = seal(sa, keys.iv, ExchangeType.MAIN, 0, payloads)
        sa.iv = data[-8:]
        return data

    intercept(pair, 4, change)
    pair.acquire()
    pair.run()
    received = pair.east.one(InitialContactReceived)
    assert (received.phase1s, received.phase2s) == (0, 0)
    assert keys_match(pair)


def test_lifetime_of_an_installed_pair_is_shortened() -> None:
    pair = Pair().establish()
    spi = pair.east.one(Phase2Completed).inbound.spi.to_bytes(4, "big")
    body = build_notification(3, NotifyType.RESPONDER_LIFETIME, spi, build_lifetime(120, 500))
    say(pair, [(PayloadType.NOTIFICATION, body)], exchange=ExchangeType.INFORMATIONAL)
    shortened = pair.west.one(LifetimeShortened)
    assert (shortened.lifetime, shortened.lifesize) == (120, 500)
    pair.run(119 * SECOND)
    assert len(pair.west.of(Phase2Completed)) == 2
    longer = build_notification(3, NotifyType.RESPONDER_LIFETIME, spi, build_lifetime(99999))
    say(pair, [(PayloadType.NOTIFICATION, longer)], exchange=ExchangeType.INFORMATIONAL, message_id=2)
    assert len(pair.west.of(LifetimeShortened)) == 1


def test_informational_exchange_is_taken_once() -> None:
    pair = Pair().establish()
    spi = pair.east.one(Phase2Completed).inbound.spi.to_bytes(4, "big")
    data = say(pair, [(PayloadType.DELETE, build_delete(3, [spi, bytes(4)]))], exchange=ExchangeType.INFORMATIONAL)
    assert pair.west.one(SaRemoved)
    hear(pair, data)
    assert pair.west.engine.counters.message_id_reused == 1


def test_delete_names_only_what_is_the_peers() -> None:
    """Our inbound SPI, another protocol, foreign cookies: none is the peer's to delete."""
    pair = Pair().establish()
    completed = pair.west.one(Phase2Completed)
    for message_id, body in enumerate(
        (
            build_delete(3, [completed.inbound.spi.to_bytes(4, "big")]),
            build_delete(2, [completed.outbound.spi.to_bytes(4, "big")]),
            build_delete(1, [bytes(16)]),
        ),
        1,
    ):
        say(pair, [(PayloadType.DELETE, body)], exchange=ExchangeType.INFORMATIONAL, message_id=message_id)
    assert not pair.west.of(SaRemoved)
    assert len(pair.west.engine.phase1s(pair.now)) == 1


def test_notifications_are_told_by_name_and_number() -> None:
    pair = Pair().establish()
    for message_id, kind in enumerate((NotifyType.CONNECTED, 40444), 1):
        body = build_notification(1, kind)
        say(pair, [(PayloadType.NOTIFICATION, body)], exchange=ExchangeType.INFORMATIONAL, message_id=message_id)
    assert texts(pair.west)[-2:] == [
        "IKE 2.2.2.2: Received a notification message for DOI 1 16384 CONNECTED.",
        "IKE 2.2.2.2: Received a notification message for DOI 1 40444 unknown.",
    ]
    assert all(event.protected for event in pair.west.of(NotifyReceived))


def test_commit_bit_is_tolerated() -> None:
    pair = Pair()

    def commit(_n: int, datagram: Datagram) -> Sequence[Datagram]:
        octets = bytearray(datagram.data)
        octets[19] |= FLAG_COMMIT
        return (datagram._replace(data=bytes(octets)),)

    pair.filter = commit
    pair.establish()
    assert keys_match(pair)


def test_unknown_vendor_ids_are_ignored_wherever_they_stand() -> None:
    """B065."""
    pair = Pair()

    def add(n: int, datagram: Datagram) -> Sequence[Datagram]:
        if n >= 4:
            return (datagram,)
        header = parse_header(datagram.data)
        payloads = [(p.type, p.body) for p in parse_payloads(header.next_payload, datagram.data, 28)]
        payloads = [payloads[0], (PayloadType.VENDOR_ID, b"stranger"), *payloads[1:], (PayloadType.VENDOR_ID, b"")]
        cookies = header.initiator_cookie + header.responder_cookie
        data = build_message(cookies, header.exchange, 0, header.next_payload, build_payloads(payloads))
        return (datagram._replace(data=data),)

    pair.filter = add
    pair.establish()
    assert keys_match(pair)


def clear_message(pair: Pair, payloads: Sequence[tuple[int, bytes]], cookies: bytes) -> None:
    data = build_message(cookies, ExchangeType.MAIN, 0, payloads[0][0], build_payloads(payloads))
    hear(pair, data)


@pytest.mark.parametrize(
    ("payloads", "refused"),
    [
        ([(PayloadType.SA, bytes.fromhex("0000000000000001"))], Refusal.DOI),
        ([(PayloadType.NONCE, bytes(20))], Refusal.PAYLOADS),
        ([(PayloadType.SA, bytes(8)), (PayloadType.SA, bytes(8))], Refusal.PAYLOADS),
        ([(PayloadType.SA, bytes(8)), (PayloadType.TRANSFORM, bytes(8))], Refusal.PAYLOADS),
    ],
)
def test_first_messages_that_break_a_rule_leave_no_state(payloads: Payloads, refused: Refusal) -> None:
    pair = Pair()
    clear_message(pair, payloads, b"12345678" + bytes(8))
    assert pair.west.one(Phase1Refused).refusal is refused
    assert not pair.west.engine.phase1s(0)
    assert pair.west.engine.next_deadline() is None
    assert len(pair.seen) == 1


def test_message_3_that_breaks_a_rule_leaves_the_state() -> None:
    pair = Pair()
    pair.acquire(pair.east)
    pair.run(15 * MILLISECOND)
    (view,) = pair.west.engine.phase1s(pair.now)
    cookies = view.initiator_cookie + view.responder_cookie
    good_key = (PayloadType.KEY_EXCHANGE, bytes(127) + b"\5")
    for payloads, refused in (
        ([good_key], Refusal.PAYLOADS),
        ([good_key, (PayloadType.NONCE, b"short")], Refusal.NONCE),
        ([(PayloadType.KEY_EXCHANGE, bytes(128)), NONCE], Refusal.KEY_EXCHANGE),
        ([(PayloadType.KEY_EXCHANGE, bytes(96) + b"\5"), NONCE], Refusal.KEY_EXCHANGE),
    ):
        clear_message(pair, payloads, cookies)
        assert pair.west.of(Phase1Refused)[-1].refusal is refused
        assert pair.west.engine.phase1s(pair.now) == [view]
    pair.run(10 * SECOND)
    assert keys_match(pair)


def test_answers_to_the_first_message_that_break_a_rule_leave_the_state() -> None:
    pair = Pair(p1s=(p1(), p1(group=DhGroup.GROUP5)))
    pair.acquire()
    pair.collect()
    cookies = pair.seen[0].data[:8] + b"87654321"
    offered = pair.seen[0].data[32:]
    one = (PayloadType.SA, offered[: int.from_bytes(pair.seen[0].data[30:32], "big") - 4])
    other = build_security_association(
        [Proposal(1, 1, b"", (build_transform(1, 1, [(1, 1), (2, 1), (3, 1), (4, 1)]),))]
    )
    for payloads in ([one], [(PayloadType.SA, other)], [(PayloadType.SA, build_security_association([]))]):
        clear_message(pair, payloads, cookies)
    assert len(pair.west.of(Phase1Refused)) + pair.west.engine.counters.malformed == 3
    pair.run(10 * SECOND)
    assert keys_match(pair)
    assert len(pair.west.of(Phase1Completed)) == 1


@pytest.mark.parametrize("mode", ExchangeMode)
def test_forged_aggressive_answer_does_not_spoil_the_true_one(mode: ExchangeMode) -> None:
    pair = Pair(mode=mode)
    forger = Pair(mode=mode, keys=(b"x", b"x"), seed=5)
    pair.acquire()
    pair.collect()
    forger.deliver(pair.seen[0])
    forger.collect()
    if mode is ExchangeMode.AGGRESSIVE:
        hear(pair, forger.seen[0].data)
        assert pair.west.one(Phase1Refused).refusal is Refusal.AUTHENTICATION
    pair.run(10 * SECOND)
    assert keys_match(pair)


def test_a_promoted_pair_is_replaced_in_its_turn() -> None:
    """Two pairs of one moment; the preferred one is deleted, and the other is looked after."""
    pair = Pair(p2s=(p2(lifetime=600),))
    for end in pair.ends:
        pair.acquire(end)
    pair.run(5 * SECOND)
    chosen = [event for event in pair.west.of(Phase2Completed) if event.current][-1]
    body = build_delete(3, [chosen.outbound.spi.to_bytes(4, "big")])
    sa = list(pair.east.engine._context.phase1s.values())[-1]
    octets = b"\0\0\0\7"
    iv = exchange_iv(sa.proposal.hash, sa.last_block, octets)
    hear(pair, seal_hashed(sa, iv, ExchangeType.INFORMATIONAL, 7, [(PayloadType.DELETE, body)], seed=octets))
    assert len(pair.west.installed) == 1
    pair.run(600 * SECOND)
    assert pair.west.installed
    assert len(pair.west.of(Phase2Completed)) >= 3


def test_unknown_version_exchange_and_cookies_are_counted() -> None:
    pair = Pair().establish()
    sound = pair.seen[0].data
    for data in (sound[:17] + b"\x20" + sound[18:], bytes(8) + sound[8:], sound[:18] + b"\x07" + sound[19:]):
        hear(pair, data)
    assert pair.west.engine.counters.unsupported == 3
    strange = pair.seen[6].data
    hear(pair, b"\xee" * 16 + strange[16:])
    hear(pair, b"\xee" * 16 + strange[16:18] + b"\5" + strange[19:])
    assert pair.west.engine.counters.unknown_cookies == 2
    cookies = pair.seen[6].data[:16]
    data = cookies + strange[16:]
    pair.west.engine.receive_datagram(data, Endpoint(0x09090909, 500), Endpoint(WEST, 500), pair.now)
    assert pair.west.engine.counters.unexpected == 1


def test_tables_say_what_is_encrypted() -> None:
    """B041: nothing but identities and what follows them is encrypted; quick mode wholly."""
    assert all(row.protection is Protection.ENCRYPTED for row in QUICK.values())
    protected = {state.name for (state, _), row in PHASE1.items() if row.protection is not Protection.CLEAR}
    assert protected == {"MAIN_KEY_ANSWERED", "MAIN_ID_SENT", "AGGRESSIVE_ANSWERED"}
