"""Transcripts of gateways, Phase 1, tunnels and SAs of two live devices. SPIs and cookies are read off the devices."""

from __future__ import annotations

import pytest

from nsemu.device.views.ike import cookie_views
from nsemu.device.views.ipsec import tunnel_view
from support.site_pair import Site, SitePair

HEADER = "HEX ID    Gateway         Port Algorithm     SPI      Life:sec kb Sta   PID vsys\n"


@pytest.fixture
def pair() -> SitePair:
    return SitePair()


def spis(site: Site) -> tuple[str, str]:
    view = tunnel_view(site.device, 1)
    assert view is not None
    return f"{view.inbound.spi:08x}", f"{view.outbound.spi:08x}"


def bring_up(pair: SitePair) -> None:
    """The first ping is lost while IKE negotiates, two more pass."""
    for sequence in (1, 2, 3):
        pair.west.ping("10.2.2.5", sequence)
        pair.run(1)
    assert [packet.payload[0] for packet in pair.west.heard] == [0, 0]


def test_no_sa_is_configured(pair: SitePair) -> None:
    assert pair.west.type("get sa") == f"total configured sa: 0\n{HEADER}"
    assert pair.west.type("get sa active") == f"Total active sa: 0\ntotal configured sa: 0\n{HEADER}"


def test_sa_from_inactive_to_active_to_expired(pair: SitePair) -> None:
    """Both lines of a tunnel: before the first negotiation, in use, and after the end of its life."""
    pair.route_based()
    west = pair.west
    inactive = (
        "00000001<         1.1.1.2  500 esp:a128/sha1 00000000 expir unlim I/I    -1 0\n"
        "00000001>         1.1.1.2  500 esp:a128/sha1 00000000 expir unlim I/I    -1 0\n"
    )
    assert west.type("get sa") == f"total configured sa: 1\n{HEADER}{inactive}"
    assert west.type("get sa inactive") == f"Total inactive sa: 1\ntotal configured sa: 1\n{HEADER}{inactive}"
    bring_up(pair)
    incoming, outgoing = spis(west)
    assert spis(pair.east) == (outgoing, incoming)
    active = (
        f"00000001<         1.1.1.2  500 esp:a128/sha1 {incoming}  3597 unlim A/-    -1 0\n"
        f"00000001>         1.1.1.2  500 esp:a128/sha1 {outgoing}  3597 unlim A/-    -1 0\n"
    )
    assert west.type("get sa") == f"total configured sa: 1\n{HEADER}{active}"
    assert west.type("get sa active") == f"Total active sa: 1\ntotal configured sa: 1\n{HEADER}{active}"
    assert west.type("get sa inactive").startswith("Total inactive sa: 0\n")
    west.device.clear_tunnel(1)
    assert west.type("get sa") == (
        f"total configured sa: 1\n{HEADER}"
        f"00000001<         1.1.1.2  500 esp:a128/sha1 {incoming} expir unlim I/I    -1 0\n"
        f"00000001>         1.1.1.2  500 esp:a128/sha1 {outgoing} expir unlim I/I    -1 0\n"
    )


def test_sa_of_a_policy_based_vpn_names_its_policies(pair: SitePair) -> None:
    pair.policy_based()
    bring_up(pair)
    incoming, outgoing = spis(pair.west)
    assert pair.west.type("get sa") == (
        f"total configured sa: 1\n{HEADER}"
        f"00000001<         1.1.1.2  500 esp:3des/sha1 {incoming}  3597 unlim A/-     9 0\n"
        f"00000001>         1.1.1.2  500 esp:3des/sha1 {outgoing}  3597 unlim A/-     5 0\n"
    )
    assert pair.west.type("get sa id 1").splitlines()[1:4] == [
        "auto key. policy node, tunnel mode, policy id in:<9> out:<5> vpngrp:<-1>. sa_list_nxt:<0xffffffff>.",
        "tunnel id 1, peer id 0, NSRP Local. site-to-site. Local interface is ethernet3 <1.1.1.1>.",
        "esp, group 0, 3des encryption, sha1 authentication",
    ]


