"""What an admin can and cannot configure of transparent mode."""

from __future__ import annotations

import pytest

from nsemu.config.bridge import is_transparent
from nsemu.config.interface import ALL_MANAGEMENT, ManagementService
from support.bridge import Bridge

GATEWAY = 'set ike gateway far address 5.5.5.5 main{} preshare "abc" sec-level standard'
VPN = "set vpn over gateway far sec-level standard"


def bare(config: str = "") -> Bridge:
    """A device without addresses, its interfaces in no zone but what `config` says."""
    return Bridge(config, ports="")


def test_an_interface_in_a_layer_2_zone_makes_the_device_transparent() -> None:
    bridge = bare()
    assert not is_transparent(bridge.device.config)
    assert "System in NAT/route mode." in bridge.type("get system")
    bridge.accept("set interface ethernet4 zone v1-dmz")
    assert is_transparent(bridge.device.config)
    assert "System in transparent mode." in bridge.type("get system")
    assert "box is in pure_l2_mode" in bridge.type("get interface all")
    bridge.accept("unset interface ethernet4 zone")
    assert "System in NAT/route mode." in bridge.type("get system")


def test_an_interface_in_a_layer_2_zone_has_no_address() -> None:
    bridge = Bridge()
    assert bridge.refuse("set interface ethernet1 ip 10.0.0.9/24") == (
        "interface ethernet1 is in layer 2 zone V1-Trust and can have no IP address (set interface vlan1 ip)\n"
    )


def test_an_interface_with_an_address_must_lose_it_first() -> None:
    bridge = bare("set interface ethernet1 zone trust\nset interface ethernet1 ip 10.0.0.1/24")
    assert "has an IP address" in bridge.refuse("set interface ethernet1 zone v1-trust")
    bridge.accept("unset interface ethernet1 ip\nunset interface ethernet1 zone\nset interface ethernet1 zone v1-trust")


def test_layer_2_zones_and_addresses_do_not_mix() -> None:
    bridge = bare("set interface ethernet2 zone dmz\nset interface ethernet2 ip 10.2.0.1/24")
    assert "beside the address of interface ethernet2" in bridge.refuse("set interface ethernet1 zone v1-trust")
    bridge.accept("unset interface ethernet2 ip\nset interface ethernet1 zone v1-trust")
    assert "can have no IP address beside interface ethernet1" in bridge.refuse(
        "set interface ethernet2 ip 10.2.0.1/24"
    )
    bridge.accept("set interface ethernet3 zone trust")  # without an address


@pytest.mark.parametrize("name", ["tunnel.1", "loopback.1", "vlan1"])
def test_only_ethernet_interfaces_join_a_layer_2_zone(name: str) -> None:
    assert "cannot be in zone V1-Trust" in bare().refuse(f"set interface {name} zone v1-trust")


def test_own_layer_2_zones() -> None:
    bridge = bare("set zone name L2-Lab L2 12\nset interface ethernet1 zone l2-lab")
    assert "L2-Lab                           Sec(L2)" in bridge.type("get zone")
    assert 'set zone id 100 "L2-Lab" L2 12' in bridge.type("get config")
    assert "cannot change its virtual router" in bridge.refuse("set zone L2-Lab vrouter untrust-vr")
    bridge.accept(GATEWAY.format(" outgoing-interface L2-lab"))
    assert bridge.device.config.gateways["far"].outgoing_interface == "l2-lab"


def test_the_default_outgoing_zone_is_v1_untrust() -> None:
    """B227."""
    bridge = Bridge(GATEWAY.format(""))
    assert bridge.device.config.gateways["far"].outgoing_interface == "v1-untrust"


def test_only_policy_based_vpns_are_accepted() -> None:
    """B229, in whatever order the lines come."""
    bridge = Bridge(
        "\n".join((GATEWAY.format(" outgoing-interface v1-untrust"), VPN, "set interface tunnel.3 zone dmz"))
    )
    assert "a policy-based VPN expected" in bridge.refuse("set vpn over bind interface tunnel.3")

    routed = bare("set interface ethernet5 zone untrust\nset interface tunnel.3 zone dmz")
    routed.accept(GATEWAY.format(" outgoing-interface ethernet5"))
    routed.accept(VPN)
    routed.accept("set vpn over bind interface tunnel.3")
    assert "a policy-based VPN expected" in routed.refuse(GATEWAY.format(" outgoing-interface v1-untrust"))
    assert 'is in use by vpn "over"' in routed.refuse("set interface ethernet1 zone v1-trust")
    routed.accept("unset vpn over bind interface\nset interface ethernet1 zone v1-trust")


