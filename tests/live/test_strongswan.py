"""IKE and IPsec with strongSwan, which nobody here wrote: the lab runs in real time, charon in a network namespace.

tokyo-pc 10.1.1.5 -- tokyo 1.1.1.1 -- internet -- 2.2.2.2 charon -- 10.2.2.1

charon's ESP is in UDP 4500 and it claims to be behind NAT, so all of this is NAT traversal too (B300 to B308).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from nsemu import Lab
from support.labs import events, type_lines
from support.live import Charon, Wire, charon, connection, finish, missing, missing_charon, namespace, until

pytestmark = pytest.mark.live
no_charon = missing_charon()
no_scan = missing("ike-scan")
needs_charon = pytest.mark.skipif(bool(no_charon), reason=no_charon or "-")

PC, THERE = "10.1.1.5", "10.2.2.1"
DEVICE = """
set interface ethernet1 zone trust
set interface ethernet1 ip 10.1.1.1/24
set interface ethernet3 zone untrust
set interface ethernet3 ip 1.1.1.1/24
set vrouter trust-vr route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.250
set interface tunnel.1 zone untrust
set interface tunnel.1 ip unnumbered interface ethernet3
{proposals}
set ike gateway peer {peer} outgoing-interface ethernet3 preshare h1p8A24nG5 proposal {phase1}
set ike gateway peer nat-traversal
set vpn v gateway peer replay proposal {phase2}
set vpn v bind interface tunnel.1
set vpn v proxy-id local-ip 10.1.1.0/24 remote-ip 10.2.2.0/24 any
set vrouter trust-vr route 10.2.2.0/24 interface tunnel.1
set policy from trust to untrust any any any permit
set policy from untrust to trust any any any permit
"""
TOPOLOGY = """
name: live
topology:
  nodes:
    tokyo: {{kind: screenos, startup-config: tokyo.cfg}}
    tokyo-pc: {{kind: host, address: 10.1.1.5/24, gateway: 10.1.1.1}}
    internet: {{kind: router, interfaces: {{eth1: 1.1.1.250/24, eth2: 2.2.2.250/24}}}}
  links:
    - endpoints: ["tokyo-pc:eth0", "tokyo:ethernet1"]
    - endpoints: ["tokyo:ethernet3", "internet:eth1"]
    - endpoints: ["internet:eth2", "host:{interface}"]
"""


@dataclass(frozen=True, slots=True)
class Suite:
    """Algorithms, in the words of both."""

    phase1: str = "pre-g2-3des-sha"
    phase2: str = "nopfs-esp-3des-sha"
    ike: str = "3des-sha1-modp1024"
    esp: str = "3des-sha1"
    proposals: str = ""
    mode: str = "main"


TRIPLE_DES = Suite()
AGGRESSIVE = Suite(mode="aggressive")
AES_128 = Suite("pre-g2-aes128-sha", "g2-esp-aes128-sha", "aes128-sha1-modp1024", "aes128-sha1-modp1024")
AES_256 = Suite(
    "strong",
    "strong",
    "aes256-sha1-modp1536",
    "aes256-sha1-modp1536",
    "set ike p1-proposal strong preshare group5 esp aes256 sha-1\n"
    "set ike p2-proposal strong group5 esp aes256 sha-1 hour 1",
)
SUITES = {"3des-sha1-group2": TRIPLE_DES, "aggressive": AGGRESSIVE, "aes128-pfs": AES_128, "aes256-group5": AES_256}


@contextmanager
def joined(folder: Path, space: Wire, suite: Suite, peer: str | None = None) -> Iterator[Lab]:
    """The lab, with its Internet router joined to the namespace."""
    peer = peer or f"address 2.2.2.2 {suite.mode}"
    text = DEVICE.format(peer=peer, phase1=suite.phase1, phase2=suite.phase2, proposals=suite.proposals)
    (folder / "tokyo.cfg").write_text(text)
    (folder / "live.yaml").write_text(TOPOLOGY.format(interface=space.outside))
    lab = Lab.load(folder / "live.yaml")
    try:
        assert lab.problems == []
        yield lab
    finally:
        lab.close()


@dataclass(slots=True)
class Pair:
    """Both ends."""

    lab: Lab
    charon: Charon

    def active(self) -> bool:
        """Whether the device has an SA to send with."""
        return any(tunnel.active for tunnel in self.lab["tokyo"].device.database)

    def spis(self) -> set[int]:
        """The device's outbound SPIs."""
        return {sa.spi for tunnel in self.lab["tokyo"].device.database for sa in tunnel.outbound_sas}

    def start(self, ours: bool) -> None:
        """Bring the tunnel up from one side."""
        if ours:
            self.lab["tokyo-pc"].ping(THERE, count=3, interval=0.4)
        else:
            self.charon.swanctl(self.lab, "--initiate", "--child", "net", "--timeout", "10")
        assert until(self.lab, self.active), self.told()

    def talk(self) -> None:
        """Pings both ways. The first may still meet a tunnel that is being made at the other end."""
        assert self.lab["tokyo-pc"].ping(THERE, count=4, interval=0.2).received >= 3, self.told()
        assert self.charon.ping(self.lab, THERE, PC, 4) >= 3, self.told()

    def told(self) -> str:
        """Both logs, for failures."""
        return "\n".join([*events(self.lab, "tokyo"), self.charon.log()])

    def logs(self, pattern: str) -> bool:
        """Whether charon logs something, now or soon."""
        return until(self.lab, lambda: re.search(pattern, self.charon.log()) is not None)


