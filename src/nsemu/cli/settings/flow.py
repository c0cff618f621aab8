"""`set flow …`: switches of the packet flow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from nsemu.cli.grammar import (
    Arguments,
    Node,
    NumberType,
    Row,
    Setting,
    argument,
    choice,
    flag,
    keyword,
    optional,
    when_set,
)
from nsemu.cli.settings.kept import Shelf, lists_defaults
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.flow import DEFAULT_GRE_MSS, DEFAULT_VPN_MSS, FlowSettings, ReverseRoute

FLOW = Shelf("flow")
_DEFAULTS = FlowSettings()
_LISTED = frozenset({"tcp_seq_check", "tcp_syn_check", "tcp_syn_check_in_tunnel"})
"""Switches of which `get config` always has a line."""
_LISTED_BY_6 = frozenset({"tcp_syn_bit_check", "reverse_clear", "reverse_tunnel"})
"""What only the releases 6.x list with its factory value (screenos-cli §6.1)."""


def _read(flow: FlowSettings, field: str) -> Any:
    """The value of a field; `aging.NAME` is one of the group."""
    owner = flow.aging if field.startswith("aging.") else flow
    return getattr(owner, field.removeprefix("aging."))


def _write(editor: Editor, field: str, value: Any) -> None:
    flow = editor.flow
    if field.startswith("aging."):
        editor.flow = replace(flow, aging=replace(flow.aging, **{field.removeprefix("aging."): value}))
    else:
        editor.flow = replace(flow, **{field: value})


def _shows(config: DeviceConfig, field: str) -> bool:
    if _read(config.flow, field) != _read(_DEFAULTS, field) or field in _LISTED:
        return True
    return field in _LISTED_BY_6 and lists_defaults(config)


def _switch(name: str, field: str, *, inverted: bool = False) -> Setting:
    """On or off; `inverted` for a word that says what is off."""

    def put(editor: Editor, *, on: bool) -> None:
        _write(editor, field, on != inverted)

    def rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
        if _shows(config, field):
            yield Row({}, unset=_read(config.flow, field) == inverted)

    return Setting(
        f"flow {name}",
        lambda editor, _arguments: put(editor, on=True),
        lambda editor, _arguments: put(editor, on=False),
        rows,
    )


def _number(name: str, field: str, *, bare: int | None = None, off: int | None = None) -> Setting:
    """A number. `bare` is meant when none is typed, `off` what `unset` leaves; its default is the factory's."""
    without = _read(_DEFAULTS, field) if off is None else off

    def rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
        value = _read(config.flow, field)
        if value != _read(_DEFAULTS, field) or bare == value:
            yield Row({} if value in {without, bare} else {"number": value}, unset=value == without)

    return Setting(
        f"flow {name}",
        lambda editor, arguments: _write(editor, field, arguments.get("number", bare)),
        lambda editor, _arguments: _write(editor, field, without),
        rows,
    )


def _way(name: str, field: str) -> Setting:
    """How replies find their way; `unset` looks up no route."""

    def rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
        mode = _read(config.flow, field)
        if _shows(config, field):
            yield Row({} if mode is ReverseRoute.NONE else {"mode": mode.value}, unset=mode is ReverseRoute.NONE)

    return Setting(
        f"flow reverse-route {name}",
        lambda editor, arguments: _write(editor, field, ReverseRoute(arguments["mode"])),
        lambda editor, _arguments: _write(editor, field, ReverseRoute.NONE),
        rows,
    )


_MSS = NumberType(64, 1460)
_MODES = choice(
    flag("always", "by its route, or not at all", "mode", "always"),
    flag("prefer", "by its route, else back where it came from", "mode", "prefer"),
)

