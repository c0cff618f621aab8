"""Whatever octets come over a wire, a console answers or hangs up: no exception, no lab that stands still."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu import Lab
from nsemu.cli.login import Caller, Login
from nsemu.cli.teletype import Line, Teletype
from nsemu.cli.telnet import TelnetWire
from nsemu.sim.scheduler import SECOND
from support.app import office
from support.cli_console import LineMaker, Session
from support.console_clients import Consoles, run, serving, ssh_shell

KEYS = [
    *'\r\n\t?\x03\x04\x15\x17\x1b\x7f\x08\x00\xff\xf4\xfa\xf0 |>"',
    *("\x1b[A", "\x1b[D", "\x1b[3~", "get ", "set ", "exit\r"),
]
TYPED = st.lists(st.sampled_from(KEYS) | st.text(st.characters(max_codepoint=255), max_size=8), max_size=60)


class Wired:
    """A telnet session in memory: octets in, octets out; faults go on to the test."""

    def __init__(self) -> None:
        self.session = Session()
        self.session.accept("set console timeout 0")
        self.sent = bytearray()
        self.wire = TelnetWire(self.sent.extend)
        login = Login(self.session.device, Caller("Telnet", "10.1.1.5", 1025))
        line = Line(self.wire.write, lambda: None, self.session.scheduler.after)
        self.teletype = Teletype(self.session.scheduler, line, lambda: 0)
        self.teletype.begin(login.dialogue())

    def feed(self, octets: bytes) -> None:
        self.teletype.receive(self.wire.feed(octets))
        self.session.scheduler.run_for(SECOND)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.binary(max_size=40), max_size=12))
def test_any_octets_before_the_login(pieces: list[bytes]) -> None:
    wired = Wired()
    for piece in pieces:
        wired.feed(piece)
    assert b"Traceback" not in wired.sent


@settings(deadline=None, max_examples=150)
@given(TYPED)
def test_any_keys_after_the_login(pieces: list[str]) -> None:
    wired = Wired()
    wired.feed(b"netscreen\rnetscreen\r")
    before = wired.session.device.resets
    for piece in pieces:
        wired.feed(piece.encode("latin-1"))
    assert b"Traceback" not in wired.sent
    assert wired.session.device.resets == before
    if not wired.teletype.closed:
        assert b"-> " in wired.sent


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32))
def test_lines_of_the_grammar_typed_over_a_wire(seed: int) -> None:
    maker, wired = LineMaker(seed), Wired()
    wired.feed(b"netscreen\rnetscreen\r")
    for index in range(20):
        graph = wired.session.console._interpreter.graph
        line = maker.line(graph)
        if line.startswith(("reset", "unset all")):
            continue
        line = maker.mutate(line) if index % 2 else line
        wired.feed(line.encode("latin-1", "replace") + b"\r")
        wired.feed(b" " * 50 + b"q\x03")
    assert b"Traceback" not in wired.sent


def test_a_subnegotiation_without_end_is_not_kept() -> None:
    wired = Wired()
    for _ in range(100):
        wired.feed(b"\xff\xfa\x18" + bytes(5000))
    assert len(wired.wire._decoder._pending) <= 4096


async def _answers(consoles: Consoles) -> None:
    """The lab is well: a new session gets its answer."""
    expect = await consoles.telnet("netscreen", "netscreen")
    expect.send("set console page 0\r\nget hostname\r\n")
    await expect.until("Hostname: ")
    await expect.close()


async def _throw(port: int, octets: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(octets)
    try:
        await writer.drain()
        writer.write_eof()
        while await asyncio.wait_for(reader.read(65536), 30):
            pass
    except ConnectionError:
        pass
    finally:
        writer.close()


def test_noise_at_the_ports(tmp_path: Path) -> None:
    async def test() -> None:
        chance = random.Random(11)
        async with serving(tmp_path) as consoles:
            ports = consoles.ports["gate"]
            for _ in range(15):
                noise = chance.randbytes(chance.randint(1, 3000))
                await _throw(ports.telnet, noise)
                await _throw(ports.telnet, b"netscreen\r\nnetscreen\r\n" + noise)
                await _throw(ports.ssh, noise)
                await _throw(ports.ssh, b"SSH-2.0-noise\r\n" + noise)
            await _answers(consoles)

    run(test())


def test_noise_in_an_ssh_shell_and_callers_who_vanish(tmp_path: Path) -> None:
    async def test() -> None:
        chance = random.Random(12)
        async with serving(tmp_path, rate=1000.0) as consoles, consoles.ssh() as connection:
            for _ in range(15):
                expect = await ssh_shell(connection)
                expect.send(chance.randbytes(chance.randint(1, 2000)).decode("latin-1"))
                expect.send("\x03\x15get system\r")
                if chance.random() < 0.5:
                    await expect.until("-> ")
                await expect.close()
            await _answers(consoles)

    run(test())


def test_noise_inside_the_lab(tmp_path: Path) -> None:
    lab = Lab.load(office(tmp_path))
    chance = random.Random(13)
    for _ in range(10):
        words = " ".join(
            'send "' + "".join(chr(chance.randint(33, 255)) for _ in range(30)).replace('"', "").replace("\\", "") + '"'
            for _ in range(4)
        )
        lab["ann"].run(f"telnet 10.20.1.1 {words} time-out 5")
    assert "Hostname: ns208" in lab["ann"].run('telnet 10.20.1.1 send netscreen send netscreen send "get hostname"')
