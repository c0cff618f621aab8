"""Reads a topology file: text → `Topology`, or one `TopologyError` with everything that is wrong.

`defaults:` and `kinds:` merge as in containerlab: what a node says overrides its kind, which overrides the defaults;
mappings merge key by key. Nothing but TopologyError leaves this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from nsemu.lab.topology import checks, document, values
from nsemu.lab.topology.document import Element
from nsemu.lab.topology.errors import Findings, Problem, TopologyError
from nsemu.lab.topology.model import DEFAULT_SEED, LinkSpec, NodeSpec, Topology, ValidationSpec
from nsemu.lab.topology.schema import (
    DEFAULTS_KEYS,
    KINDS,
    LINK,
    TOP_KEYS,
    TOPOLOGY_KEYS,
    VALIDATION,
    KindSchema,
    Platforms,
)

MAX_SEED = 2**63 - 1


def load(path: Path | str, platforms: Mapping[str, Sequence[str]], *, seed: int | None = None) -> Topology:
    """Read the file at `path`. `platforms` maps platform names to their interface names; `seed` overrides the file's.

    Raises TopologyError with every problem of the file.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise TopologyError((Problem(str(path), line, reason="this is not UTF-8 text"),)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TopologyError((Problem(str(path), 0, reason=f"cannot be read: {reason}"),)) from None
    topology = parse(text, Path(path), platforms)
    return topology if seed is None else replace(topology, seed=seed)


def parse(text: str, path: Path, platforms: Mapping[str, Sequence[str]]) -> Topology:
    """Read a topology from text; `path` is where it is said to come from (start-up files are relative to it).

    Raises TopologyError.
    """
    findings = Findings(str(path))
    root = document.read(text, findings)
    if root is None:
        findings.raise_errors()
        root = Element("", None)
    topology = _topology(root, path, platforms, findings)
    findings.raise_errors()
    assert topology is not None  # whatever makes it None has been recorded
    return replace(topology, warnings=findings.warnings)


def _topology(root: Element, path: Path, platforms: Platforms, findings: Findings) -> Topology | None:
    top = values.known_keys(root, findings, TOP_KEYS)
    if top is None:
        return None
    values.require(top, ("name", "topology"), "", findings)
    name = values.plain_name(top["name"], findings) if "name" in top else None
    seed = values.whole_number(0, MAX_SEED)(top["seed"], findings) if "seed" in top else DEFAULT_SEED
    inner = values.known_keys(top["topology"], findings, TOPOLOGY_KEYS) if "topology" in top else None
    nodes = _nodes(inner, findings) if inner is not None else {}
    links = _links(inner["links"], findings) if inner is not None and "links" in inner else ()
    validations = _validations(top["validate"], findings) if "validate" in top else ()
    if inner is not None:
        checks.check(nodes, links, platforms, findings)
        checks.check_validations(validations, nodes, findings)
    if name is None or seed is None:
        return None
    whole = {node: spec for node, spec in nodes.items() if spec is not None}
    return Topology(
        name,
        seed,
        whole,
        tuple(link for link in links if link is not None),
        tuple(validation for validation in validations if validation is not None),
        path,
    )


def _nodes(inner: Mapping[str, Element], findings: Findings) -> dict[str, NodeSpec | None]:
    defaults = _defaults(inner, findings)
    kinds = _kinds(inner, findings)
    if "nodes" not in inner:
        findings.error("topology.nodes", reason="missing")
        return {}
    nodes = values.entries(inner["nodes"], findings)
    if nodes is not None and not nodes:
        findings.error("topology.nodes", reason="the topology has no nodes")
    return {name: _node(name, element, (defaults, kinds), findings) for name, element in (nodes or {}).items()}


def _defaults(inner: Mapping[str, Element], findings: Findings) -> Mapping[str, Element]:
    if "defaults" not in inner:
        return {}
    found = values.known_keys(inner["defaults"], findings, DEFAULTS_KEYS) or {}
    for key, element in found.items():
        if key == "kind":
            values.one_of(*KINDS)(element, findings)
        owner = next((schema for schema in KINDS.values() if key in schema.record.fields), None)
        if owner is not None:
            owner.record.fields[key].read(element, findings)
    return found


def _kinds(inner: Mapping[str, Element], findings: Findings) -> Mapping[str, Mapping[str, Element]]:
    if "kinds" not in inner:
        return {}
    found = values.known_keys(inner["kinds"], findings, tuple(KINDS)) or {}
    kinds: dict[str, Mapping[str, Element]] = {}
    for kind, element in found.items():
        fields = KINDS[kind].record.fields
        kinds[kind] = values.known_keys(element, findings, tuple(fields)) or {}
        for key, value in kinds[kind].items():
            fields[key].read(value, findings)
    return kinds


def _node(
    name: str,
    element: Element,
    inherited: tuple[Mapping[str, Element], Mapping[str, Mapping[str, Element]]],
    findings: Findings,
) -> NodeSpec | None:
    defaults, kinds = inherited
    checks.check_node_name(name, element.path, findings)
    own = {} if element.value is None else values.entries(element, findings)
    if own is None:
        return None
    kind = _kind(own.get("kind") or defaults.get("kind"), element.path, findings)
    if kind is None:
        return None
    schema = KINDS[kind]
    values.known_keys(element if own else Element(element.path, {}), findings, ("kind", *schema.record.fields))
    parts = _merge(schema, defaults, kinds.get(kind, {}), own)
    for key, part in parts.items():  # what is inherited stands where it was written
        findings.lines.setdefault(f"{element.path}.{key}", findings.line_of(part.path))
    spec: NodeSpec | None = schema.record.read(parts, element.path, findings, name=name)
    if spec is not None:
        schema.check(spec, element.path, findings)
    return spec


def _kind(element: Element | None, path: str, findings: Findings) -> str | None:
    if element is None:
        findings.error(f"{path}.kind", reason="missing", allowed=", ".join(KINDS))
        return None
    return values.one_of(*KINDS)(element, findings)


def _merge(schema: KindSchema, *layers: Mapping[str, Element]) -> dict[str, Element]:
    merged: dict[str, Element] = {}
    for layer in layers:
        for key, element in layer.items():
            if key not in schema.record.fields:
                continue
            below = merged.get(key)
            if below is not None and isinstance(below.value, dict) and isinstance(element.value, dict):
                merged[key] = Element(element.path, below.value | element.value)
            else:
                merged[key] = element
    return merged


def _links(element: Element, findings: Findings) -> tuple[LinkSpec | None, ...]:
    return tuple(_link(part, findings) for part in values.items(element, findings) or ())


def _link(element: Element, findings: Findings) -> LinkSpec | None:
    parts = values.known_keys(element, findings, tuple(LINK.fields))
    link: LinkSpec | None = None if parts is None else LINK.read(parts, element.path, findings)
    return link


def _validations(element: Element, findings: Findings) -> tuple[ValidationSpec | None, ...]:
    if element.value is None:
        return ()
    found = values.entries(element, findings) or {}
    return tuple(_validation(name, part, findings) for name, part in found.items())


def _validation(name: str, element: Element, findings: Findings) -> ValidationSpec | None:
    parts = values.known_keys(element, findings, tuple(VALIDATION.fields))
    if parts is None:
        return None
    if "exec" in parts:
        values.require(parts, ("node",), element.path, findings)
    elif "wait" not in parts or {"match", "not-match", "node"} & set(parts):
        values.require(parts, ("exec",), element.path, findings)
    validation: ValidationSpec | None = VALIDATION.read(parts, element.path, findings, name=name)
    return validation
