"""Whatever a topology file holds, the loader answers with a Topology or a TopologyError; never with anything else."""

# ruff: noqa: E501

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.lab.topology import Topology, TopologyError, parse
from nsemu.lab.topology.schema import DEFAULTS_KEYS, KINDS, LINK, TOP_KEYS, TOPOLOGY_KEYS, VALIDATION

PLATFORMS = {"ns208": [f"ethernet{number}" for number in range(1, 9)]}

SAMPLE = """\
name: hub
seed: 3
topology:
  defaults: {type: ns208}
  kinds:
    host: &d {services: [http, {name: ftp, port: 21}]}
  nodes:
    fw: {kind: screenos, config: "set hostname fw"}
    pc: {<<: *d, kind: host, address: 10.1.1.5/24, gateway: 10.1.1.1}
    r:
      kind: router
      interfaces: {eth1: 10.2.1.1/24}
      routes:
        - {to: default, via: 10.2.1.2}
  links:
    - endpoints: ["fw:ethernet1", "pc:eth0"]
      delay: 10ms
      loss: 0.1
    - endpoints: ['fw:ethernet2', "r:eth1"]
validate:
  v: {node: pc, exec: ping 10.2.1.1, match: '[45] received', wait: 3}
"""

KEYS = [
    *TOP_KEYS,
    *TOPOLOGY_KEYS,
    *DEFAULTS_KEYS,
    *KINDS,
    *LINK.fields,
    *VALIDATION.fields,
    "to",
    "via",
    "fw",
    "pc",
    "v",
]
WORDS = st.sampled_from(
    [*KEYS, "10ms", "10%", "10.1.1.5/24", "fw:ethernet1", "pc:eth0", "ns208", "host", "(", ".inf", "1e999"]
)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=25,
)


def attempt(text: str) -> Topology | TopologyError:
    try:
        return parse(text, Path("labs/x.yaml"), PLATFORMS)
    except TopologyError as refusal:
        outcome = refusal
    lines = str(outcome).splitlines()
    assert len(lines) == len(outcome.problems) > 0
    assert all(line.startswith("labs/x.yaml") and line.isprintable() for line in lines)
    return outcome


def flow(value: Any) -> str:
    """A tree as flow-style YAML, badly quoted on purpose: texts may break out."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return "" if value is None else str(value)


def test_the_sample_itself_is_right() -> None:
    assert isinstance(attempt(SAMPLE), Topology)


def test_a_file_cut_anywhere() -> None:
    for length in range(len(SAMPLE)):
        attempt(SAMPLE[:length])


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_file_with_a_few_wrong_characters(data: st.DataObject) -> None:
    text = SAMPLE
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        new = data.draw(st.text(max_size=3) | st.sampled_from(list("{}[]:,&*!|>'\"%@`#-?\t\n\\ \0")))
        text = text[:at] + new + text[at + data.draw(st.integers(0, 6)) :]
    attempt(text)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_file_with_lines_moved_and_doubled(data: st.DataObject) -> None:
    lines = data.draw(st.lists(st.sampled_from(SAMPLE.splitlines()), max_size=25))
    attempt("\n".join(lines))


@settings(deadline=None, max_examples=200)
@given(TREES)
def test_any_tree(tree: Any) -> None:
    attempt(flow(tree))
    attempt(f"name: a\ntopology: {flow(tree)}\nvalidate: {flow(tree)}")
    attempt(
        f"name: a\ntopology: {{nodes: {{n: {flow(tree)}, pc: {{kind: host, address: {flow(tree)}}}}}, links: {flow(tree)}}}"
    )


@settings(deadline=None, max_examples=150)
@given(st.text())
def test_any_text(text: str) -> None:
    attempt(text)
