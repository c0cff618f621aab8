"""One scene for each way to be dropped: a device, and the trace of the packet that was."""

from __future__ import annotations

from dataclasses import replace

from nsemu.config.editor import Editor
from nsemu.config.nat import DestinationNat
from nsemu.ipsec.sa import MAXIMUM_SEQUENCE
from nsemu.runtime.drop import DropReason
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.scheduler import Scheduler
from nsemu.wire import icmp
from nsemu.wire.address import parse_ipv4
from support.box import Box, Scene, as_dns_answer, echo, ip, segment, tcp, udp

SYN, ACK = 2, 16

BASE = """
set interface ethernet1 zone Trust
set interface ethernet1 ip 10.1.1.1/24
set interface ethernet1 route
set interface ethernet2 zone DMZ
set interface ethernet2 ip 10.9.9.1/24
set interface ethernet3 zone Untrust
set interface ethernet3 ip 1.1.1.1/24
set vrouter trust-vr route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.250
"""
PERMIT = "set policy id 1 from Trust to Untrust any any any permit\n"
TUNNEL = """
set interface tunnel.1 zone Untrust
set interface tunnel.1 ip unnumbered interface ethernet3
set ike gateway peer address 1.1.1.2 main outgoing-interface ethernet3 preshare abc123 sec-level standard
set vpn v1 gateway peer replay sec-level standard
"""
ROUTED = TUNNEL + "set vpn v1 bind interface tunnel.1\nset vrouter trust-vr route 10.2.2.0/24 interface tunnel.1\n"
FAR = """
set interface ethernet1 zone Trust
set interface ethernet1 ip 10.2.2.1/24
set interface ethernet1 route
set interface ethernet3 zone Untrust
set interface ethernet3 ip 1.1.1.2/24
set vrouter trust-vr route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.250
"""
FAR_TUNNEL = TUNNEL.replace("1.1.1.2", "1.1.1.1")
FAR_ROUTED = (
    FAR_TUNNEL + "set vpn v1 bind interface tunnel.1\nset vrouter trust-vr route 10.1.1.0/24 interface tunnel.1\n"
)
INBOUND = "set policy id 2 from Untrust to Trust any any any permit\n"
LAN_TO_LAN = (
    "set address Trust near {near}\nset address Untrust far {far}\n"
    "set policy id 1 from Trust to Untrust near far any tunnel vpn v1\n"
)


def _plain(config: str, packet: bytes, interface: str = "ethernet1", seconds: float = 0.1) -> tuple[Box, PacketTrace]:
    box = Box(BASE + config)
    return box, box.receive(interface, packet, seconds=seconds)


def pair(west: str = "", east: str = "", *, bound: bool = True) -> tuple[Box, Box]:
    """Two devices with a VPN between them: 10.1.1.0/24 at the west one, 10.2.2.0/24 at the east one."""
    scheduler = Scheduler()
    west_box = Box(
        BASE + (ROUTED if bound else TUNNEL) + (PERMIT if bound else "") + west, name="west", scheduler=scheduler
    )
    east_box = Box(FAR + (FAR_ROUTED if bound else FAR_TUNNEL) + east, name="east", scheduler=scheduler)
    west_box.join("ethernet3", east_box, "ethernet3")
    return west_box, east_box


def established(west: str = "", east: str = INBOUND, *, bound: bool = True) -> tuple[Box, Box]:
    """The same after IKE has done its work."""
    west_box, east_box = pair(west, east, bound=bound)
    west_box.receive("ethernet1", echo("10.1.1.5", "10.2.2.5"), trace=False, seconds=3)
    assert all(tunnel.active for tunnel in west_box.device.database.tunnels.values())
    return west_box, east_box


def _sealed(west: Box, packet: bytes) -> bytes:
    """The ESP packet that the west device makes of a packet, kept from the wire."""
    peers, west.peers = west.peers, {}
    before = len(west.sent)
    west.receive("ethernet1", packet, trace=False)
    west.peers = peers
    return west.sent[before:][-1][1][14:]


