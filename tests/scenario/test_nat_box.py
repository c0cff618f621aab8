"""Nodes of kind `nat`: what each mode lets pass, time-outs, errors, IKE-awareness (B298)."""

from __future__ import annotations

from pathlib import Path

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP

from nsemu import Lab, LabError, TopologyError
from support.labs import Wiretap
from support.manual_key import ESP_3DES

LAB = """\
name: nat
seed: 2
topology:
  nodes:
    box:
      kind: nat
      interfaces: {in: 10.0.0.1/24, out: 1.1.1.1/24}
      inside: in
      outside: out
      routes: [{to: default, via: 1.1.1.250}]
      MODE
    sw: {kind: switch}
    internet: {kind: router, interfaces: {eth1: 1.1.1.250/24, eth2: 5.5.5.250/24}}
    a: {kind: host, address: 10.0.0.5/24, gateway: 10.0.0.1, services: [http, echo]}
    b: {kind: host, address: 10.0.0.6/24, gateway: 10.0.0.1, services: [http, echo]}
    server: {kind: host, address: 5.5.5.5/24, gateway: 5.5.5.250, services: [http, ftp, echo]}
  links:
    - endpoints: ["box:in", "sw:1"]
    - endpoints: ["a:eth0", "sw:2"]
    - endpoints: ["b:eth0", "sw:3"]
    - {endpoints: ["box:out", "internet:eth1"], delay: 5ms}
    - endpoints: ["server:eth0", "internet:eth2"]
"""
POOL = "mode: pool\n      pool: 1.1.1.100-1.1.1.101\n      timeout: 60s"
TABLE = "mode: one-to-one\n      map: {10.0.0.5: 1.1.1.77}"
OVERLOAD = "mode: overload\n      timeout: 60s"


def lab_of(folder: Path, mode: str) -> Lab:
    """The lab, running."""
    path = folder / "nat.yaml"
    path.write_text(LAB.replace("MODE", mode))
    lab = Lab.load(path)
    assert lab.problems == []
    return lab


def everything(lab: Lab, host: str) -> None:
    """Ping, UDP, TCP, FTP and fragments."""
    assert lab[host].ping("5.5.5.5", count=2).received == 2
    assert lab[host].ping("5.5.5.5", count=2, size=4000).received == 2
    assert "200" in lab[host].run("http get 5.5.5.5")
    assert "hello" in lab[host].run("echo 5.5.5.5 hello")
    assert "5 octets" in lab[host].run("udp send 5.5.5.5 7 hello")


@pytest.mark.parametrize("mode", [OVERLOAD, POOL, TABLE])
def test_what_passes(tmp_path: Path, mode: str) -> None:
    """All modes: ICMP, UDP, TCP and fragments pass with right checksums; no inside address is seen outside."""
    lab = lab_of(tmp_path, mode)
    tap = Wiretap.on(lab, "box:out")
    everything(lab, "a")
    for packet in tap.packets():
        seen = IP(packet)
        assert not seen.src.startswith("10.")
        assert not seen.dst.startswith("10.")
        if not seen.frag and not seen.flags.MF:
            again = IP(bytes(seen))
            del again[IP].chksum
            for layer in (TCP, UDP, ICMP):
                if layer in again:
                    del again[layer].chksum
            assert bytes(again.__class__(bytes(again))) == packet


def test_overload_shares_one_address(tmp_path: Path) -> None:
    """Two hosts with equal ports: the second gets another one; nobody outside can begin."""
    lab = lab_of(tmp_path, OVERLOAD)
    for host in ("a", "b"):
        everything(lab, host)
    table = lab["box"].run("translations")
    assert table.count("1.1.1.1:") >= 6
    assert "10.0.0.6:" in table
    assert lab["server"].ping("1.1.1.1", count=1).received == 1
    assert "200" not in lab["server"].run("http get 1.1.1.1")
    lab.run_for(61)
    assert "10.0.0" not in lab["box"].run("translations")


