"""Two sites and hub-and-spoke labs in many forms: names, addresses, algorithms, orders, styles.

Every lab is asked the same: the first packet of a cold tunnel is lost (B061), the second and all later ones pass
(B062), either side can start (B191), and on the Internet links there is ISAKMP, ESP and ARP and nothing else.
"""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.config.algorithms import Encryption, Integrity
from nsemu.runtime.drop import DropReason
from support.labs import (
    ESP,
    PARIS,
    TOKYO,
    UDP,
    Background,
    Change,
    Security,
    Site,
    Wiretap,
    all_of,
    also,
    dropped,
    events,
    hub_and_spokes,
    quoted,
    swapped,
    two_sites,
    type_lines,
    without,
)

CIPHERS = ("des", "3des", "aes128", "aes192", "aes256")
HASHES = ("md5", "sha-1")


def meets(lab: Lab, one: Site, other: Site) -> Wiretap:
    """One pings the other through a cold tunnel, and back through the warm one."""
    tap = Wiretap.on(lab, one.wan_port, other.wan_port)
    cold = lab[one.pc_node].ping(other.pc, count=4)
    assert (cold.sent, cold.received) == (4, 3), events(lab, one.device) + events(lab, other.device)
    assert dropped(lab[one.device].device, DropReason.SA_INACTIVE) == 1
    assert dropped(lab[other.device].device, DropReason.SA_INACTIVE) == 0
    warm = lab[other.pc_node].ping(one.pc, count=2, size=1000)
    assert (warm.sent, warm.received) == (2, 2)
    assert tap.leaks(one.lan, other.lan) == []
    assert {packet[9] for packet in tap.packets()} == {ESP, UDP}
    return tap


def transform(lab: Lab, site: Site) -> tuple[Encryption, Integrity]:
    """What the only tunnel of a device uses."""
    (tunnel,) = lab[site.device].device.database.tunnels.values()
    assert tunnel.outbound is not None
    assert tunnel.inbound is not None
    parameters = tunnel.outbound.parameters
    assert (tunnel.inbound.parameters.encryption, tunnel.inbound.parameters.integrity) == (
        parameters.encryption,
        parameters.integrity,
    )
    return parameters.encryption, parameters.integrity


def custom(first: tuple[str, str, int], second: tuple[str, str, int]) -> Security:
    """Own proposals: (cipher, hash, group) for each phase; group 0 in Phase 2 is no PFS."""
    pfs = f"group{second[2]}" if second[2] else "no-pfs"
    return Security(
        key="Zm9v+bar/=",
        phase1="proposal p1own",
        phase2="proposal P2-OWN",
        proposals=(
            f"set ike p1-proposal p1own preshare group{first[2]} esp {first[0]} {first[1]} second 28800",
            f"set ike p2-proposal P2-OWN {pfs} esp {second[0]} {second[1]} second 3600",
        ),
    )


PAIRS = list(product(CIPHERS, HASHES))
ALGORITHMS = [
    ((*PAIRS[index], (1, 2, 5)[index % 3]), (*PAIRS[-1 - index], (0, 1, 2, 5)[index % 4]), index % 2)
    for index in range(len(PAIRS))
]


@pytest.mark.parametrize(("first", "second", "starter"), ALGORITHMS)
def test_algorithms(tmp_path: Path, first: tuple[str, str, int], second: tuple[str, str, int], starter: int) -> None:
    """B023, B046, B050, B058: every cipher and hash in both phases, every group, with and without PFS."""
    lab = two_sites(tmp_path, security=custom(first, second))
    sites = (TOKYO, PARIS)
    meets(lab, sites[starter], sites[1 - starter])
    assert transform(lab, TOKYO) == transform(lab, PARIS) == (Encryption(second[0]), Integrity(second[1]))


LEVELS = {
    "standard": (Encryption.TRIPLE_DES, Integrity.SHA1),
    "compatible": (Encryption.TRIPLE_DES, Integrity.SHA1),
    "basic": (Encryption.DES, Integrity.SHA1),
}


@pytest.mark.parametrize("style", ["route", "policy"])
@pytest.mark.parametrize("level", LEVELS)
def test_security_levels(tmp_path: Path, level: str, style: str) -> None:
    """B036 to B038, B052 to B054: the predefined sets; the first proposal that both have is taken."""
    left, right = replace(TOKYO, style=style), replace(PARIS, style=style)
    lab = two_sites(tmp_path, left, right, Security(phase1=f"sec-level {level}", phase2=f"sec-level {level}"))
    meets(lab, right, left)
    assert transform(lab, TOKYO) == LEVELS[level]


