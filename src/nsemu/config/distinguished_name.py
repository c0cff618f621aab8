"""Distinguished names as the admin writes them, and how those of group IKE ID users are compared (Vol. 5, "Wildcard and
Container ASN1-DN IKE ID Types"; B252 to B255).

A name is a list of elements, `C=us,ST=ca,O=juniper`. Fields are compared without regard to case, values too (RFC 4517
§4.2.11), blanks around them do not count.
"""

from __future__ import annotations

import re
from collections import Counter

from nsemu.config.errors import ConfigError
from nsemu.config.users import IkeIdKind

Element = tuple[str, str]
"""(field, value), both folded."""

_ESCAPED_COMMA = re.compile(r"(?<!\\),")


def parse_name(text: str) -> tuple[Element, ...]:
    """The elements of a name, in order. A comma in a value is written `\\,`. Raises ConfigError."""
    elements = []
    for part in _ESCAPED_COMMA.split(text):
        field, equals, value = part.partition("=")
        if not equals or not field.strip() or not value.strip():
            raise ConfigError(f"invalid distinguished name {text} (elements like ou=sales expected)")
        elements.append((field.strip().casefold(), " ".join(value.replace("\\,", ",").split()).casefold()))
    return tuple(elements)


def check_name(kind: IkeIdKind, text: str) -> None:
    """Raises ConfigError for what is no name, and for two values of one field in a wildcard (B252)."""
    fields = Counter(field for field, _ in parse_name(text))
    twice = next((field for field, count in fields.items() if count > 1), None)
    if kind is IkeIdKind.WILDCARD and twice is not None:
        raise ConfigError(f"a wildcard has one value for each field, and {twice} has several (container expected)")


def matches_name(kind: IkeIdKind, part: str, whole: str) -> bool:
    """Whether the name of a peer, `whole`, is one of those that `part` of a group IKE ID user stands for.

    A wildcard wants all its elements to be there, in any order (B252, B253); a container wants the elements of its
    fields to be exactly its own, in the same order (B254, B255). Raises ConfigError for what is no name.
    """
    wanted, given = parse_name(part), parse_name(whole)
    if kind is IkeIdKind.WILDCARD:
        return set(wanted) <= set(given)
    fields = {field for field, _ in wanted}
    return tuple(element for element in given if element[0] in fields) == wanted
