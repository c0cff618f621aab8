"""L2TP users of a device: who gets in, what they are told, what they reach, and how it ends (Vol. 5, chapter 6).

adam 2.1.1.5, betty 2.1.1.6  ---  internet  ---  1.1.1.1 (ethernet3) device (ethernet1) 10.1.1.1  ---  server 10.1.1.5
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.lab.dialup.l2tp_host import L2tpHost
from support.labs import Wiretap

TSHARK = shutil.which("tshark")
BASE = """
set interface ethernet1 zone trust
set interface ethernet1 ip 10.1.1.1/24
set interface ethernet1 nat
set interface ethernet3 zone untrust
set interface ethernet3 ip 1.1.1.1/24
set vrouter trust-vr route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.250
set user adam type l2tp
set user adam password AJbioJ15
unset user adam type auth
set user betty type l2tp
set user betty password BviPsoJ1
unset user betty type auth
set user-group fs location local
set user-group fs user adam
set user-group fs user betty
set ippool small 10.10.2.1 10.10.2.3
set ippool other 10.20.0.9 10.20.0.9
set l2tp default ippool small
set l2tp default ppp-auth chap
set l2tp default dns1 1.1.1.2
"""
TUNNEL = "set l2tp corp outgoing-interface ethernet3"
POLICY = 'set policy id 5 from untrust to trust "Dial-Up VPN" any any tunnel l2tp corp'
OUTWARD = 'set policy id 6 from trust to untrust any "Dial-Up VPN" any tunnel l2tp corp'
AUTH = "set l2tp corp auth server Local"
PEERS = {"adam": "AJbioJ15", "betty": "BviPsoJ1"}


def lab(
    folder: Path,
    *lines: str,
    tunnel: str = TUNNEL,
    policies: Sequence[str] = (POLICY,),
    client: str = "",
    host: str = "",
) -> Lab:
    """The lab of the page's head; `client` are more keys of both clients, `host` is adam's host name."""
    (folder / "device.cfg").write_text("\n".join([BASE, tunnel, *lines, *policies, ""]))
    users = {
        name: f"{{gateway: 1.1.1.1, remote: 10.1.1.0/24, user: {name}, password: {word}{client}"
        + (f", host-name: {host}" if host and name == "adam" else "")
        + "}"
        for name, word in PEERS.items()
    }
    (folder / "lab.yaml").write_text(
        f"""
name: l2tp-test
topology:
  nodes:
    device: {{kind: screenos, startup-config: device.cfg}}
    server: {{kind: host, address: 10.1.1.5/24, gateway: 10.1.1.1, services: [http, echo]}}
    internet: {{kind: router, interfaces: {{eth1: 1.1.1.250/24, eth2: 2.1.1.254/24}}}}
    cafe: {{kind: switch}}
    adam: {{kind: dialup, address: 2.1.1.5/24, gateway: 2.1.1.254, services: [echo], l2tp: {users["adam"]}}}
    betty: {{kind: dialup, address: 2.1.1.6/24, gateway: 2.1.1.254, l2tp: {users["betty"]}}}
  links:
    - endpoints: ["server:eth0", "device:ethernet1"]
    - endpoints: ["device:ethernet3", "internet:eth1"]
    - endpoints: ["internet:eth2", "cafe:port1"]
    - endpoints: ["cafe:port2", "adam:eth0"]
    - endpoints: ["cafe:port3", "betty:eth0"]
