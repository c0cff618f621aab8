"""Sessions on a device: time-outs, TCP states, SYN check, translation, and what configuration changes do to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.flow.session import Session
from nsemu.runtime.drop import DropReason
from nsemu.sim.scheduler import SECOND
from nsemu.wire.address import format_ipv4
from nsemu.wire.checksum import checksum
from support.firewall import firewall
from support.labs import PARIS, TOKYO, Background, Wiretap, also, dropped, two_sites, type_lines

OUT = "set policy id 1 from Trust to Untrust any any any permit"
SERVER = "198.51.100.5"


def sessions(lab: Lab, device: str = "fw") -> list[Session]:
    """The sessions of a device."""
    return list(lab[device].device.state.sessions)


def only(lab: Lab, device: str = "fw") -> Session:
    """The one session there is."""
    (session,) = sessions(lab, device)
    return session


def begin(lab: Lab, node: str, command: str) -> None:
    """Start a command and let its first packets travel."""
    Background(lab, node, command)
    lab.run_for(0.2)


# --- time-outs


@pytest.mark.parametrize(
    ("command", "seconds"),
    [
        ("ping 198.51.100.5 count 1", 60),
        ("udp send 198.51.100.5 7 hello", 60),
        ("udp send 198.51.100.5 123 hello", 60),
    ],
)
def test_timeouts_of_what_is_no_tcp(tmp_path: Path, command: str, seconds: int) -> None:
    """A session without traffic ends after its service's time-out, within one tick of ten seconds."""
    lab = firewall(tmp_path, OUT)
    begin(lab, "inside", command)
    assert only(lab).timeout == seconds * SECOND
    lab.run_for(seconds - 12)
    assert len(sessions(lab)) == 1
    lab.run_for(23)
    assert sessions(lab) == []


@pytest.mark.parametrize(
    ("lines", "port", "minutes"),
    [
        ((), 80, 5),
        ((), 23, 30),
        (("set service slow protocol tcp src-port 0-65535 dst-port 23-23 timeout 2",
          "set policy id 2 top from Trust to Untrust any any slow permit"), 23, 2),
    ],
)  # fmt: skip
def test_timeouts_of_tcp(tmp_path: Path, lines: tuple[str, ...], port: int, minutes: int) -> None:
    """An established connection lives as long as its service says, and traffic renews it; a custom service counts."""
    lab = firewall(tmp_path, OUT, *lines)
    begin(lab, "inside", f"telnet {SERVER} {port} time-out 7000")
    assert only(lab).timeout == minutes * 60 * SECOND
    lab.run_for(minutes * 60 - 15)
    assert len(sessions(lab)) == 1
    lab.run_for(30)
    assert sessions(lab) == []


def test_a_half_open_connection_is_soon_forgotten(tmp_path: Path) -> None:
    """A SYN without answer makes a session of twenty seconds."""
    lab = firewall(tmp_path, OUT)
    lab["inside"].run("tcp syn 203.0.113.99 80 time-out 1")
    lab.run_for(10)
    assert len(sessions(lab)) == 1
    lab.run_for(30)
    assert sessions(lab) == []


def test_fin_and_rst_shorten_a_session(tmp_path: Path) -> None:
    """After FIN from both sides, or RST, the session goes within seconds instead of minutes."""
    lab = firewall(tmp_path, OUT)
    assert "200 OK" in lab["inside"].run(f"http get {SERVER}")
    assert only(lab).close_reason == "Close - TCP FIN"
    lab.run_for(25)
    assert sessions(lab) == []
    begin(lab, "inside", f"tcp connect {SERVER} 4444")
    assert only(lab).close_reason == "Close - TCP RST"
    lab.run_for(25)
    assert sessions(lab) == []


