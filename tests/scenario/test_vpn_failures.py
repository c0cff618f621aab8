"""What goes wrong between two gateways: nothing leaks, the event log says why, IKE gives up, and mending it helps.

Every fault is tried from both sides. `Fault` says what is wrong at Tokyo, what the logs must say, which counter moves,
and which lines put it right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.device.device import Device
from nsemu.runtime.drop import DropReason
from support.labs import (
    ESP,
    PARIS,
    TOKYO,
    UDP,
    Change,
    Security,
    Wiretap,
    also,
    dropped,
    events,
    logged,
    quiet,
    swapped,
    two_sites,
    type_lines,
    without,
)

LANS = ("10.1.1.0/24", "10.2.2.0/24")
TOKYO_GATEWAY = "set ike gateway to_peer address 2.2.2.2 main outgoing-interface ethernet3 preshare h1p8A24nG5 "
TOKYO_VPN = "set vpn vpn gateway to_peer "
PROPOSALS = "No proposal chosen", "Rejected proposals from peer. Negotiations failed."


@dataclass(frozen=True, slots=True)
class Fault:
    """`forward` are texts in the (Tokyo, Paris) logs when Tokyo starts, `backward` when Paris does."""

    name: str
    change: Change
    forward: tuple[tuple[str, str], ...]
    backward: tuple[tuple[str, str], ...]
    mend: tuple[str, ...]
    styles: tuple[str, ...] = ("route", "policy")
    phase1_works: bool = False
    leftover: tuple[str, ...] = field(default=())


FAULTS = [
    Fault(
        "wrong key",
        swapped("tokyo", "preshare h1p8A24nG5", "preshare h1p8A24nG6"),
        (("tokyo", "Phase 1: Retransmission limit has been reached."), ("paris", "preshared keys might not match")),
        (("paris", "Phase 1: Retransmission limit has been reached."), ("tokyo", "preshared keys might not match")),
        (TOKYO_GATEWAY + "sec-level compatible",),
    ),
    Fault(
        "no common phase 1 proposal",
        swapped("tokyo", "preshare h1p8A24nG5 sec-level compatible", "preshare h1p8A24nG5 proposal pre-g5-3des-sha"),
        (("paris", "IKE 1.1.1.1 Phase 1: Rejected proposals from peer. Negotiations failed."),),
        (("tokyo", "IKE 2.2.2.2 Phase 1: Rejected proposals from peer. Negotiations failed."),),
        (TOKYO_GATEWAY + "sec-level compatible",),
    ),
    Fault(
        "no common phase 1 lifetime is no fault, another group is",
        swapped("tokyo", "preshare h1p8A24nG5 sec-level compatible", "preshare h1p8A24nG5 proposal pre-g1-3des-sha"),
        (("paris", "IKE 1.1.1.1 Phase 1: Rejected proposals from peer. Negotiations failed."),),
        (("tokyo", "IKE 2.2.2.2 Phase 1: Rejected proposals from peer. Negotiations failed."),),
        (TOKYO_GATEWAY + "proposal pre-g2-3des-sha",),
    ),
    Fault(
        "no common phase 2 proposal",
        swapped("tokyo", "gateway to_peer  sec-level compatible", "gateway to_peer proposal nopfs-esp-aes128-md5"),
        (("paris", "IKE 1.1.1.1 Phase 2: Rejected proposals from peer. Negotiations failed."),),
        (("tokyo", "IKE 2.2.2.2 Phase 2: Rejected proposals from peer. Negotiations failed."),),
        (TOKYO_VPN + "sec-level compatible",),
        phase1_works=True,
    ),
    Fault(
        "PFS at one end only",
        swapped("tokyo", "gateway to_peer  sec-level compatible", "gateway to_peer proposal g2-esp-3des-sha"),
        (("paris", "Phase 2"),),
        (("tokyo", "Phase 2"),),
        (TOKYO_VPN + "sec-level compatible",),
        phase1_works=True,
    ),
    Fault(
        "proxy IDs of other networks",
        swapped("tokyo", "remote-ip 10.2.2.0/24", "remote-ip 10.2.0.0/16"),
        (("paris", "No policy exists for the proxy ID received: local ID (<10.2.0.0>/<255.255.0.0>, 0, 0) "
                   "remote ID (<10.1.1.0>/<255.255.255.0>, 0, 0)"),),
        (("tokyo", "No policy exists for the proxy ID received: local ID (<10.1.1.0>/<255.255.255.0>, 0, 0) "
                   "remote ID (<10.2.2.0>/<255.255.255.0>, 0, 0)"),),
        ("set vpn vpn proxy-id local-ip 10.1.1.0/24 remote-ip 10.2.2.0/24 any",),
        styles=("route",),
        phase1_works=True,
    ),
    Fault(
        "proxy ID of another service",
        swapped("tokyo", "remote-ip 10.2.2.0/24 any", "remote-ip 10.2.2.0/24 TELNET"),
        (("paris", "No policy exists for the proxy ID received: local ID (<10.2.2.0>/<255.255.255.0>, 6, 23)"),),
        (("tokyo", "No policy exists for the proxy ID received"),),
        ("set vpn vpn proxy-id local-ip 10.1.1.0/24 remote-ip 10.2.2.0/24 any",),
        styles=("route",),
        phase1_works=True,
    ),
    Fault(
        "addresses of policies that do not mirror",
        swapped("tokyo", "set address Untrust There 10.2.2.0/24", "set address Untrust There 10.2.2.0/25"),
        (("paris", "No policy exists for the proxy ID received: local ID (<10.2.2.0>/<255.255.255.128>, 0, 0)"),),
        (("tokyo", "No policy exists for the proxy ID received"),),
        (),
        styles=("policy",),
        phase1_works=True,
    ),
    Fault(
        "the peer does not know us",
        swapped("paris", "address 1.1.1.1 ", "address 1.1.1.99 "),
        (
            ("tokyo", "IKE 2.2.2.2 Phase 1: Retransmission limit has been reached."),
            ("paris", "Rejected an IKE packet on ethernet3 from 1.1.1.1:500 to 2.2.2.2:500 with cookies"),
            ("paris", "because an initial Phase 1 packet arrived from an unrecognized peer gateway."),
        ),
        (("paris", "IKE 1.1.1.99 Phase 1: Retransmission limit has been reached."),),
        (),
    ),
    Fault(
        "another peer address",
        swapped("tokyo", "address 2.2.2.2 ", "address 2.2.2.77 "),
        (("tokyo", "IKE 2.2.2.77 Phase 1: Retransmission limit has been reached."),),
        (("paris", "IKE 1.1.1.1 Phase 1: Retransmission limit has been reached."), ("tokyo", "unrecognized peer")),
        (TOKYO_GATEWAY + "sec-level compatible",),
    ),
]  # fmt: skip

CASES = [(fault, style, starter) for fault in FAULTS for style in fault.styles for starter in ("tokyo", "paris")]


def faulty(tmp_path: Path, style: str, change: Change) -> Lab:
    """Two sites with a fault."""
    return two_sites(tmp_path, replace(TOKYO, style=style), replace(PARIS, style=style), change=change)


def far(starter: str) -> str:
    """The PC on the other side."""
    return "10.2.2.5" if starter == "tokyo" else "10.1.1.5"


def isakmp(tap: Wiretap) -> int:
    """How many IKE datagrams were sent."""
    return sum(packet[20:24] == b"\x01\xf4\x01\xf4" for packet in tap.packets(UDP))


@pytest.mark.parametrize(
    ("fault", "style", "starter"), CASES, ids=[f"{fault.name}-{style}-{starter}" for fault, style, starter in CASES]
)
def test_negotiations_that_fail(tmp_path: Path, fault: Fault, style: str, starter: str) -> None:
    """B034, B047, B057: no SA, no packet in clear, the words of the log, an end to retransmission, recovery."""
    lab = faulty(tmp_path, style, fault.change)
    tap = Wiretap.on(lab, "tokyo:ethernet3", "paris:ethernet3")
    assert lab[f"{starter}-pc"].ping(far(starter), count=5).received == 0
    lab.run_for(120)
    for device, text in fault.forward if starter == "tokyo" else fault.backward:
        assert logged(lab, device, text), events(lab, device)
    assert tap.packets(ESP) == []
    assert tap.leaks(*LANS) == []
    assert dropped(lab[starter].device, DropReason.SA_INACTIVE) == 5
    sent = isakmp(tap)
    assert sent > 0
    assert quiet(lab)
    assert isakmp(tap) == sent, "retransmission must end"
    established = [sa for name in ("tokyo", "paris") for sa in lab[name].device.ike.engine.phase1s(lab.scheduler.now)]
    assert all(sa.established for sa in established)
    assert bool(established) is fault.phase1_works
    if fault.mend:
        type_lines(lab, "tokyo", *fault.mend)
        if fault.name.startswith("no common phase 1 lifetime"):
            assert lab["tokyo"].device.config.gateways["to_peer"].proposals == ("pre-g2-3des-sha",)
        result = lab[f"{starter}-pc"].ping(far(starter), count=6)
        assert result.received >= 4, events(lab, "tokyo") + events(lab, "paris")
        assert lab[f"{starter}-pc"].ping(far(starter), count=3).received == 3
        assert tap.leaks(*LANS) == []


def test_pfs_groups_that_differ(tmp_path: Path) -> None:
    """B047, B058: both ends want PFS, with other groups: the log names them."""

    def secured(group: int) -> Security:
        return Security(phase2="proposal p2", proposals=(
            f"set ike p2-proposal p2 group{group} esp 3des sha-1",))  # fmt: skip

    lab = two_sites(tmp_path, security={"tokyo": secured(1), "paris": secured(5)})
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3).received == 0
    lab.run_for(120)
    assert logged(lab, "paris", "Phase 2: Received DH group 1 instead of expected group 5 for PFS.") or logged(
        lab, "paris", "Phase 2: Rejected proposals from peer."
    )
    assert tap.packets(ESP) == []


@pytest.mark.parametrize("style", ["route", "policy"])
@pytest.mark.parametrize("starter", ["tokyo", "paris"])
def test_a_dead_gateway(tmp_path: Path, style: str, starter: str) -> None:
    """The peer's link is down: IKE ends at the retransmission limit, starts anew with traffic, and works again."""
    lab = faulty(tmp_path, style, lambda _name, lines: lines)
    other = "paris" if starter == "tokyo" else "tokyo"
    lab.link(f"{other}:ethernet3").down()
    tap = Wiretap.on(lab, f"{starter}:ethernet3")
    assert lab[f"{starter}-pc"].ping(far(starter), count=5).received == 0
    lab.run_for(120)
    assert logged(lab, starter, "Phase 1: Retransmission limit has been reached.")
    first = isakmp(tap)
    assert 2 <= first <= 16
    assert quiet(lab)
    assert isakmp(tap) == first
    assert lab[f"{starter}-pc"].ping(far(starter), count=2).received == 0
    assert isakmp(tap) > first
    lab.run_for(120)
    lab.link(f"{other}:ethernet3").up()
    assert lab[f"{starter}-pc"].ping(far(starter), count=5).received >= 3
    assert tap.leaks(*LANS) == []