def test_no_level_means_standard(tmp_path: Path) -> None:
    """A gateway and a VPN that name a predefined proposal of Standard meet one that uses the level (B034)."""
    named = Security(phase1="proposal pre-g2-3des-sha", phase2="proposal g2-esp-aes128-sha")
    lab = two_sites(tmp_path, security={"tokyo": named, "paris": Security("h1p8A24nG5", "sec-level standard",
                                                                          "sec-level standard")})  # fmt: skip
    meets(lab, TOKYO, PARIS)
    assert transform(lab, PARIS) == (Encryption.AES128, Integrity.SHA1)


@pytest.mark.parametrize("starter", [0, 1])
def test_only_the_last_of_four_proposals_is_common(tmp_path: Path, starter: int) -> None:
    """B034, B035, B051: four proposals each, one in common, at the end of one list and the start of the other."""
    left = Security(
        phase1="proposal pre-g2-des-md5 pre-g2-des-sha pre-g2-3des-md5 pre-g2-aes128-sha",
        phase2="proposal nopfs-esp-des-md5 nopfs-esp-des-sha nopfs-esp-3des-md5 nopfs-esp-aes128-md5",
    )
    right = Security(
        phase1="proposal pre-g2-aes128-sha pre-g5-3des-sha pre-g1-des-md5 pre-g2-aes128-md5",
        phase2="proposal nopfs-esp-aes128-md5 nopfs-esp-aes128-sha g2-esp-3des-sha nopfs-esp-3des-sha",
    )
    lab = two_sites(tmp_path, security={"tokyo": left, "paris": right})
    sites = (TOKYO, PARIS)
    meets(lab, sites[starter], sites[1 - starter])
    assert transform(lab, TOKYO) == transform(lab, PARIS) == (Encryption.AES128, Integrity.MD5)


@pytest.mark.parametrize("starter", [0, 1])
def test_the_initiators_order_decides(tmp_path: Path, starter: int) -> None:
    """E004: of several common proposals the initiator's first is taken."""
    left = Security(phase2="proposal nopfs-esp-des-md5 nopfs-esp-aes128-sha")
    right = Security(phase2="proposal nopfs-esp-aes128-sha nopfs-esp-des-md5")
    lab = two_sites(tmp_path, security={"tokyo": left, "paris": right})
    sites = (TOKYO, PARIS)
    meets(lab, sites[starter], sites[1 - starter])
    expected = [(Encryption.DES, Integrity.MD5), (Encryption.AES128, Integrity.SHA1)][starter]
    assert transform(lab, TOKYO) == transform(lab, PARIS) == expected


LONG = "a name as long as a name may be"
SITES = [
    (replace(TOKYO, gateway="New York", vpn="To New York", here="local LAN", there="the other LAN"), PARIS),
    (replace(TOKYO, gateway="x", vpn="X", here="LAN", there="lan"), replace(PARIS, gateway="VPN", vpn="vpn")),
    (replace(TOKYO, gateway=LONG, vpn=LONG, here=LONG, there=LONG), PARIS),
    (replace(TOKYO, gateway="Zürich ß", vpn="Île-de-France", here="café", there="Ærø"), PARIS),
    (replace(TOKYO, gateway="any", vpn="gateway", here="permit", there="tunnel"), PARIS),
    (
        Site("Kobe-2.x", "172.16.128.0/18", "203.0.113.130/25", outside="ethernet8", inside="ethernet2"),
        Site("k_b", "192.168.7.64/28", "198.51.100.5/30", outside="ethernet1", inside="ethernet7", tunnel="tunnel.77"),
    ),
    (
        Site("left", "10.1.1.0/29", "192.0.2.1/29", platform="ssg140", inside="ethernet0/0", outside="ethernet0/9"),
        Site("right", "10.0.0.0/16", "192.0.2.9/29", platform="ssg140", inside="ethernet0/3", outside="ethernet0/0"),
    ),
]  # fmt: skip