@contextmanager
def pair(folder: Path, suite: Suite, options: str = "") -> Iterator[Pair]:
    """The lab and charon, configured alike."""
    with (
        namespace("2.2.2.2/24", "10.2.2.1/24", "2.2.2.250") as space,
        joined(folder, space, suite) as lab,
        charon(folder, space, lab) as running,
    ):
        aggressive = suite.mode == "aggressive"
        running.load(lab, connection(suite.ike, suite.esp, aggressive=aggressive, options=options))
        yield Pair(lab, running)


@needs_charon
@pytest.mark.parametrize("ours", [True, False], ids=["we-begin", "they-begin"])
@pytest.mark.parametrize("name", SUITES)
def test_a_tunnel_works_both_ways_and_ends(name: str, ours: bool, tmp_path: Path) -> None:
    """B033, B040, B042, B058, B191, B302, B306; whoever ends it, the other follows."""
    with pair(tmp_path, SUITES[name]) as ends:
        ends.start(ours)
        ends.talk()
        (tunnel,) = ends.lab["tokyo"].device.database
        assert tunnel.port == 4500
        if ours:
            type_lines(ends.lab, "tokyo", "clear sa 1")
            assert ends.logs("received DELETE for ESP CHILD_SA"), ends.told()
        else:
            ends.charon.swanctl(ends.lab, "--terminate", "--ike", "gw", "--timeout", "5")
            assert until(ends.lab, lambda: not ends.active()), ends.told()


@needs_charon
def test_keys_are_renewed_from_either_side(tmp_path: Path) -> None:
    """B033: Phase 2 and Phase 1, ours and theirs; traffic goes on."""
    with pair(tmp_path, AES_128) as ends:
        ends.start(True)
        device = ends.lab["tokyo"].device
        before = ends.spis()
        ends.charon.swanctl(ends.lab, "--rekey", "--child", "net")
        assert until(ends.lab, lambda: bool(ends.spis() - before)), ends.told()
        ends.talk()
        before = ends.spis()
        device.ike.engine.rekey(1, device.scheduler.now)
        device.ike.pump()
        assert until(ends.lab, lambda: bool(ends.spis() - before)), ends.told()
        ends.talk()
        cookies = {view.initiator_cookie for view in device.ike.engine.phase1s(device.scheduler.now)}
        ends.charon.swanctl(ends.lab, "--rekey", "--ike", "gw")

        def renewed() -> bool:
            views = device.ike.engine.phase1s(device.scheduler.now)
            return any(view.established and view.initiator_cookie not in cookies for view in views)

        assert until(ends.lab, renewed), ends.told()
        ends.talk()
        device.ike.engine.delete_phase1(device.scheduler.now)
        device.ike.engine.rekey(1, device.scheduler.now)
        device.ike.pump()
        assert until(ends.lab, lambda: any(v.established for v in device.ike.engine.phase1s(device.scheduler.now)))
        ends.talk()


@needs_charon
def test_a_dead_strongswan_is_found_out(tmp_path: Path) -> None:
    """B356, B357: charon answers our requests, and we answer its; then it dies without a word."""
    with pair(tmp_path, TRIPLE_DES, options="dpd_delay = 1s") as ends:
        device = ends.lab["tokyo"].device

        def sequences() -> tuple[int, int]:
            return next((view.dpd for view in device.ike.engine.phase1s(device.scheduler.now)), (0, 0))

        ends.start(True)
        assert until(ends.lab, lambda: bool(sequences()[1])), ends.told()
        type_lines(ends.lab, "tokyo", "set ike gateway peer dpd interval 1", "set ike gateway peer dpd retry 3")
        ends.start(True)
        assert until(ends.lab, lambda: bool(sequences()[0])), ends.told()
        ends.lab.run_for(4)
        assert ends.active(), ends.told()
        ends.charon.kill()
        assert until(ends.lab, lambda: not ends.active()), ends.told()
        assert any("DPD has found the peer dead" in text for text in events(ends.lab, "tokyo"))


@pytest.mark.skipif(bool(no_scan), reason=no_scan or "-")
@pytest.mark.parametrize("mode", ["main", "aggressive"])
def test_ike_scan_finds_the_responder(mode: str, tmp_path: Path) -> None:
    """ike-scan names our vendor IDs from its own list."""
    peer = None if mode == "main" else "dynamic scan@abc.com aggressive"
    words = ["--trans=5,2,1,2", "--retry=3", "--timeout=1500"]
    if mode == "aggressive":
        words += ["--aggressive", "--id=scan@abc.com", "--idtype=3", "--dhgroup=2"]
    with (
        namespace("2.2.2.2/24", "10.2.2.1/24", "2.2.2.250") as space,
        joined(tmp_path, space, TRIPLE_DES, peer) as lab,
    ):
        output = finish(lab, space.start("ike-scan", *words, "1.1.1.1"))
    assert f"{mode.capitalize()} Mode Handshake returned" in output
    assert {"Enc=3DES", "Hash=SHA1", "Group=2:modp1024", "Auth=PSK"} <= set(re.split(r"[ ()]", output)), output
    for vendor in (
        "Netscreen-15",
        "Dead Peer Detection v1.0",
        "HeartBeat_Notify",
        "draft-ietf-ipsec-nat-t-ike-02\\n",
        "draft-ietf-ipsec-nat-t-ike-00",
    ):
        assert f"({vendor})" in output