def test_one_sa(pair: SitePair) -> None:
    """Decimal and hexadecimal IDs, the proxy ID, the replay window, the next sequence number."""
    pair.route_based()
    pair.west.accept("set vpn lan_to_lan proxy-id local-ip 10.1.1.0/24 remote-ip 10.2.2.0/24 HTTP")
    pair.east.accept("set vpn lan_to_lan proxy-id local-ip 10.2.2.0/24 remote-ip 10.1.1.0/24 HTTP")
    west = pair.west
    pair.run(100)
    bring_up(pair)
    pair.run(20)
    incoming, outgoing = spis(west)
    expected = (
        "index 0, name lan_to_lan, peer gateway ip 1.1.1.2. vsys<Root>\n"
        "auto key. tunnel if binding node, tunnel mode, policy id in:<-1> out:<-1> vpngrp:<-1>. "
        "sa_list_nxt:<0xffffffff>.\n"
        "tunnel id 1, peer id 0, NSRP Local. site-to-site. Local interface is ethernet3 <1.1.1.1>.\n"
        "esp, group 2, a128 encryption, sha1 authentication\n"
        "autokey, IN active, OUT active\n"
        "monitor<0>, latency: -1, availability: 0\n"
        "DF bit: clear\n"
        "app_sa_flags: 0x4000a7\n"
        "proxy id: local 10.1.1.0/255.255.255.0, remote 10.2.2.0/255.255.255.0, proto 6, port 80\n"
        "ike activity timestamp: 100\n"
        "nat-traversal map not available\n"
        f"incoming: SPI {incoming}, flag 00004000, tunnel info 40000001, pipeline\n"
        "  life 3600 sec, 3577 remain, 0 kb, 0 bytes remain\n"
        "  anti-replay on, last 0x2, window 0x3, idle timeout value <0>, idled 20 seconds\n"
        "  next pak sequence number: 0x0\n"
        f"outgoing: SPI {outgoing}, flag 00000000, tunnel info 40000001, pipeline\n"
        "  life 3600 sec, 3577 remain, 0 kb, 0 bytes remain\n"
        "  anti-replay on, last 0x0, window 0x0, idle timeout value <0>, idled 21 seconds\n"
        "  next pak sequence number: 0x3\n"
    )
    assert west.type("get sa id 1") == expected
    assert west.type("get sa id 0x00000001") == expected
    for words in ("id 2", "id 0x2", "id xyz", "id 0x"):
        west.type(f"get sa {words}")
        assert west.console.refused, words


def test_one_inactive_sa(pair: SitePair) -> None:
    pair.route_based()
    text = pair.west.type("get sa id 1").splitlines()
    assert text[4] == "autokey, IN inactive, OUT inactive"
    assert text[11:] == [
        "incoming: SPI 00000000, flag 00004000, tunnel info 40000001, pipeline",
        "  life 0 sec, expired, 0 kb, 0 bytes remain",
        "  anti-replay on, last 0x0, window 0x0, idle timeout value <0>, idled 0 seconds",
        "  next pak sequence number: 0x0",
        "outgoing: SPI 00000000, flag 00000000, tunnel info 40000001, pipeline",
        "  life 0 sec, expired, 0 kb, 0 bytes remain",
        "  anti-replay on, last 0x0, window 0x0, idle timeout value <0>, idled 0 seconds",
        "  next pak sequence number: 0x0",
    ]


def test_statistics(pair: SitePair) -> None:
    pair.route_based()
    bring_up(pair)
    view = tunnel_view(pair.west.device, 1)
    assert view is not None
    assert view.outbound.packets == view.inbound.packets == 2
    assert pair.west.type("get sa stat") == (
        "total configured sa: 1\n"
        "HEX ID            Gateway Fragment Auth-Fail      Other       Totalbytes\n"
        f"00000001<         1.1.1.2        0         0          0{view.inbound.octets:>17}\n"
        f"00000001>         1.1.1.2        0         0          0{view.outbound.octets:>17}\n"
    )
    assert view.outbound.octets >= 2 * 84


