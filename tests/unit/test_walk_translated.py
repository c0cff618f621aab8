"""The walk of a translated packet: what a tunnel carries is what went in, and every change of a port is told."""

from __future__ import annotations

import pytest

from nsemu.device.packet_facts import facts_of
from nsemu.flow.steps import Endpoints, EspSeal, PacketReceived, Translated
from nsemu.runtime.trace import Hop
from nsemu.wire.address import parse_ipv4

INSIDE, MAPPED, FAR, OTHER = (parse_ipv4(text) for text in ("172.20.7.25", "10.66.0.125", "10.255.3.99", "10.9.9.9"))
SEAL = EspSeal(1, "v", 0xA1B2C3D4, 7, FAR, OTHER, "esp:aes128/sha1", 60, 112, 9, "ESP")


def told(received: Endpoints, translated: Translated) -> list[str]:
    hop = Hop("fw", 0, "ethernet1", False, "")
    hop.steps += [PacketReceived(0, "Trust", "ethernet1", 60, 1, received), translated, SEAL]
    return [line for fact in facts_of(hop) for line in (fact.text, *fact.more)]


@pytest.mark.parametrize(
    ("protocol", "kind", "inner"),
    [
        (6, None, "10.66.0.125/1030 > 10.9.9.9/8080 tcp"),
        (17, None, "10.66.0.125/1030 > 10.9.9.9/8080 udp"),
        (1, (8, 0), "10.66.0.125 > 10.9.9.9 icmp echo request"),
        (47, None, "10.66.0.125 > 10.9.9.9 protocol 47"),
    ],
)
def test_the_packet_in_a_tunnel_has_its_new_addresses(protocol: int, kind: tuple[int, int] | None, inner: str) -> None:
    lines = told(Endpoints(INSIDE, 4000, FAR, 80, protocol, kind), Translated(MAPPED, 1030, OTHER, 8080))
    (sealed,) = (line for line in lines if line.startswith("|  +- "))
    assert f" {inner} -" in sealed
    assert not any("172.20.7.25" in line for line in lines[lines.index(sealed) :])


def test_a_new_port_alone_is_a_change() -> None:
    lines = told(Endpoints(INSIDE, 4000, FAR, 80, 6), Translated(INSIDE, 4000, FAR, 8000))
    assert "destination 10.255.3.99/80 -> 10.255.3.99/8000" in lines
    assert not any(line.startswith("source ") for line in lines)


@pytest.mark.parametrize("protocol", [1, 6])
def test_what_stays_is_not_told(protocol: int) -> None:
    ports = (4000, 80) if protocol == 6 else (0, 0)
    lines = told(Endpoints(INSIDE, 4000, FAR, 80, protocol), Translated(INSIDE, ports[0], FAR, ports[1]))
    assert "header rewritten" not in lines
    lines = told(Endpoints(INSIDE, 4000, FAR, 80, protocol), Translated(MAPPED, ports[0], FAR, ports[1]))
    assert not any(line.startswith("destination") for line in lines)
