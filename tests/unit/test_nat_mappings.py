"""MIPs and VIPs by themselves, and their names in policies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsemu.config.device import DeviceConfig, factory_configuration
from nsemu.config.editor import Editor
from nsemu.config.mapped import mapped_names, mapped_range, own_vip_interface, resolve_mapped
from nsemu.config.nat import Mip, Vip
from nsemu.nat.mappings import Mappings, VipPorts
from nsemu.wire.address import parse_ipv4 as ip

TCP, UDP = 6, 17


def test_a_mip_works_in_both_directions() -> None:
    mappings = Mappings([Mip("ethernet3", ip("1.1.1.5"), ip("10.1.1.5"))])
    found = mappings.mip(ip("1.1.1.5"))
    assert found is not None
    assert found[1] == ip("10.1.1.5")
    back = mappings.behind(("ethernet3",), ip("10.1.1.5"))
    assert back is not None
    assert back[1] == ip("1.1.1.5")
    assert mappings.mip(ip("1.1.1.6")) is None
    assert mappings.behind(("ethernet2",), ip("10.1.1.5")) is None


@given(st.integers(1, 32), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_a_mask_keeps_the_host_part(length: int, address: int, host: int, some: int) -> None:
    mask = (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF
    mip = Mip("e", address & mask, host & mask, length)
    inside = (address & mask) | (some & ~mask & 0xFFFFFFFF)
    mapped = mip.maps(inside)
    assert mapped == (host & mask) | (some & ~mask & 0xFFFFFFFF)
    assert mip.maps_back(mapped) == inside
    if length > 0:
        assert mip.maps(inside ^ (1 << (32 - length))) is None


def test_the_longest_mask_wins_and_the_loopback_group_comes_first() -> None:
    wide = Mip("ethernet3", ip("1.1.1.0"), ip("10.1.1.0"), 24)
    narrow = Mip("ethernet3", ip("1.1.1.16"), ip("10.9.9.16"), 28)
    single = Mip("ethernet3", ip("1.1.1.17"), ip("10.8.8.8"))
    loop = Mip("loopback.1", ip("2.2.2.0"), ip("10.1.1.0"), 24)
    mappings = Mappings([wide, single, loop, narrow])

    def behind(destination: str) -> str | None:
        found = mappings.mip(ip(destination))
        return None if found is None else f"{found[1]:#010x}"

    assert behind("1.1.1.17") == f"{ip('10.8.8.8'):#010x}"
    assert behind("1.1.1.18") == f"{ip('10.9.9.18'):#010x}"
    assert behind("1.1.1.40") == f"{ip('10.1.1.40'):#010x}"
    first = mappings.behind(("loopback.1", "ethernet3"), ip("10.1.1.40"))
    assert first is not None
    assert first[1] == ip("2.2.2.40")


def test_a_vip_is_by_protocol_and_port() -> None:
    vip = Vip("ethernet3", ip("1.1.1.10"), 8080, "HTTP", ip("10.1.1.10"))
    ranged = Vip("ethernet3", ip("1.1.1.10"), 8000, "many", ip("10.1.1.11"))
    mappings = Mappings(
        (),
        [
            VipPorts(ip("1.1.1.10"), TCP, 8000, 8100, -1000, ranged),
            VipPorts(ip("1.1.1.10"), TCP, 8080, 8080, -8000, vip),
        ],
    )
    assert mappings.vip(ip("1.1.1.10"), TCP, 8080) == (vip, 80), "the single port before the range around it"
    assert mappings.vip(ip("1.1.1.10"), TCP, 8001) == (ranged, 7001)
    assert mappings.vip(ip("1.1.1.10"), UDP, 8080) is None
    assert mappings.is_virtual(ip("1.1.1.10"))
    assert not mappings.is_virtual(ip("1.1.1.11"))
    assert mappings.claims(ip("1.1.1.10"), TCP, 8080)
    assert not mappings.claims(ip("1.1.1.10"), TCP, 22)


def config_with(*mips: Mip, vips: tuple[Vip, ...] = ()) -> DeviceConfig:
    editor = Editor(factory_configuration())
    for mip in mips:
        editor.mips.put((mip.interface, mip.address), mip)
    for vip in vips:
        editor.vips.put((vip.interface, vip.address, vip.port), vip)
    return editor.finish()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("MIP(1.1.1.5)", "MIP(1.1.1.5)"),
        ("mip(1.1.1.5)", "MIP(1.1.1.5)"),
        ("mip(1.1.1.5/32)", "MIP(1.1.1.5)"),
        ("MIP(2.2.2.0)", "MIP(2.2.2.0/24)"),
        ("Mip(2.2.2.0/255.255.255.0)", "MIP(2.2.2.0/24)"),
        ("MIP(2.2.2.0/25)", None),
        ("MIP(1.1.1.6)", None),
        ("vip(1.1.1.10)", "VIP(1.1.1.10)"),
        ("VIP(1.1.1.5)", None),
        ("vip(Ethernet3)", "VIP(ethernet3)"),
        ("VIP::1", "VIP(ethernet3)"),
        ("vip::2", "VIP(ethernet1)"),
        ("VIP::3", None),
        ("VIP::0", None),
        ("MIP()", None),
        ("MIP(1.1.1.5", None),
        ("lan", None),
    ],
)
def test_the_names_in_policies(typed: str, meant: str | None) -> None:
    config = config_with(
        Mip("ethernet3", ip("1.1.1.5"), ip("10.1.1.5")),
        Mip("ethernet3", ip("2.2.2.0"), ip("10.1.1.0"), 24),
        vips=(
            Vip("ethernet3", ip("1.1.1.10"), 80, "HTTP", ip("10.1.1.10")),
            Vip("ethernet3", ip("1.1.1.10"), 21, "FTP", ip("10.1.1.11")),
            Vip("ethernet3", 0, 25, "MAIL", ip("10.1.1.12")),
            Vip("ethernet1", 0, 25, "MAIL", ip("10.1.1.12")),
        ),
    )
    assert resolve_mapped(config, typed) == meant
    assert len(mapped_names(config)) == 5


def test_what_the_names_stand_for() -> None:
    assert mapped_range("MIP(1.1.1.5)") == (ip("1.1.1.5"), ip("1.1.1.5"))
    assert mapped_range("MIP(1.1.1.0/28)") == (ip("1.1.1.0"), ip("1.1.1.15"))
    assert mapped_range("VIP(ethernet3)") is None
    assert mapped_range("1.1.1.5") is None
    assert own_vip_interface("VIP(ethernet0/0)") == "ethernet0/0"
    assert own_vip_interface("VIP(1.1.1.1)") is None
    assert own_vip_interface("MIP(ethernet3)") is None