def test_a_service_that_never_times_out(tmp_path: Path) -> None:
    """`timeout never` keeps the session."""
    lab = firewall(tmp_path, "set service forever protocol udp src-port 0-65535 dst-port 7-7 timeout never",
                   "set policy from Trust to Untrust any any forever permit")  # fmt: skip
    begin(lab, "inside", f"udp send {SERVER} 7 hello")
    lab.run_for(100_000)
    assert len(sessions(lab)) == 1


# --- SYN check


@pytest.mark.parametrize("flags", ["ack", "fin", "rst", "syn-ack", "data"])
def test_a_session_begins_with_syn(tmp_path: Path, flags: str) -> None:
    """A first segment without SYN is dropped; the Trust zone sends a reset, as it has `tcp-rst`."""
    lab = firewall(tmp_path, OUT)
    tap = Wiretap.on(lab, "fw:ethernet3", "fw:ethernet1")
    lab["inside"].run(f"tcp {flags} {SERVER} 80 time-out 1")
    assert sessions(lab) == []
    assert dropped(lab["fw"].device, DropReason.NOT_SYN) == 1
    assert [sender for sender, packet in zip(tap.senders, tap.frames, strict=True) if packet[23] == 6
            and sender == "fw:ethernet3"] == []  # fmt: skip
    resets = [packet for packet in tap.packets(6) if packet[33] & 4 and packet[12:16] == bytes((198, 51, 100, 5))]
    assert len(resets) == (0 if flags == "rst" else 1)


def test_without_the_zone_option_there_is_no_reset(tmp_path: Path) -> None:
    """`unset zone Trust tcp-rst` drops in silence."""
    lab = firewall(tmp_path, OUT, "unset zone Trust tcp-rst")
    tap = Wiretap.on(lab, "fw:ethernet1")
    lab["inside"].run(f"tcp ack {SERVER} 80 time-out 1")
    assert [packet for packet in tap.packets(6) if packet[33] & 4] == []


def test_without_syn_check_any_segment_begins_a_session(tmp_path: Path) -> None:
    """`unset flow tcp-syn-check`: a session after a restart of the device goes on."""
    lab = firewall(tmp_path, OUT, "unset flow tcp-syn-check")
    tap = Wiretap.on(lab, "fw:ethernet3")
    lab["inside"].run(f"tcp ack {SERVER} 80 time-out 1")
    assert len(sessions(lab)) == 1
    assert [packet[12:16] for packet in tap.packets(6)][:1] == [bytes((1, 1, 1, 1))]


@pytest.mark.parametrize(("line", "passes"), [("set flow tcp-syn-check-in-tunnel", False),
                                              ("unset flow tcp-syn-check-in-tunnel", True)])  # fmt: skip
@pytest.mark.parametrize("style", ["route", "policy"])
def test_syn_check_in_tunnels(tmp_path: Path, line: str, passes: bool, style: str) -> None:
    """B361: what comes out of a tunnel without SYN is refused unless the check in tunnels is off."""
    lab = two_sites(tmp_path, replace(TOKYO, style=style), replace(PARIS, style=style),
                    change=lambda device, lines: [*lines, line] if device == "paris"
                    else [*lines, "unset flow tcp-syn-check"])  # fmt: skip
    lab["tokyo-pc"].ping("10.2.2.5", count=2)
    inside, outside = Wiretap.on(lab, "paris:ethernet1"), Wiretap.on(lab, "paris:ethernet3")
    lab["tokyo-pc"].run("tcp ack 10.2.2.5 80 time-out 1")
    assert bool(inside.packets(6)) is passes
    assert dropped(lab["paris"].device, DropReason.NOT_SYN) == (0 if passes else 1)
    assert outside.leaks("10.1.1.0/24", "10.2.2.0/24") == []


# --- translation


