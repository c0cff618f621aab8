"""What a topology file may say: the keys of every part, how each is read, and what a kind of node knows of itself.

To add a kind: a spec in `model`, an entry in KINDS. Nothing here looks at two nodes at once (see `checks`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from nsemu.lab.topology import dialup, l2tp, nat, services, units, values, vlans
from nsemu.lab.topology.document import Element
from nsemu.lab.topology.errors import Findings, quoted
from nsemu.lab.topology.model import (
    DialupSpec,
    Endpoint,
    HostSpec,
    L2tpSpec,
    LinkSpec,
    NatSpec,
    NodeSpec,
    RouterSpec,
    RouteSpec,
    ScreenosSpec,
    SwitchSpec,
    ValidationSpec,
)
from nsemu.lab.vlan_port import split_vlan
from nsemu.wire.address import Prefix, format_ipv4

Platforms = Mapping[str, Sequence[str]]
"""Platform name → the names of its physical interfaces."""

DHCP: Final = "dhcp"
"""The address of a host that gets one."""

TOP_KEYS: Final = ("name", "seed", "topology", "validate")
TOPOLOGY_KEYS: Final = ("defaults", "kinds", "nodes", "links")


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a record: the attribute it fills, and its reader."""

    attribute: str
    read: values.Reader[Any]


@dataclass(frozen=True, slots=True)
class RecordSchema:
    """The keys of a record and what is built from them; `required` keys cannot be left out.

    Exactly one of `one_of` must be there.
    """

    build: Callable[..., Any]
    fields: Mapping[str, Field]
    required: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()

    def read(self, parts: Mapping[str, Element], path: str, findings: Findings, **known: Any) -> Any | None:
        """The record, or None when a required key is missing or wrong. `known` are attributes that are not read.

        Another key that is wrong is recorded and left at its default, so that the rest can still be checked.
        """
        chosen = [key for key in self.one_of if key in parts] or list(self.one_of[:1])
        for key in chosen[1:]:
            findings.error(f"{path}.{key}", reason=f"there is {chosen[0]} already: one of them only")
        required = (*self.required, *chosen)
        complete = values.require(parts, required, path, findings) and len(chosen) < 2
        read = {key: self.fields[key].read(part, findings) for key, part in parts.items()}
        if not complete or any(read[key] is None for key in required):
            return None
        filled = {self.fields[key].attribute: value for key, value in read.items() if value is not None}
        return self.build(**known, **filled)


@dataclass(frozen=True, slots=True)
class KindSchema:
    """A kind of node. `interfaces` names the ports a link may use (None: any); `check` looks at the finished spec."""

    record: RecordSchema
    interfaces: Callable[[Any, Platforms], Sequence[str] | None]
    check: Callable[[Any, str, Findings], None]


def _startup_file(element: Element, findings: Findings) -> Path | None:
    found = values.text(element, findings)
    if found is None:
        return None
    path = Path(findings.file).parent / found
    try:
        there = path.is_file()
    except (OSError, ValueError):
        there = False
    if not there:
        findings.error(
            element.path, quoted(found), reason=f"no such file: {str(path)!r} (paths are relative to this file)"
        )
        return None
    return path


def _endpoint(element: Element, findings: Findings) -> Endpoint | None:
    found = values.text(element, findings)
    if found is None:
        return None
    node, colon, interface = found.partition(":")
    if not node or not colon or not values.is_interface_name(interface):
        findings.error(element.path, quoted(found), allowed='"NODE:INTERFACE", such as "tokyo:ethernet3"')
        return None
    return Endpoint(node, interface)


def _endpoints(element: Element, findings: Findings) -> tuple[Endpoint, Endpoint] | None:
    parts = values.items(element, findings)
    if parts is None:
        return None
    if len(parts) != 2:
        findings.error(element.path, f"{len(parts)}", allowed="exactly 2")
        return None
    one, other = (_endpoint(part, findings) for part in parts)
    return None if one is None or other is None else (one, other)