@pytest.mark.parametrize("style", ["route", "policy"])
def test_the_peer_dies_in_mid_session(tmp_path: Path, style: str) -> None:
    """With SAs up and the peer gone, packets go on into the tunnel; nothing is ever in clear."""
    lab = faulty(tmp_path, style, lambda _name, lines: lines)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3).received == 2
    lab.link("paris:ethernet3").down()
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=5).received == 0
    assert len(tap.packets(ESP)) == 5
    assert lab["tokyo-pc"].ping("10.2.2.5", count=500, interval=10).received == 0
    assert quiet(lab, 6000)
    lab.link("paris:ethernet3").up()
    assert lab["tokyo-pc"].ping("10.2.2.5", count=20).received >= 10
    assert tap.leaks(*LANS) == []


MISSING: list[tuple[str, str, Change, str, DropReason, tuple[str, ...]]] = [
    ("route there", "route", without("tokyo", "route 10.2.2.0/24 interface tunnel.1"), "tokyo", DropReason.NULL_ROUTE,
     ("set vrouter trust-vr route 10.2.2.0/24 interface tunnel.1",)),
    ("any route", "route", without("tokyo", "route 10.2.2.0/24", "0.0.0.0/0 interface ethernet3"), "tokyo",
     DropReason.NO_ROUTE, ("set vrouter trust-vr route 10.2.2.0/24 interface tunnel.1",
                           "set vrouter trust-vr route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.254")),
    ("default route", "policy", without("tokyo", "0.0.0.0/0"), "tokyo", DropReason.NO_ROUTE,
     ("set vrouter trust-vr route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.254",)),
    ("route back", "route", without("paris", "route 10.1.1.0/24 interface tunnel.1"), "paris",
     DropReason.NO_REVERSE_ROUTE, ("set vrouter trust-vr route 10.1.1.0/24 interface tunnel.1",)),
    ("policy out", "route", without("tokyo", "policy id 11"), "tokyo", DropReason.DEFAULT_DENY,
     ("set policy from Trust to Untrust Here There any permit",)),
    ("policy in", "route", without("paris", "policy id 12"), "paris", DropReason.DEFAULT_DENY,
     ("set policy from Untrust to Trust There Here any permit",)),
    ("policy out", "policy", without("tokyo", "policy id 11"), "tokyo", DropReason.DEFAULT_DENY,
     ("set policy from Trust to Untrust Here There any tunnel vpn vpn",)),
    ("policy in", "policy", without("paris", "policy id 12"), "paris", DropReason.DEFAULT_DENY,
     ("set policy from Untrust to Trust There Here any tunnel vpn vpn",)),
    ("vpn in the policy in", "policy", swapped("paris", "There Here any tunnel vpn vpn", "There Here any permit"),
     "paris", DropReason.SA_POLICY_DENY, ("unset policy id 12",
                                          "set policy from Untrust to Trust There Here any tunnel vpn vpn")),
    ("vpn of the tunnel interface", "route", without("tokyo", "bind interface"), "tokyo", DropReason.NULL_ROUTE,
     ("set vpn vpn bind interface tunnel.1",)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "style", "change", "where", "reason", "mend"), MISSING, ids=[f"{case[0]}-{case[1]}" for case in MISSING]
)
def test_something_is_missing(
    tmp_path: Path, what: str, style: str, change: Change, where: str, reason: DropReason, mend: tuple[str, ...]
) -> None:
    """B166, B169, B183: packets are dropped for the right reason, on the right device; putting it right helps."""
    lab = faulty(tmp_path, style, change)
    tap = Wiretap.on(lab, "tokyo:ethernet3", "paris:ethernet3")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=5).received == 0, what
    assert dropped(lab[where].device, reason) >= 4
    assert tap.leaks(*LANS) == []
    type_lines(lab, where, *mend)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=5).received >= 4
    assert lab["paris-pc"].ping("10.1.1.5", count=3).received >= 2
    assert tap.leaks(*LANS) == []


