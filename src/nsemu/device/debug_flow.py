"""Turning the steps of a traced packet into the lines of `debug flow basic` (screenos-cli §2.2 to §2.5).

A table from step to lines, in two dialects: release 5.4, and 6.x, which names functions. What of it has no capture as
its source is listed in docs/fidelity.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from nsemu.device.debug_drops import DROP_LINES
from nsemu.device.debug_ipsec import l2tp_open_lines, l2tp_seal_lines, open_lines, seal_lines
from nsemu.device.debug_story import NO_TUNNEL, RELEASE_5, TUNNEL_BIT, Dialect, Story, ipid
from nsemu.flow import steps
from nsemu.flow.originate import SELF
from nsemu.flow.packet import ESP, TCP
from nsemu.runtime import trace
from nsemu.runtime.trace import Hop, Step
from nsemu.sim.scheduler import SECOND, Instant
from nsemu.wire.address import format_ipv4

DEFAULT_POLICY_ID: Final = 320001
"""The policy that denies what no policy matches (screenos-cli §2.4)."""
DEFAULT_PERMIT_ID: Final = 320002

_VECTOR: Final = "122-efc04f4"
_VECTOR_LINE: Final = "  flow vector index 0x122, vector addr 0xefc04f4, orig vector 0xefc04f4"
_APPLICATIONS: Final = {"FTP": 1, "HTTP": 6}
_NONE_OF_THEM: Final = (0, "None")


def render_flow(hop: Hop, booted_at: Instant, dialect: Dialect = RELEASE_5) -> str:
    """The debug lines of one device's handling of a packet, each ended by a newline."""
    story = Story(hop, booted_at, dialect)
    return "".join(f"{line}\n" for step in story.told() for line in RENDERERS[type(step)](story, step))


def _header(story: Story, zone: str, interface: str, length: int) -> str:
    seconds = (story.hop.at - story.booted_at) // SECOND
    return f"****** {seconds}.0: <{zone}/{interface}> packet received [{length}]******"


def _flow_line(story: Story) -> str:
    ends = story.ends
    if ends is None:
        return ""
    kind = f"({ends.kind[0]}/{ends.kind[1]})" if ends.kind is not None else ""
    addresses = f"{story.source}/{ends.source_port}->{story.destination}/{ends.destination_port}"
    return f"  {story.interface}:{addresses},{ends.protocol}{kind}<Root>"


def _received(story: Story, step: steps.PacketReceived) -> Iterable[str]:
    story.ends, story.interface, story.zone, story.length = step.endpoints, step.interface, step.zone, step.length
    if story.inner:
        return (ipid(step.identification),)
    return (_header(story, step.zone, step.interface, step.length), f"  {ipid(step.identification)}")


def _originated(story: Story, step: steps.Originated) -> Iterable[str]:
    story.ends, story.interface, story.zone, story.length = step.endpoints, SELF, "Self", step.length
    return (
        _header(story, "Self", SELF, step.length),
        f"  {ipid(step.identification)}",
        *story.new("  flow_self_vector2: send pack with current vid =0, enc_size:0"),
        "  processing packet through normal path.",
        "  packet passed sanity check.",
        _flow_line(story),
    )


def _sane(story: Story, _step: steps.SanityPassed) -> Iterable[str]:
    return (
        "  packet passed sanity check.",
        *story.new("  flow_decap_vector IPv4 process"),
        _flow_line(story),
    )


def _held(_story: Story, step: steps.FragmentHeld) -> Iterable[str]:
    return (f"  fragment at offset {step.offset} is held for reassembly",)


def _reassembled(_story: Story, step: steps.Reassembled) -> Iterable[str]:
    return (f"  packet reassembled, len={step.length}",)


def _no_session(story: Story, _step: steps.NoSession) -> Iterable[str]:
    if _is_esp_for_self(story):
        return ()
    return story.new(
        "  no session found",
        f"  flow_first_sanity_check: in <{story.interface}>, out <N/A>",
    )


def _is_esp_for_self(story: Story) -> bool:
    check = story.coming(steps.SelfCheck)
    return check is not None and check.for_self and story.ends is not None and story.ends.protocol == ESP


def _self_check(story: Story, step: steps.SelfCheck) -> Iterable[str]:
    chosen = f"  chose interface {step.interface} as incoming nat if."
    if not step.for_self:
        return (chosen, *story.new(f"  flow_first_routing: in <{step.interface}>, out <N/A>"))
    if story.ends is not None and story.ends.protocol == ESP:
        token = story.dialect.tokens[0]
        return (f"  existing session found. sess token {token}", "  flow got session.")
    taken = story.coming(steps.DeliveredSelf) is not None or story.coming(steps.SessionFound) is not None
    return (f"  self check, {'for us' if taken else 'not for us'}", chosen)


