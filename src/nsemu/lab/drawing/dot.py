"""A figure in the language of Graphviz."""

from __future__ import annotations

from nsemu.lab.drawing.figure import Figure, FigureEnd, FigureLink
from nsemu.lab.drawing.picture import look_of


def to_dot(figure: Figure) -> str:
    """The text of a `.dot` file: one undirected graph, labels at the ends of the links."""
    lines = [
        f"graph {_quoted(figure.title)} {{",
        f"  graph [label={_quoted(figure.title)}, labelloc=t, ranksep=1.4, nodesep=0.9, overlap=false];",
        '  node [shape=box, style="filled,rounded", fontname="Helvetica"];',
        '  edge [fontname="Helvetica", fontsize=10, labeldistance=2.5];',
    ]
    for node in figure.nodes.values():
        look = look_of(node.kind)
        label = _quoted(f"{node.name}\n{node.caption}")
        lines.append(f'  {_quoted(node.name)} [label={label}, fillcolor="{look.fill}", color="{look.outline}"];')
    lines += [_edge(link) for link in figure.links]
    return "\n".join([*lines, "}"]) + "\n"


def _edge(link: FigureLink) -> str:
    one, other = link.ends
    attributes = [f"taillabel={_end(one)}", f"headlabel={_end(other)}"]
    if link.properties:
        attributes.append(f"label={_quoted(link.properties)}")
    if link.down:
        attributes.append('style=dashed, color="#c0392b"')
    return f"  {_quoted(one.node)} -- {_quoted(other.node)} [{', '.join(attributes)}];"


def _end(end: FigureEnd) -> str:
    return _quoted("\n".join(end.lines))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
