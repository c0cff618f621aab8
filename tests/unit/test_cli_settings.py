"""What single settings do to the configuration, and what they refuse."""

from __future__ import annotations

import pytest

from nsemu.cli.settings.configuration import configuration_text, load_configuration
from nsemu.config.algorithms import DhGroup, Encryption, ExchangeMode, Integrity, IpsecProtocol
from nsemu.config.device import DeviceConfig, factory_configuration
from nsemu.config.editor import Editor
from nsemu.config.ike import SecurityLevel
from nsemu.config.interface import ALL_MANAGEMENT, InterfaceMode, ManagementService, management_services
from nsemu.config.password import is_password_hash, password_hash
from nsemu.config.policy import PolicyAction
from nsemu.config.service import NEVER, ServiceEntry
from nsemu.config.vrouter import RouteKey
from nsemu.wire.address import Prefix, parse_ipv4
from support.cli_console import Session


def load(text: str, base: DeviceConfig | None = None) -> tuple[DeviceConfig, list[str]]:
    editor = Editor(base or factory_configuration())
    errors = load_configuration(text, editor)
    return editor.finish(), [error.message for error in errors]


def good(text: str, base: DeviceConfig | None = None) -> DeviceConfig:
    config, errors = load(text, base)
    assert errors == []
    return config


def refused(line: str, base: DeviceConfig | None = None) -> str:
    base = base or factory_configuration()
    config, errors = load(line, base)
    assert config == base
    assert len(errors) == 1
    return errors[0]


HUB = """
unset interface ethernet3 ip
unset interface ethernet3 zone
set zone untrust vrouter untrust-vr
unset zone untrust block
set interface ethernet3 zone untrust
set interface ethernet3 ip 1.1.1.1/24
set interface tunnel.1 zone untrust
set interface tunnel.1 ip unnumbered interface ethernet3
set interface tunnel.2 zone untrust
set interface tunnel.2 ip unnumbered interface ethernet3
set ike gateway Tokyo address 2.2.2.2 outgoing-interface ethernet3 preshare netscreen1 sec-level compatible
set vpn VPN1 gateway Tokyo sec-level compatible
set vpn VPN1 bind interface tunnel.1
set vpn VPN1 proxy-id local-ip 0.0.0.0/0 remote-ip 0.0.0.0/0 any
set ike gateway "Big Paris" address 3.3.3.3 outgoing-interface ethernet3 preshare netscreen2 sec-level compatible
set vpn VPN2 gateway "Big Paris" sec-level compatible
set vpn VPN2 bind interface tunnel.2
set vrouter untrust-vr route 10.2.2.0/24 interface tunnel.1
set vrouter untrust-vr route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.250
save
"""

SITE = """
# a site with a policy-based VPN
set interface ethernet1 zone trust
set interface ethernet1 ip 10.1.1.1/24
set interface ethernet1 nat
set interface ethernet3 zone untrust
set interface ethernet3 ip 1.1.1.1/24
set address trust Trust_LAN 10.1.1.0/24
set address untrust paris_office 10.2.2.0/24
set ike gateway to_paris address 2.2.2.2 main outgoing-interface ethernet3 preshare h1 proposal pre-g2-3des-sha
set vpn tokyo_paris gateway to_paris sec-level compatible
set vrouter trust-vr route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.250
set policy top name "To/From Paris" from trust to untrust Trust_LAN paris_office any tunnel vpn tokyo_paris
set policy top name "To/From Paris" from untrust to trust paris_office Trust_LAN any tunnel vpn tokyo_paris
set policy from trust to untrust any any any permit log
"""


def test_hub_of_the_book() -> None:
    config = good(HUB)
    assert config.zones["Untrust"].vrouter == "untrust-vr"
    assert not config.zones["Untrust"].block
    assert config.interfaces["tunnel.2"].unnumbered == "ethernet3"
    assert config.gateways["Big Paris"].security_level is SecurityLevel.COMPATIBLE
    proxy = config.vpns["VPN1"].proxy_id
    assert proxy is not None
    assert proxy.service == "ANY"
    assert RouteKey("untrust-vr", Prefix(0, 0), "ethernet3", parse_ipv4("1.1.1.250")) in config.routes


