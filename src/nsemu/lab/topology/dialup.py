"""Readers and checks of the connection of a node of kind `dialup`.

wendy:
  kind: dialup
  address: 2.1.1.5/24
  gateway: 2.1.1.1
  vpn:
    gateway: 1.1.1.1                 # the security device
    remote: 10.1.1.5/32              # or a list of networks
    identity: wparker@email.com      # the IKE ID: an email address, a domain name, an IP address
    key: h1p8A24nG5                  # the preshared key
    phase1: pre-g2-3des-sha          # proposals, or one of standard, compatible, basic; compatible if nothing is said
    phase2: compatible
    service: http                    # or any, or PROTOCOL/PORT; any if nothing is said
    inner-address: 10.10.10.1        # a virtual inner address, or assigned; the node's own if nothing is said
    mode: aggressive                 # or main
    user: Joe                        # name and password for XAuth
    password: "1234"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from nsemu.config.algorithms import AuthenticationMethod, ExchangeMode
from nsemu.config.ike import MAXIMUM_PROPOSALS, Identity, IdentityType, SecurityLevel
from nsemu.config.predefined import PHASE1_SETS, PHASE2_SETS, PREDEFINED_PHASE1, PREDEFINED_PHASE2
from nsemu.lab.dialup.connection import Connection
from nsemu.lab.topology import values
from nsemu.lab.topology.document import Element
from nsemu.lab.topology.errors import Findings, quoted
from nsemu.lab.topology.model import SERVICE_PORTS, DialupSpec
from nsemu.wire.address import AddressError, Prefix, format_ipv4, parse_ipv4

ASSIGNED: Final = "assigned"
P = TypeVar("P")

_PROTOCOLS: Final = {"tcp": 6, "udp": 17}
_UDP_SERVICES: Final = frozenset({"dns", "dhcp", "tftp"})
_LEVELS: Final = tuple(level.value for level in SecurityLevel)
_PRESHARED: Final = {
    name: record for name, record in PREDEFINED_PHASE1.items() if record.method is AuthenticationMethod.PRESHARE
}


def remote(element: Element, findings: Findings) -> tuple[Prefix, ...] | None:
    """One network, or a list of them."""
    if isinstance(element.value, tuple):
        return values.list_of(values.network)(element, findings)
    found = values.network(element, findings)
    return None if found is None else (found,)


def _identity(element: Element, findings: Findings) -> Identity | None:
    found = values.text(element, findings)
    if found is None:
        return None
    identity = Identity.infer(found)
    if identity.type is IdentityType.ASN1_DN:
        reason = "a distinguished name needs a certificate, and the client has a preshared key"
        findings.error(element.path, quoted(found), reason=reason)
        return None
    return identity


def _proposals(
    named: Mapping[str, P], sets: Mapping[SecurityLevel, tuple[str, ...]]
) -> Callable[[Element, Findings], tuple[P, ...] | None]:
    """A reader of proposals: a predefined set, one name, or a list of names."""

    def read(element: Element, findings: Findings) -> tuple[P, ...] | None:
        if element.value in _LEVELS:
            return tuple(named[name] for name in sets[SecurityLevel(element.value)] if name in named)
        parts = values.items(element, findings) if isinstance(element.value, tuple) else [element]
        words = [values.one_of(*_LEVELS, *named)(part, findings) for part in parts or ()]
        if not words or len(words) > MAXIMUM_PROPOSALS or not all(word in named for word in words):
            if words and None not in words:
                findings.error(element.path, element.shown, allowed=f"a set, or up to {MAXIMUM_PROPOSALS} proposals")
            return None
        return tuple(named[word] for word in words if word is not None)

    return read


def _service(element: Element, findings: Findings) -> tuple[int, int] | None:
    """`any`, the name of a service, or `tcp/8080` → (protocol, port)."""
    found = values.text(element, findings)
    if found is None:
        return None
    if found == "any":
        return (0, 0)
    if found in SERVICE_PORTS:
        return (17 if found in _UDP_SERVICES else 6, SERVICE_PORTS[found])
    word, slash, number = found.partition("/")
    if slash and word in _PROTOCOLS and number.isdecimal() and 0 < int(number) < 65536:
        return (_PROTOCOLS[word], int(number))
    findings.error(element.path, quoted(found), allowed=f"any, tcp/PORT, udp/PORT, {', '.join(SERVICE_PORTS)}")
    return None


def _inner(element: Element, findings: Findings) -> int | str | None:
    found = values.text(element, findings)
    if found is None or found == ASSIGNED:
        return found
    try:
        return parse_ipv4(found)
    except AddressError:
        findings.error(element.path, quoted(found), allowed="an IPv4 address such as 10.10.10.1, or assigned")
        return None


_READERS: Final[Mapping[str, values.Reader[Any]]] = {
    "gateway": values.address,
    "remote": remote,
    "identity": _identity,
    "key": values.text,
    "phase1": _proposals(_PRESHARED, PHASE1_SETS),
    "phase2": _proposals(PREDEFINED_PHASE2, PHASE2_SETS),
    "service": _service,
    "inner-address": _inner,
    "mode": values.one_of(*(mode.value for mode in ExchangeMode)),
    "user": values.text,
    "password": values.text,
}
_PROTECTION: Final = ("identity", "key", "phase1", "phase2", "mode")
_REQUIRED: Final = ("gateway", "remote", "identity", "key")


def connection(element: Element, findings: Findings) -> Connection | None:
    """The connection, or None when something that it needs is missing or wrong."""
    parts = values.known_keys(element, findings, tuple(_READERS))
    if parts is None:
        return None
    complete = values.require(parts, _REQUIRED, element.path, findings)
    read: dict[str, Any] = {key: _READERS[key](part, findings) for key, part in parts.items()}
    if not complete or None in read.values():
        return None
    for one, other in (("user", "password"), ("password", "user")):
        if one in read and other not in read:
            findings.error(f"{element.path}.{other}", reason=f"missing, as there is a {one}")
            return None
    return protected(read)


def protection(element: Element, findings: Findings) -> dict[str, Any] | None:
    """What protects an L2TP connection: IKE ID, key, proposals and mode, by their words."""
    parts = values.known_keys(element, findings, _PROTECTION)
    if parts is None or not values.require(parts, ("identity", "key"), element.path, findings):
        return None
    read = {key: _READERS[key](part, findings) for key, part in parts.items()}
    return None if None in read.values() else read


def protected(read: Mapping[str, Any], *, transport: bool = False) -> Connection:
    """The connection that the words of a topology file describe, with defaults for those that are missing."""
    inner = read.get("inner-address")
    protocol, port = read.get("service", (0, 0))
    compatible = SecurityLevel.COMPATIBLE
    return Connection(
        gateway=read["gateway"],
        remote=read["remote"],
        identity=read["identity"],
        key=read["key"],
        phase1=read.get("phase1") or tuple(_PRESHARED[name] for name in PHASE1_SETS[compatible] if name in _PRESHARED),
        phase2=read.get("phase2") or tuple(PREDEFINED_PHASE2[name] for name in PHASE2_SETS[compatible]),
        mode=ExchangeMode(read.get("mode", ExchangeMode.AGGRESSIVE.value)),
        protocol=protocol,
        port=port,
        inner=inner if isinstance(inner, int) else None,
        assigned=inner == ASSIGNED,
        user=read.get("user", ""),
        password=read.get("password", ""),
        transport=transport,
    )


def check(spec: DialupSpec, path: str, findings: Findings) -> None:
    """The gateway can be reached past the tunnel, and an address can be assigned only after a login."""
    vpn, where = spec.vpn, f"{path}.vpn"
    gateway = format_ipv4(vpn.gateway)
    routed = spec.gateway is not None or any(vpn.gateway in route.to for route in spec.routes)
    if spec.address is not None and vpn.gateway == spec.address.address:
        findings.error(f"{where}.gateway", quoted(gateway), reason="this is the node's own address")
    elif spec.address is not None and vpn.gateway not in spec.address and not routed:
        reason = "no way there: the node has no gateway and no route to it"
        findings.error(f"{where}.gateway", quoted(gateway), reason=reason)
    if vpn.assigned and not vpn.user:
        findings.error(
            f"{where}.inner-address", ASSIGNED, reason="user is missing: an address is assigned after a login"
        )
    check_proposals(vpn, where, findings)


def check_proposals(vpn: Connection, where: str, findings: Findings) -> None:
    """All Phase 1 proposals of aggressive mode have one Diffie-Hellman group."""
    groups = {proposal.group for proposal in vpn.phase1}
    if vpn.mode is ExchangeMode.AGGRESSIVE and len(groups) > 1:
        reason = "in aggressive mode all proposals must have one Diffie-Hellman group"
        findings.error(f"{where}.phase1", reason=reason)
