"""`set interface … dip | mip | vip | ext ip | nhtb | loopback-group`, `set dip sticky`, `set vip multi-port`.

What a device refuses: addresses outside of the interface's network, or in use for another translation (B219, B220).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from nsemu.cli.grammar import Arguments, Row, Setting
from nsemu.cli.settings.checks import check_capacity, refuse_if_used, require, vrouter_of
from nsemu.cli.settings.interface import find
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, DuplicateError, NotFoundError
from nsemu.config.interface import Interface, InterfaceKind
from nsemu.config.nat import DestinationNat, DipPool, Mip, NatSettings, Vip
from nsemu.config.references import users_of_dip, users_of_mip, users_of_vip
from nsemu.config.service import TCP, UDP, Service
from nsemu.wire.address import Prefix, format_ipv4, mask_of

_KINDS = frozenset({InterfaceKind.ETHERNET, InterfaceKind.TUNNEL, InterfaceKind.LOOPBACK})
_ANY_SUBNET_ZONE = "Untrust"
"""MIPs of its interfaces may lie outside of their networks."""

Span = tuple[int, int]


def _addressed(editor: Editor, name: str, what: str) -> tuple[Interface, Prefix]:
    """The interface and its own address. Raises ConfigError: a borrowed one will not do (B196)."""
    interface = find(editor, name)
    if interface.kind not in _KINDS:
        raise ConfigError(f"interface {interface.name} cannot have a {what}")
    if interface.address is None:
        raise ConfigError(f"interface {interface.name} has no IP address of its own, which a {what} needs")
    return interface, interface.address


# --- what addresses are taken


def _spans(editor: Editor, vrouter: str) -> Iterator[tuple[Span, str, object]]:
    """Addresses that translations use in a virtual router: (lowest, highest), whose, the record."""

    def here(interface: str) -> bool:
        return interface in editor.interfaces and vrouter_of(editor, editor.interfaces[interface]) == vrouter

    for pool in editor.dips.values():
        if here(pool.interface):
            yield (pool.low, pool.high), f"dip {pool.id}", pool
    for mip in editor.mips.values():
        if here(mip.interface):
            yield mip_span(mip), f"mip {format_ipv4(mip.address)}", mip
    for vip in editor.vips.values():
        if vip.address and here(vip.interface):
            yield (vip.address, vip.address), f"vip {format_ipv4(vip.address)}", vip
    for interface in editor.interfaces.values():
        if vrouter_of(editor, interface) == vrouter:
            own = interface.address.address if interface.address is not None else None
            for address, what in ((own, "IP address"), (interface.manage_ip, "manage IP")):
                if address is not None:
                    yield (address, address), f"the {what} of interface {interface.name}", interface


def mip_span(mip: Mip) -> Span:
    """The mapped addresses."""
    low = mip.address & mask_of(mip.length)
    return low, low | (mask_of(mip.length) ^ 0xFFFFFFFF)


def _check_free(editor: Editor, interface: Interface, span: Span, what: str, friend: Callable[[object], bool]) -> None:
    """Raises DuplicateError when addresses are taken; records that `friend` accepts do not count."""
    for taken, whose, record in _spans(editor, vrouter_of(editor, interface)):
        if taken[0] <= span[1] and span[0] <= taken[1] and not friend(record):
            raise DuplicateError(f"{what} {_show(span)} overlaps with {whose}")


def _show(span: Span) -> str:
    low, high = map(format_ipv4, span)
    return low if low == high else f"{low}-{high}"


def _check_network(network: Prefix, span: Span, what: str, where: str) -> None:
    first, last = network.network.address, network.broadcast
    if network.length < 31:
        first, last = first + 1, last - 1
    if not (first <= span[0] and span[1] <= last):
        raise ConfigError(f"{what} {_show(span)} is not in {network.network}, the subnet of {where}")


# --- DIP pools


def _set_dip(editor: Editor, arguments: Arguments) -> None:
    pool = _read_dip(arguments)
    interface, network = _addressed(editor, pool.interface, "DIP pool")
    if pool.id in editor.dip_groups:
        raise DuplicateError(f"dip {pool.id} is a DIP group")
    old = editor.dips.get(pool.id)
    if old == pool:
        return
    if old is not None:
        raise DuplicateError(f"dip {pool.id} already exists on interface {old.interface}")
    if pool.low > pool.high:
        raise ConfigError(f"invalid range {_show((pool.low, pool.high))} (the lower address first)")
    where = f"interface {interface.name}" if pool.extended is None else "the extended IP address"
    _check_network(pool.extended or network, (pool.low, pool.high), "dip", where)
    if pool.extended is not None:
        _check_extended(editor, interface, pool.extended)
        if pool.extended.address in pool:
            raise DuplicateError(f"dip {_show((pool.low, pool.high))} overlaps with the extended IP address")
    if pool.shift_from is not None and pool.shift_from + pool.size - 1 > 0xFFFFFFFF:
        raise ConfigError(f"invalid range from {format_ipv4(pool.shift_from)} (it does not fit)")
    _check_free(editor, interface, (pool.low, pool.high), "dip", lambda _record: False)
    _check_destinations(editor, pool)
    check_capacity(editor.dips, editor.platform.capacity.dips, "DIP pools")
    editor.dips.put(pool.id, pool)


def _read_dip(arguments: Arguments) -> DipPool:
    extended: Prefix | None = arguments.get("extended")
    if arguments.get("extended_ip") is not None:
        extended = Prefix(arguments["extended_ip"], arguments["extended_mask"])
    low = arguments["low"]
    return DipPool(
        arguments["dip"],
        arguments["interface"],
        low,
        arguments.get("high", low),
        arguments.get("fixed", False),
        arguments.get("shift"),
        extended,
    )


def _check_extended(editor: Editor, interface: Interface, extended: Prefix) -> None:
    """Another network than any interface's (Vol. 5: "an extended IP address and … DIP pool in a different subnet")."""
    if interface.kind is InterfaceKind.TUNNEL:
        raise ConfigError(
            f"interface {interface.name} cannot have an extended IP address (no tunnel interface expected)"
        )
    vrouter = vrouter_of(editor, interface)
    for other in editor.interfaces.values():
        if other.address is not None and vrouter_of(editor, other) == vrouter and other.address.overlaps(extended):
            raise DuplicateError(f"extended IP address {extended} overlaps with {other.address} of {other.name}")