"""
    )
    return Lab.load(folder / "lab.yaml")


def address(text: str) -> str:
    found = re.search(r"inner address (\S+)", text)
    assert found is not None, text
    return found[1]


def log(running: Lab) -> str:
    return " ".join(running["device"].run("get event").split())


def test_the_pool_is_gone_through_cyclically(tmp_path: Path) -> None:
    """B277: .1, .2, .3, .1; an address that is in use is passed over."""
    running = lab(tmp_path)
    given = []
    for _ in range(4):
        given.append(address(running["adam"].run("connect")))
        running["adam"].run("disconnect")
        running.run_for(2)
    assert given == [f"10.10.2.{last}" for last in (1, 2, 3, 1)]
    assert address(running["betty"].run("connect")) == "10.10.2.2"
    assert address(running["adam"].run("connect")) == "10.10.2.3"
    running["adam"].run("disconnect")
    running.run_for(2)
    assert address(running["adam"].run("connect")) == "10.10.2.1"
    running["adam"].run("disconnect")
    running.run_for(2)
    assert address(running["adam"].run("connect")) == "10.10.2.3"


def test_settings_of_a_user_come_first(tmp_path: Path) -> None:
    """B268, B272, B280, B296: of the user, then of the tunnel, then the defaults."""
    running = lab(
        tmp_path,
        "set user adam remote-settings ipaddr 10.30.0.7",
        "set user adam remote-settings dns1 9.9.9.9",
        "set l2tp corp remote-setting wins1 8.8.8.8",
        "set l2tp corp remote-setting ippool other",
    )
    assert address(running["adam"].run("connect")) == "10.30.0.7"
    assert "9.9.9.9" in running["adam"].run("status")
    assert "wins           8.8.8.8" in running["adam"].run("status")
    assert address(running["betty"].run("connect")) == "10.20.0.9"
    assert "dns            1.1.1.2" in running["betty"].run("status")
    running["betty"].run("disconnect")
    running.run_for(2)
    assert "10.20.0.9" in running["betty"].run("connect")


def test_a_pool_that_is_used_up(tmp_path: Path) -> None:
    running = lab(tmp_path, "set l2tp corp remote-setting ippool other")
    assert address(running["adam"].run("connect")) == "10.20.0.9"
    assert "not connected" in running["betty"].run("connect")
    assert "L2TP user betty of tunnel corp was refused: no address for the user" in log(running)


@pytest.mark.parametrize("lines", [
    (f"{AUTH} user betty",),
    ("set user-group two location local", "set user-group two user betty", f"{AUTH} user-group two"),
    ("set user adam type auth", "unset user adam type l2tp"),
    ("unset user adam enable",),
])  # fmt: skip
def test_who_may_use_the_tunnel(tmp_path: Path, lines: tuple[str, ...]) -> None:
    """B270, B281, B290: each tunnel has its own users; a user that is none of L2TP, or disabled, is refused."""
    running = lab(tmp_path, *lines)
    assert "refused the user name or the password" in running["adam"].run("connect")
    assert "connected, inner address" in running["betty"].run("connect")


@pytest.mark.parametrize(
    ("words", "good"),
    [
        ("peer-ip 2.1.1.5", True),
        ("peer-ip 0.0.0.0", True),
        ("peer-ip 2.1.1.6", False),
        ('host-name "laptop"', True),
        ('host-name "desktop"', False),
        ('secret "netscreen"', True),
        ('secret "other"', False),
        ("keepalive 0", True),
    ],
)
def test_what_the_tunnel_asks_of_a_lac(tmp_path: Path, words: str, good: bool) -> None:
    """B286, B288, B289."""
    secret = ", secret: netscreen" if "secret" in words else ""
    running = lab(tmp_path, tunnel=f"{TUNNEL} {words}", client=secret, host="laptop")
    assert ("connected, inner" in running["adam"].run("connect")) is good
    if not good and "secret" not in words:
        assert "L2TP request of laptop at 2.1.1.5 refused: no tunnel is for it" in log(running)


def test_both_directions(tmp_path: Path) -> None:
    """B297: with an outgoing policy the server reaches the user's inner address; without it, not."""
    running = lab(tmp_path, policies=(POLICY, OUTWARD))
    inner = address(running["adam"].run("connect"))
    assert running["adam"].ping("10.1.1.5", count=3).received == 3
    assert running["server"].ping(inner, count=3).received == 3
    assert running["server"].ping("10.10.2.3", count=1).received == 0
    running["device"].run("unset policy id 6")
    assert running["server"].ping(inner, count=2).received == 0
    assert running["adam"].ping("10.1.1.5", count=2).received == 2


