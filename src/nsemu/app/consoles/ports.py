"""Opening the ports: for each device of a lab a telnet and an SSH port, on loopback unless told otherwise."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncssh

from nsemu.app.consoles.host_keys import host_keys
from nsemu.app.consoles.hub import Hub
from nsemu.app.consoles.ssh import SERVER_NAME, SshServer
from nsemu.app.consoles.telnet import telnet_factory
from nsemu.app.problems import Unusable
from nsemu.device.device import Device

LOOPBACK: Final = "127.0.0.1"
BASE_PORT: Final = 2300
"""The first device's telnet port; its SSH port is the next, and so on. 0: any ports that are free."""

_LOGIN_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class ConsolePorts:
    """Where one device listens."""

    address: str
    telnet: int
    ssh: int

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"telnet {host}:{self.telnet}, ssh {host}:{self.ssh}"


@asynccontextmanager
async def listening(
    hub: Hub, address: str = LOOPBACK, base_port: int = BASE_PORT, keys: Path | None = None
) -> AsyncIterator[dict[str, ConsolePorts]]:
    """Open the ports of all devices and close them again; gives device → ports. Raises Unusable for a port in use.

    `keys` is the folder of the SSH host keys.
    """
    opened: list[asyncio.Server | asyncssh.SSHAcceptor] = []
    known = host_keys(keys) if hub.lab.network.devices() else []
    ports: dict[str, ConsolePorts] = {}
    try:
        for index, (name, node) in enumerate(hub.lab.network.devices().items()):
            telnet, ssh = (base_port + 2 * index, base_port + 2 * index + 1) if base_port else (0, 0)
            server = await _telnet(hub, node.device, address, telnet)
            opened.append(server)
            acceptor = await _ssh(hub, node.device, (address, ssh), known)
            opened.append(acceptor)
            ports[name] = ConsolePorts(address, server.sockets[0].getsockname()[1], acceptor.get_port())
        yield ports
    finally:
        for one in opened:
            one.close()
        await hub.close()


async def _telnet(hub: Hub, device: Device, address: str, port: int) -> asyncio.Server:
    try:
        return await asyncio.get_running_loop().create_server(telnet_factory(hub, device), address, port)
    except OSError as error:
        raise _refused(address, port, error) from None


async def _ssh(
    hub: Hub, device: Device, where: tuple[str, int], keys: Sequence[asyncssh.SSHKey]
) -> asyncssh.SSHAcceptor:
    try:
        return await asyncssh.create_server(
            lambda: SshServer(hub, device),
            *where,
            server_host_keys=list(keys),
            server_version=SERVER_NAME,
            encoding=None,
            line_editor=False,
            login_timeout=_LOGIN_SECONDS,
        )
    except OSError as error:
        raise _refused(*where, error) from None


def _refused(address: str, port: int, error: OSError) -> Unusable:
    hint = "; --base-port chooses others, 0 any that are free" if error.errno == errno.EADDRINUSE else ""
    return Unusable([f"nsemu: cannot listen at {address} port {port}: {error.strerror or error}{hint}"])
