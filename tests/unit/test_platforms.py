"""The platforms: their interfaces, what they hold, and what they refuse when they are full (screenos-cli §1.1)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nsemu.cli.settings.configuration import configuration_text, load_configuration
from nsemu.config.device import factory_configuration
from nsemu.config.editor import Editor
from nsemu.config.platform import PLATFORMS
from support.cli_console import Session


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_factory_device_starts_prints_and_reads_itself(name: str) -> None:
    session = Session("box", platform=name)
    platform = PLATFORMS[name]
    table = session.type("get interface")
    for zone in {zone for _, zone in platform.bindings}:
        assert f" {zone} " in table
    assert f"Product Name: {platform.product}\n" in session.type("get system")
    text = configuration_text(session.device.config)
    editor = Editor(factory_configuration(name))
    assert load_configuration(text, editor) == []
    assert configuration_text(editor.finish()) == text


@pytest.mark.parametrize(
    ("name", "interfaces"),
    [
        ("ns204", "ethernet4"),
        ("ns500", "ethernet3/2"),
        ("ns5200", "ethernet2/8"),
        ("ns5400", "ethernet4/8"),
        ("ns5xt", "untrust"),
        ("ns-hsc", "trust"),
        ("ssg320m", "ethernet0/3"),
        ("ssg350m", "ethernet0/3"),
        ("ssg550m", "ethernet0/3"),
        ("isg1000", "ethernet1/4"),
        ("isg2000", "ethernet2/8"),
    ],
)
def test_the_last_port_of_a_platform_can_be_used_and_no_other(name: str, interfaces: str) -> None:
    session = Session("box", platform=name)
    session.accept(f"set interface {interfaces} zone DMZ", f"set interface {interfaces} ip 10.77.1.1/24")
    session.type("set interface ethernet9/9 zone DMZ")
    assert session.console.refused


FILLED = {
    "policies": ("set policy id {} from trust to untrust any any any permit", "policies"),
    "addresses": ("set address trust a{0} 10.1.1.{0}/32", "addresses"),
    "services": ("set service s{0} protocol tcp src-port 0-65535 dst-port {0}-{0}", "services"),
    "routes": ("set route 10.9.{0}.0/24 interface null", "static routes"),
    "vpns": ("set ike gateway g{0} address 9.9.9.{0} outgoing-interface untrust preshare k sec-level standard", "IKE"),
    "zones": ("set zone name z{}", "zones"),
    "vrouters": ("set vrouter name v{}", "virtual routers"),
    "mips": ("set interface untrust mip 9.1.1.{0} host 10.1.1.{0}", "MIPs"),
    "dips": ("set interface untrust dip {1} 9.1.1.{0} 9.1.1.{0}", "DIP pools"),
    "vips": ("set interface untrust vip 9.1.1.9 {0} http 10.1.1.{0}", "VIP services"),
    "users": ("set user u{} type auth", "users"),
    "kept_lines": ("set alias a{} x", "lines of alias"),
}


@pytest.mark.parametrize("kind", FILLED)
def test_a_full_platform_refuses_the_next_and_nothing_changes(kind: str) -> None:
    most = 5
    factory = factory_configuration("ns5gt")
    small = replace(factory.platform, capacity=replace(factory.platform.capacity, **{kind: most}))
    editor = Editor(replace(factory, platform=small))
    assert load_configuration("set interface untrust ip 9.1.1.250/24", editor) == []
    line, noun = FILLED[kind]
    wanted = [line.format(number, number + 3) for number in range(1, most + 2)]
    errors = load_configuration("\n".join(wanted), editor)
    room = 3 if kind == "vrouters" else most  # two are there from the start
    assert [error.line for error in errors] == list(range(room + 1, most + 2))
    assert errors[0].message.startswith(f"no more {noun}")
    assert "(this platform holds " in errors[0].message
    before = configuration_text(editor.finish())
    load_configuration(wanted[-1], editor)
    assert configuration_text(editor.finish()) == before