def test_nothing_is_encrypted(tmp_path: Path) -> None:
    """B267, B275, B282: UDP 1701 with PPP inside, in clear."""
    running = lab(tmp_path)
    tap = Wiretap.on(running, "device:ethernet3")
    running["adam"].run("connect")
    running["adam"].ping("10.1.1.5", count=2)
    packets = tap.packets()
    assert {packet[9] for packet in packets} == {17}
    assert all(b"\x06\xa5" in (packet[20:22], packet[22:24]) for packet in packets)
    inner = [packet for packet in packets if b"\xff\x03\x00\x21\x45" in packet]
    assert len(inner) == 4
    assert not any(b"AJbioJ15" in packet for packet in packets)


def test_a_source_that_is_not_the_users_own_is_dropped(tmp_path: Path) -> None:
    """B276: only the address that was given is taken from a call."""
    running = lab(tmp_path)
    running["adam"].run("connect")
    running["betty"].run("connect")
    adam, betty = (running.network.nodes[name] for name in PEERS)
    assert isinstance(adam, L2tpHost)
    assert isinstance(betty, L2tpHost)
    assert betty.l2tp.told is not None
    before = running["device"].run("get session")
    adam.l2tp.interface.readdress(betty.l2tp.told.address)
    assert running["adam"].ping("10.1.1.5", count=2).received == 0
    assert running["device"].run("get session").count("id ") == before.count("id ")


def test_hellos_and_a_client_that_has_gone(tmp_path: Path) -> None:
    """B287: hellos after the seconds of the tunnel; who does not answer them is gone, and the address is free."""
    running = lab(tmp_path, tunnel=f"{TUNNEL} keepalive 30")
    tap = Wiretap.on(running, "device:ethernet3")
    running["adam"].run("connect")
    count = len(tap.packets())
    running.run_for(31)
    assert len(tap.packets()) == count + 2
    running.link("adam:eth0").down()
    running.run_for(90)
    assert "Total active calls: 0" in running["device"].run("get l2tp all active")
    assert "the peer does not answer" in log(running)


def test_seeing_and_clearing(tmp_path: Path) -> None:
    running = lab(tmp_path)
    inner = address(running["adam"].run("connect"))
    running["betty"].run("connect")
    device = running["device"]
    table = device.run("get l2tp all")
    assert re.search(r"corp +0\.0\.0\.0 +- +ethernet3 +60 Local +2\n", table)
    assert "Total L2TP tunnels: 1" in table
    active = device.run("get l2tp corp active")
    assert re.search(rf"corp +\d+ +\d+ 2\.1\.1\.5 +adam +adam +{re.escape(inner)}", active)
    assert "Total active calls: 2" in active
    assert "l2tp nowhere does not exist" in device.cli("get l2tp nowhere")
    assert device.run("clear l2tp corp") == "2 L2TP calls cleared\n"
    running.run_for(2)
    assert "Total active calls: 0" in device.run("get l2tp all active")
    assert "not connected" in running["adam"].run("status")


def test_a_change_of_the_configuration_ends_what_it_forbids(tmp_path: Path) -> None:
    running = lab(tmp_path)
    running["adam"].run("connect")
    running["betty"].run("connect")
    running["device"].run("unset user-group fs user adam")
    running["device"].run("unset user adam")
    running.run_for(2)
    assert "Total active calls: 1" in running["device"].run("get l2tp all active")
    running["device"].run("unset policy id 5")
    running.run_for(2)
    assert "Total active calls: 0" in running["device"].run("get l2tp all active")


def test_without_a_policy_nobody_gets_in(tmp_path: Path) -> None:
    """B283: an L2TP tunnel that no policy names takes nobody."""
    running = lab(tmp_path, policies=())
    assert "not connected" in running["adam"].run("connect")


