"""Transport mode in quick mode: encapsulation modes, the original addresses of NAT, and ends that disagree.

IDci = our address, UDP 1701, IDcr = the peer's, UDP 1701; SA attribute 4 = 2, 4 or 61444
HDR*, HASH(1), SA, Ni, IDci, IDcr [, NAT-OA]  -->
                              <--  HDR*, HASH(2), SA, Nr, IDci, IDcr [, NAT-OA]
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from nsemu.config.algorithms import ExchangeMode, IpsecProtocol
from nsemu.config.ike import Identity
from nsemu.ike.dialup import ANY_INNER
from nsemu.ike.events import Originals, Phase2Completed, Phase2Failed, Phase2InboundReady, Refusal
from nsemu.ike.parameters import DialupUser, EngineSettings, NatVariant, TunnelParameters
from nsemu.wire.address import Prefix, parse_ipv4
from nsemu.wire.isakmp_payloads import PROTOCOL_ESP, parse_security_association
from support.ike import EAST, WEST, End, Pair, keys_match, p2, texts
from support.ike_dialup import WENDY, Calls
from support.ike_nat import INSIDE, OUTSIDE, Nat

UDP_1701 = (17, 1701)


def to_transport(end: End, local: int, remote: int | Prefix) -> None:
    far = remote if isinstance(remote, Prefix) else Prefix(remote, 32)
    end.tunnel = replace(
        end.tunnel, local=Prefix(local, 32), remote=far, protocol=UDP_1701[0], port=UDP_1701[1], transport=True
    )
    end.configure(0)


def both_in_transport(**options: object) -> Pair:
    pair = Pair(**options)  # type: ignore[arg-type]
    to_transport(pair.west, WEST, EAST)
    to_transport(pair.east, EAST, WEST)
    return pair


def offered_modes(end: End, mode: int) -> set[int]:
    """The encapsulation modes of an offer, as they stand on the wire."""
    tunnel = end.engine._context.tunnels[end.tunnel.id]
    body = bytes(range(4)).join(tunnel.offer_in(mode))
    proposals = parse_security_association(body).proposals
    return {dict(item.attributes)[4] for proposal in proposals for item in proposal.transforms}


def test_both_ends_in_transport_mode() -> None:
    """B015, B137: host to host, UDP 1701."""
    pair = both_in_transport().establish()
    assert keys_match(pair)
    assert all(end.one(Phase2Completed).transport for end in pair.ends)
    assert pair.east.one(Phase2InboundReady).transport
    assert pair.west.one(Phase2Completed).originals is None
    assert offered_modes(pair.west, 2) == {2}


def test_tunnel_mode_is_not_transport_mode() -> None:
    """B015: everything else stays what it was."""
    pair = Pair().establish()
    assert not any(end.one(Phase2Completed).transport for end in pair.ends)


@pytest.mark.parametrize("initiator", [0, 1])
def test_ends_in_different_modes_say_so(initiator: int) -> None:
    """B137: the responder names both modes in its log, and refuses."""
    pair = both_in_transport()
    pair.east.tunnel = replace(pair.east.tunnel, transport=False)
    pair.east.configure(0)
    pair.acquire(pair.ends[initiator])
    pair.run()
    here, there = pair.ends[initiator], pair.ends[1 - initiator]
    modes = ("transport mode", "tunnel mode")[:: 1 if initiator == 0 else -1]
    assert there.one(Phase2Failed).refusal is Refusal.ENCAPSULATION
    assert any(f"Received a proposal for {modes[0]} instead of {modes[1]}." in text for text in texts(there))
    assert here.of(Phase2Completed) + there.of(Phase2Completed) == []


def test_ah_is_never_offered_in_transport_mode() -> None:
    """B016."""
    pair = Pair(p2s=(p2(protocol=IpsecProtocol.AH), p2()))
    to_transport(pair.west, WEST, EAST)
    tunnel = pair.west.engine._context.tunnels[pair.west.tunnel.id]
    proposals = parse_security_association(b"\0\0\1\0".join(tunnel.offer_in(2))).proposals
    assert [proposal.protocol for proposal in proposals] == [PROTOCOL_ESP]
    assert {key.protocol for key in tunnel.acceptable} == {PROTOCOL_ESP}
    only_ah = Pair(p2s=(p2(protocol=IpsecProtocol.AH),))
    to_transport(only_ah.west, WEST, EAST)
    assert only_ah.west.engine._context.tunnels[only_ah.west.tunnel.id].offer_in(2) == ()


@pytest.mark.parametrize(
    ("variant", "mode"), [(NatVariant.DRAFT_00, 61444), (NatVariant.DRAFT_02, 61444), (NatVariant.RFC_3947, 4)]
)
def test_the_original_addresses_are_told(variant: NatVariant, mode: int) -> None:
    """RFC 3947 §5.2: each end learns what NAT has made of the addresses; mode 4, or 61444 of the drafts."""
    calls, client = natted_call((variant,))
    completed = calls.tunnel_of(client)
    assert (completed.transport, completed.nat) == (True, variant)
    assert completed.originals == Originals(INSIDE, EAST)
    # RFC 3947 tells both addresses, the drafts the sender's own alone: the client cannot know what it looks like.
    known = Originals(EAST, OUTSIDE) if variant is NatVariant.RFC_3947 else None
    assert client.one(Phase2Completed).originals == known
    assert offered_modes(client, mode) == {mode}


def natted_call(variants: tuple[NatVariant, ...]) -> tuple[Calls, End]:
    """A dialup client in transport mode behind NAT."""
    settings = EngineSettings(nat_variants=variants)
    calls = Calls(WENDY, engine_settings=settings)
    calls.east.gateway = replace(calls.east.gateway, nat_traversal=True)
    to_transport(calls.east, EAST, ANY_INNER)
    calls.filter = Nat()
    client = calls.dial("wparker@email.com", begin=False)
    client.address = INSIDE
    client.gateway = replace(client.gateway, local=INSIDE, nat_traversal=True)
    to_transport(client, INSIDE, EAST)
    calls.acquire(client)
    calls.run()
    return calls, client


def test_the_inner_address_of_a_caller_is_where_it_is() -> None:
    """B283: the endpoints are the same; what the client calls itself behind NAT does not matter."""
    calls = Calls(WENDY)
    asked: list[Prefix] = []
    claim = calls.east.engine.claim
    assert claim is not None

    def note(wanted: object) -> int | None:
        asked.append(wanted.inner)  # type: ignore[attr-defined]
        return claim(wanted)  # type: ignore[arg-type]

    calls.east.engine.claim = note
    to_transport(calls.east, EAST, ANY_INNER)
    client = calls.dial("wparker@email.com", begin=False)
    to_transport(client, client.address, EAST)
    calls.acquire(client)
    calls.run()
    assert asked == [Prefix(client.address, 32)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"local": Prefix(parse_ipv4("10.9.9.0"), 24)},
        {"port": 80},
        {"protocol": 6},
        {"remote": Prefix(parse_ipv4("10.2.2.0"), 24)},
    ],
    ids=["network", "port", "protocol", "far network"],
)
def test_a_caller_gets_l2tp_and_nothing_else(wrong: dict[str, object]) -> None:
    """B293: neither other services nor networks fit the proxy ID of transport mode."""
    calls = Calls(DialupUser("w", Identity.infer("wparker@email.com")))
    to_transport(calls.east, EAST, ANY_INNER)
    client = calls.dial("wparker@email.com", begin=False)
    to_transport(client, client.address, EAST)
    parameters: TunnelParameters = replace(client.tunnel, **wrong)  # type: ignore[arg-type]
    client.tunnel = parameters
    client.configure(0)
    calls.acquire(client)
    calls.run()
    assert client.of(Phase2Completed) == []
    assert calls.east.one(Phase2Failed).refusal is Refusal.PROXY_ID


def test_aggressive_mode_too() -> None:
    pair = both_in_transport(mode=ExchangeMode.AGGRESSIVE).establish()
    assert all(end.one(Phase2Completed).transport for end in pair.ends)