def test_source_ports_are_translated_in_nat_mode(tmp_path: Path) -> None:
    """B194: the server sees the address of ethernet3, and another port; checksums are right; replies come back."""
    lab = firewall(tmp_path, OUT)
    tap = Wiretap.on(lab, "fw:ethernet3")
    assert f"{format_ipv4(0x01010101)}, port" in lab["inside"].run(f"http get {SERVER}")
    assert lab["inside"].run(f"udp send {SERVER} 7 hello").endswith("1 received\n")
    assert lab["inside"].ping(SERVER, count=2).received == 2
    assert tap.leaks("10.1.1.0/24") == []
    for packet in tap.packets():
        assert checksum(packet[:20]) == 0
        if packet[9] in {6, 17}:
            pseudo = packet[12:20] + bytes((0, packet[9])) + (len(packet) - 20).to_bytes(2, "big")
            assert checksum(pseudo + packet[20:]) == 0
        else:
            assert checksum(packet[20:]) == 0


def test_two_hosts_with_one_port(tmp_path: Path) -> None:
    """Two hosts that use the same source port, or ICMP identifier, get translated ones that differ."""
    lab = firewall(tmp_path, OUT)
    tap = Wiretap.on(lab, "fw:ethernet3")
    for host in ("inside", "inside2"):
        assert "1 received" in lab[host].run(f"udp send {SERVER} 7 hello source-port 5000")
        assert lab[host].ping(SERVER, count=1).received == 1
    out = [packet for packet in tap.packets() if packet[12:16] == bytes((1, 1, 1, 1))]
    assert len({packet[20:22] for packet in out if packet[9] == 17}) == 2
    assert len({packet[24:26] for packet in out if packet[9] == 1}) == 2


def test_route_mode_does_not_translate(tmp_path: Path) -> None:
    """Traffic from DMZ in Route mode, and between Trust and DMZ, keeps its addresses."""
    lab = firewall(tmp_path, "set policy from Trust to DMZ any any any permit",
                   "set policy from DMZ to Untrust any any any permit")  # fmt: skip
    assert "10.1.1.5, port" in lab["inside"].run("http get 10.9.9.5")
    tap = Wiretap.on(lab, "fw:ethernet3")
    lab["dmz"].run(f"udp send {SERVER} 7 hello time-out 1")
    assert [packet[12:16] for packet in tap.packets(17)] == [bytes((10, 9, 9, 5))]


def test_errors_about_translated_packets_reach_the_sender(tmp_path: Path) -> None:
    """Port unreachable and time exceeded are translated back, the quoted packet with them: traceroute works."""
    lab = firewall(tmp_path, OUT)
    rows = lab["inside"].run(f"traceroute {SERVER} -n time-out 1").splitlines()[1:]
    assert [row.split()[1] for row in rows] == ["10.1.1.1", "1.1.1.254", SERVER]
    rows = lab["inside"].run(f"traceroute {SERVER} icmp -n time-out 1").splitlines()[1:]
    assert [row.split()[1] for row in rows] == ["10.1.1.1", "1.1.1.254", SERVER]
    assert f"From {SERVER}" in lab["inside"].run(f"udp send {SERVER} 9 hello time-out 2")


def test_a_silent_next_hop_is_reported_to_the_translated_sender(tmp_path: Path) -> None:
    """Host unreachable after failed ARP reaches the host behind translation."""
    lab = firewall(tmp_path, OUT)
    text = lab["inside"].run("udp send 1.1.1.77 53 hello time-out 10")
    assert "From 10.1.1.1" in text
    assert dropped(lab["fw"].device, DropReason.NO_ARP) == 1


def test_ports_come_back_when_sessions_end(tmp_path: Path) -> None:
    """Translated ports are given back: thousands of flows, one after another, never use them up."""
    lab = firewall(tmp_path, OUT)
    for _ in range(60):
        lab["inside"].run(f"udp send {SERVER} 9999 x count 1 time-out 0.1")
        lab.run_for(80)
    assert dropped(lab["fw"].device, DropReason.NO_PORT) == 0
    assert sessions(lab) == []


# --- changes


