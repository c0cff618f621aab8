"""What the book says of SAs and proxy IDs, shown on a pair of sites (B013, B029, B172, B198)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nsemu.ipsec.sa import SaMode
from support.labs import PARIS, TOKYO, Security, also, logged, two_sites

AH = Security(proposals=("set ike p2-proposal q no-pfs ah sha-1 minute 30",), phase2="proposal q")
ESP = Security(proposals=("set ike p2-proposal q group5 esp aes256 sha-1 second 700",), phase2="proposal q")


@pytest.mark.parametrize(("security", "protocol"), [(ESP, "ESP"), (AH, "AH")])
def test_a_tunnel_is_a_pair_of_one_way_sas(tmp_path: Path, security: Security, protocol: str) -> None:
    """B013, B029: SPI, destination and protocol of each; algorithms, keys, mode, key management and lifetime."""
    lab = two_sites(tmp_path, security=security)
    assert lab["tokyo-pc"].ping(PARIS.pc, count=3).received == 2
    (tokyo,), (paris,) = (list(lab[name].device.database) for name in ("tokyo", "paris"))
    for here, there in ((tokyo, paris), (paris, tokyo)):
        out, into = here.outbound, there.inbound
        assert out is not None
        assert into is not None
        one, other = out.parameters, into.parameters
        assert (one.spi, one.peer, one.protocol.name) == (other.spi, other.local, protocol)
        assert (one.encryption, one.integrity) == (other.encryption, other.integrity)
        assert (one.encryption_key, one.integrity_key) == (other.encryption_key, other.integrity_key)
        assert one.mode is other.mode is SaMode.TUNNEL
        assert one.lifetime_seconds == other.lifetime_seconds == (700 if security is ESP else 1800)
    assert tokyo.outbound is not None
    assert tokyo.inbound is not None
    ways = tokyo.outbound.parameters, tokyo.inbound.parameters
    assert ways[0].spi != ways[1].spi
    assert ways[0].integrity_key != ways[1].integrity_key


def test_the_user_writes_the_proxy_id_of_a_route_based_vpn(tmp_path: Path) -> None:
    """B172: policies and routes do not matter to it; without one it is 0.0.0.0/0 for any service."""
    lines = "set vpn vpn proxy-id local-ip 172.16.9.0/24 remote-ip 172.16.8.0/28 HTTP"
    lab = two_sites(tmp_path, change=also("tokyo", lines))
    plan = lab["tokyo"].device.tunnel_plans[1].selector
    assert (str(plan.local), str(plan.remote), plan.protocol, plan.port) == ("172.16.9.0/24", "172.16.8.0/28", 6, 80)
    lab["tokyo"].cli("unset vpn vpn proxy-id")
    plan = lab["tokyo"].device.tunnel_plans[1].selector
    assert (str(plan.local), str(plan.remote), plan.protocol, plan.port) == ("0.0.0.0/0", "0.0.0.0/0", 0, 0)
    assert lab["tokyo-pc"].ping(PARIS.pc, count=3).received == 0
    assert logged(lab, "paris", "No policy exists for the proxy ID received")


@pytest.mark.parametrize("ends", [("tokyo", "paris"), ("tokyo",)])
def test_a_proxy_id_for_a_vpn_in_policies(tmp_path: Path, ends: tuple[str, ...]) -> None:
    """B198: it takes the place of those that policies yield, at both ends or there is no tunnel."""
    mine = {"tokyo": "local-ip 10.0.0.0/8 remote-ip 10.2.0.0/16", "paris": "local-ip 10.2.0.0/16 remote-ip 10.0.0.0/8"}

    def change(name: str, lines: list[str]) -> list[str]:
        return [*lines, f"set vpn vpn proxy-id {mine[name]} any"] if name in ends else lines

    sites = replace(TOKYO, style="policy"), replace(PARIS, style="policy")
    lab = two_sites(tmp_path, *sites, change=change)
    assert lab["tokyo-pc"].ping(PARIS.pc, count=3).received == (2 if len(ends) == 2 else 0)
    assert "10.0.0.0/8" in lab["tokyo"].cli("get vpn proxy-id")
