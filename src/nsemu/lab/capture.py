"""Captures of links in pcapng files, one interface a link end.

Every frame is recorded once, on the interface `node:interface` of the end that sends it, when it is sent, marked as
outbound; what the link loses later is therefore in the file. With `arrivals` it is recorded again on the interface of
the other end, when it arrives, marked as inbound. (Once is the default because Wireshark chains the initialisation
vectors of IKE messages in the order of the file: a second copy of an encrypted message does not decrypt.)

Times are virtual: `epoch_ns` plus the lab's clock. Nothing in a file comes from the machine it is written on. Blocks
are written whole, so a lab that dies leaves a file that can be read.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

from nsemu.lab.capture_keys import KeyRows, keys_folder, tshark_command, write_keys
from nsemu.lab.link import Link, Seen
from nsemu.lab.port import Port
from nsemu.sim.scheduler import Instant
from nsemu.wire.pcapng import interface_block, packet_block, section_header

_BUFFER_OCTETS: Final = 1 << 18


class CaptureError(ValueError):
    """A capture that cannot be started or was cut short; the message names the file and says why."""


@dataclass(frozen=True, slots=True)
class CaptureSummary:
    """What a capture left behind. `keys` and `command` are None and empty when no keys were asked for."""

    path: Path
    frames: int
    interfaces: tuple[str, ...]
    keys: Path | None = None
    command: str = ""


class Capture:
    """One capture file. Use as a context manager, or call `start` and `stop`.

    `links` are captured with both their ends, in this order. `key_rows` is asked for keys when the capture stops; they
    are written beside it, see `capture_keys`.
    """

    __slots__ = ("_arrivals", "_buffered", "_ends", "_epoch_ns", "_failure", "_file", "_key_rows", "_links", "_size",
                 "frames", "path")  # fmt: skip

    def __init__(
        self,
        path: Path,
        links: Sequence[Link],
        *,
        epoch_ns: int,
        key_rows: Callable[[], KeyRows] | None = None,
        arrivals: bool = False,
    ) -> None:
        self.path = path
        self.frames = 0
        self._links = tuple(dict.fromkeys(links))
        self._ends: dict[Port, int] = {}
        for link in self._links:
            for port in link.ends:
                self._ends.setdefault(port, len(self._ends))
        self._epoch_ns = epoch_ns
        self._key_rows = key_rows
        self._arrivals = arrivals
        self._file: io.RawIOBase | None = None
        self._buffered: list[bytes] = []
        self._size = 0
        self._failure: OSError | None = None

    @property
    def running(self) -> bool:
        """Whether frames are being recorded."""
        return self._file is not None and self._failure is None

    @property
    def interfaces(self) -> tuple[str, ...]:
        """The names of the interfaces in the file, in the order of their identifiers."""
        return tuple(port.label for port in self._ends)

    def start(self) -> None:
        """Create the file and record from now on. Raises CaptureError."""
        if self._file is not None:
            raise CaptureError(f"the capture to {self.path} is running already")
        try:
            self._file = self.path.open("wb", buffering=0)
        except (OSError, ValueError) as error:
            raise self._error(error) from None
        self.frames = 0
        self._failure = None
        self._append(section_header())
        for name in self.interfaces:
            self._append(interface_block(name))
        self.flush()
        if self._failure is not None:
            self._file.close()
            self._file = None
            raise self._error(self._failure)
        for link in self._links:
            link.add_tap(self._record)

    def flush(self) -> None:
        """Write what is buffered, in whole blocks. A failure ends the recording; `stop` tells of it."""
        if self._file is None or self._failure is not None or not self._buffered:
            return
        octets = memoryview(b"".join(self._buffered))
        self._buffered, self._size = [], 0
        try:
            while octets:
                octets = octets[self._file.write(octets) or 0 :]
        except OSError as error:
            self._failure = error
            self._detach()

    def stop(self) -> CaptureSummary:
        """End the recording, close the file and write the keys. Raises CaptureError when something was not written."""
        if self._file is None:
            raise CaptureError(f"the capture to {self.path} is not running")
        self._detach()
        self.flush()
        self._file.close()
        self._file = None
        try:
            if self._failure is not None:
                raise self._failure
            if self._key_rows is None:
                return CaptureSummary(self.path, self.frames, self.interfaces)
            folder = write_keys(self.path, self._key_rows())
        except OSError as error:
            raise self._error(error) from None
        return CaptureSummary(self.path, self.frames, self.interfaces, folder, tshark_command(self.path))

    def __enter__(self) -> Capture:
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self.stop()

    def _record(self, port: Port, frame: bytes, now: Instant, seen: Seen) -> None:
        outbound = seen is Seen.SENT
        if outbound or self._arrivals:
            self.frames += 1
            self._append(packet_block(self._ends[port], self._epoch_ns + now, frame, outbound=outbound))

    def _append(self, block: bytes) -> None:
        self._buffered.append(block)
        self._size += len(block)
        if self._size >= _BUFFER_OCTETS:
            self.flush()

    def _detach(self) -> None:
        for link in self._links:
            link.remove_tap(self._record)

    def _error(self, error: OSError | ValueError) -> CaptureError:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return CaptureError(f"cannot write the capture {self.path}: {reason}")


__all__ = ["Capture", "CaptureError", "CaptureSummary", "KeyRows", "keys_folder", "tshark_command"]
