"""Every lab that ships starts without complaint and passes its own checks.

hub_spoke shows B005, B152, B166, B202, B370, B371, B373; tokyo_paris_route_based B061, B062, B141, B179, B183, B191,
B194, B197, B200, B202, B203, B205; tokyo_paris_policy_based B140, B142, B167, B168, B171, B191; null_route B180, B182,
B183, B184, B185; failover_routes B186, B187; decoy_and_vr B188, B189, B190; transparent_mode and
transparent_routed B018, B193, B227, B228, B229, B230, B231, B232; back_to_back B365, B366, B367, B368.
dialup_policy_based shows B233, B235, B236, B237, B314; dialup_route_based B234, B238, B239; dialup_policy_based_dynamic
B234, B238; dialup_bidirectional B240, B241, B242, B245; dialup_group_id B246, B250, B259, B261, B262; dialup_shared_id
B263, B264, B265, B266.
branch_mail_dynamic_peer shows B176, B192, B201, B208, B209, B210, B211; tokyo_paris_dynamic_peer B192, B199, B201,
B207, B208, B323. ike_heartbeats shows B353, B359; dead_peer_detection B355, B356, B357; tcp_syn_check_in_tunnel B361.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.api.validation import Outcome, validate

TOPOLOGIES = sorted((Path(__file__).parent.parent.parent / "topologies").glob("*.yaml"))


@pytest.mark.parametrize("path", TOPOLOGIES, ids=lambda path: path.stem)
def test_a_lab_passes_its_checks(path: Path) -> None:
    lab = Lab.load(path)
    assert lab.problems == []
    assert lab.topology.warnings == ()
    results = validate(lab)
    assert results, "a lab without checks"
    failed = [f"{result.name}: {result}" for result in results if result.outcome is not Outcome.PASS]
    assert not failed, "\n".join(failed)
