"""Dialup clients that are connected, addresses they were given, keys of group members, as `get` shows them."""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.config.ike import IkeGateway
from nsemu.device.device import Device
from nsemu.ike.dialup import preshared_key
from nsemu.sim.scheduler import SECOND


@dataclass(frozen=True, slots=True)
class ClientView:
    """One client. `login` is the name of its XAuth login, `address` what it was given, or 0; `seconds` its age."""

    number: int
    gateway: str
    user: str
    identity: str
    peer: tuple[int, int]
    login: str
    address: int
    dns: tuple[int, ...]
    wins: tuple[int, ...]
    tunnels: tuple[int, ...]
    seconds: int


def client_views(device: Device) -> tuple[ClientView, ...]:
    """All that are connected, in the order in which they came."""
    now, views = device.scheduler.now, []
    for caller in device.ike.engine.callers():
        told = caller.settings
        views.append(
            ClientView(
                caller.number,
                caller.gateway,
                caller.user,
                caller.identity,
                (caller.peer.address, caller.peer.port),
                caller.login,
                told.address if told is not None else 0,
                told.dns if told is not None else (),
                told.wins if told is not None else (),
                caller.tunnels,
                (now - caller.since) // SECOND,
            )
        )
    return tuple(views)


def pool_use(device: Device) -> dict[int, tuple[str, bool]]:
    """Address of a pool → its user, and whether the user is connected."""
    return {address: (lease.user, bool(lease.caller)) for address, lease in device.client_logins.leases.items()}


def member_key(gateway: IkeGateway, identity: str) -> str:
    """The preshared key of one member of the group of a gateway with a seed (B262)."""
    return preshared_key(gateway.seed_preshare.encode("latin-1", "replace"), identity.encode()).decode()