@pytest.mark.parametrize("style", ["route", "policy"])
@pytest.mark.parametrize(("left", "right"), SITES)
def test_names_and_addresses(tmp_path: Path, left: Site, right: Site, style: str) -> None:
    """B004 to B011: names with spaces, of one letter, long, in Latin-1, like keywords, alike but for their case."""
    lab = two_sites(tmp_path, replace(left, style=style), replace(right, style=style))
    meets(lab, left, right)
    device = lab[left.device].device
    assert left.vpn in device.config.vpns
    assert left.gateway in device.config.gateways


def test_keys_with_odd_characters(tmp_path: Path) -> None:
    """A preshared key can have spaces, Latin-1 letters and 128 characters."""
    for number, key in enumerate(("two words", "Schlüssel", "k" * 128, "'`$\\")):
        folder = tmp_path / str(number)
        folder.mkdir()
        meets(two_sites(folder, security=Security(key=key)), TOKYO, PARIS)


@pytest.mark.parametrize(("left", "right"), [("route", "policy"), ("policy", "route")])
@pytest.mark.parametrize("starter", [0, 1])
def test_a_policy_based_peer_meets_a_route_based_one(tmp_path: Path, left: str, right: str, starter: int) -> None:
    """B174: the configured proxy ID equals the derived one."""
    sites = (replace(TOKYO, style=left), replace(PARIS, style=right))
    lab = two_sites(tmp_path, *sites)
    meets(lab, sites[starter], sites[1 - starter])


def test_without_proxy_ids_everything_matches(tmp_path: Path) -> None:
    """B173: route-based on both sides with no proxy ID at all."""
    change = all_of(without("tokyo", "proxy-id"), without("paris", "proxy-id"))
    meets(two_sites(tmp_path, change=change), PARIS, TOKYO)


def test_host_bits_of_a_proxy_id_do_not_count(tmp_path: Path) -> None:
    """E026: 10.1.1.77/24 is 10.1.1.0/24."""
    change = swapped("tokyo", "proxy-id local-ip 10.1.1.0/24", "proxy-id local-ip 10.1.1.77/24")
    meets(two_sites(tmp_path, change=change), TOKYO, PARIS)


def shuffled(seed: int) -> Change:
    """Another order of lines, each still after those it needs: proposals, interfaces, then the rest by kind."""

    def rank(line: str) -> tuple[int, int]:
        words = line.split()
        if "-proposal" in words[2]:
            return (0, 0)
        if words[1] in {"interface", "zone"} and words[3] in {"zone", "vrouter"}:
            return (1, 0)
        if words[1] in {"interface"} and words[3] == "ip" and words[4] != "unnumbered":
            return (2, 0)
        if words[1] == "vpn":
            return (4, ["gateway", "bind", "proxy-id"].index(next(w for w in words if w in {"gateway", "bind",
                                                                                           "proxy-id"})))  # fmt: skip
        return (5, 0) if words[1] == "policy" else (3, 0)

    def change(device: str, lines: list[str]) -> list[str]:
        mixed = list(lines)
        random.Random(f"{seed}/{device}").shuffle(mixed)
        return sorted(mixed, key=rank)

    return change


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_lines_does_not_matter(tmp_path: Path, seed: int) -> None:
    """Configuration lines in another order make the same lab."""
    style = ("route", "policy")[seed % 2]
    lab = two_sites(tmp_path, replace(TOKYO, style=style), replace(PARIS, style=style), change=shuffled(seed))
    meets(lab, TOKYO, PARIS)


def own_zones(site: Site) -> Change:
    """Zones and virtual routers of the admin's making: `site` names the zones."""
    before = [f"set zone name {quoted(site.trust)}", f"set zone name {quoted(site.untrust)}"]
    return lambda device, lines: [*before, *lines] if device == site.device else lines


@pytest.mark.parametrize("style", ["route", "policy"])
def test_own_zones(tmp_path: Path, style: str) -> None:
    """Zones other than Trust and Untrust work as well, with names that have spaces."""
    left = replace(TOKYO, trust="Head Office", untrust="The World", style=style)
    lab = two_sites(tmp_path, left, replace(PARIS, style=style), change=own_zones(left))
    meets(lab, left, PARIS)


