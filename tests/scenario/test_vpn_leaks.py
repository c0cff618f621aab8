"""Nothing of the LANs is ever in clear between gateways, whatever is sent and whatever happens to the tunnel."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.runtime.drop import DropReason
from nsemu.wire.address import parse_ipv4
from nsemu.wire.icmp import echo_request
from nsemu.wire.ipv4 import Ipv4Packet
from nsemu.wire.udp import UdpDatagram
from support.labs import (
    ESP,
    PARIS,
    TOKYO,
    Background,
    Security,
    Site,
    Wiretap,
    all_of,
    also,
    dropped,
    hub_and_spokes,
    two_sites,
    type_lines,
    without,
)

LANS = ("10.1.1.0/24", "10.2.2.0/24")
MARKS = (b"the quick brown fox", b"HTTP/1.", b"GET /", b"10.1.1.5", b"10.2.2.5")
STYLES = ["route", "policy"]


def styled(tmp_path: Path, style: str, **more: object) -> Lab:
    """Two sites of one style."""
    return two_sites(tmp_path, replace(TOKYO, style=style), replace(PARIS, style=style), **more)  # type: ignore[arg-type]


def warm(lab: Lab) -> None:
    """Bring the tunnel up."""
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3).received >= 2
    assert lab["tokyo-pc"].ping("10.2.2.5", count=1).received == 1


def tapped(lab: Lab) -> Wiretap:
    """Listen on both Internet links."""
    return Wiretap.on(lab, "tokyo:ethernet3", "paris:ethernet3")


def all_traffic(lab: Lab) -> None:
    """A bit of everything that hosts can send, both ways."""
    for one, other in (("tokyo-pc", "10.2.2.5"), ("paris-pc", "10.1.1.5")):
        host = lab[one]
        host.ping(other, count=2)
        host.ping(other, count=2, size=4000)
        host.run(f"ping {other} count 1 size 1472 df")
        host.run(f"udp send {other} 7 'the quick brown fox'")
        host.run(f"udp send {other} 9999 'the quick brown fox'")
        host.run(f"http get {other}")
        host.run(f"ftp put {other} big.bin size 60000 passive")
        host.run(f"ftp get {other} big.bin active")
        host.run(f"telnet {other} time-out 3")
        host.run(f"echo {other} 'the quick brown fox'")
        host.run(f"traceroute {other} time-out 1")
        host.run(f"traceroute {other} icmp time-out 1")
        host.run(f"tcp connect {other} 4444")
        host.run(f"tcp ack {other} 80")


@pytest.mark.parametrize("style", STYLES)
def test_everything_that_hosts_send(tmp_path: Path, style: str) -> None:
    """Pings, fragments, UDP, TCP, both kinds of traceroute, refused ports: ESP on the Internet, nothing else."""
    lab = styled(tmp_path, style)
    tap = tapped(lab)
    warm(lab)
    all_traffic(lab)
    assert len(tap.packets(ESP)) > 400
    assert tap.leaks(*LANS, *MARKS) == []


@pytest.mark.parametrize("style", STYLES)
def test_through_a_narrow_internet(tmp_path: Path, style: str) -> None:
    """ESP packets larger than the link are fragmented outside; the pieces show nothing either."""
    lab = styled(tmp_path, style)
    for end in ("tokyo:ethernet3", "paris:ethernet3"):
        lab.link(end).set(mtu=600)
    tap = tapped(lab)
    warm(lab)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3, size=3000).received == 3
    assert "60000" in lab["paris-pc"].run("ftp put 10.1.1.5 big.bin size 60000 passive")
    all_traffic(lab)
    assert tap.leaks(*LANS, *MARKS) == []
    assert any(packet[6:8] not in {b"\0\0", b"\x40\0"} for packet in tap.packets(ESP))


@pytest.mark.parametrize("style", STYLES)
def test_traceroute_finds_the_gateways(tmp_path: Path, style: str) -> None:
    """Time exceeded of the far gateway comes back through the tunnel; the routers between are not seen."""
    lab = styled(tmp_path, style)
    tap = tapped(lab)
    warm(lab)
    for kind in ("", "icmp"):
        rows = lab["tokyo-pc"].run(f"traceroute 10.2.2.5 {kind} -n time-out 1").splitlines()[1:]
        hops = [row.split()[1] for row in rows]
        assert hops == ["10.1.1.1", "2.2.2.2", "10.2.2.5"], rows
    assert tap.leaks(*LANS) == []


def test_traceroute_through_a_hub(tmp_path: Path) -> None:
    """The hub's and the far spoke's time exceeded return through the tunnels."""
    hub = Site("hub", "10.0.0.0/24", "198.18.0.1/30")
    spokes = [Site(f"s{n}", f"10.{n}.0.0/24", f"198.18.{n}.2/29") for n in (1, 2)]
    lab = hub_and_spokes(tmp_path, hub, spokes)
    tap = Wiretap.on(lab, *(site.wan_port for site in (hub, *spokes)))
    lab["s1-pc"].ping("10.2.0.5", count=5)
    rows = lab["s1-pc"].run("traceroute 10.2.0.5 -n time-out 1").splitlines()[1:]
    assert [row.split()[1] for row in rows] == ["10.1.0.1", "198.18.0.1", "198.18.2.2", "10.2.0.5"]
    assert tap.leaks("10.1.0.0/24", "10.2.0.0/24") == []


def short_lived(lifetime: str) -> Security:
    """Phase 2 keys that do not last."""
    return Security(
        phase2="proposal short", proposals=(f"set ike p2-proposal short no-pfs esp aes128 sha-1 {lifetime}",)
    )


@pytest.mark.parametrize("style", STYLES)
def test_rekey_by_seconds_loses_nothing(tmp_path: Path, style: str) -> None:
    """B026: keys are renewed before they expire; over two hundred renewals no ping is lost and nothing is clear."""
    lab = styled(tmp_path, style, security=short_lived("second 180"))
    warm(lab)
    tap = tapped(lab)
    result = lab["tokyo-pc"].ping("10.2.2.5", count=2600, interval=13.7)
    assert result.received == result.sent == 2600
    tunnel = next(iter(lab["tokyo"].device.database.tunnels.values()))
    assert len({packet[20:24] for packet in tap.packets(ESP)}) > 400
    assert len(tunnel.inbound_sas) <= 3
    assert tap.leaks(*LANS) == []
    assert dropped(lab["tokyo"].device, DropReason.BAD_SPI) == dropped(lab["paris"].device, DropReason.BAD_SPI) == 0


@pytest.mark.parametrize("style", STYLES)
def test_rekey_by_kilobytes_loses_nothing(tmp_path: Path, style: str) -> None:
    """B026: the same when the kilobytes run out, three hundred times."""
    lab = styled(tmp_path, style, security=short_lived("hour 1 kbyte 20"))
    warm(lab)
    tap = tapped(lab)
    result = lab["paris-pc"].ping("10.1.1.5", count=3000, interval=0.2, size=1400)
    assert result.received == result.sent == 3000
    assert len({packet[20:24] for packet in tap.packets(ESP)}) > 400
    assert tap.leaks(*LANS) == []


def test_rekey_of_phase_1(tmp_path: Path) -> None:
    """Phase 1 keys of three minutes beside Phase 2 keys of ten: traffic goes on for hours."""
    security = Security(
        phase1="proposal p1short", phase2="proposal p2short",
        proposals=("set ike p1-proposal p1short preshare group1 esp des md5 second 180",
                   "set ike p2-proposal p2short group1 esp des md5 second 600"))  # fmt: skip
    lab = two_sites(tmp_path, security=security)
    warm(lab)
    tap = tapped(lab)
    result = lab["tokyo-pc"].ping("10.2.2.5", count=1500, interval=10)
    assert result.received == 1500
    assert tap.leaks(*LANS) == []


def test_a_transfer_goes_on_over_rekeys(tmp_path: Path) -> None:
    """A TCP transfer that uses up an SA's kilobytes many times arrives whole."""
    lab = two_sites(tmp_path, security=short_lived("hour 1 kbyte 100"))
    lab.link("tokyo:ethernet3").set(rate="10mbit")
    warm(lab)
    tap = tapped(lab)
    assert "1000000" in lab["tokyo-pc"].run("ftp put 10.2.2.5 big.bin size 1000000 passive")
    assert len({packet[20:24] for packet in tap.packets(ESP)}) > 16
    assert tap.leaks(*LANS) == []