def test_a_pool_lends_whole_addresses(tmp_path: Path) -> None:
    """A host that has an address can be reached under it; one that comes when none is left cannot go out."""
    lab = lab_of(tmp_path, POOL.replace("1.1.1.101", "1.1.1.100"))
    assert lab["server"].ping("1.1.1.100", count=1).received == 0
    assert lab["a"].ping("5.5.5.5", count=1).received == 1
    assert lab["server"].ping("1.1.1.100", count=1).received == 1
    assert "200" in lab["server"].run("http get 1.1.1.100")
    assert lab["b"].ping("5.5.5.5", count=1).received == 0
    lab.run_for(61)
    assert lab["b"].ping("5.5.5.5", count=1).received == 1
    assert lab["a"].ping("5.5.5.5", count=1).received == 0


def test_a_pool_gives_another_address_after_its_time(tmp_path: Path) -> None:
    """After the time-out, or `clear`, a host comes from another address (chapter 7: the peer's address changes)."""
    lab = lab_of(tmp_path, POOL)
    tap = Wiretap.on(lab, "internet:eth2")
    lab["a"].ping("5.5.5.5", count=1)
    lab.run_for(61)
    lab["a"].ping("5.5.5.5", count=1)
    lab["box"].run("clear")
    lab["a"].ping("5.5.5.5", count=1)
    seen = [IP(packet).src for packet in tap.packets(1) if IP(packet)[ICMP].type == 8]
    assert seen == ["1.1.1.100", "1.1.1.101", "1.1.1.100"]


def test_one_to_one_works_both_ways(tmp_path: Path) -> None:
    """A fixed map: the server may begin; a host that is not in it does not pass."""
    lab = lab_of(tmp_path, TABLE)
    assert lab["server"].ping("1.1.1.77", count=2).received == 2
    assert "200" in lab["server"].run("http get 1.1.1.77")
    assert lab["b"].ping("5.5.5.5", count=1).received == 0
    lab["box"].run("clear")
    assert "10.0.0.5" in lab["box"].run("translations")


@pytest.mark.parametrize("mode", [OVERLOAD, POOL, TABLE])
def test_errors_find_their_way(tmp_path: Path, mode: str) -> None:
    """Time exceeded, port unreachable and "fragmentation needed" come back to the host, quoting its own packet."""
    lab = lab_of(tmp_path, mode)
    for kind in ("", "icmp"):
        rows = lab["a"].run(f"traceroute 5.5.5.5 {kind} -n time-out 1").splitlines()[1:]
        assert [row.split()[1] for row in rows] == ["10.0.0.1", "1.1.1.250", "5.5.5.5"]
    lab.link("server:eth0").set(mtu=600)
    lab["a"].run("ping 5.5.5.5 count 1 size 1000 df")
    assert "1 received" in lab["a"].run("ping 5.5.5.5 count 1 size 500 df")


def _box(folder: Path, mode: str, lines: str, cfg: dict[str, str]) -> Lab:
    """Two devices behind the box, Paris outside; `lines` are their VPNs."""
    for name, text in cfg.items():
        (folder / f"{name}.cfg").write_text(text + lines)
    path = folder / "vpn.yaml"
    path.write_text(f"""\
name: vpn
seed: 2
topology:
  nodes:
    box:
      kind: nat
      interfaces: {{in: 10.0.0.1/24, out: 1.1.1.1/24}}
      inside: in
      outside: out
      routes: [{{to: default, via: 1.1.1.250}}]
      {mode}
    internet: {{kind: router, interfaces: {{eth1: 1.1.1.250/24, eth2: 2.2.2.250/24}}}}
    tokyo: {{kind: screenos, startup-config: tokyo.cfg}}
    paris: {{kind: screenos, startup-config: paris.cfg}}
    tokyo-pc: {{kind: host, address: 10.1.1.5/24, gateway: 10.1.1.1, services: [http]}}
    paris-pc: {{kind: host, address: 10.2.2.5/24, gateway: 10.2.2.1, services: [http]}}
  links:
    - endpoints: ["tokyo:ethernet3", "box:in"]
    - {{endpoints: ["box:out", "internet:eth1"], delay: 5ms}}
    - endpoints: ["paris:ethernet3", "internet:eth2"]
    - endpoints: ["tokyo-pc:eth0", "tokyo:ethernet1"]
    - endpoints: ["paris-pc:eth0", "paris:ethernet1"]
""")
    lab = Lab.load(path)
    assert [str(problem) for problem in lab.problems] == []
    return lab