def test_own_virtual_routers(tmp_path: Path) -> None:
    """B368, B373: outgoing interface in one virtual router, tunnel interface in a second, LAN in a third."""
    change = all_of(
        swapped("tokyo", "set interface tunnel.1 zone Untrust", "set interface tunnel.1 zone vpn_zone"),
        swapped("tokyo", "set address Untrust There", "set address vpn_zone There"),
        swapped("tokyo", "from Trust to Untrust", "from Trust to vpn_zone"),
        swapped("tokyo", "from Untrust to Trust", "from vpn_zone to Trust"),
        swapped("tokyo", "trust-vr route 0.0.0.0/0 ", "untrust-vr route 0.0.0.0/0 "),
        swapped("tokyo", "trust-vr route 10.2.2.0/24 interface tun", "vpn-vr route 10.2.2.0/24 interface tun"),
        without("tokyo", "interface null"),
        also(
            "tokyo",
            "set vrouter trust-vr route 10.2.2.0/24 vrouter vpn-vr",
            "set vrouter vpn-vr route 10.1.1.0/24 vrouter trust-vr",
        ),
        lambda device, lines: (
            ["unset interface ethernet3 zone", "set vrouter name vpn-vr", "set zone Untrust vrouter untrust-vr",
             "set zone name vpn_zone", "set zone vpn_zone vrouter vpn-vr", *lines]
            if device == "tokyo" else lines
        ),
    )  # fmt: skip
    lab = two_sites(tmp_path, change=change)
    meets(lab, TOKYO, PARIS)


def test_each_policy_has_its_own_pair_of_sas(tmp_path: Path) -> None:
    """B142: two addresses, two policies each way, one VPN: two SA pairs; a first packet is lost for each."""

    def change(device: str, lines: list[str]) -> list[str]:
        here, there = ("10.1.1", "10.2.2") if device == "tokyo" else ("10.2.2", "10.1.1")
        kept = [line for line in lines if " policy " not in line]
        for name, octet in (("one", 0), ("two", 128)):
            kept += [
                f"set address Trust H{name} {here}.{octet}/25",
                f"set address Untrust T{name} {there}.{octet}/25",
                f"set policy from Trust to Untrust Here T{name} any tunnel vpn vpn"
                if device == "tokyo"
                else f"set policy from Trust to Untrust H{name} There any tunnel vpn vpn",
                f"set policy from Untrust to Trust T{name} Here any tunnel vpn vpn"
                if device == "tokyo"
                else f"set policy from Untrust to Trust There H{name} any tunnel vpn vpn",
            ]
        return kept

    left, right = replace(TOKYO, style="policy"), replace(PARIS, style="policy")
    lab = two_sites(tmp_path, left, right, change=change)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3).received == 2
    tunnels = lab["tokyo"].device.database.tunnels
    assert [tunnel.active for tunnel in tunnels.values()] == [True, False]
    lab["tokyo-pc"].ping("10.2.2.200", count=3)
    assert [tunnel.active for tunnel in tunnels.values()] == [True, True]
    pairs = {(tunnel.outbound.spi, tunnel.inbound.spi) for tunnel in tunnels.values() if tunnel.outbound
             and tunnel.inbound}  # fmt: skip
    assert len(pairs) == 2


def test_policies_for_single_services(tmp_path: Path) -> None:
    """B056, B057, B142: HTTP and ping in tunnels of their own, whose proxy IDs name the service; FTP has none."""

    def change(_device: str, lines: list[str]) -> list[str]:
        kept = [line for line in lines if " policy " not in line]
        for service in ("HTTP", "PING"):
            kept += [f"set policy from Trust to Untrust Here There {service} tunnel vpn vpn",
                     f"set policy from Untrust to Trust There Here {service} tunnel vpn vpn"]  # fmt: skip
        return kept

    lab = two_sites(tmp_path, replace(TOKYO, style="policy"), replace(PARIS, style="policy"), change=change)
    tap = Wiretap.on(lab, "tokyo:ethernet3", "paris:ethernet3")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3).received == 2
    assert "200 OK" in lab["tokyo-pc"].run("http get 10.2.2.5")
    assert "200 OK" in lab["paris-pc"].run("http get 10.1.1.5")
    assert "logged in" not in lab["tokyo-pc"].run("ftp ls 10.2.2.5 time-out 5").lower()
    tunnels = lab["tokyo"].device.database.tunnels.values()
    assert [(tunnel.active, len(tunnel.inbound_sas)) for tunnel in tunnels] == [(True, 1), (True, 1)]
    assert tap.leaks("10.1.1.0/24", "10.2.2.0/24") == []
    assert dropped(lab["tokyo"].device, DropReason.DEFAULT_DENY) > 0


