"""`nsemu trace` and the event logs when IKE fails: whoever reads either end, or the trace, learns the cause.

Tokyo begins. Each fault is at one end; what stands in its log and what the trace shows of both is asked for. A peer
that answers nothing leaves its initiator with a retransmission limit, as on real devices: the trace then shows the
refusal of the other end all the same.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from nsemu import Lab
from support.app import Command
from support.labs import (
    PARIS,
    TOKYO,
    Change,
    Security,
    all_of,
    events,
    swapped,
    two_sites_plan,
    type_lines,
    unchanged,
)

TOPOLOGIES = Path(__file__).parents[2] / "topologies"
KEY = "preshare h1p8A24nG5"
LIMIT = "Phase 1: Retransmission limit has been reached."


@pytest.fixture
def nsemu(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(capsys, monkeypatch)


def aggressive(*changes: Change) -> Change:
    """Both ends in aggressive mode."""
    return all_of(swapped("tokyo", " main ", " aggressive "), swapped("paris", " main ", " aggressive "), *changes)


@dataclass(frozen=True, slots=True)
class Fault:
    """What to change, the texts of the logs of initiator and responder, and what the trace has beyond those."""

    change: Change
    tokyo: str
    paris: str
    traced: tuple[str, ...] = ()


FAULTS = {
    "wrong key": Fault(
        swapped("tokyo", KEY, "preshare other"),
        "Received a notification message for DOI 1 16 PAYLOAD-MALFORMED.",
        "The preshared keys might not match.",
        ("tokyo: IKE sends main mode message 5 to 2.2.2.2:500: ID HASH, encrypted", "repeats main mode message 4"),
    ),
    "wrong key in aggressive mode": Fault(
        aggressive(swapped("paris", KEY, "preshare other")),
        "Received an incorrect hash. The preshared keys might not match.",
        "Received a notification message for DOI 1 24 AUTHENTICATION-FAILED.",
        ("paris: IKE sends aggressive mode message 2 to 1.1.1.1:500: SA KE NONCE ID HASH",),
    ),
    "no common phase 1 proposal": Fault(
        swapped("tokyo", f"{KEY} sec-level compatible", f"{KEY} proposal pre-g5-3des-md5"),
        "Received a notification message for DOI 1 14 NO-PROPOSAL-CHOSEN.",
        "Phase 1: Rejected proposals from peer. Negotiations failed.",
        (
            "paris: IKE was offered 3des/md5/group 5",
            "paris: IKE would have taken ",
        ),
    ),
    "no common phase 2 proposal": Fault(
        swapped("tokyo", "gateway to_peer  sec-level compatible", "gateway to_peer proposal nopfs-esp-aes128-md5"),
        "Received a notification message for DOI 1 14 NO-PROPOSAL-CHOSEN.",
        "Phase 2: Rejected proposals from peer. Negotiations failed.",
        (
            "paris: IKE was offered esp aes128/md5/no pfs",
            "paris: IKE would have taken esp ",
            "tokyo: IKE phase 1 is up as initiator: proposal pre-g2-3des-sha (3des/sha-1/group 2), 28800 s",
            "the peer refused it",
        ),
    ),
    "another identity": Fault(
        aggressive(
            swapped("tokyo", "aggressive outgoing", "aggressive local-id a@b.org outgoing"),
            swapped("paris", "address 1.1.1.1 aggressive", "address 1.1.1.1 id c@d.org aggressive"),
        ),
        "Received a notification message for DOI 1 18 INVALID-ID-INFORMATION.",
        "Received incorrect ID payload: U-FQDN a@b.org instead of U-FQDN c@d.org.",
    ),
    "unknown peer": Fault(
        swapped("paris", "address 1.1.1.1 ", "address 1.1.1.99 "),
        LIMIT,
        "because an initial Phase 1 packet arrived from an unrecognized peer gateway.",
        ("tokyo: IKE repeats main mode message 1 to 2.2.2.2:500: SA",),
    ),
    "another proxy ID": Fault(
        swapped("tokyo", "remote-ip 10.2.2.0/24", "remote-ip 10.2.0.0/16"),
        "Received a notification message for DOI 1 18 INVALID-ID-INFORMATION.",
        "No policy exists for the proxy ID received: local ID (<10.2.0.0>/<255.255.0.0>, 0, 0)",
        ("paris: IKE would have taken for VPN vpn: local ID 10.2.2.0/24 remote ID 10.1.1.0/24",),
    ),
    "silent peer": Fault(
        swapped("tokyo", "address 2.2.2.2 ", "address 2.2.2.77 "),
        LIMIT,
        "",
        ("tokyo: IKE repeats main mode message 1 to 2.2.2.77:500: SA",),
    ),
    "another mode": Fault(
        swapped("tokyo", " main ", " aggressive "),
        LIMIT,
        "because an initial Phase 1 packet arrived in another mode than the gateway is configured for.",
    ),
    "another PFS group": Fault(
        swapped("tokyo", "gateway to_peer  sec-level compatible", "gateway to_peer proposal g2-esp-3des-sha"),
        "Received a notification message for DOI 1 14 NO-PROPOSAL-CHOSEN.",
        "Received DH group 2 instead of expected group 0 for PFS.",
        ("tokyo: IKE sends quick mode message 1 to 2.2.2.2:500: HASH SA NONCE KE ID ID, encrypted",),
    ),
}


def flat(text: str) -> str:
    """Text without its line breaks."""
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("name", FAULTS)
def test_the_trace_and_both_logs_name_the_cause(nsemu: Command, tmp_path: Path, name: str) -> None:
    fault = FAULTS[name]
    path = two_sites_plan(tmp_path, TOKYO, PARIS, Security(), fault.change).write()
    ran = nsemu("trace", path, TOKYO.pc_node, PARIS.pc)
    assert (ran.code, ran.err) == (1, "")
    text = flat(ran.out)
    for expected in (fault.tokyo, fault.paris, *fault.traced):
        assert expected in text
    times = [float(found) for found in re.findall(r"^  \* (\d+\.\d+) s ", ran.out, re.MULTILINE)]
    assert times == sorted(times)
    assert max(map(len, ran.out.splitlines())) <= 100
    lab = Lab.load(path)
    lab[TOKYO.pc_node].ping(PARIS.pc, count=1)
    lab.run_for(60)
    assert any(fault.tokyo in line for line in events(lab, "tokyo"))
    assert not fault.paris or any(fault.paris in line for line in events(lab, "paris"))


def test_a_negotiation_is_told_message_by_message(nsemu: Command, tmp_path: Path) -> None:
    path = two_sites_plan(tmp_path, TOKYO, PARIS, Security(), unchanged).write()
    text = nsemu("trace", path, TOKYO.pc_node, PARIS.pc).out
    told = re.findall(r"(\w+): IKE sends (\w+) mode message (\d) to [\d.]+:500: ([A-Z ]+)", text)
    assert told == [
        ("tokyo", "main", "1", "SA"),
        ("paris", "main", "2", "SA"),
        ("tokyo", "main", "3", "KE NONCE"),
        ("paris", "main", "4", "KE NONCE"),
        ("tokyo", "main", "5", "ID HASH"),
        ("paris", "main", "6", "ID HASH"),
        ("tokyo", "quick", "1", "HASH SA NONCE ID ID"),
        ("paris", "quick", "2", "HASH SA NONCE ID ID"),
        ("tokyo", "quick", "3", "HASH"),
    ]
    assert len(re.findall(r"IKE phase 1 is up as", text)) == len(re.findall(r"IKE phase 2 is up as", text)) == 2


def test_the_wait_is_in_json_as_well(nsemu: Command, tmp_path: Path) -> None:
    path = two_sites_plan(tmp_path, TOKYO, PARIS, Security(), FAULTS["silent peer"].change).write()
    document = json.loads(nsemu("trace", path, TOKYO.pc_node, PARIS.pc, "--json").out)
    (wait,) = document["waits"]
    assert wait[-1]["device"] == "tokyo"
    assert wait[-1]["text"].endswith(LIMIT)


def test_nobody_looks_on_after_a_trace(tmp_path: Path) -> None:
    lab = Lab.load(two_sites_plan(tmp_path, TOKYO, PARIS, Security(), unchanged).write())
    lab.trace(TOKYO.pc_node, PARIS.pc)
    assert all(lab[name].device.ike.engine.witness is None for name in ("tokyo", "paris"))


def test_nat_without_traversal_at_one_end() -> None:
    """Both ends need NAT-T. The branch reads that its peer has none, and nothing moves to port 4500."""
    lab = Lab.load(TOPOLOGIES / "nat_traversal.yaml")
    type_lines(lab, "corporate", "unset ike gateway msmith nat-traversal")
    text = flat(lab.trace("laptop", "10.1.1.5").text())
    assert "branch: IKE 1.1.1.1 Phase 1: Vendor ID payload indicates that the peer does not support NAT-T." in text
    assert ":4500" not in text


def test_a_negotiation_floats_to_port_4500() -> None:
    text = flat(Lab.load(TOPOLOGIES / "nat_traversal.yaml").trace("laptop", "10.1.1.5").text())
    assert "branch: IKE sends aggressive mode message 1 to 1.1.1.1:500: SA KE NONCE ID" in text
    assert "branch: IKE sends aggressive mode message 3 to 1.1.1.1:4500: HASH NATD NATD" in text
    assert "IKE sends quick mode message 1 to 1.1.1.1:4500: HASH SA NONCE ID ID, encrypted" in text


def test_a_disabled_dialup_user() -> None:
    """The client and the device stand in one trace; a disabled user is no user."""
    lab = Lab.load(TOPOLOGIES / "dialup_policy_based.yaml")
    type_lines(lab, "device", "unset user wendy enable")
    text = flat(lab.trace("wendy", "10.1.1.5").text())
    assert "wendy: IKE sends aggressive mode message 1 to 1.1.1.1:500: SA KE NONCE ID" in text
    assert "device: Rejected an IKE packet on ethernet3 from 2.1.1.2:" in text
    assert "because an initial Phase 1 packet arrived from an unrecognized peer gateway." in text
    assert any("unrecognized peer" in line for line in events(lab, "device"))