@pytest.mark.parametrize(
    "lines",
    [
        ("set policy id 40 from Untrust to Trust There Here any tunnel vpn vpn", "unset policy id 12"),
        ("set policy id 11 name renamed from Trust to Untrust Here There any tunnel vpn vpn log",),
        ("set policy top from Trust to Untrust Here There FTP deny", "set hostname elsewhere"),
    ],
)
@pytest.mark.parametrize("starter", ["tokyo", "paris"])
def test_changes_that_leave_the_tunnel_alone(tmp_path: Path, lines: tuple[str, ...], starter: str) -> None:
    """What does not concern the SAs keeps them: no packet is lost when a policy of the tunnel changes its number."""
    lab = faulty(tmp_path, "policy", lambda _name, lines: lines)
    lab["tokyo-pc"].ping("10.2.2.5", count=3)
    type_lines(lab, "paris", *lines)
    assert lab[f"{starter}-pc"].ping(far(starter), count=5).received == 5


# --- SPIs that the peer has forgotten, replay, tampering


def reset(lab: Lab, name: str) -> None:
    """Power a device off and on, with the configuration it has."""
    device = lab[name].device
    device.restart(device.config)


@pytest.mark.parametrize("style", ["route", "policy"])
@pytest.mark.parametrize(("sender", "resets"), [("tokyo", "paris"), ("paris", "tokyo")])
def test_a_reset_device_recovers(tmp_path: Path, style: str, sender: str, resets: str) -> None:
    """B158, B159: ESP with a forgotten SPI is dropped and logged, and IKE is triggered: traffic recovers."""
    lab = faulty(tmp_path, style, lambda _name, lines: lines)
    assert lab[f"{sender}-pc"].ping(far(sender), count=3).received == 2
    reset(lab, resets)
    tap = Wiretap.on(lab, "tokyo:ethernet3", "paris:ethernet3")
    result = lab[f"{sender}-pc"].ping(far(sender), count=6)
    assert result.received >= 4
    assert dropped(lab[resets].device, DropReason.BAD_SPI) >= 1
    assert logged(lab, resets, "received a packet with a bad SPI.")
    assert lab[f"{resets}-pc"].ping(far(resets), count=2).received == 2
    assert tap.leaks(*LANS) == []


