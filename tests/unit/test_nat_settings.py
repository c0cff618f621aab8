"""What the command line accepts of address translation, what it refuses and says, how a configuration prints it."""

from __future__ import annotations

import pytest

from nsemu.cli.settings.configuration import configuration_lines, load_configuration
from nsemu.config.device import DeviceConfig, factory_configuration
from nsemu.config.editor import Editor

BASE = """
set interface ethernet1 zone trust
set interface ethernet1 ip 10.1.1.1/24
set interface ethernet2 zone dmz
set interface ethernet2 ip 10.2.2.1/24
set interface ethernet3 zone untrust
set interface ethernet3 ip 1.1.1.1/24
set interface ethernet3 manage-ip 1.1.1.2
set interface tunnel.1 zone untrust
set interface tunnel.1 ip 10.10.1.1/24
set interface tunnel.2 zone untrust
set interface tunnel.2 ip unnumbered interface ethernet3
set interface loopback.1 zone untrust
set interface loopback.1 ip 1.9.9.1/28
set address trust lan 10.1.1.0/24
set address trust virtual 10.10.1.5/32
set address untrust peer 10.20.1.0/24
set ike gateway g address 2.2.2.2 outgoing-interface ethernet3 preshare k sec-level standard
set vpn v gateway g sec-level standard
"""


POLICY = 'set policy id 3 from "Trust" to "Untrust"  "lan" "peer" "FTP"'


def after(*lines: str) -> tuple[DeviceConfig, list[str]]:
    editor = Editor(factory_configuration())
    assert load_configuration(BASE, editor) == []
    errors = load_configuration("\n".join(lines), editor)
    return editor.finish(), [error.message for error in errors]


def refusal(*lines: str) -> str:
    """The one error, which must be about the last line."""
    editor = Editor(factory_configuration())
    assert load_configuration(BASE, editor) == []
    errors = load_configuration("\n".join(lines), editor)
    assert [error.line for error in errors] == [len(lines)], [str(error) for error in errors]
    return errors[0].message


