"""`set ike gateway …`: peers and how they are watched (Vol. 5, chapters 4, 5, 7). The words: `ike_gateway_words`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from nsemu.cli.grammar import Arguments, Row, Setting
from nsemu.cli.settings.checks import check_capacity, not_emulated, refuse_if_used, require
from nsemu.cli.settings.transparent import check_policy_based
from nsemu.cli.settings.vpn_group import check_groups
from nsemu.config.algorithms import AuthenticationMethod, ExchangeMode
from nsemu.config.bridge import DEFAULT_OUTGOING_ZONE, is_transparent
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, DuplicateError, NotFoundError
from nsemu.config.ike import (
    DeadPeerDetection,
    Heartbeat,
    Identity,
    IdentityType,
    IkeGateway,
    LocalEnd,
    NatTraversal,
    PeerCertificate,
    SecurityLevel,
)
from nsemu.config.interface import InterfaceKind
from nsemu.config.predefined import PHASE1_SETS
from nsemu.config.references import resolve_zone, users_of_gateway
from nsemu.config.zone import ZoneKind
from nsemu.wire.address import format_ipv4

_ANYWHERE = "0.0.0.0"

# --- the gateway itself


def _set_gateway(editor: Editor, arguments: Arguments) -> str | None:
    name = arguments["gateway"]
    old = editor.gateways.get(name)
    if old is None:
        check_capacity(editor.gateways, editor.platform.capacity.vpns, "IKE gateways")
        # B314: the CLI turns NAT-Traversal on for a dialup gateway.
        old = IkeGateway(name, None, "", nat_traversal=NatTraversal(enabled="dialup" in arguments))
    gateway = replace(
        old,
        address=_address(arguments),
        outgoing_interface=_outgoing(editor, arguments),
        mode=arguments.get("mode", ExchangeMode.MAIN),
        preshared_key=arguments.get("preshare", ""),
        security_level=arguments.get("level"),
        proposals=arguments.get("proposals", ()),
        local_id=arguments.get("local_id"),
        peer_id=arguments.get("dynamic_id", arguments.get("peer_id")),
        dialup=arguments.get("dialup"),
        seed_preshare=arguments.get("seed", ""),
        local_end=replace(old.local_end, address=arguments.get("address_here")),
    )
    _check_local_address(editor, gateway)
    if gateway.dialup is not None and gateway.dialup not in editor.users and gateway.dialup not in editor.user_groups:
        raise NotFoundError(f"user or user group {gateway.dialup} does not exist")
    for vpn in editor.vpns.values():
        if vpn.gateway == name and vpn.bind_interface is not None:
            check_policy_based(editor, vpn.name, gateway.outgoing_interface)
    _check_proposals(editor, gateway)
    _check_identities(editor, gateway)
    _check_common_proposals(editor, gateway)
    editor.gateways.put(name, gateway)
    check_groups(editor)
    return _note(editor, gateway)


def _address(arguments: Arguments) -> str | None:
    """Where a static peer is. 0.0.0.0 with an IKE ID is the other way to write a dynamic peer."""
    address: str | None = arguments.get("address")
    if address != _ANYWHERE:
        return address
    if "peer_id" not in arguments:
        raise ConfigError(f"gateway {arguments['gateway']}: a peer at any address needs an IKE ID (id IKE-ID expected)")
    return None


def _outgoing(editor: Editor, arguments: Arguments) -> str:
    """An interface, or in transparent mode a layer 2 zone (E055), which is V1-Untrust by default (B227)."""
    if "interface" not in arguments and is_transparent(editor):
        return DEFAULT_OUTGOING_ZONE
    if "interface" not in arguments:
        raise ConfigError(
            f"gateway {arguments['gateway']} has no outgoing interface (outgoing-interface NAME expected)"
        )
    name: str = arguments["interface"]
    zone = resolve_zone(editor, name)
    if name not in editor.interfaces and zone is not None and editor.zones[zone].kind is ZoneKind.LAYER2:
        return zone.lower()
    interface = require(editor.interfaces, name, "interface")
    if interface.kind not in {InterfaceKind.ETHERNET, InterfaceKind.LOOPBACK}:
        raise ConfigError(f"interface {interface.name} cannot be an outgoing interface (ethernet or loopback expected)")
    return interface.name


def _check_local_address(editor: Editor, gateway: IkeGateway) -> None:
    """The own address towards a peer must be one of the device, where the peer's packets come in."""
    address = gateway.local_end.address
    if address is None:
        return
    interface = editor.interfaces.get(gateway.outgoing_interface)
    own = [prefix.address for prefix in interface.prefixes] if interface is not None else []
    if interface is None or address not in (*own, interface.manage_ip):
        raise ConfigError(
            f"gateway {gateway.name}: local-address {format_ipv4(address)} is not on interface "
            f"{gateway.outgoing_interface}"
        )


def _proposals(gateway: IkeGateway) -> tuple[str, ...]:
    return gateway.proposals or PHASE1_SETS[gateway.security_level or SecurityLevel.STANDARD]


