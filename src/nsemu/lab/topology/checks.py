"""Checks that look at more than one value: names, endpoints, segments, validations.

Nodes that could not be read are None here: they exist, so that nobody calls them unknown, but nothing is said of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from nsemu.lab.topology.errors import Findings, quoted
from nsemu.lab.topology.model import (
    HOST_NODE,
    LAB_COMMANDS,
    Endpoint,
    HostSpec,
    LinkSpec,
    NodeSpec,
    RouterSpec,
    ScreenosSpec,
    SwitchSpec,
    ValidationSpec,
)
from nsemu.lab.topology.schema import KINDS, Platforms
from nsemu.lab.vlan_port import split_vlan
from nsemu.wire.address import Prefix, format_ipv4

_MACHINE_INTERFACE = re.compile(r"[^\s/:]{1,15}")
_NODE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")

Nodes = Mapping[str, NodeSpec | None]
Links = Sequence[LinkSpec | None]


def check(nodes: Nodes, links: Links, platforms: Platforms, findings: Findings) -> None:
    """Record everything that is wrong or odd about nodes and links taken together."""
    _check_platforms(nodes, platforms, findings)
    used = _check_endpoints(nodes, links, platforms, findings)
    _warn_unused(nodes, links, used, findings)
    _warn_duplicates(nodes, links, findings)


def check_node_name(name: str, path: str, findings: Findings) -> None:
    """Record a name that could not be typed before a command, or that is a command itself."""
    if not _NODE_NAME.fullmatch(name):
        findings.error(path, quoted(name), allowed="a node name of at most 63 letters, digits, '_', '.' and '-'")
    elif name == HOST_NODE:
        findings.error(path, quoted(name), reason="this name stands for the machine itself in endpoints")
    elif name.lower() in LAB_COMMANDS:
        findings.error(path, quoted(name), reason="this is a command of the lab shell and cannot name a node")


def check_validations(validations: Sequence[ValidationSpec | None], nodes: Nodes, findings: Findings) -> None:
    """Record checks that run on a node that is not there."""
    for validation in validations:
        if validation is not None and validation.node and validation.node not in nodes:
            findings.unknown(f"validate.{validation.name}.node", validation.node, nodes, reason="unknown node")


def _check_platforms(nodes: Nodes, platforms: Platforms, findings: Findings) -> None:
    for name, spec in nodes.items():
        if isinstance(spec, ScreenosSpec) and spec.platform not in platforms:
            findings.unknown(f"topology.nodes.{name}.type", spec.platform, platforms, reason="unknown platform")


def _placed(links: Links) -> Iterator[tuple[str, Endpoint]]:
    for index, link in enumerate(links):
        for side, endpoint in enumerate(link.endpoints if link is not None else ()):
            yield f"topology.links[{index}].endpoints[{side}]", endpoint


def _check_endpoints(nodes: Nodes, links: Links, platforms: Platforms, findings: Findings) -> dict[Endpoint, str]:
    used: dict[Endpoint, str] = {}
    for path, endpoint in _placed(links):
        if endpoint.node == HOST_NODE:
            _check_machine_interface(path, endpoint, findings)
        elif endpoint.node not in nodes:
            findings.unknown(path, endpoint.node, nodes, reason="unknown node")
            continue
        else:
            _check_interface(path, endpoint, nodes[endpoint.node], platforms, findings)
        if endpoint in used:
            first = used[endpoint]
            reason = f"this interface is used already (line {findings.line_of(first)})"
            findings.error(path, quoted(str(endpoint)), reason=reason)
        used.setdefault(endpoint, path)
    for index, link in enumerate(links):
        if link is not None and link.endpoints[0].node == link.endpoints[1].node:
            findings.error(f"topology.links[{index}].endpoints", reason="both ends are on the same node")
    return used


def _check_machine_interface(path: str, endpoint: Endpoint, findings: Findings) -> None:
    if not _MACHINE_INTERFACE.fullmatch(endpoint.interface):
        findings.error(path, quoted(str(endpoint)), allowed="host: and an interface name of at most 15 characters")


def _check_interface(
    path: str, endpoint: Endpoint, spec: NodeSpec | None, platforms: Platforms, findings: Findings
) -> None:
    names = KINDS[spec.kind].interfaces(spec, platforms) if spec is not None else None
    if names is not None and endpoint.interface not in names:
        reason = f"{endpoint.node} has no such interface"
        findings.unknown(path, endpoint.interface, names, reason=reason)


def _warn_unused(nodes: Nodes, links: Links, used: Mapping[Endpoint, str], findings: Findings) -> None:
    if None in links:
        return  # the link that could not be read may be the missing one
    linked = {endpoint.node for endpoint in used}
    for name, spec in nodes.items():
        if name not in linked:
            findings.warn(f"topology.nodes.{name}", "no link reaches this node")
        elif isinstance(spec, RouterSpec):
            for interface in spec.interfaces:
                if Endpoint(name, split_vlan(interface)[0]) not in used:
                    findings.warn(f"topology.nodes.{name}.interfaces.{interface}", "no link uses this interface")


def _addresses(nodes: Nodes) -> Iterator[tuple[Endpoint, Prefix, str]]:
    for name, spec in nodes.items():
        if isinstance(spec, HostSpec):
            if not spec.vlan and spec.address is not None:
                yield Endpoint(name, "eth0"), spec.address, f"topology.nodes.{name}.address"
        elif isinstance(spec, RouterSpec):
            for interface, prefix in spec.interfaces.items():
                yield Endpoint(name, interface), prefix, f"topology.nodes.{name}.interfaces.{interface}"


def _warn_duplicates(nodes: Nodes, links: Links, findings: Findings) -> None:
    segment_of = _segments(nodes, links)
    owners: dict[tuple[str, int], Endpoint] = {}
    for endpoint, prefix, path in _addresses(nodes):
        segment = segment_of.get(str(endpoint))
        if segment is None:
            continue
        first = owners.setdefault((segment, prefix.address), endpoint)
        if first != endpoint:
            findings.warn(path, f"{format_ipv4(prefix.address)} is also the address of {first}, on the same segment")


def _segments(nodes: Nodes, links: Links) -> dict[str, str]:
    """Each endpoint, as text → a name of its broadcast domain.

    A switch is one domain with all its ports, or one for each VLAN of its access ports; trunks are left out.
    """
    parent: dict[str, str] = {}

    def root(member: str) -> str:
        while parent.setdefault(member, member) != member:
            member = parent[member]
        return member

    for link in links:
        if link is None:
            continue
        ends = [_domain(end, nodes.get(end.node)) for end in link.endpoints]
        parent[root(ends[0])] = root(ends[1])
    return {member: root(member) for member in list(parent)}


def _domain(end: Endpoint, spec: NodeSpec | None) -> str:
    if not isinstance(spec, SwitchSpec):
        return str(end)
    if not spec.ports:
        return end.node
    port = spec.ports.get(end.interface)
    if port is None:
        return f"{end.node} VLAN 1"
    return f"{end.node} VLAN {port.native}" if port.tagged == frozenset() else str(end)
