"""`nsemu doctor` and VPN clients: one fault at a time is put into a sound lab, and must be found."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nsemu.app.main import main

DEVICE = """
set interface ethernet1 zone trust
set interface ethernet1 ip 10.1.1.1/24
set interface ethernet3 zone untrust
set interface ethernet3 ip 1.1.1.1/24
set vrouter trust-vr route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.250
set address trust lan 10.1.1.0/24
set ippool pool 10.7.7.1 10.7.7.9
set user staff ike-id u-fqdn example.org share-limit 5
set user joe password Secr3t
set user joe type xauth
set user joe remote-settings ippool pool
set ike gateway g dialup staff aggressive outgoing-interface ethernet3 seed-preshare s33d proposal pre-g2-aes128-sha
set ike gateway g xauth
set vpn v gateway g proposal g2-esp-aes128-sha
set policy from untrust to trust "Dial-Up VPN" lan any tunnel vpn v
"""
TOPOLOGY = """
name: d
topology:
  nodes:
    hub: {kind: screenos, startup-config: hub.cfg}
    net: {kind: router, interfaces: {eth1: 1.1.1.250/24, eth2: 2.2.2.254/24}}
    pc:
      kind: dialup
      address: 2.2.2.2/24
      gateway: 2.2.2.254
      vpn:
        gateway: 1.1.1.1
        remote: 10.1.1.0/24
        identity: ann@example.org
        key: KEY
        phase1: pre-g2-aes128-sha
        phase2: g2-esp-aes128-sha
        inner-address: assigned
        user: joe
        password: Secr3t
  links:
    - endpoints: ["hub:ethernet3", "net:eth1"]
    - endpoints: ["net:eth2", "pc:eth0"]
    - endpoints: ["hub:ethernet1", "lan:p"]
"""


def findings(folder: Path, capsys: pytest.CaptureFixture[str], *changes: tuple[str, str]) -> list[dict[str, object]]:
    """What the doctor says after some replacements in both files."""
    from nsemu.ike.dialup import preshared_key

    device, topology = DEVICE, TOPOLOGY.replace("KEY", preshared_key(b"s33d", b"ann@example.org").decode())
    topology = topology.replace("    net: {kind", "    lan: {kind: switch}\n    net: {kind")
    for old, new in changes:
        assert old in device + topology
        device, topology = device.replace(old, new), topology.replace(old, new)
    (folder / "hub.cfg").write_text(device)
    (folder / "d.yaml").write_text(topology)
    code = main(["doctor", str(folder / "d.yaml"), "--json"])
    output = capsys.readouterr().out
    assert "Secr3t" not in output
    assert "s33d" not in output
    found: list[dict[str, object]] = json.loads(output)
    assert code == (1 if found else 0)
    return found


def test_a_sound_client(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert findings(tmp_path, capsys) == []


FAULTS = {
    "address": (("gateway: 1.1.1.1", "gateway: 1.1.1.9"), "address", "no device here has the address 1.1.1.9"),
    "identity": (("ann@example.org", "ann@example.net"), "identity", "for the IKE ID ann@example.net"),
    "key": (("s33d", "s34d"), "key", "the preshared keys differ (exec ike preshare-gen g ann@example.org prints it)"),
    "mode": (("inner-address: assigned", "inner-address: assigned\n        mode: main"), "mode", "pc uses main"),
    "phase 1": (("phase1: pre-g2-aes128-sha", "phase1: pre-g2-3des-md5"), "phase 1", "pre-g2-3des-md5 against"),
    "phase 2": (("phase2: g2-esp-aes128-sha", "phase2: nopfs-esp-3des-sha"), "phase 2", "nopfs-esp-3des-sha against"),
    "no login": (("set ike gateway g xauth\n", ""), "login", "pc logs in, and hub does not ask for it"),
    "unknown user": (("user: joe", "user: jim"), "login", "jim is no XAuth user of hub"),
    "no xauth user": (("type xauth", "type l2tp"), "login", "joe is no XAuth user of hub"),
    "password": (("password: Secr3t", "password: other"), "login", "the password of joe is another one"),
    "pool": (("set user joe remote-settings ippool pool\n", ""), "login", "no inner address for joe"),
    "proxy ID": (("remote: 10.1.1.0/24", "remote: 10.1.2.0/24"), "proxy-id", "network 10.1.2.0/24; hub has client"),
    "service": (("lan any tunnel", "lan http tunnel"), "proxy-id", "protocol 6, port 80"),
    "policy": (('set policy from untrust to trust "Dial-Up VPN" lan any tunnel vpn v\n', ""), "vpn", "no VPN of hub"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change, topic, message = FAULTS[name]
    found = [item for item in findings(tmp_path, capsys, change) if str(item["subject"]).startswith("pc")]
    assert [item["topic"] for item in found] == [topic]
    assert re.search(re.escape(message), str(found[0]["message"])), found


def test_a_client_of_a_dynamic_gateway(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """05-02, 05-03: the gateway is not alone, and the virtual inner address must be the one of its proxy ID."""
    dynamic = (
        "dialup staff aggressive outgoing-interface ethernet3 seed-preshare s33d",
        "dynamic ann@example.org aggressive outgoing-interface ethernet3 preshare kk",
    )
    bound = (
        "set vpn v gateway g proposal g2-esp-aes128-sha",
        "set interface tunnel.1 zone untrust\nset interface tunnel.1 ip unnumbered interface ethernet3\n"
        "set vpn v gateway g proposal g2-esp-aes128-sha\nset vpn v bind interface tunnel.1\n"
        "set vpn v proxy-id local-ip 10.1.1.0/24 remote-ip 10.7.7.7/32 any\n"
        "set vrouter trust-vr route 10.7.7.7/32 interface tunnel.1\n"
        "set policy from untrust to trust any lan any permit",
    )
    plain = (
        ('set policy from untrust to trust "Dial-Up VPN" lan any tunnel vpn v\n', ""),
        ("set ike gateway g xauth\n", ""),
        ("        user: joe\n        password: Secr3t\n", ""),
    )
    inner = ("inner-address: assigned", "inner-address: 10.7.7.7")
    other = ("inner-address: assigned", "inner-address: 10.7.7.8")
    key = ("phase1: pre", "mode: aggressive\n        phase1: pre")
    found = findings(tmp_path, capsys, dynamic, bound, *plain, inner, key)
    assert [item["topic"] for item in found] == ["key"]  # the group's key is none here
    found = findings(tmp_path, capsys, dynamic, bound, *plain, other, key)
    assert [item["topic"] for item in found] == ["key", "proxy-id"]
