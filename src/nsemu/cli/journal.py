"""What the event log says of changes that administrators make (screenos-cli §3.2, §3.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nsemu.config.policy import Policy
from nsemu.runtime.event_log import Level

if TYPE_CHECKING:
    from nsemu.config.device import DeviceConfig
    from nsemu.device.device import Device

_POLICY_TYPE, _IKE_TYPE, _SAVE_TYPE = 18, 536, 767


def log_changes(device: Device, before: DeviceConfig, who: str) -> None:
    """Log the policies and IKE gateways that a line has added, modified or deleted. `who` ends the texts."""
    after = device.config
    for _, policy, done in _differences(before.policies, after.policies):
        device.log(_POLICY_TYPE, Level.NOTIFICATION, f"Policy ({_described(policy)}) was {done} {who}.")
    for name, _, done in _differences(before.gateways, after.gateways):
        device.log(_IKE_TYPE, Level.INFORMATION, f"IKE gateway {name} has been {done} {who}.")


def log_saved(device: Device, who: str) -> None:
    """Log that the configuration was saved."""
    device.log(_SAVE_TYPE, Level.INFORMATION, f"System configuration saved {who}.")


def _differences(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> Iterator[tuple[Any, Any, str]]:
    """Key, record and what was done to it."""
    if before is after:
        return
    for key, record in after.items():
        old = before.get(key)
        if old is None:
            yield key, record, "added"
        elif old is not record and old != record:
            yield key, record, "modified"
    for key, record in before.items():
        if key not in after:
            yield key, record, "deleted"


def _described(policy: Policy) -> str:
    """`5, Trust->Untrust, 10.10.10.0/24->172.16.19.0/24,ANY, Permit`."""
    source, destination, service = (" ".join(cell) for cell in (policy.sources, policy.destinations, policy.services))
    action = policy.action.value.capitalize()
    return f"{policy.id}, {policy.from_zone}->{policy.to_zone}, {source}->{destination},{service}, {action}"
