"""The DNS client as `get dns host …` shows it."""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.device.device import Device
from nsemu.sim.scheduler import SECOND


@dataclass(frozen=True, slots=True)
class NameView:
    """One name in use. `state` is `resolved`, `pending` or `failed`; `left` the seconds until it is asked for again."""

    name: str
    addresses: tuple[int, ...]
    state: str
    left: int


def dns_servers(device: Device) -> tuple[int, ...]:
    """The servers in force, the first to ask first."""
    return device.dns.servers


def name_views(device: Device) -> tuple[NameView, ...]:
    """All names in use, in the order of the configuration."""
    now = device.scheduler.now
    return tuple(
        NameView(
            device.dns.full_name(entry.name),
            entry.addresses,
            "failed" if entry.failed else "resolved" if entry.answered_at is not None else "pending",
            max(entry.due - now, 0) // SECOND,
        )
        for entry in device.dns.entries.values()
    )
