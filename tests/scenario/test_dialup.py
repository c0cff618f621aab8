"""Dialup clients in labs: who may connect, what passes, and which tunnel it takes (Vol. 5, chapter 5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsemu import Lab
from support.labs import events, type_lines

TOPOLOGY = """
name: dial
topology:
  nodes:
    hub: {{kind: screenos, startup-config: hub.cfg}}
    server: {{kind: host, address: 10.1.1.5/24, gateway: 10.1.1.1, services: [http, ftp, echo]}}
    internet: {{kind: router, interfaces: {{eth1: 1.1.1.250/24, eth2: 8.8.8.254/24}}}}
    street: {{kind: switch}}
{clients}
  links:
    - endpoints: ["server:eth0", "hub:ethernet1"]
    - {{endpoints: ["hub:ethernet3", "internet:eth1"], delay: 5ms}}
    - endpoints: ["internet:eth2", "street:p0"]
{links}
"""
HUB = """
set interface ethernet1 zone trust
set interface ethernet1 ip 10.1.1.1/24
set interface ethernet1 route
set interface ethernet3 zone untrust
set interface ethernet3 ip 1.1.1.1/24
set vrouter trust-vr route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.250
set address trust lan 10.1.1.0/24
set user ann ike-id u-fqdn ann@example.org
set user bob ike-id u-fqdn bob@example.org
"""
GATEWAY = (
    "set ike gateway {name} dialup {user} aggressive outgoing-interface ethernet3 preshare {user}key "
    "proposal pre-g2-aes128-sha\nset vpn {name} gateway {name} sec-level standard\n"
)
BOTH_WAYS = (
    'set policy id {one} from untrust to trust "Dial-Up VPN" lan any tunnel vpn {name}\n'
    'set policy id {two} from trust to untrust lan "Dial-Up VPN" any tunnel vpn {name}\n'
)


def dial(folder: Path, lines: str, **clients: str) -> Lab:
    """A hub with these lines, and clients by name with further keys of their connection."""
    (folder / "hub.cfg").write_text(HUB + lines)
    nodes, links = [], []
    for number, (name, more) in enumerate(clients.items(), 1):
        key = "" if "key:" in more else f", key: {name}key"
        vpn = f"gateway: 1.1.1.1, remote: 10.1.1.0/24, identity: {name}@example.org{key}"
        vpn += f", phase1: pre-g2-aes128-sha, phase2: standard{more}"
        nodes.append(
            f"    {name}: {{kind: dialup, address: 8.8.8.{number}/24, gateway: 8.8.8.254, services: [http], "
            f"vpn: {{{vpn}}}}}"
        )
        links.append(f'    - endpoints: ["street:p{number}", "{name}:eth0"]')
    path = folder / "dial.yaml"
    path.write_text(TOPOLOGY.format(clients="\n".join(nodes), links="\n".join(links)))
    lab = Lab.load(path)
    assert lab.problems == []
    return lab


def on(lab: Lab, node: str, command: str) -> str:
    """Run a command at a client, and let its last message arrive."""
    text = lab[node].run(command)
    lab.run_for(1)
    return text


def test_a_route_leads_to_clients_with_a_virtual_address(tmp_path: Path) -> None:
    """B147, B234, B238: route-based, two clients on one tunnel interface, each by its inner address."""
    lines = GATEWAY.format(name="ann", user="people").replace("peoplekey", "k") + (
        "set interface tunnel.1 zone untrust\nset interface tunnel.1 ip unnumbered interface ethernet3\n"
        "set vpn ann bind interface tunnel.1\n"
        "set vpn ann proxy-id local-ip 10.1.1.0/24 remote-ip 255.255.255.255/32 any\n"
        "set vrouter trust-vr route 10.9.9.0/24 interface tunnel.1\n"
        "set policy from untrust to trust any lan any permit\nset policy from trust to untrust lan any any permit\n"
    )
    lines = "set user-group people user ann\nset user-group people user bob\n" + lines
    key = ", key: k, inner-address: 10.9.9."
    lab = dial(tmp_path, lines, ann=f"{key}1", bob=f"{key}2")
    assert lab["server"].ping("10.9.9.1", count=2).received == 0
    for name in ("ann", "bob"):
        assert "connected, inner" in on(lab, name, "connect")
        assert "200" in on(lab, name, "http get 10.1.1.5")
    assert "You are 10.1.1.5" in lab["server"].run("http get 10.9.9.1")
    assert lab["server"].ping("10.9.9.2", count=3).received == 3
    walk = lab.trace("server", "10.9.9.2")
    assert walk.disposition == "delivered"
    on(lab, "bob", "disconnect")
    assert lab["server"].ping("10.9.9.2", count=2).received == 0
    assert lab["server"].ping("10.9.9.1", count=2).received == 2


def test_a_client_without_virtual_address_needs_policies(tmp_path: Path) -> None:
    """B234, B237, B240, B245: the policies name the VPN; nobody wrote the client's address anywhere."""
    incoming, outgoing = BOTH_WAYS.format(name="ann", one=1, two=2).splitlines()
    lab = dial(tmp_path, GATEWAY.format(name="ann", user="ann") + incoming + "\n", ann="")
    assert "connected, inner address 8.8.8.1" in on(lab, "ann", "connect")
    assert "200" in on(lab, "ann", "http get 10.1.1.5")
    assert lab["server"].ping("8.8.8.1", count=2).received == 0  # only she can begin
    type_lines(lab, "hub", outgoing)
    assert lab["server"].ping("8.8.8.1", count=2).received == 2
    assert "hub" not in lab["ann"].run("routes")


