"""The packet pipeline: sanity, SCREEN, session lookup, first-packet stages, forwarding.

The order is the book's "Packet Flow: Site-to-Site VPN". Every packet passes sanity and SCREEN; a packet of a known
session then goes straight to `forward`; another passes the stages of `stages.order`, which make its session.
"""

from __future__ import annotations

from nsemu.config.interface import InterfaceKind
from nsemu.flow import syn_proxy
from nsemu.flow.alg.related import admit, expected, follow
from nsemu.flow.decrypt import decapsulate
from nsemu.flow.endpoints import endpoints_of
from nsemu.flow.forward import drop, forward, send_clear, send_into_tunnel
from nsemu.flow.fragments import reassemble
from nsemu.flow.host_search import waits_for_host
from nsemu.flow.icmp_errors import related_wing, send_unreachable, translate_error
from nsemu.flow.install import install
from nsemu.flow.local import deliver, send_reset
from nsemu.flow.packet import ESP, IPSEC, TCP, UDP, Packet
from nsemu.flow.screening import (
    Outcome,
    examine,
    hold,
    may_be_joined,
    may_begin,
    passes,
    passes_as_fragment,
    refuse_request,
    screen_of,
)
from nsemu.flow.session import Session, Wing
from nsemu.flow.setup import FlowSetup
from nsemu.flow.stages.order import ADMISSION_STAGES, FIRST_PACKET_STAGES
from nsemu.flow.state import FlowState
from nsemu.flow.steps import NoSession, PacketReceived, SanityPassed, SelfCheck, SessionFound
from nsemu.flow.tcp_splice import Handshake
from nsemu.ipsec.esp_udp import esp_offset
from nsemu.runtime.drop import DropReason
from nsemu.runtime.interface import RunInterface
from nsemu.runtime.trace import PacketTrace
from nsemu.screen.zone import ZoneScreen
from nsemu.wire.icmp import COMMUNICATION_PROHIBITED, DESTINATION_UNREACHABLE, FRAGMENTATION_NEEDED
from nsemu.wire.summary import summarise

_MULTICAST = 0xE0000000
_LOOPBACK_NET = 127
DNS_PORT = 53


def receive(state: FlowState, ingress: RunInterface, frame: bytes, trace: PacketTrace | None) -> None:
    """Take an IPv4 packet in an Ethernet frame that is addressed to the interface."""
    packet = Packet(frame[14:], ingress, None, trace)
    packet.link_source = frame[6:12]
    process(state, packet)


def process(state: FlowState, packet: Packet) -> None:
    """Take a packet, clear or decrypted, through the whole pipeline."""
    data = packet.data
    if not packet.parse():
        begin_trace(state, packet)
        drop(packet, "sanity", DropReason.ILLEGAL_PACKET)
        return
    # 2**16 = 1 (mod 0xffff): the one's complement sum over a sound header is 0 modulo 0xffff.
    if int.from_bytes(data[: packet.header_length], "big") % 0xFFFF:
        begin_trace(state, packet)
        drop(packet, "sanity", DropReason.BAD_CHECKSUM)
        return
    if packet.trace is not None:
        begin_trace(state, packet)
    ingress = packet.ingress
    if not ingress.vrouter:
        drop(packet, "sanity", DropReason.NULL_ZONE, ingress.name, ("interface", ingress.name))
        return
    screen: ZoneScreen | None = ingress.screen if packet.tunnel is None else screen_of(state, packet)
    if packet.fragment and not _collect(state, packet, screen):
        return
    if packet.trace is not None:
        packet.trace.add(SanityPassed())
    if screen is not None:
        protocol = packet.protocol
        if protocol == TCP:
            checks = screen.by_flags[packet.data[packet.header_length + 13] & 63]
        else:
            checks = screen.by_protocol[protocol]
        # Most packets meet no check at all: they shall not pay for a call.
        if checks or screen.spoofing or packet.header_length > 20 or packet.trace is not None:
            outcome = examine(state, packet, screen, checks)
            if outcome is not Outcome.PASS:
                if outcome is Outcome.PROXY:
                    _request(state, packet, screen)
                return
    lookup(state, packet)


