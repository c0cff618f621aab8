"""Drawings: nothing overlaps, everything is there, every format is well formed, and results repeat."""

from __future__ import annotations

# ruff: noqa: E501
import io
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import combinations, pairwise
from pathlib import Path as FilePath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nsemu.lab.drawing import ASCII, DrawingError, figure_of, render, to_outline, write_drawing
from nsemu.lab.drawing.picture import Box, Path, Picture, Words, draw
from nsemu.lab.graph import InterfaceLabel, build_graph
from nsemu.lab.topology.model import HostSpec, LinkSpec, RouterSpec, ScreenosSpec, SwitchSpec, Topology
from nsemu.wire.address import Prefix
from support.topologies import cable, switches, topology_of

Extent = tuple[float, float, float, float]
SVG = "{http://www.w3.org/2000/svg}"


def branch() -> Topology:
    """A firewall between a router, two hosts behind a switch, and a second way to the router that is down."""
    return topology_of(
        [
            ScreenosSpec("fw"),
            RouterSpec(name="wan", interfaces={"e1": Prefix.parse("192.0.2.1/30"), "e2": Prefix.parse("192.0.2.5/30")}),
            SwitchSpec("sw"),
            HostSpec(name="pc1", address=Prefix.parse("10.1.1.5/24")),
            HostSpec(name="pc2", address=Prefix.parse("10.1.1.6/24")),
        ],
        [
            LinkSpec(cable("fw:ethernet3", "wan:e1"), delay=10_000_000, loss=0.01),
            LinkSpec(cable("wan:e2", "fw:ethernet4"), down=True),
            LinkSpec(cable("sw:1", "fw:ethernet1")),
            LinkSpec(cable("pc1:eth0", "sw:2")),
            LinkSpec(cable("sw:3", "pc2:eth0")),
        ],
        "branch",
    )


LABELS = {
    ("fw", "ethernet3"): InterfaceLabel("Untrust", "192.0.2.2/30"),
    ("fw", "ethernet1"): InterfaceLabel('a"<&>b', "10.1.1.1/24"),
}


def picture_of(topology: Topology) -> Picture:
    return draw(figure_of(build_graph(topology, LABELS)))


def box_extent(box: Box) -> Extent:
    return box.x, box.y, box.x + box.width, box.y + box.height


def overlap(one: Extent, other: Extent) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def strikes(path: Path, extent: Extent) -> bool:
    """Whether a line runs through a rectangle: looked at every half pixel of its height or width."""
    for (x1, y1), (x2, y2) in pairwise(path.points):
        steps = max(1, int(max(abs(x2 - x1), abs(y2 - y1)) * 2))
        for step in range(steps + 1):
            x, y = x1 + (x2 - x1) * step / steps, y1 + (y2 - y1) * step / steps
            if extent[0] < x < extent[2] and extent[1] < y < extent[3]:
                return True
    return False


def assert_readable(picture: Picture) -> None:
    words = [shape for shape in picture.shapes if isinstance(shape, Words)]
    boxes = [shape for shape in picture.shapes if isinstance(shape, Box)]
    lines = [shape for shape in picture.shapes if isinstance(shape, Path)]
    for one, other in combinations(words, 2):
        assert not overlap(one.extent, other.extent), (one.text, other.text)
    for one_box, other_box in combinations(boxes, 2):
        assert not overlap(box_extent(one_box), box_extent(other_box))
    for word in words:
        left, top, right, bottom = word.extent
        assert left >= 0
        assert top >= 0
        assert right <= picture.width
        assert bottom <= picture.height
        for box in boxes:
            x1, y1, x2, y2 = box_extent(box)
            inside = x1 <= left and right <= x2 and y1 <= top and bottom <= y2
            assert inside or not overlap(word.extent, (x1, y1, x2, y2)), word.text
        struck = [line for line in lines if strikes(line, word.extent)]
        assert len(struck) <= (1 if word.masked else 0), word.text
    for line in lines:
        for box in boxes:
            assert not strikes(line, box_extent(box))


PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] != pair[1]), max_size=16)


@settings(deadline=None, max_examples=40)
@given(PAIRS)
def test_labels_never_overlap(pairs: list[tuple[int, int]]) -> None:
    assert_readable(picture_of(switches(10, pairs)))


