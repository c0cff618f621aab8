"""What the steps of a traced packet mean, in words and in plain values: what a packet walk is made of.

A table from step to words. It knows no configuration text, no layout and no JSON: those are the walk's. The stages are
those of the book's "Packet Flow: Site-to-Site VPN".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, Final

from nsemu.flow import steps
from nsemu.runtime import trace
from nsemu.runtime.drop import DropReason
from nsemu.runtime.trace import Hop, Step
from nsemu.wire.address import format_ipv4
from nsemu.wire.summary import icmp_name

Subject = tuple[object, ...]


class Stage(Enum):
    """Where on its way through a device a packet is; the value is (number, name)."""

    PACKET = (0, "packet")
    SCREEN = (1, "SCREEN")
    SESSION = (2, "session lookup")
    MAPPING = (3, "MIP/VIP")
    ROUTE = (4, "route lookup")
    POLICY = (5, "policy")
    TUNNEL = (6, "IPsec/IKE")
    EGRESS = (7, "egress")

    @property
    def number(self) -> int:
        """The place in the book's order."""
        return self.value[0]

    @property
    def title(self) -> str:
        """The name."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Fact:
    """One step: its type as a word, its stage, what it says, the objects that decided, why others did not.

    `more` are further lines, such as the wings of a session or a drawing of nested headers. `reason` is set for a drop.
    `values` are the fields of the step as text, numbers and lists.
    """

    type: str
    stage: Stage
    text: str
    subjects: tuple[Subject, ...]
    losers: tuple[str, ...]
    more: tuple[str, ...]
    reason: DropReason | None
    values: dict[str, Any]


_DROP_STAGES: Final = {
    "sanity": Stage.SCREEN,
    "session": Stage.SESSION,
    "syn_check": Stage.SESSION,
    "screen": Stage.SCREEN,
    "self": Stage.MAPPING,
    "mapping": Stage.MAPPING,
    "route": Stage.ROUTE,
    "policy": Stage.POLICY,
    "authentication": Stage.POLICY,
    "destination_nat": Stage.POLICY,
    "source_nat": Stage.POLICY,
    "tunnel": Stage.TUNNEL,
    "ipsec": Stage.TUNNEL,
    "forward": Stage.EGRESS,
    "egress": Stage.EGRESS,
    "originate": Stage.EGRESS,
}
_LATE: Final = frozenset({DropReason.NO_REVERSE_ROUTE, DropReason.SESSION_LIMIT})
"""Reasons found when the session is made, after all other stages."""

_WITH_PORTS: Final = frozenset({6, 17})
_PROTOCOLS: Final = {1: "icmp", 6: "tcp", 17: "udp", 50: "esp", 51: "ah"}


def facts_of(hop: Hop) -> list[Fact]:
    """The steps of a hop, in their order."""
    found = []
    ends: steps.Endpoints | None = None
    for step in hop.steps:
        if isinstance(step, steps.PacketReceived | steps.Originated):
            ends = step.endpoints
        words = RENDERERS[type(step)](step, ends)
        if isinstance(step, steps.Translated) and ends is not None:
            ends = _rewritten(ends, step)
        if words is not None:
            values = {field.name: _plain(field.name, getattr(step, field.name)) for field in fields(step)}
            reason = step.reason if isinstance(step, steps.Dropped) else None
            losers = _losers(getattr(step, "losers", ()))
            found.append(
                Fact(
                    type_word(type(step)), words.stage, words.text, _subjects(step), losers, words.more, reason, values
                )
            )
    return found


def _subjects(step: Step) -> tuple[Subject, ...]:
    """What the admin wrote that decided; for a route also the next-vrouter routes on the way to it."""
    if isinstance(step, steps.RouteLookup):
        followed = [subject for _, subject in step.path]
        decided = (step.subject,) if step.subject and step.subject not in followed else ()
        return (*step.settings, *followed, *decided)
    if isinstance(step, steps.SourceTranslation) and step.after is None and not step.reason.endswith("mode"):
        return ()
    subject: Subject = getattr(step, "subject", ())
    return (subject,) if subject else ()


def type_word(kind: type[Step]) -> str:
    """`RouteLookup` → `route-lookup`."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in kind.__name__)[1:]


def stage_of_drop(step: steps.Dropped) -> Stage:
    """The stage in which a packet was dropped."""
    return Stage.EGRESS if step.reason in _LATE else _DROP_STAGES[step.stage]


@dataclass(frozen=True, slots=True)
class _Words:
    stage: Stage
    text: str
    more: tuple[str, ...] = ()


