"""Several VPNs on one tunnel interface: the gateway of the route and the binding table choose (B330, B332, B334)."""

from __future__ import annotations

import pytest

from nsemu.runtime.drop import DropReason
from support.nat_box import NatBox, tcp, udp

PEERS = {"v1": ("2.2.2.2", "10.0.2.1"), "v2": ("3.3.3.3", "10.0.4.1"), "v3": ("4.4.4.4", "10.0.6.1")}


def hub(*more: str, count: int = 3) -> NatBox:
    lines = ["set interface tunnel.1 zone untrust", "set interface tunnel.1 ip 10.0.0.1/24"]
    for number, (name, (peer, hop)) in enumerate(list(PEERS.items())[:count], 1):
        lines += [
            f"set vpn {name} manual 300{number} 400{number} gateway {peer} outgoing-interface ethernet3 "
            "esp des password a auth md5 password b",
            f"set vpn {name} bind interface tunnel.1",
            f"set route 10.{number}.0.0/16 interface tunnel.1 gateway {hop}",
        ]
    lines += ["set route 10.99.0.0/16 interface tunnel.1", "set policy id 1 from trust to untrust any any any permit"]
    return NatBox(*lines, *more)


def bindings(*names: str) -> list[str]:
    return [f"set interface tunnel.1 nhtb {PEERS[name][1]} vpn {name}" for name in names]


def outer(box: NatBox, destination: str, port: int = 4000) -> str | None:
    """The gateway to which a packet goes in ESP."""
    found = box.send("ethernet1", udp("10.1.1.6", destination, port))
    assert all(packet.proto == 50 for _, packet in found)
    return found[0][1].dst if found else None


def test_the_next_hop_chooses_the_vpn() -> None:
    box = hub(*bindings("v1", "v2", "v3"))
    # 10.1.0.0/16 holds the LAN itself, whose longer prefix is better.
    assert [outer(box, address) for address in ("10.1.9.9", "10.2.9.9", "10.3.9.9")] == [
        "2.2.2.2",
        "3.3.3.3",
        "4.4.4.4",
    ]


def test_the_table_decides_not_the_order_in_which_vpns_were_bound() -> None:
    box = hub(
        "set interface tunnel.1 nhtb 10.0.2.1 vpn v3",
        "set interface tunnel.1 nhtb 10.0.4.1 vpn v1",
        "set interface tunnel.1 nhtb 10.0.6.1 vpn v2",
    )
    assert [outer(box, address) for address in ("10.1.9.9", "10.2.9.9", "10.3.9.9")] == [
        "4.4.4.4",
        "2.2.2.2",
        "3.3.3.3",
    ]


def test_a_next_hop_without_entry_has_no_tunnel() -> None:
    box = hub(*bindings("v1", "v3"))
    assert outer(box, "10.2.9.9") is None
    assert box.counter(DropReason.NO_TUNNEL.counter) == 1
    assert outer(box, "10.1.9.9") == "2.2.2.2"
    box.accept(*bindings("v2"))
    assert outer(box, "10.2.9.9") == "3.3.3.3"


def test_a_route_without_gateway_is_looked_for_by_its_destination() -> None:
    """The peers' tunnel interfaces themselves, on the connected network of ours."""
    box = hub(*bindings("v1", "v2"), "set interface tunnel.1 nhtb 10.0.0.77 vpn v2")
    assert outer(box, "10.0.0.77") == "3.3.3.3"
    assert outer(box, "10.0.0.78") is None
    assert outer(box, "10.99.1.1") is None


def test_with_one_vpn_no_entry_is_needed() -> None:
    box = hub(count=1)
    assert outer(box, "10.1.9.9") == "2.2.2.2"
    assert outer(box, "10.99.1.1") == "2.2.2.2"


def test_a_changed_entry_moves_living_sessions() -> None:
    box = hub(*bindings("v1", "v2"))
    assert outer(box, "10.1.9.9") == "2.2.2.2"
    box.accept("set interface tunnel.1 nhtb 10.0.2.1 vpn v2")
    assert outer(box, "10.1.9.9") == "3.3.3.3"
    assert len(box.sessions()) == 1