def _check_proposals(editor: Editor, gateway: IkeGateway) -> None:
    names = _proposals(gateway)
    if len(set(names)) != len(names):
        raise DuplicateError(f"gateway {gateway.name} names a proposal twice")
    for name in names:
        proposal = require(editor.p1_proposals, name, "p1-proposal")
        keyed = gateway.preshared_key or gateway.seed_preshare
        if proposal.method is AuthenticationMethod.PRESHARE and not keyed:
            raise ConfigError(f"gateway {gateway.name} lacks a preshared key (preshare KEY expected)")
    groups = {editor.p1_proposals[name].group for name in names}
    # RFC 2409 §5: in Aggressive mode the group cannot be negotiated.
    if gateway.mode is ExchangeMode.AGGRESSIVE and len(groups) > 1:
        raise ConfigError(
            f"gateway {gateway.name}: in Aggressive mode all proposals must have one Diffie-Hellman group"
        )


def _uses_key(editor: Editor, gateway: IkeGateway) -> bool:
    return any(editor.p1_proposals[name].method is AuthenticationMethod.PRESHARE for name in _proposals(gateway))


def _check_identities(editor: Editor, gateway: IkeGateway) -> None:
    """What can identify the peer (B044, B045, B132, B135, B178)."""
    dynamic = gateway.address is None and gateway.dialup is None
    if dynamic and gateway.peer_id is not None and Identity.infer(gateway.peer_id).type is IdentityType.IPV4:
        raise ConfigError(
            f"gateway {gateway.name}: a dynamic peer cannot be known by an IP address "
            "(an email address or a domain name expected)"
        )
    if not _uses_key(editor, gateway):
        return
    if gateway.address is None and gateway.mode is ExchangeMode.MAIN:
        kind = "dynamic peer" if dynamic else "dialup user"
        raise ConfigError(
            f"gateway {gateway.name}: a {kind} with a preshared key cannot use Main mode (aggressive expected)"
        )
    for text in (gateway.local_id, gateway.peer_id):
        if text is not None and Identity.infer(text).type is IdentityType.ASN1_DN:
            raise ConfigError(f"gateway {gateway.name}: the IKE ID {text} needs a certificate, not a preshared key")


def _check_common_proposals(editor: Editor, gateway: IkeGateway) -> None:
    """B313: in Main mode the identity comes too late to choose proposals by it, so they must be the same.

    A static peer counts once it may be behind NAT, that is, once NAT-Traversal is on for it.
    """

    def concerned(other: IkeGateway) -> bool:
        natted = other.nat_traversal.enabled or other.address is None
        return natted and other.mode is ExchangeMode.MAIN and other.outgoing_interface == gateway.outgoing_interface

    if not concerned(gateway):
        return
    for other in editor.gateways.values():
        if other.name != gateway.name and concerned(other) and _proposals(other) != _proposals(gateway):
            raise ConfigError(
                f"gateway {gateway.name}: phase 1 proposals differ from those of gateway {other.name}; with "
                f"NAT-Traversal in Main mode all on {gateway.outgoing_interface} must have the same in the same order"
            )


def _note(editor: Editor, gateway: IkeGateway) -> str | None:
    """What of the gateway has no function yet."""
    methods = {editor.p1_proposals[name].method for name in _proposals(gateway)}
    missing = (("authentication with certificates", methods != {AuthenticationMethod.PRESHARE}),)
    return next((not_emulated(what) for what, applies in missing if applies), None)


def _unset_gateway(editor: Editor, arguments: Arguments) -> None:
    gateway = require(editor.gateways, arguments["gateway"], "gateway")
    refuse_if_used(f"gateway {gateway.name}", users_of_gateway(editor, gateway.name))
    editor.gateways.remove(gateway.name)


def _gateway_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    gateway = config.gateways[scope["gateway"]]
    dynamic = gateway.address is None and gateway.dialup is None
    row: dict[str, Any] = {
        "gateway": gateway.name,
        "address": gateway.address,
        "dialup": gateway.dialup,
        "dynamic_id": gateway.peer_id if dynamic else None,
        "mode": gateway.mode,
        "peer_id": None if dynamic else gateway.peer_id,
        "local_id": gateway.local_id,
        "interface": gateway.outgoing_interface,
        "address_here": gateway.local_end.address,
        "preshare": gateway.preshared_key or None,
        "seed": gateway.seed_preshare or None,
        "proposals": gateway.proposals or None,
        "level": gateway.security_level,
    }
    yield Row({name: value for name, value in row.items() if value is not None})


# --- what a gateway has besides


