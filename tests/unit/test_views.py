"""The read-only views of a device, where no transcript shows them."""

from __future__ import annotations

from nsemu.config.editor import Editor
from nsemu.device.sessions import SessionFilter
from nsemu.device.views.interfaces import interface_view, zone_view
from nsemu.device.views.ipsec import tunnel_view
from nsemu.device.views.neighbors import arp_views
from nsemu.device.views.policies import policy_view, policy_views
from nsemu.device.views.routing import lookup_views, vrouter_view
from nsemu.device.views.sessions import session_views
from nsemu.device.views.summary import device_summary
from nsemu.device.views.system import system_view
from nsemu.wire.address import Prefix, parse_ipv4
from support.site_pair import SitePair


def test_summary_for_the_table_of_nodes() -> None:
    pair = SitePair()
    pair.route_based()
    west = pair.west
    before = device_summary(west.device)
    assert (before.name, before.hostname, before.platform, before.release) == ("west", "west", "ns208", "5.4.0r12.0")
    assert (before.interfaces_up, before.interfaces) == (3, 4)  # ethernet2 has no link
    assert before.addresses == (("ethernet1", Prefix.parse("10.1.1.1/24")), ("ethernet3", Prefix.parse("1.1.1.1/24")))
    assert (before.tunnels_active, before.tunnels, before.sessions) == (0, 1, 0)
    for sequence in (1, 2):
        west.ping("10.2.2.5", sequence)
        pair.run(1)
    after = device_summary(west.device)
    assert (after.tunnels_active, after.tunnels, after.sessions, after.uptime) == (1, 1, 1, 2)
    west.device.set_carrier("ethernet3", False)
    assert device_summary(west.device).interfaces_up == 1


def test_names_and_numbers_that_do_not_exist() -> None:
    device = SitePair().west.device
    assert interface_view(device, "ethernet99") is None
    assert zone_view(device, "nowhere") is None
    assert vrouter_view(device, "no-vr") is None
    assert policy_view(device, 5) is None
    assert tunnel_view(device, 1) is None
    assert policy_views(device) == ()
    assert arp_views(device, "ethernet99") == ()


def test_serial_and_base_address_belong_to_the_device_name() -> None:
    first, second = SitePair(), SitePair(seed=2)
    assert system_view(first.west.device).serial == system_view(second.west.device).serial
    assert system_view(first.west.device).serial != system_view(first.east.device).serial
    assert len(system_view(first.west.device).serial) == 16


def test_lookup_follows_routes_to_other_virtual_routers() -> None:
    west = SitePair().west
    west.accept("set vrouter untrust-vr route 10.1.0.0/16 vrouter trust-vr")
    untrust, trust = lookup_views(west.device, parse_ipv4("10.1.1.77"))
    assert untrust.first is not None
    assert untrust.first.next_vrouter == "trust-vr"
    assert untrust.last == trust.last == trust.first
    assert trust.last is not None
    assert trust.last.interface == "ethernet1"


def test_a_route_keeps_its_description_and_fault() -> None:
    west = SitePair().west
    west.accept("set vrouter trust-vr route 7.0.0.0/8 gateway 9.9.9.9")
    view = vrouter_view(west.device, "trust-vr")
    assert view is not None
    lost = view.routes[-1]
    assert (lost.interface, lost.active) == (None, False)
    assert lost.fault == "gateway 9.9.9.9 is on no connected network"


def test_a_session_through_a_tunnel_is_seen_from_both_ends() -> None:
    pair = SitePair()
    pair.route_based()
    for sequence in (1, 2):
        pair.west.ping("10.2.2.5", sequence)
        pair.run(1)
    (west,) = session_views(pair.west.device, SessionFilter(tunnel=True))
    (east,) = session_views(pair.east.device)
    assert (west.client.tunnel_id, west.server.tunnel_id) == (0, 1)
    assert (east.client.tunnel_id, east.server.tunnel_id) == (1, 0)
    assert west.client.left == east.client.left == (parse_ipv4("10.1.1.5"), 2)
    assert west.client.mac == pair.west.host_mac
    assert west.server.mac == east.client.mac == bytes(6)
    assert east.server.mac == pair.east.host_mac
    assert (west.client.packets, west.server.packets) == (1, 1)
    assert west.service == "PING"


def test_next_hop_tunnel_bindings() -> None:
    """B334: the rows of a tunnel interface, up while the tunnel has its SAs; other interfaces' rows are not shown."""
    pair = SitePair()
    pair.route_based()
    west = pair.west
    editor = Editor(west.device.config)
    editor.nhtb.put(("tunnel.1", parse_ipv4("10.2.2.5")), "lan_to_lan")
    editor.nhtb.put(("tunnel.2", parse_ipv4("10.2.2.6")), "lan_to_lan")
    editor.nhtb.put(("tunnel.1", parse_ipv4("10.2.2.7")), "another")
    west.device.commit(editor.finish())
    assert west.type("get interface tunnel.1 nhtb").splitlines()[2:] == [
        "     S      D 10.2.2.5        0x00000001 lan_to_lan"
    ]
    for sequence in (1, 2):
        west.ping("10.2.2.5", sequence)
        pair.run(1)
    view = interface_view(west.device, "tunnel.1")
    assert view is not None
    assert [(hop.tunnel_id, hop.vpn, hop.up) for hop in view.next_hops] == [(1, "lan_to_lan", True)]