def _check_destinations(editor: Editor, pool: DipPool) -> None:
    """No destination that a policy translates may be in a pool, before or after (B220)."""
    for policy in editor.policies.values():
        wanted = policy.destination_nat
        if wanted is None:
            continue
        for span in (*policy_destinations(editor, policy.to_zone, policy.destinations), target_span(wanted)):
            if pool.low <= span[0] and span[1] <= pool.high:
                where = f"{_show(span)}, a destination of policy {policy.id}"
                raise DuplicateError(f"dip {_show((pool.low, pool.high))} overlaps with {where}")


def _unset_dip(editor: Editor, arguments: Arguments) -> None:
    number = arguments["dip"]
    pool = editor.dips.get(number)
    if pool is None or pool.interface != arguments["interface"]:
        raise NotFoundError(f"dip {number} does not exist on interface {arguments['interface']}")
    refuse_if_used(f"dip {number}", users_of_dip(editor, number))
    editor.dips.remove(number)


def _dip_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    return _pool_rows(config, scope, extended=False)


def _extended_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    return _pool_rows(config, scope, extended=True)


def _pool_rows(config: DeviceConfig, scope: Arguments, *, extended: bool) -> Iterator[Row]:
    for pool in config.dips.values():
        if pool.interface == scope["interface"] and (pool.extended is not None) == extended:
            row = {
                "interface": pool.interface,
                "dip": pool.id,
                "low": pool.low,
                "high": pool.high,
                "fixed": pool.fixed_port or None,
                "shift": pool.shift_from,
                "extended_ip": pool.extended.address if pool.extended is not None else None,
                "extended_mask": pool.extended.length if pool.extended is not None else None,
            }
            yield Row({name: value for name, value in row.items() if value is not None})


# --- MIPs


