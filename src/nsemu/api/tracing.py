"""Following one packet through a running lab."""

from __future__ import annotations

from collections.abc import Mapping

from nsemu.api.node import LabNode
from nsemu.lab.host.probe import Probe, ProbeKind
from nsemu.lab.network import LabError, Network
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.scheduler import SECOND
from nsemu.sim.wait import Wait, satisfy
from nsemu.wire.address import AddressError, parse_ipv4

PATIENCE = 5 * SECOND
"""How long an answer is waited for."""

DEFAULT_PORTS = {ProbeKind.TCP: 80, ProbeKind.UDP: 7}


def aim(
    nodes: Mapping[str, LabNode], source: str, destination: str, proto: str, dport: int | None
) -> tuple[ProbeKind, int, int]:
    """What to send, whither, and to which port. Raises LabError."""
    kind = _kind(proto)
    if source not in nodes:
        raise LabError(f"no node {source!r}; there are {', '.join(nodes)}")
    address = resolve_destination(nodes, destination)
    port = dport if dport is not None else DEFAULT_PORTS.get(kind, 0)
    if not 0 <= port <= 65535:
        raise LabError(f"port {port} is not in 0 to 65535")
    return kind, address, port


def send_traced(network: Network, node: LabNode, kind: ProbeKind, address: int, port: int) -> PacketTrace:
    """Send one traced packet from a host, and wait for what becomes of it."""
    trace = PacketTrace()
    probe = node.probe(address, kind, port, trace)
    _wait(network, probe)
    probe.close()
    return trace


def resolve_destination(nodes: Mapping[str, LabNode], text: str) -> int:
    """An address, or the name of a host. Raises LabError."""
    node = nodes.get(text)
    if node is not None:
        if not node.address:
            raise LabError(f"{text} has no address yet: its DHCP client waits for one")
        return node.address
    try:
        return parse_ipv4(text)
    except AddressError as error:
        raise LabError(f"{error}, and no node has that name") from None


def _kind(proto: str) -> ProbeKind:
    try:
        return ProbeKind(proto)
    except ValueError:
        raise LabError(f"protocol {proto!r} is not one of icmp, tcp, udp") from None


def _wait(network: Network, probe: Probe) -> None:
    satisfy(Wait(network.scheduler.now + PATIENCE, lambda: probe.answered), network.scheduler)
