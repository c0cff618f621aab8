"""The words of `set policy …`; what they do is in `policy`."""

from __future__ import annotations

from nsemu.cli.grammar import (
    Arguments,
    Body,
    Enter,
    Node,
    NumberType,
    Setting,
    TextType,
    any_order,
    argument,
    choice,
    flag,
    keyword,
    optional,
    sequence,
    when_set,
    when_unset,
)
from nsemu.cli.settings import policy, policy_more
from nsemu.cli.types import FROM_ADDRESS, IP, POLICY_ID, SERVICE, TO_ADDRESS, VPN, ZONE
from nsemu.config.editor import Editor
from nsemu.config.nat import LAST_DIP_ID
from nsemu.config.policy import PolicyAction

_NAME = TextType(31, quoted=True)


_TARGET = sequence(
    keyword("ip", "translated address", argument("nat_low", IP, "lowest translated address")),
    optional(
        choice(
            keyword("port", "translated port", argument("nat_port", NumberType(1, 65535), "port")),
            argument("nat_high", IP, "highest translated address"),
        )
    ),
)
_DESTINATION = keyword("dst", "translate the destination", _TARGET)
_SOURCE = sequence(
    flag("src", "translate the source", "nat_src"),
    optional(keyword("dip-id", "addresses of a pool", argument("dip_id", NumberType(2, LAST_DIP_ID), "DIP ID"))),
    optional(choice(_DESTINATION, keyword("nat", "translate addresses", _DESTINATION, hidden=True))),
)
_NAT = keyword("nat", "translate addresses", choice(_SOURCE, _DESTINATION))


def _body(source_gap: int) -> Node:
    """Addresses, service, action, options. A saved configuration has two blanks before the source."""
    return sequence(
        argument("source", FROM_ADDRESS, "source address", gap=source_gap),
        argument("destination", TO_ADDRESS, "destination address"),
        argument("service", SERVICE, "service"),
        optional(_NAT),
        choice(
            flag("permit", "let it through", "action", PolicyAction.PERMIT),
            flag("deny", "drop it", "action", PolicyAction.DENY),
            flag("reject", "drop it and tell the sender", "action", PolicyAction.REJECT),
            keyword(
                "tunnel",
                "send it through a VPN tunnel",
                choice(
                    keyword("vpn", "VPN", argument("vpn", VPN, "VPN name"), *policy_more.AFTER_VPN),
                    *policy_more.TUNNELS,
                ),
                optional(
                    keyword(
                        "pair-policy", "the policy of the other direction", argument("pair", POLICY_ID, "policy ID")
                    )
                ),
                binds=("action", PolicyAction.TUNNEL),
            ),
        ),
        any_order(*policy_more.OPTIONS),
        policy.POLICY,
    )


_PLACE = choice(
    flag("top", "first in the list of its zones"),
    keyword("before", "in front of another policy", argument("before", POLICY_ID, "policy ID")),
)
_TITLE = keyword("name", "name of the policy", argument("name", _NAME, "name"))
_LINE = sequence(
    any_order(_PLACE, _TITLE),
    keyword("from", "source zone", argument("from", ZONE, "zone name")),
    keyword("to", "destination zone", argument("to", ZONE, "zone name")),
    _body(2),
)
_ID = keyword("id", "policy ID", argument("id", POLICY_ID, "policy ID"))


def _member(word: str, help_: str, type_: Node, member: Setting, negate: Setting | None) -> Node:
    negation = () if negate is None else (keyword("negate", "match everything else", negate),)
    return keyword(word, help_, choice(*negation, sequence(type_, member)))


_INSIDE = (
    _member(
        "src-address",
        "one more source address",
        argument("member", FROM_ADDRESS, "address name"),
        policy.POLICY_SOURCE,
        policy.POLICY_SOURCE_NEGATE,
    ),
    _member(
        "dst-address",
        "one more destination address",
        argument("member", TO_ADDRESS, "address name"),
        policy.POLICY_DESTINATION,
        policy.POLICY_DESTINATION_NEGATE,
    ),
    _member("service", "one more service", argument("member", SERVICE, "service name"), policy.POLICY_SERVICE, None),
    keyword(
        "log",
        "log its traffic",
        choice(
            policy.POLICY_LOG,
            keyword("session-init", "when a session starts too", policy.POLICY_LOG_INIT),
            keyword("alert", "alert too", policy.POLICY_ALERT),
        ),
    ),
    keyword(
        "count",
        "count its traffic",
        choice(
            policy.POLICY_COUNT,
            keyword("alarm", "alarm above a rate", when_set(*policy_more.ALARM_RATES), policy.POLICY_ALARM),
        ),
    ),
    keyword("sess-limit", "sessions of one source", when_set(policy_more.SESSION_LIMIT), policy.POLICY_SESSION_LIMIT),
    keyword(
        "schedule",
        "only at these times",
        when_set(argument("schedule", policy_more.SCHEDULER, "scheduler name")),
        policy.POLICY_SCHEDULE,
    ),
    keyword("name", "name of the policy", when_set(argument("name", _NAME, "name")), policy.POLICY_NAME),
    keyword("disable", "do not use the policy", policy.POLICY_DISABLE),
    *policy_more.INSIDE,
)


def _enter(editor: Editor, arguments: Arguments) -> Arguments:
    record = policy.find(editor, arguments["id"])
    return {"id": record.id, "from": record.from_zone, "to": record.to_zone}


ENTER_POLICY = Enter("policy", Body(lambda known: f"policy:{known['id']}", _INSIDE), _enter)

NODES = (
    keyword(
        "policy",
        "policy configuration",
        choice(
            when_set(keyword("default-permit-all", "permit what no policy denies", policy.DEFAULT_PERMIT_ALL)),
            when_unset(keyword("default-permit-all", "deny what no policy permits", policy.DEFAULT_PERMIT_ALL)),
            when_set(
                keyword(
                    "global",
                    "a policy of all zones",
                    optional(_ID),
                    any_order(_PLACE, _TITLE),
                    _body(2),
                    binds=("global", True),
                )
            ),
            keyword(
                "id",
                "policy ID",
                argument("id", POLICY_ID, "policy ID"),
                choice(
                    when_set(ENTER_POLICY),
                    when_unset(policy.POLICY),
                    keyword("disable", "do not use the policy", policy.POLICY_DISABLE),
                    *policy_more.ONE_LINE,
                    when_set(_LINE),
                ),
            ),
            when_set(
                keyword(
                    "move",
                    "change the order",
                    argument("id", POLICY_ID, "policy ID"),
                    choice(
                        flag("before", "in front of", "where", "before"),
                        flag("after", "behind", "where", "after"),
                    ),
                    argument("other", POLICY_ID, "policy ID"),
                    policy.POLICY_MOVE,
                )
            ),
            when_set(_LINE),
            when_unset(argument("id", POLICY_ID, "policy ID", policy.POLICY)),
        ),
    ),
)
