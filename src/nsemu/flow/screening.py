"""SCREEN in the pipeline: which options judge a packet, and what becomes of what they find (B149, B163).

The engine (`screen`) decides; this file gives it facts (routes, zones), drops, counts, and writes the event log. What
came out of a tunnel is judged by the zone of its tunnel interface, or by the carrier zone of a policy-based VPN.
"""

from __future__ import annotations

from enum import Enum

from nsemu.config.zone import ZoneKind
from nsemu.flow.forward import drop
from nsemu.flow.fragments import scope_of
from nsemu.flow.packet import Packet
from nsemu.flow.session import Session
from nsemu.flow.state import FlowState
from nsemu.flow.steps import ScreenFinding, ScreenPassed
from nsemu.routing.resolve import resolve
from nsemu.screen.attack import Action, Attack
from nsemu.screen.headers import without_urgent
from nsemu.screen.zone import Checks, ZoneScreen, compile_screen
from nsemu.sim.scheduler import SECOND
from nsemu.wire.address import Prefix

STAGE = "screen"


class Outcome(Enum):
    """What SCREEN makes of a packet."""

    PASS = "goes on"
    DROP = "dropped"
    PROXY = "to be answered in the server's place"


def configure(state: FlowState) -> None:
    """Bring SCREEN in step with a new configuration; the interfaces have their zones already."""
    screening = state.screening
    before = screening.zones
    zones: dict[str, ZoneScreen] = {}
    for zone in state.config.zones.values():
        screen = compile_screen(zone.name, zone.screen, before.get(zone.name))
        if screen is not None:
            zones[zone.name] = screen
    screening.zones = zones
    screening.forget_routes()
    screening.books = _books(state)
    screening.alarms.comma = int(state.config.platform.release.partition(".")[0]) < 6
    for interface in state.interfaces.values():
        interface.screen = zones.get(interface.zone)
    if any(screen.limits is not None and before.get(name) is not screen for name, screen in zones.items()):
        _count_sessions(state, {name for name, screen in zones.items() if before.get(name) is not screen})


def _books(state: FlowState) -> tuple[tuple[Prefix, str], ...]:
    config = state.config
    entries = [
        (entry.prefix, entry.zone)
        for entry in config.addresses.values()
        if entry.prefix is not None and entry.prefix.length and config.zones[entry.zone].kind is ZoneKind.LAYER2
    ]
    return tuple(sorted(entries, key=lambda pair: -pair[0].length))


def _count_sessions(state: FlowState, fresh: set[str]) -> None:
    """Sessions that began before their zone had a limit count as well."""
    for session in state.sessions:
        screen = state.screening.zones.get(_zone_of(state, session))
        if screen is not None and screen.zone in fresh:
            hold(session, screen)


def _zone_of(state: FlowState, session: Session) -> str:
    wing = session.forward
    path = state.paths.get(wing.tunnel_in.identifier) if wing.tunnel_in is not None else None
    if path is not None and path.bound is None and path.carrier_zone:
        return path.carrier_zone
    return wing.ingress.zone


def screen_of(state: FlowState, packet: Packet) -> ZoneScreen | None:
    """The options for a packet; None when there is nothing to look for."""
    if packet.tunnel is not None:
        path = state.paths.get(packet.tunnel.identifier)
        if path is not None and path.bound is None and path.carrier_zone:
            return state.screening.zones.get(path.carrier_zone)
    found: ZoneScreen | None = packet.ingress.screen
    return found


def passes(state: FlowState, packet: Packet, screen: ZoneScreen, checks: Checks) -> bool:
    """Put a packet, or a fragment, through some checks; False when it was dropped."""
    now = state.scheduler.now
    for check in checks:
        attack = check(packet, now)
        if attack is not None and _treat(state, packet, screen, attack) is not Outcome.PASS:
            return False
    return True


def passes_as_fragment(state: FlowState, packet: Packet, screen: ZoneScreen) -> bool:
    """The checks of a single fragment. When one fails, what is held of its datagram is given up."""
    if passes(state, packet, screen, screen.fragments):
        return True
    state.reassembly.discard(packet.data, scope_of(packet))
    return False


def examine(state: FlowState, packet: Packet, screen: ZoneScreen, checks: Checks) -> Outcome:
    """All about a whole packet; `checks` are those of its protocol and flags."""
    if packet.header_length > 20 and screen.ip_options and not passes(state, packet, screen, screen.ip_options):
        return Outcome.DROP
    if screen.spoofing and not _came_the_right_way(state, packet, screen):
        return Outcome.DROP
    now = state.scheduler.now
    for check in checks:
        attack = check(packet, now)
        if attack is not None:
            outcome = _treat(state, packet, screen, attack)
            if outcome is not Outcome.PASS:
                return outcome
    if packet.trace is not None:
        packet.trace.add(ScreenPassed(screen.zone))
    return Outcome.PASS


