"""Readers of single values: an element of the file → a typed value, or a finding and None.

Every reader has the shape `(Element, Findings) -> value | None`. Quantities with units are in `units`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from nsemu.lab.topology.document import Element
from nsemu.lab.topology.errors import Findings, quoted
from nsemu.lab.topology.model import RouteSpec
from nsemu.wire.address import AddressError, Prefix, parse_ipv4

T = TypeVar("T")
Reader = Callable[[Element, Findings], T | None]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*")


def text(element: Element, findings: Findings) -> str | None:
    """Any text; a number counts as the text it is written with."""
    if isinstance(element.value, (str, int, float)) and not isinstance(element.value, bool):
        return element.text
    findings.error(element.path, element.shown, allowed="a text")
    return None


def plain_name(element: Element, findings: Findings) -> str | None:
    """A name that can be a word of a command line and part of a file name."""
    found = text(element, findings)
    if found is None or _NAME.fullmatch(found):
        return found
    findings.error(element.path, quoted(found), allowed="a name of letters, digits, '_', '.' and '-'")
    return None


def is_interface_name(word: str) -> bool:
    """Whether a word can name an interface: letters, digits, `_`, `.`, `/` and `-`."""
    return _KEY.fullmatch(word) is not None


def flag(element: Element, findings: Findings) -> bool | None:
    """`true` or `false`."""
    if isinstance(element.value, bool):
        return element.value
    findings.error(element.path, element.shown, allowed="true, false")
    return None


def whole_number(lowest: int, highest: int) -> Reader[int]:
    """A reader of integers in a range."""

    def read(element: Element, findings: Findings) -> int | None:
        value = element.value
        if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest:
            return value
        findings.error(element.path, element.shown, allowed=f"a whole number from {lowest} to {highest}")
        return None

    return read


def one_of(*words: str) -> Reader[str]:
    """A reader of one of a few words."""

    def read(element: Element, findings: Findings) -> str | None:
        if isinstance(element.value, str) and element.value in words:
            return element.value
        if isinstance(element.value, str):
            findings.unknown(element.path, element.value, words)
        else:
            findings.error(element.path, element.shown, allowed=", ".join(words))
        return None

    return read


def address(element: Element, findings: Findings) -> int | None:
    """`10.1.1.1` → int."""
    found = text(element, findings)
    if found is None:
        return None
    try:
        return parse_ipv4(found)
    except AddressError:
        findings.error(element.path, quoted(found), allowed="an IPv4 address such as 10.1.1.1")
        return None


def _prefix(element: Element, findings: Findings, example: str) -> Prefix | None:
    found = text(element, findings)
    if found is None:
        return None
    try:
        return Prefix.parse(found)
    except AddressError as error:
        findings.error(element.path, quoted(found), reason=str(error), allowed=f"an IPv4 prefix such as {example}")
        return None


def interface_address(element: Element, findings: Findings) -> Prefix | None:
    """`10.1.1.5/24`: an address a node can have, with the length of its subnet."""
    prefix = _prefix(element, findings, "10.1.1.5/24")
    if prefix is None:
        return None
    reason = _unusable(prefix)
    if reason:
        findings.error(element.path, quoted(str(prefix)), reason=reason)
        return None
    return prefix


def _unusable(prefix: Prefix) -> str:
    if prefix.address >> 28 == 0xE or prefix.address >> 28 == 0xF:
        return "a multicast or reserved address cannot be an interface's own"
    if prefix.address >> 24 in (0, 127):
        return "an address of 0.0.0.0/8 or 127.0.0.0/8 cannot be an interface's own"
    # RFC 3021: a /31 has neither a network nor a broadcast address; a /32 is one host
    if prefix.length < 31 and prefix.address == prefix.network.address:
        return f"this is the address of the network {prefix.network} itself"
    if prefix.length < 31 and prefix.address == prefix.broadcast:
        return f"this is the broadcast address of {prefix.network}"
    return ""


def network(element: Element, findings: Findings) -> Prefix | None:
    """`10.9.0.0/16`, or `default`: where a route leads to. Host bits are refused."""
    if element.value == "default":
        return Prefix(0, 0)
    prefix = _prefix(element, findings, "10.9.0.0/16 (or default)")
    if prefix is not None and prefix != prefix.network:
        findings.error(
            element.path, quoted(str(prefix)), reason="bits behind the mask are set", nearest=str(prefix.network)
        )
        return None
    return prefix


def pattern(element: Element, findings: Findings) -> re.Pattern[str] | None:
    """A regular expression, compiled with re.MULTILINE."""
    found = text(element, findings)
    if found is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(found, re.MULTILINE)
    except (re.error, OverflowError, RecursionError) as error:
        findings.error(element.path, quoted(found), reason=f"this is no regular expression: {error}")
        return None


def command_lines(element: Element, findings: Findings) -> tuple[str, ...] | None:
    """One command, several lines of them in one text, or a list of commands; empty ones do not count."""
    parts = element.value if isinstance(element.value, tuple) else (element,)
    if isinstance(element.value, dict) or element.value is None:
        findings.error(element.path, element.shown, allowed="a command, or a list of commands")
        return None
    read = [text(part, findings) for part in parts]
    lines = [line.strip() for found in read if found is not None for line in found.splitlines()]
    return tuple(line for line in lines if line) if None not in read else None


def entries(element: Element, findings: Findings) -> dict[str, Element] | None:
    """A mapping."""
    if isinstance(element.value, dict):
        return element.value
    findings.error(element.path, element.shown, allowed="a mapping (key: value)")
    return None


def items(element: Element, findings: Findings) -> tuple[Element, ...] | None:
    """A list."""
    if isinstance(element.value, tuple):
        return element.value
    findings.error(element.path, element.shown, allowed="a list")
    return None


def list_of(reader: Reader[T]) -> Reader[tuple[T, ...]]:
    """A reader of lists; None if one item is wrong."""

    def read(element: Element, findings: Findings) -> tuple[T, ...] | None:
        parts = items(element, findings)
        values = [reader(part, findings) for part in parts or ()]
        whole = tuple(value for value in values if value is not None)
        return whole if parts is not None and len(whole) == len(values) else None

    return read


def map_of(reader: Reader[T]) -> Reader[dict[str, T]]:
    """A reader of mappings with names as keys; None if one value is wrong."""

    def read(element: Element, findings: Findings) -> dict[str, T] | None:
        parts = entries(element, findings)
        whole: dict[str, T] = {}
        for key, part in (parts or {}).items():
            if not is_interface_name(key):
                findings.error(part.path, quoted(key), allowed="a name of letters, digits, '_', '.', '/' and '-'")
            elif (value := reader(part, findings)) is not None:
                whole[key] = value
        return whole if parts is not None and len(whole) == len(parts) else None

    return read


def known_keys(element: Element, findings: Findings, allowed: Sequence[str]) -> dict[str, Element] | None:
    """A mapping whose keys are all allowed; unknown ones are recorded and left out."""
    found = entries(element, findings)
    if found is None:
        return None
    for key in found:
        if key not in allowed:
            path = f"{element.path}.{key}" if element.path else key
            findings.unknown(path, key, allowed, reason="unknown key")
    return {key: value for key, value in found.items() if key in allowed}


def require(mapping: Mapping[str, Element], keys: Sequence[str], path: str, findings: Findings) -> bool:
    """Whether all keys are there; those that are not are recorded."""
    missing = [key for key in keys if key not in mapping]
    for key in missing:
        findings.error(f"{path}.{key}" if path else key, reason="missing")
    return not missing


def route(element: Element, findings: Findings) -> RouteSpec | None:
    """`{to: 10.9.0.0/16, via: 10.1.1.1}`."""
    parts = known_keys(element, findings, ("to", "via"))
    if parts is None or not require(parts, ("to", "via"), element.path, findings):
        return None
    to, via = network(parts["to"], findings), address(parts["via"], findings)
    return None if to is None or via is None else RouteSpec(to, via)


def addresses(element: Element, findings: Findings) -> tuple[int, ...] | None:
    """One IPv4 address, or a list of them."""
    if isinstance(element.value, tuple):
        return list_of(address)(element, findings)
    found = address(element, findings)
    return None if found is None else (found,)