def illegal() -> tuple[Box, PacketTrace]:
    return _plain(PERMIT, b"\x65" + echo("10.1.1.5", "9.9.9.9")[1:])


def bad_checksum() -> tuple[Box, PacketTrace]:
    packet = bytearray(echo("10.1.1.5", "9.9.9.9"))
    packet[10] ^= 0xFF
    return _plain(PERMIT, bytes(packet))


def null_zone() -> tuple[Box, PacketTrace]:
    box = Box(BASE, plugged=("ethernet1", "ethernet3", "ethernet5"))
    return box, box.receive("ethernet5", echo("10.1.1.5", "9.9.9.9"))


def fragment_timeout() -> tuple[Box, PacketTrace]:
    return _plain(PERMIT, echo("10.1.1.5", "9.9.9.9", mf=True), seconds=31)


def bad_fragment() -> tuple[Box, PacketTrace]:
    return _plain(PERMIT, echo("10.1.1.5", "9.9.9.9", mf=True, size=33))


def ttl_expired() -> tuple[Box, PacketTrace]:
    return _plain(PERMIT, echo("10.1.1.5", "9.9.9.9", ttl=1))


def broadcast() -> tuple[Box, PacketTrace]:
    return _plain(PERMIT, udp("10.1.1.5", "10.1.1.255", 137))


def martian() -> tuple[Box, PacketTrace]:
    return _plain(PERMIT, echo("127.0.0.1", "9.9.9.9"))


def not_for_self() -> tuple[Box, PacketTrace]:
    return _plain(PERMIT, udp("10.1.1.5", "10.1.1.1", 9))


def no_route() -> tuple[Box, PacketTrace]:
    return _plain("unset vrouter trust-vr route 0.0.0.0/0\n" + PERMIT, echo("10.1.1.5", "9.9.9.9"))


def no_reverse_route() -> tuple[Box, PacketTrace]:
    west, east = established("set vrouter trust-vr route 10.7.7.0/24 interface ethernet1 gateway 10.1.1.9\n")
    return east, west.receive("ethernet1", echo("10.7.7.7", "10.2.2.5", number=9), seconds=1)


def route_loop() -> tuple[Box, PacketTrace]:
    loop = (
        "set vrouter trust-vr route 10.8.0.0/16 vrouter untrust-vr\n"
        "set vrouter untrust-vr route 10.8.0.0/16 vrouter trust-vr\n"
    )
    return _plain(loop + PERMIT, echo("10.1.1.5", "10.8.1.1"))


def null_route() -> tuple[Box, PacketTrace]:
    return _plain(
        "set vrouter trust-vr route 10.8.0.0/16 interface null metric 10\n" + PERMIT, echo("10.1.1.5", "10.8.1.1")
    )


def policy_deny() -> tuple[Box, PacketTrace]:
    return _plain("set policy id 7 from Trust to Untrust any any telnet deny\n" + PERMIT, _telnet())


def policy_reject() -> tuple[Box, PacketTrace]:
    return _plain("set policy id 7 from Trust to Untrust any any telnet reject\n" + PERMIT, _telnet())


def policy_session_limit() -> tuple[Box, PacketTrace]:
    device, _story = _plain(
        "set policy id 7 from Trust to Untrust any any any permit sess-limit per-src-ip 1\n", _telnet()
    )
    return device, device.receive("ethernet1", tcp("10.1.1.5", "9.9.9.9", (4001, 23), SYN))


def _telnet() -> bytes:
    return tcp("10.1.1.5", "9.9.9.9", (4000, 23), SYN)


def default_deny() -> tuple[Box, PacketTrace]:
    return _plain("", echo("10.1.1.5", "9.9.9.9"))


def auth_required() -> tuple[Box, PacketTrace]:
    config = "set user joe password abc\nset policy id 7 from Trust to Untrust any any any permit auth user joe\n"
    return _plain(config, echo("10.1.1.5", "9.9.9.9"))


def auth_unavailable() -> tuple[Box, PacketTrace]:
    config = (
        "set auth-server rad server-name 10.9.9.9\n"
        "set policy id 7 from Trust to Untrust any any any permit auth server rad\n"
    )
    return _plain(config, tcp("10.1.1.5", "9.9.9.9", (4000, 80), SYN))


