"""What a VPN has beside its tunnel: monitoring, and words that are kept without effect."""

from __future__ import annotations

from nsemu.cli.settings import vpn_monitor
from nsemu.cli.settings.kept import Shelf, number

OF_VPN = Shelf("vpn", ("vpn", "vpn"))
VPN_NODES = (
    vpn_monitor.VPN_NODE,
    OF_VPN.line("dscp-mark", "mark packets of the tunnel", number("dscp", 0, 63, "value")),
)
VPN_ITEMS = (vpn_monitor.VPN_MONITOR, *OF_VPN.items)
"""In the order of `get config`."""