def _existing(story: Story, step: steps.SessionFound) -> Iterable[str]:
    story.egress = step.egress
    token = story.dialect.tokens[0 if step.forward else 1]
    return (
        f"  existing session found. sess token {token}",
        "  flow got session.",
        f"  flow session id {step.session_id}",
        *_main_body(story),
    )


def _main_body(story: Story) -> Iterable[str]:
    is_tcp = story.ends is not None and story.ends.protocol == TCP
    return story.new(
        f"  flow_main_body_vector in ifp {story.interface} out ifp {story.egress}",
        _VECTOR_LINE,
        "  vsd 0 is active",
        *(("  tcp seq check.",) if is_tcp else ()),
    )


def _route(story: Story, step: steps.RouteLookup) -> Iterable[str]:
    if step.reverse:
        story.back = step
        refused = story.coming(steps.SessionCreated) is None
        return _search_lines(story, step) if refused else ()
    story.egress = step.egress
    story.gateway = step.gateway or step.destination
    return (*_search_lines(story, step), *_routed(story, step))


def _search_lines(story: Story, step: steps.RouteLookup) -> Iterator[str]:
    flags, origin = ("3000", story.interface) if step.reverse else ("0", "null")
    ends = f"{format_ipv4(step.source)}->{format_ipv4(step.destination)}"
    vrouters = [*(vrouter for vrouter, _ in step.path), step.found_in or step.vrouter]
    for vrouter in vrouters:
        yield f"  search route to ({step.interface}, {ends}) in vr {vrouter} for vsd-0/flag-{flags}/ifp-{origin}"
    story.vrouter = vrouters[-1]
    destination = format_ipv4(step.destination)
    if step.route_id is None:
        yield f"  route to {destination} not found"
        return
    gateway = format_ipv4(step.gateway or step.destination)
    yield f"  {_mark(story, step)}{step.route_id}.route {destination}->{gateway}, to {step.egress}"


def _mac_lookup(story: Story, step: steps.MacLookup) -> Iterable[str]:
    story.egress = step.egress
    if not step.egress:
        return (f"  mac {step.mac} not found",)
    story.gateway = story.gateway or (story.ends.destination if story.ends is not None else 0)
    return (f"  mac {step.mac} found on {step.egress}, zone {step.zone}",)


def _flooded(_story: Story, step: steps.Flooded) -> Iterable[str]:
    return (f"  packet flooded to {', '.join(step.interfaces)}",)


def _routed(story: Story, step: steps.RouteLookup) -> Iterable[str]:
    if step.route_id is None or step.interface == SELF:
        return ()
    destination, ingress = format_ipv4(step.destination), step.interface
    if story.dialect.functions:
        return (f"  routed (x_dst_ip {destination}) from {ingress} ({ingress} in 0) to {step.egress}",)
    return (f"  routed ({destination}, 0.0.0.0) from {ingress} ({ingress} in 0) to {step.egress}",)


def _mark(story: Story, step: steps.RouteLookup) -> str:
    """The table that decided, in releases that name it."""
    mark = story.dialect.destination_mark
    return {"source-routing": "[  Src] ", "sibr-routing": "[ SIBR] "}.get(step.table, mark) if mark else ""


def _policy_routing(story: Story, step: steps.PolicyRouting) -> Iterable[str]:
    if not step.egress:
        return (f"  PBR: policy {step.policy} matched, {step.fault}",)
    story.egress = step.egress
    story.vrouter = step.vrouter
    destination = story.ends.destination if story.ends is not None else 0
    story.gateway = step.gateway or destination
    way = f"{format_ipv4(destination)}->{format_ipv4(story.gateway)}, to {step.egress}"
    return (f"  PBR: policy {step.policy} matched, route {way}",)


def _policy(story: Story, step: steps.PolicyMatch) -> Iterator[str]:
    zones = f"from zone {step.from_id}-> zone {step.to_id}"
    yield f"  policy search {zones}"
    if story.dialect.functions and story.ends is not None:
        yield f" policy_flow_search  policy search nat_crt {zones}"
        ends = story.ends
        what = f"ip {story.destination}, port {ends.destination_port}, proto {ends.protocol}"
        yield f"  RPC Mapping Table search returned 0 matched service(s) for (vsys Root, {what})"
    yield "  No SW RPC rule match, search HW rule"
    yield from (f"  policy {number} is passed over, scheduler {name} is closed" for number, name in step.closed)
    yield from _permitted(story, step) if step.action in {"permit", "tunnel"} else _denied(story, step)