def test_a_policy_that_goes_ends_its_sessions(tmp_path: Path) -> None:
    """`unset policy` and a deny on top stop a flow that is under way; the next lookup refuses it."""
    lab = firewall(tmp_path, OUT)
    for line in ("unset policy id 1", None):
        begin(lab, "inside", f"ping {SERVER} count 20 interval 1")
        lab.run_for(3)
        heard = Wiretap.on(lab, "fw:ethernet3")
        type_lines(lab, "fw", line or "set policy id 9 top from Trust to Untrust any any PING deny")
        lab.run_for(20)
        assert [packet for packet in heard.packets(1) if packet[20] == 8] == []
        if line:
            type_lines(lab, "fw", OUT)


def test_a_policy_change_that_still_permits_keeps_sessions(tmp_path: Path) -> None:
    """A connection goes on when another policy permits it, and keeps its translated port."""
    lab = firewall(tmp_path, OUT)
    begin(lab, "inside", f"udp send {SERVER} 7 hello count 10 interval 1 source-port 5000")
    before = only(lab).forward.rewrite
    assert before is not None
    type_lines(lab, "fw", "set policy id 5 top from Trust to Untrust any any ECHO permit", "unset policy id 1")
    tap = Wiretap.on(lab, "fw:ethernet3")
    lab.run_for(5)
    after = only(lab).forward.rewrite
    assert after is not None
    assert after.after == before.after
    assert len(tap.packets(17)) >= 8


def test_a_route_change_reroutes_sessions(tmp_path: Path) -> None:
    """A more specific route moves a flow to another interface; the zone's policy is asked anew."""
    lab = firewall(tmp_path, OUT, "set policy from Trust to DMZ any any any permit")
    begin(lab, "inside", f"udp send {SERVER} 9999 x count 30 interval 1 source-port 5000 time-out 1")
    dmz, world = Wiretap.on(lab, "fw:ethernet2"), Wiretap.on(lab, "fw:ethernet3")
    type_lines(lab, "fw", f"set vrouter trust-vr route {SERVER}/32 interface ethernet2 gateway 10.9.9.5")
    lab.run_for(3)
    assert len(dmz.packets(17)) >= 2
    assert world.packets(17) == []
    assert dmz.packets(17)[0][12:16] == bytes((10, 1, 1, 5)), "no translation towards DMZ"


def test_an_interface_that_goes_down_stops_its_sessions(tmp_path: Path) -> None:
    """B182: with the link the route goes; packets are dropped for want of a route, and flow again later."""
    lab = firewall(tmp_path, OUT)
    assert lab["inside"].ping(SERVER, count=1).received == 1
    lab.link("fw:ethernet3").down()
    assert lab["inside"].ping(SERVER, count=2).received == 0
    assert dropped(lab["fw"].device, DropReason.NO_ROUTE) == 2
    lab.link("fw:ethernet3").up()
    assert lab["inside"].ping(SERVER, count=2).received == 2


# --- policies


def test_default_deny(tmp_path: Path) -> None:
    """Between zones nothing passes without a policy; replies of a permitted flow need none."""
    lab = firewall(tmp_path, OUT)
    assert lab["server"].ping("1.1.1.1", count=1).received == 0
    assert lab["dmz"].ping("10.1.1.5", count=2).received == 0
    assert dropped(lab["fw"].device, DropReason.DEFAULT_DENY) == 2
    assert lab["inside"].ping(SERVER, count=2).received == 2


def test_intrazone_traffic(tmp_path: Path) -> None:
    """Within a zone everything passes, unless the zone blocks; then a policy decides (B371)."""
    lab = firewall(tmp_path)
    assert lab["inside"].ping("10.1.2.5", count=2).received == 2
    type_lines(lab, "fw", "set zone Trust block")
    assert lab["inside"].ping("10.1.2.5", count=2).received == 0
    assert dropped(lab["fw"].device, DropReason.INTRAZONE_BLOCK) == 2
    type_lines(lab, "fw", "set policy from Trust to Trust any any HTTP permit")
    assert "200 OK" in lab["inside"].run("http get 10.1.2.5")
    assert lab["inside"].ping("10.1.2.5", count=1).received == 0
    type_lines(lab, "fw", "unset zone Trust block")
    assert lab["inside"].ping("10.1.2.5", count=1).received == 1