def _host_address(element: Element, findings: Findings) -> Prefix | str | None:
    """An address with its mask, or `dhcp`."""
    return DHCP if element.value == DHCP else values.interface_address(element, findings)


def _host_spec(kind: type[HostSpec], **parts: Any) -> HostSpec:
    return kind(**{**parts, "address": None if parts["address"] == DHCP else parts["address"]})


def _check_nothing(_spec: NodeSpec, _path: str, _findings: Findings) -> None:
    return None


def _check_next_hops(routes: Sequence[RouteSpec], subnets: Sequence[Prefix], path: str, findings: Findings) -> None:
    own = {subnet.address for subnet in subnets}
    for index, route in enumerate(routes):
        where, via = f"{path}.routes[{index}].via", format_ipv4(route.via)
        if route.via in own:
            findings.error(where, quoted(via), reason="this is the node's own address")
        elif not any(route.via in subnet for subnet in subnets):
            names = ", ".join(str(subnet.network) for subnet in subnets)
            findings.error(
                where, quoted(via), reason="outside the node's subnets", allowed=f"an address of {names or 'none'}"
            )


def _check_host(spec: HostSpec, path: str, findings: Findings) -> None:
    if spec.address is None:
        for key in ("gateway", "routes"):
            if getattr(spec, key):
                findings.error(f"{path}.{key}", key, reason="a host with address: dhcp learns its routes")
    else:
        _check_next_hops(spec.routes, [spec.address], path, findings)
    _check_services(spec, path, findings)
    if spec.gateway is None or spec.address is None:
        return
    gateway, network = format_ipv4(spec.gateway), spec.address.network
    where = f"{path}.gateway"
    if spec.gateway == spec.address.address:
        findings.error(where, quoted(gateway), reason="this is the host's own address")
    elif spec.gateway not in network:
        findings.error(where, quoted(gateway), reason="outside the host's subnet", allowed=f"an address of {network}")
    elif network.length < 31 and spec.gateway in (network.address, network.broadcast):
        findings.error(where, quoted(gateway), reason=f"the network or broadcast address of {network}")


def _dialup_spec(**parts: Any) -> HostSpec:
    return _host_spec(L2tpSpec if "l2tp" in parts else DialupSpec, **parts)


def _check_dialup(spec: DialupSpec | L2tpSpec, path: str, findings: Findings) -> None:
    _check_host(spec, path, findings)
    if isinstance(spec, L2tpSpec):
        l2tp.check(spec, path, findings)
    else:
        dialup.check(spec, path, findings)


def _check_services(spec: HostSpec, path: str, findings: Findings) -> None:
    taken: dict[int, str] = {}
    for index, service in enumerate(spec.services):
        where = f"{path}.services[{index}]"
        if service.port in taken:
            findings.error(where, quoted(service.name), reason=f"port {service.port} is taken by {taken[service.port]}")
        taken[service.port] = service.name
        if service.pool is not None and spec.address is None:
            findings.error(where, quoted(service.name), reason="a host with address: dhcp cannot serve addresses")
        elif service.pool is not None and spec.address is not None:
            services.check_pool(service.pool, spec.address, where, findings)


def _check_router(spec: RouterSpec, path: str, findings: Findings) -> None:
    _check_next_hops(spec.routes, list(spec.interfaces.values()), path, findings)
    seen: dict[str, Prefix] = {}
    for name, prefix in spec.interfaces.items():
        for other, theirs in seen.items():
            if prefix.overlaps(theirs):
                reason = f"the subnet {prefix.network} overlaps {theirs.network} of {other}"
                findings.error(f"{path}.interfaces.{name}", quoted(str(prefix)), reason=reason)
        seen[name] = prefix


def _check_nat(spec: NatSpec, path: str, findings: Findings) -> None:
    _check_router(spec, path, findings)
    nat.check(spec, path, findings)