def cleared(lab: Lab) -> None:
    """The SAs of Tokyo are cleared, and Paris is told."""
    device = lab["tokyo"].device
    device.clear_tunnel(next(iter(device.database.tunnels)))


def restarted(lab: Lab) -> None:
    """Paris loses all its state."""
    device = lab["paris"].device
    device.restart(device.config)


def flapped(lab: Lab) -> None:
    """Tokyo's Internet link goes down and up."""
    lab.link("tokyo:ethernet3").down()
    lab.run_for(3)
    lab.link("tokyo:ethernet3").up()


EVENTS: list[Callable[[Lab], None]] = [cleared, restarted, flapped]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("event", EVENTS)
def test_mid_session_events(tmp_path: Path, style: str, event: Callable[[Lab], None]) -> None:
    """Packets that flow while the tunnel goes are lost, not sent in clear; traffic recovers by itself."""
    lab = styled(tmp_path, style)
    warm(lab)
    tap = tapped(lab)
    flows = [
        Background(lab, "tokyo-pc", "ping 10.2.2.5 count 40 interval 1 size 500"),
        Background(lab, "paris-pc", "ping 10.1.1.5 count 40 interval 1"),
        Background(lab, "tokyo-pc", "ftp put 10.2.2.5 slow.bin size 400000 passive time-out 20"),
        Background(lab, "paris-pc", "udp send 10.1.1.5 7 'the quick brown fox' count 300 interval 0.1"),
    ]
    lab.run_for(5)
    event(lab)
    lab.run_for(60)
    assert tap.leaks(*LANS, *MARKS) == []
    assert flows[0].finished
    assert int(re.findall(r"(\d+) received", flows[0].output)[0]) >= 30
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3).received == 3
    assert lab["paris-pc"].ping("10.1.1.5", count=3).received == 3
    assert tap.leaks(*LANS) == []


