"""`set vpn …`: VPN tunnels, what they are bound to, their proxy ID."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from nsemu.cli import types
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
    optional,
    sequence,
    when_set,
    when_unset,
)
from nsemu.cli.settings import vpn_monitor, vpn_transport
from nsemu.cli.settings.checks import check_capacity, refuse_if_used, require
from nsemu.cli.settings.ike_gateway_words import security
from nsemu.cli.settings.transparent import check_policy_based
from nsemu.cli.settings.vpn_group import check_groups
from nsemu.cli.settings.vpn_manual import MANUAL_NODE
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, DuplicateError, NotFoundError
from nsemu.config.interface import InterfaceKind
from nsemu.config.references import policies_of_vpn, users_of_vpn
from nsemu.config.vpn import ProxyId, Vpn
from nsemu.config.zone import ZoneKind


def _set_vpn(editor: Editor, arguments: Arguments) -> str | None:
    name = arguments["vpn"]
    gateway = require(editor.gateways, arguments["gateway"], "gateway")
    proposals: tuple[str, ...] = arguments.get("proposals", ())
    if len(set(proposals)) != len(proposals):
        raise DuplicateError(f"vpn {name} names a proposal twice")
    for proposal in proposals:
        require(editor.p2_proposals, proposal, "p2-proposal")
    old = editor.vpns.get(name)
    if old is None:
        check_capacity(editor.vpns, editor.platform.capacity.vpns, "VPNs")
        old = Vpn(name, gateway.name)
    if old.bind_interface is not None:
        check_policy_based(editor, name, gateway.outgoing_interface)
    vpn = replace(
        old,
        gateway=gateway.name,
        security_level=arguments.get("level"),
        proposals=proposals,
        replay=arguments.get("replay", False),
        idle_time=arguments.get("idle_time", 0),
        manual=None,
        transport=arguments.get("transport", False),
    )
    vpn_transport.check_vpn(editor, vpn)
    editor.vpns.put(name, vpn)
    check_groups(editor)
    return _note(editor, proposals)


def _note(editor: Editor, names: tuple[str, ...]) -> str | None:
    """An offer has one PFS group (B048, RFC 2409 §5.5); what is left out of it, nobody would see otherwise."""
    first = editor.p2_proposals[names[0]].pfs if names else None
    others = [name for name in names if editor.p2_proposals[name].pfs is not first]
    if not others:
        return None
    return f"Note: PFS differs from that of {names[0]}, so it is not offered, only accepted: {', '.join(others)}"


def _unset_vpn(editor: Editor, arguments: Arguments) -> None:
    vpn = require(editor.vpns, arguments["vpn"], "vpn")
    refuse_if_used(f"vpn {vpn.name}", users_of_vpn(editor, vpn.name))
    editor.vpns.remove(vpn.name)


def _vpn_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    vpn = config.vpns[scope["vpn"]]
    if vpn.manual is not None:
        return
    row: dict[str, Any] = {
        "vpn": vpn.name,
        "gateway": vpn.gateway,
        "replay": vpn.replay,
        "transport": vpn.transport,
        "idle_time": vpn.idle_time,
        "proposals": vpn.proposals or None,
        "level": vpn.security_level,
    }
    yield Row({name: value for name, value in row.items() if value is not None})


# --- binding


def _set_bind(editor: Editor, arguments: Arguments) -> None:
    vpn = require(editor.vpns, arguments["vpn"], "vpn")
    number = arguments.get("tunnel_id")
    holder = next((one.name for one in editor.vpns.values() if one.tunnel_id == number and one is not vpn), None)
    if number is not None and holder is not None:
        raise DuplicateError(f"tunnel ID 0x{number:x} is that of vpn {holder}")
    vpn = replace(vpn, tunnel_id=number)
    if "interface" in arguments:
        _bind_interface(editor, vpn, arguments["interface"])
        return
    zone = require(editor.zones, arguments["zone"], "zone")
    if zone.kind is not ZoneKind.TUNNEL:
        raise ConfigError(f"vpn {vpn.name} cannot be bound to zone {zone.name} (a tunnel zone expected)")
    editor.vpns.put(vpn.name, replace(vpn, bind_interface=None, bind_zone=zone.name))


def _bind_interface(editor: Editor, vpn: Vpn, name: str) -> None:
    interface = require(editor.interfaces, name, "interface")
    if interface.kind is not InterfaceKind.TUNNEL:
        raise ConfigError(f"vpn {vpn.name} cannot be bound to interface {name} (a tunnel interface expected)")
    check_policy_based(editor, vpn.name, _outgoing_of(editor, vpn))
    # A VPN is either route-based or policy-based (Vol. 5, "Route-Based and Policy-Based Tunnels").
    refuse_if_used(f"vpn {vpn.name}", policies_of_vpn(editor, vpn.name))
    bound = replace(vpn, bind_interface=name, bind_zone=None)
    vpn_transport.check_vpn(editor, bound)
    editor.vpns.put(vpn.name, bound)
    check_groups(editor)


def _outgoing_of(editor: Editor, vpn: Vpn) -> str:
    if vpn.manual is not None:
        return vpn.manual.outgoing_interface
    gateway = editor.gateways.get(vpn.gateway)
    return gateway.outgoing_interface if gateway is not None else ""


def _unset_bind(editor: Editor, arguments: Arguments) -> None:
    vpn = require(editor.vpns, arguments["vpn"], "vpn")
    field = "bind_interface" if arguments["what"] == "interface" else "bind_zone"
    if getattr(vpn, field) is None:
        raise NotFoundError(f"vpn {vpn.name} is bound to no {arguments['what']}")
    editor.vpns.put(vpn.name, replace(vpn, bind_interface=None, bind_zone=None, tunnel_id=None))


def _bind_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    vpn = config.vpns[scope["vpn"]]
    row: dict[str, Any] = {"vpn": vpn.name}
    if vpn.tunnel_id is not None:
        row["tunnel_id"] = vpn.tunnel_id
    if vpn.bind_interface is not None:
        yield Row({**row, "what": "interface", "interface": vpn.bind_interface})
    elif vpn.bind_zone is not None:
        yield Row({**row, "what": "zone", "zone": vpn.bind_zone})


# --- proxy ID and DF bit


def _set_proxy_id(editor: Editor, arguments: Arguments) -> None:
    vpn = require(editor.vpns, arguments["vpn"], "vpn")
    service = arguments["service"]
    if vpn.manual is not None:
        raise ConfigError(f"vpn {vpn.name} has manual keys and negotiates no proxy ID")
    if service in editor.service_groups:
        raise ConfigError(f"service group {service} cannot be in a proxy ID (a service expected)")
    require(editor.services, service, "service")
    proxy_id = ProxyId(arguments["local"], arguments["remote"], service)
    editor.vpns.put(vpn.name, replace(vpn, proxy_id=proxy_id))


def _unset_proxy_id(editor: Editor, arguments: Arguments) -> None:
    vpn = require(editor.vpns, arguments["vpn"], "vpn")
    editor.vpns.put(vpn.name, replace(vpn, proxy_id=None))


def _proxy_id_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    vpn = config.vpns[scope["vpn"]]
    if vpn.proxy_id is not None:
        proxy = vpn.proxy_id
        yield Row({"vpn": vpn.name, "local": proxy.local, "remote": proxy.remote, "service": proxy.service})


def _set_df_bit(editor: Editor, arguments: Arguments) -> None:
    vpn = require(editor.vpns, arguments["vpn"], "vpn")
    editor.vpns.put(vpn.name, replace(vpn, df_bit=arguments["df_bit"]))


def _unset_df_bit(editor: Editor, arguments: Arguments) -> None:
    _set_df_bit(editor, {**arguments, "df_bit": "clear"})


def _df_bit_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    vpn = config.vpns[scope["vpn"]]
    if vpn.df_bit != "clear":
        yield Row({"vpn": vpn.name, "df_bit": vpn.df_bit})


def _set_dscp(editor: Editor, arguments: Arguments) -> None:
    vpn = require(editor.vpns, arguments["vpn"], "vpn")
    editor.vpns.put(vpn.name, replace(vpn, dscp=arguments.get("dscp")))


def _dscp_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    vpn = config.vpns[scope["vpn"]]
    if vpn.dscp is not None:
        yield Row({"vpn": vpn.name, "dscp": vpn.dscp})


def vpn_scopes(config: DeviceConfig) -> Iterator[Arguments]:
    """One scope a VPN."""
    return ({"vpn": name} for name in config.vpns)


VPN = Setting("vpn", _set_vpn, _unset_vpn, _vpn_rows)
VPN_BIND = Setting("vpn bind", _set_bind, _unset_bind, _bind_rows)
VPN_PROXY_ID = Setting("vpn proxy-id", _set_proxy_id, _unset_proxy_id, _proxy_id_rows)
VPN_DF_BIT = Setting("vpn df-bit", _set_df_bit, _unset_df_bit, _df_bit_rows)
VPN_DSCP = Setting("vpn dscp-mark", _set_dscp, _set_dscp, _dscp_rows)

_OPTIONS = any_order(
    choice(
        flag("replay", "refuse repeated packets"),
        flag("no-replay", "accept repeated packets", "replay", False),
    ),
    choice(flag("tunnel", "tunnel mode", "transport", False), flag("transport", "transport mode")),
    keyword(
        "idletime",
        "minutes without traffic before the tunnel goes down, 0 for never",
        argument("idle_time", NumberType(0, 2**31 - 1), "minutes"),
    ),
)

_BIND = keyword(
    "bind",
    "bind the tunnel",
    choice(
        keyword(
            "interface",
            "to a tunnel interface",
            when_set(argument("interface", types.INTERFACE, "interface name")),
            VPN_BIND,
            binds=("what", "interface"),
        ),
        keyword(
            "zone",
            "to a tunnel zone",
            when_set(argument("zone", types.ZONE, "zone name")),
            VPN_BIND,
            binds=("what", "zone"),
        ),
    ),
)

NODES = (
    keyword(
        "vpn",
        "VPN tunnel",
        argument(
            "vpn",
            types.VPN,
            "VPN name",
            choice(
                when_unset(VPN),
                when_set(
                    keyword(
                        "gateway",
                        "AutoKey IKE tunnel to a gateway",
                        argument("gateway", types.GATEWAY, "gateway name"),
                        _OPTIONS,
                        security(types.P2_PROPOSAL),
                        VPN,
                    )
                ),
                MANUAL_NODE,
                vpn_monitor.VPN_NODE,
                sequence(
                    when_set(
                        optional(keyword("id", "ID of the tunnel", argument("tunnel_id", types.TUNNEL_ID, "number")))
                    ),
                    _BIND,
                ),
                keyword(
                    "proxy-id",
                    "what the peers agree to protect",
                    when_set(
                        keyword("local-ip", "own network", argument("local", types.PREFIX, "address and mask")),
                        keyword("remote-ip", "the peer's network", argument("remote", types.PREFIX, "prefix")),
                        argument("service", types.SERVICE, "service name"),
                    ),
                    VPN_PROXY_ID,
                ),
                keyword(
                    "df-bit",
                    "DF bit of the outer header",
                    when_set(
                        choice(
                            flag("clear", "clear it", "df_bit", "clear"),
                            flag("set", "set it", "df_bit", "set"),
                            flag("copy", "copy it from the inner header", "df_bit", "copy"),
                        )
                    ),
                    VPN_DF_BIT,
                ),
                keyword(
                    "dscp-mark",
                    "mark packets of the tunnel",
                    when_set(argument("dscp", NumberType(0, 63), "value")),
                    VPN_DSCP,
                ),
            ),
        ),
    ),
)