def test_site_of_the_book_in_get_config() -> None:
    lines = configuration_text(good(SITE)).split("\n")
    start = lines.index('set interface "ethernet1" zone "Trust"')
    assert lines[start:] == [
        'set interface "ethernet1" zone "Trust"',
        'set interface "ethernet2" zone "DMZ"',
        'set interface "ethernet3" zone "Untrust"',
        "set interface ethernet1 ip 10.1.1.1/24",
        "set interface ethernet1 nat",
        "set interface ethernet3 ip 1.1.1.1/24",
        "set interface ethernet3 route",
        "set interface ethernet1 ip manageable",
        "set interface ethernet3 ip manageable",
        "set flow tcp-mss",
        "unset flow no-tcp-seq-check",
        "set flow tcp-syn-check",
        "set flow tcp-syn-check-in-tunnel",
        "set hostname ns208",
        'set address "Trust" "Trust_LAN" 10.1.1.0 255.255.255.0',
        'set address "Untrust" "paris_office" 10.2.2.0 255.255.255.0',
        'set ike gateway "to_paris" address 2.2.2.2 Main outgoing-interface "ethernet3" preshare "h1" '
        'proposal "pre-g2-3des-sha"',
        "set ike respond-bad-spi 1",
        'set vpn "tokyo_paris" gateway "to_paris" no-replay tunnel idletime 0 sec-level compatible',
        'set policy id 1 name "To/From Paris" from "Trust" to "Untrust"  "Trust_LAN" "paris_office" "ANY" '
        'tunnel vpn "tokyo_paris" ',
        "set policy id 1",
        "exit",
        'set policy id 3 from "Trust" to "Untrust"  "Any" "Any" "ANY" permit log ',
        "set policy id 3",
        "exit",
        'set policy id 2 name "To/From Paris" from "Untrust" to "Trust"  "paris_office" "Trust_LAN" "ANY" '
        'tunnel vpn "tokyo_paris" ',
        "set policy id 2",
        "exit",
        'set vrouter "untrust-vr"',
        "exit",
        'set vrouter "trust-vr"',
        "set route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.250",
        "exit",
        "",
    ]


def test_e142_an_abbreviated_service_name_is_no_service() -> None:
    assert refused("set vpn VPN1 proxy-id local-ip 0.0.0.0/0 remote-ip 0.0.0.0/0 an", good(HUB)) == (
        "service an does not exist"
    )


# --- zones and interfaces


def test_a_zone_with_a_live_interface_stays_in_its_virtual_router() -> None:
    base = good("set interface ethernet3 ip 1.1.1.1/24")
    assert "ethernet3" in refused("set zone untrust vrouter untrust-vr", base)
    good("unset interface ethernet3 ip\nunset interface ethernet3 zone\nset zone untrust vrouter untrust-vr", base)


def test_the_mode_follows_the_zone() -> None:
    config = good("set interface ethernet4 zone trust\nset interface ethernet5 zone dmz")
    assert config.interfaces["ethernet4"].mode is InterfaceMode.NAT
    assert config.interfaces["ethernet5"].mode is InterfaceMode.ROUTE


def test_addresses_may_overlap_in_two_virtual_routers() -> None:
    config = good(
        "set zone untrust vrouter untrust-vr\nset interface ethernet1 ip 10.1.1.1/24\n"
        "set interface ethernet3 ip 10.1.1.2/24"
    )
    assert config.interfaces["ethernet3"].address == Prefix.parse("10.1.1.2/24")
    assert "overlaps" in refused("set interface ethernet2 ip 10.1.1.3/28", config)


@pytest.mark.parametrize(
    "address", ["127.0.0.1/8", "224.0.0.1/24", "0.0.0.0/0", "10.1.1.255/24", "10.1.1.0/24", "10.1.1.1/0"]
)
def test_addresses_no_interface_can_have(address: str) -> None:
    assert "expected" in refused(f"set interface ethernet1 ip {address}")


def test_a_point_to_point_network_has_two_hosts() -> None:
    good("set interface ethernet1 ip 10.1.1.0/31")


def test_tunnel_interfaces_are_made_by_naming_them() -> None:
    config = good("set interface tunnel.7 zone untrust-tun\nset interface loopback.3 zone trust")
    assert config.interfaces["tunnel.7"].zone == "Untrust-Tun"
    assert "tunnel.7" not in good("unset interface tunnel.7", config).interfaces
    assert refused("set interface tunnel.007 zone trust") == "interface tunnel.007 does not exist"
    assert "0 to 999" in refused("set interface tunnel.1000 zone trust")


def test_an_interface_in_use_cannot_go() -> None:
    base = good(HUB)
    assert refused("unset interface tunnel.1", base) == (
        "interface tunnel.1 is in use by route 10.2.2.0/24 in untrust-vr and 1 more"
    )
    idle = good("unset interface tunnel.1 ip", base)
    assert "in use by route" in refused("unset interface tunnel.1 zone", idle)


