"""The packet path's view of a VPN tunnel: the run-time tunnel, and how its outer packets leave the device."""

from __future__ import annotations

from collections.abc import Callable

from nsemu.flow.neighbors import Neighbor
from nsemu.ipsec.tunnel import Tunnel
from nsemu.runtime.interface import RunInterface
from nsemu.runtime.trace import PacketTrace
from nsemu.wire.address import Prefix

Link = Callable[[bytes, PacketTrace | None], None]
"""Sends an inner packet."""


class TunnelPath:
    """One tunnel as forwarding sees it.

    `bound` is the tunnel interface of a route-based VPN, None for a policy-based one; `carrier_zone` the zone in which
    the decrypted packets of the latter arrive (B168), "" for the zone of the interface they came in on.
    `inner` is the network of the dialup client at the other end, None for any other tunnel, and `policies` are those
    that use the tunnel.
    `transport` tells that packets between the two ends themselves go through it, L2TP alone (B015).
    `link` takes the packets of an L2TP user, whose tunnel `l2tp` names; it has no SAs then. `link_mtu` is
    the longest packet that the user takes, `carrier`
    is the VPN that the call is in, None for a call in clear.
    `replay` asks for replay protection (B060); `negotiable` tells whether IKE knows the tunnel.
    `egress` and `neighbor` say where outer packets go; they hold while `generation` is the flow's.
    """

    __slots__ = (
        "bound",
        "carrier",
        "carrier_zone",
        "egress",
        "generation",
        "inner",
        "l2tp",
        "link",
        "link_mtu",
        "negotiable",
        "neighbor",
        "outgoing",
        "policies",
        "replay",
        "transport",
        "tunnel",
    )

    def __init__(self, tunnel: Tunnel, outgoing: RunInterface, bound: RunInterface | None, carrier_zone: str) -> None:
        self.tunnel = tunnel
        self.outgoing = outgoing
        self.bound = bound
        self.carrier_zone = carrier_zone
        self.inner: Prefix | None = None
        self.policies: tuple[int, ...] = ()
        self.replay = False
        self.transport = False
        self.l2tp = ""
        self.carrier: str | None = None
        self.link: Link | None = None
        self.link_mtu = 0
        self.negotiable = False
        self.generation = -1
        self.egress: RunInterface | None = None
        self.neighbor: Neighbor | None = None

    @property
    def identifier(self) -> int:
        """The tunnel ID."""
        return self.tunnel.identifier

    @property
    def subject(self) -> tuple[str, str]:
        """The configuration object that it comes from."""
        return ("l2tp", self.l2tp) if self.link is not None else ("vpn", self.vpn)

    @property
    def vpn(self) -> str:
        """The name of the VPN."""
        return self.tunnel.settings.vpn