def _collect(state: FlowState, packet: Packet, screen: ZoneScreen | None) -> bool:
    """Take a fragment; True when `packet` now is the whole, and nothing speaks against it as such."""
    if screen is None:
        return reassemble(state, packet)
    if not passes_as_fragment(state, packet, screen) or not reassemble(state, packet):
        return False
    return passes(state, packet, screen, screen.reassembled)


def _request(state: FlowState, packet: Packet, screen: ZoneScreen) -> None:
    """A connection request that the TCP proxy answers, once policies admit it; with cookies they are asked later."""
    known = syn_proxy.knows(state, packet) or (state.logins is not None and state.logins.knows(packet))
    if known or expected(state, packet) is not None:
        lookup(state, packet)
        return
    if _is_behind_unknown_mac(state, packet):
        if screen.options.drop_unknown_mac:
            refuse_request(state, packet, screen)
        else:
            lookup(state, packet)
        return
    if not may_be_joined(state, packet, screen):
        return
    if not state.config.flow.syn_cookie:
        setup = FlowSetup.of_packet(packet)
        setup.from_zone = state.source_zone(setup.ingress, setup.tunnel_in)
        for stage in ADMISSION_STAGES:
            reason = stage(state, setup)
            if setup.prompt is not None:
                lookup(state, packet)  # the login answers, and its number is limited as well
                return
            if reason is not None:
                _refuse(state, packet, setup, stage.__name__, reason)
                return
    syn_proxy.answer(state, packet, screen)


def _is_behind_unknown_mac(state: FlowState, packet: Packet) -> bool:
    """Whether a bridged request goes to where nobody knows: the proxy cannot speak for such a host."""
    vlan1, mac = state.bridge.vlan1, packet.link_destination
    if not mac or vlan1 is None or mac == vlan1.mac:
        return False
    return state.bridge.macs.find(mac, state.scheduler.now) is None


def _completes_request(state: FlowState, packet: Packet, screen: ZoneScreen) -> bool:
    """Whether a segment is the answer to one of the TCP proxy: then its connection goes on to the server."""
    handshake = syn_proxy.accept(state, packet, screen)
    if handshake is None:
        return False
    if may_be_joined(state, packet, screen) and not _new_flow(state, handshake.request, screen, handshake):
        send_reset(state, packet)
    return True


def lookup(state: FlowState, packet: Packet) -> None:
    """Session lookup (B150, B164)."""
    if packet.protocol == ESP and packet.trace is None and packet.data[16:24] in state.database.esp:
        # Destination and SPI are those of a living SA: the packet is ours, and nothing else can say otherwise.
        inner = decapsulate(state, packet)
        if inner is not None:
            process(state, inner)
        return
    ingress = packet.ingress
    table = state.index(ingress.vrouter).tables.get(packet.protocol)
    wing = table.get(packet.key) if table is not None else None
    if wing is None:
        _first_packet(state, packet)
        return
    session = wing.session
    if session.generation != state.generation:
        renewed = renew(state, session, packet.trace)
        if renewed is None:
            _first_packet(state, packet)
            return
        wing = table.get(packet.key) if table is not None else None
        if wing is None:
            _first_packet(state, packet)
            return
    if (wing.tunnel_in is not packet.tunnel or wing.ingress is not ingress) and not _acceptable(state, wing, packet):
        drop(packet, "session", DropReason.WRONG_INTERFACE, _misplaced(state, wing, packet))
        return
    if packet.trace is not None:
        packet.trace.hops[-1].path = packet.trace.hops[-1].path or "fast path"
        packet.trace.add(SessionFound(session.id, wing.forward, wing.egress.name))
    forward(state, packet, wing)


