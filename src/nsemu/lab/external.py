"""A link's end outside the lab: a TAP interface, one end of a veth pair, or an existing interface (Linux).

The only place that opens one. Frames go through unchanged; the kernel's offload is not asked for.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

from nsemu.lab.port import Port
from nsemu.lab.topology.model import HOST_NODE
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.realtime import RealTimeScheduler

_TUNSETIFF: Final = 0x400454CA
_IFF_TAP: Final = 0x0002
_IFF_NO_PI: Final = 0x1000
_ETH_P_ALL: Final = 0x0003
_PACKET_OUTGOING: Final = 4
_LARGEST: Final = 65536
_AT_ONCE: Final = 64
_NETWORKS: Final = Path("/sys/class/net")


class ExternalError(ValueError):
    """An interface of the machine that cannot be used; the message names it and says why."""


class ExternalInterface:
    """One interface of the machine, as the end of a link."""

    def __init__(self, name: str, scheduler: RealTimeScheduler) -> None:
        """Open it. Raises ExternalError."""
        self.port = Port(HOST_NODE, name)
        self.port.on_receive = self._send
        self._scheduler = scheduler
        self._tap = not (_NETWORKS / name).exists() or (_NETWORKS / name / "tun_flags").exists()
        self._socket: socket.socket | None = None
        try:
            self._descriptor = self._open_tap(name) if self._tap else self._open_packet(name)
        except OSError as error:
            what = "TAP interface" if self._tap else "interface"
            reason = f"{error.strerror}{_advice(error)}"
            raise ExternalError(f"{self.port.label}: the {what} cannot be opened: {reason}") from None
        except AttributeError:
            raise ExternalError(f"{self.port.label}: interfaces of the machine can be used on Linux only") from None
        scheduler.watch(self._descriptor, self._receive)

    def close(self) -> None:
        """Give it back."""
        self._scheduler.unwatch(self._descriptor)
        if self._socket is not None:
            self._socket.close()
        else:
            with suppress(OSError):
                os.close(self._descriptor)

    def _open_tap(self, name: str) -> int:
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        try:
            fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI))
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def _open_packet(self, name: str) -> int:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        try:
            opened.bind((name, 0))
        except OSError:
            opened.close()
            raise
        opened.setblocking(False)
        self._socket = opened
        return opened.fileno()

    def _receive(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                frame = self._read()
            except BlockingIOError:
                return
            except OSError:
                return  # the interface went down; frames come again when it is up
            if frame:
                self.port.transmit(frame, None)

    def _read(self) -> bytes:
        if self._socket is None:
            return os.read(self._descriptor, _LARGEST)
        frame, address = self._socket.recvfrom(_LARGEST)
        return b"" if address[2] == _PACKET_OUTGOING else frame

    def _send(self, frame: bytes, _trace: PacketTrace | None) -> None:
        with suppress(OSError):
            if self._socket is not None:
                self._socket.send(frame)
            else:
                os.write(self._descriptor, frame)


def _advice(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return " (it needs root, or the capabilities CAP_NET_ADMIN and CAP_NET_RAW)"
    return ""