def test_what_the_device_itself_sends_follows_the_table() -> None:
    box = hub(*bindings("v1", "v2", "v3"))
    box.sent.clear()
    box.type("ping 10.2.9.9 count 1")
    assert {packet.destination for packet in box.packets("ethernet3")} == {0x03030303}


@pytest.mark.parametrize(("entry", "peer"), [("v1", "2.2.2.2"), ("v2", "3.3.3.3")])
def test_replies_follow_the_route_back_to_their_source(entry: str, peer: str) -> None:
    """The source of a clear-text flow that is routed to the tunnel interface: its next hop tells the VPN."""
    box = hub(
        "unset policy id 1",
        f"set interface tunnel.1 nhtb 10.0.2.1 vpn {entry}",
        "set policy id 2 from dmz to trust any any any permit",
        "set zone dmz vrouter trust-vr",
    )
    # A forged source that belongs behind a tunnel does not draw the replies out in clear.
    first = box.send("ethernet2", tcp("10.1.9.9", "10.1.1.6"))
    assert first[0][0] == "ethernet1"
    answer = box.send("ethernet1", tcp("10.1.1.6", "10.1.9.9", 80, 4000, "SA"))
    assert [packet.dst for _, packet in answer] == [peer]


def test_the_table_is_shown() -> None:
    box = hub(*bindings("v2", "v1"))
    text = box.type("get interface tunnel.1 nhtb")
    assert [line.split()[-1] for line in text.splitlines()[2:] if line.strip()] == ["v1", "v2"]
    assert text in box.type("get interface tunnel.1")


def test_an_entry_for_a_vpn_that_is_not_bound_leads_into_no_other_tunnel() -> None:
    """Not even into the only one that is left."""
    box = hub(*bindings("v1", "v2"), "unset vpn v3 bind interface", "set route 10.0.0.0/8 interface null metric 10")
    assert outer(box, "10.2.9.9") == "3.3.3.3"
    box.accept("unset vpn v2 bind interface")
    assert outer(box, "10.2.9.9") is None
    assert outer(box, "10.1.9.9") == "2.2.2.2"
    assert outer(box, "10.99.1.1") == "2.2.2.2", "no entry, one VPN"
    box.accept("set vpn v2 bind interface tunnel.1")
    assert outer(box, "10.2.9.9") == "3.3.3.3"


def test_only_the_routes_of_a_vpn_that_is_down_are_inactive() -> None:
    """B179 for one of several VPNs: the null route behind its routes takes over, the others stay."""
    box = NatBox(
        "set interface tunnel.1 zone untrust",
        "set interface tunnel.1 ip 10.0.0.1/24",
        "set interface ethernet4 zone untrust",
        "set interface ethernet4 ip 5.5.5.1/24",
        "set route 3.3.3.3/32 interface ethernet4 gateway 5.5.5.250",
        *(
            f"set vpn v{number} manual 300{number} 400{number} gateway {peer} outgoing-interface {out} "
            "esp des password a auth md5 password b"
            for number, peer, out in ((1, "2.2.2.2", "ethernet3"), (2, "3.3.3.3", "ethernet4"))
        ),
        "set vpn v1 bind interface tunnel.1",
        "set vpn v2 bind interface tunnel.1",
        "set interface tunnel.1 nhtb 10.0.2.1 vpn v1",
        "set interface tunnel.1 nhtb 10.0.4.1 vpn v2",
        "set route 10.11.0.0/16 interface tunnel.1 gateway 10.0.2.1",
        "set route 10.12.0.0/16 interface tunnel.1 gateway 10.0.4.1",
        "set route 10.0.0.0/8 interface null metric 10",
        "set policy id 1 from trust to untrust any any any permit",
        plugged=("ethernet1", "ethernet3", "ethernet4"),
    )
    assert outer(box, "10.11.1.1") == "2.2.2.2"
    assert outer(box, "10.12.1.1") == "3.3.3.3"
    box.device.set_carrier("ethernet4", False)
    assert outer(box, "10.12.1.1", 4001) is None
    assert box.counter(DropReason.NULL_ROUTE.counter) == 1
    assert outer(box, "10.11.1.1", 4001) == "2.2.2.2"
    box.device.set_carrier("ethernet4", True)
    assert outer(box, "10.12.1.1", 4002) == "3.3.3.3"
