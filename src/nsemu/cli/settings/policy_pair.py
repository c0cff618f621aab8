"""`pair-policy`: two policies for the two directions of one policy-based VPN. Each names the other.

A line may name a policy that does not exist yet, as the first line of a saved configuration does; it is joined when
that one comes.
"""

from __future__ import annotations

from dataclasses import replace

from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError
from nsemu.config.policy import Policy


def check(editor: Editor, policy: Policy, old: Policy | None) -> Policy:
    """The policy with the pair it gets; `old` is the one that it replaces. Raises ConfigError."""
    if policy.pair is None and (old is None or old.pair is None):
        waiting = next((other.id for other in editor.policies.values() if other.pair == policy.id), None)
        policy = replace(policy, pair=waiting)
    if policy.pair is None:
        return policy
    other = editor.policies.get(policy.pair)
    if policy.pair == policy.id or (other is not None and not _opposite(policy, other)):
        raise ConfigError(f"policy id {policy.pair} is not the other direction of vpn {policy.vpn}")
    if other is not None and other.pair not in {None, policy.id}:
        raise ConfigError(f"policy id {other.id} is paired with policy id {other.pair}")
    return policy


def _opposite(policy: Policy, other: Policy) -> bool:
    return policy.vpn is not None and other.vpn == policy.vpn and other.zones == policy.zones[::-1]


def join(editor: Editor, policy: Policy) -> None:
    """Put the policy into the configuration, and let its pair name it; a pair that it had before is free."""
    part(editor, policy, keep=policy.pair)
    editor.policies.put(policy.id, policy)
    other = editor.policies.get(policy.pair) if policy.pair is not None else None
    if other is not None and other.pair is None:
        editor.policies.put(other.id, replace(other, pair=policy.id))


def part(editor: Editor, policy: Policy, keep: int | None = None) -> None:
    """Nobody but `keep` names the policy as its pair any more."""
    for other in list(editor.policies.values()):
        if other.pair == policy.id and other.id != keep:
            editor.policies.put(other.id, replace(other, pair=None))