def printed(*lines: str) -> list[str]:
    config, errors = after(*lines)
    assert errors == []
    return list(configuration_lines(config))


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        # B219: in the subnet of the interface, clear of its address, of MIPs and VIPs
        (["set interface tunnel.1 dip 5 10.20.1.2 10.20.1.3"], "dip 10.20.1.2-10.20.1.3 is not in 10.10.1.0/24"),
        (["set interface tunnel.1 dip 5 10.10.1.250 10.10.2.3"], "is not in 10.10.1.0/24, the subnet of interface"),
        (["set interface tunnel.1 dip 5 10.10.1.0 10.10.1.9"], "is not in 10.10.1.0/24"),
        (["set interface tunnel.1 dip 5 10.10.1.1 10.10.1.9"], "overlaps with the IP address of interface tunnel.1"),
        (["set interface ethernet3 dip 5 1.1.1.2"], "dip 1.1.1.2 overlaps with the manage IP of interface ethernet3"),
        (
            ["set interface tunnel.1 mip 10.10.1.5 host 10.1.1.5", "set interface tunnel.1 dip 5 10.10.1.2 10.10.1.9"],
            "dip 10.10.1.2-10.10.1.9 overlaps with mip 10.10.1.5",
        ),
        (
            ["set interface ethernet3 vip 1.1.1.10 80 http 10.1.1.5", "set interface ethernet3 dip 5 1.1.1.9 1.1.1.11"],
            "dip 1.1.1.9-1.1.1.11 overlaps with vip 1.1.1.10",
        ),
        (
            ["set interface ethernet3 dip 5 1.1.1.9 1.1.1.11", "set interface ethernet3 dip 6 1.1.1.11 1.1.1.12"],
            "dip 1.1.1.11-1.1.1.12 overlaps with dip 5",
        ),
        (
            ["set interface ethernet3 dip 5 1.1.1.9", "set interface tunnel.1 dip 5 10.10.1.2"],
            "dip 5 already exists on interface ethernet3",
        ),
        (["set interface ethernet3 dip 5 1.1.1.12 1.1.1.9"], "invalid range 1.1.1.12-1.1.1.9"),
        (["set interface ethernet3 dip 3 1.1.1.9"], "out of range"),
        (["set interface ethernet3 dip 1024 1.1.1.9"], "out of range"),
        # B196: translation needs an address of the interface's own
        (["set interface tunnel.2 dip 5 1.1.1.9"], "interface tunnel.2 has no IP address of its own"),
        (["set interface tunnel.2 mip 1.1.1.9 host 10.1.1.9"], "interface tunnel.2 has no IP address of its own"),
        (["set interface ethernet4 vip interface-ip 80 http 10.1.1.9"], "has no IP address of its own"),
        (["set interface null dip 5 1.1.1.9"], "interface null"),
        # extended networks
        (["set interface ethernet3 ext ip 10.1.1.9 255.255.255.0 dip 5 10.1.1.20"], "overlaps with 10.1.1.1/24"),
        (["set interface ethernet3 ext ip 9.1.1.1/24 dip 5 9.1.2.5"], "is not in 9.1.1.0/24, the subnet of the ext"),
        (["set interface ethernet3 ext ip 9.1.1.1/24 dip 5 9.1.1.1"], "overlaps with the extended IP address"),
        (["set interface tunnel.1 ext ip 9.1.1.1/24 dip 5 9.1.1.5"], "cannot have an extended IP address"),
        # MIPs
        (
            ["set interface tunnel.1 dip 5 10.10.1.2", "set interface tunnel.1 mip 10.10.1.2 host 10.1.1.2"],
            "with dip 5",
        ),
        (["set interface ethernet3 mip 1.1.1.1 host 10.1.1.2"], "overlaps with the IP address of interface ethernet3"),
        (["set interface ethernet3 mip 1.1.1.0 host 10.1.1.0 netmask 255.255.255.0"], "overlaps with"),
        (["set interface ethernet2 mip 10.3.3.5 host 10.1.1.5"], "mip 10.3.3.5 is not in 10.2.2.0/24"),
        (["set interface ethernet3 mip 1.1.1.5 host 10.1.1.5 vr none-vr"], "vrouter none-vr does not exist"),
        (
            ["set interface ethernet3 mip 1.1.1.5 host 10.1.1.5", "set interface ethernet3 mip 1.1.1.5 host 10.1.1.6"],
            "mip 1.1.1.5 already exists on interface ethernet3",
        ),
        (
            ["set interface ethernet3 mip 1.1.1.5 host 10.1.1.5", "set interface loopback.1 mip 1.1.1.5 host 10.1.1.6"],
            "mip 1.1.1.5 overlaps with mip 1.1.1.5",
        ),
        (["unset interface ethernet3 mip 1.1.1.5"], "mip 1.1.1.5 does not exist on interface ethernet3"),
        # VIPs
        (["set interface ethernet3 vip 1.1.1.1 80 http 10.1.1.5"], "is the address of interface ethernet3"),
        (["set interface ethernet3 vip 1.1.2.1 80 http 10.1.1.5"], "vip 1.1.2.1 is not in 1.1.1.0/24"),
        (["set interface ethernet3 vip 1.1.1.10 80 ping 10.1.1.5"], "has no TCP or UDP port"),
        (["set interface ethernet3 vip 1.1.1.10 80 nothing 10.1.1.5"], "service nothing does not exist"),
        (
            [
                "set interface ethernet3 vip 1.1.1.10 80 http 10.1.1.5",
                "set interface ethernet3 vip 1.1.1.10 + 80 http 10.1.1.6",
            ],
            "port 80 of vip 1.1.1.10 already leads to a server",
        ),
        (["unset interface ethernet3 vip 1.1.1.10 80"], "vip 1.1.1.10 port 80 does not exist on interface ethernet3"),
        # policies
        (["set policy from trust to untrust lan peer any nat src dip-id 9 permit"], "dip 9 does not exist"),
        (
            [
                "set interface ethernet3 dip 5 1.1.1.9",
                "set policy from untrust to trust peer lan any nat src dip-id 5 permit",
            ],
            "dip 5 is of interface ethernet3 in zone Untrust, and the policy leads to zone Trust",
        ),
        (["set policy from trust to untrust lan peer any nat src deny"], "that says deny cannot translate"),
        (
            ["set policy from untrust to trust any virtual any nat dst ip 10.1.1.9 10.1.1.5 permit"],
            "invalid range 10.1.1.9 10.1.1.5",
        ),
        (["set policy from untrust to trust any any any nat dst ip 10.1.1.5 10.1.1.9 permit"], "destination that is a"),
        (["set policy from untrust to trust any virtual any nat dst ip 10.1.1.5 port 0 permit"], "out of range"),
        (["set policy from untrust to trust any virtual any nat dst ip 224.1.1.5 permit"], "unicast"),
        (["set policy from untrust to trust any mip(1.1.1.5) http permit"], "address mip(1.1.1.5) does not exist"),
        (
            [
                "set interface ethernet3 mip 1.1.1.5 host 10.1.1.5",
                "set policy from untrust to trust any MIP(1.1.1.5) http nat dst ip 10.1.1.6 permit",
            ],
            "is translated already",
        ),
        # B220: the destination cannot be in a pool, whichever comes first
        (
            [
                "set interface tunnel.1 dip 5 10.10.1.2 10.10.1.9",
                "set policy from untrust to trust peer virtual any nat dst ip 10.1.1.5 permit",
            ],
            "nat dst address 10.10.1.5 is in dip 5",
        ),
        (
            [
                "set policy from untrust to trust peer virtual any nat dst ip 10.1.1.5 permit",
                "set interface tunnel.1 dip 5 10.10.1.2 10.10.1.9",
            ],
            "dip 10.10.1.2-10.10.1.9 overlaps with 10.10.1.5, a destination of policy 1",
        ),
        # next-hop bindings and loopback groups
        (["set interface ethernet3 nhtb 10.0.0.1 vpn v"], "a tunnel interface expected"),
        (["set interface tunnel.1 nhtb 10.0.0.1 vpn w"], "vpn w does not exist"),
        (["unset interface tunnel.1 nhtb 10.0.0.1"], "nhtb 10.0.0.1 does not exist on interface tunnel.1"),
        (["set interface ethernet3 loopback-group ethernet2"], "a loopback interface expected"),
        (["set interface ethernet2 loopback-group loopback.1"], "is not in zone Untrust"),
    ],
)
def test_refused(lines: list[str], says: str) -> None:
    assert says in refusal(*lines)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (
            [
                "set interface ethernet3 dip 5 1.1.1.9",
                "set policy id 7 from trust to untrust lan peer any nat src dip-id 5 permit",
                "unset interface ethernet3 dip 5",
            ],
            "dip 5 is in use by policy 7",
        ),
        (
            [
                "set interface ethernet3 mip 1.1.1.5 host 10.1.1.5",
                "set policy id 7 from untrust to trust any MIP(1.1.1.5) http permit",
                "unset interface ethernet3 mip 1.1.1.5",
            ],
            "mip 1.1.1.5 is in use by policy 7",
        ),
        (
            [
                "set interface ethernet3 vip 1.1.1.10 80 http 10.1.1.5",
                "set policy id 7 from untrust to trust any VIP(1.1.1.10) http permit",
                "unset interface ethernet3 vip 1.1.1.10 port 80",
            ],
            "vip 1.1.1.10 is in use by policy 7",
        ),
        (
            [
                "set interface ethernet3 vip interface-ip 80 http 10.1.1.5",
                "set policy id 7 from untrust to trust any VIP::1 http permit",
                "unset interface ethernet3 vip interface-ip",
            ],
            "vip interface-ip is in use by policy 7",
        ),
        (["set interface ethernet3 dip 5 1.1.1.9", "unset interface ethernet3 ip"], "is in use by dip 5"),
        (
            ["set interface ethernet3 mip 1.1.1.9 host 10.1.1.9", "set interface ethernet3 ip 3.1.1.1/24"],
            "by mip 1.1.1.9",
        ),
        (["set interface loopback.1 dip 5 1.9.9.3", "unset interface loopback.1"], "is in use by dip 5"),
        (["set interface tunnel.1 nhtb 10.0.0.1 vpn v", "unset vpn v"], "vpn v is in use by nhtb 10.0.0.1"),
        (["set interface tunnel.1 nhtb 10.0.0.1 vpn v", "unset interface tunnel.1"], "is in use by nhtb 10.0.0.1"),
        (
            ["set interface ethernet3 loopback-group loopback.1", "unset interface loopback.1"],
            "in use by interface eth",
        ),
        (
            [
                "set service own protocol tcp src-port 0-65535 dst-port 99-99",
                "set interface ethernet3 vip 1.1.1.10 99 own 10.1.1.5",
                "unset service own",
            ],
            "in use by vip 1.1.1.10",
        ),
    ],
)
def test_what_is_used_must_stay(lines: list[str], says: str) -> None:
    assert says in refusal(*lines)


