"""The DNS service of a host (RFC 1035): authoritative for the names it was given, over UDP.

Several addresses of one name are answered in the order given, always the same (B217).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from nsemu.wire.dns import (
    CLASS_IN,
    FORMAT_ERROR,
    NAME_ERROR,
    NOT_IMPLEMENTED,
    PORT,
    TYPE_A,
    DnsMessage,
    DnsRecord,
    address_record,
)
from nsemu.wire.errors import MalformedPacket

__all__ = ["PORT", "DnsZone", "answer"]

DEFAULT_TTL: Final = 60
_ANY_TYPE: Final = 255


@dataclass(slots=True)
class DnsZone:
    """Names (lower case, no final dot) and their addresses in order; `ttl` in seconds. `queries` counts questions."""

    records: dict[str, tuple[int, ...]] = field(default_factory=dict)
    ttl: int = DEFAULT_TTL
    queries: int = 0

    def set(self, name: str, addresses: tuple[int, ...]) -> None:
        """Give a name its addresses; with none it is gone."""
        key = name.lower().rstrip(".")
        if addresses:
            self.records[key] = addresses
        else:
            self.records.pop(key, None)


def answer(zone: DnsZone, payload: bytes) -> bytes | None:
    """The response to a query, None for what is none."""
    try:
        query = DnsMessage.parse(payload)
    except MalformedPacket:
        if len(payload) < 12 or payload[2] & 0x80:
            return None
        identifier = int.from_bytes(payload[:2], "big")
        return DnsMessage(identifier, response=True, code=FORMAT_ERROR).build()
    if query.response:
        return None
    zone.queries += 1
    code, answers = _look_up(zone, query)
    return DnsMessage(
        query.identifier,
        response=True,
        opcode=query.opcode,
        authoritative=True,
        recursion_desired=query.recursion_desired,
        code=code,
        questions=query.questions,
        answers=answers,
    ).build()


def _look_up(zone: DnsZone, query: DnsMessage) -> tuple[int, tuple[DnsRecord, ...]]:
    if query.opcode or len(query.questions) != 1:
        return (NOT_IMPLEMENTED if query.opcode else FORMAT_ERROR), ()
    question = query.questions[0]
    addresses = zone.records.get(question.name)
    if addresses is None:
        return NAME_ERROR, ()
    if question.class_ != CLASS_IN or question.type not in {TYPE_A, _ANY_TYPE}:
        return 0, ()
    return 0, tuple(address_record(question.name, address, zone.ttl) for address in addresses)
