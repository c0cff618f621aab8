"""Readers and checks of nodes of kind `nat`.

box:
  kind: nat
  interfaces: {eth0: 10.0.0.1/24, eth1: 1.1.1.5/24}
  inside: [eth0]
  outside: eth1
  mode: overload                      # or pool, with `pool:`, or one-to-one, with `map:`
  pool: 1.1.1.100-1.1.1.110
  map: {10.0.0.2: 1.1.1.20}
  timeout: 60s
  ike-aware: true
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nsemu.lab.topology import units, values
from nsemu.lab.topology.document import Element
from nsemu.lab.topology.errors import Findings, quoted
from nsemu.lab.topology.model import NatSpec
from nsemu.lab.topology.services import address_range
from nsemu.wire.address import AddressError, format_ipv4, parse_ipv4

MODES: Final = ("overload", "pool", "one-to-one")
_LARGEST_POOL: Final = 4096


def names(element: Element, findings: Findings) -> tuple[str, ...] | None:
    """One interface name, or a list of them."""
    if isinstance(element.value, tuple):
        return values.list_of(values.text)(element, findings)
    found = values.text(element, findings)
    return None if found is None else (found,)


def table(element: Element, findings: Findings) -> dict[int, int] | None:
    """`{INSIDE: OUTSIDE}`, both addresses."""
    read = values.map_of(values.address)(element, findings)
    if read is None:
        return None
    whole: dict[int, int] = {}
    for key, outer in read.items():
        try:
            whole[parse_ipv4(key)] = outer
        except AddressError:
            findings.error(f"{element.path}.{key}", quoted(key), allowed="an IPv4 address such as 10.1.1.1")
            return None
    return whole


READERS: Final[Mapping[str, values.Reader[Any]]] = {
    "inside": names,
    "outside": values.text,
    "mode": values.one_of(*MODES),
    "pool": address_range,
    "timeout": units.wait,
    "ike-aware": values.flag,
    "keep-ports": values.flag,
}


def check(spec: NatSpec, path: str, findings: Findings) -> None:
    """Interfaces exist on one side each, and the mode has what it needs."""
    for where, name in (*((f"{path}.inside", one) for one in spec.inside), (f"{path}.outside", spec.outside)):
        if name not in spec.interfaces:
            findings.unknown(where, name, tuple(spec.interfaces), reason="no such interface")
    if spec.outside in spec.inside:
        findings.error(f"{path}.outside", quoted(spec.outside), reason="this is an inside interface")
    if spec.mode == "pool" and spec.pool is None:
        findings.error(f"{path}.pool", reason="missing")
    if spec.mode == "one-to-one" and not spec.table:
        findings.error(f"{path}.map", reason="missing")
    if spec.pool is not None and spec.pool[1] - spec.pool[0] >= _LARGEST_POOL:
        findings.error(f"{path}.pool", reason=f"more than {_LARGEST_POOL} addresses")
    _check_table(spec, path, findings)


def _check_table(spec: NatSpec, path: str, findings: Findings) -> None:
    seen: dict[int, int] = {}
    for inner, outer in spec.table.items():
        if outer in seen:
            where = f"{path}.map.{format_ipv4(inner)}"
            findings.error(where, quoted(format_ipv4(outer)), reason=f"taken by {format_ipv4(seen[outer])}")
        seen[outer] = inner
