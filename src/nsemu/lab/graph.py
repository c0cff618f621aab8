"""A topology as a networkx graph: nodes with their kind, links with their properties, ends with zone and address.

The lab runs on it and drawings are made from it. Only this file imports networkx; nothing here runs or draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import networkx as nx

from nsemu.lab.topology.model import (
    HOST_NODE,
    HostSpec,
    LinkSpec,
    MachineSpec,
    NodeSpec,
    RouterSpec,
    ScreenosSpec,
    Topology,
)
from nsemu.sim.scheduler import MICROSECOND, MILLISECOND, SECOND, Duration


@dataclass(frozen=True, slots=True)
class InterfaceLabel:
    """What is worth showing of an interface: its zone and address, empty where it has none."""

    zone: str = ""
    address: str = ""


InterfaceLabels = Mapping[tuple[str, str], InterfaceLabel]
"""(node, interface) → label."""

_NO_LABEL: Final = InterfaceLabel()


def build_graph(topology: Topology, labels: InterfaceLabels | None = None) -> nx.MultiGraph:
    """The graph of a topology, nodes and links in the order of the file.

    Node attributes: `spec` (NodeSpec), `kind`, `detail` (platform of a device, else empty).
    Edge attributes (key: index of the link): `link` (LinkSpec), `interfaces` and `labels`, both by node name: the
    interface, and its InterfaceLabel; `properties`: delay, loss and so on in words, empty for a perfect cable.
    `labels` tells zones and addresses of devices; those of hosts and routers are in the topology.
    """
    known = {**_own_labels(topology), **(labels or {})}
    graph = nx.MultiGraph(name=topology.name, seed=topology.seed)
    for name, spec in topology.nodes.items():
        graph.add_node(name, spec=spec, kind=spec.kind, detail=_detail(spec))
    if topology.joined:
        graph.add_node(HOST_NODE, spec=MachineSpec(HOST_NODE), kind=MachineSpec.kind, detail="")
    for index, link in enumerate(topology.links):
        ends = {end.node: end.interface for end in link.endpoints}
        one, other = ends
        graph.add_edge(
            one,
            other,
            key=index,
            link=link,
            interfaces=ends,
            labels={node: known.get((node, interface), _NO_LABEL) for node, interface in ends.items()},
            properties=describe_properties(link),
        )
    return graph


def describe_properties(link: LinkSpec) -> str:
    """`10ms ±2ms, loss 1%, 64kbit, mtu 1400, down`: what sets a link apart from a perfect cable."""
    delay = format_duration(link.delay) if link.delay else ""
    jitter = f"±{format_duration(link.jitter)}" if link.jitter else ""
    words = [
        f"{delay} {jitter}".strip(),
        f"loss {link.loss * 100:g}%" if link.loss else "",
        format_rate(link.rate) if link.rate is not None else "",
        f"mtu {link.mtu}" if link.mtu is not None else "",
        "down" if link.down else "",
    ]
    return ", ".join(word for word in words if word)


def format_duration(duration: Duration) -> str:
    """Nanoseconds in the largest unit that is not below one: `1.5s`, `10ms`, `200us`, `5ns`."""
    for unit, size in (("s", SECOND), ("ms", MILLISECOND), ("us", MICROSECOND)):
        if duration >= size:
            return f"{duration / size:.9g}{unit}"
    return f"{duration}ns"


def format_rate(rate: int) -> str:
    """Bits per second in the largest unit that is not below one: `64kbit`, `10mbit`."""
    for unit, size in (("gbit", 10**9), ("mbit", 10**6), ("kbit", 10**3)):
        if rate >= size:
            return f"{rate / size:.9g}{unit}"
    return f"{rate}bit"


def _detail(spec: NodeSpec) -> str:
    return spec.platform if isinstance(spec, ScreenosSpec) else ""


def _own_labels(topology: Topology) -> dict[tuple[str, str], InterfaceLabel]:
    labels: dict[tuple[str, str], InterfaceLabel] = {}
    for name, spec in topology.nodes.items():
        if isinstance(spec, HostSpec):
            labels[name, "eth0"] = InterfaceLabel(address=str(spec.address or "DHCP"))
        elif isinstance(spec, RouterSpec):
            labels |= {(name, one): InterfaceLabel(address=str(prefix)) for one, prefix in spec.interfaces.items()}
    return labels
