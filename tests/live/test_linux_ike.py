"""IKE with strongSwan on a Linux kernel of its own, and protocols 50 and 51 with that kernel.

tokyo-pc 10.1.1.5 -- tokyo 1.1.1.1 -- internet -- 2.2.2.2 Linux -- 10.2.2.1
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.labs import Wiretap, type_lines
from support.linux_box import missing_linux
from support.linux_charon import LinuxCharon, linux_charon
from support.linux_site import Site, linux_site
from support.live import answered, missing_charon, until
from support.live_lab import DIRECT, device_of, live_lab
from support.stranger_pair import Pair, Suite, connection, own_suite

absent = missing_linux() or missing_charon()
pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(absent), reason=absent or "-")]

ESP, AH, UDP = 50, 51, 17
TRIPLE_DES = Suite()
AES_PFS = Suite("pre-g2-aes128-sha", "g2-esp-aes128-sha", "aes128-sha1-modp1024", "aes128-sha1-modp1024")
NULL = "set ike p2-proposal null no-pfs esp null {} hour 1"
AUTHENTICATED = "set ike p2-proposal ah no-pfs ah {} hour 1"
SUITES = {
    "des-md5-group1": own_suite(1, "des", "md5", pfs=1),
    "des-sha1-group2": Suite("pre-g2-des-sha", "nopfs-esp-des-sha", "des-sha1-modp1024", "des-sha1"),
    "3des-md5-group1": own_suite(1, "3des", "md5"),
    "3des-md5-group2": own_suite(2, "3des", "md5", pfs=2),
    "3des-md5-group5": own_suite(5, "3des", "md5", pfs=5),
    "3des-md5-group14": own_suite(14, "3des", "md5", pfs=14),
    "3des-sha1-group2": TRIPLE_DES,
    "aes128-pfs": AES_PFS,
    "aes192-sha256-group14": own_suite(14, "aes192", "sha2-256", pfs=14),
    "aes256-sha1-group5": own_suite(5, "aes256", "sha-1", pfs=5),
    "aggressive": Suite(mode="aggressive"),
    "aggressive-des-md5-group1": own_suite(1, "des", "md5", mode="aggressive"),
    "aggressive-aes256-sha256-group14": own_suite(14, "aes256", "sha2-256", pfs=5, mode="aggressive"),
    "null-md5": Suite(phase2="null", esp="null-md5", proposals=NULL.format("md5")),
    "null-sha1": Suite(phase2="null", esp="null-sha1", proposals=NULL.format("sha-1")),
    "ah-md5": Suite(phase2="ah", esp="md5", proposals=AUTHENTICATED.format("md5"), protocol="ah"),
    "ah-sha1": Suite(phase2="ah", esp="sha1", proposals=AUTHENTICATED.format("sha-1"), protocol="ah"),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One machine for all tests of the module that run in this process."""
    with linux_site(tmp_path_factory.mktemp("linux")) as made:
        yield made


@contextmanager
def pair(folder: Path, site: Site, lines: str, theirs: str, topology: str = DIRECT) -> Iterator[Pair]:
    """The lab and charon, with these configurations."""
    with live_lab(folder, site.wire.outside, lines, topology) as lab, linux_charon(site.box, lab) as running:
        running.load(lab, theirs)
        yield Pair(lab, running)


@pytest.mark.parametrize("name", SUITES)
def test_a_tunnel_whoever_begins_and_whoever_ends_it(name: str, site: Site, tmp_path: Path) -> None:
    """B033, B040, B042, B045, B046, B058: in clear protocol 50 or 51, and the one follows when the other ends it."""
    suite = SUITES[name]
    with pair(tmp_path, site, suite.lines(), connection(suite)) as ends:
        tap = Wiretap.on(ends.lab, "tokyo:ethernet3")
        ends.start(True)
        ends.talk()
        type_lines(ends.lab, "tokyo", "clear sa 1")
        assert ends.logs("received DELETE for (ESP|AH) CHILD_SA"), ends.told()
        type_lines(ends.lab, "tokyo", "clear ike-cookie all")
        assert ends.logs("received DELETE for IKE_SA"), ends.told()
        ends.start(False)
        ends.talk()
        ends.charon.swanctl(ends.lab, "--terminate", "--ike", "gw", "--timeout", "5")
        assert until(ends.lab, lambda: not ends.active() and not ends.cookies()), ends.told()
        packets = tap.packets()
        assert {packet[9] for packet in packets} == {UDP, AH if suite.protocol == "ah" else ESP}
        assert {packet[20:22] for packet in packets if packet[9] == UDP} == {(500).to_bytes(2)}


def test_either_side_renews_either_phase(site: Site, tmp_path: Path) -> None:
    """B033: pings go on over a Phase 2 and a Phase 1 renewed by each."""
    with pair(tmp_path, site, AES_PFS.lines(), connection(AES_PFS)) as ends:
        ends.start(True)
        ends.renewed_by_either()