@pytest.mark.parametrize(
    ("count", "pairs"),
    [
        (1, []),
        (3, []),
        (2, [(0, 1)] * 6),
        (12, [(0, number) for number in range(1, 12)]),
        (8, [(number, (number + 1) % 8) for number in range(8)]),
        (6, list(combinations(range(6), 2))),
        (9, [(number, number + 1) for number in range(8)]),
    ],
    ids=["one node", "no links", "parallel links", "star", "ring", "full mesh", "chain"],
)
def test_typical_shapes_are_readable(count: int, pairs: list[tuple[int, int]]) -> None:
    assert_readable(picture_of(switches(count, pairs)))


def test_a_real_lab_is_readable_and_complete() -> None:
    picture = picture_of(branch())
    assert_readable(picture)
    shown = {shape.text for shape in picture.shapes if isinstance(shape, Words)}
    assert {"branch", "fw", "screenos ns208", "wan", "router", "pc1", "pc2", "sw"} <= shown
    assert {"ethernet3", "Untrust", "192.0.2.2/30", "e1", "192.0.2.1/30", "10.1.1.5/24", "2", "3"} <= shown
    assert {"10ms, loss 1%", "down", "link down"} <= shown
    dashed = [shape for shape in picture.shapes if isinstance(shape, Path) and shape.dashed]
    assert len(dashed) == 2  # the link, and the sample in the legend


def test_the_node_in_the_middle_stands_on_top() -> None:
    topology = switches(7, [(1, 0), (0, 2), (3, 0), (1, 4), (2, 5), (3, 6)])
    heights = {shape.text: shape.y for shape in picture_of(topology).shapes if isinstance(shape, Words) and shape.bold}
    assert heights["s0"] < heights["s1"] == heights["s2"] == heights["s3"] < heights["s4"]


def test_trees_are_drawn_without_crossings() -> None:
    pairs = [(0, 3), (0, 1), (0, 2), (2, 4), (1, 5), (3, 6), (2, 7), (1, 8), (3, 9)]
    lines = [shape for shape in picture_of(switches(10, pairs)).shapes if isinstance(shape, Path) and not shape.dashed]
    ends = sorted((line.points[0], line.points[-1][0]) for line in lines)
    for (top, low), (other_top, other_low) in combinations(ends, 2):
        if top[1] == other_top[1]:
            assert (top[0] < other_top[0]) == (low < other_low)


def test_svg_is_well_formed_and_holds_every_word() -> None:
    graph = build_graph(branch(), LABELS)
    root = ET.fromstring(render(graph, ".svg"))
    texts = {element.text for element in root.iter(f"{SVG}text")}
    assert {"fw", "ethernet3", "Untrust", 'a"<&>b', "10ms, loss 1%"} <= texts
    assert len(list(root.iter(f"{SVG}polyline"))) == 6
    assert root.attrib["viewBox"] == f"0 0 {root.attrib['width']} {root.attrib['height']}"


def test_png_shows_the_same_picture() -> None:
    topology = branch()
    picture = picture_of(topology)
    image = Image.open(io.BytesIO(render(build_graph(topology, LABELS), ".png")))
    assert image.width == pytest.approx(picture.width * 2, abs=1)
    assert image.height == pytest.approx(picture.height * 2, abs=1)
    for box in (shape for shape in picture.shapes if isinstance(shape, Box)):
        inside = (int((box.x + box.width / 2) * 2), int((box.y + 3) * 2))
        assert "#{:02x}{:02x}{:02x}".format(*image.getpixel(inside)) == box.look.fill  # type: ignore[misc]
    for word in (shape for shape in picture.shapes if isinstance(shape, Words)):
        left, top, right, bottom = (int(edge * 2) for edge in word.extent)
        cut = image.crop((left, top, right, bottom))
        assert len(cut.getcolors(1 << 16) or []) > 1, word.text


def test_a_huge_picture_is_scaled_down() -> None:
    image = Image.open(io.BytesIO(render(build_graph(switches(160, [(0, n) for n in range(1, 160)])), ".png")))
    assert max(image.size) <= 16_000


def test_dot_quotes_everything() -> None:
    text = render(build_graph(branch(), LABELS), ".dot").decode()
    assert text.startswith('graph "branch" {\n')
    assert text.endswith("}\n")
    assert (
        '  "fw" -- "wan" [taillabel="ethernet3\\nUntrust\\n192.0.2.2/30", headlabel="e1\\n192.0.2.1/30", label="10ms, loss 1%"];'
        in text
    )
    assert 'headlabel="ethernet1\\na\\"<&>b\\n10.1.1.1/24"' in text
    assert text.count(" -- ") == 5
    without_texts = re.sub(r'"(?:[^"\\]|\\.)*"', "T", text)
    assert re.fullmatch(r"graph T \{\n(?:  [\w ]*T?(?: -- T)? ?\[[\w=, T.]+\];\n)+\}\n", without_texts)