def test_moving_vlan1_to_another_subnet_deletes_its_routes() -> None:
    """B231."""
    bridge = Bridge("set vrouter trust-vr route 0.0.0.0/0 interface vlan1 gateway 10.0.0.250")
    bridge.accept("set route 172.16.0.0/16 interface vlan1 gateway 10.0.0.251\nset interface vlan1 ip 10.0.0.77/24")
    assert len(bridge.device.config.routes) == 2
    bridge.accept("set interface vlan1 ip 10.9.0.1/24")
    assert bridge.device.config.routes == {}
    bridge.accept("set route 0.0.0.0/0 interface vlan1 gateway 10.9.0.250\nunset interface vlan1 ip")
    assert bridge.device.config.routes == {}


def test_management_services_of_zones() -> None:
    """B232, E056: without a service, all of them."""
    bridge = Bridge("")
    zones = bridge.device.config.zones
    assert (zones["V1-Trust"].services, zones["V1-Untrust"].services) == (ALL_MANAGEMENT, frozenset())
    bridge.accept("set zone v1-untrust manage ping\nset zone v1-untrust manage ssh\nunset zone v1-trust manage web")
    zones = bridge.device.config.zones
    assert zones["V1-Untrust"].services == {ManagementService.PING, ManagementService.SSH}
    assert zones["V1-Trust"].services == ALL_MANAGEMENT - {ManagementService.WEB}
    text = bridge.type("get config")
    assert 'set zone "V1-Untrust" manage ping' in text
    assert 'unset zone "V1-Trust" manage web' in text
    assert "manage" not in [line for line in text.splitlines() if '"V1-DMZ"' in line and "manage" in line]
    bridge.accept("unset zone v1-untrust manage\nset zone v1-trust manage")
    assert "manage" not in "".join(line for line in bridge.type("get config").splitlines() if "zone" in line)
    assert "a layer 2 security zone expected" in bridge.refuse("set zone trust manage ping")
    assert "set zone V1-Trust manage" in bridge.refuse("set interface ethernet1 manage ping")


def test_l2tp_is_refused() -> None:
    """B274."""
    assert bridge_refuses("set l2tp road outgoing-interface ethernet3") == "l2tp is not available in transparent mode\n"


def bridge_refuses(line: str) -> str:
    return Bridge().refuse(line)


@pytest.mark.parametrize(
    "word", ["bypass-non-ip", "bypass-non-ip-all", "bypass-others-ipsec", "vlan trunk", "broadcast arp"]
)
def test_settings_of_vlan1_are_for_vlan1(word: str) -> None:
    assert "interface vlan1 expected" in Bridge().refuse(f"set interface ethernet1 {word}")


def test_settings_of_vlan1_are_printed_and_taken_back() -> None:
    bridge = Bridge()
    before = bridge.device.config
    lines = [
        "set interface vlan1 bypass-non-ip",
        "unset interface vlan1 bypass-non-ip-all",
        "set interface vlan1 bypass-others-ipsec",
        "set interface vlan1 vlan trunk",
        "set interface vlan1 broadcast arp trace-route",
    ]
    bridge.accept("\n".join(lines))
    assert [line for line in bridge.type("get config").splitlines() if line in lines] == lines
    detail = bridge.type("get interface vlan1")
    assert "unknown mac address resolve method: ARP + TRACE-ROUTE" in detail
    assert "bypass others IPSEC: On" in detail
    assert "vlan trunk: On" in detail
    assert "bypass non IP: Off" in detail
    bridge.accept("unset interface vlan1 broadcast arp trace-route")
    assert "set interface vlan1 broadcast arp\n" in bridge.type("get config")
    bridge.accept(
        "unset interface vlan1 bypass-non-ip\nset interface vlan1 bypass-non-ip-all\n"
        "unset interface vlan1 bypass-others-ipsec\nset interface vlan1 broadcast flood\n"
        "unset interface vlan1 vlan trunk"
    )
    assert bridge.device.config.interfaces == before.interfaces
    assert "unknown mac address resolve method: FLOOD" in bridge.type("get interface vlan1")


def test_get_interface_lists_the_zones_in_use() -> None:
    bridge = Bridge()
    names = [line.split()[0] for line in bridge.type("get interface").splitlines() if line[:1].isalpha()]
    assert [name for name in names if name.startswith(("v1-", "vlan"))] == ["v1-dmz", "v1-trust", "v1-untrust", "vlan1"]
    assert "zone V1-Trust, vr trust-vr" in bridge.type("get interface v1-trust")
    assert "v1-" not in bare().type("get interface")
    assert "does not exist" in bare().refuse("get interface v1-trust")


def test_get_mac_learn_of_one_interface() -> None:
    bridge = Bridge()
    bridge.meet("ethernet1", bytes.fromhex("02aa00000011"))
    bridge.meet("ethernet3", bytes.fromhex("02bb00000022"))
    assert "02aa.0000.0011  ethernet1      V1-Trust    300" in bridge.type("get mac-learn ethernet1")
    assert "02bb" not in bridge.type("get mac-learn ethernet1")
    assert "does not exist" in bridge.refuse("get mac-learn ethernet99")
