"""TFTP messages (RFC 1350) with options (RFC 2347), among them the block size (RFC 2348)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from nsemu.wire.errors import MalformedPacket

PORT: Final = 69
DEFAULT_BLOCK: Final = 512
LONGEST_BLOCK: Final = 65464
BLOCK_SIZE: Final = "blksize"
OCTET: Final = "octet"
NETASCII: Final = "netascii"


class Opcode(IntEnum):
    """The kinds of messages."""

    READ = 1
    WRITE = 2
    DATA = 3
    ACK = 4
    ERROR = 5
    OPTION_ACK = 6


class ErrorCode(IntEnum):
    """RFC 1350, appendix I."""

    UNDEFINED = 0
    NOT_FOUND = 1
    ACCESS_VIOLATION = 2
    DISK_FULL = 3
    ILLEGAL_OPERATION = 4
    UNKNOWN_TRANSFER = 5
    FILE_EXISTS = 6
    NO_USER = 7
    BAD_OPTIONS = 8


@dataclass(frozen=True, slots=True)
class TftpMessage:
    """One message; which fields mean something depends on `opcode`.

    `number` is a block number (DATA, ACK) or an error code; `text` a file name (READ, WRITE) or what an error says.
    Option names are in lower case.
    """

    opcode: Opcode
    number: int = 0
    text: str = ""
    mode: str = OCTET
    data: bytes = b""
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, octets: bytes) -> TftpMessage:
        """Octets → message. Raises MalformedPacket."""
        if len(octets) < 2:
            raise MalformedPacket(f"TFTP message of {len(octets)} octets")
        try:
            opcode = Opcode(int.from_bytes(octets[:2], "big"))
        except ValueError:
            raise MalformedPacket(f"unknown TFTP opcode {octets[:2].hex()}") from None
        if opcode in {Opcode.READ, Opcode.WRITE}:
            name, mode, *options = _strings(octets[2:], 2)
            return cls(opcode, text=name, mode=mode.lower(), options=_pairs(options))
        if opcode is Opcode.OPTION_ACK:
            return cls(opcode, options=_pairs(_strings(octets[2:], 0)))
        if len(octets) < 4:
            raise MalformedPacket(f"TFTP {opcode.name} of {len(octets)} octets")
        number = int.from_bytes(octets[2:4], "big")
        if opcode is Opcode.DATA:
            return cls(opcode, number, data=octets[4:])
        if opcode is Opcode.ERROR:
            return cls(opcode, number, text=octets[4:].split(b"\0")[0].decode("latin-1"))
        return cls(opcode, number)

    def build(self) -> bytes:
        """Message → octets."""
        head = self.opcode.to_bytes(2, "big")
        if self.opcode in {Opcode.READ, Opcode.WRITE}:
            return head + _zero_ended(self.text, self.mode) + self._options()
        if self.opcode is Opcode.OPTION_ACK:
            return head + self._options()
        head += self.number.to_bytes(2, "big")
        if self.opcode is Opcode.DATA:
            return head + self.data
        return head + _zero_ended(self.text) if self.opcode is Opcode.ERROR else head

    def _options(self) -> bytes:
        return b"".join(_zero_ended(name, value) for name, value in self.options.items())


def error(code: ErrorCode, text: str) -> TftpMessage:
    """An error message; it ends the transfer and is not acknowledged."""
    return TftpMessage(Opcode.ERROR, code, text)


def _zero_ended(*texts: str) -> bytes:
    return b"".join(text.encode("latin-1", "replace").replace(b"\0", b"") + b"\0" for text in texts)


def _strings(octets: bytes, least: int) -> list[str]:
    *strings, rest = octets.split(b"\0")
    if rest or len(strings) < least:
        raise MalformedPacket("TFTP text without its end")
    return [text.decode("latin-1") for text in strings]


def _pairs(strings: list[str]) -> dict[str, str]:
    # RFC 2347: an option without its value, or twice, is nonsense.
    if len(strings) % 2:
        raise MalformedPacket("TFTP option without a value")
    return {name.lower(): value for name, value in zip(strings[::2], strings[1::2], strict=True)}
