"""Manual key VPNs (Vol. 5, chapter 4, "Manual Key"): B025, B030, B032, B212, B213, B214."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from scapy.layers.inet import IP
from scapy.layers.ipsec import AH, ESP, SecurityAssociation

from nsemu import Lab, LabError
from nsemu.cli.settings.configuration import load_configuration
from nsemu.config.algorithms import IpsecProtocol
from nsemu.config.editor import Editor
from nsemu.ipsec.manual import ENCRYPTION_PURPOSE, INTEGRITY_PURPOSE, key_from_password
from nsemu.runtime.drop import DropReason
from support.labs import Site, Wiretap, dropped, type_lines
from support.manual_key import ESP_3DES, manual_sites

LANS = ("10.1.1.0/24", "10.2.2.0/24")
ESP_PROTOCOL, AH_PROTOCOL = 50, 51
OUTER = IP(src="1.1.1.1", dst="2.2.2.2")
KEYS = {"des": 8, "3des": 24, "aes128": 16, "aes192": 24, "aes256": 32, "md5": 16, "sha-1": 20}


def key(algorithm: str, first: int) -> str:
    """A hexadecimal key of the right length."""
    return bytes((first + n) % 256 for n in range(KEYS[algorithm])).hex()


def transforms() -> list[str]:
    """ESP with every pair of algorithms that makes sense, AH with both; by password and by key in turn."""
    found = []
    for number, (cipher, hash_) in enumerate(product(("null", "des", "3des", "aes128", "aes192", "aes256"),
                                                     ("null", "md5", "sha-1"))):  # fmt: skip
        if cipher == hash_ == "null":
            continue
        secret = f"password C{number}" if number % 2 else f"key {key(cipher, 7)}" if cipher != "null" else ""
        text = f"esp {cipher} {secret if cipher != 'null' else ''}"
        if hash_ != "null":
            text += f" auth {hash_} " + (f"key {key(hash_, 99)}" if number % 2 else "password mac")
        found.append(text)
    return [*found, "ah md5 password one", f"ah sha-1 key {key('sha-1', 1)}"]


@pytest.mark.parametrize("style", ["route", "policy"])
@pytest.mark.parametrize("transform", transforms())
def test_nothing_is_negotiated(tmp_path: Path, style: str, transform: str) -> None:
    """B025, B032: the first packet passes, either way, with every transform; nothing but ESP or AH is on the wire."""
    lab = manual_sites(tmp_path, style, transform)
    tap = Wiretap.on(lab, "tokyo:ethernet3", "paris:ethernet3")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=2, size=1300).received == 2
    assert lab["paris-pc"].ping("10.1.1.5", count=2, size=5).received == 2
    assert "200" in lab["tokyo-pc"].run("http get 10.2.2.5")
    protocol = AH_PROTOCOL if transform.startswith("ah") else ESP_PROTOCOL
    assert {packet[9] for packet in tap.packets()} == {protocol}
    if not transform.startswith(("ah", "esp null")):
        assert tap.leaks(*LANS) == []


def test_what_one_receives_the_other_sends(tmp_path: Path) -> None:
    """B212: SPIs are hexadecimal; the local one here is the remote one there."""
    lab = manual_sites(tmp_path, spis=("a001", "2FFFFFFF"))
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    lab["tokyo-pc"].ping("10.2.2.5", count=1)
    sent, answered = tap.packets(ESP_PROTOCOL)
    assert (sent[20:24].hex(), answered[20:24].hex()) == ("2fffffff", "0000a001")
    assert 'set vpn "vpn" manual a001 2fffffff gateway 2.2.2.2' in lab["tokyo"].run("get config")


@pytest.mark.parametrize("kind", ["password", "key"])
def test_scapy_opens_what_we_send(tmp_path: Path, kind: str) -> None:
    """Another implementation, given the same keys, reads our packets (B213)."""
    secret = {"password": ("password wer", "password wie"), "key": (f"key {key('aes256', 3)}", f"key {key('md5', 5)}")}
    cipher, mac = secret[kind]
    lab = manual_sites(tmp_path, "policy", f"esp aes256 {cipher} auth md5 {mac}")
    tap = Wiretap.on(lab, "paris:ethernet3")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=1).received == 1
    if kind == "password":
        keys = key_from_password("wer", ENCRYPTION_PURPOSE, 32), key_from_password("wie", INTEGRITY_PURPOSE, 16)
    else:
        keys = bytes.fromhex(key("aes256", 3)), bytes.fromhex(key("md5", 5))
    stranger = SecurityAssociation(ESP, spi=0x3030, crypt_algo="AES-CBC", crypt_key=keys[0],
                                   auth_algo="HMAC-MD5-96", auth_key=keys[1], tunnel_header=OUTER)  # fmt: skip
    inner = stranger.decrypt(IP(tap.packets(ESP_PROTOCOL)[0])[IP])
    assert (inner.src, inner.dst) == ("10.1.1.5", "10.2.2.5")


def test_scapy_verifies_our_ah(tmp_path: Path) -> None:
    """AH in tunnel mode, checked by another implementation; nothing is hidden, and nothing claims to be."""
    lab = manual_sites(tmp_path, "route", "ah sha-1 password mac")
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=1).received == 1
    auth = key_from_password("mac", INTEGRITY_PURPOSE, 20)
    stranger = SecurityAssociation(AH, spi=0x3030, auth_algo="HMAC-SHA1-96", auth_key=auth, tunnel_header=OUTER)
    outer = IP(tap.packets(AH_PROTOCOL)[0])
    assert IP(bytes(stranger.decrypt(outer))).dst == "10.2.2.5"


@pytest.mark.parametrize("style", ["route", "policy"])
@pytest.mark.parametrize(("good", "bad"), [
    (ESP_3DES, ESP_3DES.replace("PNas134a", "PNas134b")),
    ("ah md5 password x", "ah md5 password y"),
])  # fmt: skip
def test_another_password(tmp_path: Path, style: str, good: str, bad: str) -> None:
    """B213: equal passwords give equal keys; with another one authentication fails at the receiver, who drops."""
    lab = manual_sites(tmp_path, style, {"tokyo": good, "paris": bad})
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3).received == 0
    paris = lab["paris"].device
    assert dropped(paris, DropReason.ESP_AUTHENTICATION) == 3
    assert paris.database.tunnels[1].inbound_statistics.authentication_failures == 3
    trace = lab.trace("tokyo-pc", "10.2.2.5")
    assert trace.disposition.upper().startswith("DROP")
    assert "authentication failed" in trace.text()


def test_another_encryption_password(tmp_path: Path) -> None:
    """Authentication is good then, but what is inside is no packet: it is dropped as well (RFC 4303 §3.4.4)."""
    lab = manual_sites(tmp_path, "route", {"tokyo": ESP_3DES, "paris": ESP_3DES.replace("asdlk", "qwert")})
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3).received == 0
    assert dropped(lab["paris"].device, DropReason.ESP_MALFORMED) == 3


def test_another_spi(tmp_path: Path) -> None:
    """A packet with an SPI that nobody set is dropped as such (B158), for ESP and for AH, and the log says which."""
    for transform, name in ((ESP_3DES, "ESP"), ("ah sha-1 password m", "AH")):
        lab = manual_sites(tmp_path, "route", transform)
        vpn = f"set vpn vpn manual 4000 3020 gateway 1.1.1.1 {transform}"
        type_lines(lab, "paris", vpn)
        assert lab["tokyo-pc"].ping("10.2.2.5", count=2).received == 0
        assert dropped(lab["paris"].device, DropReason.BAD_SPI) == 2
        assert f"{name}, SPI 0x3030, SEQ 0x2." in lab["paris"].run("get event")


def test_bound_to_a_tunnel_zone(tmp_path: Path) -> None:
    """B214: `bind zone untrust-tun` puts what comes out into the carrier zone, where the policies find it."""
    lab = manual_sites(tmp_path, "policy")
    for device in ("tokyo", "paris"):
        type_lines(lab, device, "set vpn vpn bind zone untrust-tun")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=2).received == 2
    text = lab.trace("tokyo-pc", "10.2.2.5").text()
    assert "Untrust" in text


def test_replies_to_what_no_policy_names(tmp_path: Path) -> None:
    """A packet for another network that comes out of a policy-based manual tunnel is refused, nothing is forwarded."""
    lab = manual_sites(tmp_path, "policy")
    type_lines(lab, "tokyo", "set policy id 30 from trust to untrust any any any tunnel vpn vpn")
    tap = Wiretap.on(lab, "paris:ethernet3", "tokyo:ethernet3")
    assert lab["tokyo-pc"].ping("10.2.2.77", count=1).received == 0
    assert lab["tokyo-pc"].ping("10.7.7.7", count=2).received == 0
    assert dropped(lab["paris"].device, DropReason.DEFAULT_DENY) == 2
    assert tap.leaks(*LANS) == []


def test_changes_take_effect_at_once(tmp_path: Path) -> None:
    """Keys, SPIs and addresses can change; the tunnel keeps its number, and follows a new own address."""
    lab = manual_sites(tmp_path, "route")
    for device, peer, spis in (("tokyo", "2.2.2.2", "5001 5002"), ("paris", "1.1.1.1", "5002 5001")):
        type_lines(lab, device, f"set vpn vpn manual {spis} gateway {peer} outgoing-interface e3 ah md5 password new")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=2).received == 2
    assert "00005001 unlim unlim A/-" in lab["tokyo"].run("get sa")
    type_lines(lab, "tokyo", "set interface ethernet3 ip 1.1.1.77/24")
    type_lines(lab, "paris", "set vpn vpn manual 5002 5001 gateway 1.1.1.77 outgoing-interface e3 ah md5 password new")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=2).received == 2
    tunnels = lab["tokyo"].device.database.tunnels
    assert list(tunnels) == [1]
    assert (len(tunnels[1].inbound_sas), len(tunnels[1].outbound_sas)) == (1, 1)
    type_lines(lab, "tokyo", "clear sa 1")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=1).received == 1
    type_lines(
        lab, "tokyo", "unset policy id 11", "unset policy id 12", "unset vpn vpn bind interface", "unset vpn vpn"
    )
    assert lab["tokyo"].device.database.esp == lab["tokyo"].device.database.ah == {}


def test_two_vpns_exchange_their_spis(tmp_path: Path) -> None:
    """Two lines typed one after the other, or loaded as one commit, never meet each other's SAs."""
    lab = manual_sites(tmp_path, "route", spis=("6001", "6002"))
    line = "set vpn {} manual {} {} gateway 9.9.9.9 outgoing-interface ethernet3 esp aes128 password a"
    type_lines(lab, "tokyo", line.format("other", "7001", "7002"))
    with pytest.raises(LabError, match="local SPI 7001 is in use by vpn other"):
        lab["tokyo"].run(line.format("third", "7001", "7003"))
    text = lab["tokyo"].run("get config")
    swapped = text.replace("6001", "X").replace("7001", "6001").replace("X", "7001")
    load(lab, swapped)
    device = lab["tokyo"].device
    spis = {tunnel.settings.vpn: tunnel.inbound_sas[0].spi for tunnel in device.database}
    assert spis == {"vpn": 0x7001, "other": 0x6001}
    assert all(device.database.find(0x01010101, IpsecProtocol.ESP, spi) for spi in spis.values())


