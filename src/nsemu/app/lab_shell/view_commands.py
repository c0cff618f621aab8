"""Commands that look at the lab: inspect, nodes, graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nsemu.app.lab_shell.command import ShellCommand, expect
from nsemu.app.lab_shell.session import (
    Refused,
    Session,
    format_time,
    has_own,
    interface_rows,
    known_node,
)
from nsemu.app.lab_shell.tables import columns, count
from nsemu.lab.topology.model import ScreenosSpec


def node_table(session: Session) -> str:
    """All nodes: name, kind, addresses; and, where there is any to tell, consoles and description."""
    lab = session.lab
    rows = [("NODE", "KIND", "ADDRESSES", "CONSOLES", "DESCRIPTION")]
    for name, spec in lab.topology.nodes.items():
        addresses = ", ".join(f"{row.name} {row.address}" for row in interface_rows(lab, name) if has_own(row))
        rows.append((name, _kind(session, name), addresses, session.consoles.get(name, ""), spec.description))
    kept = [index for index in range(5) if index < 3 or any(row[index] for row in rows[1:])]
    return columns([[row[index] for index in kept] for row in rows])


def _kind(session: Session, name: str) -> str:
    spec = session.lab.topology.nodes[name]
    return f"{spec.kind} {spec.platform}" if isinstance(spec, ScreenosSpec) else spec.kind


def headline(session: Session) -> str:
    """The lab in one line."""
    topology = session.lab.topology
    rate = session.pacer.rate
    return (
        f"{topology.name}: {count(len(topology.nodes), 'node')}, {count(len(topology.links), 'link')}, "
        f"seed {topology.seed}, time {format_time(session.lab.scheduler.now)}, "
        f"{f'rate {rate:g}' if rate else 'paused'}\n"
    )


def _inspect(session: Session, words: Sequence[str]) -> str:
    expect(words, 0, 1, "inspect [NODE]")
    if not words:
        return headline(session) + node_table(session)
    name = known_node(session.lab, words[0])
    description = session.lab.topology.nodes[name].description
    text = f"{name}: {_kind(session, name)}" + (f", {description}" if description else "") + "\n"
    rows = [("INTERFACE", "STATE", "ZONE", "ADDRESS", "LINKED TO")]
    rows += [(row.name, row.state, row.zone, row.address, row.peer) for row in interface_rows(session.lab, name)]
    kept = [index for index in range(5) if index < 2 or any(row[index] for row in rows[1:])]
    return text + columns([[row[index] for index in kept] for row in rows])


def _nodes(session: Session, words: Sequence[str]) -> str:
    expect(words, 0, 0, "nodes")
    return node_table(session)


def _graph(session: Session, words: Sequence[str]) -> str:
    # late: networkx takes its time to load
    from nsemu.lab.drawing import DrawingError, figure_of, to_outline, write_drawing
    from nsemu.lab.graph import InterfaceLabel, build_graph

    expect(words, 0, 1, "graph [FILE.svg|.png|.dot|.mmd]")
    lab = session.lab
    labels = {
        (name, row.name): InterfaceLabel(row.zone, row.address)
        for name in lab.network.devices()
        for row in interface_rows(lab, name)
    }
    graph = build_graph(lab.topology, labels)
    if not words:
        return to_outline(figure_of(graph))
    path = Path(words[0])
    try:
        write_drawing(graph, path)
    except DrawingError as error:
        raise Refused(str(error)) from None
    return f"{path} written\n"


def _complete_node(session: Session, words: Sequence[str]) -> Sequence[str]:
    return () if words else tuple(session.lab)


COMMANDS = (
    ShellCommand(
        "inspect", ("", "NODE"), "show the lab, or the interfaces of a node", _inspect, _complete_node, short="[NODE]"
    ),
    ShellCommand("nodes", ("",), "list the nodes", _nodes),
    ShellCommand(
        "graph",
        ("", "FILE.svg|.png|.dot|.mmd"),
        "draw the lab, as text or into a file",
        _graph,
        detail="The drawing has the topology's links with the zones and addresses of now.",
        short="[FILE]",
    ),
)
