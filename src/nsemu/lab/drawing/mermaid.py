"""A figure in the language of Mermaid, as GitHub and many wikis draw it."""

from __future__ import annotations

from html import escape

from nsemu.lab.drawing.figure import Figure, FigureEnd, FigureLink, components
from nsemu.lab.drawing.picture import look_of

_SHAPES = {
    "screenos": ('["', '"]'),
    "host": ('("', '")'),
    "dialup": ('[/"', '"/]'),
    "router": ('(["', '"])'),
    "nat": ('{{"', '"}}'),
    "switch": ('[["', '"]]'),
}


def to_mermaid(figure: Figure) -> str:
    """The text of a `.mmd` file. Nodes are written from the middle outwards, which is how Mermaid ranks them."""
    order = [name for _, members in components(figure) for name in members]
    identifiers = {name: f"n{index}" for index, name in enumerate(order)}
    lines = ["---", f"title: {figure.title}", "---", "flowchart TD"]
    for name in order:
        node = figure.nodes[name]
        opening, closing = _SHAPES.get(node.kind, _SHAPES["screenos"])
        label = f"<b>{_text(name)}</b><br/>{_text(node.caption)}"
        lines.append(f"  {identifiers[name]}{opening}{label}{closing}:::{node.kind}")
    for link in figure.links:
        one, other = sorted(link.ends, key=lambda end: order.index(end.node))
        lines.append(f'  {identifiers[one.node]} {_line(link)}|"{_label(link, one, other)}"| {identifiers[other.node]}')
    for kind in dict.fromkeys(node.kind for node in figure.nodes.values()):
        look = look_of(kind)
        lines.append(f"  classDef {kind} fill:{look.fill},stroke:{look.outline},color:#1f2933")
    return "\n".join(lines) + "\n"


def _line(link: FigureLink) -> str:
    return "-.-" if link.down else "---"


def _label(link: FigureLink, one: FigureEnd, other: FigureEnd) -> str:
    rows = [" ".join(one.lines), link.properties, " ".join(other.lines)]
    return "<br/>".join(_text(row) for row in rows if row)


def _text(text: str) -> str:
    # Mermaid writes entities with '#' where HTML has '&'
    return escape(text).replace("&", "#").replace("#x27;", "#39;")
