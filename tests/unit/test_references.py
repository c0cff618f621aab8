"""Who uses an object, and what a word means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from nsemu.config.algorithms import AuthenticationMethod, DhGroup, Encryption, Integrity, IpsecProtocol
from nsemu.config.editor import Editor
from nsemu.config.ike import IkeGateway, Phase1Proposal, Phase2Proposal
from nsemu.config.interface import Interface, InterfaceKind
from nsemu.config.policy import PolicyAction
from nsemu.config.references import (
    Tables,
    address_group_reaches,
    resolve_address,
    resolve_interface,
    resolve_p1_proposal,
    resolve_p2_proposal,
    resolve_service,
    resolve_vrouter,
    resolve_zone,
    service_group_reaches,
    users_of_address,
    users_of_gateway,
    users_of_interface,
    users_of_p1_proposal,
    users_of_p2_proposal,
    users_of_service,
    users_of_vpn,
    users_of_vrouter,
    users_of_zone,
)
from nsemu.config.service import TCP, ServiceEntry
from nsemu.config.vpn import ProxyId, Vpn
from nsemu.config.vrouter import RouteKey, StaticRoute, VirtualRouter
from nsemu.config.zone import Zone, ZoneKind
from nsemu.wire.address import Prefix
from support.policy import address, address_group, factory, policy, service, service_group

LAN = Prefix.parse("10.1.1.0/24")


def site() -> Editor:
    edit = factory()
    edit.vrouters.put("lab-vr", VirtualRouter("lab-vr", 1025))
    edit.zones.put("Lab", Zone("Lab", 100, ZoneKind.LAYER3, vrouter="lab-vr"))
    edit.zones.put("Lab-Tun", Zone("Lab-Tun", 101, ZoneKind.TUNNEL, vrouter="lab-vr", carrier="Lab"))
    edit.interfaces.put("ethernet4", replace(edit.interfaces["ethernet4"], zone="Lab"))
    edit.interfaces.put("tunnel.1", Interface("tunnel.1", InterfaceKind.TUNNEL, "Lab", unnumbered="ethernet4"))
    for key in (
        RouteKey("lab-vr", LAN, "ethernet4"),
        RouteKey("trust-vr", Prefix(0, 0), next_vrouter="lab-vr"),
    ):
        edit.routes.put(key, StaticRoute(key))
    address(edit, "Lab", "lan", "10.1.1.0/24")
    address(edit, "Trust", "lan", "10.2.2.0/24")
    address_group(edit, "Lab", "lans", "lan")
    service(edit, "db", ServiceEntry(TCP, 1521, 1521))
    service_group(edit, "apps", "db", "HTTP")
    edit.p1_proposals.put(
        "own1",
        Phase1Proposal("own1", AuthenticationMethod.PRESHARE, DhGroup(2), Encryption.AES128, Integrity.SHA1),
    )
    edit.p2_proposals.put("own2", Phase2Proposal("own2", None, IpsecProtocol.ESP, Encryption.AES128, Integrity.SHA1))
    edit.gateways.put("gw", IkeGateway("gw", "2.2.2.2", "ethernet4", proposals=("own1", "pre-g2-3des-sha")))
    edit.vpns.put("routed", Vpn("routed", "gw", proposals=("own2",), bind_interface="tunnel.1"))
    edit.vpns.put("zoned", Vpn("zoned", "gw", bind_zone="Lab-Tun", proxy_id=ProxyId(LAN, LAN, "db")))
    policy(edit, 1, ("Lab", "Trust"), ("lan", "Any", "db"))
    policy(edit, 2, ("Trust", "Lab"), ("lan", "lans", "apps"))
    policy(edit, 3, ("Trust", "Untrust"), ("Any", "Any", "ANY"), PolicyAction.TUNNEL, vpn="zoned")
    return edit


@pytest.fixture(params=["editor", "finished"])
def tables(request: pytest.FixtureRequest) -> Tables:
    edit = site()
    return edit if request.param == "editor" else edit.finish()


def test_users_of_addresses_are_those_of_the_same_zone(tables: Tables) -> None:
    assert users_of_address(tables, "Lab", "lan") == ['group "lans"', "policy 1"]
    assert users_of_address(tables, "Trust", "lan") == ["policy 2"]
    assert users_of_address(tables, "Lab", "lans") == ["policy 2"]
    assert users_of_address(tables, "Untrust", "lan") == []


def test_users_of_services(tables: Tables) -> None:
    assert users_of_service(tables, "db") == ['group "apps"', "policy 1", 'vpn "zoned"']
    assert users_of_service(tables, "apps") == ["policy 2"]
    assert users_of_service(tables, "SSH") == []


def test_users_of_zones(tables: Tables) -> None:
    assert users_of_zone(tables, "Lab") == [
        "interface ethernet4",
        "interface tunnel.1",
        'address "lan"',
        'group "lans"',
        "policy 1",
        "policy 2",
        'zone "Lab-Tun"',
    ]
    assert users_of_zone(tables, "Lab-Tun") == ['vpn "zoned"']
    assert users_of_zone(tables, "HA") == []


def test_users_of_virtual_routers(tables: Tables) -> None:
    assert users_of_vrouter(tables, "lab-vr") == [
        'zone "Lab"',
        'zone "Lab-Tun"',
        "route 10.1.1.0/24 in lab-vr",
        "route 0.0.0.0/0 in trust-vr",
    ]


def test_users_of_interfaces(tables: Tables) -> None:
    assert users_of_interface(tables, "ethernet4") == [
        "route 10.1.1.0/24 in lab-vr",
        'gateway "gw"',
        "interface tunnel.1",
    ]
    assert users_of_interface(tables, "tunnel.1") == ['vpn "routed"']
    assert users_of_interface(tables, "ethernet8") == []


def test_users_of_gateways_vpns_and_proposals(tables: Tables) -> None:
    assert users_of_gateway(tables, "gw") == ['vpn "routed"', 'vpn "zoned"']
    assert users_of_vpn(tables, "zoned") == ["policy 3"]
    assert users_of_vpn(tables, "routed") == []
    assert users_of_p1_proposal(tables, "own1") == ['gateway "gw"']
    assert users_of_p2_proposal(tables, "own2") == ['vpn "routed"']
    assert users_of_p2_proposal(tables, "own1") == []


@pytest.mark.parametrize(
    ("resolve", "text", "expected"),
    [
        (resolve_zone, "trust", "Trust"),
        (resolve_zone, "LAB", "Lab"),
        (resolve_zone, "v1-untrust", "V1-Untrust"),
        (resolve_zone, "tru", None),
        (resolve_vrouter, "Trust-VR", "trust-vr"),
        (resolve_vrouter, "nowhere-vr", None),
        (resolve_interface, "Ethernet4", "ethernet4"),
        (resolve_interface, "TUNNEL.1", "tunnel.1"),
        (resolve_interface, "ethernet44", None),
        (resolve_service, "http", "HTTP"),
        (resolve_service, "mail", "MAIL"),
        (resolve_service, "any", "ANY"),
        (resolve_service, "voip", "VOIP"),
        (resolve_service, "internet locator service", "Internet Locator Service"),
        (resolve_service, "db", "db"),
        (resolve_service, "DB", None),
        (resolve_service, "apps", "apps"),
        (resolve_p1_proposal, "PRE-G2-3DES-SHA", "pre-g2-3des-sha"),
        (resolve_p1_proposal, "own1", "own1"),
        (resolve_p1_proposal, "OWN1", None),
        (resolve_p2_proposal, "G2-ESP-3DES-SHA", "g2-esp-3des-sha"),
        (resolve_p2_proposal, "Own2", None),
    ],
)
def test_case_rules(
    tables: Tables, resolve: Callable[[Tables, str], str | None], text: str, expected: str | None
) -> None:
    """B007, B008"""
    assert resolve(tables, text) == expected


def test_addresses_are_case_sensitive_except_predefined_ones(tables: Tables) -> None:
    """B007, B236"""
    assert resolve_address(tables, "Lab", "lan") == "lan"
    assert resolve_address(tables, "Lab", "Lan") is None
    assert resolve_address(tables, "Lab", "lans") == "lans"
    assert resolve_address(tables, "Untrust", "lan") is None
    assert resolve_address(tables, "Untrust", "any") == "Any"
    assert resolve_address(tables, "Untrust", "dial-up vpn") == "Dial-Up VPN"


def test_an_own_name_in_another_case_comes_before_a_predefined_one() -> None:
    edit = site()
    service(edit, "http", ServiceEntry(TCP, 8080, 8080))
    assert resolve_service(edit, "http") == "http"
    assert resolve_service(edit, "HTTP") == "HTTP"
    assert resolve_service(edit, "Http") == "HTTP"


def test_group_loops_are_found_before_they_are_made() -> None:
    edit = site()
    address_group(edit, "Lab", "outer", "lans")
    address_group(edit, "Trust", "lans", "outer")
    service_group(edit, "outer", "apps")
    assert address_group_reaches(edit, "Lab", "outer", "lans")
    assert address_group_reaches(edit, "Lab", "outer", "lan")
    assert address_group_reaches(edit, "Lab", "lans", "lans")
    assert not address_group_reaches(edit, "Lab", "lans", "outer")
    assert service_group_reaches(edit, "outer", "db")
    assert not service_group_reaches(edit, "apps", "outer")
    service_group(edit, "apps", "outer")
    assert not service_group_reaches(edit, "outer", "elsewhere")


class CountingDict(dict[object, object]):
    """Counts how often it is walked through."""

    walks = 0

    def __iter__(self):  # type: ignore[no-untyped-def]
        CountingDict.walks += 1
        return super().__iter__()


def test_words_are_resolved_without_walking_through_tables() -> None:
    edit = site()
    config = replace(
        edit.finish(),
        addresses=CountingDict(edit.addresses.data),  # type: ignore[arg-type]
        address_groups=CountingDict(edit.address_groups.data),  # type: ignore[arg-type]
        services=CountingDict(edit.services.data),  # type: ignore[arg-type]
        zones=CountingDict(edit.zones.data),  # type: ignore[arg-type]
    )
    CountingDict.walks = 0
    assert resolve_address(config, "Lab", "lan") == "lan"
    assert resolve_address(config, "Lab", "ANY") == "Any"
    assert resolve_service(config, "http") == "HTTP"
    assert resolve_service(config, "missing") is None
    assert resolve_zone(config, "Lab") == "Lab"
    assert address_group_reaches(config, "Lab", "lans", "lan")
    assert CountingDict.walks == 0
