"""Clamping the MSS option of SYN segments (`set flow tcp-mss` and its siblings), also in GRE (RFC 2784, RFC 2890)."""

from __future__ import annotations

from struct import Struct
from typing import Final

from nsemu.config.flow import FlowSettings
from nsemu.flow.packet import TCP
from nsemu.flow.session import SYN, Wing
from nsemu.wire.checksum import adjust_at, checksum

_END, _NOP, _MSS = 0, 1, 2
_GRE: Final = Struct("!HH")
_IPV4: Final = 0x0800
_CHECKSUM, _KEY, _SEQUENCE, _VERSION = 0x8000, 0x2000, 0x1000, 7


def mss_limit(flow: FlowSettings, wing: Wing) -> int:
    """The MSS of a connection on its way along `wing`, 0 for no limit; what is set for VPNs goes before the rest."""
    limits = [flow.tcp_mss] if wing.tunnel_out is not None else []
    if wing.tunnel_out is not None or wing.tunnel_in is not None:
        limits.append(flow.vpn_tcp_mss)
    return min(filter(None, limits), default=flow.all_tcp_mss)


def gre_limit(flow: FlowSettings, wing: Wing) -> int:
    """The MSS of connections within GRE; without VPN there is none."""
    limits = [flow.gre_out_mss] if wing.tunnel_out is not None else []
    if wing.tunnel_in is not None:
        limits.append(flow.gre_in_mss)
    return min(filter(None, limits), default=0)


def clamp_mss_in_gre(out: bytearray, header_length: int, limit: int) -> None:
    """Lower the MSS option of a SYN in a GRE packet, with the checksums of both; 0 means no limit."""
    if not limit or len(out) < header_length + 4:
        return
    flags, protocol = _GRE.unpack_from(out, header_length)
    if protocol != _IPV4 or flags & _VERSION:
        return
    inner = header_length + 4 + 4 * sum(bool(flags & bit) for bit in (_CHECKSUM, _KEY, _SEQUENCE))
    if (
        len(out) < inner + 20
        or out[inner] >> 4 != 4
        or out[inner + 9] != TCP
        or int.from_bytes(out[inner + 6 : inner + 8], "big") & 0x3FFF
    ):
        return
    segment = inner + ((out[inner] & 15) << 2)
    if len(out) < segment + 20 or not out[segment + 13] & SYN:
        return
    clamp_mss(out, segment, limit)
    if flags & _CHECKSUM:
        out[header_length + 4 : header_length + 6] = bytes(2)
        out[header_length + 4 : header_length + 6] = checksum(bytes(out[header_length:])).to_bytes(2, "big")


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
