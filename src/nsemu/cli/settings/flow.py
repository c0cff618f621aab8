"""`set flow …`: switches of the packet flow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from nsemu.cli.grammar import Arguments, NumberType, Row, Setting, argument, choice, keyword, optional, when_set
from nsemu.cli.settings import system_more
from nsemu.cli.settings.checks import not_emulated
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.system import FlowSettings

SEQUENCE = "flow no-tcp-seq-check"
_DEFAULTS = FlowSettings()


def _switch(
    name: str, read: Callable[[FlowSettings], bool], change: Callable[[FlowSettings, bool], FlowSettings]
) -> Setting:
    """A switch that `get config` always shows, as a device does."""

    def rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
        yield Row({}, unset=not read(config.flow))

    def put(editor: Editor, *, on: bool) -> str | None:
        editor.flow = change(editor.flow, on)
        return not_emulated("the check of TCP sequence numbers") if name == SEQUENCE and not on else None

    return Setting(
        name,
        lambda editor, _arguments: put(editor, on=True),
        lambda editor, _arguments: put(editor, on=False),
        rows,
    )


def _set_tcp_mss(editor: Editor, arguments: Arguments) -> None:
    editor.flow = replace(editor.flow, tcp_mss=arguments.get("mss", _DEFAULTS.tcp_mss))


def _unset_tcp_mss(editor: Editor, _arguments: Arguments) -> None:
    editor.flow = replace(editor.flow, tcp_mss=0)


def _tcp_mss_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    mss = config.flow.tcp_mss
    yield Row({"mss": mss} if mss not in {0, _DEFAULTS.tcp_mss} else {}, unset=mss == 0)


def _set_all_tcp_mss(editor: Editor, arguments: Arguments) -> None:
    editor.flow = replace(editor.flow, all_tcp_mss=arguments["mss"])


def _unset_all_tcp_mss(editor: Editor, _arguments: Arguments) -> None:
    editor.flow = replace(editor.flow, all_tcp_mss=0)


def _all_tcp_mss_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    if config.flow.all_tcp_mss:
        yield Row({"mss": config.flow.all_tcp_mss})


def _put_syn_cookie(editor: Editor, *, on: bool) -> None:
    editor.flow = replace(editor.flow, syn_cookie=on)


def _syn_cookie_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    if config.flow.syn_cookie:
        yield Row({})


TCP_MSS = Setting("flow tcp-mss", _set_tcp_mss, _unset_tcp_mss, _tcp_mss_rows)
ALL_TCP_MSS = Setting("flow all-tcp-mss", _set_all_tcp_mss, _unset_all_tcp_mss, _all_tcp_mss_rows)
NO_SEQUENCE_CHECK = _switch(
    SEQUENCE,
    lambda flow: not flow.tcp_seq_check,
    lambda flow, on: replace(flow, tcp_seq_check=not on),
)
SYN_CHECK = _switch(
    "flow tcp-syn-check", lambda flow: flow.tcp_syn_check, lambda flow, on: replace(flow, tcp_syn_check=on)
)
SYN_COOKIE = Setting(
    "flow syn-proxy syn-cookie",
    lambda editor, _arguments: _put_syn_cookie(editor, on=True),
    lambda editor, _arguments: _put_syn_cookie(editor, on=False),
    _syn_cookie_rows,
)
SYN_CHECK_IN_TUNNEL = _switch(
    "flow tcp-syn-check-in-tunnel",
    lambda flow: flow.tcp_syn_check_in_tunnel,
    lambda flow, on: replace(flow, tcp_syn_check_in_tunnel=on),
)

_MSS = NumberType(64, 1460)

NODES = (
    keyword(
        "flow",
        "flow configuration",
        choice(
            keyword("tcp-mss", "TCP MSS into VPNs", when_set(optional(argument("mss", _MSS, "octets"))), TCP_MSS),
            keyword("all-tcp-mss", "TCP MSS of all traffic", when_set(argument("mss", _MSS, "octets")), ALL_TCP_MSS),
            keyword("no-tcp-seq-check", "do not check TCP sequence numbers", NO_SEQUENCE_CHECK),
            keyword(
                "syn-proxy",
                "TCP proxy against SYN floods",
                keyword("syn-cookie", "answer without remembering", SYN_COOKIE),
            ),
            keyword("tcp-syn-check", "a session starts with SYN", SYN_CHECK),
            keyword("tcp-syn-check-in-tunnel", "the same for traffic out of tunnels", SYN_CHECK_IN_TUNNEL),
            *system_more.FLOW_NODES,
        ),
    ),
)
