"""Readers and checks of the L2TP connection of a node of kind `dialup`.

adam:
  kind: dialup
  address: 2.1.1.5/24
  gateway: 2.1.1.1
  l2tp:
    gateway: 1.1.1.1                 # the device, as LNS
    remote: 10.1.1.0/24              # or a list of networks; everything if nothing is said
    user: adam                       # name and password for PPP
    password: AJbioJ15
    auth: [chap, pap]                # what the client will do to prove itself; both if nothing is said
    secret: netscreen                # the tunnel secret
    host-name: pc-of-adam            # the node's name if nothing is said
    keepalive: 60                    # seconds of silence before a hello; none if nothing is said
    ipsec: {identity: ajackson@abc.com, key: n3TsCr33N, phase1: standard, phase2: standard, mode: aggressive}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from nsemu.l2tp.parameters import L2TP_PORT
from nsemu.lab.dialup.l2tp_client import L2tpConnection
from nsemu.lab.topology import dialup, values
from nsemu.lab.topology.document import Element
from nsemu.lab.topology.errors import Findings, quoted
from nsemu.ppp.parameters import Scheme
from nsemu.wire.address import Prefix, format_ipv4
from nsemu.wire.ipv4 import PROTOCOL_UDP

if TYPE_CHECKING:
    from nsemu.lab.topology.model import L2tpSpec

_EVERYTHING: Final = (Prefix(0, 0),)
_SCHEMES: Final = tuple(scheme.value for scheme in Scheme)


def _schemes(element: Element, findings: Findings) -> tuple[Scheme, ...] | None:
    """One scheme, or a list of them in order of preference."""
    parts = values.items(element, findings) if isinstance(element.value, tuple) else [element]
    words = [values.one_of(*_SCHEMES)(part, findings) for part in parts or ()]
    return tuple(Scheme(word) for word in words if word is not None) if words and None not in words else None


def _ipsec(element: Element, findings: Findings) -> dict[str, Any] | None:
    return dialup.protection(element, findings)


_READERS: Final[Mapping[str, values.Reader[Any]]] = {
    "gateway": values.address,
    "remote": dialup.remote,
    "user": values.text,
    "password": values.text,
    "auth": _schemes,
    "secret": values.text,
    "host-name": values.text,
    "keepalive": values.whole_number(0, 3600),
    "ipsec": _ipsec,
}
_REQUIRED: Final = ("gateway", "user", "password")


def connection(element: Element, findings: Findings) -> L2tpConnection | None:
    """The connection, or None when something that it needs is missing or wrong."""
    parts = values.known_keys(element, findings, tuple(_READERS))
    if parts is None:
        return None
    complete = values.require(parts, _REQUIRED, element.path, findings)
    read: dict[str, Any] = {key: _READERS[key](part, findings) for key, part in parts.items()}
    if not complete or None in read.values():
        return None
    gateway, protected = read["gateway"], read.get("ipsec")
    ipsec = None
    if protected is not None:
        itself = (Prefix(gateway, 32),)
        ipsec = dialup.protected(
            {**protected, "gateway": gateway, "remote": itself, "service": (PROTOCOL_UDP, L2TP_PORT)}, transport=True
        )
    return L2tpConnection(
        gateway=gateway,
        remote=read.get("remote", _EVERYTHING),
        user=read["user"],
        password=read["password"],
        secret=read.get("secret", ""),
        host=read.get("host-name", ""),
        schemes=read.get("auth", tuple(Scheme)),
        keepalive=read.get("keepalive", 0),
        ipsec=ipsec,
    )


def check(spec: L2tpSpec, path: str, findings: Findings) -> None:
    """The device can be reached, and the proposals go together."""
    gateway, where = spec.l2tp.gateway, f"{path}.l2tp"
    if spec.address is not None and gateway == spec.address.address:
        findings.error(f"{where}.gateway", quoted(format_ipv4(gateway)), reason="this is the node's own address")
    if spec.l2tp.ipsec is not None:
        dialup.check_proposals(spec.l2tp.ipsec, f"{where}.ipsec", findings)
