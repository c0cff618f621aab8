"""Attributes payloads of the transaction exchange: any octets are read or refused, and what is read can be written."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.wire.errors import MalformedPacket
from nsemu.wire.isakmp_config import BASIC_ATTRIBUTES, build_config, parse_config


@given(st.binary(max_size=96))
@settings(deadline=None)
def test_any_octets_are_read_or_refused(body: bytes) -> None:
    try:
        payload = parse_config(body)
    except MalformedPacket:
        return
    again = build_config(payload.type, payload.identifier, payload.attributes)
    if not any(kind in BASIC_ATTRIBUTES for kind, _ in payload.attributes):
        assert parse_config(again) == payload


@given(st.lists(st.tuples(st.sampled_from([1, 3, 16521, 16522]), st.binary(max_size=20)), max_size=5), st.data())
@settings(deadline=None)
def test_a_cut_payload_is_never_read_past_its_end(attributes: list[tuple[int, bytes]], data: st.DataObject) -> None:
    whole = build_config(2, 7, attributes)
    cut = data.draw(st.integers(0, len(whole)))
    try:
        payload = parse_config(whole[:cut])
    except MalformedPacket:
        return
    assert list(payload.attributes) == attributes[: len(payload.attributes)]