def test_of_overlapping_clients_the_first_policy_decides(tmp_path: Path) -> None:
    """B243: both have the same inner address; what the LAN begins goes to the VPN of the first policy in the list."""
    vpns = "".join(GATEWAY.format(name=name, user=name) for name in ("ann", "bob"))
    policies = BOTH_WAYS.format(name="ann", one=1, two=2) + BOTH_WAYS.format(name="bob", one=3, two=4)
    same = ", inner-address: 10.2.2.2"
    lab = dial(tmp_path, vpns + policies, ann=same, bob=same)
    for name in ("bob", "ann"):
        assert "connected" in on(lab, name, "connect")
        assert "200" in on(lab, name, "http get 10.1.1.5")  # answers go to the one who asked
    assert "Server: ann" in lab["server"].run("http get 10.2.2.2")
    type_lines(lab, "hub", "set policy move 4 before 2")
    assert "Server: bob" in lab["server"].run("http get 10.2.2.2")
    on(lab, "bob", "disconnect")
    assert "Server: ann" in lab["server"].run("http get 10.2.2.2")


def test_an_earlier_policy_wins(tmp_path: Path) -> None:
    """B244: the first policy that matches decides, whether it names a VPN or not."""
    lines = GATEWAY.format(name="ann", user="ann") + BOTH_WAYS.format(name="ann", one=1, two=2)
    lab = dial(tmp_path, lines, ann=", inner-address: 10.2.2.2")
    on(lab, "ann", "connect")
    assert "Server: ann" in lab["server"].run("http get 10.2.2.2")
    type_lines(lab, "hub", "set policy id 9 top from trust to untrust lan any http deny")
    assert "Server: ann" not in lab["server"].run("http get 10.2.2.2 time-out 3")
    assert lab["server"].ping("10.2.2.2", count=2).received == 2
    type_lines(lab, "hub", "set policy move 9 after 2")
    assert "Server: ann" in lab["server"].run("http get 10.2.2.2")


def test_a_client_cannot_speak_for_another_address(tmp_path: Path) -> None:
    """What comes out of its tunnel must have its inner address."""
    lines = GATEWAY.format(name="ann", user="ann") + BOTH_WAYS.format(name="ann", one=1, two=2)
    lab = dial(tmp_path, lines, ann=", inner-address: 10.2.2.2")
    on(lab, "ann", "connect")
    client = lab["ann"].node.client  # type: ignore[union-attr]
    client.interface.readdress(client.inner + 1)
    assert lab["ann"].ping("10.1.1.5", count=2).received == 0
    walk = lab.trace("ann", "10.1.1.5")
    assert "10.2.2.3 is not the inner address of the client (10.2.2.2/32)" in " ".join(walk.text().split())