def may_begin(state: FlowState, packet: Packet, screen: ZoneScreen) -> bool:
    """Whether the session limits let a packet begin a session; False when it was dropped."""
    limits = screen.limits
    attack = limits.refuses(packet.source, packet.destination) if limits is not None else None
    return attack is None or _treat(state, packet, screen, attack) is Outcome.PASS


def may_be_joined(state: FlowState, packet: Packet, screen: ZoneScreen) -> bool:
    """Whether a client that acknowledged the proxy's answer may be joined to its server; False when dropped."""
    if screen.proxied is None or not screen.proxied.full(packet.source):
        return True
    return _treat(state, packet, screen, Attack.SYN_ACK_ACK_PROXY) is Outcome.PASS


def count_proxied(packet: Packet) -> None:
    """A connection request was answered in the server's place."""
    counters = packet.ingress.counters
    counters.screen[Attack.SYN_PROXIED.counter] += 1
    counters.flow[Attack.SYN_PROXIED.info.reason.counter] += 1


def refuse_request(state: FlowState, packet: Packet, screen: ZoneScreen) -> None:
    """A connection request for which the proxy has no room."""
    _treat(state, packet, screen, Attack.SYN_FLOOD)


def hold(session: Session, screen: ZoneScreen) -> None:
    """Count a session that began."""
    limits = screen.limits
    session.limits = limits
    if limits is not None:
        limits.opened(session.forward.flow[0], session.forward.flow[1])


def release(session: Session) -> None:
    """A session ended: its addresses may have another, and the proxy gives up on it."""
    limits = session.limits
    if limits is not None:
        limits.closed(session.forward.flow[0], session.forward.flow[1])
        session.limits = None
    shift = session.forward.shift
    if shift is not None:
        shift.end()


def _came_the_right_way(state: FlowState, packet: Packet, screen: ZoneScreen) -> bool:
    if not _spoofed(state, packet, screen):
        return True
    return _treat(state, packet, screen, Attack.IP_SPOOFING) is Outcome.PASS


def _spoofed(state: FlowState, packet: Packet, screen: ZoneScreen) -> bool:
    """Whether the route back to the source contradicts the way it came; answers are kept while routes hold.

    In layer 2 zones, which have no routes, the address books say where a source belongs.
    """
    screening = state.screening
    if screening.generation != state.generation:
        screening.forget_routes()
        screening.generation = state.generation
    ingress = packet.ingress
    key = (ingress.name, screen.zone, packet.source)
    known = screening.ways_back.get(key)
    if known is None and ingress.bridged:
        known = screening.belongs_elsewhere(screen.zone, packet.source)
        screening.keep_way(key, known)
    if known is None:
        known = screen.spoofed((ingress.name, screen.zone), _way_back(state, packet))
        screening.keep_way(key, known)
    return known


def _way_back(state: FlowState, packet: Packet) -> tuple[str, str] | None:
    resolution = resolve(state.routes, packet.ingress.vrouter, packet.source)
    if resolution is None or resolution.entry.discards:
        return None
    egress = state.interfaces.get(resolution.entry.interface or "")
    return (egress.name, egress.zone) if egress is not None else None


def _treat(state: FlowState, packet: Packet, screen: ZoneScreen, attack: Attack) -> Outcome:
    """Count an attack, log it, and do with the packet what the zone says."""
    info = attack.info
    counters = packet.ingress.counters
    proxied = info.action is Action.PROXY and not screen.alarm_only
    if not proxied:
        counters.screen[attack.counter] += 1
    if info.logged or screen.alarm_only:
        _alarm(state, packet, screen, attack)
    subject = ("screen", screen.zone, attack.counter)
    if screen.alarm_only:
        _found(packet, screen, attack, "alarm only", subject)
        return Outcome.PASS
    if info.action is Action.DROP:
        drop(packet, STAGE, info.reason, f"zone {screen.zone}", subject)
        return Outcome.DROP
    _found(packet, screen, attack, info.action.value, subject)
    if proxied:
        return Outcome.PROXY
    counters.flow["winnuke"] += 1
    packet.data = without_urgent(packet.data, packet.header_length)
    return Outcome.PASS


def _found(packet: Packet, screen: ZoneScreen, attack: Attack, action: str, subject: tuple[object, ...]) -> None:
    if packet.trace is not None:
        packet.trace.add(ScreenFinding(screen.zone, attack.info.title.rstrip("!"), action, subject))


def _alarm(state: FlowState, packet: Packet, screen: ZoneScreen, attack: Attack) -> None:
    if state.screening.alarms.record(attack, packet, screen.zone, packet.ingress.name):
        state.scheduler.after(SECOND, _write_alarms, state)


def _write_alarms(state: FlowState) -> None:
    """The second is over: one entry for each attack."""
    for alarm in state.screening.alarms.take():
        state.upcalls.log(alarm.type, alarm.level, alarm.text)