def _acceptable(state: FlowState, wing: Wing, packet: Packet) -> bool:
    """Another interface of the same zone will do in clear text; a tunnel must be the same, unless `asymmetric-vpn`."""
    if wing.ingress.zone != packet.ingress.zone:
        return False
    if wing.tunnel_in is packet.tunnel:
        return True
    zone = state.config.zones.get(packet.ingress.zone)
    return zone is not None and zone.asymmetric_vpn and None not in {wing.tunnel_in, packet.tunnel}


def _misplaced(state: FlowState, wing: Wing, packet: Packet) -> str:
    """Where a packet came in, and where its session expects it."""
    ways = []
    for interface, tunnel in ((packet.ingress, packet.tunnel), (wing.ingress, wing.tunnel_in)):
        path = state.paths.get(tunnel.identifier) if tunnel is not None else None
        ways.append(f"{interface.name} out of VPN {path.vpn}" if path is not None else f"{interface.name} in clear")
    return f"{ways[0]}, its session expects {ways[1]}"


def _renew_announced(state: FlowState, session: Session, control: Session) -> Session | None:
    """A session that another one announced goes on as long as that one may."""
    known = state.sessions.sessions.get(control.id) is control
    if known and control.generation != state.generation:
        known = renew(state, control, None) is not None
    if not known:
        state.sessions.remove(session, "Close - OTHER")
        return None
    follow(state, session)
    return session


def renew(state: FlowState, session: Session, trace: PacketTrace | None) -> Session | None:
    """Decide a session anew after a change; None when it may not go on, and it is gone then."""
    if session.control is not None:
        return _renew_announced(state, session, session.control)
    wing = session.forward
    if not wing.ingress.present or not wing.ingress.vrouter:
        state.sessions.remove(session, "Close - OTHER")
        return None
    setup = FlowSetup.of_session(session, trace)
    setup.from_zone = state.source_zone(setup.ingress, setup.tunnel_in)
    had_translation = wing.rewrite.after if wing.rewrite is not None else None
    if any(stage(state, setup) is not None for stage in FIRST_PACKET_STAGES) or setup.translated != had_translation:
        setup.give_back()
        state.sessions.remove(session, "Close - OTHER")
        return None
    if isinstance(install(state, setup), DropReason):
        setup.give_back()
        state.sessions.remove(session, "Close - OTHER")
        return None
    return session


def close_stranded(state: FlowState, interface: RunInterface) -> None:
    """The link of an interface went: clear-text sessions go another way, or end with it."""
    for session in state.sessions.select(lambda session: _uses(session, interface)):
        if state.sessions.sessions.get(session.id) is not session:
            continue  # it went with its control connection
        if renew(state, session, None) is not None and _uses(session, interface):
            state.sessions.remove(session, "Close - OTHER")


def _uses(session: Session, interface: RunInterface) -> bool:
    forth, back = session.forward, session.reverse
    if forth.tunnel_in is not None or forth.tunnel_out is not None:
        return False
    return interface in (forth.ingress, forth.egress, back.ingress, back.egress)


