"""The networkx graph of a topology, and the words for link properties."""

from __future__ import annotations

import pytest

from nsemu.lab.graph import InterfaceLabel, build_graph, describe_properties, format_duration, format_rate
from nsemu.lab.topology.model import HostSpec, LinkSpec, RouterSpec, ScreenosSpec
from nsemu.wire.address import Prefix
from support.topologies import cable, topology_of

FIREWALL = ScreenosSpec("fw", platform="ssg5")
ROUTER = RouterSpec(name="wan", interfaces={"e1": Prefix.parse("192.0.2.1/30"), "e2": Prefix.parse("192.0.2.5/30")})
HOST = HostSpec(name="pc", address=Prefix.parse("10.1.1.5/24"))
LINKS = [
    LinkSpec(cable("fw:ethernet0/0", "wan:e1"), delay=10_000_000),
    LinkSpec(cable("wan:e2", "fw:ethernet0/1")),
    LinkSpec(cable("pc:eth0", "fw:ethernet0/2")),
]


def test_nodes_and_links_keep_the_order_of_the_file() -> None:
    graph = build_graph(topology_of([FIREWALL, ROUTER, HOST], LINKS))
    assert list(graph.nodes) == ["fw", "wan", "pc"]
    assert [graph.nodes[name]["kind"] for name in graph] == ["screenos", "router", "host"]
    assert [graph.nodes[name]["detail"] for name in graph] == ["ssg5", "", ""]
    assert sorted(key for _, _, key in graph.edges(keys=True)) == [0, 1, 2]
    assert graph.number_of_edges("fw", "wan") == 2


def test_link_ends_carry_interfaces_and_labels_whichever_end_comes_first() -> None:
    labels = {("fw", "ethernet0/0"): InterfaceLabel("Untrust", "192.0.2.2/30")}
    graph = build_graph(topology_of([FIREWALL, ROUTER, HOST], LINKS), labels)
    first, second, third = graph.edges["fw", "wan", 0], graph.edges["fw", "wan", 1], graph.edges["pc", "fw", 2]
    assert first["interfaces"] == {"fw": "ethernet0/0", "wan": "e1"}
    assert first["labels"] == {
        "fw": InterfaceLabel("Untrust", "192.0.2.2/30"),
        "wan": InterfaceLabel("", "192.0.2.1/30"),
    }
    assert second["interfaces"] == {"wan": "e2", "fw": "ethernet0/1"}
    assert second["labels"]["fw"] == InterfaceLabel()
    assert third["labels"]["pc"] == InterfaceLabel("", "10.1.1.5/24")
    assert (first["properties"], second["properties"]) == ("10ms", "")
    assert first["link"] is LINKS[0]


def test_properties_in_words() -> None:
    ends = cable("a:1", "b:1")
    assert describe_properties(LinkSpec(ends)) == ""
    full = LinkSpec(ends, delay=10_000_000, jitter=200_000, loss=0.005, rate=64_000, mtu=1400, down=True)
    assert describe_properties(full) == "10ms ±200us, loss 0.5%, 64kbit, mtu 1400, down"
    assert describe_properties(LinkSpec(ends, jitter=5)) == "±5ns"


@pytest.mark.parametrize(
    ("duration", "words"), [(1_500_000_000, "1.5s"), (999_000_000, "999ms"), (1_001, "1.001us"), (7, "7ns")]
)
def test_durations(duration: int, words: str) -> None:
    assert format_duration(duration) == words


@pytest.mark.parametrize(
    ("rate", "words"), [(1_500_000_000, "1.5gbit"), (10**7, "10mbit"), (64_500, "64.5kbit"), (800, "800bit")]
)
def test_rates(rate: int, words: str) -> None:
    assert format_rate(rate) == words
