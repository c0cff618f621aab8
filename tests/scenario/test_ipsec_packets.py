"""What tunnels put on the wire, octet by octet: modes, headers, SPIs, what AH covers, and whose routes decide.

The devices stand alone, with manual keys, so that scapy knows them and can be the other end.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from scapy.layers.inet import IP
from scapy.layers.ipsec import AH, ESP, SecurityAssociation
from scapy.packet import Raw

from nsemu import Lab
from nsemu.config.algorithms import Encryption, Integrity
from nsemu.ipsec.sa import SaMode
from nsemu.runtime.drop import DropReason
from nsemu.wire.address import format_ipv4, parse_ipv4
from support.box import Box, echo, last_step, tcp, udp
from support.ipsec import ends, parameters, sealed
from support.labs import PARIS, TOKYO, Wiretap, two_sites

AES, SHA = bytes(range(32)), bytes(range(100, 120))
ESP_KEYS = f"esp aes256 key {AES.hex()} auth sha-1 key {SHA.hex()}"
AH_KEYS = f"ah sha-1 key {SHA.hex()}"
BASE = """
set interface ethernet1 zone trust
set interface ethernet1 ip 10.1.1.1/24
set interface ethernet1 route
set interface ethernet2 zone dmz
set interface ethernet2 ip 10.2.2.1/24
set interface ethernet3 zone untrust
set interface ethernet3 ip 1.1.1.1/24
unset zone untrust screen syn-flood
set vrouter trust-vr route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.250
set address trust lan 10.1.1.0/24
set address untrust far 10.9.9.0/24
set address untrust near 10.9.9.7/32
"""


def vpn(name: str, local: str, remote: str, peer: str, keys: str = ESP_KEYS) -> str:
    return f"set vpn {name} manual {local} {remote} gateway {peer} outgoing-interface ethernet3 {keys}\n"


A, B = vpn("a", "3001", "3002", "2.2.2.2"), vpn("b", "4001", "4002", "3.3.3.3")
BOTH_WAYS = """
set policy id 1 from trust to untrust lan far any tunnel vpn a
set policy id 2 from untrust to trust far lan any tunnel vpn a
"""


def far_end(spi: int, local: str = "1.1.1.1", remote: str = "2.2.2.2", *, ah: bool = False) -> SecurityAssociation:
    """An SA from `local` to `remote` as scapy keeps it."""
    outer = IP(src=local, dst=remote)
    if ah:
        return SecurityAssociation(AH, spi=spi, auth_algo="HMAC-SHA1-96", auth_key=SHA, tunnel_header=outer)
    keys = {"crypt_algo": "AES-CBC", "crypt_key": AES, "auth_algo": "HMAC-SHA1-96", "auth_key": SHA}
    return SecurityAssociation(ESP, spi=spi, tunnel_header=outer, **keys)


def out(box: Box, packet: bytes, interface: str = "ethernet1") -> bytes:
    """The one packet that leaves for the Internet because of this one."""
    box.sent.clear()
    box.receive(interface, packet, trace=False)
    (sent,) = [frame[14:] for name, frame in box.sent if name == "ethernet3"]
    return sent


def next_header(outer: bytes) -> int:
    """The last octet of what is encrypted, read with the keys and without any IPsec code."""
    body = outer[28:-12]
    plain = Cipher(algorithms.AES(AES), modes.CBC(body[:16])).decryptor().update(body[16:])
    return plain[-1]


@pytest.mark.parametrize("packet", [echo("10.1.1.5", "10.9.9.9"), udp("10.1.1.5", "10.9.9.9", 53)])
def test_the_whole_packet_is_inside_after_an_outer_header_b067_b068(packet: bytes) -> None:
    """B067, B068: outer header from gateway to gateway, ESP header, then the original packet, next header 4."""
    box = Box(BASE + A + BOTH_WAYS)
    outer = out(box, packet)
    assert (outer[0], outer[9], format_ipv4(int.from_bytes(outer[12:16], "big"))) == (0x45, 50, "1.1.1.1")
    assert format_ipv4(int.from_bytes(outer[16:20], "big")) == "2.2.2.2"
    assert (outer[20:24].hex(), outer[24:28].hex()) == ("00003002", "00000001")
    assert next_header(outer) == 4
    inner = bytes(far_end(0x3002).decrypt(IP(outer)))
    routed = bytearray(packet)
    routed[8] -= 1
    assert inner[:8] + inner[12:] == bytes(routed[:8] + routed[12:])
    assert inner[8] == packet[8] - 1
    assert packet[20:] not in outer


@pytest.mark.parametrize("protocol", [6, 17])
def test_transport_mode_names_the_transport_protocol_b068(protocol: int) -> None:
    """B068: the header of the packet stays in front, and ESP says what follows: 6 or 17."""
    values = parameters(Encryption.AES256, Integrity.SHA1, mode=SaMode.TRANSPORT, encryption_key=AES, integrity_key=SHA)
    here, there = (format_ipv4(address) for address in (values.local, values.peer))
    packet = udp(here, there, 1701) if protocol == 17 else tcp(here, there, (1701, 1701), 2)
    outer = sealed(ends(values)[0], packet)
    assert (outer[9], outer[12:20]) == (50, packet[12:20])
    assert next_header(outer) == protocol


@pytest.mark.parametrize("style", ["route", "policy"])
def test_negotiated_tunnels_are_in_tunnel_mode_b015(tmp_path: Path, style: str) -> None:
    """B015: whatever kind of VPN, what is inside is a whole IP packet; decrypted with the keys of the peer."""
    lab = two_sites(tmp_path, replace(TOKYO, style=style), replace(PARIS, style=style))
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3).received >= 2
    assert lab["tokyo-pc"].run("http get 10.2.2.5")
    found = [opened(lab, IP(packet)) for packet in tap.packets(50)]
    assert len(found) > 8
    assert {(inner.src, inner.dst) for inner in found} == {("10.1.1.5", "10.2.2.5"), ("10.2.2.5", "10.1.1.5")}
    assert {inner.proto for inner in found} == {1, 6}


def opened(lab: Lab, outer: IP) -> IP:
    """What is inside, by the keys that the receiver holds; scapy refuses anything but tunnel mode here."""
    device = lab["paris" if outer.dst == "2.2.2.2" else "tokyo"].device
    spi = outer[ESP].spi
    (keys,) = [one for one in device.inbound_keys if one.spi == spi and one.local == parse_ipv4(outer.dst)]
    association = SecurityAssociation(
        ESP, spi=spi, crypt_algo="3DES", crypt_key=keys.encryption_key, auth_algo="HMAC-SHA1-96",
        auth_key=keys.integrity_key, tunnel_header=IP(src=outer.src, dst=outer.dst),
    )  # fmt: skip
    assert keys.encryption is Encryption.TRIPLE_DES
    return association.decrypt(outer)


@pytest.mark.parametrize("kind", ["esp", "ah"])
def test_two_directions_two_sas_b028(kind: str) -> None:
    """B028: the SA that sends does not receive; answers need the one with the other SPI."""
    ah = kind == "ah"
    box = Box(BASE + vpn("a", "3001", "3002", "2.2.2.2", AH_KEYS if ah else ESP_KEYS) + BOTH_WAYS)
    assert out(box, echo("10.1.1.5", "10.9.9.9"))[24 if ah else 20 :][:4].hex() == "00003002"
    reply = IP(src="10.9.9.9", dst="10.1.1.9", proto=253) / Raw(b"from afar")
    wrong = far_end(0x3002, "2.2.2.2", "1.1.1.1", ah=ah).encrypt(reply)
    story = box.receive("ethernet3", bytes(wrong))
    assert last_step(story).reason is DropReason.BAD_SPI  # type: ignore[attr-defined]
    assert box.packets("ethernet1") == []
    box.receive("ethernet3", bytes(far_end(0x3001, "2.2.2.2", "1.1.1.1", ah=ah).encrypt(reply)), trace=False)
    (came,) = box.packets("ethernet1")
    assert came.payload == b"from afar"


def test_the_policy_chooses_the_sa_b031() -> None:
    """B031: two tunnel policies for the same networks; the service decides which SA a packet leaves by."""
    box = Box(
        BASE + A + B + "set policy id 1 from trust to untrust lan far http tunnel vpn b\n"
        "set policy id 2 from trust to untrust lan far any tunnel vpn a\n"
    )
    web, other = out(box, tcp("10.1.1.5", "10.9.9.9", (4000, 80), 2)), out(box, udp("10.1.1.5", "10.9.9.9", 53))
    assert (web[16:20].hex(), web[20:24].hex()) == ("03030303", "00004002")
    assert (other[16:20].hex(), other[20:24].hex()) == ("02020202", "00003002")
    box.type("set policy move 2 before 1")
    moved = out(box, tcp("10.1.1.5", "10.9.9.9", (4001, 80), 2))
    assert moved[20:24].hex() == "00003002"


def test_the_route_chooses_the_sa_b031() -> None:
    """B031: one policy, two tunnel interfaces; the longer prefix decides."""
    box = Box(
        BASE + A + B + "".join(
            f"set interface tunnel.{number} zone untrust\n"
            f"set interface tunnel.{number} ip unnumbered interface ethernet3\n"
            f"set vpn {name} bind interface tunnel.{number}\n"
            for number, name in ((1, "a"), (2, "b"))
        )
        + "set vrouter trust-vr route 10.9.9.0/24 interface tunnel.1\n"
        "set vrouter trust-vr route 10.9.9.7/32 interface tunnel.2\n"
        "set policy id 1 from trust to untrust lan far any permit\n"
    )  # fmt: skip
    assert out(box, echo("10.1.1.5", "10.9.9.9"))[20:24].hex() == "00003002"
    assert out(box, echo("10.1.1.5", "10.9.9.7"))[20:24].hex() == "00004002"
    box.type("unset vrouter trust-vr route 10.9.9.7/32 interface tunnel.2")
    assert out(box, echo("10.1.1.6", "10.9.9.7"))[20:24].hex() == "00003002"


def test_a_policy_can_deny_what_lies_behind_a_tunnel_interface_b143() -> None:
    """B143: the route leads into the tunnel, and the policy still decides what goes there."""
    box = Box(
        BASE + A + "set interface tunnel.1 zone untrust\nset interface tunnel.1 ip unnumbered interface ethernet3\n"
        "set vpn a bind interface tunnel.1\nset vrouter trust-vr route 10.9.9.0/24 interface tunnel.1\n"
        "set policy id 1 from trust to untrust lan far http deny\n"
        "set policy id 2 from trust to untrust lan far any permit\n"
    )
    story = box.receive("ethernet1", tcp("10.1.1.5", "10.9.9.9", (4000, 80), 2))
    assert last_step(story).reason is DropReason.POLICY_DENY  # type: ignore[attr-defined]
    assert box.sent == []
    assert out(box, tcp("10.1.1.5", "10.9.9.9", (4000, 81), 2))[20:24].hex() == "00003002"


def test_ah_covers_the_whole_packet_the_outer_header_included_b138() -> None:
    """B138: no octet of what cannot change on the way may be another; those that may are left out (RFC 4302 §3.3.3)."""
    box = Box(BASE + vpn("a", "3001", "3002", "2.2.2.2", AH_KEYS) + BOTH_WAYS)
    outer = out(box, echo("10.1.1.5", "10.9.9.9"))
    assert outer[9] == 51
    assert outer[20] == 4  # next header
    association = far_end(0x3002, ah=True)
    assert bytes(association.decrypt(IP(outer)))[20:] == echo("10.1.1.5", "10.9.9.9")[20:]
    reply = bytes(IP(src="10.9.9.9", dst="10.1.1.9", proto=253) / Raw(b"from afar"))
    sealed = bytes(far_end(0x3001, "2.2.2.2", "1.1.1.1", ah=True).encrypt(IP(reply)))
    mutable = {1, 6, 7, 8, 10, 11}  # type of service, flags and fragment offset, TTL, checksum
    accepted = set()
    for position in range(len(sealed)):
        box = Box(BASE + vpn("a", "3001", "3002", "2.2.2.2", AH_KEYS) + BOTH_WAYS)
        damaged = bytearray(sealed)
        damaged[position] ^= 0x40 if position == 6 else 1
        damaged[10:12] = b"\0\0"
        total = sum(int.from_bytes(damaged[at : at + 2], "big") for at in range(0, 20, 2))
        total = (total & 0xFFFF) + (total >> 16)
        damaged[10:12] = ((~((total & 0xFFFF) + (total >> 16))) & 0xFFFF).to_bytes(2, "big")
        box.receive("ethernet3", bytes(damaged), trace=False)
        accepted |= {position} if box.packets("ethernet1") else set()
    assert accepted == mutable - {7}  # a fragment offset makes it wait for the other fragments


@pytest.mark.parametrize(("vrouter", "leaves"), [("trust-vr", "ethernet1"), ("untrust-vr", "ethernet2")])
def test_the_router_of_the_tunnel_interface_decides_inside_b165(vrouter: str, leaves: str) -> None:
    """B165: the outer packet is of trust-vr; where the inner one goes is up to the router of the tunnel interface."""
    box = Box(
        BASE.replace(
            "set interface ethernet2 zone dmz", "set zone dmz vrouter untrust-vr\nset interface ethernet2 zone dmz"
        )
        + A
        + f"set zone name Partner\nset zone Partner vrouter {vrouter}\n"
        "set interface tunnel.1 zone Partner\nset interface tunnel.1 ip 10.0.0.1/30\n"
        "set vpn a bind interface tunnel.1\n"
        f"set vrouter {vrouter} route 10.9.9.0/24 interface tunnel.1\n"
        "set vrouter trust-vr route 10.7.7.0/24 interface ethernet1 gateway 10.1.1.9\n"
        "set vrouter untrust-vr route 10.7.7.0/24 interface ethernet2 gateway 10.2.2.9\n"
        "set policy id 1 from Partner to trust any any any permit\n"
        "set policy id 2 from Partner to dmz any any any permit\n"
    )
    inner = IP(src="10.9.9.9", dst="10.7.7.7", proto=253) / Raw(b"where to?")
    box.receive("ethernet3", bytes(far_end(0x3001, "2.2.2.2", "1.1.1.1").encrypt(inner)), trace=False)
    assert [(name, frame[34:]) for name, frame in box.sent] == [(leaves, b"where to?")]
