"""The Internet checksum, whole and incremental (RFC 1071, RFC 1624)."""

from __future__ import annotations


def ones_complement_sum(data: bytes | bytearray | memoryview, initial: int = 0) -> int:
    """The folded 16-bit one's complement sum of `data` (odd length is padded with a zero octet)."""
    size = len(data)
    total = int.from_bytes(data, "big")
    if size & 1:
        total <<= 8
    total += initial
    # 2**16 = 1 (mod 0xffff): the sum of the 16-bit words is the number modulo 0xffff, but 0 and 0xffff fall together.
    folded = total % 0xFFFF
    return 0xFFFF if folded == 0 and total else folded


def checksum(data: bytes | bytearray | memoryview, initial: int = 0) -> int:
    """The checksum field value for `data`, whose own checksum field must be zero."""
    return ones_complement_sum(data, initial) ^ 0xFFFF


def pseudo_header_sum(source: int, destination: int, protocol: int, length: int) -> int:
    """The part of a TCP or UDP checksum that the IPv4 header contributes (RFC 793, RFC 768)."""
    return (source >> 16) + (source & 0xFFFF) + (destination >> 16) + (destination & 0xFFFF) + protocol + length


def adjust(old_checksum: int, delta: int) -> int:
    """A checksum field after a change of the data (RFC 1624 eqn. 3).

    `delta` is the sum of (new word - old word), each as 16 bit, reduced modulo 0xffff or not.
    """
    total = ((old_checksum ^ 0xFFFF) + delta) % 0xFFFF
    # A header is never all zero, so its sum is 0xffff rather than 0: the field is 0 rather than 0xffff.
    return (total or 0xFFFF) ^ 0xFFFF


def adjust_at(out: bytearray, offset: int, delta: int) -> None:
    """`adjust` the checksum field that stands at `offset` of a packet under change."""
    value = adjust(out[offset] << 8 | out[offset + 1], delta)
    out[offset] = value >> 8
    out[offset + 1] = value & 255
