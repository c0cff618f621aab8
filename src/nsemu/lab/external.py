"""A link's end outside the lab: a TAP interface, one end of a veth pair, or an existing interface (Linux).

The only place that opens one. Frames go through as they are; what the kernel leaves to a card is done by `offload`.
A TAP interface that is made here is brought up, and is gone when the lab ends; an existing interface hears all frames
(promiscuous), because the lab's nodes have addresses of their own.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

from nsemu.lab.offload import AUXDATA_SIZE, finished
from nsemu.lab.port import Port
from nsemu.lab.topology.model import HOST_NODE
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.realtime import RealTimeScheduler

_TUNSETIFF: Final = 0x400454CA
_IFF_TAP: Final = 0x0002
_IFF_NO_PI: Final = 0x1000
_ETH_P_ALL: Final = 0x0003
_PACKET_OUTGOING: Final = 4
_SOL_PACKET: Final = 263
_PACKET_ADD_MEMBERSHIP: Final = 1
_PACKET_AUXDATA: Final = 8
_PROMISCUOUS: Final = 1
_ARPHRD_ETHER: Final = "1"
_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 0x1
_LARGEST: Final = 65536
_AT_ONCE: Final = 64
_NETWORKS: Final = Path("/sys/class/net")


class ExternalError(ValueError):
    """An interface of the machine that cannot be used; the message names it and says why."""


class ExternalInterface:
    """One interface of the machine, as the end of a link."""

    def __init__(self, name: str, scheduler: RealTimeScheduler) -> None:
        """Open it. Raises ExternalError."""
        _must_be_ethernet(name)
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
            _bring_up(name)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def _open_packet(self, name: str) -> int:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        try:
            opened.bind((name, 0))
            every = struct.pack("iHH8x", socket.if_nametoindex(name), _PROMISCUOUS, 0)
            opened.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, every)
            opened.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
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
        frame, control, _, address = self._socket.recvmsg(_LARGEST, socket.CMSG_SPACE(AUXDATA_SIZE))
        if address[2] == _PACKET_OUTGOING:
            return b""
        return finished(frame, next((data for _, kind, data in control if kind == _PACKET_AUXDATA), b""))

    def _send(self, frame: bytes, _trace: PacketTrace | None) -> None:
        with suppress(OSError):
            if self._socket is not None:
                self._socket.send(frame)
            else:
                os.write(self._descriptor, frame)


def _must_be_ethernet(name: str) -> None:
    try:
        kind = (_NETWORKS / name / "type").read_text().strip()
    except OSError:
        return  # there is none yet
    if kind != _ARPHRD_ETHER or name == "lo":
        raise ExternalError(f"{HOST_NODE}:{name}: this interface is no Ethernet; a TAP, veth or Ethernet interface is")


def _bring_up(name: str) -> None:
    request = struct.pack("16sH22x", name.encode(), 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        flags = struct.unpack("16xH22x", fcntl.ioctl(opened, _SIOCGIFFLAGS, request))[0]
        fcntl.ioctl(opened, _SIOCSIFFLAGS, struct.pack("16sH22x", name.encode(), flags | _IFF_UP))


def _advice(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return " (it needs root, or the capabilities CAP_NET_ADMIN and CAP_NET_RAW)"
    if error.errno == errno.EBUSY:
        return " (another program, perhaps another lab, has it open)"
    return ""