def intrazone_block() -> tuple[Box, PacketTrace]:
    config = (
        "set zone Trust block\nset interface ethernet4 zone Trust\nset interface ethernet4 ip 10.4.4.1/24\n" + PERMIT
    )
    box = Box(BASE + config, plugged=("ethernet1", "ethernet3", "ethernet4"))
    return box, box.receive("ethernet1", echo("10.1.1.5", "10.4.4.4"))


def not_syn() -> tuple[Box, PacketTrace]:
    return _plain(PERMIT, tcp("10.1.1.5", "9.9.9.9", (4000, 80), ACK))


def tcp_out_of_sequence() -> tuple[Box, PacketTrace]:
    box = Box(BASE + PERMIT)
    box.receive("ethernet1", segment("10.1.1.5", "9.9.9.9", (4000, 80), SYN, (1000, 0)), trace=False)
    box.receive("ethernet3", segment("9.9.9.9", "10.1.1.5", (80, 4000), SYN | ACK, (5000, 1001)), trace=False)
    box.receive("ethernet1", segment("10.1.1.5", "9.9.9.9", (4000, 80), ACK, (1001, 5001)), trace=False)
    return box, box.receive("ethernet3", segment("9.9.9.9", "10.1.1.5", (80, 4000), ACK, (99_999_999, 1001)))


def dns_reply() -> tuple[Box, PacketTrace]:
    question = udp("10.1.1.5", "9.9.9.9", 53, size=12)
    return _plain(PERMIT, as_dns_answer(question))


def icmp_repeated() -> tuple[Box, PacketTrace]:
    box = Box(BASE + PERMIT + "set flow icmp-ur-msg-filter\n")
    sent = udp("10.1.1.5", "9.9.9.9", 7)
    box.receive("ethernet1", sent, trace=False)
    error = ip("9.9.9.9", "10.1.1.5", 1, icmp.destination_unreachable(3, sent).build())
    box.receive("ethernet3", error, trace=False)
    return box, box.receive("ethernet3", error)


def session_limit() -> tuple[Box, PacketTrace]:
    box = Box(BASE + PERMIT)
    box.device.state.sessions._next = 0
    return box, box.receive("ethernet1", echo("10.1.1.5", "9.9.9.9"))


def wrong_interface() -> tuple[Box, PacketTrace]:
    box = Box(BASE + PERMIT)
    box.receive("ethernet1", tcp("10.1.1.5", "9.9.9.9", (4000, 80), SYN), trace=False)
    return box, box.receive("ethernet2", tcp("9.9.9.9", "10.1.1.5", (80, 4000), SYN | ACK))


def no_port() -> tuple[Box, PacketTrace]:
    box = Box(BASE + "set interface ethernet1 nat\n" + PERMIT)
    while box.device.state.ports.allocate(parse_ipv4("1.1.1.1"), 1) is not None:
        pass
    return box, box.receive("ethernet1", echo("10.1.1.5", "9.9.9.9"))


def no_mapping() -> tuple[Box, PacketTrace]:
    box = Box(
        BASE + "set address Untrust range 9.9.9.0/24\nset policy id 1 from Trust to Untrust any range any permit\n"
    )
    editor = Editor(box.device.config)
    shifted = DestinationNat(parse_ipv4("8.8.8.0"), parse_ipv4("8.8.8.3"))
    editor.policies.put(1, replace(editor.policies[1], destination_nat=shifted))
    box.device.commit(editor.finish())
    return box, box.receive("ethernet1", echo("10.1.1.5", "9.9.9.9"))


def no_tunnel() -> tuple[Box, PacketTrace]:
    config = TUNNEL + "set vrouter trust-vr route 10.2.2.0/24 interface tunnel.1 permanent\n" + PERMIT
    return _plain(config, echo("10.1.1.5", "10.2.2.5"))


def no_sa() -> tuple[Box, PacketTrace]:
    lan = LAN_TO_LAN.format(near="10.1.1.0/24", far="10.2.2.0/24")
    gateway = TUNNEL.replace("address 1.1.1.2", "address vpn.example.com")
    return _plain(gateway + lan, echo("10.1.1.5", "10.2.2.5"))