@pytest.mark.parametrize(
    ("line", "stands"), [("unset user ann enable", 0), ("unset policy id 1", 1), ("unset user ann ike-id", 0)]
)
def test_a_change_that_concerns_a_client_ends_its_tunnel(line: str, stands: int, tmp_path: Path) -> None:
    """Without the incoming policy alone the other one keeps the tunnel."""
    lines = GATEWAY.format(name="ann", user="ann") + BOTH_WAYS.format(name="ann", one=1, two=2)
    lab = dial(tmp_path, lines, ann="")
    on(lab, "ann", "connect")
    type_lines(lab, "hub", line)
    lab.run_for(1)
    assert sum(tunnel.active for tunnel in lab["hub"].device.database) == stands
    assert lab["ann"].ping("10.1.1.5", count=2).received == 0


def test_a_disabled_user_is_refused(tmp_path: Path) -> None:
    lab = dial(tmp_path, GATEWAY.format(name="ann", user="ann") + BOTH_WAYS.format(name="ann", one=1, two=2), ann="")
    type_lines(lab, "hub", "unset user ann enable")
    assert "not connected" in lab["ann"].run("connect")
    assert any("unrecognized peer gateway" in text for text in events(lab, "hub"))


def test_the_tunnels_of_the_platform_are_a_limit(tmp_path: Path) -> None:
    """B248: what is full is full, and the client is told."""
    lab = dial(tmp_path, GATEWAY.format(name="ann", user="ann") + BOTH_WAYS.format(name="ann", one=1, two=2), ann="")
    device = lab["hub"].device
    device.ike.engine.claim = lambda _asked: None
    assert "not connected" in lab["ann"].run("connect")
    assert any("no room for another VPN tunnel" in text for text in events(lab, "hub"))


def test_keys_are_renewed_while_traffic_goes_on(tmp_path: Path) -> None:
    """Two days of a client that stays connected; its tunnel is the same, and nothing is left of old ones."""
    lab = dial(tmp_path, GATEWAY.format(name="ann", user="ann") + BOTH_WAYS.format(name="ann", one=1, two=2), ann="")
    on(lab, "ann", "connect")
    before = [tunnel.identifier for tunnel in lab["hub"].device.database]
    for _ in range(12):
        lab.run_for(4 * 3600)
        assert lab["ann"].ping("10.1.1.5", count=2).received == 2
        assert lab["server"].ping("8.8.8.1", count=2).received == 2
    assert [tunnel.identifier for tunnel in lab["hub"].device.database] == before
    assert len([sa for tunnel in lab["hub"].device.database for sa in tunnel.inbound_sas]) <= 2


REFUSED = [
    (
        'set policy id 2 from trust to untrust lan "Dial-Up VPN" http tunnel vpn ann',
        "service HTTP is not that of policy",
    ),
    ('set policy id 2 from trust to untrust lan "Dial-Up VPN" web tunnel vpn ann', "service group web cannot be in"),
    (
        'set policy id 2 from trust to untrust hosts "Dial-Up VPN" any tunnel vpn ann',
        "address group hosts cannot be in",
    ),
]


@pytest.mark.parametrize(("line", "why"), REFUSED)
def test_both_directions_have_the_same_plain_services(line: str, why: str, tmp_path: Path) -> None:
    """B241, B242."""
    incoming = BOTH_WAYS.format(name="ann", one=1, two=2).splitlines()[0]
    if "hosts" in line:
        incoming = incoming.replace(" lan ", " hosts ")
    groups = "set group service web\nset group service web add http\nset group address trust hosts add lan\n"
    lab = dial(tmp_path, GATEWAY.format(name="ann", user="ann") + groups + incoming + "\n", ann="")
    assert why in lab["hub"].cli(line)
    assert 2 not in lab["hub"].device.config.policies


def test_one_direction_alone_may_have_groups(tmp_path: Path) -> None:
    """B242 speaks of policies in both directions."""
    groups = "set group service web\nset group service web add http\n"
    policy = 'set policy id 1 from untrust to trust "Dial-Up VPN" lan web tunnel vpn ann\n'
    lab = dial(tmp_path, GATEWAY.format(name="ann", user="ann") + groups + policy, ann="")
    assert "200" in (on(lab, "ann", "connect") and on(lab, "ann", "http get 10.1.1.5"))