def test_a_bad_spi_from_a_stranger_is_not_answered(tmp_path: Path) -> None:
    """B158: only a source that is a peer is told; others are dropped without a word."""
    lab = two_sites(tmp_path)
    lab["tokyo-pc"].ping("10.2.2.5", count=2)
    device = lab["paris"].device
    packet = bytearray(tap_esp(lab)[0])
    packet[12:16] = bytes((9, 9, 9, 9))
    packet[20:24] = b"\x99\x99\x99\x99"
    tap = Wiretap.on(lab, "paris:ethernet3")
    inject(device, fix(packet))
    lab.run_for(2)
    assert dropped(device, DropReason.BAD_SPI) == 1
    assert tap.packets() == []


def tap_esp(lab: Lab) -> list[bytes]:
    """Ping once from Tokyo; its ESP packets towards Paris."""
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    lab["tokyo-pc"].ping("10.2.2.5", count=1)
    return [packet for packet in tap.packets(ESP) if packet[16:20] == bytes((2, 2, 2, 2))]


def fix(packet: bytearray) -> bytes:
    """A right header checksum."""
    packet[10:12] = b"\0\0"
    total = sum(int.from_bytes(packet[at : at + 2], "big") for at in range(0, 20, 2))
    total = (total & 0xFFFF) + (total >> 16)
    packet[10:12] = ((total & 0xFFFF) + (total >> 16) ^ 0xFFFF).to_bytes(2, "big")
    return bytes(packet)


