"""Where transport mode may stand: in VPNs that carry L2TP alone (Vol. 5, "Modes"; B015, B016, B137, B283)."""

from __future__ import annotations

from nsemu.config.algorithms import IpsecProtocol
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError
from nsemu.config.policy import Policy
from nsemu.config.vpn import Vpn


def check_vpn(editor: Editor, vpn: Vpn) -> None:
    """Raises ConfigError when a VPN is in a mode that its binding, its proposals or its policies do not allow."""
    if vpn.transport:
        _check_transport(editor, vpn)
    for policy in editor.policies.values():
        if policy.vpn == vpn.name:
            check_policy(policy, vpn)


def _check_transport(editor: Editor, vpn: Vpn) -> None:
    if vpn.bind_interface is not None:
        raise ConfigError(
            f"vpn {vpn.name} is bound to interface {vpn.bind_interface} and cannot be in transport mode, "
            "which is for L2TP (tunnel expected)"
        )
    for name in vpn.proposals:
        if editor.p2_proposals[name].protocol is IpsecProtocol.AH:
            raise ConfigError(
                f"p2-proposal {name} is AH: vpn {vpn.name} cannot have it in transport mode (ESP expected)"
            )
    gateway = editor.gateways[vpn.gateway]
    if gateway.address is None and gateway.dialup is None:
        raise ConfigError(
            f"gateway {gateway.name} has a dynamic peer: vpn {vpn.name} cannot be in transport mode "
            "(a dialup gateway or one with an address expected)"
        )


def check_policy(policy: Policy, vpn: Vpn) -> None:
    """Raises ConfigError when a policy names a VPN of the wrong mode: L2TP wants transport mode, all else does not."""
    if vpn.transport and policy.l2tp is None:
        raise ConfigError(
            f"vpn {vpn.name} is in transport mode, which only L2TP uses: "
            f"policy id {policy.id} cannot name it (vpn {vpn.name} l2tp NAME expected)"
        )
    if policy.l2tp is not None and not vpn.transport:
        raise ConfigError(
            f"vpn {vpn.name} is in tunnel mode: policy id {policy.id} cannot put l2tp {policy.l2tp} into it "
            "(a vpn in transport mode expected)"
        )
