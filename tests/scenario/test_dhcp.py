"""DHCP clients of devices and the DHCP service of hosts: B201, B207, B208, B323; RFC 2131."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from scapy.layers.dhcp import DHCP
from scapy.layers.l2 import Ether

from nsemu import Lab, LabError
from nsemu.lab.host.host import Host
from nsemu.lab.host.services.dhcp import Lease
from support.labs import Wiretap, events, type_lines
from support.names import NAME

UDP = 17
LANS = ("10.1.1.0/24", "10.2.2.0/24")

_TOPOLOGY = """\
name: dhcp
seed: 5
topology:
  nodes:
    tokyo: {kind: screenos, startup-config: tokyo.cfg}
    paris: {kind: screenos, startup-config: paris.cfg}
    internet: {kind: router, interfaces: {eth1: 1.1.1.250/24, eth2: 2.2.2.250/24, eth3: 5.5.5.250/24}}
    isp: {kind: switch}
    server:
      kind: host
      address: 2.2.2.5/24
      services: [{name: dhcp, pool: 2.2.2.20-2.2.2.29, gateway: 2.2.2.250, dns: 5.5.5.5, lease: 1h}]
    other:
      kind: host
      address: 2.2.2.6/24
      services: OTHER
    ns: {kind: host, address: 5.5.5.5/24, gateway: 5.5.5.250, services: [http, {name: dns, ttl: 30, records: NAMES}]}
    tokyo-pc: {kind: host, address: 10.1.1.5/24, gateway: 10.1.1.1, services: [http]}
    paris-pc: {kind: host, address: 10.2.2.5/24, gateway: 10.2.2.1, services: [http]}
  links:
    - {endpoints: ["tokyo:ethernet3", "internet:eth1"], delay: 10ms}
    - {endpoints: ["paris:ethernet3", "isp:1"], delay: 10ms}
    - endpoints: ["server:eth0", "isp:2"]
    - endpoints: ["internet:eth2", "isp:3"]
    - endpoints: ["other:eth0", "isp:4"]
    - endpoints: ["ns:eth0", "internet:eth3"]
    - endpoints: ["tokyo-pc:eth0", "tokyo:ethernet1"]
    - endpoints: ["paris-pc:eth0", "paris:ethernet1"]