@pytest.mark.parametrize("style", STYLES)
def test_a_policy_that_goes_takes_its_sessions(tmp_path: Path, style: str) -> None:
    """Removing the outbound policy in mid-session ends it: no packet more, neither in the tunnel nor in clear."""
    lab = styled(tmp_path, style)
    warm(lab)
    Background(lab, "tokyo-pc", "ping 10.2.2.5 count 30 interval 0.5")
    lab.run_for(2.2)
    tap = tapped(lab)
    type_lines(lab, "tokyo", "unset policy id 11")
    lab.run_for(1)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3).received == 0
    assert tap.leaks(*LANS) == []
    assert tap.packets(ESP) == []
    assert dropped(lab["tokyo"].device, DropReason.DEFAULT_DENY) >= 3


def test_a_vpn_that_is_unbound(tmp_path: Path) -> None:
    """B179, B183: without its VPN the tunnel interface is down, and the null route takes the traffic."""
    lab = two_sites(tmp_path)
    warm(lab)
    tap = tapped(lab)
    Background(lab, "tokyo-pc", "ping 10.2.2.5 count 10")
    lab.run_for(2.5)
    before = dropped(lab["tokyo"].device, DropReason.NULL_ROUTE)
    type_lines(lab, "tokyo", "unset vpn vpn bind interface")
    lab.run_for(10)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=2).received == 0
    assert dropped(lab["tokyo"].device, DropReason.NULL_ROUTE) >= before + 2
    assert tap.leaks(*LANS) == []
    type_lines(lab, "tokyo", "set vpn vpn bind interface tunnel.1",
               "set vpn vpn proxy-id local-ip 10.1.1.0/24 remote-ip 10.2.2.0/24 any")  # fmt: skip
    assert lab["tokyo-pc"].ping("10.2.2.5", count=4).received >= 3
    assert tap.leaks(*LANS) == []


