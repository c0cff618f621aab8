"""All network sessions of a lab on its one virtual clock.

One thread: the event loop of the process moves the pacer and the wires; commands run when their characters arrive and
wait by timers of the scheduler. While somebody waits, time passes at the session's rate, as on the lab's own terminal.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import asyncssh

from nsemu.api.lab import Lab
from nsemu.cli.login import Caller, Login
from nsemu.cli.teletype import Cancellable, Greeting, Line, Teletype
from nsemu.device.device import Device
from nsemu.sim.pacing import Pacer
from nsemu.sim.realtime import RealTimeScheduler
from nsemu.sim.scheduler import SECOND, Duration

MOST_SESSIONS: Final = 64
"""Sessions open at once on one lab; a further caller is hung up on."""


def complain(device: str, error: Exception) -> None:
    """A bug met by a person who is elsewhere: one line on the standard error."""
    print(f"nsemu: internal error at a console of {device}: {type(error).__name__}: {error}", file=sys.stderr)


@dataclass(slots=True)
class Hub:
    """The open sessions. `fault` hears of bugs: the device's name and the error."""

    lab: Lab
    pacer: Pacer
    fault: Callable[[str, Exception], None] = complain
    sessions: set[Session] = field(default_factory=set)
    connections: set[asyncssh.SSHServerConnection] = field(default_factory=set)
    _stirred: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: bool = False

    def stir(self) -> None:
        """Something comes in: let virtual time catch up first, and look at the clock again afterwards."""
        self.pacer.run_due()
        self._stirred.set()

    @property
    def waiting(self) -> bool:
        """Whether a command of some session waits."""
        return any(session.teletype.waiting for session in self.sessions)

    async def keep_time(self, *, always: bool) -> None:
        """Let time pass until `end`: `always`, or only while somebody waits (a terminal lets it pass otherwise)."""
        with self._woken_by_frames():
            await self._keep_time(always)

    async def _keep_time(self, always: bool) -> None:
        while not self._ended:
            self._stirred.clear()
            delay = self.pacer.run_due() if always or self.waiting else None
            if delay is not None and delay <= 0:
                await asyncio.sleep(0)
                continue
            try:
                await asyncio.wait_for(self._stirred.wait(), delay)
            except TimeoutError:
                continue

    @contextmanager
    def _woken_by_frames(self) -> Iterator[None]:
        """A frame from outside the lab is taken at once."""
        scheduler, loop = self.lab.scheduler, asyncio.get_running_loop()
        descriptors = scheduler.descriptors if isinstance(scheduler, RealTimeScheduler) else ()
        for descriptor in descriptors:
            loop.add_reader(descriptor, self._stirred.set)
        try:
            yield
        finally:
            for descriptor in descriptors:
                loop.remove_reader(descriptor)

    def end(self) -> None:
        """Let `keep_time` return. Cancelling is no substitute: `wait_for` of Python 3.11 can swallow a cancellation."""
        self._ended = True
        self._stirred.set()

    async def close(self) -> None:
        """Hang up on everybody."""
        for session in list(self.sessions):
            session.leave()
        for connection in list(self.connections):
            connection.close()
            await connection.wait_closed()
        await asyncio.sleep(0)


class Session:
    """One caller on one device: the login, the typed session, and the wire's two callbacks."""

    def __init__(
        self, hub: Hub, device: Device, caller: Caller, write: Callable[[str], None], close: Callable[[], None]
    ) -> None:
        self.hub = hub
        self.login = Login(device, caller, hang_up=self.leave)
        self._write = write
        self._close = close
        self._device = device
        self.teletype = self._make()

    def begin(self, greeting: Greeting, *, newline: str = "\r\n") -> None:
        """Start; a caller too many is hung up on."""
        if len(self.hub.sessions) >= MOST_SESSIONS:
            greeting.close()
            self._close()
            return
        self.teletype = self._make(newline)
        self.hub.sessions.add(self)
        self._device.on_restart.append(self.leave)
        self.hub.stir()
        self.teletype.begin(greeting)

    def receive(self, text: str) -> None:
        """Characters came in."""
        self.hub.stir()
        self.teletype.receive(text)

    def finish(self) -> None:
        """The caller will type no more."""
        self.hub.stir()
        self.teletype.finish()

    def end(self) -> None:
        """The wire is gone, or is to go; twice does nothing."""
        if self in self.hub.sessions:
            self.hub.sessions.discard(self)
            self._device.on_restart.remove(self.leave)
            self.teletype.hang_up()
            self.login.left()

    def leave(self) -> None:
        """The lab ends: hang up."""
        self.end()
        self._close()

    def _make(self, newline: str = "\r\n") -> Teletype:
        device = self._device
        line = Line(self._write, self.leave, _wall_alarm, self._fault, newline)
        return Teletype(
            self.hub.lab.scheduler, line, lambda: device.config.system.console_timeout, self.login.timed_out
        )

    def _fault(self, error: Exception) -> None:
        self.hub.fault(self._device.name, error)


def _wall_alarm(length: Duration, callback: Callable[[], None]) -> Cancellable:
    """Idle time of a person is wall time: a lab that runs fast, or stands still, throws nobody out."""
    return asyncio.get_running_loop().call_later(length / SECOND, callback)
