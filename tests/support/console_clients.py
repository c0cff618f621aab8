"""Real clients for the consoles of a lab: its ports on loopback, and a small expect for telnet and SSH."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncssh

from nsemu import Lab
from nsemu.app.consoles.hub import Hub
from nsemu.app.consoles.ports import ConsolePorts, listening
from nsemu.sim.pacing import Pacer
from support.app import office

PATIENCE = 60.0
"""Wall seconds after which a test gives up; nothing waits so long unless it fails."""

T = TypeVar("T")


def run(test: Coroutine[Any, Any, T]) -> T:
    """Run a test in an event loop of its own, for a bounded time."""
    return asyncio.run(asyncio.wait_for(test, PATIENCE * 2))


@dataclass(slots=True)
class Consoles:
    """A lab that serves."""

    lab: Lab
    hub: Hub
    ports: dict[str, ConsolePorts]

    async def in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """A blocking client beside the lab."""
        return await asyncio.to_thread(work, *arguments)

    async def telnet(self, name: str, password: str, node: str = "gate") -> Expect:
        """A telnet session that is logged in."""
        expect = await self.dial(node)
        await expect.until("login: ")
        expect.send(f"{name}\r\n")
        await expect.until("password: ")
        expect.send(f"{password}\r\n")
        return expect

    async def dial(self, node: str = "gate") -> Expect:
        """A telnet connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.ports[node].telnet)

        async def read() -> bytes:
            return await reader.read(4096)

        async def close() -> None:
            writer.close()
            await writer.wait_closed()

        return Expect(read, writer.write, close)

    @asynccontextmanager
    async def ssh(
        self, name: str = "netscreen", password: str = "netscreen", node: str = "gate"
    ) -> AsyncIterator[asyncssh.SSHClientConnection]:
        """An SSH connection."""
        connection = await self.connect(name, password, node)
        async with connection:
            yield connection
        await connection.wait_closed()

    async def connect(self, name: str, password: str, node: str = "gate") -> asyncssh.SSHClientConnection:
        """Log in by SSH. Raises asyncssh.PermissionDenied."""
        return await asyncssh.connect(
            "127.0.0.1",
            self.ports[node].ssh,
            username=name,
            password=password,
            known_hosts=None,
            config=None,
            client_keys=None,
            agent_path=None,
        )


@asynccontextmanager
async def serving(folder: Path, rate: float = 60.0, config: str = "") -> AsyncIterator[Consoles]:
    """The office lab with its ports open and its time running."""
    path = office(folder)
    if config:
        with (folder / "gate.cfg").open("a") as file:
            file.write(config)
    lab = Lab.load(path, state=folder / "state")
    faults: list[object] = []
    hub = Hub(lab, Pacer(lab.scheduler, rate), lambda device, error: faults.append((device, error)))
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: faults.append(context))
    async with listening(hub, base_port=0, keys=folder / "state" / lab.name) as ports:
        ticking = asyncio.create_task(hub.keep_time(always=True))
        try:
            yield Consoles(lab, hub, ports)
        finally:
            ticking.cancel()
    assert not faults, "an error reached the event loop or a person"


class Expect:
    """What expect scripts do: wait for a pattern, send. `seen` is all that came, without telnet commands."""

    def __init__(
        self, read: Callable[[], Awaitable[bytes]], write: Callable[[bytes], None], close: Callable[[], Awaitable[None]]
    ) -> None:
        self._read = read
        self._write = write
        self.close = close
        self.seen = ""
        self.at = 0

    def send(self, text: str) -> None:
        """Type."""
        self._write(text.encode("latin-1"))

    async def until(self, text: str) -> str:
        """Everything up to and with a text."""
        return await self.match(re.escape(text))

    async def match(self, pattern: str) -> str:
        """Everything new up to the end of the first match (`$` is the end of what came so far)."""

        async def look() -> str:
            while True:
                found = re.compile(pattern, re.MULTILINE).search(self.seen, self.at)
                if found is not None:
                    taken, self.at = self.seen[self.at : found.end()], found.end()
                    return taken
                data = await self._read()
                assert data, f"hung up before {pattern!r}; got {self.seen[self.at :]!r}"
                self.seen += _without_options(data)

        try:
            return await asyncio.wait_for(look(), PATIENCE)
        except TimeoutError:
            raise AssertionError(f"no {pattern!r} in {self.seen[self.at :]!r}") from None

    async def end(self) -> str:
        """The rest, until the other side hangs up."""

        async def drain() -> None:
            while data := await self._read():
                self.seen += _without_options(data)

        await asyncio.wait_for(drain(), PATIENCE)
        taken, self.at = self.seen[self.at :], len(self.seen)
        await self.close()
        return taken


def _without_options(data: bytes) -> str:
    return re.sub(rb"\xff[\xfb-\xfe].", b"", data, flags=re.DOTALL).decode("latin-1")


async def ssh_shell(connection: asyncssh.SSHClientConnection, term: str = "vt100") -> Expect:
    """An interactive session."""
    process = await connection.create_process(term_type=term, encoding=None)

    async def read() -> bytes:
        return bytes(await process.stdout.read(4096))

    async def close() -> None:
        process.close()
        await process.wait_closed()

    return Expect(read, process.stdin.write, close)