def test_management_services() -> None:
    config = good("set interface e3 manage ping\nset interface e3 manage ssh\nunset interface e1 manage telnet")
    assert management_services(config.interfaces["ethernet3"]) == {ManagementService.PING, ManagementService.SSH}
    assert management_services(config.interfaces["ethernet1"]) == ALL_MANAGEMENT - {ManagementService.TELNET}
    assert good("unset interface e1 manage", config).interfaces["ethernet1"].manage == frozenset()
    assert good("set interface e1 manage", config).interfaces["ethernet1"].manage is None


def test_a_manage_ip_is_another_address_of_the_network() -> None:
    base = good("set interface e1 ip 10.1.1.1/24")
    assert "another address of 10.1.1.0/24 expected" in refused("set interface e1 manage-ip 10.1.2.9", base)
    assert "another address" in refused("set interface e1 manage-ip 10.1.1.1", base)
    config = good("set interface e1 manage-ip 10.1.1.9", base)
    assert good("set interface e1 ip 10.2.1.1/24", config).interfaces["ethernet1"].manage_ip is None


# --- routes


def test_a_route_needs_an_interface_of_its_virtual_router() -> None:
    base = good(HUB)
    assert refused("set route 10.0.0.0/8 interface ethernet3", base) == (
        "interface ethernet3 is in virtual router untrust-vr, not in trust-vr"
    )
    assert "does not exist" in refused("set route 10.0.0.0/8 vrouter nowhere", base)
    assert "its own next hop" in refused("set route 10.0.0.0/8 vrouter trust-vr", base)
    assert "no gateway" in refused("set route 10.0.0.0/8 interface null gateway 1.1.1.1", base)


def test_routes_to_one_place_differ_by_their_next_hop() -> None:
    config = good(
        "set route 10.0.0.0/8 interface null metric 10\n"
        "set route 10.0.0.7/8 interface e1 gateway 10.1.1.9 preference 5\n"
        "set vrouter trust-vr route 10.0.0.0/8 vrouter untrust-vr"
    )
    assert len(config.routes) == 3
    assert len(good("unset route 10.0.0.0/8 interface null", config).routes) == 2
    assert len(good("unset vrouter trust-vr route 10.0.0.0/8", config).routes) == 0
    assert refused("unset route 10.0.0.0/9", config) == "route 10.0.0.0/9 does not exist in trust-vr"


# --- addresses and services


def test_b007_names_are_case_sensitive() -> None:
    config = good('set address trust "local LAN" 10.1.1.0/24\nset address trust "local lan" 10.2.1.0/24')
    assert {name for _, name in config.addresses} == {"local LAN", "local lan"}


def test_b005_b006_b011_names_are_tidied() -> None:
    config = good('set address trust "  local   LAN " 10.1.1.0/24\nset address trust "trust_net" 10.1.2.0/24')
    assert set(config.addresses) == {("Trust", "local LAN"), ("Trust", "trust_net")}


def test_addresses_in_their_several_forms() -> None:
    config = good(
        "set address trust a 10.1.1.77/24\nset address trust b 10.1.0.0 255.255.0.0\n"
        'set address untrust c 10.1.1.1 255.255.255.255 "the server"\nset address untrust d www.example.com'
    )
    assert config.addresses[("Trust", "a")].prefix == Prefix.parse("10.1.1.0/24")
    assert config.addresses[("Trust", "b")].prefix == Prefix.parse("10.1.0.0/16")
    assert config.addresses[("Untrust", "c")].comment == "the server"
    assert config.addresses[("Untrust", "d")].fqdn == "www.example.com"
    assert "netmask" in refused("set address trust x 10.1.1.1 255.0.255.0")
    assert refused("set address trust any 10.1.1.1/32") == "address Any is predefined"
    assert "cannot have addresses" in refused("set address null x 10.1.1.1/32")


def test_groups_cannot_contain_themselves_and_members_stay() -> None:
    base = good(
        "set address trust a 10.1.1.0/24\nset group address trust g add a\nset group address trust h add g\n"
        "set group service s add http\nset group service t add s"
    )
    assert refused("set group address trust g add h", base) == ("address group g cannot contain itself (through h)")
    assert refused("set group service s add t", base) == "service group s cannot contain itself (through t)"
    assert refused("unset address trust a", base) == 'address a is in use by group "g"'
    assert refused("unset group service s", base) == 'service group s is in use by group "t"'
    assert refused("set group address trust g add any", base) == "address Any cannot be a member of a group"