def test_one_group_holds_one_group_identity(tmp_path: Path) -> None:
    """B250."""
    lines = "set user g1 ike-id u-fqdn a.org share-limit 5\nset user-group g user g1\n"
    lab = dial(tmp_path, lines, ann="")
    text = lab["hub"].cli("set user g2 ike-id u-fqdn b.org share-limit 2")
    assert "cannot" not in text
    assert "group g has the group IKE ID user g1 and cannot have g2 too" in lab["hub"].cli("set user-group g user g2")
    lab["hub"].cli("set user-group g user ann")
    refused = lab["hub"].cli("set user ann ike-id u-fqdn c.org share-limit 9")
    assert "cannot have ann too" in refused


def test_the_commands_of_a_client(tmp_path: Path) -> None:
    lab = dial(tmp_path, GATEWAY.format(name="ann", user="ann") + BOTH_WAYS.format(name="ann", one=1, two=2), ann="")
    assert "not connected" in lab["ann"].run("status")
    on(lab, "ann", "connect")
    assert "connected to 1.1.1.1 already" in lab["ann"].run("connect")
    status = lab["ann"].run("status")
    assert "state          connected" in status
    assert "10.1.1.0/24: esp:3des/sha1" in status or "10.1.1.0/24: esp:a128/sha1" in status
    assert "connect" in lab["ann"].run("help")
    assert "disconnected" in on(lab, "ann", "disconnect")
    assert "not connected" in lab["ann"].run("disconnect")


def test_a_packet_tells_its_walk_from_client_to_server(tmp_path: Path) -> None:
    lab = dial(tmp_path, GATEWAY.format(name="ann", user="ann") + BOTH_WAYS.format(name="ann", one=1, two=2), ann="")
    first = lab.trace("ann", "10.1.1.5")
    assert "the client connects" in first.text()
    lab.run_for(1)
    walk = lab.trace("ann", "10.1.1.5")
    assert walk.disposition == "delivered"
    assert "sealed into ESP for 1.1.1.1" in walk.text()


def test_unused_sas_of_dialup_users_are_held_for_the_time_that_is_set(tmp_path: Path) -> None:
    """`set ike member-sa-hold-time`: minutes without a packet; the tunnel of one who sends stays."""
    lines = GATEWAY.format(name="ann", user="people").replace("peoplekey", "k") + BOTH_WAYS.format(
        name="ann", one=1, two=2
    )
    lines = "set user-group people user ann\nset user-group people user bob\n" + lines
    lab = dial(tmp_path, lines, ann=", key: k, inner-address: 10.9.9.1", bob=", key: k, inner-address: 10.9.9.2")
    hub = lab["hub"]
    for name in ("ann", "bob"):
        on(lab, name, "connect")
    clients = [tunnel for tunnel in hub.device.database if tunnel.active]
    assert len(clients) == 2
    lab.run_for(1200)
    assert all(tunnel.active for tunnel in clients), "without the setting nothing ends before its time"
    hub.cli("set ike member-sa-hold-time 5")
    assert "5 minutes" in hub.cli("get ike member-sa-hold-time")
    for _ in range(8):
        lab["ann"].ping("10.1.1.5", count=1)
        lab.run_for(60)
    active = [tunnel for tunnel in hub.device.database if tunnel.active]
    assert len(active) == 1
    lab.run_for(301)
    assert not [tunnel for tunnel in hub.device.database if tunnel.active]
    assert "200" in on(lab, "bob", "http get 10.1.1.5")


@pytest.mark.parametrize(("service", "received"), [("any", 2), ("http", 0)])
def test_a_client_reaches_the_device_itself_as_its_policy_says(service: str, received: int, tmp_path: Path) -> None:
    """`Dial-Up VPN` stands for the client also when it asks for an address of the device."""
    lines = GATEWAY.format(name="ann", user="ann")
    lines += f'set policy id 1 from untrust to trust "Dial-Up VPN" lan {service} tunnel vpn ann\n'
    if service != "any":
        lines += "set vpn ann proxy-id local-ip 10.1.1.0/24 remote-ip 255.255.255.255/32 any\n"
    lab = dial(tmp_path, lines, ann=", inner-address: 10.2.2.2")
    on(lab, "ann", "connect")
    assert lab["ann"].ping("10.1.1.1", count=2).received == received
