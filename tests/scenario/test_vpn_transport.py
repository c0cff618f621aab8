"""Transport mode on devices: where it may stand, what goes through it and what does not, and how it is shown.

west 1.1.1.1 (ethernet3)  <----- UDP 1701 in ESP ----->  1.1.1.2 (ethernet3) east
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from struct import pack

import pytest

from nsemu.api.doctor import examine
from nsemu.flow.originate import originate
from nsemu.ipsec.keyexport import ESP_OPTIONS, ESP_TABLE, esp_row
from nsemu.ipsec.sa import SaMode
from nsemu.runtime.drop import DropReason
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.scheduler import Scheduler
from nsemu.wire.address import parse_ipv4
from nsemu.wire.ipv4 import PROTOCOL_UDP, Ipv4Packet
from nsemu.wire.udp import UdpDatagram
from support.box import Box, udp

WEST, EAST = "1.1.1.1", "1.1.1.2"
ESP = 50
TSHARK = shutil.which("tshark")
POLICY = 'set policy id 7 from untrust to trust "Dial-Up VPN" any any tunnel vpn carrier l2tp lns'


def site(own: str, peer: str, *, vpn: str = "transport sec-level compatible", policy: str = POLICY) -> str:
    return f"""
set interface ethernet1 zone trust
set interface ethernet1 ip 10.1.1.1/24
set interface ethernet3 zone untrust
set interface ethernet3 ip {own}/24
set l2tp lns outgoing-interface ethernet3
set ike gateway peer address {peer} outgoing-interface ethernet3 preshare n3TsCr33N sec-level compatible
set vpn carrier gateway peer {vpn}
{policy}
"""


def boxes(**east: str) -> tuple[Box, Box]:
    scheduler = Scheduler()
    west = Box(site(WEST, EAST), name="west", scheduler=scheduler)
    other = Box(site(EAST, WEST, **east), name="east", scheduler=scheduler)
    west.join("ethernet3", other, "ethernet3")
    return west, other


def send(box: Box, source: str, destination: str, ports: tuple[int, int], text: bytes = b"hello") -> PacketTrace:
    """The device itself sends a datagram."""
    ends = parse_ipv4(source), parse_ipv4(destination)
    packet = Ipv4Packet(*ends, PROTOCOL_UDP, UdpDatagram(*ports, text).build(*ends))
    trace = PacketTrace()
    originate(box.device.state, packet, "trust-vr", trace)
    return trace


def heard(box: Box) -> list[tuple[bytes, tuple[int, int], tuple[int, int]]]:
    """What comes to UDP port 1701 of a device from now on."""
    found: list[tuple[bytes, tuple[int, int], tuple[int, int]]] = []
    box.device.state.udp_handlers[1701] = lambda *words: found.append(words[:3])
    return found


def established() -> tuple[Box, Box]:
    west, east = boxes()
    send(west, WEST, EAST, (1701, 1701))
    west.run(5)
    return west, east


def test_l2tp_of_the_device_goes_through_it() -> None:
    """B015, B020, B068, B137: ESP right behind the packet's own header, next header 17, between the two ends."""
    west, east = established()
    got = heard(east)
    west.sent.clear()
    trace = send(west, WEST, EAST, (1701, 1701), b"to the east")
    west.run(1)
    assert got == [(b"to the east", (parse_ipv4(WEST), 1701), (parse_ipv4(EAST), 1701))]
    (packet,) = west.packets("ethernet3")
    assert (packet.protocol, packet.source, packet.destination) == (ESP, parse_ipv4(WEST), parse_ipv4(EAST))
    # In tunnel mode the 20 octets of the inner header would not fit into this.
    assert len(packet.payload) == 8 + 8 + -(-(8 + 11 + 2) // 8) * 8 + 12
    sa = west.device.database.tunnels[1].outbound
    assert sa is not None
    assert sa.parameters.mode is SaMode.TRANSPORT
    assert any("transport mode" in str(step) or getattr(step, "transport", False) for step in trace.hops[0].steps)


def test_and_the_answer_comes_back_through_it() -> None:
    """B137, in both directions; each end delivers to itself."""
    west, east = established()
    got = heard(west)
    send(east, EAST, WEST, (1701, 1701), b"to the west")
    east.run(1)
    assert [text for text, *_ in got] == [b"to the west"]
    assert {packet.protocol for packet in east.packets("ethernet3")} <= {ESP, PROTOCOL_UDP}
    assert east.packets("ethernet3")[-1].protocol == ESP


@pytest.mark.parametrize("ports", [(1702, 1701), (500, 500), (53, 53)])
def test_other_traffic_stays_outside(ports: tuple[int, int]) -> None:
    """B283: the selectors are L2TP between the ends."""
    west, _ = established()
    west.sent.clear()
    send(west, WEST, EAST, ports)
    west.run(0.1)
    assert west.packets("ethernet3")[0].protocol == PROTOCOL_UDP


def test_what_is_not_l2tp_is_refused_at_the_other_end() -> None:
    """B293: only L2TP may pass the IPsec tunnel."""
    west, east = established()
    got = heard(east)
    sa = west.device.database.tunnels[1].outbound
    assert sa is not None
    outer = sa.seal(udp(WEST, EAST, 161))
    assert isinstance(outer, bytes)
    trace = east.receive("ethernet3", outer)
    dropped = trace.hops[-1].steps[-1]
    assert dropped.reason is DropReason.SA_POLICY_DENY  # type: ignore[attr-defined]
    assert "carrier is in transport mode, for L2TP alone" in dropped.detail  # type: ignore[attr-defined]
    assert got == []


def test_get_sa_says_transport_mode() -> None:
    """B137: `get sa id` and `get vpn` name the mode and the selectors."""
    west, _ = established()
    shown = west.type("get sa id 1")
    assert "auto key. policy node, transport mode, policy id in:<7>" in shown
    assert f"proxy id: local {WEST}/255.255.255.255, remote {EAST}/255.255.255.255, proto 17, port 1701" in shown
    assert "IN active, OUT active" in shown
    table = west.type("get vpn")
    assert "carrier         peer            tran" in table
    assert "Total Pure Transport Mode IPSEC VPN: 1" in table


def test_a_peer_in_tunnel_mode_is_refused_with_a_clear_line() -> None:
    """B137: the log of the responder names both modes; the proxy IDs alone do not tell."""
    proxy = f"set vpn carrier proxy-id local-ip {EAST}/32 remote-ip {WEST}/32 L2TP"
    policy = "set policy from untrust to trust any any any tunnel vpn carrier"
    west, east = boxes(vpn="sec-level compatible", policy=f"{proxy}\n{policy}")
    send(west, WEST, EAST, (1701, 1701))
    west.run(5)
    log = " ".join(east.type("get event").split())
    assert "Received a proposal for transport mode instead of tunnel mode. Negotiations failed." in log
    assert west.device.database.tunnels[1].outbound is None


REFUSED = [
    ("set policy from untrust to trust any any any tunnel vpn carrier", "which only L2TP uses"),
    ("set vpn carrier bind interface tunnel.1", "cannot be in transport mode, which is for L2TP"),
    ("set vpn carrier gateway peer transport proposal mine", "p2-proposal mine is AH"),
    ("set vpn carrier gateway peer tunnel sec-level basic", "vpn carrier is in tunnel mode: policy id 7"),
    ("set vpn other gateway moving transport sec-level basic", "gateway moving has a dynamic peer"),
    ("set policy from untrust to trust any any any tunnel vpn plain l2tp lns", "vpn plain is in tunnel mode"),
]


@pytest.mark.parametrize(("line", "why"), REFUSED, ids=[str(number) for number in range(len(REFUSED))])
def test_transport_mode_elsewhere_is_refused(line: str, why: str) -> None:
    """B015, B016, B137, B283: with words that say what would be right; nothing has changed then."""
    box = Box(site(WEST, EAST))
    for setting in (
        "set interface tunnel.1 zone untrust",
        "set ike p2-proposal mine no-pfs ah sha-1",
        "set ike gateway moving dynamic x@y.org aggressive outgoing-interface ethernet3 preshare k sec-level basic",
        "set vpn plain gateway peer sec-level basic",
    ):
        assert box.type(setting) == "", setting
    if "bind" in line:
        box.type("unset policy id 7")
    before = box.type("get config")
    assert why in box.type(line)
    assert box.type("get config") == before


def test_the_doctor_compares_modes() -> None:
    """B283: a VPN in transport mode that no L2TP policy names has no tunnel, and two ends must have one mode."""
    alone = Box(site(WEST, EAST, policy="")).device.config
    west, tunnel = Box(site(WEST, EAST)).device.config, "sec-level compatible"
    other = "set policy from untrust to trust any any any tunnel vpn carrier"
    east = Box(site(EAST, WEST, vpn=tunnel, policy=other)).device.config
    texts = [finding.message for finding in examine({"west": west, "east": east})]
    assert "the modes of the VPNs differ: west has transport mode, east tunnel mode" in texts
    found = [finding.message for finding in examine({"west": alone, "east": east})]
    assert "vpn carrier is in transport mode, and no policy names it with l2tp" in found


@pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")
def test_tshark_reads_what_we_send(tmp_path: Path) -> None:
    """B020, B068: tshark decrypts it with our keys and finds UDP right inside, with a right checksum."""
    west, _ = established()
    west.sent.clear()
    send(west, WEST, EAST, (1701, 1701))
    west.run(0.1)
    sa = west.device.database.tunnels[1].outbound
    assert sa is not None
    row = esp_row(sa.parameters, outbound=True)
    capture(tmp_path / "esp.pcap", [frame[14:] for _, frame in west.sent])
    options = [*ESP_OPTIONS, f"uat:{ESP_TABLE}:{row}", "udp.check_checksum:TRUE"]
    words = [word for option in options for word in ("-o", option)]
    fields = ["-T", "fields", "-e", "ip.proto", "-e", "udp.dstport", "-e", "udp.checksum.status", "-e", "esp.icv_good"]
    command = [str(TSHARK), "-r", str(tmp_path / "esp.pcap"), *words, *fields]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split()[:3] == ["50", "1701", "1"]


def capture(path: Path, packets: list[bytes]) -> None:
    records = [pack("<IIII", n, 0, len(packet), len(packet)) + packet for n, packet in enumerate(packets)]
    path.write_bytes(pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101) + b"".join(records))