def test_groups_are_written_members_first() -> None:
    config = good(
        "set address trust a 10.1.1.0/24\nset group address trust outer\nset group address trust inner add a\n"
        "set group address trust outer add inner"
    )
    assert good(configuration_text(config)) == config


def test_services() -> None:
    config = good(
        "set service ident protocol tcp src-port 0-65535 dst-port 113-113\n"
        "set service many protocol tcp dst-port 80-90 timeout 10\nset service many + udp dst-port 53\n"
        "set service echo8 protocol icmp type 8 code 0\nset service gre2 protocol 47 timeout never"
    )
    assert config.services["ident"].entries == (ServiceEntry(6, 113, 113),)
    assert config.services["many"].timeout == 600
    assert config.services["many"].entries[1] == ServiceEntry(17, 53, 53)
    assert config.services["echo8"].entries == (ServiceEntry(1, 8, 0, 0, 0),)
    assert config.services["gre2"].timeout == NEVER
    assert "90 is above 80" in refused("set service x protocol tcp dst-port 90-80")
    assert refused("set service HTTP protocol tcp dst-port 81") == "service HTTP is predefined"
    assert good("set policy from trust to untrust any any ident permit", config).policies[1].services == ("ident",)
    assert good("set policy from trust to untrust any any FINGEr permit").policies[1].services == ("FINGER",)


# --- policies


def order(config: DeviceConfig) -> tuple[int, ...]:
    return config.policy_order[("Trust", "Untrust")]


LIST = "\n".join(f"set policy id {number} from trust to untrust any any any permit" for number in (1, 2, 3))


def test_b205_order_of_policies() -> None:
    base = good(LIST)
    assert order(base) == (1, 2, 3)
    assert order(good("set policy id 9 top from trust to untrust any any http deny", base)) == (9, 1, 2, 3)
    assert order(good("set policy id 9 before 2 from trust to untrust any any http deny", base)) == (1, 9, 2, 3)
    assert order(good("set policy move 3 before 1", base)) == (3, 1, 2)
    assert order(good("set policy move 1 after 3", base)) == (2, 3, 1)
    assert order(good("unset policy id 2", base)) == (1, 3)
    assert order(good("set policy id 2 from trust to untrust any any http deny", base)) == (1, 2, 3)
    assert ("Trust", "Untrust") not in good("unset policy 1\nunset policy 2\nunset policy 3", base).policy_order


def test_a_policy_keeps_to_its_zones() -> None:
    base = good(LIST + "\nset policy id 4 from dmz to untrust any any any permit")
    assert "already exists from Trust to Untrust" in refused("set policy id 1 from dmz to trust any any any deny", base)
    assert "not of the same zones" in refused("set policy move 1 before 4", base)
    assert "does not exist from Trust" in refused("set policy before 4 from trust to untrust any any any deny", base)
    assert "zone VLAN cannot have" in refused("set policy from vlan to trust any any any permit")


def test_options_of_a_policy() -> None:
    config = good('set policy id 5 name "a b" from trust to untrust any any ftp reject count log')
    record = config.policies[5]
    assert (record.action, record.log, record.count, record.name) == (PolicyAction.REJECT, True, True, "a b")


def test_b140_a_tunnel_policy_names_a_vpn_that_is_bound_to_no_interface() -> None:
    base = good(HUB)
    assert refused("set policy from trust to untrust any any any tunnel vpn VPN1", base) == (
        "vpn VPN1 is bound to interface tunnel.1 and cannot be in a policy"
    )
    site = good(SITE)
    assert "in use by policy" in refused(
        "set vpn tokyo_paris bind interface tunnel.1", good("set int tunnel.1 zone dmz", site)
    )
    assert refused("unset vpn tokyo_paris", site) == "vpn tokyo_paris is in use by policy 1 and 1 more"
    assert refused("unset ike gateway to_paris", site) == 'gateway to_paris is in use by vpn "tokyo_paris"'


def test_several_members_of_a_policy() -> None:
    config = good(
        "set address trust a 10.1.1.0/24\nset address trust b 10.1.2.0/24\n"
        "set policy id 1 from trust to untrust a any http permit\nset policy id 1\nset src-address b\nset service ftp\n"
        "set dst-address negate\nset log session-init\nexit\nset policy id 2 from trust to untrust any any any deny"
    )
    record = config.policies[1]
    assert (record.sources, record.services) == (("a", "b"), ("HTTP", "FTP"))
    assert record.destination_negate
    assert record.log_init
    assert good(configuration_text(config)) == config
    assert "stands alone" in load("set policy id 1\nset src-address any\nexit", config)[1][0]


