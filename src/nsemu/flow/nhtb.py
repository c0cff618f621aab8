"""The choice among the VPNs of one tunnel interface: the next-hop tunnel binding table (Vol. 5, "Multiple Tunnels per
Tunnel Interface"; B330, B332, B335).

The gateway of the route is the peer's tunnel interface; the table says to which VPN it belongs. A route without gateway
is looked for by the destination itself, which is right for the peers' tunnel interfaces. What the admin wrote comes
before what the peers have told.
"""

from __future__ import annotations

from nsemu.flow.state import FlowState
from nsemu.flow.tunnels import TunnelPath
from nsemu.runtime.interface import RunInterface


def has_entry(state: FlowState, interface: str, next_hop: int) -> bool:
    """Whether the table binds a next hop."""
    return (interface, next_hop) in state.nhtb or (interface, next_hop) in state.learned_hops


def bound_tunnel(state: FlowState, interface: RunInterface, next_hop: int) -> TunnelPath | None:
    """The tunnel for packets that leave by a tunnel interface towards `next_hop`.

    Without an entry for the next hop it is a dialup client that has it as inner address, or the only VPN that is
    bound. None when there is none or several, and when the
    entry names one that is not bound here: nothing goes to another peer than the one it is for.
    """
    paths = [state.paths[number] for number in interface.tunnel_ids if number in state.paths]
    vpn = state.nhtb.get((interface.name, next_hop))
    if vpn is not None:
        return next((path for path in paths if path.vpn == vpn), None)
    learned = state.learned_hops.get((interface.name, next_hop))
    if learned is not None:
        return next((path for path in paths if path.identifier == learned), None)
    client = next((path for path in reversed(paths) if path.inner is not None and next_hop in path.inner), None)
    if client is not None:
        return client
    others = [path for path in paths if path.inner is None]
    return others[0] if others and len({path.vpn for path in others}) == 1 else None


def learn_hop(state: FlowState, path: TunnelPath, address: int) -> int:
    """Enter the address of a peer's tunnel interface (B335). The tunnel that has the entry from now on, 0 for none.

    An address that another living tunnel has stays with that one: they must be unique (B333). The one that this peer
    had before is forgotten, and none of our own is taken.
    """
    if path.bound is None or address in state.local_addresses:
        return 0
    key = (path.bound.name, address)
    holder = state.learned_hops.get(key)
    if holder is not None and holder != path.identifier and _is_active(state, holder):
        return holder
    state.learned_hops = {
        other: tunnel for other, tunnel in state.learned_hops.items() if tunnel != path.identifier
    } | {key: path.identifier}
    return path.identifier


def _is_active(state: FlowState, number: int) -> bool:
    path = state.paths.get(number)
    return path is not None and path.tunnel.active


def forget_hops(state: FlowState) -> None:
    """Drop the learned entries of tunnels that are no longer bound where they were."""
    bound = {(name, number) for name, interface in state.interfaces.items() for number in interface.tunnel_ids}
    state.learned_hops = {key: number for key, number in state.learned_hops.items() if (key[0], number) in bound}
