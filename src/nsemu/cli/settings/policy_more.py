"""Words of `set policy …` that are kept without effect, and those of tunnels that are not negotiated yet.

A policy carries the kept words of its line in `Policy.kept`; what its block adds is in the table of `config.kept`.
"""

from __future__ import annotations

from nsemu.cli.grammar import (
    Arguments,
    Node,
    NumberType,
    TextType,
    any_order,
    argument,
    choice,
    flag,
    keyword,
    optional,
)
from nsemu.cli.settings import policy_auth
from nsemu.cli.settings.checks import not_emulated
from nsemu.cli.settings.kept import Shelf
from nsemu.cli.types import TUNNEL_ID, kept_reference
from nsemu.config.editor import Editor
from nsemu.config.errors import NotFoundError
from nsemu.config.kept import owner_exists
from nsemu.config.policy import Policy, TrafficAlarm

_NAME = TextType(31, quoted=True)
_RATE = NumberType(0, 1_000_000)
SCHEDULER = kept_reference("scheduler")
L2TP = kept_reference("l2tp")
AUTH_SERVER = kept_reference("auth-server")

_LABELS = {
    "shaping": "policy traffic",
    "gbw": "policy traffic",
    "mbw": "policy traffic",
    "pbw": "policy traffic",
    "priority": "policy traffic",
    "dscp": "policy traffic",
    "no_session_backup": "policy no-session-backup",
    "no_hw_sess": "policy no-hw-sess",
    "url_filter": "policy url-filter",
    "av": "policy av",
    "attack": "policy attack",
    "attack_action": "policy attack",
    "attack_logging": "policy attack",
    "tunnel_id": "policy tunnel vpn id",
}
"""The argument of each kept word, and what the console calls it."""
NOTES = tuple(dict.fromkeys([*_LABELS.values(), "policy log alert"]))

TUNNELS: tuple[Node, ...] = (
    keyword("l2tp", "L2TP tunnel", argument("l2tp", L2TP, "L2TP tunnel name")),
    keyword("vpn-group", "redundant VPNs", argument("vpn_group", NumberType(1, 65535), "VPN group ID")),
)
"""After `tunnel`, beside `vpn NAME`."""
AFTER_VPN: tuple[Node, ...] = (
    optional(keyword("id", "tunnel ID", argument("tunnel_id", TUNNEL_ID, "tunnel ID"))),
    optional(keyword("l2tp", "L2TP inside the VPN", argument("l2tp", L2TP, "L2TP tunnel name"))),
)

LOG = keyword("log", "log its traffic", optional(flag("alert", "alert too")), binds=("log", True))
ALARM_RATES: tuple[Node, ...] = (
    argument("alarm_second", NumberType(0, 2**32 - 1), "octets a second, 0 for no alarm"),
    argument("alarm_minute", NumberType(0, 2**32 - 1), "octets a minute, 0 for no alarm"),
)
COUNT = keyword(
    "count",
    "count its traffic",
    optional(keyword("alarm", "alarm above a rate", *ALARM_RATES)),
    binds=("count", True),
)
_TRAFFIC = keyword(
    "traffic",
    "traffic shaping",
    any_order(
        keyword("gbw", "guaranteed bandwidth", argument("gbw", _RATE, "kbit/s")),
        keyword("priority", "priority", argument("priority", NumberType(0, 7), "0 is the highest")),
        keyword("mbw", "maximum bandwidth", argument("mbw", _RATE, "kbit/s")),
        keyword("pbw", "policing bandwidth", argument("pbw", _RATE, "kbit/s")),
        keyword(
            "dscp",
            "mark packets",
            choice(flag("enable", "mark", "dscp", "enable"), flag("disable", "no marks", "dscp", "disable")),
        ),
    ),
    binds=("shaping", True),
)
SESSION_LIMIT = keyword(
    "per-src-ip", "sessions of one source", argument("sess_limit", NumberType(1, 65535), "sessions")
)
OPTIONS: tuple[Node, ...] = (
    choice(*policy_auth.WORDS),
    keyword("schedule", "only at these times", argument("schedule", SCHEDULER, "scheduler name")),
    LOG,
    COUNT,
    _TRAFFIC,
    keyword("sess-limit", "sessions of one source", SESSION_LIMIT),
    flag("no-session-backup", "no backup of its sessions"),
    flag("no-hw-sess", "no sessions in hardware"),
    flag("url-filter", "filter URLs"),
    keyword("av", "virus scan", argument("av", _NAME, "profile")),
    keyword(
        "attack",
        "deep inspection",
        argument("attack", TextType(64, quoted=True), "attack or attack group"),
        optional(
            keyword("action", "what to do", argument("attack_action", TextType(32, "[a-z-]+", "action"), "action"))
        ),
        optional(flag("logging", "log attacks", "attack_logging")),
    ),
)