def _option(
    name: str,
    part: str,
    field: str,
    default: Any,
    *,
    works: bool = False,
    check: Callable[[Editor, IkeGateway], None] | None = None,
    shown: Callable[[IkeGateway], Any] = lambda _gateway: None,
) -> Setting:
    """A setting that is one field of a part of the gateway. A bool is a switch, anything else an argument.

    Printed when it is not `default`; `shown` gives another default for some gateways.
    """
    what = "" if works else not_emulated(f"ike gateway {name}")

    def put(editor: Editor, arguments: Arguments, value: Any) -> None:
        gateway = require(editor.gateways, arguments["gateway"], "gateway")
        changed = replace(gateway, **{part: replace(getattr(gateway, part), **{field: value})})
        if check is not None and value != default:
            check(editor, changed)
        editor.gateways.put(gateway.name, changed)

    def set_(editor: Editor, arguments: Arguments) -> str | None:
        put(editor, arguments, arguments.get(field, True))
        return what or None

    def unset(editor: Editor, arguments: Arguments) -> None:
        put(editor, arguments, False if isinstance(default, bool) else default)

    def rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
        gateway = config.gateways[scope["gateway"]]
        value, usual = getattr(getattr(gateway, part), field), shown(gateway)
        if value == (default if usual is None else usual):
            return
        row = scope if isinstance(default, bool) else {**scope, field: value}
        # 6.x writes dpd-liveness (screenos-cli §7.2), the book dpd.
        newer = part == "dpd" and config.platform.release.startswith("6")
        yield Row({**row, "liveness": True} if newer else row, unset=value is False)

    return Setting(f"ike gateway {name}", set_, unset, rows, without_effect=what)


def _no_dpd(_editor: Editor, gateway: IkeGateway) -> None:
    if gateway.dpd.interval:  # B355
        raise ConfigError(f"gateway {gateway.name} has DPD and cannot have heartbeats too (set dpd interval 0 first)")


def _no_heartbeat(_editor: Editor, gateway: IkeGateway) -> None:
    if gateway.heartbeat.hello:  # B355
        raise ConfigError(
            f"gateway {gateway.name} has heartbeats and cannot have DPD too (unset heartbeat hello first)"
        )


def gateway_scopes(config: DeviceConfig) -> Iterator[Arguments]:
    """One scope a gateway."""
    return ({"gateway": name} for name in config.gateways)


_CERT, _NAT, _BEAT, _DPD = PeerCertificate(), NatTraversal(), Heartbeat(), DeadPeerDetection()
_HERE = LocalEnd()

GATEWAY = Setting("ike gateway", _set_gateway, _unset_gateway, _gateway_rows, frozenset({"interface"}))
CERT_AUTHORITY = _option("cert peer-ca", "certificate", "authority", _CERT.authority)
CERT_FORM = _option("cert peer-cert-type", "certificate", "form", _CERT.form)
NAT_TRAVERSAL = _option(
    "nat-traversal",
    "nat_traversal",
    "enabled",
    _NAT.enabled,
    works=True,
    check=_check_common_proposals,
    shown=lambda gateway: gateway.dialup is not None,
)
_CHECKSUM = _option("nat-traversal udp-checksum", "nat_traversal", "udp_checksum", _NAT.udp_checksum, works=True)


def _set_checksum(editor: Editor, arguments: Arguments) -> None:
    """With the checksum NAT-Traversal is on too, as in example 06-04 and where devices list this line alone."""
    gateway = require(editor.gateways, arguments["gateway"], "gateway")
    changed = replace(gateway, nat_traversal=replace(gateway.nat_traversal, enabled=True, udp_checksum=True))
    _check_common_proposals(editor, changed)
    editor.gateways.put(gateway.name, changed)


UDP_CHECKSUM = replace(_CHECKSUM, set=_set_checksum)
KEEPALIVE = _option("nat-traversal keepalive-frequency", "nat_traversal", "keepalive", _NAT.keepalive, works=True)
HELLO = _option("heartbeat hello", "heartbeat", "hello", _BEAT.hello, works=True, check=_no_dpd)
THRESHOLD = _option("heartbeat threshold", "heartbeat", "threshold", _BEAT.threshold, works=True)
RECONNECT = _option("heartbeat reconnect", "heartbeat", "reconnect", _BEAT.reconnect, works=True)
DPD_INTERVAL = _option("dpd interval", "dpd", "interval", _DPD.interval, works=True, check=_no_heartbeat)
DPD_RETRY = _option("dpd retry", "dpd", "retry", _DPD.retry, works=True)
DPD_ALWAYS = _option("dpd always-send", "dpd", "always_send", _DPD.always_send, works=True)
DPD_RECONNECT = _option("dpd reconnect", "dpd", "reconnect", _DPD.reconnect, works=True)
_ADDRESS = _option(
    "local-address",
    "local_end",
    "address",
    _HERE.address,
    works=True,
    check=_check_local_address,
)
LOCAL_ADDRESS = Setting(_ADDRESS.name, _ADDRESS.set, _ADDRESS.unset)
"""`get config` shows it on the line of the gateway."""
TOS = _option("tos", "local_end", "tos", _HERE.tos, works=True)
OPTIONS = (
    TOS,
    CERT_AUTHORITY,
    CERT_FORM,
    NAT_TRAVERSAL,
    UDP_CHECKSUM,
    KEEPALIVE,
    HELLO,
    THRESHOLD,
    RECONNECT,
    DPD_INTERVAL,
    DPD_RETRY,
    DPD_ALWAYS,
    DPD_RECONNECT,
)
"""In the order of `get config`."""