_ADDRESSES: Final = frozenset({"source", "destination", "gateway", "peer", "address"})


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, DropReason):
        return value.name
    if isinstance(value, steps.Endpoints):
        return {field.name: _plain(field.name, getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, int) and not isinstance(value, bool) and name in _ADDRESSES:
        return format_ipv4(value)
    if name == "path":
        return [vrouter for vrouter, _ in value]
    if name in {"before", "after"} and value is not None:
        return f"{format_ipv4(value[0])}/{value[1]}"
    if isinstance(value, tuple):
        return [_plain("", item) for item in value]
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def _losers(losers: tuple[tuple[Any, ...], ...]) -> tuple[str, ...]:
    return tuple(_loser(loser) for loser in losers)


def _loser(loser: tuple[Any, ...]) -> str:
    if len(loser) == 2:
        return f"{loser[0]}: {loser[1]}"
    number, name, why = loser
    return f"policy {number}{f' ({name})' if name else ''}: {why}"


def describe(ends: steps.Endpoints) -> str:
    """`10.1.1.5/1024 > 10.2.2.5/80 tcp`."""
    protocol = _PROTOCOLS.get(ends.protocol, f"protocol {ends.protocol}")
    kind = f" {icmp_name(*ends.kind)}" if ends.kind is not None else ""
    with_ports = ends.protocol in _WITH_PORTS
    source, destination = (
        f"{format_ipv4(address)}{f'/{port}' if with_ports else ''}"
        for address, port in ((ends.source, ends.source_port), (ends.destination, ends.destination_port))
    )
    return f"{source} > {destination} {protocol}{kind}"


def _received(step: steps.PacketReceived, _ends: object) -> _Words:
    return _Words(Stage.PACKET, f"{describe(step.endpoints)}, {step.length} octets")


def _originated(step: steps.Originated, _ends: object) -> _Words:
    return _Words(Stage.PACKET, f"{describe(step.endpoints)}, {step.length} octets, made by the device itself")


def _session_found(step: steps.SessionFound, _ends: object) -> _Words:
    wing = "forward" if step.forward else "reverse"
    return _Words(Stage.SESSION, f"session {step.session_id}, {wing} wing, out through {step.egress}: fast path")


def _syn(step: steps.SynCheck, _ends: object) -> _Words:
    if step.passed:
        return _Words(Stage.SESSION, "the TCP session begins with SYN")
    checked = "the check is off" if step.skipped else "the check is on"
    return _Words(Stage.SESSION, f"the first TCP segment is not SYN; {checked}")


def _self_check(step: steps.SelfCheck, ends: steps.Endpoints | None) -> _Words:
    destination = format_ipv4(ends.destination) if ends is not None else "destination"
    if step.for_self:
        return _Words(Stage.MAPPING, f"{destination} is an address of this device")
    return _Words(Stage.MAPPING, f"{destination} is not mapped and not an address of this device")


def _route(step: steps.RouteLookup, _ends: object) -> _Words:
    stage = Stage.EGRESS if step.reverse else Stage.ROUTE
    head = "way back: " if step.reverse else ""
    through = "".join(f"{vrouter} > " for vrouter, _ in step.path)
    if step.route_id is None:
        return _Words(stage, f"{head}no route to {format_ipv4(step.destination)} in {step.vrouter}")
    vrouter = step.found_in or step.vrouter
    gateway = f" through gateway {format_ipv4(step.gateway)}" if step.gateway else ""
    target = f"{step.prefix} to {step.egress}{gateway}"
    return _Words(stage, f"{head}{target}, route {step.route_id} in {through}{vrouter}{_TABLES[step.table]}")


_TABLES: Final = {
    "destination-routing": "",
    "source-routing": ", by source",
    "sibr-routing": ", by ingress interface and source",
}


def _policy_routing(step: steps.PolicyRouting, _ends: object) -> _Words:
    head = f"PBR policy {step.policy} of {step.bound}, rule {step.rule}"
    if not step.egress:
        return _Words(Stage.ROUTE, f"{head}: action group {step.action_group} cannot be used ({step.fault})")
    gateway = f" through gateway {format_ipv4(step.gateway)}" if step.gateway else ""
    return _Words(Stage.ROUTE, f"{head}: to {step.egress}{gateway} by action group {step.action_group}")


def _mac_lookup(step: steps.MacLookup, _ends: object) -> _Words:
    if not step.egress:
        return _Words(Stage.ROUTE, f"nobody knows where MAC address {step.mac} is")
    return _Words(Stage.ROUTE, f"MAC address {step.mac} is behind {step.egress}, zone {step.zone}")


def _flooded(step: steps.Flooded, _ends: object) -> _Words:
    return _Words(Stage.EGRESS, f"flooded to {', '.join(step.interfaces)}")


def _policy(step: steps.PolicyMatch, _ends: object) -> _Words:
    zones = f"{step.from_zone} to {step.to_zone}"
    if step.policy_id is None:
        return _Words(Stage.POLICY, f"no policy from {zones} matches: {step.action} by {step.reason}")
    return _Words(Stage.POLICY, f"policy {step.policy_id} from {zones}: {step.action}")


def _auth_check(step: steps.AuthCheck, _ends: object) -> _Words:
    if step.user:
        return _Words(Stage.POLICY, f"policy {step.policy_id} wants a user: {step.user} is logged in")
    asked = f", who is asked for by {step.prompt}" if step.prompt else ""
    return _Words(Stage.POLICY, f"policy {step.policy_id} wants a user of server {step.server}{asked}")


def _nat(step: steps.SourceTranslation, _ends: object) -> _Words:
    if step.after is None:
        return _Words(Stage.POLICY, f"source not translated: {step.reason}")
    before, after = (f"{format_ipv4(address)}/{port}" for address, port in (step.before, step.after))
    return _Words(Stage.POLICY, f"source translated, {step.reason}: {before} -> {after}")


def _destination_nat(step: steps.DestinationTranslation, ends: steps.Endpoints | None) -> _Words:
    stage = Stage.POLICY if step.kind == "policy" else Stage.MAPPING
    with_ports = ends is not None and ends.protocol in _WITH_PORTS
    before, after = (_end(end, with_ports) for end in (step.before, step.after))
    return _Words(stage, f"destination translated by {step.kind}: {before} -> {after}")


_TUNNEL_REASONS: Final = {
    "route": "bound to the egress interface",
    "nhtb": "bound to the next hop of the route",
    "policy": "named by the policy",
}


def _tunnel(step: steps.TunnelSelect, _ends: object) -> _Words:
    why = _TUNNEL_REASONS[step.reason]
    return _Words(Stage.TUNNEL, f"VPN {step.vpn}, tunnel {step.tunnel_id}, to {format_ipv4(step.peer)}: {why}")


def _ike(step: steps.IkeTriggered, _ends: object) -> _Words:
    return _Words(Stage.TUNNEL, f"no active Phase 2 SA: IKE is triggered with {format_ipv4(step.peer)}")


def _created(step: steps.SessionCreated, _ends: object) -> _Words:
    service = f"{step.service}, " if step.service else ""
    wings = (f"forward wing {step.forward}", f"reverse wing {step.reverse}")
    return _Words(Stage.EGRESS, f"session {step.session_id} made, {service}time-out {step.timeout} s", wings)


def _translated(step: steps.Translated, ends: steps.Endpoints | None) -> _Words | None:
    if ends is None:
        return None
    with_ports = ends.protocol in _WITH_PORTS
    rows = (
        ("source", (ends.source, ends.source_port), (step.source, step.source_port)),
        ("destination", (ends.destination, ends.destination_port), (step.destination, step.destination_port)),
    )
    changes = tuple(
        f"{name:<11} {_end(before, with_ports)} -> {_end(after, with_ports)}"
        for name, before, after in rows
        if _end(before, with_ports) != _end(after, with_ports)
    )
    return _Words(Stage.EGRESS, "header rewritten", changes) if changes else None


def _rewritten(ends: steps.Endpoints, step: steps.Translated) -> steps.Endpoints:
    """The packet from here on, as a tunnel carries it."""
    source_port, destination_port = ends.source_port, ends.destination_port
    if ends.protocol in _WITH_PORTS:
        source_port, destination_port = step.source_port, step.destination_port
    return steps.Endpoints(step.source, source_port, step.destination, destination_port, ends.protocol, ends.kind)


def _end(end: tuple[int, int], with_ports: bool) -> str:
    return f"{format_ipv4(end[0])}/{end[1]}" if with_ports else format_ipv4(end[0])


def _seal(step: steps.EspSeal, ends: steps.Endpoints | None) -> _Words:
    outer = f"{format_ipv4(step.source)} > {format_ipv4(step.destination)} {step.protocol}"
    outer += f" spi {step.spi:08x} seq {step.sequence}"
    inner = describe(ends) if ends is not None else "the packet"
    how = " in transport mode" if step.transport else ""
    text = f"sealed{how} for VPN {step.vpn} with {step.algorithms}"
    return _Words(Stage.TUNNEL, text, _nested(outer, step.outer_length, inner, step.inner_length))


def _nested(outer: str, outer_length: int, inner: str, inner_length: int) -> tuple[str, ...]:
    width = max(len(outer) + 2, len(inner) + 4)
    return (
        f"+- {outer} {'-' * (width - len(outer) - 2)} {outer_length} octets",
        f"|  +- {inner} {'-' * (width - len(inner) - 5)} {inner_length} octets",
    )


def _open(step: steps.EspOpen, _ends: object) -> _Words:
    source = f"{format_ipv4(step.source)} > {format_ipv4(step.destination)}"
    text = f"opened: {step.protocol} {source} spi {step.spi:08x} of VPN {step.vpn}, {step.inner_length} octets inside"
    if step.transport:
        return _Words(Stage.TUNNEL, text, ("in transport mode: the header is the packet's own",))
    return _Words(Stage.TUNNEL, text, (f"goes on as if it had come in on {step.interface}",))


def _path_mtu(step: steps.PathMtuReport, _ends: object) -> _Words:
    text = f"a router tells a path MTU of {step.mtu} octets to {format_ipv4(step.peer)}"
    return _Words(Stage.TUNNEL, f"{text}, ignored: {step.fault}" if step.fault else f"{text}, taken for VPN {step.vpn}")


def _next_hop(step: steps.NextHop, _ends: object) -> _Words:
    state = "" if step.resolved else ", which waits for ARP"
    return _Words(Stage.EGRESS, f"next hop {format_ipv4(step.address)} on {step.interface}{state}")


def _dropped(step: steps.Dropped, _ends: object) -> _Words:
    detail = f" ({step.detail})" if step.detail else ""
    return _Words(stage_of_drop(step), f"{step.reason.text}{detail}")


def _saying(stage: Stage, template: str) -> Callable[[Any, object], _Words]:
    def words(step: Any, _ends: object) -> _Words:
        return _Words(stage, template.format(step=step))

    return words


RENDERERS: Final[dict[type[Step], Callable[[Any, Any], _Words | None]]] = {
    steps.PacketReceived: _received,
    steps.Originated: _originated,
    steps.SanityPassed: _saying(Stage.SCREEN, "the IP header is sound"),
    steps.ScreenPassed: _saying(Stage.SCREEN, "the SCREEN options of zone {step.zone} had nothing against it"),
    steps.ScreenFinding: _saying(Stage.SCREEN, "{step.attack} found by zone {step.zone}: {step.action}"),
    steps.TcpProxied: _saying(Stage.SCREEN, "TCP proxy: {step.what}"),
    steps.FragmentHeld: _saying(Stage.SCREEN, "fragment at {step.offset} is held until the others are here"),
    steps.Reassembled: _saying(Stage.SCREEN, "reassembled to {step.length} octets"),
    steps.SessionFound: _session_found,
    steps.NoSession: _saying(Stage.SESSION, "no session: first packet"),
    steps.SynCheck: _syn,
    steps.SelfCheck: _self_check,
    steps.RouteLookup: _route,
    steps.MacLookup: _mac_lookup,
    steps.Flooded: _flooded,
    steps.PolicyMatch: _policy,
    steps.PolicyRouting: _policy_routing,
    steps.AuthCheck: _auth_check,
    steps.SourceTranslation: _nat,
    steps.DestinationTranslation: _destination_nat,
    steps.TunnelSelect: _tunnel,
    steps.IkeTriggered: _ike,
    steps.SessionCreated: _created,
    steps.Translated: _translated,
    steps.EspSeal: _seal,
    steps.EspOpen: _open,
    steps.L2tpOpen: _saying(Stage.TUNNEL, "out of L2TP tunnel {step.l2tp}, {step.inner_length} octets of {step.user}"),
    steps.L2tpSeal: _saying(Stage.TUNNEL, "into L2TP tunnel {step.l2tp}, {step.inner_length} octets for {step.user}"),
    steps.Fragmented: _saying(Stage.EGRESS, "cut into {step.pieces} fragments for the MTU of {step.mtu} octets"),
    steps.NextHop: _next_hop,
    steps.Sent: _saying(Stage.EGRESS, "sent through {step.interface} to {step.mac}, {step.length} octets"),
    steps.PathMtuReport: _path_mtu,
    steps.DeliveredSelf: _saying(Stage.MAPPING, "taken by the device: {step.what}"),
    steps.Event: _saying(Stage.PACKET, "{step.text}"),
    steps.Dropped: _dropped,
    trace.Note: _saying(Stage.PACKET, "{step.text}"),
    trace.Delivered: _saying(Stage.PACKET, "{step.text}"),
    trace.Lost: _saying(Stage.PACKET, "{step.reason}"),
}
"""Every kind of step and its words; None when there is nothing to say."""
