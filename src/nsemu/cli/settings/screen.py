"""`set zone Z screen …`: SCREEN options, their thresholds, malicious URLs (screenos-cli §6.4).

An option and its threshold are two lines; a threshold alone turns nothing on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nsemu.cli.grammar import (
    Arguments,
    NameType,
    Node,
    NumberType,
    Row,
    Setting,
    TextType,
    argument,
    choice,
    flag,
    keyword,
    sequence,
    when_set,
    when_unset,
)
from nsemu.cli.settings import interface_more
from nsemu.cli.settings.checks import require
from nsemu.cli.types import IP
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import CapacityError, ConfigError, NotFoundError
from nsemu.config.policy import GLOBAL_ZONE
from nsemu.config.screen import (
    COMPONENTS,
    MAXIMUM_URLS,
    MaliciousUrl,
    ScreenOption,
    ScreenOptions,
    SpoofingMode,
    Threshold,
)
from nsemu.config.zone import PREDEFINED_ZONES, Zone, ZoneKind

_FACTORY = {zone.name: zone.screen for zone in PREDEFINED_ZONES}
_ONLY_NUMBER = {threshold.option: threshold for threshold in Threshold if not threshold.words}

_MEANINGS = {
    ScreenOption.ICMP_FLOOD: "too many ICMP packets a second to one address",
    ScreenOption.UDP_FLOOD: "too many UDP packets a second to one address",
    ScreenOption.WINNUKE: "urgent data for NetBIOS, whose URG flag is taken away",
    ScreenOption.PORT_SCAN: "ten ports of one address in a short time",
    ScreenOption.IP_SWEEP: "ICMP to ten addresses in a short time",
    ScreenOption.TEAR_DROP: "fragments that overlap",
    ScreenOption.SYN_FLOOD: "too many connection requests a second",
    ScreenOption.IP_SPOOFING: "sources that are routed elsewhere",
    ScreenOption.PING_DEATH: "ICMP fragments beyond 65535 octets",
    ScreenOption.IP_FILTER_SRC: "source routes, loose and strict",
    ScreenOption.LAND: "SYN with the same source and destination",
    ScreenOption.SYN_FRAG: "fragments of SYN segments",
    ScreenOption.TCP_NO_FLAG: "TCP segments without flags",
    ScreenOption.UNKNOWN_PROTOCOL: "IP protocols 137 and above",
    ScreenOption.IP_BAD_OPTION: "malformed IP options",
    ScreenOption.IP_RECORD_ROUTE: "record route IP option",
    ScreenOption.IP_TIMESTAMP_OPT: "timestamp IP option",
    ScreenOption.IP_SECURITY_OPT: "security IP option",
    ScreenOption.IP_LOOSE_SRC_ROUTE: "loose source route IP option",
    ScreenOption.IP_STRICT_SRC_ROUTE: "strict source route IP option",
    ScreenOption.IP_STREAM_OPT: "stream IP option",
    ScreenOption.ICMP_FRAGMENT: "fragments of ICMP packets",
    ScreenOption.ICMP_LARGE: "ICMP packets of more than 1024 octets",
    ScreenOption.SYN_FIN: "SYN and FIN in one segment",
    ScreenOption.FIN_NO_ACK: "FIN without ACK",
    ScreenOption.SYN_ACK_ACK_PROXY: "too many proxied connections of one source",
    ScreenOption.BLOCK_FRAG: "all fragments",
    ScreenOption.TCP_SWEEP: "SYN to ten addresses in a short time",
    ScreenOption.ICMP_ID: "pings with identifier 0",
    ScreenOption.UDP_SWEEP: "UDP to ten addresses in a short time",
}


def _zone(editor: Editor, arguments: Arguments) -> Zone:
    zone = require(editor.zones, arguments["zone"], "zone")
    if zone.kind is ZoneKind.TUNNEL:
        raise ConfigError(f"zone {zone.name} has no SCREEN options (those of its carrier zone {zone.carrier} apply)")
    if zone.kind is ZoneKind.NULL or zone.name in {GLOBAL_ZONE, "Self"}:
        raise ConfigError(f"zone {zone.name} has no SCREEN options (a zone with interfaces expected)")
    return zone


def _put(editor: Editor, zone: Zone, options: ScreenOptions) -> None:
    if options != zone.screen:
        editor.zones.put(zone.name, replace(zone, screen=options))


def _factory(zone: Zone) -> ScreenOptions:
    return _FACTORY.get(zone.name, ScreenOptions())


def _set_option(editor: Editor, arguments: Arguments) -> None:
    zone, option = _zone(editor, arguments), arguments["option"]
    _put(editor, zone, zone.screen.with_option(option, on=True))


def _unset_option(editor: Editor, arguments: Arguments) -> None:
    zone = _zone(editor, arguments)
    _put(editor, zone, zone.screen.with_option(arguments["option"], on=False))


def _option_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    zone = config.zones[scope["zone"]]
    for option in ScreenOption:
        if option in zone.screen.active:
            yield Row({"zone": zone.name, "option": option})
        elif option in _factory(zone).active:
            yield Row({"zone": zone.name, "option": option}, unset=True)


def _threshold(arguments: Arguments) -> Threshold:
    found: Threshold = arguments.get("threshold") or _ONLY_NUMBER[arguments["option"]]
    return found


def _set_threshold(editor: Editor, arguments: Arguments) -> None:
    zone = _zone(editor, arguments)
    _put(editor, zone, zone.screen.with_threshold(_threshold(arguments), arguments["value"]))


def _unset_threshold(editor: Editor, arguments: Arguments) -> None:
    zone, threshold = _zone(editor, arguments), _threshold(arguments)
    _put(editor, zone, zone.screen.with_threshold(threshold, threshold.default))


def _threshold_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    zone = config.zones[scope["zone"]]
    for threshold, value in zone.screen.thresholds:
        words = {"threshold": threshold} if threshold.words else {}
        yield Row({"zone": zone.name, "option": threshold.option, "value": value, **words})


def _change_mode(editor: Editor, arguments: Arguments, *, on: bool) -> None:
    zone = _zone(editor, arguments)
    mode = arguments["mode"]
    modes = zone.screen.spoofing_modes | {mode} if on else zone.screen.spoofing_modes - {mode}
    _put(editor, zone, replace(zone.screen, spoofing_modes=modes))


def _mode_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    zone = config.zones[scope["zone"]]
    for mode in SpoofingMode:
        if mode in zone.screen.spoofing_modes:
            yield Row({"zone": zone.name, "option": ScreenOption.IP_SPOOFING, "mode": mode})


def _set_host(editor: Editor, arguments: Arguments) -> None:
    zone = _zone(editor, arguments)
    _put(editor, zone, zone.screen.with_udp_flood_host(arguments["address"], arguments["value"]))


def _unset_host(editor: Editor, arguments: Arguments) -> None:
    zone = _zone(editor, arguments)
    _put(editor, zone, zone.screen.with_udp_flood_host(arguments["address"], None))


def _host_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    zone = config.zones[scope["zone"]]
    for address, value in zone.screen.udp_flood_hosts:
        yield Row({"zone": zone.name, "option": ScreenOption.UDP_FLOOD, "address": address, "value": value})


def _set_url(editor: Editor, arguments: Arguments) -> None:
    zone = _zone(editor, arguments)
    name = arguments["url"]
    if len(zone.screen.urls) >= MAXIMUM_URLS and all(url.name != name for url in zone.screen.urls):
        raise CapacityError(f"no more URL patterns in zone {zone.name} (a zone holds {MAXIMUM_URLS})")
    url = MaliciousUrl(name, arguments["pattern"], arguments["length"])
    _put(editor, zone, zone.screen.with_url(name, url))


def _unset_url(editor: Editor, arguments: Arguments) -> None:
    zone = _zone(editor, arguments)
    name = arguments["url"]
    if all(url.name != name for url in zone.screen.urls):
        raise NotFoundError(f"URL pattern {name} does not exist in zone {zone.name}")
    _put(editor, zone, zone.screen.with_url(name, None))


def _url_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    zone = config.zones[scope["zone"]]
    for url in zone.screen.urls:
        yield Row({"zone": zone.name, "url": url.name, "pattern": url.pattern, "length": url.length})


def _change_alarm(editor: Editor, arguments: Arguments, *, on: bool) -> None:
    zone = _zone(editor, arguments)
    _put(editor, zone, replace(zone.screen, alarm_without_drop=on))


def _alarm_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    zone = config.zones[scope["zone"]]
    if zone.screen.alarm_without_drop:
        yield Row({"zone": zone.name})


def _change_components(editor: Editor, arguments: Arguments, *, on: bool) -> None:
    zone = _zone(editor, arguments)
    active = zone.screen.active | COMPONENTS if on else zone.screen.active - COMPONENTS
    _put(editor, zone, replace(zone.screen, active=active))


def _change_unknown(editor: Editor, arguments: Arguments, *, on: bool) -> None:
    zone = _zone(editor, arguments)
    _put(editor, zone, replace(zone.screen, drop_unknown_mac=on))


def _unknown_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    zone = config.zones[scope["zone"]]
    if zone.screen.drop_unknown_mac:
        yield Row({"zone": zone.name, "option": ScreenOption.SYN_FLOOD})


def _unset_all(editor: Editor, arguments: Arguments) -> None:
    _put(editor, _zone(editor, arguments), ScreenOptions())


SCREEN_OPTION = Setting("zone screen", _set_option, _unset_option, _option_rows)
SCREEN_THRESHOLD = Setting("zone screen threshold", _set_threshold, _unset_threshold, _threshold_rows)
SCREEN_SPOOFING = Setting(
    "zone screen ip-spoofing",
    lambda editor, arguments: _change_mode(editor, arguments, on=True),
    lambda editor, arguments: _change_mode(editor, arguments, on=False),
    _mode_rows,
)
SCREEN_UDP_HOST = Setting("zone screen udp-flood dst-ip", _set_host, _unset_host, _host_rows)
SCREEN_URL = Setting("zone screen mal-url", _set_url, _unset_url, _url_rows)
SCREEN_ALARM = Setting(
    "zone screen alarm-without-drop",
    lambda editor, arguments: _change_alarm(editor, arguments, on=True),
    lambda editor, arguments: _change_alarm(editor, arguments, on=False),
    _alarm_rows,
)
SCREEN_ALL = Setting("zone screen all", None, _unset_all)
SCREEN_COMPONENTS = Setting(
    "zone screen component-block",
    lambda editor, arguments: _change_components(editor, arguments, on=True),
    lambda editor, arguments: _change_components(editor, arguments, on=False),
)
"""All components in one line; they are printed one by one, as options."""
SCREEN_UNKNOWN_MAC = Setting(
    "zone screen syn-flood drop-unknown-mac",
    lambda editor, arguments: _change_unknown(editor, arguments, on=True),
    lambda editor, arguments: _change_unknown(editor, arguments, on=False),
    _unknown_rows,
)

SCREEN_SETTINGS = (
    SCREEN_ALARM,
    SCREEN_OPTION,
    SCREEN_SPOOFING,
    SCREEN_UNKNOWN_MAC,
    SCREEN_THRESHOLD,
    SCREEN_UDP_HOST,
    SCREEN_URL,
)
"""In the order of `get config`."""


def _number(threshold: Threshold) -> Node:
    return argument("value", NumberType(*threshold.bounds), threshold.unit)


def _threshold_node(threshold: Threshold) -> Node:
    help_ = f"{threshold.unit}, {threshold.default} unless told"
    return sequence(
        flag(threshold.words, help_, "threshold", threshold), when_set(_number(threshold)), SCREEN_THRESHOLD
    )


def _option_node(option: ScreenOption, *more: Node) -> Node:
    thresholds = [_threshold_node(item) for item in Threshold if item.option is option and item.words]
    then = choice(SCREEN_OPTION, *thresholds, *more) if thresholds or more else SCREEN_OPTION
    return sequence(flag(option.value, _MEANINGS[option], "option", option), then)


def _limit_node(word: str, help_: str, option: ScreenOption) -> Node:
    number = when_set(_number(_ONLY_NUMBER[option]), SCREEN_THRESHOLD)
    return sequence(flag(word, help_, "option", option), choice(SCREEN_OPTION, number))


_MODES = (
    sequence(
        flag("drop-no-rpf-route", "drop sources without route as well", "mode", SpoofingMode.DROP_NO_RPF_ROUTE),
        SCREEN_SPOOFING,
    ),
    sequence(
        flag("zone-based", "compare zones instead of interfaces", "mode", SpoofingMode.ZONE_BASED), SCREEN_SPOOFING
    ),
)
_HOST = keyword(
    "dst-ip",
    "a threshold for one destination",
    argument(
        "address",
        IP,
        "destination",
        when_set(keyword("threshold", "packets a second", _number(Threshold.UDP_FLOOD))),
        SCREEN_UDP_HOST,
    ),
)
_UNKNOWN_MAC = keyword(
    "drop-unknown-mac", "drop requests to unknown MAC addresses (transparent mode only)", SCREEN_UNKNOWN_MAC
)
_MORE = {
    ScreenOption.IP_SPOOFING: _MODES,
    ScreenOption.UDP_FLOOD: (_HOST,),
    ScreenOption.SYN_FLOOD: (_UNKNOWN_MAC,),
}
_COMPONENTS = keyword(
    "component-block",
    "components in HTTP",
    choice(
        SCREEN_COMPONENTS,
        *(
            sequence(flag(option.value.split()[1], help_, "option", option), SCREEN_OPTION)
            for option, help_ in (
                (ScreenOption.BLOCK_ACTIVEX, "ActiveX controls, and what they may hold"),
                (ScreenOption.BLOCK_JAVA, "Java applets"),
                (ScreenOption.BLOCK_ZIP, "ZIP files"),
                (ScreenOption.BLOCK_EXE, "EXE files"),
            )
        ),
    ),
)

_URL = keyword(
    "mal-url",
    "HTTP requests by the beginning of their URL",
    choice(
        sequence(flag("code-red", "the Code Red worm", "option", ScreenOption.CODE_RED), SCREEN_OPTION),
        argument(
            "url",
            NameType(),
            "name of the pattern",
            when_set(
                argument("pattern", TextType(64, quoted=True), "beginning of the request or of its URL"),
                argument("length", NumberType(1, 4096), "fewest characters of the URL"),
            ),
            SCREEN_URL,
        ),
    ),
)
_LIMITS = keyword(
    "limit-session",
    "sessions of one address",
    choice(
        _limit_node("source-ip-based", "sessions of one source", ScreenOption.LIMIT_SOURCE),
        _limit_node("destination-ip-based", "sessions to one destination", ScreenOption.LIMIT_DESTINATION),
    ),
)

SCREEN_NODE = keyword(
    "screen",
    "attacks that are looked for in packets from the zone",
    choice(
        keyword("alarm-without-drop", "log attacks, but let them pass", SCREEN_ALARM),
        when_unset(keyword("all", "all options and thresholds", SCREEN_ALL)),
        *(_option_node(option, *_MORE.get(option, ())) for option in _MEANINGS),
        interface_more.ON_TUNNEL,
        _LIMITS,
        _URL,
        _COMPONENTS,
    ),
)