def _permitted(story: Story, step: steps.PolicyMatch) -> Iterator[str]:
    policy_id = step.policy_id if step.policy_id is not None else DEFAULT_PERMIT_ID
    yield from story.new(f"swrs_search_ip: policy matched id/idx/action = {policy_id}/{step.position}/0x9")
    yield f"  Permitted by policy {policy_id}"


def _denied(story: Story, step: steps.PolicyMatch) -> Iterator[str]:
    if step.policy_id is not None:
        yield from story.new(f"swrs_search_ip: policy matched id/idx/action = {step.policy_id}/{step.position}/0x0")
        yield f"  denied by policy {step.policy_id}"
        return
    yield "  Searching global policy."
    yield f"swrs_search_ip: policy matched id/idx/action = {DEFAULT_POLICY_ID}/-1/0x0"
    yield f"  policy id ({DEFAULT_POLICY_ID})"


def _auth_check(_story: Story, step: steps.AuthCheck) -> Iterable[str]:
    if step.user:
        return (f"  auth user {step.user} found, server {step.server}",)
    asked = f", prompt for {step.prompt}" if step.prompt else ""
    return (f"  auth needed by policy {step.policy_id}, server {step.server}{asked}",)


def _source_translation(story: Story, step: steps.SourceTranslation) -> Iterator[str]:
    phy = f"choose interface {step.egress} as outgoing phy if"
    if step.after is None:
        yield f"  No src xlate   {phy}"
    else:
        before, after = (f"{format_ipv4(address)}/{port}" for address, port in (step.before, step.after))
        yield f"  mip ({before}->{after})" if step.reason == "MIP" else f"  dip id = {_dip(step)}, {before}->{after}"
        yield f"  {phy}"
    yield from story.new(
        f"  check nsrp pak fwd: in_tun=0x{story.tunnel_in}, VSD 0 for out ifp {step.egress}", "  vsd 0 is active"
    )
    yield f"  no loop on ifp {step.egress}."


def _dip(step: steps.SourceTranslation) -> str:
    """The pool, 2 for the address of the egress interface."""
    return step.reason.removeprefix("dip-id ") if step.reason.startswith("dip-id ") else "2"


def _destination_translation(_story: Story, step: steps.DestinationTranslation) -> Iterable[str]:
    word = "dst-nat" if step.kind == "policy" else step.kind.lower()
    return (f"  {word} ({format_ipv4(step.before[0])}->{format_ipv4(step.after[0])})",)


def _tunnel_select(story: Story, step: steps.TunnelSelect) -> Iterable[str]:
    story.tunnel_out = f"{TUNNEL_BIT | step.tunnel_id:08x}"
    return ()


def _ike(_story: Story, step: steps.IkeTriggered) -> Iterable[str]:
    return (f"  tunnel {TUNNEL_BIT | step.tunnel_id:08x} not ready",)


def _session_created(story: Story, step: steps.SessionCreated) -> Iterator[str]:
    number, name = (_APPLICATIONS[step.service], step.service) if step.service in _APPLICATIONS else _NONE_OF_THEM
    nas = " nas_id 0," if story.dialect.functions else ""
    yield f"  session application type {number}, name {name},{nas} timeout {step.timeout}sec"
    yield "  service lookup identified service 0."
    yield from story.new(
        f"  flow_first_final_check: in <{story.interface}>, out <{story.egress}>", f"  existing vector list {_VECTOR}."
    )
    yield f"  Session (id:{step.session_id}) created for first pak {story.dialect.first_packet}"
    yield from story.new("  flow_first_install_session======>")
    yield from _forward_wing(story)
    yield from _reverse_wing(story)
    yield "  flow got session."
    yield f"  flow session id {step.session_id}"
    yield from _main_body(story)


def _forward_wing(story: Story) -> Iterator[str]:
    hop = story.coming(steps.NextHop)
    gateway = story.gateway if story.tunnel_out != NO_TUNNEL or hop is None else hop.address
    yield f"  route to {format_ipv4(gateway)}"
    ready = story.tunnel_out != NO_TUNNEL or hop is None or hop.resolved
    outward = hop.interface if hop is not None else story.egress
    if ready:
        yield f"  arp entry found for {format_ipv4(gateway)}"
    else:
        story.awaited.add(gateway)
        yield f"  wait for arp rsp for {format_ipv4(gateway)}"
    yield from story.new(
        f"  ifp2 {story.egress}, out_ifp {outward}, flag 00800004, tunnel {story.tunnel_out}, rc {int(ready)}"
    )
    yield f"  {story.dialect.wing}, {'ready' if ready else 'not ready'}"


