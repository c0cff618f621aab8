"""NTP messages of 48 octets with an optional MD5 digest (RFC 5905 §7.3; RFC 1305, appendix C, for the digest)."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from nsemu.wire.errors import MalformedPacket

PORT: Final = 123
CLIENT: Final = 3
SERVER: Final = 4
UNSYNCHRONISED: Final = 3
"""Leap indicator of a clock that is not set."""

_HEADER: Final = struct.Struct("!BBbbII4sQQQQ")
_DIGEST: Final = struct.Struct("!I16s")
_ERA: Final = datetime(1900, 1, 1)


def timestamp(utc: datetime) -> int:
    """A date as 64 bits: seconds since 1900 and their fraction."""
    since = utc - _ERA
    seconds = since.days * 86400 + since.seconds
    return (seconds & 0xFFFFFFFF) << 32 | (since.microseconds << 32) // 1_000_000


def date(stamp: int) -> datetime:
    """A timestamp as a date, to the microsecond; of the era that began in 1900."""
    micro = ((stamp & 0xFFFFFFFF) * 1_000_000 + (1 << 31)) >> 32
    return _ERA + timedelta(seconds=stamp >> 32, microseconds=micro)


@dataclass(frozen=True, slots=True)
class NtpMessage:
    """One message. Times are 64-bit timestamps, 0 for none; `key_id` 0 means without digest."""

    mode: int
    stratum: int = 0
    originate: int = 0
    receive: int = 0
    transmit: int = 0
    reference: int = 0
    leap: int = 0
    version: int = 3
    poll: int = 6
    precision: int = -20
    identifier: bytes = bytes(4)
    key_id: int = 0
    digest: bytes = b""

    @classmethod
    def parse(cls, data: bytes) -> NtpMessage:
        """Octets → message. Raises MalformedPacket."""
        if len(data) not in {_HEADER.size, _HEADER.size + _DIGEST.size}:
            raise MalformedPacket(f"NTP message of {len(data)} octets")
        first, stratum, poll, precision, _delay, _dispersion, identifier, *times = _HEADER.unpack_from(data)
        version = first >> 3 & 7
        if not 1 <= version <= 4:
            raise MalformedPacket(f"NTP version {version}")
        key_id, digest = _DIGEST.unpack_from(data, _HEADER.size) if len(data) > _HEADER.size else (0, b"")
        reference, originate, receive, transmit = times
        return cls(
            first & 7, stratum, originate, receive, transmit, reference, first >> 6, version, poll, precision,
            identifier, key_id, digest,
        )  # fmt: skip

    def build(self, key: bytes = b"") -> bytes:
        """Message → octets, with a digest by `key` when there is a `key_id`."""
        header = self._header()
        return header + _DIGEST.pack(self.key_id, digest_of(key, header)) if self.key_id else header

    def is_authentic(self, key: bytes) -> bool:
        """Whether the digest is by `key`."""
        return bool(self.key_id) and self.digest == digest_of(key, self._header())

    def _header(self) -> bytes:
        first = self.leap << 6 | self.version << 3 | self.mode
        times = (self.reference, self.originate, self.receive, self.transmit)
        return _HEADER.pack(first, self.stratum, self.poll, self.precision, 0, 0, self.identifier, *times)


def digest_of(key: bytes, header: bytes) -> bytes:
    """MD5 of the key and the message."""
    return hashlib.md5(key + header, usedforsecurity=False).digest()