def sa_inactive() -> tuple[Box, PacketTrace]:
    return _plain(ROUTED + PERMIT, echo("10.1.1.5", "10.2.2.5"))


def bad_spi() -> tuple[Box, PacketTrace]:
    return _plain(ROUTED, ip("1.1.1.2", "1.1.1.1", 50, bytes.fromhex("0badcafe00000001") + bytes(40)), "ethernet3")


def no_sa_policy() -> tuple[Box, PacketTrace]:
    config = (
        TUNNEL + "set address DMZ server 10.9.9.9/32\nset policy id 4 from Trust to DMZ any server any tunnel vpn v1\n"
    )
    return _plain(config, echo("10.1.1.5", "10.9.9.9"))


def sa_policy_deny() -> tuple[Box, PacketTrace]:
    far = LAN_TO_LAN.format(near="10.2.2.0/24", far="10.1.1.0/24")
    west, east = established(LAN_TO_LAN.format(near="10.1.1.0/24", far="10.2.2.0/24"), far + INBOUND, bound=False)
    return east, west.receive("ethernet1", echo("10.1.1.5", "10.2.2.5", number=9), seconds=1)


def esp_replay() -> tuple[Box, PacketTrace]:
    west, east = established()
    esp = _sealed(west, echo("10.1.1.5", "10.2.2.5", number=9))
    east.receive("ethernet3", esp, trace=False)
    return east, east.receive("ethernet3", esp)


def esp_authentication() -> tuple[Box, PacketTrace]:
    west, east = established()
    esp = bytearray(_sealed(west, echo("10.1.1.5", "10.2.2.5", number=9)))
    esp[-1] ^= 1
    return east, east.receive("ethernet3", bytes(esp))


def esp_malformed() -> tuple[Box, PacketTrace]:
    west, east = established()
    esp = _sealed(west, echo("10.1.1.5", "10.2.2.5", number=9))
    return east, east.receive("ethernet3", ip("1.1.1.1", "1.1.1.2", 50, esp[20:32]))


def sequence_exhausted() -> tuple[Box, PacketTrace]:
    west, _east = established()
    outbound = next(iter(west.device.database.tunnels.values())).outbound
    assert outbound is not None
    outbound.sequence = MAXIMUM_SEQUENCE
    return west, west.receive("ethernet1", echo("10.1.1.5", "10.2.2.5", number=9))


def fragmentation_needed() -> tuple[Box, PacketTrace]:
    return _plain("set interface ethernet3 mtu 1000\n" + PERMIT, echo("10.1.1.5", "9.9.9.9", size=1200, df=True))


def no_arp() -> tuple[Box, PacketTrace]:
    box = Box(BASE + PERMIT)
    box.silent.add(parse_ipv4("1.1.1.250"))
    return box, box.receive("ethernet1", echo("10.1.1.5", "9.9.9.9"), seconds=5)


def link_down() -> tuple[Box, PacketTrace]:
    config = "set vrouter trust-vr route 8.0.0.0/8 interface ethernet3 gateway 1.1.1.251 permanent\n"
    box = Box(BASE + config + PERMIT)
    box.device.set_carrier("ethernet3", False)
    return box, box.receive("ethernet1", echo("10.1.1.5", "8.8.8.8"))


BRIDGE = """
unset interface ethernet1 zone
unset interface ethernet3 zone
set interface ethernet1 zone v1-trust
set interface ethernet3 zone v1-untrust
set policy from v1-trust to v1-untrust any any any permit
"""


def _bridged(config: str, kind: bytes, packet: bytes) -> tuple[Box, PacketTrace]:
    """A frame from a host to another, in transparent mode."""
    box = Box(BRIDGE + config)
    story = PacketTrace()
    macs = bytes.fromhex("02aa00000002") + bytes.fromhex("02aa00000001")
    box.device.receive("ethernet1", macs + kind + packet, story)
    return box, story