def test_groups_in_policies(tmp_path: Path) -> None:
    """B176: service groups and address groups are "any" in the proxy ID; both sides must then say so."""

    def change(device: str, lines: list[str]) -> list[str]:
        kept = [line for line in lines if " policy " not in line]
        other = "10.2.2" if device == "tokyo" else "10.1.1"
        return [*kept,
                f"set address Untrust half1 {other}.0/25", f"set address Untrust half2 {other}.128/25",
                'set group address Untrust "both halves" add half1',
                'set group address Untrust "both halves" add half2',
                'set group service web add HTTP', 'set group service web add PING',
                'set policy from Trust to Untrust any "both halves" web tunnel vpn vpn',
                'set policy from Untrust to Trust "both halves" any web tunnel vpn vpn']  # fmt: skip

    lab = two_sites(tmp_path, replace(TOKYO, style="policy"), replace(PARIS, style="policy"), change=change)
    meets(lab, TOKYO, PARIS)
    assert "200 OK" in lab["paris-pc"].run("http get 10.1.1.5")
    assert "closed" not in lab["paris-pc"].run("telnet 10.1.1.5 time-out 3")


@pytest.mark.parametrize("spokes", [2, 4])
def test_hub_and_spokes(tmp_path: Path, spokes: int) -> None:
    """B370, B061: between spokes each cold tunnel costs a packet; the hub has no policy at all."""
    hub = Site("hub", "10.0.0.0/24", "198.18.0.1/30", outside="ethernet5")
    sites = [
        Site(f"s{n}", f"10.{n}.0.0/22", f"198.18.{n}.2/29", gateway="hub", vpn=f"to hub {n}")
        for n in range(1, spokes + 1)
    ]
    lab = hub_and_spokes(tmp_path, hub, sites)
    tap = Wiretap.on(lab, hub.wan_port, *(site.wan_port for site in sites))
    first, last = sites[0], sites[-1]
    assert lab[first.pc_node].ping(last.pc, count=5).received == 3
    assert lab[last.pc_node].ping(first.pc, count=3).received == 3
    if spokes > 2:
        assert lab[last.pc_node].ping(sites[1].pc, count=4).received == 3
    assert "200 OK" in lab[last.pc_node].run(f"http get {first.pc}")
    assert tap.leaks(*(site.lan for site in sites)) == []
    assert {packet[9] for packet in tap.packets()} == {ESP, UDP}


def test_intrazone_blocking_at_the_hub(tmp_path: Path) -> None:
    """B371: with intrazone blocking the hub passes nothing until an intrazone policy says so."""
    hub = Site("hub", "10.0.0.0/24", "198.18.0.1/30")
    sites = [Site(f"s{n}", f"10.{n}.0.0/24", f"198.18.{n}.2/29") for n in (1, 2)]
    lab = hub_and_spokes(tmp_path, hub, sites)
    assert lab["s1-pc"].ping("10.2.0.5", count=5).received == 3
    type_lines(lab, "hub", "set zone Untrust block")
    assert lab["s1-pc"].ping("10.2.0.5", count=3).received == 0
    assert dropped(lab["hub"].device, DropReason.INTRAZONE_BLOCK) == 3
    type_lines(lab, "hub", "set policy from Untrust to Untrust any any PING permit")
    assert lab["s1-pc"].ping("10.2.0.5", count=3).received == 3
    assert "200 OK" not in lab["s1-pc"].run("http get 10.2.0.5 time-out 4")


def test_both_sides_start_at_once(tmp_path: Path) -> None:
    """B191: two negotiations at the same time come to one choice; nothing is lost afterwards."""
    lab = two_sites(tmp_path)
    for one, other in ((TOKYO, PARIS), (PARIS, TOKYO)):
        Background(lab, one.pc_node, f"ping {other.pc} count 1")
    lab.run_for(2)
    for _ in range(3):
        assert lab["tokyo-pc"].ping("10.2.2.5", count=3).received == 3
        assert lab["paris-pc"].ping("10.1.1.5", count=3).received == 3
        lab.run_for(40)
    ends = [next(iter(lab[name].device.database.tunnels.values())) for name in ("tokyo", "paris")]
    assert ends[0].outbound is not None
    assert ends[1].outbound is not None
    assert ends[0].outbound.spi in {sa.spi for sa in ends[1].inbound_sas}
    assert ends[1].outbound.spi in {sa.spi for sa in ends[0].inbound_sas}