_CHECKS = (
    ("no-tcp-seq-check", "do not check TCP sequence numbers", "tcp_seq_check"),
    ("tcp-syn-check", "a session starts with SYN, and lives on after the handshake", "tcp_syn_check"),
    ("tcp-syn-bit-check", "a session starts with SYN", "tcp_syn_bit_check"),
    ("tcp-syn-check-in-tunnel", "the same for traffic out of tunnels", "tcp_syn_check_in_tunnel"),
)
_SWITCHES = (
    ("tcp-rst-invalid-session", "a reset ends its session at once", "tcp_rst_invalid_session"),
    ("path-mtu", "tell senders what fits into a tunnel", "path_mtu"),
    ("allow-dns-reply", "DNS answers without a question pass", "allow_dns_reply"),
    ("icmp-ur-msg-filter", "one ICMP unreachable message a session", "icmp_error_once"),
    ("icmp-ur-session-close", "ICMP unreachable ends its session", "icmp_error_closes"),
    ("force-ip-reassembly", "forward packets whole, not in the fragments that came", "reassemble"),
    ("hub-n-spoke-mip", "MIPs reached from one tunnel through another", "hub_n_spoke_mip"),
    ("mac-flooding", "frames to unknown MAC addresses pass", "mac_flooding"),
)
_NUMBERS = (
    ("tcp-mss", "TCP MSS into VPNs", _number("tcp-mss", "tcp_mss", bare=DEFAULT_VPN_MSS, off=0), _MSS),
    ("all-tcp-mss", "TCP MSS of all traffic", _number("all-tcp-mss", "all_tcp_mss"), _MSS),
    ("vpn-tcp-mss", "TCP MSS into and out of VPNs", _number("vpn-tcp-mss", "vpn_tcp_mss", bare=DEFAULT_VPN_MSS), _MSS),
    (
        "gre-in-tcp-mss",
        "TCP MSS in GRE out of VPNs",
        _number("gre-in-tcp-mss", "gre_in_mss", bare=DEFAULT_GRE_MSS),
        _MSS,
    ),
    (
        "gre-out-tcp-mss",
        "TCP MSS in GRE into VPNs",
        _number("gre-out-tcp-mss", "gre_out_mss", bare=DEFAULT_GRE_MSS),
        _MSS,
    ),
    ("max-frag-pkt-size", "longest fragment", _number("max-frag-pkt-size", "max_fragment"), NumberType(1024, 1500)),
    ("initial-timeout", "seconds for a handshake", _number("initial-timeout", "initial_timeout"), NumberType(20, 300)),
)
_AGING = tuple(
    (word, help, _number(f"aging {word}", f"aging.{word.replace('-', '_')}"), numbers)
    for word, help, numbers in (
        ("early-ageout", "how much earlier, in units of 10 seconds", NumberType(2, 10)),
        ("high-watermark", "percent of the sessions at which it begins", NumberType(1, 100)),
        ("low-watermark", "percent of the sessions at which it ends", NumberType(1, 100)),
    )
)
_SWITCHED = {word: _switch(word, field, inverted=word.startswith("no-")) for word, _, field in (*_CHECKS, *_SWITCHES)}
SYN_COOKIE = _switch("syn-proxy syn-cookie", "syn_cookie")
MAC_CACHE = _switch("mac-cache-mgt", "mac_cache")
RST_SEQUENCE = _switch("check tcp-rst-sequence", "tcp_rst_sequence")
REVERSE_CLEAR, REVERSE_TUNNEL = _way("clear-text", "reverse_clear"), _way("tunnel", "reverse_tunnel")


def _numbered(word: str, help: str, setting: Setting, numbers: NumberType) -> Node:
    value = argument("number", numbers, "number")
    may_be_bare = numbers is _MSS and word != "all-tcp-mss"
    return keyword(word, help, when_set(optional(value) if may_be_bare else value), setting)


NODES = (
    keyword(
        "flow",
        "flow configuration",
        choice(
            *(_numbered(*row) for row in _NUMBERS),
            *(keyword(word, help, _SWITCHED[word]) for word, help, _ in (*_CHECKS, *_SWITCHES)),
            keyword(
                "syn-proxy",
                "TCP proxy against SYN floods",
                keyword("syn-cookie", "answer without remembering", SYN_COOKIE),
            ),
            keyword("check", "check", keyword("tcp-rst-sequence", "sequence numbers of resets", RST_SEQUENCE)),
            keyword("mac-cache", "keep MAC addresses", keyword("mgt", "of management traffic", MAC_CACHE)),
            keyword("mac-cache-mgt", "keep MAC addresses of management traffic", MAC_CACHE, hidden=True),
            keyword(
                "reverse-route",
                "route of replies",
                choice(
                    keyword("clear-text", "to what came in clear", when_set(_MODES), REVERSE_CLEAR),
                    keyword("tunnel", "to what came out of a tunnel", when_set(_MODES), REVERSE_TUNNEL),
                ),
            ),
            keyword(
                "aging",
                "end sessions earlier while the table is full",
                choice(*(_numbered(*row) for row in _AGING)),
            ),
            FLOW.line(
                "multicast",
                "multicast",
                choice(
                    flag("idp", "intrusion detection", "what", "idp"),
                    flag("install-hw-session", "sessions in hardware", "what", "install-hw-session"),
                ),
            ),
        ),
    ),
)

ITEMS = (
    *(row[2] for row in _NUMBERS),
    *(_SWITCHED[word] for word, *_ in _CHECKS),
    REVERSE_CLEAR,
    REVERSE_TUNNEL,
    *(_SWITCHED[word] for word, *_ in _SWITCHES),
    *(row[2] for row in _AGING),
    RST_SEQUENCE,
    MAC_CACHE,
    *FLOW.items,
    SYN_COOKIE,
)
"""In the order of `get config`."""
