"""Random packets against a device with all SCREEN options on: nothing raises, memory stays bounded."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsemu.config.screen import ScreenOption
from nsemu.wire.checksum import checksum
from support.screen_box import ScreenBox, ping, tcp, udp

LINES = [
    *(f"set zone {zone} screen {option.value}" for option in ScreenOption for zone in ("untrust", "trust")),
    'set zone untrust screen mal-url x "GET /x" 2',
    "set zone untrust screen syn-flood attack-threshold 3",
    "set zone untrust screen syn-flood queue-size 10",
]


def with_checksum(packet: bytes) -> bytes:
    """The octets with a right IPv4 header checksum, so that they get beyond the sanity check."""
    length = (packet[0] & 15) * 4
    if len(packet) < 20 or length < 20 or length > len(packet):
        return packet
    head = packet[:10] + b"\0\0" + packet[12:length]
    return head[:10] + checksum(head).to_bytes(2, "big") + packet[12:]


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    """An IPv4 packet whose header is plausible and whose rest is anything."""
    words = draw(st.integers(5, 15))
    rest = draw(st.binary(max_size=120)) if draw(st.booleans()) else draw(st.sampled_from(SEEDS))[20:]
    options = draw(st.binary(min_size=words * 4 - 20, max_size=words * 4 - 20))
    total = words * 4 + len(rest)
    fragment = draw(st.sampled_from([0, 0, 0x2000, 0x2001, 0x1FFF, 0x3FFF, 1, 0x4000]))
    protocol = draw(st.sampled_from([1, 6, 6, 6, 17, 50, 136, 137, 255]))
    source = draw(st.sampled_from(["09090909", "0a010050", "0a010005", "01010101", "e0000001", "7f000001"]))
    destination = draw(st.sampled_from(["0a010050", "0a010005", "01010101", "0a01ffff", "08080808"]))
    head = bytes([0x40 | words, 0]) + total.to_bytes(2, "big") + draw(st.binary(min_size=2, max_size=2))
    head += fragment.to_bytes(2, "big") + bytes([draw(st.integers(0, 255)), protocol, 0, 0])
    return with_checksum(head + bytes.fromhex(source + destination) + options + rest)


SEEDS = [bytes(tcp(flags)) for flags in ("S", "SA", "A", "R", "F", "PAU", "SF", "")] + [bytes(udp()), bytes(ping())]


def everything(cookie: bool) -> ScreenBox:
    return ScreenBox(*LINES, *(["set flow syn-proxy syn-cookie"] if cookie else []))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(packets(), min_size=1, max_size=25), st.booleans())
def test_random_packets_never_raise(stream: list[bytes], cookie: bool) -> None:
    box = everything(cookie)
    for number, packet in enumerate(stream):
        box.receive(packet, box.inside if number % 3 == 2 else box.outside)
    box.wait(40)
    assert box.device.state.screening.alarms.take() == []
    assert len(box.device.state.reassembly) == 0


def test_packets_cut_at_every_octet_never_raise() -> None:
    box = everything(cookie=False)
    for seed in SEEDS:
        for end in range(len(seed)):
            box.receive(with_checksum(seed[:end]) if end >= 20 else seed[:end])
            short = bytearray(seed[:end])
            if end >= 20:
                short[2:4] = end.to_bytes(2, "big")
                box.receive(with_checksum(bytes(short)))