def test_kilobytes_count_down(pair: SitePair) -> None:
    pair.route_based()
    for site in (pair.west, pair.east):
        site.accept(
            "set ike p2-proposal small no-pfs esp 3des md5 second 900 kbyte 2000\n"
            "set vpn lan_to_lan gateway peer replay proposal small\n"
            "set vpn lan_to_lan bind interface tunnel.1"
        )
    bring_up(pair)
    view = tunnel_view(pair.west.device, 1)
    assert view is not None
    left = 2000 * 1024 - view.outbound.octets
    row = pair.west.type("get sa").splitlines()[3]
    assert row.split()[3:7] == ["esp:3des/md5", f"{view.outbound.spi:08x}", "897", str(left // 1024)]
    assert f"  life 900 sec, 897 remain, 2000 kb, {left} bytes remain\n" in pair.west.type("get sa id 1")


@pytest.mark.parametrize(("platform", "before"), [("ns208", ""), ("ssg5", "IKEv1 SA -- ")])
def test_cookies_of_both_ends(platform: str, before: str) -> None:
    pair = SitePair(platform)
    pair.route_based()
    assert pair.west.type("get ike cookies") == f"\n{before}Active: 0, Dead: 0, Total 0\n\n"
    bring_up(pair)
    pair.run(3600)
    (cookie,) = cookie_views(pair.west.device)
    head = f"{cookie.initiator_cookie[:4].hex()}/0006, 1.1.1.1:500->1.1.1.2:500, PRESHR/grp2/3DES/SHA, xchg(2)"
    for site, role, direction in ((pair.west, "initiator", 0), (pair.east, "responder", 1)):
        assert site.type("get ike cookies") == (
            "\n"
            f"{before}Active: 1, Dead: 0, Total 1\n"
            "\n"
            f"{head} (peer/grp-1/usr-1)\n"
            "resent-tmr 0 lifetime 28800 lt-recv 28800 nxt_rekey 25197 cert-expire 0\n"
            f"{role}, err cnt 0, send dir {direction}, cond 0x0\n"
            "nat-traversal map not available\n"
            "ike heartbeat              : disabled\n"
            "ike heartbeat last rcv time: 0\n"
            "ike heartbeat last snd time: 0\n"
            "XAUTH status: 0\n"
            "DPD seq local 0, peer 0\n"
            "\n"
        )


def test_cookies_while_the_peer_is_silent(pair: SitePair) -> None:
    pair.route_based()
    pair.east.device.set_carrier(pair.east.outside, False)
    pair.west.device.state.neighbors.known(pair.west.device.interfaces.items["ethernet3"], 0, bytes(6))
    pair.west.ping("10.2.2.5")
    pair.run(3)
    text = pair.west.type("get ike cookies")
    assert "/0000, 1.1.1.1:500->1.1.1.2:500" in text
    assert " nxt_rekey 0 " in text
    assert "initiator, err cnt 1, send dir 0" in text
    pair.run(300)
    assert "Active: 0, Dead: 0, Total 0" in pair.west.type("get ike cookies")


def test_gateways(pair: SitePair) -> None:
    pair.policy_based()
    west = pair.west
    west.accept(
        'set ike gateway "a name beyond fifteen" address 5.5.5.5 aggressive local-id me@example.com '
        "outgoing-interface ethernet3 preshare abc12345 proposal pre-g5-3des-md5"
    )
    assert west.type("get ike gateway") == (
        "Id   Name            Gateway Address Gateway ID      Mode Proposals\n"
        "---- --------------- --------------- --------------- ---- ---------\n"
        "   0 peer            1.1.1.2                         Main pre-g2-3des-sha\n"
        "                                                          pre-g2-3des-md5\n"
        "                                                          pre-g2-des-sha\n"
        "                                                          pre-g2-des-md5\n"
        "   1 a name beyond ~ 5.5.5.5                         Aggr pre-g5-3des-md5\n"
        "Total Gateways: 2 (2 including dynamic peers)\n"
    )
    one = west.type('get ike gateway "a name beyond fifteen"')
    assert one.splitlines()[2:] == [
        "   1 a name beyond ~ 5.5.5.5                         Aggr pre-g5-3des-md5",
        "Total Gateways: 1 (1 including dynamic peers)",
    ]
    west.type("get ike gateway nobody")
    assert west.console.refused


def test_vpns(pair: SitePair) -> None:
    pair.policy_based()
    pair.west.accept(
        "set interface tunnel.2 zone Untrust\n"
        "set vpn second gateway peer replay proposal g2-esp-3des-sha\n"
        "set vpn second bind interface tunnel.2\n"
        "set vpn second proxy-id local-ip 10.1.0.0/16 remote-ip 10.8.0.0/16 FTP"
    )
    assert pair.west.type("get vpn") == (
        "Name            Gateway         Mode RPlay 1st Proposal         Monitor Use Cnt Interface\n"
        "--------------- --------------- ---- ----- -------------------- ------- ------- ---------------\n"
        "lan_to_lan      peer            tunl No    nopfs-esp-3des-sha   off           2 eth3\n"
        "  all proposals: nopfs-esp-3des-sha nopfs-esp-3des-md5 nopfs-esp-des-sha nopfs-esp-des-md5\n"
        "  peer gateway = peer\n"
        "  outgoing interface <eth3>\n"
        "  idletime = 0, DF-bit = clear\n"
        "second          peer            tunl Yes   g2-esp-3des-sha      off           0 eth3\n"
        "  all proposals: g2-esp-3des-sha\n"
        "  peer gateway = peer\n"
        "  outgoing interface <eth3>\n"
        "  bound tunnel interface: tunnel.2\n"
        "  proxy id: local 10.1.0.0/16, remote 10.8.0.0/16, service FTP\n"
        "  idletime = 0, DF-bit = clear\n"
        "Total Auto VPN: 2\n"
        "Total Pure Transport Mode IPSEC VPN: 0\n"
    )
    assert pair.west.type("get vpn second").splitlines()[-2] == "Total Auto VPN: 1"
    pair.west.type("get vpn third")
    assert pair.west.console.refused


def test_proposals(pair: SitePair) -> None:
    west = pair.west
    west.accept(
        "set ike p1-proposal mine preshare group5 esp aes256 sha-1 hour 2\n"
        "set ike p2-proposal theirs group2 ah md5 second 600 kbyte 4096"
    )
    assert west.type("get ike p1-proposal mine") == (
        "Name                            Auth Method DH Group Encrypt Hash     Lifetime(sec)\n"
        "------------------------------- ----------- -------- ------- -------- -------------\n"
        "mine                            preshare           5 AES256  SHA               7200\n"
        "Total Phase 1 proposals: 1\n"
    )
    assert west.type("get ike p2-proposal theirs") == (
        "Name                            PFS    Proto Encrypt Hash     Lifetime(sec) Lifesize(KB)\n"
        "------------------------------- ------ ----- ------- -------- ------------- ------------\n"
        "theirs                          grp2   AH    n/a     MD5                600         4096\n"
        "Total Phase 2 proposals: 1\n"
    )
    assert west.type("get ike p1-proposal").splitlines()[-2].startswith("mine ")
    west.accept("set ike respond-bad-spi 3\nset ike soft-lifetime-buffer 40\nset ike initial-contact")
    assert west.type("get ike").startswith(
        "IKE respond to bad SPI: 3\nIKE initial contact: all peers\nIKE soft lifetime buffer: 40 seconds\n"
    )
