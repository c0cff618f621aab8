"""`set vpn NAME monitor …` and `set vpnmonitor …` (Vol. 5, "Configuring the VPN Monitoring Feature")."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from nsemu.cli.grammar import (
    Arguments,
    NumberType,
    Row,
    Setting,
    any_order,
    argument,
    choice,
    flag,
    keyword,
    when_set,
    when_unset,
)
from nsemu.cli.settings.checks import require
from nsemu.cli.types import INTERFACE, IP
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, NotFoundError
from nsemu.config.ike import IkeSettings
from nsemu.config.vpn import VpnMonitor

_WORDS: Final = ("source_interface", "destination", "optimized", "rekey")


def _set_monitor(editor: Editor, arguments: Arguments) -> None:
    vpn = require(editor.vpns, arguments["vpn"], "vpn")
    settings = VpnMonitor(**{word: arguments[word] for word in _WORDS if word in arguments})
    if settings.source_interface is not None:
        require(editor.interfaces, settings.source_interface, "interface")
    if settings.rekey and vpn.manual is not None:  # B327
        raise ConfigError(f"vpn {vpn.name} has manual keys and cannot have monitor rekey")
    editor.vpns.put(vpn.name, replace(vpn, monitor=settings))


def _unset_monitor(editor: Editor, arguments: Arguments) -> None:
    vpn = require(editor.vpns, arguments["vpn"], "vpn")
    if vpn.monitor is None:
        raise NotFoundError(f"vpn {vpn.name} is not monitored")
    left: VpnMonitor | None = None
    if arguments.get("optimized") or arguments.get("rekey"):
        old = vpn.monitor
        optimized, rekey = (arguments.get(word, False) for word in ("optimized", "rekey"))
        left = replace(old, optimized=old.optimized and not optimized, rekey=old.rekey and not rekey)
    editor.vpns.put(vpn.name, replace(vpn, monitor=left))


def _rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    settings = config.vpns[scope["vpn"]].monitor
    if settings is None:
        return
    row: dict[str, Any] = {word: getattr(settings, word) for word in _WORDS}
    yield Row({**scope, **{word: value for word, value in row.items() if value}})


def _global(word: str, field: str) -> Setting:
    """A number of `set vpnmonitor`, which has a default."""

    def put(editor: Editor, value: int) -> None:
        changed: dict[str, Any] = {field: value}
        editor.ike = replace(editor.ike, **changed)

    def rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
        value = getattr(config.ike, field)
        if value != getattr(IkeSettings(), field):
            yield Row({"number": value})

    return Setting(
        f"vpnmonitor {word}",
        lambda editor, arguments: put(editor, arguments["number"]),
        lambda editor, _arguments: put(editor, getattr(IkeSettings(), field)),
        rows,
    )


VPN_MONITOR = Setting("vpn monitor", _set_monitor, _unset_monitor, _rows)
MONITOR_INTERVAL = _global("interval", "monitor_interval")
MONITOR_THRESHOLD = _global("threshold", "monitor_threshold")
_SECONDS = when_set(argument("number", NumberType(1, 3600), "seconds"))
_FLAGS = (
    flag("optimized", "traffic counts as an answer"),
    flag("rekey", "negotiate at once and again when it is down"),
)

VPN_NODE = keyword(
    "monitor",
    "watch the tunnel with pings",
    choice(
        when_set(
            any_order(
                keyword(
                    "source-interface",
                    "interface whose address the pings have",
                    argument("source_interface", INTERFACE, "interface name"),
                ),
                keyword("destination-ip", "address that answers", argument("destination", IP, "address")),
                *_FLAGS,
            ),
            VPN_MONITOR,
        ),
        when_unset(any_order(*_FLAGS), VPN_MONITOR),
    ),
)
NODES = (
    keyword(
        "vpnmonitor",
        "how VPNs are watched",
        choice(
            keyword("interval", "seconds between pings", _SECONDS, MONITOR_INTERVAL),
            keyword("frequency", "seconds between pings", _SECONDS, MONITOR_INTERVAL),  # E105
            keyword(
                "threshold",
                "pings without answer before a tunnel is down",
                when_set(argument("number", NumberType(1, 255), "pings")),
                MONITOR_THRESHOLD,
            ),
        ),
    ),
)
