"""`get zone Z screen`, the lines of `get config`, and refusals."""

from __future__ import annotations

import pytest

from support.cli_console import Session

ZONE_UNTRUST = """\
Screen function only generate alarm without dropping packet: OFF
Tear-drop Attack Protection                             on
SYN Flood Protection (200)                              on
  Alarm Threshold:                                      512
  Queue Size:                                           1024
  Timeout Value:                                        20
  Source Threshold:                                     4000
  Destination Threshold:                                4000
  Drop unknown MAC (transparent mode only):             off
Ping-of-Death Protection                                on
Source Route IP Option Filter                           on
Land Attack Protection                                  on
"""


def test_a_new_device() -> None:
    """screenos-cli §6.4."""
    session = Session()
    assert session.type("get zone untrust screen") == ZONE_UNTRUST
    assert session.type("get zone V1-Untrust screen") == ZONE_UNTRUST
    for zone in ("trust", "DMZ", "MGT"):
        assert session.type(f"get zone {zone} screen") == ZONE_UNTRUST.splitlines(keepends=True)[0]


def test_what_was_changed() -> None:
    session = Session()
    session.accept(
        "set zone trust screen alarm-without-drop",
        "set zone trust screen udp-flood threshold 70",
        "set zone trust screen udp-flood dst-ip 10.1.1.5 threshold 20",
        "set zone trust screen udp-flood",
        "set zone trust screen limit-session source-ip-based 1",
        "set zone trust screen limit-session source-ip-based",
        "set zone trust screen ip-spoofing",
        "set zone trust screen ip-spoofing drop-no-rpf-route",
        'set zone trust screen mal-url perl "GET /scripts/perl.exe" 14',
    )
    assert session.type("get zone trust screen") == (
        "Screen function only generate alarm without dropping packet: ON\n"
        "UDP Flood Protection (70)                               on\n"
        "  dst-ip 10.1.1.5: 20\n"
        "IP Spoofing Attack Protection                           on\n"
        "  Drop sources without route:                           on\n"
        "  Based on zones:                                       off\n"
        "Source IP Session Limit (1)                             on\n"
        'Malicious URL "perl": pattern "GET /scripts/perl.exe", length 14\n'
    )
    everything = session.type("get zone trust screen all")
    assert "UDP Flood Protection (70)                               on\n" in everything
    assert "Land Attack Protection                                  off\n" in everything
    session.accept("unset zone trust screen all")
    assert session.type("get zone trust screen") == ZONE_UNTRUST.splitlines(keepends=True)[0]


def test_lines_of_get_config() -> None:
    """screenos-cli §6.1: SCREEN lines follow the tcp-rst lines and come before the interfaces."""
    session = Session()
    session.accept(
        "unset zone untrust screen land",
        "set zone untrust screen syn-flood attack-threshold 625",
        "set zone untrust screen limit-session destination-ip-based 4000",
        "set zone untrust screen limit-session destination-ip-based",
        "set flow syn-proxy syn-cookie",
    )
    lines = session.type("get config").splitlines()
    screen = [line for line in lines if 'zone "Untrust" screen' in line]
    assert screen == [
        'set zone "Untrust" screen tear-drop',
        'set zone "Untrust" screen syn-flood',
        'set zone "Untrust" screen ping-death',
        'set zone "Untrust" screen ip-filter-src',
        'unset zone "Untrust" screen land',
        'set zone "Untrust" screen limit-session destination-ip-based',
        'set zone "Untrust" screen syn-flood attack-threshold 625',
        'set zone "Untrust" screen limit-session destination-ip-based 4000',
    ]
    assert lines.index(screen[0]) > max(at for at, line in enumerate(lines) if "tcp-rst" in line)
    assert lines.index(screen[-1]) < min(at for at, line in enumerate(lines) if line.startswith("set interface"))
    assert "set flow syn-proxy syn-cookie" in lines


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("set zone untrust-tun screen land", "has no SCREEN options (those of its carrier zone Untrust apply)"),
        ("set zone null screen land", "has no SCREEN options (a zone with interfaces expected)"),
        ("set zone trust screen syn-flood timeout 51", "value 51 out of range (<1-50> expected)"),
        ("set zone trust screen port-scan threshold 10", "out of range (<1000-1000000> expected)"),
        ("unset zone trust screen mal-url nothing", "URL pattern nothing does not exist in zone Trust"),
        ("set zone trust screen component-block rar", "rar"),
        ("set zone nowhere screen land", "zone nowhere does not exist"),
        ("get zone nowhere screen", "zone nowhere does not exist"),
    ],
)
def test_refusals(line: str, answer: str) -> None:
    session = Session()
    before = session.device.config
    assert answer in session.type(line)
    assert session.console.refused
    assert session.device.config == before


def test_unset_of_a_threshold_gives_the_default_back() -> None:
    session = Session()
    session.accept("set zone untrust screen syn-flood queue-size 20", "unset zone untrust screen syn-flood queue-size")
    assert session.type("get zone untrust screen") == ZONE_UNTRUST