def _first_packet(state: FlowState, packet: Packet) -> None:
    """First packet processing: for the device itself, part of a session by what it quotes, or a new flow."""
    trace = packet.trace
    if trace is not None:
        trace.hops[-1].path = "first packet"
        trace.add(NoSession(packet.ingress.name))
    if len(state.gates) and _announced(state, packet):
        return
    logins = state.logins
    if logins is not None and len(logins) and logins.takes(packet):
        return
    owner = state.owner(packet.ingress.vrouter, packet.destination)
    if owner is not None and not _is_mapped(state, packet):
        if trace is not None:
            trace.add(SelfCheck(packet.ingress.name, for_self=True))
        in_udp = esp_offset(packet.data, packet.header_length, packet.destination_port) if packet.protocol == UDP else 0
        if in_udp or packet.protocol in IPSEC:
            inner = decapsulate(state, packet, in_udp)
            if inner is not None:
                process(state, inner)
            return
        if not packet.is_icmp_error or not _relay_error(state, packet):
            deliver(state, packet, owner)
        return
    if packet.is_icmp_error and _relay_error(state, packet):
        return
    if packet.destination >= _MULTICAST or _is_broadcast(state, packet):
        drop(packet, "self", DropReason.BROADCAST)
        return
    if packet.source >= _MULTICAST or packet.source >> 24 == _LOOPBACK_NET or _is_own(state, packet):
        drop(packet, "sanity", DropReason.MARTIAN)
        return
    if trace is not None:
        trace.add(SelfCheck(packet.ingress.name, for_self=False))
    if packet.ingress.kind is InterfaceKind.VLAN and waits_for_host(state, packet):
        return
    screen = screen_of(state, packet)
    if screen is not None and packet.protocol == TCP and _completes_request(state, packet, screen):
        return
    _new_flow(state, packet, screen)


def _announced(state: FlowState, packet: Packet) -> bool:
    """Let in a connection that a control connection has announced; False when it is none."""
    gate = expected(state, packet)
    if gate is None:
        return False
    control = gate.session
    if control.generation != state.generation and renew(state, control, packet.trace) is None:
        return False
    session = admit(state, packet, gate)
    if session is not None:
        forward(state, packet, session.forward)
    return True


def _new_flow(state: FlowState, packet: Packet, screen: ZoneScreen | None, handshake: Handshake | None = None) -> bool:
    """Decide about a flow and begin its session; False when it was refused."""
    if screen is not None and screen.limits is not None and not may_begin(state, packet, screen):
        return False
    if packet.protocol == UDP and packet.destination_port == DNS_PORT and _is_stray_answer(state, packet):
        drop(packet, "session", DropReason.DNS_REPLY, "", ("flow", "allow-dns-reply"))
        return False
    setup = FlowSetup.of_packet(packet)
    setup.from_zone = state.source_zone(setup.ingress, setup.tunnel_in)
    for stage in FIRST_PACKET_STAGES:
        reason = stage(state, setup)
        if reason is not None:
            if setup.prompt is not None and handshake is None and _ask_user(state, packet, setup):
                return True
            _refuse(state, packet, setup, stage.__name__, reason)
            return False
    session = install(state, setup)
    if isinstance(session, DropReason):
        _refuse(state, packet, setup, "session", session)
        return False
    if screen is not None and screen.limits is not None:
        hold(session, screen)
    policy = session.policy
    if policy is not None:
        policy.counters.hits += 1
    if handshake is not None:
        handshake.begin(session)
    else:
        forward(state, packet, session.forward)
    return True


def _is_stray_answer(state: FlowState, packet: Packet) -> bool:
    """Whether a first packet to port 53 is no question (RFC 1035 §4.1.1, QR), while `allow-dns-reply` is off."""
    flags = packet.header_length + 10
    return not state.config.flow.allow_dns_reply and len(packet.data) > flags and packet.data[flags] >> 7 == 1


def _ask_user(state: FlowState, packet: Packet, setup: FlowSetup) -> bool:
    """Have the user log in who wants this connection; False when that cannot be."""
    return state.logins is not None and state.logins.begin(packet, setup)


def open_flow(state: FlowState, request: Packet, handshake: Handshake) -> bool:
    """Begin the session of a client that has logged in: `request` is its SYN to the server, made again."""
    return _new_flow(state, request, None, handshake)


