"""`set ike gateway …`: the words; what they do is in `ike_gateway`. Also the words of security levels."""

from __future__ import annotations

from nsemu.cli import types
from nsemu.cli.grammar import (
    HostType,
    Node,
    NumberType,
    ReferenceType,
    Scope,
    TextType,
    any_order,
    argument,
    choice,
    flag,
    keyword,
    optional,
    repeat,
    sequence,
    when_set,
    when_unset,
)
from nsemu.cli.settings import ike_gateway, ike_more, xauth
from nsemu.cli.types import exact
from nsemu.config.algorithms import ExchangeMode
from nsemu.config.ike import MAXIMUM_PROPOSALS, SecurityLevel

_IDENTITY = TextType(255, quoted=True)
_KEY = TextType(128, quoted=True)
_LEVELS = {
    SecurityLevel.STANDARD: "AES and triple DES with SHA-1",
    SecurityLevel.COMPATIBLE: "triple DES and DES with SHA-1 and MD5",
    SecurityLevel.BASIC: "DES with SHA-1 and MD5",
}


def _dialup_names(scope: Scope) -> list[str]:
    return [*scope.config.user_groups, *scope.config.users]


_DIALUP = ReferenceType(exact, _dialup_names)


def security(proposals: ReferenceType) -> Node:
    """`proposal P [P2 [P3 [P4]]]` or `sec-level LEVEL`, or neither: gateways and VPNs (B035, B051)."""
    return optional(
        choice(
            keyword(
                "proposal",
                "proposals, the preferred one first",
                repeat("proposals", argument("proposal", proposals, "proposal name"), MAXIMUM_PROPOSALS),
            ),
            keyword(
                "sec-level",
                "a predefined set of proposals",
                choice(*(flag(level.value, text, "level", level) for level, text in _LEVELS.items())),
            ),
        )
    )


_PEER = choice(
    sequence(
        choice(keyword("address", "address of the peer"), keyword("ip", "address of the peer", hidden=True)),
        argument("address", HostType(), "address or domain name of the peer"),
    ),
    keyword("dynamic", "a peer whose address changes", argument("dynamic_id", _IDENTITY, "IKE ID of the peer")),
    keyword("dialup", "a user or a user group", argument("dialup", _DIALUP, "user or user group")),
)
_MODE = choice(
    flag("main", "Main mode", "mode", ExchangeMode.MAIN, printed="Main"),
    flag("aggressive", "Aggressive mode", "mode", ExchangeMode.AGGRESSIVE, printed="Aggr"),
)
_WORDS = any_order(
    keyword("id", "IKE ID of the peer", argument("peer_id", _IDENTITY, "IKE ID")),
    _MODE,
    keyword("local-id", "own IKE ID", argument("local_id", _IDENTITY, "IKE ID")),
    choice(
        keyword(
            "outgoing-interface", "interface towards the peer", argument("interface", types.OUTGOING, "interface name")
        ),
        keyword("outgoing-zone", "layer 2 zone towards the peer", argument("interface", types.OUTGOING, "zone name")),
    ),
    keyword("local-address", "own address towards the peer", argument("address_here", types.IP, "IP address")),
    keyword("preshare", "preshared key", argument("preshare", _KEY, "key")),
    keyword("seed-preshare", "seed of the keys of a group", argument("seed", _KEY, "seed")),
)


def _number(word: str, help_: str, low: int, high: int, setting: Node, field: str) -> Node:
    return keyword(word, help_, when_set(argument(field, NumberType(low, high), help_)), setting)


_CERT = keyword(
    "cert",
    "certificates of the peer",
    choice(
        keyword(
            "peer-ca",
            "CA that signed the certificate of the peer",
            when_set(
                choice(
                    flag("all", "any CA", "authority", "all"),
                    argument("authority", TextType(10, "[0-9]+", "ID of a CA certificate"), "CA ID"),
                )
            ),
            ike_gateway.CERT_AUTHORITY,
        ),
        keyword(
            "peer-cert-type",
            "how the peer sends its certificate",
            when_set(
                choice(
                    flag("x509-sig", "X.509 certificate", "form", "x509-sig"),
                    flag("pkcs7", "PKCS #7 envelope", "form", "pkcs7"),
                )
            ),
            ike_gateway.CERT_FORM,
        ),
    ),
)
_TRAVERSAL = keyword(
    "nat-traversal",
    "IKE and ESP through address translation",
    choice(
        ike_gateway.NAT_TRAVERSAL,
        keyword("udp-checksum", "checksums of UDP datagrams that carry ESP", ike_gateway.UDP_CHECKSUM),
        _number(
            "keepalive-frequency", "seconds between keepalives, 0 for none", 0, 300, ike_gateway.KEEPALIVE, "keepalive"
        ),
    ),
)
_HEARTBEAT = keyword(
    "heartbeat",
    "IKE heartbeats",
    choice(
        _number("hello", "seconds between heartbeats, 0 for none", 0, 3600, ike_gateway.HELLO, "hello"),
        _number("threshold", "lost heartbeats before the peer is down", 1, 9999, ike_gateway.THRESHOLD, "threshold"),
        keyword(
            "reconnect",
            "seconds between attempts to reach the peer again, 0 for none",
            when_set(argument("reconnect", types.RECONNECT, "seconds")),
            ike_gateway.RECONNECT,
        ),
    ),
)
_DPD_WORDS = choice(
    _number(
        "interval",
        "seconds without traffic before a request, 0 for none",
        0,
        28800,
        ike_gateway.DPD_INTERVAL,
        "interval",
    ),
    _number("retry", "requests without answer before the peer is down", 1, 128, ike_gateway.DPD_RETRY, "retry"),
    keyword("always-send", "ask even while there is traffic", ike_gateway.DPD_ALWAYS),
    keyword(
        "reconnect",
        "seconds between attempts to reach the peer again, 0 for none",
        when_set(argument("reconnect", types.RECONNECT, "seconds")),
        ike_gateway.DPD_RECONNECT,
    ),
)
GATEWAY_NODE = keyword(
    "gateway",
    "IKE gateway",
    argument(
        "gateway",
        types.GATEWAY,
        "gateway name",
        choice(
            when_set(_PEER, _WORDS, security(types.P1_PROPOSAL), ike_gateway.GATEWAY),
            when_unset(ike_gateway.GATEWAY),
            _CERT,
            _TRAVERSAL,
            _HEARTBEAT,
            keyword("dpd-liveness", "dead peer detection", _DPD_WORDS, hidden=True, binds=("liveness", True)),
            keyword("dpd", "dead peer detection", _DPD_WORDS),
            xauth.GATEWAY_NODE,
            keyword(
                "local-address",
                "own address towards the peer",
                when_set(argument("address", types.IP, "IP address")),
                ike_gateway.LOCAL_ADDRESS,
            ),
            _number("tos", "ToS octet of IKE packets", 0, 255, ike_gateway.TOS, "tos"),
            *ike_more.GATEWAY_NODES,
        ),
    ),
)