def _set_mip(editor: Editor, arguments: Arguments) -> None:
    interface, network = _addressed(editor, arguments["interface"], "MIP")
    mip = _read_mip(interface.name, arguments)
    require(editor.vrouters, mip.vrouter, "vrouter")
    key = (mip.interface, mip.address)
    if editor.mips.get(key) == mip:
        return
    if key in editor.mips:
        raise DuplicateError(f"mip {format_ipv4(mip.address)} already exists on interface {interface.name}")
    span = mip_span(mip)
    inside = span[0] in network and span[1] in network
    if not inside and interface.zone != _ANY_SUBNET_ZONE:
        _check_network(network, span, "mip", f"interface {interface.name}")
    _check_free(editor, interface, span, "mip", lambda _record: False)
    check_capacity(editor.mips, editor.platform.capacity.mips, "MIPs")
    editor.mips.put(key, mip)


def _read_mip(interface: str, arguments: Arguments) -> Mip:
    length = arguments.get("mask", 32)
    mask = mask_of(length)
    vrouter = arguments.get("vrouter", "trust-vr")
    return Mip(interface, arguments["mapped"] & mask, arguments["host"] & mask, length, vrouter)


def _unset_mip(editor: Editor, arguments: Arguments) -> None:
    mip = editor.mips.get((arguments["interface"], arguments["mapped"]))
    if mip is None or arguments.get("mask", mip.length) != mip.length:
        where = f"on interface {arguments['interface']}"
        raise NotFoundError(f"mip {format_ipv4(arguments['mapped'])} does not exist {where}")
    refuse_if_used(f"mip {format_ipv4(mip.address)}", users_of_mip(editor, mip))
    editor.mips.remove((mip.interface, mip.address))


def _mip_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    for mip in config.mips.values():
        if mip.interface == scope["interface"]:
            yield Row(
                {
                    "interface": mip.interface,
                    "mapped": mip.address,
                    "host": mip.host,
                    "mask": mip.length,
                    "vrouter": mip.vrouter,
                }
            )


# --- VIPs


def _set_vip(editor: Editor, arguments: Arguments) -> None:
    interface, network = _addressed(editor, arguments["interface"], "VIP")
    address = arguments["virtual"]
    vip = Vip(
        interface.name,
        address,
        arguments["port"],
        arguments["service"],
        arguments["host"],
        arguments.get("manual", False),
    )
    key = (vip.interface, vip.address, vip.port)
    if editor.vips.get(key) == vip:
        return
    _check_vip_service(editor, vip)
    if address:
        if address == network.address:
            raise ConfigError(
                f"{format_ipv4(address)} is the address of interface {interface.name} (type interface-ip)"
            )
        _check_network(network, (address, address), "vip", f"interface {interface.name}")
        _check_free(editor, interface, (address, address), "vip", lambda record: _same_vip(record, vip))
    if key in editor.vips:
        raise DuplicateError(f"port {vip.port} of vip {_vip_words(vip)} already leads to a server")
    check_capacity(editor.vips, editor.platform.capacity.vips, "VIP services")
    editor.vips.put(key, vip)


def _same_vip(record: object, vip: Vip) -> bool:
    return isinstance(record, Vip) and (record.interface, record.address) == (vip.interface, vip.address)


def _check_vip_service(editor: Editor, vip: Vip) -> None:
    service: Service = require(editor.services, vip.service, "service")
    if not any(entry.protocol in {TCP, UDP} for entry in service.entries):
        raise ConfigError(f"service {vip.service} has no TCP or UDP port that a VIP could lead to")


def _vip_words(vip: Vip) -> str:
    return format_ipv4(vip.address) if vip.address else "interface-ip"


def _unset_vip(editor: Editor, arguments: Arguments) -> None:
    interface, address, port = arguments["interface"], arguments["virtual"], arguments.get("port")
    same = [vip for vip in editor.vips.values() if (vip.interface, vip.address) == (interface, address)]
    going = [vip for vip in same if port in {None, vip.port}]
    if not going:
        words = format_ipv4(address) if address else "interface-ip"
        more = f" port {port}" if port is not None else ""
        raise NotFoundError(f"vip {words}{more} does not exist on interface {interface}")
    if len(going) == len(same):
        refuse_if_used(f"vip {_vip_words(going[0])}", users_of_vip(editor, going[0]))
    for vip in going:
        editor.vips.remove((vip.interface, vip.address, vip.port))