"""
_BOTH = """\
set interface ethernet1 zone trust
set interface ethernet3 zone untrust
set interface tunnel.1 zone untrust
set interface tunnel.1 ip unnumbered interface ethernet3
set policy from trust to untrust any any any permit
set policy from untrust to trust any any any permit
"""
_TOKYO = f"""\
{_BOTH}set interface ethernet1 ip 10.1.1.1/24
set interface ethernet3 ip 1.1.1.1/24
set dns host dns1 5.5.5.5
set ike gateway gw address {NAME} outgoing-interface ethernet3 preshare k sec-level standard
set vpn v gateway gw sec-level standard
set vpn v bind interface tunnel.1
set route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.250
set route 10.2.2.0/24 interface tunnel.1
set route 10.2.2.0/24 interface null metric 9
"""
_PARIS = f"""\
{_BOTH}set interface ethernet1 ip 10.2.2.1/24
set ike gateway gw address 1.1.1.1 outgoing-interface ethernet3 preshare k sec-level standard
set vpn v gateway gw sec-level standard
set vpn v bind interface tunnel.1
set route 10.1.1.0/24 interface tunnel.1
set route 10.1.1.0/24 interface null metric 9
"""
CLIENT = ("set interface ethernet3 dhcp client",)
ROUTE = "set vrouter trust-vr route 0.0.0.0/0 interface ethernet3"


def running(folder: Path, paris: Sequence[str] = CLIENT, other: str = "[]", wait: float = 3) -> Lab:
    """Paris gets its address from `server`; `other` may be a second server. Its name is 2.2.2.20."""
    (folder / "tokyo.cfg").write_text(_TOKYO)
    (folder / "paris.cfg").write_text(_PARIS + "\n".join(paris) + "\n")
    path = folder / "dhcp.yaml"
    path.write_text(_TOPOLOGY.replace("OTHER", other).replace("NAMES", "{" + NAME + ": 2.2.2.20}"))
    lab = Lab.load(path)
    assert [str(problem) for problem in lab.problems] == []
    lab.run_for(wait)
    return lab


def address(lab: Lab) -> str:
    """What Paris has on ethernet3."""
    text = lab["paris"].run("get interface ethernet3")
    return next(line.split()[1] for line in text.splitlines() if line.strip().startswith(("ip ", "*ip ")))


@pytest.mark.parametrize("lines", [
    ("set interface ethernet3 dhcp client",), ("set interface ethernet3 dhcp client enable",),
    ("set interface ethernet3 ip dhcp-client enable",), ("set interface ethernet3 dhcp client", ROUTE),
])  # fmt: skip
def test_address_and_gateway(tmp_path: Path, lines: tuple[str, ...]) -> None:
    """B201, B208, E038, E039: all three forms; the gateway comes by DHCP, with or without a route that lacks one."""
    lab = running(tmp_path, lines)
    assert address(lab) == "2.2.2.20/24"
    assert "via 2.2.2.250" in lab["paris"].run("get route ip 9.9.9.9")
    before = lab["paris"].run("get config")
    assert "2.2.2." not in before
    assert lab["tokyo-pc"].ping("10.2.2.5", count=5).received == 4
    view = lab["paris"].run("get interface ethernet3 dhcp client")
    assert "state bound" in view
    assert "server 2.2.2.5, lease 3600 seconds" in view
    assert "5.5.5.5" in lab["paris"].run("get dns host settings")
    assert lab["paris"].run("get dhcp client") == view
    assert "*ip 2.2.2.20/24   unnumbered, source interface ethernet3" in lab["paris"].run("get interface tunnel.1")


def test_the_messages(tmp_path: Path) -> None:
    """Discover, offer, request, acknowledge, as another implementation reads them; from 0.0.0.0 to everybody."""
    lab = running(tmp_path)
    type_lines(lab, "paris", "exec dhcp client ethernet3 release")
    tap = Wiretap.on(lab, "paris:ethernet3")
    type_lines(lab, "paris", "exec dhcp client ethernet3 renew")
    lab.run_for(3)
    datagrams = [frame for frame in tap.frames if frame[12:14] == b"\x08\x00" and frame[23] == UDP]
    seen = [Ether(frame) for frame in datagrams if frame[37] in {67, 68}]
    kinds = [frame[DHCP].options[0][1] for frame in seen]
    assert kinds == [1, 2, 3, 5]
    assert all(frame["IP"].dst == "255.255.255.255" for frame in seen)
    assert seen[0]["IP"].src == "0.0.0.0"


def test_renewal_keeps_everything(tmp_path: Path) -> None:
    """B323: the same address does not rekey IKE: one SA pair over ten renewals, no packet lost."""
    lab = running(tmp_path)
    lab["server"].run("dhcp lease 300")
    type_lines(lab, "paris", "exec dhcp client ethernet3 renew")
    lab["tokyo-pc"].ping("10.2.2.5", count=3)
    spi = lab["paris"].device.database.tunnels[1].last_outbound_spi
    assert lab["tokyo-pc"].ping("10.2.2.5", count=30, interval=50).received == 30
    assert lab["paris"].device.database.tunnels[1].last_outbound_spi == spi
    assert "299 remain" not in lab["paris"].run("get dhcp client")


def test_another_address_rekeys(tmp_path: Path) -> None:
    """B323, B216: a new address makes IKE negotiate anew at once, without traffic; nothing leaks meanwhile."""
    lab = running(tmp_path)
    lab["paris-pc"].ping("10.1.1.5", count=3)
    tap = Wiretap.on(lab, "paris:ethernet3", "tokyo:ethernet3")
    lab["server"].run("dhcp pool 2.2.2.70-2.2.2.79")
    type_lines(lab, "paris", "exec dhcp client ethernet3 renew")
    lab.run_for(1)
    lab["ns"].run(f"dns set {NAME} 2.2.2.70")
    type_lines(lab, "tokyo", "exec dns refresh")
    lab.run_for(30)
    assert address(lab) == "2.2.2.70/24"
    assert "2.2.2.70" in lab["tokyo"].run("get sa active")
    assert lab["paris"].device.database.tunnels[1].active
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3).received >= 2
    assert tap.leaks(*LANS) == []
    assert any("2.2.2.70 from server 2.2.2.5" in text for text in events(lab, "paris"))


def test_the_server_is_gone(tmp_path: Path) -> None:
    """Renewing, rebinding, then the address is given up; when a server is back, there is one again."""
    lab = running(tmp_path)
    lab["server"].run("service stop dhcp")
    lab.run_for(1900)
    assert "state renewing" in lab["paris"].run("get dhcp client")
    lab.run_for(1300)
    assert "state rebinding" in lab["paris"].run("get dhcp client")
    assert address(lab) == "2.2.2.20/24"
    lab.run_for(600)
    assert address(lab) == "0.0.0.0/0"
    tap = Wiretap.on(lab, "paris:ethernet3")
    assert lab["paris-pc"].ping("10.1.1.5", count=3).received == 0
    assert tap.leaks(*LANS) == []
    lab["server"].run("service start dhcp")
    lab.run_for(120)
    assert address(lab) == "2.2.2.20/24"
    assert lab["paris-pc"].ping("10.1.1.5", count=4).received >= 3


def test_one_server_of_two(tmp_path: Path) -> None:
    """B207: `settings server` names the one whose offers count; without it the first to answer does."""
    other = "[{name: dhcp, pool: 2.2.2.100-2.2.2.109, gateway: 2.2.2.250}]"
    lab = running(tmp_path, ("set interface ethernet3 dhcp client",
                             "set interface ethernet3 dhcp client settings server 2.2.2.6"), other)  # fmt: skip
    assert address(lab) == "2.2.2.100/24"
    type_lines(lab, "paris", "set interface ethernet3 dhcp client settings server 2.2.2.5")
    lab.run_for(200)
    assert "asks server 2.2.2.5 only" in lab["paris"].run("get dhcp client")
    type_lines(lab, "paris", "exec dhcp client ethernet3 release", "exec dhcp client ethernet3 renew")
    lab.run_for(10)
    assert address(lab) == "2.2.2.20/24"


def test_release_and_removal(tmp_path: Path) -> None:
    """The address is given back; without the client the interface has what is configured: nothing."""
    lab = running(tmp_path)
    type_lines(lab, "paris", "exec dhcp client ethernet3 release")
    assert address(lab) == "0.0.0.0/0"
    lab.run_for(1)
    assert "expired" in lab["server"].run("dhcp")
    type_lines(lab, "paris", "exec dhcp client ethernet3 renew")
    lab.run_for(5)
    assert address(lab) == "2.2.2.20/24"
    type_lines(lab, "paris", "unset interface ethernet3 dhcp client")
    assert address(lab) == "0.0.0.0/0"
    assert "2.2.2.250" not in lab["paris"].run("get route")
    with pytest.raises(LabError):
        lab["paris"].run("exec dhcp client ethernet3 renew")


def test_link_down_and_up(tmp_path: Path) -> None:
    """After a link came back the client asks whether its address still holds; a refusal makes it begin anew."""
    lab = running(tmp_path)
    lab.link("paris:ethernet3").down()
    lab.run_for(60)
    lab["server"].run("dhcp pool 2.2.2.70-2.2.2.79")
    lab.link("paris:ethernet3").up()
    lab.run_for(30)
    assert address(lab) == "2.2.2.70/24"


def test_a_saved_device_asks_again(tmp_path: Path) -> None:
    """A restart forgets the lease and gets it again: nothing of it was saved."""
    lab = running(tmp_path)
    type_lines(lab, "paris", "save")
    assert "2.2.2." not in (lab["paris"].device.saved_text or "2.2.2.")
    lab["paris"].device.restart(lab["paris"].device.config)
    assert address(lab) == "0.0.0.0/0"
    lab.run_for(10)
    assert address(lab) == "2.2.2.20/24"


def test_lost_messages(tmp_path: Path) -> None:
    """A client repeats what is not answered."""
    lab = running(tmp_path, wait=0)
    lab.link("paris:ethernet3").set(loss=0.4)
    lab.run_for(400)
    assert address(lab) == "2.2.2.20/24"


def test_an_empty_pool_and_commands(tmp_path: Path) -> None:
    """No address is free: no answer. The pool is changed by a command of the host."""
    lab = running(tmp_path, wait=0)
    lab["server"].run("dhcp pool 2.2.2.20")
    server = lab["server"].node
    assert isinstance(server, Host)
    taken = server.store.pool
    assert taken is not None
    taken.leases[b"\x02other"] = Lease(0x02020214, 10**15)
    lab.run_for(60)
    assert address(lab) == "0.0.0.0/0"
    lab["server"].run("dhcp pool 2.2.2.20-2.2.2.21")
    lab.run_for(70)
    assert address(lab) == "2.2.2.21/24"
    for wrong in ("dhcp pool 2.2.2.9-2.2.2.8", "dhcp lease 1", "dhcp what 3", "dhcp pool"):
        with pytest.raises(LabError):
            lab["server"].run(wrong)