def test_a_port_of_a_vip_may_go_while_others_of_its_address_stay() -> None:
    _, errors = after(
        "set interface ethernet3 vip 1.1.1.10 80 http 10.1.1.5",
        "set interface ethernet3 vip 1.1.1.10 + 21 ftp 10.1.1.6",
        "set policy id 7 from untrust to trust any VIP(1.1.1.10) http permit",
        "unset interface ethernet3 vip 1.1.1.10 80",
    )
    assert errors == []


def test_a_mip_of_the_untrust_zone_may_be_in_another_network() -> None:
    _, errors = after("set interface ethernet3 mip 7.7.7.5 host 10.1.1.5")
    assert errors == []


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        (
            "set interface ethernet3 mip 1.1.1.5 host 10.1.1.5",
            'set interface "ethernet3" mip 1.1.1.5 host 10.1.1.5 netmask 255.255.255.255 vr "trust-vr"',
        ),
        (
            "set interface e3 mip 1.1.1.37 host 10.1.1.99 netmask 255.255.255.240 vrouter untrust-vr",
            'set interface "ethernet3" mip 1.1.1.32 host 10.1.1.96 netmask 255.255.255.240 vr "untrust-vr"',
        ),
        ("set interface ethernet3 dip 5 1.1.1.20 1.1.1.30", "set interface ethernet3 dip 5 1.1.1.20 1.1.1.30"),
        ("set interface ethernet3 dip 5 1.1.1.20", "set interface ethernet3 dip 5 1.1.1.20 1.1.1.20"),
        (
            "set interface ethernet3 dip 5 1.1.1.20 1.1.1.30 fix-port",
            "set interface ethernet3 dip 5 1.1.1.20 1.1.1.30 fix-port",
        ),
        (
            "set interface ethernet3 dip 10 shift-from 10.1.1.11 to 1.1.1.101 1.1.1.105",
            "set interface ethernet3 dip 10 shift-from 10.1.1.11 to 1.1.1.101 1.1.1.105",
        ),
        (
            "set interface ethernet3 ext ip 211.10.1.10/28 dip 5 211.10.1.1",
            "set interface ethernet3 ext ip 211.10.1.10 255.255.255.240 dip 5 211.10.1.1 211.10.1.1",
        ),
        (
            "set interface ethernet3 vip untrust-ip 8080 http 10.1.1.9",
            'set interface ethernet3 vip interface-ip 8080 "HTTP" 10.1.1.9',
        ),
        ("set interface tunnel.1 nhtb 10.0.2.1 vpn v", 'set interface tunnel.1 nhtb 10.0.2.1 vpn "v"'),
        ("set dip sticky", "set dip sticky"),
        (
            "set policy id 3 from trust to untrust lan peer ftp nat src dst ip 10.20.1.9 port 2121 permit log",
            f"{POLICY} nat src dst ip 10.20.1.9 port 2121 permit log ",
        ),
        (
            "set policy id 3 from trust to untrust lan peer ftp nat src dip-id 2 nat dst ip 10.3.3.0 10.3.3.9 permit",
            f"{POLICY} nat src dip-id 2 dst ip 10.3.3.0 10.3.3.9 permit ",
        ),
    ],
)
def test_the_line_of_get_config(typed: str, line: str) -> None:
    lines = printed(typed)
    assert line in lines


