"""An SSH port of a device: password login, a shell, or one command (`ssh host "get system"`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import asyncssh

from nsemu.app.consoles.hub import Hub, Session
from nsemu.cli.login import Caller, authenticate, log_many_failures
from nsemu.device.device import Device

SERVER_NAME: Final = "NetScreen"
"""How the server names itself (screenos-cli §4.2)."""

_FAILED_STATUS: Final = 1


class SshServer(asyncssh.SSHServer):
    """One connection: who it is, and its sessions."""

    def __init__(self, hub: Hub, device: Device) -> None:
        self._hub = hub
        self._device = device
        self._caller = Caller("SSH", "", 0)
        self._name = ""
        self._privilege = ""
        self._failures = 0
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Remember who calls, for the log."""
        address, port = conn.get_extra_info("peername")[:2]
        self._caller = Caller("SSH", address, port)
        self._connection = conn
        self._hub.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; its sessions hear of it themselves."""
        del exc
        if self._connection is not None:
            self._hub.connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        """Nobody comes in without."""
        del username
        return True

    def password_auth_supported(self) -> bool:
        """By password only (and keyboard-interactive, which asks for the same)."""
        return True

    def validate_password(self, username: str, password: str) -> bool:
        """Check it as at the telnet login."""
        privilege = authenticate(self._device, self._caller, username, password)
        self._name, self._privilege = username, privilege or ""
        if privilege is None:
            self._failed(username)
        return privilege is not None

    def _failed(self, name: str) -> None:
        self._failures += 1
        most = self._device.config.system.access.attempts
        if self._failures >= most and self._connection is not None:
            log_many_failures(self._device, self._caller, name)
            self._connection.disconnect(asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE, "Too many login failures")

    def session_requested(self) -> asyncssh.SSHServerSession[bytes]:
        """A shell or a command."""
        return SshSession(self._hub, self._device, self._caller, (self._name, self._privilege))


class SshSession(asyncssh.SSHServerSession[bytes]):
    """One channel. `admin` is the name and the privilege."""

    def __init__(self, hub: Hub, device: Device, caller: Caller, admin: tuple[str, str]) -> None:
        self._hub = hub
        self._session = Session(hub, device, caller, self._write, self._close)
        self._admin = admin
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._command: str | None = None

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        """The channel is there."""
        self._channel = chan

    def pty_requested(
        self, term_type: str, term_size: tuple[int, int, int, int], term_modes: Mapping[int, int]
    ) -> bool:
        """Whatever the terminal: only plain characters are sent."""
        del term_type, term_size, term_modes
        return True

    def shell_requested(self) -> bool:
        """An interactive session."""
        return True

    def exec_requested(self, command: str) -> bool:
        """One command, or several in lines."""
        self._command = command
        return True

    def session_started(self) -> None:
        """Begin."""
        login = self._session.login
        if self._command is None:
            self._session.begin(login.welcome(*self._admin))
        else:
            self._session.begin(login.batch(*self._admin, self._command.splitlines()), newline="\n")

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        """Characters."""
        del datatype
        self._session.receive(data.decode("latin-1"))

    def eof_received(self) -> bool:
        """Nothing more will be typed; what runs may still print."""
        self._session.finish()
        return True

    def break_received(self, msec: int) -> bool:
        """A break is ctrl-C."""
        del msec
        self._session.receive("\x03")
        return True

    def signal_received(self, signal: str) -> None:
        """An interrupt is ctrl-C."""
        if signal == "INT":
            self._session.receive("\x03")

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is gone."""
        del exc
        self._channel = None
        self._session.end()

    def _write(self, text: str) -> None:
        if self._channel is not None and not self._channel.is_closing():
            self._channel.write(text.encode("latin-1", "replace"))

    def _close(self) -> None:
        if self._channel is not None and not self._channel.is_closing():
            console = self._session.login.console
            refused = self._command is not None and console is not None and console.refused
            self._channel.exit(_FAILED_STATUS if refused else 0)
