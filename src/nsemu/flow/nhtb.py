"""The choice among the VPNs of one tunnel interface: the next-hop tunnel binding table (Vol. 5, "Multiple Tunnels per
Tunnel Interface"; B330, B332).

The gateway of the route is the peer's tunnel interface; the table says to which VPN it belongs. A route without gateway
is looked for by the destination itself, which is right for the peers' tunnel interfaces.
"""

from __future__ import annotations

from nsemu.flow.state import FlowState
from nsemu.flow.tunnels import TunnelPath
from nsemu.runtime.interface import RunInterface


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
    client = next((path for path in reversed(paths) if path.inner is not None and next_hop in path.inner), None)
    if client is not None:
        return client
    others = [path for path in paths if path.inner is None]
    return others[0] if others and len({path.vpn for path in others}) == 1 else None
