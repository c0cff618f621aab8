"""`get config` read back is the same configuration, for every configuration: a fixed point after one reload."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nsemu.cli.settings.configuration import configuration_text, load_configuration
from nsemu.config.device import DeviceConfig, factory_configuration
from nsemu.config.editor import Editor
from nsemu.config.platform import PLATFORMS

HERE = Path(__file__).parent.parent
FILES = sorted(
    path
    for folder in (HERE / "data", HERE.parent / "topologies")
    for path in folder.rglob("*.cfg")
    if path.read_text(errors="replace").strip()
)


def fitting_platform(text: str) -> str:
    """The platform whose interfaces a configuration names most often."""
    named = set(re.findall(r"\b(?:ethernet[\d/]+|trust\b(?=\s+ip)|untrust\b(?=\s+ip))", text))
    return max(PLATFORMS, key=lambda name: (len(named & set(PLATFORMS[name].interfaces)), name == "ns208"))


def load(text: str, platform: str) -> tuple[DeviceConfig, list[str]]:
    editor = Editor(factory_configuration(platform))
    errors = load_configuration(text, editor)
    return editor.finish(), [str(error) for error in errors]


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.parts[-3:]))
def test_what_is_printed_is_what_is_read(path: Path) -> None:
    text = path.read_text()
    platform = fitting_platform(text)
    config, _ = load(text, platform)
    printed = configuration_text(config)
    again, errors = load(printed, platform)
    assert errors == []
    assert again == config
    assert configuration_text(again) == printed


@pytest.mark.parametrize("platform", ["ns208", "ssg550", "isg2000", "ns5400"])
def test_thousands_of_lines_in_the_forms_of_real_devices(platform: str) -> None:
    """Objects, groups, multi-line policies, routes, services: the most frequent forms of real configurations."""
    first, second = (name for name in PLATFORMS[platform].interfaces[:2])
    lines = [f"set interface {first} zone Trust", f"set interface {second} zone Untrust"]
    lines += [f"set interface {first} ip 10.0.0.1/16", f"set interface {second} ip 192.0.2.1/24"]
    for number in range(400):
        high, low = divmod(number, 250)
        lines += [
            f'set address "Trust" "host {number}" 10.{high}.{low}.0 255.255.255.0 "No. {number}"',
            f'set service "svc-{number}" protocol tcp src-port 0-65535 dst-port {1000 + number}-3000 timeout 9',
            f'set group address "Trust" "group {number // 10}" add "host {number}"',
            f"set route 172.{16 + high}.{low}.0/24 interface {second} gateway 192.0.2.254 preference {20 + high}",
            f'set policy id {number + 1} name "rule {number}" from "Trust" to "Untrust"  "host {number}" "Any" '
            f'"svc-{number}" permit log count',
            f"set policy id {number + 1}",
            f'set src-address "group {number // 10}"',
            'set service "HTTP"',
            "exit",
        ]
    config, errors = load("\n".join(lines), platform)
    assert errors == []
    printed = configuration_text(config)
    again, errors = load(printed, platform)
    assert (again, errors) == (config, [])
    assert len(config.policies) == len(config.addresses) == 400
    assert len(config.address_groups) == 40


def test_bad_lines_among_good_ones_are_named_by_number_and_the_others_count() -> None:
    bad = {
        3: "set nonsense 1",
        7: 'set hostname "unclosed',
        12: "set interface ethernet1 ip 10.1.1.1/99",
        20: "set policy id 999999999 from trust to untrust any any any permit",
        31: "x" * 5000,
        40: "exit",
    }
    text = "\n".join(bad.get(number, f"set address trust a{number} 10.1.1.{number}/32") for number in range(1, 51))
    config, errors = load(text, "ns208")
    assert [int(re.match(r"line (\d+):", error)[1]) for error in errors] == list(bad)  # type: ignore[index]
    assert len(config.addresses) == 50 - len(bad)
