"""`get ike …` of what holds for all peers, and of peers that are connected (no capture is known: docs/fidelity.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, Node, keyword
from nsemu.cli.show.layout import cut, lines
from nsemu.config.device import DeviceConfig
from nsemu.config.ike import IkeSettings, SecurityLevel
from nsemu.config.predefined import PHASE1_SETS, PHASE2_SETS
from nsemu.device.tunnels import heartbeat_of
from nsemu.device.views.ike import cookie_views
from nsemu.wire.address import format_ipv4


def _on(value: object) -> str:
    return "enabled" if value else "disabled"


def _contact(ike: IkeSettings) -> str:
    if ike.initial_contact:
        return "all peers"
    return ", ".join(ike.initial_contact_gateways) or "disabled"


_SETTINGS: dict[str, tuple[str, str, Callable[[IkeSettings], str]]] = {
    "respond-bad-spi": (
        "show responses to packets with a bad SPI",
        "respond to bad SPI",
        lambda ike: str(ike.respond_bad_spi),
    ),
    "initial-contact": ("show initial contact setting", "initial contact", _contact),
    "soft-lifetime-buffer": (
        "show the soft lifetime buffer",
        "soft lifetime buffer",
        lambda ike: f"{ike.soft_lifetime_buffer} seconds",
    ),
    "accept-all-proposal": (
        "show which proposals are accepted",
        "accept all proposals",
        lambda ike: _on(ike.accept_all_proposals),
    ),
    "id-mode": ("show what names a tunnel in phase 2", "ID mode", lambda ike: ike.id_mode.value),
    "policy-checking": (
        "show whether proxy IDs are compared",
        "policy checking",
        lambda ike: _on(ike.policy_checking),
    ),
    "single-ike-tunnel": (
        "show peers with one phase 2 SA",
        "single IKE tunnel",
        lambda ike: ", ".join(ike.single_tunnels) or "disabled",
    ),
    "initiator-set-commit": (
        "show the commit bit as initiator",
        "initiator set commit bit",
        lambda ike: _on(ike.initiator_commit),
    ),
    "responder-set-commit": (
        "show the commit bit as responder",
        "responder set commit bit",
        lambda ike: _on(ike.responder_commit),
    ),
    "ikeid-enumeration": (
        "show the answer to unknown IKE IDs",
        "ID enumeration protection",
        lambda ike: _on(ike.ikeid_enumeration),
    ),
    "dos-protection": ("show the limit of one address", "DoS protection", lambda ike: _on(ike.dos_protection)),
    "member-sa-hold-time": (
        "show for how long unused SAs of dialup users are kept",
        "member SA hold time",
        lambda ike: f"{ike.member_hold} minutes" if ike.member_hold else "not set",
    ),
}
"""Word → help, name, value."""


def _setting(word: str) -> Node:
    help_, name, value = _SETTINGS[word]

    def show(context: Context, _arguments: Arguments) -> str:
        return f"IKE {name}: {value(context.device.config.ike)}\n"

    return keyword(word, help_, Command(show))


def all_globals(context: Context, _arguments: Arguments) -> str:
    """`get ike`: every global in a line."""
    ike = context.device.config.ike
    return lines(*(f"IKE {name}: {value(ike)}" for _, name, value in _SETTINGS.values()))


def _beats(context: Context, _arguments: Arguments) -> str:
    return lines(*_beat_table(context.device.config))


def _beat_table(config: DeviceConfig) -> Iterator[str]:
    everywhere = config.ike.heartbeat
    yield f"IKE heartbeat of all gateways: hello {everywhere.hello}, threshold {everywhere.threshold}"
    yield "Gateway         Hello Threshold Reconnect"
    yield "--------------- ----- --------- ---------"
    for gateway in config.gateways.values():
        beat = heartbeat_of(config, gateway)
        yield f"{cut(gateway.name, 15)} {beat.hello:>5} {beat.threshold:>9} {beat.reconnect:>9}"


def _connections(context: Context, _arguments: Arguments) -> str:
    """The peers with which there is a phase 1 SA, and their tunnels."""
    device = context.device
    tunnels = list(device.database)
    rows = []
    for view in cookie_views(device):
        peer = view.responder if view.is_initiator else view.initiator
        active = sum(tunnel.active and tunnel.settings.gateway == view.gateway for tunnel in tunnels)
        state = "established" if view.established else "negotiating"
        rows.append(f"{cut(view.gateway, 15)} {format_ipv4(peer[0]):<15} {peer[1]:>5} {state:<11} {active:>7}")
    return lines(
        "Gateway         Peer address     Port State       Tunnels",
        "--------------- --------------- ----- ----------- -------",
        *rows,
        f"Total connections: {len(rows)}",
    )


def _levels(phase: int, sets: Mapping[SecurityLevel, tuple[str, ...]]) -> Node:
    """`get ike p1-sec-level`, `p2-sec-level`: the proposals behind the word of a gateway or VPN."""
    text = lines(
        "Security level Proposals",
        "-------------- ---------",
        *(
            f"{level.value if not number else '':<14} {name}"
            for level, names in sets.items()
            for number, name in enumerate(names)
        ),
    )
    help_ = f"show the phase {phase} proposals of security levels"
    return keyword(f"p{phase}-sec-level", help_, Command(lambda _context, _arguments: text))


NODES: tuple[Node, ...] = (
    *(_setting(word) for word in _SETTINGS),
    _levels(1, PHASE1_SETS),
    _levels(2, PHASE2_SETS),
    keyword("heartbeat", "show IKE heartbeats", Command(_beats)),
    keyword("conn-entry", "show peers that are connected", Command(_connections)),
)
