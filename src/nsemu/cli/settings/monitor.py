"""`set interface X monitor …`: what an interface watches, and the weights at which it goes down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from nsemu.cli.grammar import (
    Arguments,
    Node,
    NumberType,
    Row,
    Setting,
    any_order,
    argument,
    choice,
    flag,
    keyword,
    optional,
    when_set,
)
from nsemu.cli.settings.checks import check_capacity, require
from nsemu.cli.types import INTERFACE, IP, ZONE
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, NotFoundError
from nsemu.config.interface import InterfaceKind
from nsemu.config.monitor import DEFAULT_WEIGHT, MOST_TARGETS, NOT_MONITORED, InterfaceMonitor, TrackTarget

_WEIGHT = NumberType(1, 255)


def _held(editor: Editor, arguments: Arguments) -> InterfaceMonitor:
    return require(editor.interfaces, arguments["interface"], "interface").monitor


def _put(editor: Editor, arguments: Arguments, **fields: Any) -> None:
    record = require(editor.interfaces, arguments["interface"], "interface")
    if record.kind is not InterfaceKind.ETHERNET:
        raise ConfigError(f"interface {record.name} cannot be monitored (a physical interface expected)")
    editor.interfaces.put(record.name, replace(record, monitor=replace(record.monitor, **fields)))


def _field(name: str, field: str, given: str = "") -> Setting:
    """A field with a default; `given` is the argument with its value, "" for a switch."""
    default = getattr(NOT_MONITORED, field)

    def rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
        held = getattr(config.interfaces[scope["interface"]].monitor, field)
        if held != default:
            yield Row({**scope, given: held} if given else scope)

    return Setting(
        name,
        lambda editor, arguments: _put(editor, arguments, **{field: arguments[given] if given else True}),
        lambda editor, arguments: _put(editor, arguments, **{field: default}),
        rows,
    )


def _weighted(name: str, field: str, check: Callable[[Editor, Arguments], str]) -> Setting:
    """Objects with weights: (name, weight)."""

    def set_(editor: Editor, arguments: Arguments) -> None:
        held = dict(getattr(_held(editor, arguments), field))
        held[check(editor, arguments)] = arguments.get("weight", DEFAULT_WEIGHT)
        _put(editor, arguments, **{field: tuple(held.items())})

    def unset(editor: Editor, arguments: Arguments) -> None:
        held = dict(getattr(_held(editor, arguments), field))
        if held.pop(arguments["object"], None) is None:
            raise NotFoundError(f"interface {arguments['interface']} does not monitor {arguments['object']}")
        _put(editor, arguments, **{field: tuple(held.items())})

    def rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
        for other, weight in getattr(config.interfaces[scope["interface"]].monitor, field):
            shown = {"weight": weight} if weight != DEFAULT_WEIGHT else {}
            yield Row({**scope, "object": other, **shown})

    return Setting(name, set_, unset, rows)


def _other_interface(editor: Editor, arguments: Arguments) -> str:
    other = require(editor.interfaces, arguments["object"], "interface").name
    if other == arguments["interface"]:
        raise ConfigError(f"interface {other} cannot monitor itself")
    return other


def _zone(editor: Editor, arguments: Arguments) -> str:
    return require(editor.zones, arguments["object"], "zone").name


def _set_target(editor: Editor, arguments: Arguments) -> None:
    targets = {target.address: target for target in _held(editor, arguments).targets}
    address = arguments["target"]
    if address not in targets:
        check_capacity(targets, MOST_TARGETS, f"tracked addresses of interface {arguments['interface']}")
    given = {name: arguments[name] for name in ("interval", "threshold", "weight", "arp") if name in arguments}
    targets[address] = replace(targets.get(address, TrackTarget(address)), **given)
    _put(editor, arguments, targets=tuple(targets.values()))


def _unset_target(editor: Editor, arguments: Arguments) -> None:
    held = _held(editor, arguments).targets
    left = tuple(target for target in held if target.address != arguments["target"])
    if len(left) == len(held):
        raise NotFoundError(f"interface {arguments['interface']} does not track that address")
    _put(editor, arguments, targets=left)


def _target_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    for target in config.interfaces[scope["interface"]].monitor.targets:
        usual = TrackTarget(target.address)
        row = {
            name: getattr(target, name)
            for name in ("interval", "threshold", "weight", "arp")
            if getattr(target, name) != getattr(usual, name)
        }
        yield Row({**scope, "target": target.address, **row})


THRESHOLD = _field("interface monitor threshold", "threshold", "threshold")
TRACK = _field("interface monitor track-ip", "track")
TRACK_THRESHOLD = _field("interface monitor track-ip threshold", "track_threshold", "threshold")
TRACK_WEIGHT = _field("interface monitor track-ip weight", "track_weight", "weight")
DYNAMIC = _field("interface monitor track-ip dynamic", "dynamic")
TARGET = Setting("interface monitor track-ip ip", _set_target, _unset_target, _target_rows)
OTHER = _weighted("interface monitor interface", "interfaces", _other_interface)
OF_ZONE = _weighted("interface monitor zone", "zones", _zone)
ITEMS = (THRESHOLD, OTHER, OF_ZONE, TRACK, TRACK_THRESHOLD, TRACK_WEIGHT, TARGET, DYNAMIC)


def _number(word: str, help_: str, name: str, kind: NumberType, setting: Setting) -> Node:
    return keyword(word, help_, when_set(argument(name, kind, "number")), setting)


_OBJECT_WEIGHT = when_set(optional(keyword("weight", "weight of its failure", argument("weight", _WEIGHT, "weight"))))
_TARGET_OPTIONS = when_set(
    any_order(
        keyword("interval", "seconds between probes", argument("interval", NumberType(1, 200), "seconds")),
        keyword("threshold", "lost probes in a row", argument("threshold", NumberType(1, 200), "probes")),
        keyword("weight", "weight of its failure", argument("weight", _WEIGHT, "weight")),
        keyword("method", "kind of probe", choice(flag("arp", "ARP", "arp", True), flag("ping", "ICMP", "arp", False))),
    )
)


def nodes() -> Node:
    """What follows `monitor`."""
    return choice(
        keyword(
            "track-ip",
            "probe addresses through the interface",
            choice(
                keyword(
                    "ip",
                    "an address",
                    choice(TRACK, argument("target", IP, "IP address", _TARGET_OPTIONS, TARGET)),
                ),
                _number("threshold", "weights of failed addresses", "threshold", _WEIGHT, TRACK_THRESHOLD),
                _number("weight", "weight of a failure of tracking", "weight", _WEIGHT, TRACK_WEIGHT),
                keyword("dynamic", "the gateway of the default route", DYNAMIC),
                TRACK,
            ),
        ),
        _number("threshold", "weights of failures at which the interface goes down", "threshold", _WEIGHT, THRESHOLD),
        keyword("interface", "another interface", argument("object", INTERFACE, "name", _OBJECT_WEIGHT, OTHER)),
        keyword("zone", "all interfaces of a zone", argument("object", ZONE, "zone name", _OBJECT_WEIGHT, OF_ZONE)),
    )