def _reverse_wing(story: Story) -> Iterator[str]:
    if not story.dialect.functions:
        yield "  cache mac in the session"
        return
    back = story.back
    yield "  handle cleartext reverse route" if story.tunnel_in == NO_TUNNEL else "  handle tunnel reverse route"
    if back is not None:
        yield from _search_lines(story, back)
        via = format_ipv4(back.gateway or back.destination)
        yield f"  route to {via}"
        if story.tunnel_in == NO_TUNNEL:
            yield f"  arp entry found for {via}"
        egress = back.egress or story.interface
        yield f"  ifp2 {story.interface}, out_ifp {egress}, flag 00800001, tunnel {story.tunnel_in}, rc 1"
    yield "Success installing work and forward sessions"


def _translated(story: Story, step: steps.Translated) -> Iterable[str]:
    if story.dialect.hardware:
        return ()
    return (f"  post addr xlation: {format_ipv4(step.source)}->{format_ipv4(step.destination)}.",)


def _fragmented(_story: Story, step: steps.Fragmented) -> Iterable[str]:
    return (f"  packet fragmented into {step.pieces} pieces, mtu {step.mtu}",)


def _next_hop(story: Story, step: steps.NextHop) -> Iterable[str]:
    if step.resolved or step.address in story.awaited:
        return ()
    return (f"  wait for arp rsp for {format_ipv4(step.address)}",)


def _sent(story: Story, step: steps.Sent) -> Iterable[str]:
    if story.dialect.hardware:
        return ("  transfer packet to hardware.",)
    if story.tunnel_out != NO_TUNNEL:
        return ()
    return story.new(f"  packet send out to {step.mac} through {step.interface}")


def _path_mtu(_story: Story, step: steps.PathMtuReport) -> Iterable[str]:
    said = f"  icmp: path mtu {step.mtu} to {format_ipv4(step.peer)}"
    return (f"{said} ignored: {step.fault}" if step.fault else f"{said} for vpn {step.vpn}",)


def _delivered(_story: Story, step: steps.DeliveredSelf) -> Iterable[str]:
    return (f"  packet for self: {step.what}",)


def _dropped(story: Story, step: steps.Dropped) -> Iterable[str]:
    words = DROP_LINES[step.reason].format(
        source=story.source,
        destination=story.destination,
        interface=story.interface,
        vrouter=story.vrouter,
        detail=step.detail or step.reason.text,
    )
    return (f"  {words}",)


def _screen_finding(_story: Story, step: steps.ScreenFinding) -> Iterable[str]:
    return (f"  screen: {step.attack} in zone {step.zone}, {step.action}",)


def _tcp_proxied(_story: Story, step: steps.TcpProxied) -> Iterable[str]:
    return (f"  tcp proxy: {step.what}",)


def _nothing(_story: Story, _step: Step) -> Iterable[str]:
    return ()


RENDERERS: Final[dict[type[Step], Callable[[Story, Any], Iterable[str]]]] = {
    steps.PacketReceived: _received,
    steps.Originated: _originated,
    steps.SanityPassed: _sane,
    steps.ScreenPassed: _nothing,
    steps.ScreenFinding: _screen_finding,
    steps.TcpProxied: _tcp_proxied,
    steps.FragmentHeld: _held,
    steps.Reassembled: _reassembled,
    steps.SessionFound: _existing,
    steps.NoSession: _no_session,
    steps.SelfCheck: _self_check,
    steps.RouteLookup: _route,
    steps.MacLookup: _mac_lookup,
    steps.Flooded: _flooded,
    steps.PolicyMatch: _policy,
    steps.PolicyRouting: _policy_routing,
    steps.AuthCheck: _auth_check,
    steps.SourceTranslation: _source_translation,
    steps.DestinationTranslation: _destination_translation,
    steps.TunnelSelect: _tunnel_select,
    steps.SynCheck: _nothing,
    steps.SessionCreated: _session_created,
    steps.NextHop: _next_hop,
    steps.Translated: _translated,
    steps.EspSeal: seal_lines,
    steps.EspOpen: open_lines,
    steps.L2tpOpen: l2tp_open_lines,
    steps.L2tpSeal: l2tp_seal_lines,
    steps.Fragmented: _fragmented,
    steps.Sent: _sent,
    steps.PathMtuReport: _path_mtu,
    steps.DeliveredSelf: _delivered,
    steps.IkeTriggered: _ike,
    steps.Event: _nothing,
    steps.Dropped: _dropped,
    trace.Note: _nothing,
    trace.Delivered: _nothing,
    trace.Lost: _nothing,
}
"""Every kind of step and its lines; some say nothing here."""