def test_we_find_out_that_charon_died(site: Site, tmp_path: Path) -> None:
    """B356, B357: it answered while it lived."""
    lines = TRIPLE_DES.lines() + "set ike gateway peer dpd interval 1\nset ike gateway peer dpd retry 3\n"
    lines += "set ike gateway peer dpd always-send\n"
    with pair(tmp_path, site, lines, connection(TRIPLE_DES)) as ends:
        ends.start(True)
        assert ends.logs(r"parsed INFORMATIONAL_V1 request \d+ \[ HASH N\(DPD\) \]"), ends.told()
        ends.talk()
        ends.charon.kill()
        assert until(ends.lab, lambda: not ends.active()), ends.told()
        assert ends.events("DPD has found the peer dead"), ends.told()


def test_charon_finds_out_that_we_died(site: Site, tmp_path: Path) -> None:
    """B356: we answered while the cable was in; and we come back."""
    theirs = connection(TRIPLE_DES, options="dpd_delay = 1s\n  dpd_timeout = 3s")
    with pair(tmp_path, site, TRIPLE_DES.lines(), theirs) as ends:
        ends.start(False)
        assert ends.logs(r"parsed INFORMATIONAL_V1 request \d+ \[ HASH N\(DPD_ACK\) \]"), ends.told()
        ends.talk()
        ends.lab.link("tokyo:ethernet3").down()
        assert ends.logs("DPD check timed out|detected .*dead|giving up"), ends.told()
        ends.lab.link("tokyo:ethernet3").up()
        ends.start(False)
        ends.talk()


def test_a_restarted_charon_is_believed(site: Site, tmp_path: Path) -> None:
    """INITIAL-CONTACT (RFC 2407 §4.6.3.3): what we had from before the crash goes."""
    theirs = connection(TRIPLE_DES, options="unique = replace", remote="id = 1.1.1.1")
    with pair(tmp_path, site, TRIPLE_DES.lines(), theirs) as ends:
        ends.start(False)
        ends.talk()
        before, cookies = ends.spis(), ends.cookies()
        charon = ends.charon
        assert isinstance(charon, LinuxCharon)
        charon.kill()
        charon.start(ends.lab)
        charon.load(ends.lab, theirs)
        ends.begin(False)
        assert until(ends.lab, lambda: not before & ends.spis() and not cookies & ends.cookies()), ends.told()
        assert len(ends.spis()) == len(ends.cookies()) == 1
        ends.talk()


def test_both_begin_at_once(site: Site, tmp_path: Path) -> None:
    """Whatever negotiations cross, in the end both send what the other takes."""
    with pair(tmp_path, site, TRIPLE_DES.lines(), connection(TRIPLE_DES)) as ends:
        ends.charon.swanctl(ends.lab, "--initiate", "--child", "net", "--timeout", "1", "&")
        ends.start(True)
        ends.talk()
        ends.talk()


TWO_NETWORKS = """
set vrouter trust-vr route 10.3.3.0/24 interface tunnel.1
set vpn w gateway peer replay proposal nopfs-esp-3des-sha
set vpn w proxy-id local-ip 10.1.1.0/24 remote-ip 10.3.3.0/24 any
set interface tunnel.2 zone untrust
set interface tunnel.2 ip unnumbered interface ethernet3
set vpn w bind interface tunnel.2
unset vrouter trust-vr route 10.3.3.0/24 interface tunnel.1
set vrouter trust-vr route 10.3.3.0/24 interface tunnel.2
"""
CHILD = "{name} {{ local_ts = {net}\n remote_ts = 10.1.1.0/24\n esp_proposals = 3des-sha1\n }}\n"


@pytest.mark.parametrize("ours", [True, False], ids=["we-begin", "they-begin"])
def test_two_proxy_ids_share_a_phase_1(ours: bool, site: Site, tmp_path: Path) -> None:
    """B191, B193: two SAs over one gateway, each with its own proxy ID."""
    children = CHILD.format(name="net", net="10.2.2.0/24") + CHILD.format(name="other", net="10.3.3.0/24")
    with pair(tmp_path, site, TRIPLE_DES.lines() + TWO_NETWORKS, connection(TRIPLE_DES, children=children)) as ends:
        site.box.run("ip addr add 10.3.3.1/24 dev lo")
        try:
            ends.start(ours)
            if not ours:
                ends.charon.swanctl(ends.lab, "--initiate", "--child", "other", "--timeout", "10")
            ends.talk()
            assert answered(ends.lab, "tokyo-pc", "10.3.3.1", 2), ends.told()
            assert all(tunnel.active for tunnel in device_of(ends.lab).database)
            assert len(ends.cookies()) == 1
            assert ends.logs(r"CHILD_SA other\{\d+\} established"), ends.told()
        finally:
            site.box.run("ip addr del 10.3.3.1/24 dev lo")


