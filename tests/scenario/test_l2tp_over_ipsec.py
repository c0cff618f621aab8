"""L2TP-over-IPSec: a VPN in transport mode and an L2TP tunnel in one policy, with and without NAT (Vol. 5, chapter 6).

home (NAT 2.1.1.2): dialup-j, second      internet      1.1.1.1 (ethernet3) device (ethernet1) 10.1.1.1  ---  10.1.1.5
road: third 3.1.1.5
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.ipsec.keyexport import ESP_OPTIONS, ESP_TABLE
from nsemu.lab.dialup.l2tp_host import L2tpHost
from support.labs import Wiretap

TSHARK = shutil.which("tshark")
USERS = {"dialup-j": "abc123", "second": "def456", "third": "ghi789"}
BASE = """
set interface ethernet1 zone trust
set interface ethernet1 ip 10.1.1.1/24
set interface ethernet1 nat
set interface ethernet3 zone untrust
set interface ethernet3 ip 1.1.1.1/24
set address trust trust_net 10.1.1.0/24
set ippool sutro 10.1.3.40 10.1.3.100
set l2tp default ippool sutro
set l2tp tun1 outgoing-interface ethernet3 secret "netscreen" keepalive 60
set user-group all location local
set ike gateway dialup1 dialup "all" aggressive outgoing-interface ethernet3 preshare n3TsCr33N sec-level standard
set ike gateway dialup1 nat-traversal udp-checksum
set ike gateway dialup1 nat-traversal keepalive-frequency 5
set vpn VPN_dial gateway dialup1 no-replay transport idletime 0 sec-level standard
set vrouter trust-vr route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.250
set policy id 1 from untrust to trust "Dial-Up VPN" trust_net any tunnel vpn VPN_dial l2tp tun1
set policy id 2 from trust to untrust trust_net "Dial-Up VPN" any tunnel vpn VPN_dial l2tp tun1
"""


def _user(name: str, password: str) -> str:
    return f"""
set user {name} ike-id u-fqdn {name}@ns.com
set user {name} type auth ike l2tp
set user {name} password {password}
set user-group all user {name}
"""


def lab(folder: Path, *, phase2: str = "standard", mode: str = "") -> Lab:
    """Example 06-04 with three users."""
    head, rest = BASE.split("set ike gateway", 1)
    users = "".join(_user(name, password) for name, password in USERS.items())
    (folder / "device.cfg").write_text(f"{head}{users}set ike gateway{rest}")

    def client(name: str, where: str) -> str:
        ipsec = f"{{identity: {name}@ns.com, key: n3TsCr33N, phase1: standard, phase2: {phase2}{mode}}}"
        l2tp = f"{{gateway: 1.1.1.1, remote: 10.1.1.0/24, user: {name}, password: {USERS[name]}, secret: netscreen, "
        return f"    {name}: {{kind: dialup, {where}, services: [echo], l2tp: {l2tp}ipsec: {ipsec}}}}}"

    nat = "{kind: nat, interfaces: {eth0: 192.168.1.1/24, eth1: 2.1.1.2/24}, inside: [eth0], outside: eth1, "
    (folder / "lab.yaml").write_text(
        f"""
name: l2tp-ipsec-test
topology:
  nodes:
    device: {{kind: screenos, startup-config: device.cfg}}
    server: {{kind: host, address: 10.1.1.5/24, gateway: 10.1.1.1, services: [http, echo]}}
    internet: {{kind: router, interfaces: {{eth1: 1.1.1.250/24, eth2: 2.1.1.254/24, eth3: 3.1.1.254/24}}}}
    home: {nat}routes: [{{to: default, via: 2.1.1.254}}]}}
    hub: {{kind: switch}}
{client("dialup-j", "address: 192.168.1.33/24, gateway: 192.168.1.1")}
{client("second", "address: 192.168.1.34/24, gateway: 192.168.1.1")}
{client("third", "address: 3.1.1.5/24, gateway: 3.1.1.254")}
  links:
    - endpoints: ["server:eth0", "device:ethernet1"]
    - endpoints: ["device:ethernet3", "internet:eth1"]
    - endpoints: ["internet:eth2", "home:eth1"]
    - endpoints: ["home:eth0", "hub:1"]
    - endpoints: ["hub:2", "dialup-j:eth0"]
    - endpoints: ["hub:3", "second:eth0"]
    - endpoints: ["internet:eth3", "third:eth0"]