def read(arguments: Arguments) -> tuple[tuple[str, object], ...]:
    """The kept words among the arguments of a policy line."""
    return tuple((name, arguments[name]) for name in _LABELS if name in arguments)


def read_alarm(arguments: Arguments) -> TrafficAlarm | None:
    """What `count alarm …` asks for; None without it."""
    if "alarm_second" not in arguments:
        return None
    return arguments["alarm_second"], arguments["alarm_minute"]


def alarm_words(policy: Policy) -> dict[str, int]:
    """The arguments that `read_alarm` reads."""
    return {} if policy.alarm is None else dict(zip(("alarm_second", "alarm_minute"), policy.alarm, strict=True))


def check(editor: Editor, policy: Policy) -> None:
    """What the line names must exist. Raises NotFoundError."""
    if policy.schedule is not None and policy.schedule not in editor.schedules:
        raise NotFoundError(f"scheduler {policy.schedule} does not exist")
    if policy.l2tp is not None and not owner_exists(editor, ("l2tp", policy.l2tp)):
        raise NotFoundError(f"l2tp {policy.l2tp} does not exist")
    if policy.vpn_group is not None and policy.vpn_group not in editor.vpn_groups:
        raise NotFoundError(f"vpn-group {policy.vpn_group} does not exist")


def notes(policy: Policy) -> list[str]:
    """What the console says of the words of a policy that have no effect."""
    missing = [_LABELS[name] for name, _value in policy.kept]
    missing += ["policy log alert"] if policy.alert else []
    return [not_emulated(what) for what in dict.fromkeys(missing)]


POLICY = Shelf("policy", ("policy", "id"))
_ATTACK = argument("attack", TextType(64, quoted=True), "attack or attack group")
INSIDE: tuple[Node, ...] = (
    POLICY.line(
        "attack",
        "deep inspection",
        keyword("action", "what to do", argument("action", TextType(32, "[a-z-]+", "action"), "action")),
        optional(flag("logging", "log attacks")),
        key=(_ATTACK,),
    ),
    POLICY.line("av", "virus scan", argument("av", _NAME, "profile")),
    POLICY.line(
        "idp",
        "intrusion detection",
        optional(
            keyword(
                "mode", "mode", choice(flag("tap", "watch", "mode", "tap"), flag("inline", "in line", "mode", "inline"))
            )
        ),
    ),
    POLICY.line(
        "di-severity", "severity of attacks", argument("severity", TextType(16, "[a-z]+", "severity"), "severity")
    ),
    POLICY.line("di-alert-disable", "no alerts of attacks"),
    POLICY.line("no-hw-sess", "no sessions in hardware"),
    POLICY.line(
        "url",
        "filter URLs",
        keyword(
            "protocol",
            "filter",
            choice(*(flag(word, word, "protocol", word) for word in ("sc-cpa", "scfp", "websense"))),
            optional(keyword("profile", "profile", argument("profile", _NAME, "profile"))),
        ),
    ),
)
LINE = Shelf("policy", ("policy", "id"))
ONE_LINE: tuple[Node, ...] = (
    LINE.line(
        "application", "application of its sessions", argument("application", TextType(32, quoted=True), "application")
    ),
    LINE.line("anti-spam", "spam filter", argument("profile", _NAME, "profile")),
    LINE.line("av", "virus scan", argument("profile", _NAME, "profile"), name="av profile"),
)
"""After `set policy id N`."""
