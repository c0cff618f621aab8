"""`get vrouter X protocol …` and `get interface X protocol …` (screenos-cli §1.17).

BGP, OSPF and RIP are kept settings: their neighbors are shown as configured and never come up, their tables are empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, Node, argument, choice, keyword, optional
from nsemu.cli.settings import TREE, vrouter
from nsemu.cli.settings.bgp import instance
from nsemu.cli.settings.checks import require
from nsemu.cli.settings.layout import write
from nsemu.cli.settings.routing_protocols import BLOCKS
from nsemu.cli.show.kept import is_kept, kept_value
from nsemu.cli.show.layout import enabled, lines
from nsemu.cli.types import IP
from nsemu.config.device import DeviceConfig
from nsemu.config.errors import NotFoundError
from nsemu.config.kept import KeptLine, Owner
from nsemu.wire.address import format_ipv4

_NAMES = ("bgp", "ospf", "rip")


@dataclass(frozen=True, slots=True)
class Instance:
    """A protocol that a virtual router is configured to run."""

    config: DeviceConfig
    protocol: str
    vrouter: str
    line: KeptLine

    @property
    def owner(self) -> Owner:
        """What its settings belong to."""
        return ("virtual router", self.vrouter)

    def value(self, setting: str, argument: str, default: Any) -> Any:
        """An argument of one of its settings."""
        return kept_value(self.config, f"{self.protocol} {setting}", argument, default, self.owner)

    def on(self, setting: str) -> bool:
        """Whether a setting without values is on."""
        return is_kept(self.config, f"{self.protocol} {setting}", self.owner)

    def each(self, setting: str) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
        """All lines of a setting."""
        for key, line in self.config.kept.items():
            if key.setting == f"{self.protocol} {setting}" and key.owner == self.owner:
                yield key.identity, dict(line.arguments)

    def neighbor(self, setting: str, address: int, argument: str, default: Any = None) -> Any:
        """An argument of a setting of one neighbor."""
        found = (arguments for identity, arguments in self.each(f"neighbor {setting}") if identity == (address,))
        return next((arguments.get(argument, default) for arguments in found), default)

    def has(self, setting: str, address: int) -> bool:
        """Whether a neighbor has a setting."""
        return any(identity == (address,) for identity, _ in self.each(f"neighbor {setting}"))


View = Callable[[Instance, Arguments], Iterator[str]]


def _instance(config: DeviceConfig, protocol: str, name: str) -> Instance:
    require(config.vrouters, name, "vrouter")
    line = config.kept.get(instance(protocol, name))
    if line is None:
        raise NotFoundError(f"{protocol.upper()} is not configured in vrouter {name}")
    return Instance(config, protocol, name, line)


def _shown(protocol: str, view: View) -> Command:
    def show(context: Context, arguments: Arguments) -> str:
        found = _instance(context.device.config, protocol, arguments["vrouter"])
        return lines(*view(found, arguments))

    return Command(show)


def _configuration(protocol: str) -> Command:
    block = BLOCKS[_NAMES.index(protocol)]

    def show(context: Context, arguments: Arguments) -> str:
        config, name = context.device.config, arguments["vrouter"]
        _instance(config, protocol, name)
        inside = vrouter.ENTER_VROUTER.body.nodes
        return lines(*write(config, type(TREE)(inside), (block,), {"vrouter": name}))

    return Command(show)


# --- BGP


def _bgp(found: Instance, _arguments: Arguments) -> Iterator[str]:
    record = found.config.vrouters[found.vrouter]
    own = dict(found.line.arguments).get("as", 0)
    router = _router_id(found)
    yield f"admin state: {_admin_state(found)}"
    yield f"local AS number: {own}"
    yield f"local router ID: {format_ipv4(router)}"
    yield f"vrouter: {record.name}"
    yield f"hold time: {found.value('hold-time', 'seconds', 90)}"
    yield f"keepalive interval: {found.value('keepalive', 'seconds', 30)}"
    yield f"local preference: {found.value('local-pref', 'value', 100)}"
    yield f"default MED: {found.value('med', 'value', 0)}"
    yield f"always compare MED: {enabled(found.on('always-compare-med'))}"
    yield f"synchronization: {enabled(found.on('synchronization'))}"
    yield f"reject default route: {enabled(found.on('reject-default-route'))}"
    yield f"number of peers: {len(_peers(found))}, established: 0"


def _router_id(found: Instance) -> int:
    """The configured one, or the highest address of an interface of the virtual router."""
    config = found.config
    own: int | None = kept_value(config, "vrouter router-id", "router_id", None, found.owner)
    if own is not None:
        return own
    inside = (record for record in config.interfaces.values() if config.zones[record.zone].vrouter == found.vrouter)
    return max((record.address.address for record in inside if record.address is not None), default=0)


def _admin_state(found: Instance) -> str:
    return "enable" if found.on("enable") else "disable"


def _peers(found: Instance) -> list[int]:
    return [identity[0] for identity, _ in found.each("neighbor remote-as")]


def _neighbors(found: Instance, arguments: Arguments) -> Iterator[str]:
    wanted = arguments.get("neighbor")
    if wanted is not None:
        yield from _peer(found, wanted)
        return
    yield "Peer AS Remote IP       Local IP          Wt Status   State     ConnID Up/Down"
    yield "-" * 80
    for peer in _peers(found):
        remote, weight = found.neighbor("remote-as", peer, "as", 0), found.neighbor("weight", peer, "weight", 100)
        status = "Enabled" if found.has("enable", peer) else "Disabled"
        yield f"{remote:>7} {format_ipv4(peer):<15} {'0.0.0.0':<15} {weight:>4} {status:<8} {'IDLE':<9} {0:>6} never"
    yield ""
    yield f"total {len(_peers(found))} BGP peers shown, none is reached: BGP is not emulated"


def _peer(found: Instance, peer: int) -> Iterator[str]:
    if peer not in _peers(found):
        raise NotFoundError(f"BGP neighbor {format_ipv4(peer)} does not exist")
    remote = found.neighbor("remote-as", peer, "as", 0)
    hops = found.neighbor("ebgp-multihop", peer, "hops", 0)
    kind = "IBGP" if remote == dict(found.line.arguments).get("as") else "EBGP"
    yield (
        f"peer: {format_ipv4(peer)},  remote AS: {remote}, "
        f"admin status: {'enable' if found.has('enable', peer) else 'disable'}"
    )
    yield f"type: {kind}, multihop: {hops}({'enable' if hops else 'disable'}), MED: node default(0)"
    yield f"connection state: IDLE, connection id: 0 retry interval: {_time(found, peer, 'retry-time', 120)}"
    yield (
        f"configured hold time: {_time(found, peer, 'hold-time', 90)}, "
        f"configured keepalive: {_time(found, peer, 'keepalive', 30)}"
    )
    yield "configured adv-interval: default(30s)"
    yield "designated local IP: n/a"
    yield "local IP address/port: 0.0.0.0/0, remote IP address/port: 0.0.0.0/0"
    yield f"router ID of peer: 0.0.0.0, remote AS: {remote}"
    yield "negotiated hold time: 0s, negotiated keepalive interval: 0s"
    yield (
        f"route map in name: {found.neighbor('route-map in', peer, 'map', '')}, "
        f"route map out name: {found.neighbor('route-map out', peer, 'map', '')}"
    )
    weight = found.neighbor("weight", peer, "weight")
    yield f"weight: {100 if weight is None else weight}{' (default)' if weight is None else ''}"
    yield f"self as next hop: {_switch(found, peer, 'nhself-enable')}"
    yield f"send community path attribute: {'yes' if found.has('send-community', peer) else 'no'}"
    yield f"force reconnect is {_switch(found, peer, 'force-reconnect')}"
    yield "total messages to peer: 0, from peer: 0"
    yield "update messages to peer: 0, from peer: 0"
    yield "number of total successful connections: 0"


def _time(found: Instance, peer: int, setting: str, default: int) -> str:
    own = found.neighbor(setting, peer, "seconds")
    return f"node default({default}s)" if own is None else f"{own}s"


def _switch(found: Instance, peer: int, setting: str) -> str:
    return "enable" if found.has(setting, peer) else "disable"


def _rib(_found: Instance, _arguments: Arguments) -> Iterator[str]:
    yield "i: IBGP route, e: EBGP route, >: best route, *: valid route"
    yield "               Prefix         Nexthop    Wt  Pref   Med Orig    AS-Path"
    yield "-" * 86
    yield "Total IPv4 routes received: 0"


def _networks(found: Instance, _arguments: Arguments) -> Iterator[str]:
    yield "Network                  Weight  Check"
    yield "-" * 40
    for (network,), arguments in found.each("network"):
        check = "no" if arguments.get("no_check") else "yes"
        yield f"{network!s:<24}{arguments.get('weight', 32768):>7}  {check}"


# --- OSPF and RIP


def _ospf(found: Instance, _arguments: Arguments) -> Iterator[str]:
    router = _router_id(found)
    yield f"VR: {found.vrouter} RouterId: {format_ipv4(router)}"
    yield "-" * 34
    yield f"OSPF {'enabled' if found.on('enable') else 'disabled'}, not emulated: no packets are sent"
    yield "SPF: 0 runs, neighbors: 0, LSAs: 0"
    yield f"RFC 1583 compatibility: {enabled(found.on('rfc-1583'))}"
    yield f"reject default route: {enabled(found.on('reject-default-route'))}"
    for (area,), arguments in found.each("area"):
        yield f"area {area}: {arguments.get('kind', 'normal')}, {len(_members(found, area))} interfaces"


def _members(found: Instance, area: str | None = None) -> list[str]:
    """The interfaces of a virtual router that are in an area, or in any."""
    config = found.config
    return [
        name
        for name, record in config.interfaces.items()
        if config.zones[record.zone].vrouter == found.vrouter
        for place in (kept_value(config, "interface protocol ospf area", "area", None, ("interface", name)),)
        if place is not None and area in {None, place}
    ]


def _no_neighbors(found: Instance, _arguments: Arguments) -> Iterator[str]:
    yield f"VR: {found.vrouter}"
    yield "-" * 80
    yield "              IpAddr          RouterId         Pri        State     Opt       Up  StateChg"
    yield "total number of neighbors: 0"


def _ospf_interfaces(found: Instance, _arguments: Arguments) -> Iterator[str]:
    yield f"VR: {found.vrouter}"
    yield "-" * 80
    yield f"{'Interface':<20}{'AreaId':<17}{'Cost':>5} {'Pri':>4}  Status"
    for name in _members(found):
        owner = ("interface", name)
        area = kept_value(found.config, "interface protocol ospf area", "area", "0", owner)
        cost = kept_value(found.config, "interface protocol ospf cost", "cost", 1, owner)
        priority = kept_value(found.config, "interface protocol ospf priority", "priority", 1, owner)
        state = enabled(is_kept(found.config, "interface protocol ospf enable", owner))
        yield f"{name:<20}{area:<17}{cost:>5} {priority:>4}  {state}"


def _no_database(found: Instance, _arguments: Arguments) -> Iterator[str]:
    yield f"VR: {found.vrouter}"
    yield f"{found.protocol.upper()} database: 0 entries"


def _rip(found: Instance, _arguments: Arguments) -> Iterator[str]:
    yield f"VR: {found.vrouter}"
    yield "-" * 34
    yield f"State: {enabled(found.on('enable'))}, not emulated: no packets are sent"
    yield f"Update timer: {found.value('update-timer', 'seconds', 30)}"
    yield f"Reject default route: {enabled(found.on('reject-default-route'))}"
    yield f"Advertise default route: {enabled(found.on('advertise-def-route'))}"


# --- of an interface


def _of_interface(protocol: str) -> Command:
    def show(context: Context, arguments: Arguments) -> str:
        config, name = context.device.config, arguments["interface"]
        require(config.interfaces, name, "interface")
        prefix, owner = f"interface protocol {protocol}", ("interface", name)
        rows = [
            (key.setting.removeprefix(prefix).strip(), dict(line.arguments))
            for key, line in config.kept.items()
            if key.owner == owner and key.setting.startswith(prefix)
        ]
        running = any(word in {"", "enable"} for word, _ in rows)
        return lines(
            f"{protocol.upper()} on interface {name}: {enabled(running)}, not emulated",
            *(f"  {word}{_values(values)}" for word, values in rows if word not in {"", "enable"}),
        )

    return Command(show)


def _values(values: dict[str, Any]) -> str:
    shown = (str(value) for name, value in values.items() if name != "interface")
    return "".join(f" {value}" for value in shown)


_VIEWS: dict[str, dict[str, tuple[str, View]]] = {
    "bgp": {
        "network": ("show networks", _networks),
        "rib-in": ("show received routes", _rib),
        "rib": ("show routes", _rib),
    },
    "ospf": {
        "neighbor": ("show neighbors", _no_neighbors),
        "interface": ("show interfaces", _ospf_interfaces),
        "database": ("show the database", _no_database),
    },
    "rip": {
        "neighbors": ("show neighbors", _no_neighbors),
        "database": ("show the database", _no_database),
    },
}
_HEADS: dict[str, tuple[str, View]] = {
    "bgp": ("show BGP info", _bgp),
    "ospf": ("show OSPF info", _ospf),
    "rip": ("show RIP info", _rip),
}
_PEER = keyword(
    "neighbor",
    "show BGP peers",
    optional(argument("neighbor", IP, "address of a peer")),
    _shown("bgp", _neighbors),
)
VROUTER_PROTOCOL: Node = keyword(
    "protocol",
    "show a routing protocol",
    choice(
        *(
            keyword(
                protocol,
                help_,
                choice(
                    _shown(protocol, view),
                    keyword("config", "show its configuration", _configuration(protocol)),
                    *((_PEER,) if protocol == "bgp" else ()),
                    *(keyword(word, text, _shown(protocol, of)) for word, (text, of) in _VIEWS[protocol].items()),
                ),
            )
            for protocol, (help_, view) in _HEADS.items()
        )
    ),
)
INTERFACE_PROTOCOL: Node = keyword(
    "protocol",
    "show a routing protocol of the interface",
    choice(*(keyword(name, f"show {name.upper()}", _of_interface(name)) for name in (*_NAMES, "igmp", "pim"))),
)