IDENTITIES = {
    "addresses": ("", "", ""),
    "fqdn": (
        "local-id tokyo.example.com peer-id linux.example.org",
        "id = linux.example.org",
        "id = tokyo.example.com",
    ),
    "u-fqdn": ("local-id a@tokyo.example peer-id b@linux.example", "id = b@linux.example", "id = a@tokyo.example"),
    "other-address": ("local-id 9.9.9.9 peer-id 8.8.8.8", "id = 8.8.8.8", "id = 9.9.9.9"),
}


@pytest.mark.parametrize("mode", ["main", "aggressive"])
@pytest.mark.parametrize("name", IDENTITIES)
def test_identities(name: str, mode: str, site: Site, tmp_path: Path) -> None:
    """B049 to B052: of every type, in both modes, whoever begins."""
    suite = Suite(mode=mode)
    options, local, remote = IDENTITIES[name]
    local_id, _, peer_id = options.partition(" peer-id ")
    lines = suite.lines(f"address 2.2.2.2 {'id ' + peer_id if peer_id else ''}", local_id)
    with pair(tmp_path, site, lines, connection(suite, local=local, remote=remote)) as ends:
        ends.start(True)
        ends.talk()
        type_lines(ends.lab, "tokyo", "clear sa 1", "clear ike-cookie all")
        assert ends.logs("received DELETE for IKE_SA"), ends.told()
        ends.start(False)
        ends.talk()


def test_a_dynamic_peer_is_known_by_its_name(site: Site, tmp_path: Path) -> None:
    """B194, B196: aggressive mode from an address that we do not know; the quick mode follows at once."""
    suite = Suite(mode="aggressive")
    theirs = connection(suite, local="id = pmason@abc.com", options="send_cert = never")
    with pair(tmp_path, site, suite.lines("dynamic pmason@abc.com aggressive"), theirs) as ends:
        ends.start(False)
        ends.talk()


OTHER_NET = "net {\n local_ts = 10.9.9.0/24\n remote_ts = 10.1.1.0/24\n esp_proposals = 3des-sha1\n }"
PLAIN = TRIPLE_DES.lines()
NO_PROPOSAL = r"Received a notification message for DOI 1 14 NO-PROPOSAL-CHOSEN\."
FAILURES = {
    # ours, theirs, what each says when we begin, what each says when they begin
    "preshared-key": (
        TRIPLE_DES.lines(key="other1234"),
        connection(TRIPLE_DES),
        ("Phase 1: Initiated Main mode", "message parsing failed|could not decrypt payloads"),
        (r"could not be decrypted\. The preshared keys might not match\.", "initiating Main Mode"),
    ),
    "our-idea-of-their-id": (
        TRIPLE_DES.lines("address 2.2.2.2 id somebody.else.org"),
        connection(TRIPLE_DES),
        (r"Received incorrect ID payload: IP address 2\.2\.2\.2 instead of FQDN somebody\.else\.org\.", "INVAL_ID"),
        (r"Received incorrect ID payload: IP address 2\.2\.2\.2 instead of FQDN somebody\.else\.org\.", "INVAL_ID"),
    ),
    "their-idea-of-our-id": (
        PLAIN,
        connection(TRIPLE_DES, remote="id = who.example.org"),
        ("Phase 1: Initiated Main mode", "no peer config found"),
        ("Phase 1: Completed Main mode", r"IDir '1\.1\.1\.1' does not match to 'who\.example\.org'"),
    ),
    "phase-1-proposal": (
        PLAIN,
        connection(own_suite(2, "aes256", "sha-1")),
        (NO_PROPOSAL, "no proposal found"),
        (r"Phase 1: Rejected proposals from peer\.", "received NO_PROPOSAL_CHOSEN error notify"),
    ),
    "phase-2-proposal": (
        PLAIN,
        connection(Suite(esp="aes128-md5")),
        (NO_PROPOSAL, "no matching proposal found"),
        (r"Phase 2: Rejected proposals from peer\.", "received NO_PROPOSAL_CHOSEN error notify"),
    ),
    "pfs": (
        Suite(phase2="g2-esp-3des-sha").lines(),
        connection(TRIPLE_DES),
        (NO_PROPOSAL, "no matching proposal found"),
        (r"Received DH group 0 instead of expected group 2 for PFS\.", "received NO_PROPOSAL_CHOSEN error notify"),
    ),
    "proxy-id": (
        PLAIN,
        connection(TRIPLE_DES, children=OTHER_NET),
        ("DOI 1 18 INVALID-ID-INFORMATION", "no matching CHILD_SA config found"),
        (r"No policy exists for the proxy ID received: .*10\.9\.9\.0", "received INVALID_ID_INFORMATION error notify"),
    ),
}


