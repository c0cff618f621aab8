"""Next-hop tunnel bindings that make themselves (B333, B335 to B338): spokes on one tunnel interface of a hub.

          spoke1 tunnel.1 10.0.0.2 --+
hub tunnel.1 10.0.0.1                +-- internet
          spoke2 tunnel.1 10.0.0.3 --+
"""

from __future__ import annotations

from pathlib import Path

import pytest

from nsemu import Lab
from support.labs import logged, type_lines

HOPS = {"spoke1": "10.0.0.2", "spoke2": "10.0.0.3"}
WANS = {"hub": "1.1.1.1", "spoke1": "2.2.2.2", "spoke2": "3.3.3.3"}
LANS = {"hub": "10.1.1", "spoke1": "10.2.2", "spoke2": "10.3.3"}


def device(name: str, tunnel: str, *more: str) -> str:
    wan, lan = WANS[name], LANS[name]
    lines = (
        "set interface ethernet1 zone trust",
        f"set interface ethernet1 ip {lan}.1/24",
        "set interface ethernet1 route",
        "set interface ethernet3 zone untrust",
        f"set interface ethernet3 ip {wan}/24",
        "set interface tunnel.1 zone trust",
        f"set interface tunnel.1 ip {tunnel}/24",
        f"set route 0.0.0.0/0 interface ethernet3 gateway {wan.rsplit('.', 1)[0]}.254",
        *more,
    )
    return "\n".join(lines)


def peer(name: str, address: str, key: str) -> list[str]:
    return [
        f"set ike gateway {name} {address} outgoing-interface ethernet3 preshare {key} sec-level compatible",
        f"set vpn {name} gateway {name} sec-level compatible",
        f"set vpn {name} bind interface tunnel.1",
        f"set vpn {name} proxy-id local-ip 0.0.0.0/0 remote-ip 0.0.0.0/0 any",
        f"set ike gateway {name} heartbeat hello 30",
        f"set ike gateway {name} heartbeat reconnect 60",
    ]


def lab(folder: Path, hops: dict[str, str] | None = None, dynamic: str = "", hub: tuple[str, ...] = ()) -> Lab:
    hops = hops or HOPS
    lines = []
    for name, hop in HOPS.items():
        id_ = f"{name}@lab"
        who = f"dynamic {id_} aggressive" if name == dynamic else f"address {WANS[name]} main"
        lines += [*peer(name, who, f"k-{name}"), f"set route {LANS[name]}.0/24 interface tunnel.1 gateway {hop}"]
        mode = f"aggressive local-id {id_}" if name == dynamic else "main"
        back = peer("hub", f"address {WANS['hub']} {mode}", f"k-{name}")
        back.append("set route 10.0.0.0/8 interface tunnel.1")
        (folder / f"{name}.cfg").write_text(device(name, hops[name], *back))
    (folder / "hub.cfg").write_text(device("hub", "10.0.0.1", *lines, *hub))
    nodes = "\n".join(f"    {name}: {{kind: screenos, startup-config: {name}.cfg}}" for name in WANS)
    pcs = "\n".join(
        f"    {name}-pc: {{kind: host, address: {lan}.5/24, gateway: {lan}.1}}" for name, lan in LANS.items()
    )
    routers = ", ".join(f"eth{n}: {wan.rsplit('.', 1)[0]}.254/24" for n, wan in enumerate(WANS.values(), 1))
    links = "\n".join(
        f'    - endpoints: ["{name}:ethernet3", "net:eth{n}"]\n    - endpoints: ["{name}-pc:eth0", "{name}:ethernet1"]'
        for n, name in enumerate(WANS, 1)
    )
    (folder / "lab.yaml").write_text(
        f"name: nhtb\ntopology:\n  nodes:\n{nodes}\n{pcs}\n"
        f"    net: {{kind: router, interfaces: {{{routers}}}}}\n  links:\n{links}\n"
    )
    return Lab.load(folder / "lab.yaml")


def table(lab_: Lab, name: str = "hub") -> list[list[str]]:
    """Flag, status, next hop, tunnel, VPN of each row."""
    rows = lab_[name].cli("get interface tunnel.1 nhtb").splitlines()
    return [row.split() for row in rows if "0x" in row]


def pings(lab_: Lab, source: str, target: str, count: int = 4) -> int:
    return lab_[f"{source}-pc"].ping(f"{LANS[target]}.5", count=count).received