def _refuse(state: FlowState, packet: Packet, setup: FlowSetup, stage: str, reason: DropReason) -> None:
    setup.give_back()
    drop(packet, stage, reason, setup.detail, setup.subject)
    if reason in _POLICY_REASONS:
        decided = setup.decision.policy if setup.decision is not None else None
        state.upcalls.denied(packet, decided.id if decided is not None else None, reason)
    if reason is DropReason.POLICY_REJECT:
        if packet.protocol == TCP:
            send_reset(state, packet)
        else:
            send_unreachable(state, packet, COMMUNICATION_PROHIBITED)
    elif reason is DropReason.NOT_SYN:
        zone = state.config.zones.get(packet.ingress.zone)
        if zone is not None and zone.tcp_rst:
            send_reset(state, packet)


_POLICY_REASONS = frozenset(
    {DropReason.POLICY_DENY, DropReason.POLICY_REJECT, DropReason.DEFAULT_DENY, DropReason.INTRAZONE_BLOCK}
)


def _relay_error(state: FlowState, packet: Packet) -> bool:
    """Pass an ICMP error on along the session of the packet it is about."""
    found = related_wing(state, packet)
    if found is not None and found[0].session.generation != state.generation:
        # After a change the session may go another way, or not at all.
        found = related_wing(state, packet) if renew(state, found[0].session, packet.trace) is not None else None
    if found is None:
        return False
    wing, quoted = found
    session, unreachable = wing.session, packet.icmp_type == DESTINATION_UNREACHABLE
    if unreachable and session.unreachable and state.config.flow.icmp_error_once:
        drop(packet, "session", DropReason.ICMP_REPEATED, "", ("flow", "icmp-ur-msg-filter"))
        return True
    session.unreachable = session.unreachable or unreachable
    if packet.ttl <= wing.hops:
        drop(packet, "forward", DropReason.TTL_EXPIRED)
        return True
    error = bytearray(translate_error(packet, wing, quoted))
    if packet.trace is not None:
        packet.trace.add(SessionFound(session.id, wing.forward, wing.egress.name))
    if wing.tunnel_out is not None:
        send_into_tunnel(state, wing.tunnel_out, error, packet)
    else:
        send_clear(state, wing.egress, wing.neighbor, error, packet)
    if unreachable and packet.icmp_code != FRAGMENTATION_NEEDED and state.config.flow.icmp_error_closes:
        state.sessions.remove(session, "Close - ICMP")
    return True


def _is_mapped(state: FlowState, packet: Packet) -> bool:
    """Whether a packet to an address of the device is for a host behind a MIP or VIP."""
    mappings, destination = state.mappings, packet.destination
    if mappings.empty:
        return False
    reached = state.reached_from(packet.ingress.vrouter, destination)
    return mappings.claims(destination, packet.protocol, packet.destination_port, reached)


def _is_own(state: FlowState, packet: Packet) -> bool:
    """Whether a packet claims to come from the device. Another virtual router may have the same addresses."""
    owner = state.owner(packet.ingress.vrouter, packet.source)
    return owner is not None and owner.vrouter == packet.ingress.vrouter


def _is_broadcast(state: FlowState, packet: Packet) -> bool:
    """Whether the destination is the broadcast address of a network of the device."""
    vrouter, destination = packet.ingress.vrouter, packet.destination
    return any(state.leads_to(vrouter, destination, near) for near in state.broadcasts.get(destination, ()))


def begin_trace(state: FlowState, packet: Packet) -> None:
    """Begin the trace hop of a packet, or continue it when it came out of a tunnel."""
    trace = packet.trace
    if trace is None:
        return
    ingress = packet.ingress
    now = state.scheduler.now
    if packet.tunnel is None:
        trace.enter(state.name, now, ingress.name, summarise(packet.data))
    hop = trace.hops[-1]
    hop.zone, hop.vrouter = ingress.zone, ingress.vrouter
    if len(packet.data) >= 20:
        identification = packet.data[4] << 8 | packet.data[5]
        ends = endpoints_of(packet.data, ingress)
        trace.add(PacketReceived(now, ingress.zone, ingress.name, len(packet.data), identification, ends))