def load(lab: Lab, text: str) -> None:
    """Replace the VPN lines of a running device in one commit."""
    device = lab["tokyo"].device
    editor = Editor(device.config)
    for name in ("vpn", "other"):
        editor.vpns.remove(name)
    lines = [line for line in text.splitlines() if line.startswith("set vpn")]
    assert load_configuration("\n".join(lines), editor) == []
    device.commit(editor.finish())


def test_no_rekey_no_lifetime(tmp_path: Path) -> None:
    """B025: a manual key tunnel is never rekeyed; a month later the same SAs are there, and no IKE was ever sent."""
    lab = manual_sites(tmp_path, "route")
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3, interval=864000).received == 3
    assert {packet[9] for packet in tap.packets()} == {ESP_PROTOCOL}
    assert {packet[20:24].hex() for packet in tap.packets(ESP_PROTOCOL)} == {"00003020", "00003030"}


def test_other_names_and_platforms(tmp_path: Path) -> None:
    """SSG interfaces, other zones of the same kind, names with blanks, IPv4 at its edges."""
    one = Site("osaka", "172.16.9.0/28", "198.51.100.9/29", "ssg5", "ethernet0/2", "ethernet0/0", vpn="to the south")
    other = Site("lima", "192.168.77.0/24", "203.0.113.130/25", vpn="v2")
    lab = manual_sites(tmp_path, "route", "esp aes192 password ü§x auth md5 password ü§x", sites=(one, other))
    tap = Wiretap.on(lab, one.wan_port, other.wan_port)
    assert lab["osaka-pc"].ping("192.168.77.5", count=2).received == 2
    assert tap.leaks(one.lan, other.lan) == []


def test_captures_have_the_keys(tmp_path: Path) -> None:
    """The folder beside a capture holds manual keys, those of before a change as well."""
    lab = manual_sites(tmp_path, "route")
    with lab.capture(str(tmp_path / "x.pcapng")):
        lab["tokyo-pc"].ping("10.2.2.5", count=1)
        type_lines(lab, "tokyo", "set vpn vpn manual 3020 3030 gateway 2.2.2.2 esp des password a")
    rows = (tmp_path / "x.keys" / "esp_sa").read_text()
    assert key_from_password("PNas134a", INTEGRITY_PURPOSE, 20).hex() in rows.lower()
    assert key_from_password("a", ENCRYPTION_PURPOSE, 8).hex() in rows.lower()


def test_the_line_without_interface(tmp_path: Path) -> None:
    """Without `outgoing-interface` the first Untrust interface with an address is meant."""
    lab = manual_sites(tmp_path, "route")
    assert "outgoing-interface ethernet3 esp 3des password asdlk24234 auth sha-1 password PNas134a" in lab["tokyo"].run(
        "get config"
    )
    type_lines(lab, "tokyo", f"set vpn vpn manual 3020 3030 gateway 2.2.2.2 {ESP_3DES}")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=1).received == 1
