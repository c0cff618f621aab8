"""SCREEN in whole labs: on what zone tunnels are judged, real connections through the TCP proxy, benign traffic."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.config.screen import ScreenOption
from nsemu.device.device import Device
from nsemu.runtime.drop import DropReason
from support.labs import PARIS, TOKYO, Site, all_of, also, dropped, events, swapped, two_sites

STYLES = ["route", "policy"]
FLOOD = ("set zone {zone} screen syn-flood", "set zone {zone} screen syn-flood attack-threshold 1")


def styled(style: str) -> tuple[Site, Site]:
    return replace(TOKYO, style=style), replace(PARIS, style=style)


def warm(lab: Lab) -> None:
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3).received >= 2


def counts(device: Device) -> dict[str, int]:
    """The SCREEN counters of all interfaces together."""
    found: dict[str, int] = {}
    for interface in device.interfaces.items.values():
        for option, count in interface.counters.screen.items():
            found[option] = found.get(option, 0) + count
    return found


@pytest.mark.parametrize("style", STYLES)
def test_decrypted_packets_are_screened_on_the_zone_of_the_tunnel(tmp_path: Path, style: str) -> None:
    """B163, B168: the Untrust zone holds the tunnel interface, and carries the tunnels that policies name."""
    lab = two_sites(tmp_path, *styled(style), change=also("paris", "set zone untrust screen icmp-large"))
    warm(lab)
    paris = lab["paris"].device
    assert lab["tokyo-pc"].ping("10.2.2.5", count=1, size=900).received == 1
    assert lab["tokyo-pc"].ping("10.2.2.5", count=2, size=1200).received == 0
    assert dropped(paris, DropReason.SCREEN_ICMP_LARGE) == 2
    where = "tunnel.1" if style == "route" else "ethernet3"
    assert paris.interfaces.items[where].counters.screen["icmp-large"] == 2
    lab.run_for(2)
    assert any(
        text.startswith(f"Large ICMP packet! From 10.1.1.5 to 10.2.2.5, proto 1 (zone Untrust, int {where}).")
        for text in events(lab, "paris")
    )


def test_the_zone_of_the_tunnel_interface_counts_not_that_of_the_wire(tmp_path: Path) -> None:
    """B163: with its own zone, a tunnel has its own SCREEN options."""
    change = all_of(
        swapped("paris", "set interface tunnel.1 zone Untrust", "set zone name VPN\nset interface tunnel.1 zone VPN"),
        swapped("paris", "address Untrust There", "address VPN There"),
        swapped("paris", "from Trust to Untrust", "from Trust to VPN"),
        swapped("paris", "from Untrust to Trust", "from VPN to Trust"),
        also("paris", "set zone untrust screen icmp-large"),
    )
    lab = two_sites(tmp_path, change=change)
    warm(lab)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=1, size=1200).received == 1
    lab["paris"].cli("set zone VPN screen icmp-large")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=1, size=1200).received == 0
    assert counts(lab["paris"].device) == {"icmp-large": 1}


@pytest.mark.parametrize("style", STYLES)
def test_fragments_inside_a_tunnel_are_screened(tmp_path: Path, style: str) -> None:
    lab = two_sites(tmp_path, *styled(style), change=also("paris", "set zone untrust screen block-frag"))
    warm(lab)
    # The whole sealed packet of 1400 octets fits; a packet of 2000 comes as two fragments of its own.
    assert "1 received" in lab["tokyo-pc"].run("udp send 10.2.2.5 7 'hello' size 1300")
    assert "0 received" in lab["tokyo-pc"].run("udp send 10.2.2.5 7 'hello' size 2000")
    assert dropped(lab["paris"].device, DropReason.SCREEN_BLOCK_FRAG) >= 1


@pytest.mark.parametrize("cookie", [False, True], ids=["queue", "cookie"])
@pytest.mark.parametrize("style", STYLES)
def test_real_connections_through_the_proxy_and_a_tunnel(tmp_path: Path, style: str, cookie: bool) -> None:
    """The second connection of a second is proxied; what is transferred stays whole."""
    lines = [line.format(zone="untrust") for line in FLOOD] + (["set flow syn-proxy syn-cookie"] if cookie else [])
    lab = two_sites(tmp_path, *styled(style), change=also("paris", *lines))
    warm(lab)
    paris = lab["paris"].device
    for _ in range(4):
        assert "200 OK" in lab["tokyo-pc"].run("http get 10.2.2.5")
    proxied = counts(paris)["syn-flood"]
    assert proxied >= 2
    put = lab["tokyo-pc"].run("ftp put 10.2.2.5 big.bin size 200000 passive")
    got = lab["tokyo-pc"].run("ftp get 10.2.2.5 big.bin passive")
    assert "226" in put
    assert "200000" in got
    shifted = [session for session in paris.state.sessions if session.forward.shift is not None]
    assert shifted
    lab.run_for(120)
    assert not any(session.forward.shift for session in paris.state.sessions)


def test_connections_to_a_closed_port_and_to_nobody_through_the_proxy(tmp_path: Path) -> None:
    lab = two_sites(tmp_path, change=also("paris", *(line.format(zone="untrust") for line in FLOOD)))
    warm(lab)
    lab["tokyo-pc"].run("http get 10.2.2.5")
    first, second = (lab["tokyo-pc"].run("tcp connect 10.2.2.5 4444") for _ in range(2))
    assert "refused" in first
    # The proxy accepts before it knows; the refusal follows as a reset.
    assert "connected" in second
    assert counts(lab["paris"].device) == {"syn-flood": 1}
    for _ in range(2):
        lab["tokyo-pc"].run("tcp connect 10.2.2.77 80 time-out 20")
    lab.run_for(60)
    assert not list(lab["paris"].device.state.sessions)


BENIGN = [
    option
    for option in ScreenOption
    if option not in {ScreenOption.BLOCK_FRAG, ScreenOption.ICMP_FRAGMENT, ScreenOption.ICMP_LARGE}
]


@pytest.mark.parametrize("style", STYLES)
def test_benign_traffic_is_never_hit(tmp_path: Path, style: str) -> None:
    """All options but those that forbid fragments and long pings, on both zones of both devices."""
    lines = [f"set zone {zone} screen {option.value}" for option in BENIGN for zone in ("trust", "untrust")]
    # A traceroute is answered by the remote gateway, with its outer address, out of the tunnel.
    lines.append("set zone untrust screen ip-spoofing zone-based")
    lab = two_sites(tmp_path, *styled(style), change=all_of(also("tokyo", *lines), also("paris", *lines)))
    warm(lab)
    for one, other in (("tokyo-pc", "10.2.2.5"), ("paris-pc", "10.1.1.5")):
        host = lab[one]
        assert host.ping(other, count=5).received == 5
        assert host.ping(other, count=2, size=4000).received == 2
        assert "1 received" in host.run(f"udp send {other} 7 'hello' size 5000")
        assert "200 OK" in host.run(f"http get {other}")
        assert "226" in host.run(f"ftp put {other} big.bin size 60000 passive")
        assert "60000" in host.run(f"ftp get {other} big.bin active")
        host.run(f"telnet {other} time-out 3")
        host.run(f"traceroute {other} time-out 1")
    lab.run_for(3)
    for name in ("tokyo", "paris"):
        assert counts(lab[name].device) == {}
        assert not [text for text in events(lab, name) if "Occurred" in text]


def test_a_packet_walk_shows_the_deciding_line(tmp_path: Path) -> None:
    lab = two_sites(
        tmp_path, change=also("tokyo", "set zone trust screen ip-spoofing", "unset zone untrust screen all")
    )
    warm(lab)
    tokyo = lab["tokyo"]
    walk = lab.trace("tokyo-pc", "10.2.2.5")
    assert "the SCREEN options of zone Trust had nothing against it" in walk.text()
    tokyo.cli("set route 10.1.1.5/32 interface ethernet3 gateway 1.1.1.254")
    text = lab.trace("tokyo-pc", "10.2.2.5").text()
    assert "IP spoofing" in text
    assert 'set zone "Trust" screen ip-spoofing' in text
