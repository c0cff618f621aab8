"""Changing addresses and ports of a packet, with its checksums, in a few slice writes.

A `Rewrite` is made once per wing: the new values and by how much they change the two checksums (RFC 1624).
"""

from __future__ import annotations

from typing import Final

from nsemu.flow.packet import ICMP, TCP, UDP
from nsemu.flow.session import FlowTuple
from nsemu.wire.checksum import adjust_at

_TRANSPORT_CHECKSUM: Final = {TCP: 16, UDP: 6, ICMP: 2}


def _word_sum(value: int) -> int:
    return (value >> 16) + (value & 0xFFFF)


class Rewrite:
    """From one flow tuple to another. For ICMP echo the ports are sequence and identifier; only the latter changes."""

    __slots__ = ("_addresses", "_header_delta", "_icmp_identifier", "_ports", "_transport_delta", "after", "before")

    def __init__(self, protocol: int, before: FlowTuple, after: FlowTuple) -> None:
        self.before = before
        self.after = after
        self._addresses = after[0].to_bytes(4, "big") + after[1].to_bytes(4, "big")
        self._ports = after[2].to_bytes(2, "big") + after[3].to_bytes(2, "big")
        self._header_delta = sum(map(_word_sum, after[:2])) - sum(map(_word_sum, before[:2]))
        ports = after[2] + after[3] - before[2] - before[3]
        self._transport_delta = ports if protocol == ICMP else self._header_delta + ports
        changed = after[3] if after[3] != before[3] else after[2]
        self._icmp_identifier = changed.to_bytes(2, "big") if protocol == ICMP and ports else b""

    def apply(self, out: bytearray, header_length: int, protocol: int) -> None:
        """Rewrite the packet in `out`; it must carry the `before` tuple."""
        out[12:20] = self._addresses
        adjust_at(out, 10, self._header_delta)
        position = _TRANSPORT_CHECKSUM.get(protocol)
        if position is None:
            return
        if protocol != ICMP:
            out[header_length : header_length + 4] = self._ports
        elif self._icmp_identifier:
            out[header_length + 4 : header_length + 6] = self._icmp_identifier
        offset = header_length + position
        if protocol == UDP:
            if out[offset] == out[offset + 1] == 0:
                return
            adjust_at(out, offset, self._transport_delta)
            if out[offset] == out[offset + 1] == 0:
                out[offset] = out[offset + 1] = 0xFF
            return
        adjust_at(out, offset, self._transport_delta)