def test_paired_policies() -> None:
    text = SITE.replace(
        "tunnel vpn tokyo_paris\nset policy top", "tunnel vpn tokyo_paris pair-policy 2\nset policy top"
    )
    config = good(text)
    assert config.policies[1].pair == 2
    assert good("unset policy 2", config).policies[1].pair is None
    assert "not the other direction" in refused(
        "set policy id 9 from trust to untrust any any any tunnel vpn tokyo_paris pair-policy 1", config
    )


def test_global_policies() -> None:
    config = good("set policy global id 8 any any http deny")
    assert config.policies[8].zones == ("Global", "Global")
    assert good(configuration_text(config)) == config
    assert "cannot be with another zone" in refused("set policy from global to trust any any any permit")


def test_ids_are_given_out_without_repeating() -> None:
    line = "set policy from trust to untrust any any any permit\n"
    config = good("set policy id 2 from trust to untrust any any http permit\n" + line + line)
    assert sorted(config.policies) == [2, 3, 4]


# --- IKE and VPN

OUT = "outgoing-interface ethernet3"


def test_custom_proposals() -> None:
    """B039, B055."""
    config = good(
        "set ike p1-proposal p preshare group5 esp aes192 sha2-256 hour 8\n"
        "set ike p2-proposal q group14 esp aes256 sha-1 minute 30 kbyte 4096\nset ike p2-proposal r no-pfs ah md5"
    )
    p, q, r = config.p1_proposals["p"], config.p2_proposals["q"], config.p2_proposals["r"]
    assert (p.group, p.encryption, p.hash, p.lifetime) == (DhGroup.GROUP5, Encryption.AES192, Integrity.SHA2_256, 28800)
    assert (q.pfs, q.lifetime, q.lifesize) == (DhGroup.GROUP14, 1800, 4096)
    assert (r.pfs, r.protocol, r.integrity, r.lifetime) == (None, IpsecProtocol.AH, Integrity.MD5, 3600)
    assert good(configuration_text(config)) == config
    assert "out of range" in refused("set ike p1-proposal p preshare group2 esp des md5 second 60")
    assert "neither encrypts" in refused("set ike p2-proposal p no-pfs esp null null")
    assert "predefined" in refused("set ike p1-proposal pre-g2-des-md5 preshare group2 esp des md5")


def test_gateways() -> None:
    config = good(
        f"set ike gateway g address peer.example.net aggr local-id a@b {OUT} preshare k id c@d "
        "proposal pre-g2-3des-sha pre-g2-des-md5"
    )
    gateway = config.gateways["g"]
    assert (gateway.mode, gateway.local_id, gateway.peer_id) == (ExchangeMode.AGGRESSIVE, "a@b", "c@d")
    assert gateway.proposals == ("pre-g2-3des-sha", "pre-g2-des-md5")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (f"{OUT} sec-level standard", "lacks a preshared key"),
        ("preshare k sec-level standard", "has no outgoing interface"),
        (f"{OUT} preshare k proposal nothing", "p1-proposal nothing does not exist"),
        (f"{OUT} preshare k proposal pre-g2-3des-sha pre-g2-3des-sha", "twice"),
        ("outgoing-interface null preshare k", "cannot be an outgoing interface"),
    ],
)
def test_gateways_that_are_refused(words: str, why: str) -> None:
    assert why in refused(f"set ike gateway g address 1.2.3.4 main {words}")


def test_one_group_in_aggressive_mode() -> None:
    """RFC 2409 §5."""
    words = f"{OUT} preshare k proposal pre-g2-3des-sha pre-g5-3des-sha"
    assert "one Diffie-Hellman group" in refused(f"set ike gateway g address 1.2.3.4 aggressive {words}")
    good(f"set ike gateway g address 1.2.3.4 main {words}")


def test_b035_b051_at_most_four_proposals() -> None:
    four = "pre-g2-3des-sha pre-g2-3des-md5 pre-g2-des-sha pre-g2-des-md5"
    assert "at most 4" in refused(f"set ike gateway g address 1.2.3.4 {OUT} preshare k proposal {four} pre-g1-des-sha")
    base = good(f"set ike gateway g address 1.2.3.4 {OUT} preshare k proposal {four}")
    four = "nopfs-esp-3des-sha nopfs-esp-3des-md5 nopfs-esp-des-sha nopfs-esp-des-md5"
    good(f"set vpn v gateway g proposal {four}", base)
    assert "at most 4" in refused(f"set vpn v gateway g proposal {four} g2-esp-3des-sha", base)


