"""Configurations as real devices hold them: everything loads, unknown lines are reported and harm nothing."""

from __future__ import annotations

from pathlib import Path

from nsemu.cli.settings.configuration import configuration_text, load_configuration
from nsemu.config.device import DeviceConfig, factory_configuration
from nsemu.config.editor import Editor

DATA = Path(__file__).parent.parent / "data"


def load(text: str, platform: str) -> tuple[DeviceConfig, list[str]]:
    editor = Editor(factory_configuration(platform))
    errors = load_configuration(text, editor)
    return editor.finish(), [str(error) for error in errors]


def test_a_factory_configuration_of_an_ssg5_has_no_unknown_line() -> None:
    text = (DATA / "ssg5_factory.cfg").read_text()
    config, errors = load(text, "ssg5")
    assert errors == []
    again, errors = load(configuration_text(config), "ssg5")
    assert errors == []
    assert again == config


def test_what_a_factory_configuration_lists_is_listed() -> None:
    text = (DATA / "ssg5_factory.cfg").read_text()
    config, _ = load(text, "ssg5")
    shown = {line.strip().replace('"', "") for line in configuration_text(config).splitlines()}
    missing = [line for line in text.replace('"', "").splitlines() if line.strip() not in shown]
    assert missing == [
        "unset interface vlan1 ip",
        "unset interface vlan1 bypass-others-ipsec",
        "unset interface vlan1 bypass-non-ip",
        "set interface ethernet0/0 dhcp client enable",  # written without its last word
        "unset add-default-route",
    ]


def test_a_configuration_full_of_features() -> None:
    text = (DATA / "real.cfg").read_text()
    config, errors = load(text, "ns208")
    assert errors == []
    printed = configuration_text(config)
    again, errors = load(printed, "ns208")
    assert errors == []
    assert again == config
    assert configuration_text(again) == printed


def test_unknown_lines_are_reported_by_number_and_all_others_count() -> None:
    lines = (DATA / "real.cfg").read_text().splitlines()
    whole, _ = load("\n".join(lines), "ns208")
    strange = {10: "set teleport on", 50: "frobnicate", 62: "set interface ethernet1 colour red"}
    mixed: list[str] = []
    expected = []
    for line in [*lines, None]:
        while len(mixed) + 1 in strange:
            number = len(mixed) + 1
            word = {10: "teleport", 50: "frobnicate", 62: "colour"}[number]
            expected.append(f"line {number}: unknown keyword {word} in {strange[number]!r}")
            mixed.append(strange[number])
        if line is not None:
            mixed.append(line)
    config, errors = load("\n".join(mixed), "ns208")
    assert errors == expected
    assert config == whole


def test_a_saved_configuration_of_an_ns5xp_with_5_0() -> None:
    """Policy 0 comes first, facilities stand behind the syslog server, routes are no part of a virtual router."""
    config, errors = load((DATA / "ns5xp.cfg").read_text(), "ns5xp")
    assert errors == []
    assert list(config.policies) == [0, 1]
    printed = configuration_text(config)
    again, errors = load(printed, "ns5xp")
    assert errors == []
    assert again == config
    assert configuration_text(again) == printed


def test_a_saved_configuration_of_an_ssg140() -> None:
    """Sub-interfaces, DHCP, translation, VPNs, policies in several lines, clusters, routing protocols, IPv6."""
    config, errors = load((DATA / "ssg140.cfg").read_text(), "ssg140")
    assert errors == []
    printed = configuration_text(config)
    again, errors = load(printed, "ssg140")
    assert errors == []
    assert again == config
    assert configuration_text(again) == printed