def manual_behind(folder: Path, mode: str, outer: str, transform: str = ESP_3DES) -> Lab:
    """A manual key tunnel from behind the box, which Paris sees under the address `outer`."""
    both = """set interface ethernet1 zone trust
set interface ethernet3 zone untrust
set interface tunnel.1 zone untrust
set interface tunnel.1 ip unnumbered interface ethernet3
set policy from trust to untrust any any any permit
set policy from untrust to trust any any any permit
"""
    tokyo = f"""{both}set interface ethernet1 ip 10.1.1.1/24
set interface ethernet3 ip 10.0.0.5/24
set route 0.0.0.0/0 interface ethernet3 gateway 10.0.0.1
set route 10.2.2.0/24 interface tunnel.1
set vpn v manual 5001 5002 gateway 2.2.2.2 outgoing-interface ethernet3 {transform}
"""
    paris = f"""{both}set interface ethernet1 ip 10.2.2.1/24
set interface ethernet3 ip 2.2.2.2/24
set route 0.0.0.0/0 interface ethernet3 gateway 2.2.2.250
set route 10.1.1.0/24 interface tunnel.1
set vpn v manual 5002 5001 gateway {outer} outgoing-interface ethernet3 {transform}
"""
    return _box(folder, mode, "set vpn v bind interface tunnel.1\n", {"tokyo": tokyo, "paris": paris})


@pytest.mark.parametrize(("mode", "outer", "passes"), [
    ("mode: one-to-one\n      map: {10.0.0.5: 1.1.1.77}", "1.1.1.77", True),
    ("mode: pool\n      pool: 1.1.1.100", "1.1.1.100", True),
    ("mode: overload", "1.1.1.1", False),
    ("mode: overload\n      ike-aware: true", "1.1.1.1", True),
])  # fmt: skip
def test_esp(tmp_path: Path, mode: str, outer: str, passes: bool) -> None:
    """B298: ESP has no ports: it passes where a whole address is lent, and by its SPI where the box knows IPsec."""
    lab = manual_behind(tmp_path, mode, outer)
    tap = Wiretap.on(lab, "box:out", "paris:ethernet3")
    assert (lab["tokyo-pc"].ping("10.2.2.5", count=3).received == 3) is passes
    assert tap.leaks("10.1.1.0/24", "10.2.2.0/24") == []
    if passes:
        assert lab["paris-pc"].ping("10.1.1.5", count=3).received == 3


def test_ah_does_not_survive(tmp_path: Path) -> None:
    """B298: AH authenticates the addresses, so a translated packet fails at the receiver."""
    lab = manual_behind(tmp_path, TABLE, "1.1.1.77", "ah md5 password x")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=2).received == 0
    assert lab["paris"].device.database.tunnels[1].inbound_statistics.authentication_failures == 2


@pytest.mark.parametrize(("text", "said"), [
    ("mode: pool", "pool: missing"), ("mode: one-to-one", "map: missing"), ("mode: magic", "found 'magic'"),
    ("pool: 1.1.1.9-1.1.1.8", "above the last"), ("map: {x: 1.1.1.1}", "an IPv4 address"),
    ("map: {10.0.0.5: 1.1.1.9, 10.0.0.6: 1.1.1.9}", "taken by 10.0.0.5"),
    ("ike-awre: true", "did you mean 'ike-aware'"),
])  # fmt: skip
def test_mistakes_are_named(tmp_path: Path, text: str, said: str) -> None:
    """A wrong box is refused with file, line and what is allowed."""
    with pytest.raises(TopologyError) as caught:
        lab_of(tmp_path, text)
    assert said in str(caught.value)


def test_commands(tmp_path: Path) -> None:
    """Those of a router, and its own."""
    lab = lab_of(tmp_path, OVERLOAD)
    assert "in " in lab["box"].run("interfaces")
    assert lab["box"].ping("5.5.5.5", count=1).received == 1
    with pytest.raises(LabError):
        lab["box"].run("clear all")