def unknown_mac() -> tuple[Box, PacketTrace]:
    return _bridged("set interface vlan1 broadcast arp\n", b"\x08\x00", echo("10.1.1.5", "9.9.9.9"))


def non_ip() -> tuple[Box, PacketTrace]:
    return _bridged("", b"\x81\x37", bytes(46))


def others_ipsec() -> tuple[Box, PacketTrace]:
    return _bridged("", b"\x08\x00", ip("10.1.1.5", "9.9.9.9", 51, bytes(40)))


def unknown_vlan() -> tuple[Box, PacketTrace]:
    box = Box(BASE + "set interface ethernet1.1 tag 10 zone Trust\n")
    story = PacketTrace()
    macs = box.device.interfaces.items["ethernet1"].mac + bytes.fromhex("02aa00000001")
    frame = macs + bytes.fromhex("8100000b0800") + echo("10.1.1.5", "9.9.9.9")
    box.device.receive("ethernet1", frame, story)
    return box, story


def route_denied() -> tuple[Box, PacketTrace]:
    return _plain(
        "set interface ethernet1 ip 10.1.7.1/24 secondary\nset interface ethernet1 route-deny\n",
        echo("10.1.1.5", "10.1.7.5"),
    )


SCENES: dict[DropReason, Scene] = {
    DropReason.ILLEGAL_PACKET: illegal,
    DropReason.BAD_CHECKSUM: bad_checksum,
    DropReason.NULL_ZONE: null_zone,
    DropReason.FRAGMENT_TIMEOUT: fragment_timeout,
    DropReason.BAD_FRAGMENT: bad_fragment,
    DropReason.TTL_EXPIRED: ttl_expired,
    DropReason.BROADCAST: broadcast,
    DropReason.MARTIAN: martian,
    DropReason.NOT_FOR_SELF: not_for_self,
    DropReason.NO_ROUTE: no_route,
    DropReason.NO_REVERSE_ROUTE: no_reverse_route,
    DropReason.ROUTE_LOOP: route_loop,
    DropReason.NULL_ROUTE: null_route,
    DropReason.POLICY_DENY: policy_deny,
    DropReason.POLICY_REJECT: policy_reject,
    DropReason.POLICY_SESSION_LIMIT: policy_session_limit,
    DropReason.DEFAULT_DENY: default_deny,
    DropReason.INTRAZONE_BLOCK: intrazone_block,
    DropReason.AUTH_REQUIRED: auth_required,
    DropReason.AUTH_UNAVAILABLE: auth_unavailable,
    DropReason.NOT_SYN: not_syn,
    DropReason.TCP_OUT_OF_SEQUENCE: tcp_out_of_sequence,
    DropReason.DNS_REPLY: dns_reply,
    DropReason.ICMP_REPEATED: icmp_repeated,
    DropReason.SESSION_LIMIT: session_limit,
    DropReason.WRONG_INTERFACE: wrong_interface,
    DropReason.NO_PORT: no_port,
    DropReason.NO_MAPPING: no_mapping,
    DropReason.NO_TUNNEL: no_tunnel,
    DropReason.NO_SA: no_sa,
    DropReason.SA_INACTIVE: sa_inactive,
    DropReason.BAD_SPI: bad_spi,
    DropReason.NO_SA_POLICY: no_sa_policy,
    DropReason.SA_POLICY_DENY: sa_policy_deny,
    DropReason.ESP_REPLAY: esp_replay,
    DropReason.ESP_AUTHENTICATION: esp_authentication,
    DropReason.ESP_MALFORMED: esp_malformed,
    DropReason.SEQUENCE_EXHAUSTED: sequence_exhausted,
    DropReason.FRAGMENTATION_NEEDED: fragmentation_needed,
    DropReason.NO_ARP: no_arp,
    DropReason.LINK_DOWN: link_down,
    DropReason.UNKNOWN_MAC: unknown_mac,
    DropReason.NON_IP: non_ip,
    DropReason.OTHERS_IPSEC: others_ipsec,
    DropReason.UNKNOWN_VLAN: unknown_vlan,
    DropReason.ROUTE_DENIED: route_denied,
}