def test_a_vpn_set_again_keeps_its_binding() -> None:
    config = good("set vpn VPN1 gateway Tokyo replay sec-level standard", good(HUB))
    assert config.vpns["VPN1"].bind_interface == "tunnel.1"
    assert config.vpns["VPN1"].replay


def test_what_a_vpn_can_be_bound_to() -> None:
    base = good(HUB)
    assert "a tunnel interface expected" in refused("set vpn VPN1 bind interface ethernet3", base)
    assert "a tunnel zone expected" in refused("set vpn VPN1 bind zone untrust", base)
    assert good("set vpn VPN1 bind zone untrust-tun", base).vpns["VPN1"].bind_interface is None


# --- the rest


def test_passwords_are_kept_as_hashes() -> None:
    """The factory line is the test vector (screenos-cli §4.2)."""
    assert password_hash("netscreen", "netscreen") == "nKVUM2rwMUzPcrkG5sWIHdCtqkAibn"
    config = good("set admin password s3cret\nset admin user anita password j12fmt54 privilege all")
    assert config.system.admin_password == password_hash("netscreen", "s3cret")
    assert is_password_hash(config.admins["anita"].password)
    assert "s3cret" not in configuration_text(config)


def test_a_new_admin_name_restores_the_password() -> None:
    config = good("set admin password s3cret\nset admin name carol")
    assert config.system.admin_password == password_hash("carol", "netscreen")


@pytest.mark.parametrize("name", ["fw 1", "-fw", "fw->", 'f"w'])
def test_hostnames_that_would_break_the_prompt(name: str) -> None:
    assert refused(f'set hostname "{name}"')


def test_capacity_is_the_platform_s() -> None:
    small = factory_configuration("ns5gt")
    lines = "\n".join(f"set vrouter name vr{number}" for number in range(10))
    config, errors = load(lines, small)
    assert len(config.vrouters) == small.platform.capacity.vrouters
    assert errors[0] == f"no more virtual routers (this platform holds {small.platform.capacity.vrouters})"


def test_comments_and_empty_lines_are_skipped_and_lines_counted() -> None:
    editor = Editor(factory_configuration())
    errors = load_configuration("# a lab\n\n  set zone nowhere block\r\nset hostname x\nexit\n", editor)
    assert [str(error) for error in errors] == [
        "line 3: zone nowhere does not exist in 'set zone nowhere block'",
        "line 5: exit outside a context in 'exit'",
    ]
    assert editor.finish().system.hostname == "x"


def test_the_console_says_which_settings_have_no_effect() -> None:
    """A command that the emulator cannot honour says so."""
    session = Session()
    session.accept(*(line for line in HUB.split("\n") if line and line != "save"))
    for line, what in (("set flow multicast idp", "flow multicast"),):
        assert session.type(line) == f"Note: {what} is kept in the configuration but not emulated.\n"
    assert session.type("set console timeout 3") == ""


def test_forms_of_saved_configurations_are_read() -> None:
    """What real devices write besides the book's forms: units in the plural, a mask of its own, the ID of a tunnel."""
    session = Session()
    session.accept(
        "set interface ethernet1 ip 10.1.1.1 255.255.255.0",
        "set interface ethernet3 ip 1.1.1.1/24",
        "set interface tunnel.1 zone untrust",
        "set interface tunnel.1 ip unnumbered interface ethernet3",
        "set ike p1-proposal p preshare group2 esp 3des sha-1 hours 8",
        "set ike p2-proposal q no-pfs esp 3des sha-1 minutes 30",
        "set ike gateway g address 2.2.2.2 outgoing-interface ethernet3 preshare k proposal p",
        "set vpn v gateway g proposal q",
    )
    session.accept("set vpn v id 0x6 bind interface tunnel.1")
    assert list(session.device.tunnel_plans) == [6]
    assert 'set vpn "v" id 0x6 bind interface tunnel.1' in session.type("get config")
    config = session.device.config
    assert config.interfaces["ethernet1"].address == Prefix.parse("10.1.1.1/24")
    assert (config.p1_proposals["p"].lifetime, config.p2_proposals["q"].lifetime) == (28800, 1800)
    assert config.vpns["v"].bind_interface == "tunnel.1"
