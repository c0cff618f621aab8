"""Small topologies for tests, made from a list of links instead of a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nsemu.lab.topology.model import Endpoint, LinkSpec, NodeSpec, SwitchSpec, Topology


def topology_of(nodes: Iterable[NodeSpec], links: Iterable[LinkSpec], name: str = "made") -> Topology:
    """A topology with these parts."""
    return Topology(name, 1, {node.name: node for node in nodes}, tuple(links), (), Path("made.yaml"))


def cable(one: str, other: str) -> tuple[Endpoint, Endpoint]:
    """`"a:1", "b:2"` → the endpoints of a link."""
    (a, a_port), (b, b_port) = (end.split(":") for end in (one, other))
    return Endpoint(a, a_port), Endpoint(b, b_port)


def switches(count: int, pairs: Iterable[tuple[int, int]]) -> Topology:
    """Switches s0, s1, … and a link for every pair of numbers; port names differ in length."""
    links = [
        LinkSpec(
            cable(f"s{one}:{'p' * (index % 9)}{index}a", f"s{other}:{index}b"), delay=index % 3, down=index % 5 == 4
        )
        for index, (one, other) in enumerate(pairs)
    ]
    return topology_of([SwitchSpec(f"s{number}") for number in range(count)], links)
