"""Policies in both directions of a dialup VPN (Vol. 5, "Bidirectional Policies for Dialup VPN Users"; B241, B242).

The address "Dial-Up VPN" is the source of the one and the destination of the other; the rest mirrors. Both must have
the same services, and no groups.
"""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.config.address import DIALUP_VPN
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError
from nsemu.config.policy import Policy


def check(editor: Editor, policy: Policy) -> None:
    """Raises ConfigError when the policy does not go with one of the other direction."""
    vpn = editor.vpns.get(policy.vpn or "")
    gateway = editor.gateways.get(vpn.gateway) if vpn is not None else None
    if vpn is None or gateway is None or gateway.dialup is None:
        return
    for other in _opposite(editor, policy):
        for one in (policy, other):
            group = next(_groups(editor, one), None)
            if group is not None:
                raise ConfigError(
                    f"policy id {one.id}: {group} cannot be in policies of both directions of dialup vpn {vpn.name}"
                )
        if policy.services[0] not in other.services:
            raise ConfigError(
                f"policy id {policy.id}: service {policy.services[0]} is not that of policy id {other.id} "
                f"({other.services[0]} expected: both directions of dialup vpn {vpn.name} have the same)"
            )


def check_member(editor: Editor, policy: Policy, zone: str | None, name: str) -> None:
    """The same when an address of a zone, or with None a service, is added to a policy."""
    grouped = name in editor.service_groups if zone is None else (zone, name) in editor.address_groups
    if grouped and any(True for _ in _opposite(editor, policy)):
        raise ConfigError(
            f"policy id {policy.id}: group {name} cannot be in policies of both directions of a dialup vpn"
        )


def _opposite(editor: Editor, policy: Policy) -> Iterator[Policy]:
    """The policies that mirror one to or from "Dial-Up VPN"."""
    if DIALUP_VPN not in (*policy.sources, *policy.destinations):
        return
    for other in editor.policies.values():
        mirrored = (other.sources, other.destinations) == (policy.destinations, policy.sources)
        if other.id != policy.id and other.vpn == policy.vpn and other.zones == policy.zones[::-1] and mirrored:
            yield other


def _groups(editor: Editor, policy: Policy) -> Iterator[str]:
    yield from (f"service group {name}" for name in policy.services if name in editor.service_groups)
    for zone, names in ((policy.from_zone, policy.sources), (policy.to_zone, policy.destinations)):
        yield from (f"address group {name}" for name in names if (zone, name) in editor.address_groups)