def inject(device: Device, packet: bytes) -> None:
    """Put a packet on the wire before the device's Internet interface."""
    mac = device.interfaces.items["ethernet3"].mac
    device.receive("ethernet3", mac + b"\2\0\0\0\0\7\x08\x00" + packet)


def flip(at: int) -> Callable[[bytes], bytes]:
    """Change one octet at a place counted from the start of the ESP header (or from the end)."""

    def change(packet: bytes) -> bytes:
        octets = bytearray(packet)
        octets[at + 20 if at >= 0 else at] ^= 1
        return bytes(octets)

    return change


@pytest.mark.parametrize("place", [4, 8, 20, 40, -1, -13])
@pytest.mark.parametrize("replay", ["replay", "no-replay"])
def test_tampered_packets(tmp_path: Path, place: int, replay: str) -> None:
    """B161: whatever octet was changed, the packet is dropped and counted; the tunnel goes on."""
    lab = two_sites(tmp_path, security=Security(options=replay))
    lab["tokyo-pc"].ping("10.2.2.5", count=2)
    (packet,) = tap_esp(lab)
    device, inside = lab["paris"].device, Wiretap.on(lab, "paris:ethernet1")
    before = dropped(device, DropReason.ESP_AUTHENTICATION)
    forged = bytearray(flip(place)(packet))
    # A number ahead of the window, so that replay protection does not stand in front.
    forged[24:28] = (int.from_bytes(forged[24:28], "big") + 100).to_bytes(4, "big")
    inject(device, bytes(forged))
    lab.run_for(1)
    assert dropped(device, DropReason.ESP_AUTHENTICATION) == before + 1
    assert inside.packets() == []
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3).received == 3, "a forged number must not move the window"


@pytest.mark.parametrize("style", ["route", "policy"])
def test_replayed_packets(tmp_path: Path, style: str) -> None:
    """B059, B160, B162: with replay protection a copy is dropped, counted and logged."""
    sites = replace(TOKYO, style=style), replace(PARIS, style=style)
    lab = two_sites(tmp_path, *sites, security={"paris": Security(options="replay")})
    lab["tokyo-pc"].ping("10.2.2.5", count=2)
    (packet,) = tap_esp(lab)
    device, inside = lab["paris"].device, Wiretap.on(lab, "paris:ethernet1")
    before = dropped(device, DropReason.ESP_REPLAY)
    for _ in range(3):
        inject(device, packet)
        lab.run_for(1)
    assert dropped(device, DropReason.ESP_REPLAY) == before + 3
    assert logged(lab, "paris", "Replay packet detected on IPSec tunnel on ethernet3 with tunnel ID")
    assert inside.packets() == []
    lab["tokyo-pc"].ping("10.2.2.5", count=100, interval=0.1)
    inject(device, packet)
    assert dropped(device, DropReason.ESP_REPLAY) == before + 4, "far to the left of the window"