"""
    )
    return Lab.load(folder / "lab.yaml")


def address(text: str) -> str:
    found = re.search(r"inner address (\S+)", text)
    assert found is not None, text
    return found[1]


def test_either_side_may_begin(tmp_path: Path) -> None:
    """B273, B283, B284, B293, B297: example 06-04 (Aggressive with a key); once PPP is up both policies work."""
    running = lab(tmp_path)
    assert running["server"].ping("10.1.3.40", count=1).received == 0
    inner = address(running["third"].run("connect"))
    assert inner == "10.1.3.40"
    assert running["third"].ping("10.1.1.5", count=3).received == 3
    assert running["server"].ping(inner, count=3).received == 3


def test_all_of_it_is_in_esp(tmp_path: Path) -> None:
    """B015, B020, B137, B283: between the two ends there is IKE and ESP, and no UDP 1701."""
    running = lab(tmp_path)
    tap = Wiretap.on(running, "device:ethernet3")
    running["third"].run("connect")
    running["third"].ping("10.1.1.5", count=2)
    packets = tap.packets()
    assert {packet[9] for packet in packets} == {17, 50}
    ports = {int.from_bytes(packet[20:22], "big") for packet in packets if packet[9] == 17}
    assert ports == {500}
    shown = running["device"].run(f"get sa id {_sa(running, '3.1.1.5')}")
    assert "transport mode" in shown
    assert "proxy id: local 1.1.1.1/255.255.255.255, remote 3.1.1.5/255.255.255.255, proto 17, port 1701" in shown


def _sa(running: Lab, peer: str) -> str:
    found = re.search(rf"([0-9a-f]{{8}})< +{re.escape(peer)} ", running["device"].run("get sa active"))
    assert found is not None
    return str(int(found[1], 16))


def test_two_users_behind_one_nat_device(tmp_path: Path) -> None:
    """B137 through NAT-T: the address outside is the same for both, so the tunnel tells them apart."""
    running = lab(tmp_path)
    inner = {name: address(running[name].run("connect")) for name in ("dialup-j", "second", "third")}
    assert len(set(inner.values())) == 3
    for name, own in inner.items():
        assert running[name].ping("10.1.1.5", count=3).received == 3, name
        assert running["server"].ping(own, count=2).received == 2, name
    active = running["device"].run("get l2tp tun1 active")
    assert len(re.findall(r"2\.1\.1\.2 .* VPN_dial\n", active)) == 2


def test_who_hangs_up_leaves_the_others(tmp_path: Path) -> None:
    running = lab(tmp_path)
    for name in ("dialup-j", "second"):
        running[name].run("connect")
    running["dialup-j"].run("disconnect")
    running.run_for(5)
    assert running["second"].ping("10.1.1.5", count=3).received == 3
    assert running["dialup-j"].ping("10.1.1.5", count=1).received == 0
    assert "Total active calls: 1" in running["device"].run("get l2tp all active")


def test_sas_are_renewed_under_a_call(tmp_path: Path) -> None:
    """The call goes on through later SAs of its tunnel."""
    running = lab(tmp_path)
    running["third"].run("connect")
    before = running["device"].run("get sa active")
    assert running["third"].ping("10.1.1.5", count=200, interval=40).received >= 199
    assert running["device"].run("get sa active") != before
    assert "Total active calls: 1" in running["device"].run("get l2tp all active")


def test_a_client_without_pfs_is_refused(tmp_path: Path) -> None:
    """B294, E093: Standard wants group 2 in Phase 2."""
    running = lab(tmp_path, phase2="nopfs-esp-3des-sha")
    assert "not connected" in running["third"].run("connect")
    log = " ".join(running["device"].run("get event").split())
    assert "instead of expected group 2 for PFS" in log


def test_l2tp_in_clear_is_not_for_this_policy(tmp_path: Path) -> None:
    """B284: the policy names both, so L2TP without the VPN is refused even with password and secret."""
    running = lab(tmp_path)
    node = running.network.nodes["third"]
    assert isinstance(node, L2tpHost)
    node.l2tp.vpn = None
    assert "not connected" in running["third"].run("connect")
    log = " ".join(running["device"].run("get event").split())
    assert "L2TP request of third at 3.1.1.5 refused: no tunnel is for it" in log


@pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")
def test_tshark_opens_it_with_our_keys(tmp_path: Path) -> None:
    """B068: ESP, UDP 1701, L2TP, PPP, and the packet inside."""
    running = lab(tmp_path)
    path = tmp_path / "ipsec.pcapng"
    with running.capture(path, ["device:ethernet3"]):
        running["third"].run("connect")
        running["third"].ping("10.1.1.5", count=2)
    options = _options(path)
    words = [word for option in options for word in ("-o", option)]
    command = [str(TSHARK), "-r", str(path), *words, "-T", "json", "-e", "frame.protocols", "-e", "_ws.malformed"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    layers = [frame["_source"]["layers"] for frame in json.loads(done.stdout)]
    protocols = {layer["frame.protocols"][0] for layer in layers}
    assert any("esp:udp:l2tp:ppp:ip:icmp" in item for item in protocols), protocols
    assert not any("_ws.malformed" in layer for layer in layers)


def _options(path: Path) -> list[str]:
    table = next(file for file in path.parent.rglob("*") if file.name == ESP_TABLE)
    rows = [line for line in table.read_text().splitlines() if line.startswith('"')]
    return [*ESP_OPTIONS, *(f"uat:{ESP_TABLE}:{row}" for row in rows)]
