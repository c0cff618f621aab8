"""`set zone …`: own zones, their virtual router, intrazone blocking, TCP reset."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from nsemu.cli.grammar import (
    Arguments,
    NameType,
    NumberType,
    Row,
    Setting,
    argument,
    choice,
    keyword,
    optional,
    when_set,
    when_unset,
)
from nsemu.cli.settings import interface_more, transparent
from nsemu.cli.settings.checks import check_capacity, refuse_if_used, require
from nsemu.cli.settings.pbr import ZONE_NODE as ZONE_PBR_NODE
from nsemu.cli.settings.screen import SCREEN_NODE
from nsemu.cli.types import VROUTER, ZONE
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, DuplicateError
from nsemu.config.policy import GLOBAL_ZONE
from nsemu.config.references import users_of_zone
from nsemu.config.vrouter import TRUST_VR
from nsemu.config.zone import FIRST_USER_ZONE_ID, PREDEFINED_ZONES, Zone, ZoneKind

_LAST_ZONE_ID = 4095
_PREDEFINED = {zone.name: zone for zone in PREDEFINED_ZONES}
_NEW_ZONE = NameType()


def _create(editor: Editor, arguments: Arguments) -> None:
    name, carrier = arguments["zone"], arguments.get("carrier")
    same = [zone for zone in editor.zones.values() if zone.name.lower() == name.lower()]
    if same and not (arguments.get("id") == same[0].id and same[0].name == name):
        raise DuplicateError(f"zone {same[0].name} already exists")
    if same:
        return
    check_capacity(editor.zones, len(_PREDEFINED) + editor.platform.capacity.zones, "zones")
    used = {zone.id: zone.name for zone in editor.zones.values()}
    number = arguments.get("id") or next(n for n in range(FIRST_USER_ZONE_ID, _LAST_ZONE_ID + 1) if n not in used)
    if number in used:
        raise DuplicateError(f"zone ID {number} is taken by zone {used[number]}")
    if carrier is not None and require(editor.zones, carrier, "zone").kind is not ZoneKind.LAYER3:
        raise ConfigError(f"zone {carrier} cannot carry a tunnel zone (a layer 3 security zone expected)")
    vlan = arguments.get("vlan", 0)
    kind = ZoneKind.LAYER2 if vlan else ZoneKind.LAYER3 if carrier is None else ZoneKind.TUNNEL
    vrouter = TRUST_VR if carrier is None else editor.zones[carrier].vrouter
    editor.zones.put(name, Zone(name, number, kind, vrouter=vrouter, carrier=carrier, vlan=vlan))


def _delete(editor: Editor, arguments: Arguments) -> None:
    zone = require(editor.zones, arguments["zone"], "zone")
    if zone.predefined:
        raise ConfigError(f"zone {zone.name} is predefined and cannot be removed")
    refuse_if_used(f"zone {zone.name}", users_of_zone(editor, zone.name))
    editor.zones.remove(zone.name)


def _zone_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    for zone in config.zones.values():
        if not zone.predefined:
            row = {"id": zone.id, "zone": zone.name, "carrier": zone.carrier}
            yield Row({**row, "vlan": zone.vlan} if zone.vlan else row)


def _set_vrouter(editor: Editor, arguments: Arguments) -> None:
    zone = require(editor.zones, arguments["zone"], "zone")
    require(editor.vrouters, arguments["vrouter"], "virtual router")
    _move(editor, zone, arguments["vrouter"])


def _unset_vrouter(editor: Editor, arguments: Arguments) -> None:
    zone = require(editor.zones, arguments["zone"], "zone")
    _move(editor, zone, _default(zone).vrouter)


def _move(editor: Editor, zone: Zone, vrouter: str) -> None:
    """Vol. 5 takes address and zone off an interface first: a zone with a live interface stays where it is."""
    if zone.vrouter == vrouter:
        return
    if zone.kind in {ZoneKind.NULL, ZoneKind.LAYER2}:
        raise ConfigError(f"zone {zone.name} cannot change its virtual router")
    bound = [record for record in editor.interfaces.values() if record.zone == zone.name]
    live = {record.name for record in bound if record.address is not None or record.unnumbered is not None}
    users = [f"interface {name} (unset its IP address first)" for name in sorted(live)]
    names = {record.name for record in bound}
    users += [f"route {key.prefix} in {key.vrouter}" for key in editor.routes if key.interface in names]
    refuse_if_used(f"zone {zone.name}", users)
    editor.zones.put(zone.name, replace(zone, vrouter=vrouter))


def _default(zone: Zone) -> Zone:
    return _PREDEFINED.get(zone.name) or Zone(zone.name, zone.id, zone.kind)


def _vrouter_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    for zone in config.zones.values():
        if zone.kind is not ZoneKind.NULL and (not zone.predefined or zone.name in _LISTED or _is_moved(zone)):
            yield Row({"zone": zone.name, "vrouter": zone.vrouter})


_LISTED = ("Trust", "Untrust", "DMZ", "VLAN", "Untrust-Tun")


def _is_moved(zone: Zone) -> bool:
    return zone.vrouter != _default(zone).vrouter


def _switch(field: str, name: str, change: Callable[[Zone, bool], Zone]) -> Setting:
    """A flag of a zone. Every own zone and the usual predefined ones have a line, as on a device."""

    def put(editor: Editor, arguments: Arguments, *, on: bool) -> None:
        zone = require(editor.zones, arguments["zone"], "zone")
        if zone.kind is ZoneKind.NULL:
            raise ConfigError(f"zone {zone.name} has no {name} setting")
        editor.zones.put(zone.name, change(zone, on))

    def rows(config: DeviceConfig, scope: Arguments) -> Iterable[Row]:
        zone = config.zones[scope["zone"]]
        value, default = getattr(zone, field), getattr(_default(zone), field)
        shown = value or value != default or (field == "tcp_rst" and _lists_reset(zone))
        return (Row({"zone": zone.name}, unset=not value),) if shown else ()

    return Setting(
        f"zone {name}",
        lambda editor, arguments: put(editor, arguments, on=True),
        lambda editor, arguments: put(editor, arguments, on=False),
        rows,
        tail=" " if field == "tcp_rst" else "",
    )


def _lists_reset(zone: Zone) -> bool:
    return (zone.policy_configurable and zone.name != GLOBAL_ZONE) or zone.name == "VLAN"


def zone_scopes(config: DeviceConfig) -> Iterator[Arguments]:
    """One scope a zone."""
    return ({"zone": zone.name} for zone in config.zones.values())


ZONE_OBJECT = Setting("zone", _create, _delete, _zone_rows)
ZONE_VROUTER = Setting("zone vrouter", _set_vrouter, _unset_vrouter, _vrouter_rows)
ZONE_BLOCK = _switch("block", "block", lambda zone, on: replace(zone, block=on))
ZONE_ASYMMETRIC_VPN = _switch("asymmetric_vpn", "asymmetric-vpn", lambda zone, on: replace(zone, asymmetric_vpn=on))
ZONE_REASSEMBLY = _switch("reassembly", "reassembly-for-alg", lambda zone, on: replace(zone, reassembly=on))
ZONE_TCP_RST = _switch("tcp_rst", "tcp-rst", lambda zone, on: replace(zone, tcp_rst=on))

VPN_AND_ALG = (ZONE_ASYMMETRIC_VPN, ZONE_REASSEMBLY)

_CARRIER = optional(
    choice(
        keyword("tunnel", "a tunnel zone", argument("carrier", ZONE, "zone whose interfaces carry the tunnels")),
        keyword("L2", "a layer 2 zone", argument("vlan", NumberType(1, 4094), "VLAN tag")),
    )
)

NODES = (
    keyword(
        "zone",
        "zone configuration",
        choice(
            when_set(
                choice(
                    keyword(
                        "id",
                        "new zone with a given ID",
                        argument("id", NumberType(FIRST_USER_ZONE_ID, _LAST_ZONE_ID), "zone ID"),
                        argument("zone", _NEW_ZONE, "zone name"),
                        _CARRIER,
                        ZONE_OBJECT,
                    ),
                    keyword("name", "new zone", argument("zone", _NEW_ZONE, "zone name"), _CARRIER, ZONE_OBJECT),
                )
            ),
            argument(
                "zone",
                ZONE,
                "zone name",
                choice(
                    when_unset(ZONE_OBJECT),
                    keyword(
                        "vrouter",
                        "virtual router of the zone",
                        when_set(argument("vrouter", VROUTER, "virtual router name")),
                        ZONE_VROUTER,
                    ),
                    keyword("block", "block traffic between interfaces of the zone", ZONE_BLOCK),
                    keyword("tcp-rst", "answer non-SYN packets without session with a reset", ZONE_TCP_RST),
                    keyword("asymmetric-vpn", "packets may come through another VPN of the zone", ZONE_ASYMMETRIC_VPN),
                    keyword("reassembly-for-alg", "forward what came in fragments whole", ZONE_REASSEMBLY),
                    SCREEN_NODE,
                    transparent.ZONE_NODE,
                    ZONE_PBR_NODE,
                    *interface_more.ZONE_NODES,
                ),
            ),
        ),
    ),
)