@pytest.mark.parametrize("ours", [True, False], ids=["we-begin", "they-begin"])
@pytest.mark.parametrize("name", FAILURES)
def test_what_does_not_match_is_told_by_both(name: str, ours: bool, site: Site, tmp_path: Path) -> None:
    """B204, B205: no tunnel, and each end says why, whoever begins."""
    lines, theirs, when_we, when_they = FAILURES[name]
    our_text, their_text = when_we if ours else when_they
    with pair(tmp_path, site, lines, theirs) as ends:
        if ours:
            ends.begin(True)
        else:
            ends.charon.swanctl(ends.lab, "--initiate", "--child", "net", "--timeout", "1")
        assert ends.events(our_text), ends.told()
        assert ends.logs(their_text), ends.told()
        assert not ends.active()


BEHIND = """
name: live
topology:
  nodes:
    tokyo: {{{{kind: screenos, startup-config: tokyo.cfg}}}}
    tokyo-pc: {{{{kind: host, address: 10.1.1.5/24, gateway: 10.1.1.1}}}}
    nat:
      kind: nat
      interfaces: {{{{eth1: 1.1.1.250/24, eth2: 2.2.2.250/24}}}}
      inside: [{inside}]
      outside: {outside}
      keep-ports: false
  links:
    - endpoints: ["tokyo-pc:eth0", "tokyo:ethernet1"]
    - endpoints: ["tokyo:ethernet3", "nat:eth1"]
    - endpoints: ["nat:eth2", "host:{{interface}}"]
"""
TRAVERSAL = "set ike gateway peer nat-traversal\n"


@pytest.mark.parametrize("mode", ["main", "aggressive"])
@pytest.mark.parametrize("we_hide", [True, False], ids=["we-are-behind", "they-are-behind"])
def test_nat_traversal(we_hide: bool, mode: str, site: Site, tmp_path: Path) -> None:
    """B300 to B308: who is behind finds it out, begins, and all goes on in UDP, to the ports that the NAT box gave."""
    suite = Suite(mode=mode)
    if we_hide:
        lines = suite.lines() + TRAVERSAL
        theirs = connection(suite, remote="id = 1.1.1.1", remote_address="%any")
        topology = BEHIND.format(inside="eth1", outside="eth2")
    else:
        lines = suite.lines("address 1.1.1.250 id 2.2.2.2") + TRAVERSAL
        theirs = connection(suite)
        topology = BEHIND.format(inside="eth2", outside="eth1")
    with pair(tmp_path, site, lines, theirs, topology) as ends:
        tap = Wiretap.on(ends.lab, "nat:eth2" if we_hide else "nat:eth1")
        ends.start(we_hide)
        ends.talk()
        role = "initiator" if we_hide else "responder"
        assert ends.events(f"{role} has detected NAT in front of the {'local' if we_hide else 'remote'} device")
        assert ends.logs("remote host is behind NAT" if we_hide else "local host is behind NAT"), ends.told()
        before = ends.spis()
        ends.charon.swanctl(ends.lab, "--rekey", "--child", "net")
        assert until(ends.lab, lambda: bool(ends.spis() - before)), ends.told()
        ends.talk()
        before = ends.spis()
        ends.rekey()
        assert until(ends.lab, lambda: bool(ends.spis() - before)), ends.told()
        ends.talk()
        packets = tap.packets()
        assert {packet[9] for packet in packets} == {UDP}
        ports = {int.from_bytes(packet[place : place + 2]) for packet in packets for place in (20, 22)}
        assert {500, 4500} < ports
        assert len(ports) == 4
        ends.charon.swanctl(ends.lab, "--terminate", "--ike", "gw", "--timeout", "5")
        assert until(ends.lab, lambda: not ends.active()), ends.told()


def test_a_restarted_device_begins_anew(site: Site, tmp_path: Path) -> None:
    """It sends INITIAL-CONTACT; charon understands it, and keeps only the newer of the two."""
    lines = PLAIN + "set ike initial-contact all-peers\n"
    with pair(tmp_path, site, lines, connection(TRIPLE_DES, options="unique = replace")) as ends:
        ends.start(True)
        ends.talk()
        type_lines(ends.lab, "tokyo", "save")
        ends.lab["tokyo"].run("reset no-prompt")
        assert until(ends.lab, lambda: not ends.active()), ends.told()
        mark = len(ends.charon.log())
        ends.start(True)
        assert ends.logs(r"sending DELETE for IKE_SA gw\[1\]"), ends.told()
        assert "N(INITIAL_CONTACT)" in ends.charon.log()[mark:]
        ends.talk()
        assert len(ends.cookies()) == 1