def test_the_order_of_get_config_lets_each_line_find_what_it_names() -> None:
    """Pools, MIPs and VIPs behind their interfaces, bindings behind their VPNs, policies last."""
    lines = printed(
        "set interface ethernet3 mip 1.1.1.5 host 10.1.1.5",
        "set interface ethernet3 vip 1.1.1.10 80 http 10.1.1.9",
        "set interface ethernet3 vip 1.1.1.10 + 21 ftp 10.1.1.10",
        "set interface ethernet3 dip 5 1.1.1.20 1.1.1.30",
        "set interface tunnel.1 nhtb 10.0.2.1 vpn v",
        "set policy id 1 from trust to untrust lan peer any nat src dip-id 5 permit",
    )
    wanted = [
        "set interface ethernet3 ip 1.1.1.1/24",
        'set interface ethernet3 vip 1.1.1.10 80 "HTTP" 10.1.1.9',
        'set interface ethernet3 vip 1.1.1.10 + 21 "FTP" 10.1.1.10',
        'set interface "ethernet3" mip 1.1.1.5 host 10.1.1.5 netmask 255.255.255.255 vr "trust-vr"',
        "set interface ethernet3 dip 5 1.1.1.20 1.1.1.30",
        'set interface tunnel.1 nhtb 10.0.2.1 vpn "v"',
        'set policy id 1 from "Trust" to "Untrust"  "lan" "peer" "ANY" nat src dip-id 5 permit ',
    ]
    places = [lines.index(line) for line in wanted]
    assert places == sorted(places)
