"""Clamping the MSS option of SYN segments (`set flow tcp-mss`, `set flow all-tcp-mss`)."""

from __future__ import annotations

from nsemu.wire.checksum import adjust_at

_END, _NOP, _MSS = 0, 1, 2


def clamp_mss(out: bytearray, header_length: int, limit: int) -> None:
    """Lower the MSS option of a SYN to `limit`, with the checksum; 0 means no limit."""
    if not limit:
        return
    end = min(len(out), header_length + (out[header_length + 12] >> 4) * 4)
    position = header_length + 20
    while position + 4 <= end:
        kind = out[position]
        if kind == _END:
            return
        if kind == _NOP:
            position += 1
            continue
        size = out[position + 1]
        if kind == _MSS and size == 4:
            _lower(out, header_length, position + 2, limit)
            return
        if size < 2:
            return
        position += size


def _lower(out: bytearray, header_length: int, position: int, limit: int) -> None:
    value = out[position] << 8 | out[position + 1]
    if value <= limit:
        return
    out[position : position + 2] = limit.to_bytes(2, "big")
    # The option may stand at an odd offset, where its octets belong to two checksum words.
    shift = 8 if (position - header_length) & 1 else 0
    delta = (limit << shift) - (value << shift)
    adjust_at(out, header_length + 16, delta)