def test_the_walk_tells_the_call(tmp_path: Path) -> None:
    running = lab(tmp_path)
    running["adam"].run("connect")
    running["adam"].ping("10.1.1.5", count=1)
    walk = running.trace("adam", "10.1.1.5")
    text = walk.text()
    assert walk.disposition == "delivered", text
    assert "out of L2TP tunnel corp" in text
    assert "into L2TP tunnel corp" in text
    assert "policy id 5" in text


@pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")
def test_tshark_reads_all_of_it(tmp_path: Path) -> None:
    """B275: control messages, LCP, CHAP, IPCP and the packets inside, without a malformed one."""
    running = lab(tmp_path, tunnel=f'{TUNNEL} secret "netscreen"', client=", secret: netscreen")
    path = tmp_path / "l2tp.pcapng"
    with running.capture(path, ["device:ethernet3"]):
        running["adam"].run("connect")
        running["adam"].ping("10.1.1.5", count=2)
        running["adam"].run("disconnect")
        running.run_for(2)
    fields = ["frame.protocols", "l2tp.avp.message_type", "_ws.malformed", "_ws.expert.message"]
    words = [word for field in fields for word in ("-e", field)]
    secret = ["-o", "l2tp.shared_secret:netscreen"]
    done = subprocess.run(
        [str(TSHARK), "-r", str(path), *secret, "-T", "json", *words], capture_output=True, text=True, check=True
    )
    layers = [frame["_source"]["layers"] for frame in json.loads(done.stdout)]
    kinds = [int(layer["l2tp.avp.message_type"][0]) for layer in layers if "l2tp.avp.message_type" in layer]
    assert kinds[:6] == [1, 2, 3, 10, 11, 12]
    assert {4, 14} & set(kinds)
    protocols = " ".join(layer["frame.protocols"][0] for layer in layers)
    for name in ("ppp:lcp", "ppp:chap", "ppp:ipcp", "ppp:ip:icmp"):
        assert name in protocols, protocols
    assert not any("_ws.malformed" in layer for layer in layers)


def test_long_packets_fit_the_users_end(tmp_path: Path) -> None:
    """RFC 1661 §6.1: the client takes 1400 octets; longer ones are cut, or refused when they must not be."""
    running = lab(tmp_path, policies=(POLICY, OUTWARD))
    inner = address(running["adam"].run("connect"))
    tap = Wiretap.on(running, "device:ethernet3")
    assert running["server"].ping(inner, count=2, size=1472).received == 2
    assert running["adam"].ping("10.1.1.5", count=2, size=1400).received == 2
    lengths = [int.from_bytes(packet[2:4], "big") for packet in tap.packets()]
    assert max(lengths) <= 1500
    assert not any(packet[6] & 0x3F or packet[7] for packet in tap.packets())
    told = running["server"].run(f"ping {inner} count 1 size 1472 df")
    assert "0 received" in told
    assert running["server"].run(f"ping {inner} count 1 size 1372 df").count("1 received") == 1


def test_the_pool_must_not_be_part_of_the_lan(tmp_path: Path) -> None:
    """B269: hosts of the LAN look for such an address on their own wire, and find nobody."""
    running = lab(tmp_path, "set ippool inside 10.1.1.100 10.1.1.110", "set l2tp corp remote-setting ippool inside")
    assert address(running["adam"].run("connect")) == "10.1.1.100"
    assert running["adam"].ping("10.1.1.5", count=2).received == 0
    running["device"].run("set user betty remote-settings ipaddr 10.30.0.7")
    assert address(running["betty"].run("connect")) == "10.30.0.7"
    assert running["betty"].ping("10.1.1.5", count=2).received == 2


def test_a_password_makes_an_auth_user(tmp_path: Path) -> None:
    """B285: until that type is taken back; for L2TP it makes no difference."""
    running = lab(tmp_path, "set user adam type auth l2tp")
    assert "connected, inner" in running["adam"].run("connect")
    device = running["device"]
    device.run("set user new type l2tp")
    device.run("set user new password secret9")
    assert re.search('set user "?new"? type auth l2tp', device.run("get config"))
    device.run("unset user new type auth")
    assert re.search('set user "?new"? type l2tp', device.run("get config"))
