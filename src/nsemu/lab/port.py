"""The seam between a node and a link: one end, one interface.

A node creates a port per interface and sets its two callbacks; a link attaches to two ports. Neither knows the other.
"""

from __future__ import annotations

from collections.abc import Callable

from nsemu.runtime.trace import PacketTrace

FrameHandler = Callable[[bytes, PacketTrace | None], None]
CarrierHandler = Callable[[bool], None]
MtuHandler = Callable[[int | None], None]


def _unplugged(_frame: bytes, _trace: PacketTrace | None) -> None:
    return None


def _ignore_carrier(_up: bool) -> None:
    return None


def _ignore_mtu(_mtu: int | None) -> None:
    return None


class Port:
    """One interface of a node, as a link sees it.

    The node sets `on_receive` (a frame came in) and `on_carrier` (the link came up or went down) and calls `transmit`.
    The link sets `transmit` and calls the others. `carrier` is False while no link that is up is attached. `mtu` is the
    longest Ethernet payload that the link carries, None without a limit: a node that heeds it loses nothing to it.
    `on_mtu` tells a node that keeps its own copy.
    """

    __slots__ = ("carrier", "interface", "mtu", "node", "on_carrier", "on_mtu", "on_receive", "transmit")

    def __init__(self, node: str, interface: str) -> None:
        self.node = node
        self.interface = interface
        self.carrier = False
        self.mtu: int | None = None
        self.on_receive: FrameHandler = _unplugged
        self.on_carrier: CarrierHandler = _ignore_carrier
        self.on_mtu: MtuHandler = _ignore_mtu
        self.transmit: FrameHandler = _unplugged

    @property
    def label(self) -> str:
        """`node:interface`, as topology files write an endpoint."""
        return f"{self.node}:{self.interface}"