def test_reject_answers(tmp_path: Path) -> None:
    """`reject` sends RST for TCP and an ICMP error for the rest; `deny` says nothing."""
    lab = firewall(tmp_path, "set policy from Trust to Untrust any any HTTP reject",
                   "set policy from Trust to Untrust any any ECHO reject",
                   "set policy from Trust to Untrust any any TELNET deny")  # fmt: skip
    assert "refused" in lab["inside"].run(f"http get {SERVER} time-out 3")
    assert "filtered" in lab["inside"].run(f"udp send {SERVER} 7 hello")
    tap = Wiretap.on(lab, "fw:ethernet1")
    lab["inside"].run(f"telnet {SERVER} time-out 3")
    assert [sender for sender in tap.senders if sender == "fw:ethernet1"] == []


def test_order_of_policies(tmp_path: Path) -> None:
    """B153: the first match from the top decides; `top` and `before` place a policy."""
    lab = firewall(tmp_path, OUT)
    type_lines(lab, "fw", "set policy id 2 top from Trust to Untrust any any HTTP deny")
    assert "200 OK" not in lab["inside"].run(f"http get {SERVER} time-out 3")
    type_lines(lab, "fw", "set policy id 3 before 2 from Trust to Untrust any any HTTP permit")
    assert "200 OK" in lab["inside"].run(f"http get {SERVER}")


def test_the_way_back_is_not_open_to_others(tmp_path: Path) -> None:
    """A translated port accepts its own peer only: another server's datagram to it is dropped."""
    lab = firewall(tmp_path, OUT)
    begin(lab, "inside", f"udp send {SERVER} 7 hello source-port 5000")
    rewrite = only(lab).forward.rewrite
    assert rewrite is not None
    tap = Wiretap.on(lab, "fw:ethernet1")
    lab["server"].run(f"udp send 1.1.1.1 {rewrite.after[2]} evil source-port 7777 time-out 1")
    assert tap.packets(17) == []


# --- management ping


def test_management_ping(tmp_path: Path) -> None:
    """Ping to an interface needs `manage ping` on it; from another zone it needs a policy as well."""
    lab = firewall(tmp_path)
    assert lab["inside"].ping("10.1.1.1", count=1).received == 1
    assert lab["server"].ping("1.1.1.1", count=1).received == 0
    type_lines(lab, "fw", "set interface ethernet3 manage ping")
    assert lab["server"].ping("1.1.1.1", count=1).received == 1
    type_lines(lab, "fw", "unset interface ethernet1 manage ping")
    assert lab["inside"].ping("10.1.1.1", count=1).received == 0
    assert dropped(lab["fw"].device, DropReason.NOT_FOR_SELF) >= 2
    assert lab["inside"].ping("1.1.1.1", count=1).received == 0
    type_lines(lab, "fw", OUT)
    assert lab["inside"].ping("1.1.1.1", count=1).received == 1


def test_management_ping_through_a_tunnel(tmp_path: Path) -> None:
    """The far gateway's LAN address answers through the tunnel when a policy permits it."""
    lab = two_sites(tmp_path, change=also("paris", "set interface ethernet1 manage ping"))
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    assert lab["tokyo-pc"].ping("10.2.2.1", count=4).received == 3
    type_lines(lab, "paris", "unset policy id 12")
    assert lab["tokyo-pc"].ping("10.2.2.1", count=2).received == 0
    assert tap.leaks("10.1.1.0/24", "10.2.2.0/24") == []
