"""What a policy may join, and what the console warns of."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError
from nsemu.config.interface import InterfaceMode
from nsemu.config.mapped import resolve_mapped
from nsemu.config.policy import GLOBAL_ZONE, Policy, PolicyAction
from nsemu.config.zone import ZoneKind

_UNTRUST = "Untrust"
_WORDS = {ZoneKind.LAYER2: "layer 2", ZoneKind.LAYER3: "layer 3"}


def check_layers(editor: Editor, policy: Policy) -> None:
    """Frames that are bridged never meet packets that are routed: no policy joins such zones. Raises ConfigError."""
    source, destination = (editor.zones[name] for name in policy.zones)
    if GLOBAL_ZONE not in policy.zones and source.kind is not destination.kind:
        first, second = (f"zone {zone.name} is a {_WORDS[zone.kind]} zone" for zone in (source, destination))
        raise ConfigError(f"{first}, {second}: no policy can join them")


def warnings(editor: Editor, policy: Policy) -> Iterator[str]:
    """What a device says when the policy leads to interfaces in NAT mode (B369).

    The book shows it between zones other than Untrust alone; in its other examples policies from Untrust to a Trust
    zone in NAT mode are made in silence.
    """
    permits = policy.action in {PolicyAction.PERMIT, PolicyAction.TUNNEL}
    if not permits or policy.from_zone in {policy.to_zone, _UNTRUST, GLOBAL_ZONE}:
        return
    if any(resolve_mapped(editor, name) is not None for name in policy.destinations):
        return
    zone = policy.to_zone
    if any(one.zone == zone and one.mode is InterfaceMode.NAT for one in editor.interfaces.values()):
        yield f"Warning: Some interfaces in the {zone} zone are in NAT mode. Traffic might not pass through them!"
