"""IKE and ESP in UDP with strongSwan's charon in a network namespace: the lab runs in real time.

tokyo-pc 10.1.1.5 -- tokyo 1.1.1.1 -- internet -- 2.2.2.2 charon -- 10.2.2.1

charon does ESP itself here, in UDP 4500 only, and claims to be behind NAT, so all of this is NAT traversal too (B300 to
B308). `test_linux_ike.py` has more, with a kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.labs import type_lines
from support.live import charon, missing_charon, namespace, until
from support.live_lab import device_of, live_lab
from support.stranger_pair import Pair, Suite, connection, own_suite

absent = missing_charon()
pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(absent), reason=absent or "-")]

TRIPLE_DES = Suite()
AES_128 = Suite("pre-g2-aes128-sha", "g2-esp-aes128-sha", "aes128-sha1-modp1024", "aes128-sha1-modp1024")
SUITES = {
    "3des-sha1-group2": TRIPLE_DES,
    "aggressive": Suite(mode="aggressive"),
    "des-md5-group1": own_suite(1, "des", "md5", pfs=1),
    "aes128-pfs": AES_128,
    "aes256-group5": own_suite(5, "aes256", "sha-1", pfs=5),
}


@contextmanager
def pair(folder: Path, suite: Suite, options: str = "") -> Iterator[Pair]:
    """The lab and charon, configured alike."""
    lines = suite.lines() + "set ike gateway peer nat-traversal\n"
    with (
        namespace("2.2.2.2/24", "10.2.2.1/24", "2.2.2.250") as space,
        live_lab(folder, space.outside, lines) as lab,
        charon(folder, space, lab) as running,
    ):
        running.load(lab, connection(suite, options=options))
        yield Pair(lab, running)


@pytest.mark.parametrize("ours", [True, False], ids=["we-begin", "they-begin"])
@pytest.mark.parametrize("name", SUITES)
def test_a_tunnel_works_both_ways_and_ends(name: str, ours: bool, tmp_path: Path) -> None:
    """B033, B040, B042, B058, B191, B302, B306; whoever ends it, the other follows."""
    with pair(tmp_path, SUITES[name]) as ends:
        ends.start(ours)
        ends.talk()
        (tunnel,) = device_of(ends.lab).database
        assert tunnel.port == 4500
        if ours:
            type_lines(ends.lab, "tokyo", "clear sa 1")
            assert ends.logs("received DELETE for ESP CHILD_SA"), ends.told()
        else:
            ends.charon.swanctl(ends.lab, "--terminate", "--ike", "gw", "--timeout", "5")
            assert until(ends.lab, lambda: not ends.active()), ends.told()


def test_keys_are_renewed_from_either_side(tmp_path: Path) -> None:
    """B033: Phase 2 and Phase 1, ours and theirs; traffic goes on."""
    with pair(tmp_path, AES_128) as ends:
        ends.start(True)
        ends.renewed_by_either()


def test_a_dead_strongswan_is_found_out(tmp_path: Path) -> None:
    """B356, B357: charon answers our requests, and we answer its; then it dies without a word."""
    with pair(tmp_path, TRIPLE_DES, options="dpd_delay = 1s") as ends:
        device = device_of(ends.lab)

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
        assert ends.events("DPD has found the peer dead"), ends.told()