def _vip_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    seen: set[int] = set()
    for vip in config.vips.values():
        if vip.interface == scope["interface"]:
            row = {
                "interface": vip.interface,
                "virtual": vip.address,
                "more": True if vip.address in seen else None,
                "port": vip.port,
                "service": vip.service,
                "host": vip.host,
                "manual": vip.manual or None,
            }
            seen.add(vip.address)
            yield Row({name: value for name, value in row.items() if value is not None})


# --- what policies translate destinations to


def policy_destinations(editor: Editor, zone: str, names: tuple[str, ...]) -> Iterator[Span]:
    """The networks among the destinations of a policy, groups and `any` left out."""
    for name in names:
        record = editor.addresses.get((zone, name))
        if record is not None and record.prefix is not None:
            yield record.prefix.network.address, record.prefix.broadcast


def target_span(wanted: DestinationNat) -> Span:
    """The addresses that `nat dst` leads to."""
    return wanted.low, wanted.high if wanted.high is not None else wanted.low


# --- next-hop tunnel binding, loopback groups, switches


def _set_nhtb(editor: Editor, arguments: Arguments) -> None:
    interface = find(editor, arguments["interface"])
    if interface.kind is not InterfaceKind.TUNNEL:
        raise ConfigError(f"interface {interface.name} has no next-hop tunnel binding (a tunnel interface expected)")
    require(editor.vpns, arguments["vpn"], "vpn")
    editor.nhtb.put((interface.name, arguments["next_hop"]), arguments["vpn"])


def _unset_nhtb(editor: Editor, arguments: Arguments) -> None:
    key = (arguments["interface"], arguments["next_hop"])
    if key not in editor.nhtb:
        raise NotFoundError(f"nhtb {format_ipv4(key[1])} does not exist on interface {key[0]}")
    editor.nhtb.remove(key)


def _nhtb_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    for (interface, next_hop), vpn in config.nhtb.items():
        yield Row({"interface": interface, "next_hop": next_hop, "vpn": vpn})


def _set_group(editor: Editor, arguments: Arguments) -> None:
    interface = find(editor, arguments["interface"])
    group = require(editor.interfaces, arguments["group"], "interface")
    if group.kind is not InterfaceKind.LOOPBACK:
        raise ConfigError(f"interface {group.name} cannot have a group (a loopback interface expected)")
    if interface.kind is InterfaceKind.LOOPBACK:
        raise ConfigError(f"interface {interface.name} cannot be in a group (another kind than loopback expected)")
    if interface.zone != group.zone:
        raise ConfigError(f"interface {interface.name} is not in zone {group.zone} as interface {group.name} is")
    editor.interfaces.put(interface.name, replace(interface, loopback_group=group.name))


def _unset_group(editor: Editor, arguments: Arguments) -> None:
    interface = require(editor.interfaces, arguments["interface"], "interface")
    editor.interfaces.put(interface.name, replace(interface, loopback_group=None))


def _group_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    group = config.interfaces[scope["interface"]].loopback_group
    if group is not None:
        yield Row({"interface": scope["interface"], "group": group})


def _switch(
    name: str, change: Callable[[NatSettings, bool], NatSettings], on: Callable[[NatSettings], bool]
) -> Setting:
    def put(editor: Editor, value: bool) -> None:
        editor.nat = change(editor.nat, value)

    def rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
        if on(config.nat):
            yield Row({})

    return Setting(name, lambda editor, _: put(editor, True), lambda editor, _: put(editor, False), rows)


QUOTED = frozenset({"interface"})
DIP = Setting("interface dip", _set_dip, _unset_dip, _dip_rows)
EXTENDED_DIP = Setting("interface ext ip dip", _set_dip, _unset_dip, _extended_rows)
MIP = Setting("interface mip", _set_mip, _unset_mip, _mip_rows, QUOTED)
VIP = Setting("interface vip", _set_vip, _unset_vip, _vip_rows)
NHTB = Setting("interface nhtb", _set_nhtb, _unset_nhtb, _nhtb_rows)
LOOPBACK_GROUP = Setting("interface loopback-group", _set_group, _unset_group, _group_rows)
DIP_STICKY = _switch("dip sticky", lambda nat, on: replace(nat, dip_sticky=on), lambda nat: nat.dip_sticky)
VIP_MULTI_PORT = _switch(
    "vip multi-port", lambda nat, on: replace(nat, vip_multi_port=on), lambda nat: nat.vip_multi_port
)