def test_without_a_null_route_it_would_leak(tmp_path: Path) -> None:
    """B180: the book's warning holds, so the tests above can fail: the default route takes the traffic in clear."""
    lab = two_sites(tmp_path, change=without("tokyo", "interface null"))
    warm(lab)
    tap = tapped(lab)
    type_lines(lab, "tokyo", "unset vpn vpn bind interface")
    lab["tokyo-pc"].ping("10.2.2.5", count=2)
    assert tap.leaks("10.2.2.0/24") != []


def test_no_way_back_from_a_tunnel(tmp_path: Path) -> None:
    """What came out of a tunnel is not answered in clear when the route back into it is missing.

    Pings of the LAN and of the device itself, time exceeded, a rejecting policy, a closed port, a fragment that
    never completes: the answer would follow the default route.
    """
    change = all_of(
        without("paris", "route 10.1.1.0/24 interface"),
        also("paris", "set policy id 20 top from Untrust to Trust There Here HTTP reject",
             "set interface ethernet1 manage ping", "set interface ethernet3 manage ping",
             "set zone Untrust tcp-rst"),
    )  # fmt: skip
    lab = two_sites(tmp_path, change=change)
    tap = tapped(lab)
    host = lab["tokyo-pc"]
    assert host.ping("10.2.2.5", count=3).received == 0
    assert host.ping("10.2.2.1", count=3).received == 0
    assert host.ping("10.2.2.200", count=5).received == 0
    host.run("ping 10.2.2.5 count 1 ttl 2")
    host.run("ping 10.2.2.5 count 1 size 3000")
    host.run("http get 10.2.2.5 time-out 3")
    host.run("tcp ack 10.2.2.5 23")
    host.run("tcp connect 10.2.2.1 23 time-out 3")
    host.run("traceroute 10.2.2.5 time-out 1 hops 3")
    host.run("udp send 10.2.2.5 9999 'the quick brown fox'")
    assert len(tap.packets(ESP)) > 10
    assert tap.leaks(*LANS, *MARKS) == []
    assert dropped(lab["paris"].device, DropReason.NO_REVERSE_ROUTE) > 0


@pytest.mark.parametrize("style", STYLES)
def test_clear_text_where_a_tunnel_is_due(tmp_path: Path, style: str) -> None:
    """B169: forged clear text from the Internet does not pass a policy that names a VPN.

    A policy of a route-based VPN does not tell where a packet came from; there the reply goes into the tunnel.
    """
    lab = styled(tmp_path, style)
    warm(lab)
    target = lab["paris"].device
    mac = target.interfaces.items["ethernet3"].mac
    inside, outside = Wiretap.on(lab, "paris:ethernet1"), Wiretap.on(lab, "paris:ethernet3")
    for identifier in (1, 2, 3):
        target.receive("ethernet3", mac + b"\2\0\0\0\0\1\x08\x00" + echo("10.1.1.5", "10.2.2.5", identifier))
        lab.run_for(1)
    assert outside.leaks(*LANS) == []
    if style == "policy":
        assert inside.packets() == []
        assert dropped(target, DropReason.NO_SA_POLICY) == 3
    else:
        assert len(outside.packets(ESP)) == 3


@pytest.mark.parametrize("style", STYLES)
def test_clear_text_into_a_session_of_a_tunnel(tmp_path: Path, style: str) -> None:
    """B164: a forged packet with the addresses of a session that runs in a tunnel is dropped and counted."""
    lab = styled(tmp_path, style)
    warm(lab)
    Background(lab, "paris-pc", "udp send 10.1.1.5 7 hello source-port 4000")
    lab.run_for(1)
    target = lab["paris"].device
    mac = target.interfaces.items["ethernet3"].mac
    before = dropped(target, DropReason.WRONG_INTERFACE)
    inside = Wiretap.on(lab, "paris:ethernet1")
    datagram = UdpDatagram(7, 4000, b"forged").build(parse_ipv4("10.1.1.5"), parse_ipv4("10.2.2.5"))
    packet = Ipv4Packet(parse_ipv4("10.1.1.5"), parse_ipv4("10.2.2.5"), 17, datagram).build()
    target.receive("ethernet3", mac + b"\2\0\0\0\0\1\x08\x00" + packet)
    lab.run_for(1)
    assert dropped(target, DropReason.WRONG_INTERFACE) == before + 1
    assert inside.packets() == []