def test_entries_make_themselves_and_choose_the_vpn(tmp_path: Path) -> None:
    """B332, B335, B336: no line of the hub binds a next hop; replies and new sessions go to the right peer."""
    running = lab(tmp_path)
    assert table(running) == []
    for name in HOPS:
        assert pings(running, name, "hub") >= 3
    assert [row[:3] + row[4:] for row in table(running)] == [
        ["A", "U", "10.0.0.2", "spoke1"],
        ["A", "U", "10.0.0.3", "spoke2"],
    ]
    assert table(running, "spoke1") == [["A", "U", "10.0.0.1", "0x00000001", "hub"]]
    for target in ("spoke1", "spoke2"):
        assert pings(running, "hub", target) == 4
    # From spoke to spoke over the hub.
    assert pings(running, "spoke1", "spoke2") == 4


def test_a_route_without_gateway_to_a_peers_tunnel_interface(tmp_path: Path) -> None:
    """B332, B337: the destination is the next hop, as for routing protocols that speak with their neighbours."""
    running = lab(tmp_path)
    assert pings(running, "spoke2", "hub") >= 3
    type_lines(running, "spoke2", "set interface tunnel.1 manage ping")
    text = running["hub"].cli("ping 10.0.0.3 from ethernet1")
    assert "5 packets" in text or "!" in text, text


def test_what_the_admin_wrote_comes_first(tmp_path: Path) -> None:
    running = lab(tmp_path, hub=("set interface tunnel.1 nhtb 10.0.0.2 vpn spoke2",))
    pings(running, "spoke1", "hub", 2)
    pings(running, "spoke2", "hub", 2)
    assert [row[0] for row in table(running)] == ["S", "A"]
    assert [row[4] for row in table(running)] == ["spoke2", "spoke2"]
    type_lines(running, "hub", "unset interface tunnel.1 nhtb 10.0.0.2")
    assert [(row[0], row[4]) for row in table(running)] == [("A", "spoke1"), ("A", "spoke2")]


def test_two_peers_with_one_address(tmp_path: Path) -> None:
    """B333: they must be unique; the first that lives keeps its entry, and the log says so."""
    running = lab(tmp_path, hops={"spoke1": "10.0.0.2", "spoke2": "10.0.0.2"})
    assert pings(running, "spoke1", "hub") >= 3
    pings(running, "spoke2", "hub", 2)
    assert [row[2:] for row in table(running)] == [["10.0.0.2", "0x00000001", "spoke1"]]
    assert logged(running, "hub", "address 10.0.0.2 of vpn spoke2 is that of vpn spoke1")


def test_our_own_address_is_not_taken(tmp_path: Path) -> None:
    running = lab(tmp_path, hops={"spoke1": "10.0.0.1", "spoke2": "10.0.0.3"})
    pings(running, "spoke1", "hub", 2)
    assert table(running) == []


def test_a_peer_that_changes_its_address(tmp_path: Path) -> None:
    running = lab(tmp_path)
    pings(running, "spoke1", "hub", 2)
    type_lines(running, "spoke1", "set interface tunnel.1 ip 10.0.0.77/24")
    pings(running, "spoke1", "hub", 4)
    assert [row[2] for row in table(running)] == ["10.0.0.77"]


@pytest.mark.parametrize("line", ["unset vpn spoke1 bind interface", "unset vpn spoke1"])
def test_an_unbound_vpn_loses_its_entry(tmp_path: Path, line: str) -> None:
    running = lab(tmp_path)
    for name in HOPS:
        pings(running, name, "hub", 2)
    type_lines(running, "hub", line)
    assert [row[4] for row in table(running)] == ["spoke2"]
    assert pings(running, "hub", "spoke2") == 4


def test_a_dynamic_peer_starts_first_then_either(tmp_path: Path) -> None:
    """B338: its entry and its address stay when the tunnel goes down."""
    running = lab(tmp_path, dynamic="spoke1")
    assert pings(running, "hub", "spoke1", 2) == 0
    assert pings(running, "spoke1", "hub") >= 3
    assert table(running) == [["A", "U", "10.0.0.2", "0x00000001", "spoke1"]]
    assert pings(running, "hub", "spoke1") == 4
    running["hub"].cli("clear sa 1")
    assert [row[:3] for row in table(running)] == [["A", "D", "10.0.0.2"]]
    assert pings(running, "hub", "spoke1") >= 3
    assert [row[:3] for row in table(running)] == [["A", "U", "10.0.0.2"]]