def test_mermaid_ranks_from_the_middle_and_escapes_texts() -> None:
    lines = render(build_graph(branch(), LABELS), ".mmd").decode().splitlines()
    assert lines[:4] == ["---", "title: branch", "---", "flowchart TD"]
    assert lines[4] == '  n0[["<b>sw</b><br/>switch"]]:::switch'
    assert lines[5] == '  n1["<b>fw</b><br/>screenos ns208"]:::screenos'
    assert '  n1 ---|"ethernet3 Untrust 192.0.2.2/30<br/>10ms, loss 1%<br/>e1 192.0.2.1/30"| n4' in lines
    assert '  n1 -.-|"ethernet4<br/>down<br/>e2 192.0.2.5/30"| n4' in lines
    assert '  n0 ---|"1<br/>ethernet1 a#quot;#lt;#amp;#gt;b 10.1.1.1/24"| n1' in lines


def test_outline() -> None:
    assert to_outline(figure_of(build_graph(branch(), LABELS))) == (
        "branch: 5 nodes, 5 links\n"
        "\n"
        "sw  switch\n"
        '├─ 1 ── ethernet1 a"<&>b 10.1.1.1/24\n'
        "│  fw  screenos ns208\n"
        "│  ├─ ethernet3 Untrust 192.0.2.2/30 ── e1 192.0.2.1/30  (10ms, loss 1%)\n"
        "│  │  wan  router\n"
        "│  └─ ethernet4 ─╳─ e2 192.0.2.5/30  (down)\n"
        "│     wan  (see there)\n"
        "├─ 2 ── eth0 10.1.1.5/24\n"
        "│  pc1  host\n"
        "└─ 3 ── eth0 10.1.1.6/24\n"
        "   pc2  host\n"
    )


@settings(deadline=None, max_examples=40)
@given(PAIRS)
def test_the_outline_tells_every_link_and_node_once(pairs: list[tuple[int, int]]) -> None:
    text = to_outline(figure_of(build_graph(switches(10, pairs))), ASCII)
    assert text.isascii()
    for index in range(len(pairs)):
        assert len(re.findall(rf"\bp*{index}a\b", text)) == 1
    for number in range(10):
        assert len(re.findall(rf"\bs{number}  switch$", text, re.MULTILINE)) == 1


def test_a_long_chain_needs_no_deep_recursion() -> None:
    figure = figure_of(build_graph(switches(1500, [(number, number + 1) for number in range(1499)])))
    assert to_outline(figure).count("switch") == 1500


def test_unknown_suffixes_and_unwritable_files_are_said_so(tmp_path: FilePath) -> None:
    graph = build_graph(branch())
    with pytest.raises(DrawingError, match=r"cannot draw a '\.pdf'; allowed: \.svg, \.png, \.dot, \.mmd"):
        write_drawing(graph, tmp_path / "x.pdf")
    with pytest.raises(DrawingError, match="without a suffix"):
        write_drawing(graph, tmp_path / "x")
    with pytest.raises(DrawingError, match=r"cannot write .*No such file"):
        write_drawing(graph, tmp_path / "nowhere" / "x.svg")
    write_drawing(graph, tmp_path / "X.SVG")
    assert (tmp_path / "X.SVG").read_bytes() == render(graph, ".svg")


REPEAT = """
import sys
sys.path.insert(0, sys.argv[1])
from support.topologies import switches
from nsemu.lab.drawing import FORMATS, render
from nsemu.lab.graph import build_graph
graph = build_graph(switches(9, [(0, 1), (1, 2), (2, 0), (3, 1), (4, 2), (5, 4), (6, 5), (6, 0), (7, 8)]))
for suffix in FORMATS:
    sys.stdout.buffer.write(render(graph, suffix))
"""


def test_drawings_do_not_depend_on_the_hash_seed() -> None:
    tests = FilePath(__file__).parents[1]
    outputs = {
        subprocess.run(
            [sys.executable, "-c", REPEAT, str(tests)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert len(outputs.pop()) > 10_000
