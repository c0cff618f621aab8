"""The responder takes packets with the new SA before the initiator's last quick mode message is there."""

from __future__ import annotations

from pathlib import Path

from support.labs import PARIS, TOKYO, two_sites, type_lines


def test_the_responder_can_receive_before_it_can_send(tmp_path: Path) -> None:
    """Both SAs are there once, the inbound one a round trip earlier; both go with the tunnel."""
    lab = two_sites(tmp_path)
    assert lab[TOKYO.pc_node].ping(PARIS.pc, count=3).received == 2
    (tunnel,) = lab[PARIS.device].device.database
    (inbound,), (outbound,) = tunnel.inbound_sas, tunnel.outbound_sas
    assert inbound.installed_at < outbound.installed_at
    assert len(lab[PARIS.device].device.ike.key_rows) == 1
    (other,) = lab[TOKYO.device].device.database
    assert other.inbound_sas[0].installed_at == other.outbound_sas[0].installed_at
    type_lines(lab, TOKYO.device, "clear sa 1")
    lab.run_for(1)
    assert not tunnel.inbound_sas
    assert not tunnel.outbound_sas
