"""Forms of saved configurations that differ from what an admin would type, and what comes of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nsemu.cli import show
from nsemu.cli.settings.configuration import configuration_lines, configuration_text, load_configuration
from nsemu.config.device import DeviceConfig, factory_configuration
from nsemu.config.editor import Editor
from support.cli_console import Session, all_settings, is_kept_as_typed


def load(text: str, platform: str = "ssg140") -> DeviceConfig:
    editor = Editor(factory_configuration(platform))
    assert [str(error) for error in load_configuration(text, editor)] == []
    return editor.finish()


def shown(config: DeviceConfig, *words: str) -> list[str]:
    return [line for line in configuration_lines(config) if all(word in line for word in words)]


SUB_INTERFACES = """
set interface ethernet0/1 zone untrust
set interface tunnel.3 zone untrust
set interface ethernet0/0.12 tag 12 zone dmz
set interface ethernet0/1.4 tag 4 zone untrust
set interface ethernet0/0.3 tag 3 zone trust
set interface ethernet0/0.12 ip 10.12.0.1/24
set interface ethernet0/0.3 ip 10.3.0.1/24
"""


def test_sub_interfaces_stand_behind_their_interface_in_order_of_numbers() -> None:
    config = load(SUB_INTERFACES)
    names = [line.split('"')[1] for line in shown(config, 'set interface "', "zone")]
    made = [name for name in names if "." in name]
    assert made == ["ethernet0/0.3", "ethernet0/0.12", "ethernet0/1.4", "tunnel.3"]
    assert names.index("ethernet0/0.12") < names.index("ethernet0/1") < names.index("ethernet0/1.4")


def test_a_configuration_with_sub_interfaces_is_its_own_copy() -> None:
    printed = configuration_text(load(SUB_INTERFACES))
    assert configuration_text(load(printed)) == printed


def test_each_line_about_a_tracked_address_adds_to_the_others() -> None:
    config = load(
        "set interface ethernet0/2 monitor track-ip ip 203.0.113.9 interval 4\n"
        "set interface ethernet0/2 monitor track-ip ip 203.0.113.9 threshold 6\n"
        "set interface ethernet0/2 monitor track-ip ip 203.0.113.9 weight 30\n"
    )
    (target,) = config.interfaces["ethernet0/2"].monitor.targets
    assert (target.interval, target.threshold, target.weight) == (4, 6, 30)


def test_lines_about_an_address_that_a_cluster_tracks_add_up() -> None:
    config = load(
        "set nsrp monitor track-ip ip 203.0.113.9 weight 30\nset nsrp monitor track-ip ip 203.0.113.9 interval 4\n"
    )
    assert shown(config, "track-ip ip") == ["set nsrp monitor track-ip ip 203.0.113.9 interval 4 weight 30"]


def test_the_address_that_a_cluster_tracks_is_shown_as_address() -> None:
    session = Session("fw", platform="ssg140")
    session.accept("set nsrp monitor track-ip ip 203.0.113.9 weight 30")
    assert "  auto 30 203.0.113.9 not probed\n" in session.type("get nsrp")


def test_users_and_administrators_are_written_as_devices_write_them() -> None:
    config = load(
        'set user "ann" uid 4\nset user "ann" ike-id fqdn "ann.example.net" share-limit 1\nset user "ann" type ike\n'
        'set user "ann" "enable"\nset user "bob" type auth\nset user "bob" password "pw"\nunset user "bob" "enable"\n'
        'set admin user "eve" password "secret12" privilege "read-only"\n'
    )
    assert shown(config, '"ann"')[-2:] == ['set user "ann" type ike', 'set user "ann" "enable"']
    assert shown(config, '"bob"')[-2:] == ['set user "bob" type auth', 'unset user "bob" "enable"']
    assert shown(config, "admin user")[0].endswith('privilege "read-only"')


@pytest.mark.parametrize("typed", ["2 0 3 02:00 1 0 11 02:00", "start-weekday 2 0 3 02:00 end-weekday 1 0 11 02:00"])
def test_both_forms_of_summer_time_are_the_same(typed: str) -> None:
    config = load(f"set clock dst recurring {typed} 30\n")
    saving = config.system.saving
    assert saving is not None
    assert (saving.start.week, saving.start.month, saving.stop.week, saving.stop.month) == (2, 3, 1, 11)
    expected = "set clock dst recurring start-weekday 2 0 3 02:00 end-weekday 1 0 11 02:00 30"
    assert shown(config, "dst") == [expected]


def test_a_dns_server_that_is_not_set_is_written_0_0_0_0() -> None:
    lines = (
        "set dns host dns1 10.1.1.53 src-interface ethernet0/1\nset dns host dns2 0.0.0.0\nset dns host dns3 0.0.0.0\n"
    )
    config = load(lines)
    assert config.system.dns_servers == (0x0A010135,)
    assert shown(config, "dns host") == ["set dns host dns1 10.1.1.53 src-interface ethernet0/1"]
    assert shown(load(lines + "set dns host dns1 10.1.1.54\n"), "dns host") == ["set dns host dns1 10.1.1.54"]
    assert not shown(load(lines + "unset dns host dns1\n"), "dns host")


def test_a_dns_server_below_1_0_0_0_is_refused() -> None:
    session = Session("fw", platform="ssg140")
    assert session.type("set dns host dns1 0.1.2.3") == "invalid DNS server address (the address of a host expected)\n"


def test_rpc_services_are_kept_and_match_nothing() -> None:
    session = Session("fw", platform="ssg140")
    told = session.type('set service "mount" protocol sun-rpc program 100005-100005')
    assert told == "Note: service rpc is kept in the configuration but not emulated.\n"
    session.accept(
        'set service "mount" + ms-rpc uuid e1af8308-5d1f-11c9-91a4-08002b14a0fa',
        'set service "both" protocol tcp dst-port 99-99 timeout 40',
        'set service "both" + sun-rpc program 7-8',
    )
    config = session.device.config
    assert shown(config, 'set service "mount"') == [
        'set service "mount" protocol sun-rpc program 100005-100005',
        'set service "mount" + ms-rpc uuid e1af8308-5d1f-11c9-91a4-08002b14a0fa',
    ]
    assert shown(config, 'set service "both"')[1:] == ['set service "both" + sun-rpc program 7-8']
    assert config.services["mount"].entries == ()
    assert load(configuration_text(config)) == config
    row = next(line for line in session.type("get service user").splitlines() if line.startswith("mount"))
    assert row.split()[1:3] == ["RPC", "-"]


def test_an_empty_comment_is_none() -> None:
    config = load('set group service "Web" comment " "\nset group address "Trust" "hosts" comment " "\n')
    assert shown(config, "set group") == ['set group address "Trust" "hosts"', 'set group service "Web"']


def test_custom_dhcp_options_are_shown_without_control_characters() -> None:
    session = Session("fw", platform="ssg140")
    session.accept(
        "set interface ethernet0/0 zone trust",
        "set interface ethernet0/0 ip 10.1.1.1/24",
        "set interface ethernet0/0 dhcp server ip 10.1.1.50 to 10.1.1.60",
        "set interface ethernet0/0 dhcp server option custom 66 string boot.example.net",
        "set interface ethernet0/0 dhcp server option custom 150 ip 10.0.0.9",
        "set interface ethernet0/0 dhcp server service",
    )
    shown_options = session.type("get interface ethernet0/0 dhcp server option")
    assert "option 66: boot.example.net\n" in shown_options
    assert "option 150: 0x0a000009\n" in shown_options
    assert all(line.isprintable() for line in shown_options.splitlines())


def test_get_interface_lists_what_the_interface_has() -> None:
    session = Session("fw", platform="ssg140")
    session.accept(
        "set interface ethernet0/1 zone dmz",
        "set interface ethernet0/1 ip 10.1.1.1/24",
        "set interface ethernet0/1 ip 10.1.2.1/24 secondary",
        "set interface ethernet0/1 ip 10.1.3.1/25 secondary",
        "set interface ethernet0/1 protocol rip enable",
        "set interface tunnel.4 zone untrust",
        "set interface tunnel.4 ip 10.4.4.1/30",
        "set vrouter trust-vr protocol bgp 65000",
        "set interface tunnel.4 protocol bgp",
    )
    assert session.type("get interface ethernet0/1 secondary") == (
        "Interface ethernet0/1: 2 secondary addresses\n  *ip 10.1.2.1/24\n  *ip 10.1.3.1/25\n"
    )
    assert session.type("get interface ethernet0/0 secondary") == "Interface ethernet0/0: 0 secondary addresses\n"
    assert "  RIP enabled  RIPng disabled\n" in session.type("get interface ethernet0/1")
    assert "  OSPF disabled  BGP enabled  RIP disabled" in session.type("get interface tunnel.4")


READ = re.compile(r"""(?:kept_rows|kept_value|is_kept|is_unset)\(\s*[\w.]+,\s*["']([^"'{]+)["']""")


def test_what_get_reads_as_kept_is_kept() -> None:
    """A setting that gained its function has another home: reading it as kept shows nothing."""
    settings = all_settings()
    pages = Path(show.__file__).parent.glob("*.py")
    read = {name for page in pages for name in READ.findall(page.read_text())}
    assert len(read) > 20
    assert {name for name in read if name not in settings or not is_kept_as_typed(settings[name])} == set()


@pytest.mark.parametrize(
    ("platform", "interface", "word"), [("ssg140", "ethernet0/2", "dpd-liveness"), ("ns208", "ethernet3", "dpd")]
)
def test_dead_peer_detection_is_written_in_the_words_of_the_release(platform: str, interface: str, word: str) -> None:
    config = load(
        f"set interface {interface} zone untrust\n"
        f"set ike gateway gw address 2.2.2.9 outgoing-interface {interface} preshare k sec-level standard\n"
        "set ike gateway gw dpd interval 12\nset ike gateway gw dpd-liveness always-send\n",
        platform,
    )
    assert shown(config, "dpd") == [
        f'set ike gateway "gw" {word} interval 12',
        f'set ike gateway "gw" {word} always-send',
    ]
    assert load(configuration_text(config), platform) == config


def test_managers_and_the_port_of_the_web_interface_in_get_system() -> None:
    """5.4 has a line a manager (captured), 6.x a table."""
    old, new = Session(), Session("fw", platform="ssg140")
    for session in (old, new):
        session.accept(
            "set admin manager-ip 10.16.6.0 255.255.255.0", "set admin manager-ip 10.9.9.9", "set admin port 8080"
        )
    between = old.type("get system").split("Use interface IP, ")[1].split("User Name")[0]
    assert between.splitlines() == [
        "Config Port: 8080",
        "Mng Host IP: 10.16.6.0/255.255.255.0",
        "Mng Host IP: 10.9.9.9/255.255.255.255",
    ]
    table = new.type("get system").split("Use interface IP, ")[1].split("User Name")[0].splitlines()
    assert table[:3] == ["Config Port: 8080", "Manager IP enforced: True", "Manager IPs: 2"]
    assert [row.split() for row in table[-2:]] == [
        ["10.16.6.0", "255.255.255.0", "Root"],
        ["10.9.9.9", "255.255.255.255", "Root"],
    ]
