"""The ARP tables as `get arp` shows them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from nsemu.device.device import Device
from nsemu.sim.scheduler import SECOND


@dataclass(frozen=True, slots=True)
class ArpView:
    """One entry. `mac` is zeros and `age` 0 while it is not resolved; `age` counts down in seconds.

    `queued` are packets that wait for it; `sessions` the sessions with a side there. A `static` entry is the admin's.
    """

    address: int
    mac: bytes
    vrouter: str
    interface: str
    short_interface: str
    resolved: bool
    age: int
    retries: int
    queued: int
    sessions: int
    static: bool = False


def arp_views(device: Device, interface: str | None = None) -> tuple[ArpView, ...]:
    """The entries of all interfaces or of one, by interface and in the order of learning. Stale ones are left out."""
    now = device.scheduler.now
    used = Counter(
        id(wing.neighbor)
        for session in device.state.sessions
        for wing in (session.forward, session.reverse)
        if wing.neighbor is not None
    )
    views = []
    for entry in device.state.neighbors.entries.values():
        resolved = entry.header is not None and entry.expires > now
        if interface not in {None, entry.interface.name} or not (resolved or entry.queue):
            continue
        views.append(
            ArpView(
                entry.address,
                entry.mac if resolved else bytes(6),
                entry.interface.vrouter,
                entry.interface.name,
                entry.interface.short_name,
                resolved,
                -(-(entry.expires - now) // SECOND) if resolved and not entry.static else 0,
                entry.retries,
                len(entry.queue),
                used[id(entry)],
                entry.static,
            )
        )
    order = {name: place for place, name in enumerate(device.interfaces.items)}
    return tuple(sorted(views, key=lambda view: order.get(view.interface, len(order))))
