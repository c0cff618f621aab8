"""Who may use a console over the network: the login dialogue, the check of names and passwords, the log entries.

screenos-cli §4.2 (dialogue), §3.3 (event texts). Knows no wire: `cli.teletype` plays the dialogue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hmac import compare_digest
from typing import TYPE_CHECKING, Final

from nsemu.cli.commands import device_shell
from nsemu.cli.console import Console
from nsemu.cli.dialogue import Entry, Question
from nsemu.config.device import DeviceConfig
from nsemu.config.password import password_hash
from nsemu.device.admin_sessions import AdminSession
from nsemu.runtime.event_log import Level

if TYPE_CHECKING:
    from nsemu.cli.teletype import Greeting
    from nsemu.device.device import Device

BANNER: Final = "Remote Management Console\n"
FAILED: Final = " ### Login failed\n"
AGREEMENT: Final = Question("Accept this agreement y/[n] ", "n")
_INVALID: Final = "invalid login name or password"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, by what: `service` is `Telnet` or `SSH`; address as text and port as the device's log names them."""

    service: str
    address: str
    port: int


def privilege_of(config: DeviceConfig, name: str, password: str) -> str | None:
    """What an administrator may do ("all", "read-only"); None when the name or the password is wrong."""
    system, user = config.system, config.admins.get(name)
    known = {system.admin_name: (system.admin_password, "all")}
    if user is not None:
        known.setdefault(name, (user.password, user.privilege))
    kept, privilege = known.get(name, ("", ""))
    right = compare_digest(kept.encode("latin-1", "replace"), password_hash(name, password).encode())
    return privilege if right else None


def authenticate(device: Device, caller: Caller, name: str, password: str) -> str | None:
    """Check a login and log what came of it; the privilege, or None."""
    privilege = privilege_of(device.config, name, password)
    reason = _refusal(device, caller, name) if privilege is not None else _INVALID
    if reason:
        failure = f"ADM: Local admin authentication failed for login name '{name}': {reason}"
        device.log(518, Level.WARNING, failure)
        if caller.service == "SSH":
            failed = f"SSH: Password authentication failed for admin user '{name}' at host {caller.address}."
            device.log(528, Level.WARNING, failed)
        return None
    device.log(519, Level.NOTIFICATION, f"ADM: Local admin authentication successful for login name {name}")
    return privilege


def _refusal(device: Device, caller: Caller, name: str) -> str:
    """Why somebody with the right password is not let in; empty when he is."""
    access = device.config.system.access
    if device.admin_sessions.is_locked(caller.address, device.scheduler.now):
        return "too many failed logins, try again later"
    if access.root_console_only and name == device.config.system.admin_name:
        return "the root administrator logs in at the console only"
    if caller.service == "SSH" and not access.ssh_passwords:
        return "passwords are not accepted"
    return ""


def log_many_failures(device: Device, caller: Caller, name: str) -> None:
    """As many logins in a row failed as `set admin access attempts` allows: the address may be locked for a while."""
    where = f"{caller.address}:{caller.port}"
    device.log(27, Level.CRITICAL, f"Multiple login failures occurred for user {name} from IP address {where}")
    minutes = device.config.system.access.lock_minutes
    if minutes:
        device.admin_sessions.lock(caller.address, minutes, device.scheduler.now)


class AdminConsole(Console):
    """The console of an administrator who came over the network: says in the log when it is entered and left."""

    def __init__(self, login: Login, name: str, privilege: str, *, interactive: bool = True) -> None:
        device, caller = login.device, login.caller
        super().__init__(device, device_shell(), interactive=interactive, privilege=privilege)
        self.admin = name
        self._where = f"via {caller.service} from {caller.address}:{caller.port}"
        self._caller = caller
        self._number = device.admin_sessions.enter(
            AdminSession(
                name,
                privilege,
                caller.service,
                caller.address,
                caller.port,
                device.scheduler.now,
                login.hang_up,
            )
        )
        self._there = True
        device.log(515, Level.WARNING, f"Admin user {name} has logged on {self._where}")

    @property
    def who(self) -> str:
        """Who types here, by what, as the event log says it."""
        caller = self._caller
        return f"by {self.admin} via {caller.service.lower()} from host {caller.address}:{caller.port}"

    def left(self) -> None:
        """The session is over; once."""
        self.device.admin_sessions.leave(self._number)
        if self._there:
            self._there = False
            self.device.log(515, Level.WARNING, f"Admin user {self.admin} has logged out {self._where}")

    def timed_out(self) -> None:
        """The session is over because nobody typed."""
        self._there = False
        self.device.admin_sessions.leave(self._number)
        where = f"via {self._caller.service} from {self._caller.address}:{self._caller.port}"
        self.device.log(515, Level.WARNING, f"Management session {where} for admin {self.admin} has timed out")


@dataclass(slots=True)
class Login:
    """One caller's way in; `console` is there once it succeeded. `hang_up` closes the line from the device's side."""

    device: Device
    caller: Caller
    console: AdminConsole | None = None
    hang_up: Callable[[], None] = lambda: None

    def dialogue(self) -> Greeting:
        """Telnet: the banner, then name and password until they are right, a number of times at most."""
        access = self.device.config.system.access
        yield BANNER
        yield from _text(access.login_banner)
        failures = 0
        while True:
            name = yield Entry("login: ")
            if not name:
                continue  # Return alone: terminal programs knock like this
            password = yield Entry("password: ", secret=True)
            privilege = authenticate(self.device, self.caller, name, password or "")
            if privilege is not None:
                return (yield from self._agreed(name, privilege))
            yield FAILED
            failures += 1
            if failures >= access.attempts:
                log_many_failures(self.device, self.caller, name)
                return None

    def welcome(self, name: str, privilege: str) -> Greeting:
        """SSH: the banner comes after its own authentication."""
        yield BANNER
        yield from _text(self.device.config.system.access.login_banner)
        return (yield from self._agreed(name, privilege))

    def _agreed(self, name: str, privilege: str) -> Greeting:
        """The second banner has to be agreed to, if there is one."""
        second = self.device.config.system.access.second_banner
        if second:
            yield from _text(second)
            if (yield AGREEMENT) != "y":
                return None
        return self.enter(name, privilege)

    def batch(self, name: str, privilege: str, lines: list[str]) -> Greeting:
        """SSH with a command: run the lines and go."""
        console = self.enter(name, privilege, interactive=False)
        for line in lines:
            yield from console.execute(line)
            if console.closed or console.refused:
                break
        return None

    def enter(self, name: str, privilege: str, *, interactive: bool = True) -> AdminConsole:
        """Open the console of an administrator who is known to be one."""
        self.console = AdminConsole(self, name, privilege, interactive=interactive)
        return self.console

    def timed_out(self) -> None:
        """For the log."""
        if self.console is not None:
            self.console.timed_out()

    def left(self) -> None:
        """For the log; twice does nothing."""
        if self.console is not None:
            self.console.left()


def _text(banner: str) -> Iterator[str]:
    """A banner as it is shown: `\\n` in it begins a line."""
    if banner:
        yield banner.replace("\\n", "\n") + "\n"