_DESCRIPTION: Final = {"description": Field("description", values.text)}
_ROUTES: Final = {"routes": Field("routes", values.list_of(values.route))}

_HOST_FIELDS: Final = {
    "address": Field("address", _host_address),
    "gateway": Field("gateway", values.address),
    "services": Field("services", values.list_of(services.service)),
    "users": Field("users", values.map_of(values.text)),
    "files": Field("files", values.map_of(_startup_file)),
    "vlan": Field("vlan", vlans.VLAN),
    **_ROUTES,
    **_DESCRIPTION,
}

KINDS: Final[Mapping[str, KindSchema]] = {
    "screenos": KindSchema(
        RecordSchema(
            ScreenosSpec,
            {
                "type": Field("platform", values.text),
                "startup-config": Field("startup_config", _startup_file),
                "config": Field("config", values.command_lines),
                **_DESCRIPTION,
            },
        ),
        interfaces=lambda spec, platforms: platforms.get(spec.platform),
        check=_check_nothing,
    ),
    "host": KindSchema(
        RecordSchema(
            partial(_host_spec, HostSpec),
            _HOST_FIELDS,
            required=("address",),
        ),
        interfaces=lambda _spec, _platforms: ("eth0",),
        check=_check_host,
    ),
    "dialup": KindSchema(
        RecordSchema(
            _dialup_spec,
            {**_HOST_FIELDS, "vpn": Field("vpn", dialup.connection), "l2tp": Field("l2tp", l2tp.connection)},
            required=("address",),
            one_of=("vpn", "l2tp"),
        ),
        interfaces=lambda _spec, _platforms: ("eth0",),
        check=_check_dialup,
    ),
    "router": KindSchema(
        RecordSchema(
            RouterSpec,
            {
                "interfaces": Field("interfaces", values.map_of(values.interface_address)),
                **_ROUTES,
                **_DESCRIPTION,
            },
            required=("interfaces",),
        ),
        interfaces=lambda spec, _platforms: tuple(dict.fromkeys(split_vlan(name)[0] for name in spec.interfaces)),
        check=_check_router,
    ),
    "nat": KindSchema(
        RecordSchema(
            NatSpec,
            {
                "interfaces": Field("interfaces", values.map_of(values.interface_address)),
                **{key: Field(key.replace("-", "_"), reader) for key, reader in nat.READERS.items()},
                "map": Field("table", nat.table),
                **_ROUTES,
                **_DESCRIPTION,
            },
            required=("interfaces", "inside", "outside"),
        ),
        interfaces=lambda spec, _platforms: tuple(spec.interfaces),
        check=_check_nat,
    ),
    "switch": KindSchema(
        RecordSchema(SwitchSpec, {"ports": Field("ports", values.map_of(vlans.port)), **_DESCRIPTION}),
        interfaces=lambda _spec, _platforms: None,
        check=_check_nothing,
    ),
}

DEFAULTS_KEYS: Final = ("kind", *dict.fromkeys(key for schema in KINDS.values() for key in schema.record.fields))

LINK: Final = RecordSchema(
    LinkSpec,
    {
        "endpoints": Field("endpoints", _endpoints),
        "delay": Field("delay", units.delay),
        "jitter": Field("jitter", units.delay),
        "loss": Field("loss", units.loss),
        "rate": Field("rate", units.rate),
        "mtu": Field("mtu", values.whole_number(68, 9216)),
        "down": Field("down", values.flag),
        **_DESCRIPTION,
    },
    required=("endpoints",),
)

VALIDATION: Final = RecordSchema(
    ValidationSpec,
    {
        "node": Field("node", values.text),
        "exec": Field("commands", values.command_lines),
        "match": Field("match", values.pattern),
        "not-match": Field("not_match", values.pattern),
        "wait": Field("wait", units.wait),
        "pass": Field("pass_text", values.text),
        "fail": Field("fail_text", values.text),
        "level": Field("level", values.one_of("error", "warning")),
        **_DESCRIPTION,
    },
)