def test_duplicates_without_replay_protection(tmp_path: Path) -> None:
    """B059, B060: without it a copy passes, as the sequence number is not looked at."""
    lab = two_sites(tmp_path)
    lab["tokyo-pc"].ping("10.2.2.5", count=2)
    (packet,) = tap_esp(lab)
    inside = Wiretap.on(lab, "paris:ethernet1")
    inject(lab["paris"].device, packet)
    lab.run_for(1)
    assert len([one for one in inside.packets(1) if one[20] == 8]) == 1
    assert dropped(lab["paris"].device, DropReason.ESP_REPLAY) == 0


def test_reordered_packets_pass_the_window(tmp_path: Path) -> None:
    """B059: within the window the order does not matter."""
    lab = two_sites(tmp_path, security=Security(options="replay"))
    lab["tokyo-pc"].ping("10.2.2.5", count=2)
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    device = lab["paris"].device
    lab.link("paris:ethernet3").set(loss=1.0)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=20, interval=0.1).received == 0
    lab.link("paris:ethernet3").set(loss=0.0)
    inside = Wiretap.on(lab, "paris:ethernet1")
    sent = [packet for packet in tap.packets(ESP) if packet[16:20] == bytes((2, 2, 2, 2))]
    assert len(sent) == 20
    for packet in reversed(sent):
        inject(device, packet)
    lab.run_for(1)
    assert len([one for one in inside.packets(1) if one[20] == 8]) == 20
    assert dropped(device, DropReason.ESP_REPLAY) == 0


def test_a_lossy_internet(tmp_path: Path) -> None:
    """IKE retransmits, TCP retransmits: with a fifth of all frames lost everything still gets through."""
    lab = two_sites(tmp_path)
    tap = Wiretap.on(lab, "tokyo:ethernet3", "paris:ethernet3")
    lab.link("tokyo:ethernet3").set(loss=0.2, jitter=0.005)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=60).received > 25
    assert "20000" in lab["paris-pc"].run("ftp put 10.1.1.5 x.bin size 20000 passive")
    assert tap.leaks(*LANS) == []


def test_changed_configuration_renews_the_tunnel(tmp_path: Path) -> None:
    """A new preshared key at both ends: old SAs go, new ones come, traffic continues."""
    lab = two_sites(tmp_path)
    lab["tokyo-pc"].ping("10.2.2.5", count=2)
    tap = Wiretap.on(lab, "tokyo:ethernet3", "paris:ethernet3")
    for name, peer in (("tokyo", "2.2.2.2"), ("paris", "1.1.1.1")):
        type_lines(lab, name, f"set ike gateway to_peer address {peer} main outgoing-interface ethernet3 "
                              f"preshare another sec-level compatible")  # fmt: skip
    assert lab["tokyo-pc"].ping("10.2.2.5", count=5).received >= 4
    assert tap.leaks(*LANS) == []


def test_the_tunnel_moves_to_another_interface(tmp_path: Path) -> None:
    """The gateway's outgoing interface gets another address, and the peer is told so: the tunnel follows."""
    lab = two_sites(tmp_path, change=also("paris", "set interface ethernet4 zone Untrust"))
    lab["tokyo-pc"].ping("10.2.2.5", count=2)
    tap = Wiretap.on(lab, "tokyo:ethernet3", "paris:ethernet3")
    type_lines(lab, "tokyo", "set interface ethernet3 ip 1.1.1.7/24")
    type_lines(lab, "paris", "set ike gateway to_peer address 1.1.1.7 main outgoing-interface ethernet3 "
                             "preshare h1p8A24nG5 sec-level compatible")  # fmt: skip
    assert lab["tokyo-pc"].ping("10.2.2.5", count=6).received >= 4
    assert {packet[12:16] for packet in tap.packets(ESP)} == {bytes((1, 1, 1, 7)), bytes((2, 2, 2, 2))}
    assert tap.leaks(*LANS) == []