@pytest.mark.parametrize("style", STYLES)
def test_a_host_that_is_not_there(tmp_path: Path, style: str) -> None:
    """The far gateway's host unreachable comes back through the tunnel, after the ARP requests failed."""
    lab = styled(tmp_path, style)
    warm(lab)
    tap = tapped(lab)
    text = lab["tokyo-pc"].run("ping 10.2.2.99 count 1 time-out 10")
    assert "From 2.2.2.2" in text
    assert "unreachable" in text.lower()
    assert "unreachable" in lab["tokyo-pc"].run("udp send 10.2.2.99 53 'the quick brown fox' time-out 10").lower()
    assert tap.leaks(*LANS, *MARKS) == []
    assert dropped(lab["paris"].device, DropReason.NO_ARP) == 2


def test_a_policy_that_rejects_what_came_through_a_policy_based_tunnel(tmp_path: Path) -> None:
    """The reset and the ICMP error of `reject` go back into the tunnel."""
    lab = styled(
        tmp_path, "policy", change=also("paris", "set policy id 20 top from Untrust to Trust There Here HTTP reject",
                                        "set policy id 21 top from Untrust to Trust There Here DNS reject")
    )  # fmt: skip
    warm(lab)
    tap = tapped(lab)
    assert "refused" in lab["tokyo-pc"].run("http get 10.2.2.5 time-out 5")
    assert "packet filtered" in lab["tokyo-pc"].run("udp send 10.2.2.5 53 'the quick brown fox'").lower()
    assert tap.leaks(*LANS, *MARKS) == []


def echo(source: str, destination: str, identifier: int) -> bytes:
    """An echo request."""
    message = echo_request(identifier, 1, b"forged").build()
    return Ipv4Packet(parse_ipv4(source), parse_ipv4(destination), 1, message).build()


@pytest.mark.parametrize("style", STYLES)
def test_kilobytes_that_run_out_are_renewed_once(tmp_path: Path, style: str) -> None:
    """One ping takes both directions to the soft limit; what the older SA still receives asks for no second renewal."""
    lab = styled(tmp_path, style, security=short_lived("hour 1 kbyte 64"))
    warm(lab)
    before = log_count(lab, "Completed")
    tap = tapped(lab)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=120, size=1200).received == 120
    renewals = log_count(lab, "Completed") - before
    assert 2 <= renewals <= 3
    assert len({packet[20:24] for packet in tap.packets(ESP)}) == 2 * (renewals + 1)


def log_count(lab: Lab, word: str) -> int:
    """How many Phase 2 negotiations the first device's event log names with this word."""
    text = " ".join(lab["tokyo"].run("get event").split())
    return len(re.findall(rf"Phase 2 msg ID \w+: {word}", text))


def test_an_intrazone_policy_of_the_vpn_lets_nothing_out_in_clear(tmp_path: Path) -> None:
    """What came out of a policy-based tunnel does not leave for the Internet because a policy there names its VPN."""
    anywhere = "set vpn vpn proxy-id local-ip {} remote-ip {} any"
    change = all_of(
        also("tokyo", anywhere.format("10.1.1.0/24", "0.0.0.0/0"),
             "set policy id 50 from Trust to Untrust Here Any any tunnel vpn vpn"),
        also("paris", anywhere.format("0.0.0.0/0", "10.1.1.0/24"),
             "set policy id 51 from Untrust to Untrust There Any any tunnel vpn vpn"),
    )  # fmt: skip
    lab = styled(tmp_path, "policy", change=change)
    warm(lab)
    tap = tapped(lab)
    assert lab["tokyo-pc"].ping("5.5.5.5", count=3).received == 0
    assert dropped(lab["paris"].device, DropReason.SA_POLICY_DENY) >= 3
    assert tap.leaks(*LANS, *MARKS) == []
