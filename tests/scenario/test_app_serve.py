"""`nsemu serve` as a process of its own, and `nsemu run --listen`."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from nsemu.app.consoles.hub import Hub
from nsemu.app.main import main
from support.app import Command, office
from support.console_clients import PATIENCE, run


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(capsys, monkeypatch)


async def _table(stdout: asyncio.StreamReader) -> str:
    text = ""
    while "ctrl-C ends it." not in text:
        line = await asyncio.wait_for(stdout.readline(), PATIENCE)
        assert line, text
        text += line.decode()
    return text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_shows_its_ports_answers_there_and_ends_when_told(tmp_path: Path, number: signal.Signals) -> None:
    async def test() -> None:
        arguments = ("-m", "nsemu", "serve", str(office(tmp_path)), "--base-port", "0", "--rate", "10")
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=pipe, stderr=pipe)
        assert process.stdout is not None
        table = await _table(process.stdout)
        assert re.search(r"^NODE +KIND +ADDRESSES +CONSOLES$", table, re.MULTILINE)
        found = re.search(r"^gate .*telnet 127\.0\.0\.1:(\d+), ssh 127\.0\.0\.1:(\d+)$", table, re.MULTILINE)
        assert found is not None
        reader, writer = await asyncio.open_connection("127.0.0.1", int(found[1]))
        await asyncio.wait_for(reader.readuntil(b"login: "), PATIENCE)
        process.send_signal(number)
        _, errors = await asyncio.wait_for(process.communicate(), PATIENCE)
        assert (process.returncode, errors.decode()) == (0, "")
        assert await reader.read() == b""
        writer.close()

    run(test())


def test_serve_names_a_port_that_is_taken(tmp_path: Path, command: Command) -> None:
    async def taken() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            done = await asyncio.to_thread(command, "serve", office(tmp_path), "--base-port", str(port))
        assert done.code == 2
        assert done.err.startswith(f"nsemu: cannot listen at 127.0.0.1 port {port}: ")

    run(taken())


def test_serve_refuses_what_is_no_port(tmp_path: Path, command: Command) -> None:
    done = command("serve", office(tmp_path), "--base-port", "70000")
    assert done.code == 2
    assert "'70000' is no port from 1 to 65535" in done.err


def test_run_listen_needs_a_terminal(tmp_path: Path, command: Command) -> None:
    done = command("run", office(tmp_path), "--listen")
    assert (done.code, done.err) == (2, "nsemu: run --listen needs a terminal and no -c; without one use nsemu serve\n")


def test_run_listen_shows_the_ports_and_keeps_the_shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    with create_pipe_input() as keyboard, create_app_session(input=keyboard, output=DummyOutput()):
        keyboard.send_text("advance 60\rexit\r")
        assert main(["run", str(office(tmp_path)), "--listen", "--base-port", "0"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^gate .*telnet 127\.0\.0\.1:\d+, ssh 127\.0\.0\.1:\d+$", shown, re.MULTILINE)
    assert "Ready after" in shown


def test_run_listen_ends_though_a_cancellation_is_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.11's `wait_for` can swallow a cancellation: time-keeping is told to end, never cancelled."""
    original, returned = Hub.keep_time, []

    async def keep_time(hub: Hub, *, always: bool) -> None:
        await original(hub, always=always)
        returned.append(always)

    monkeypatch.setattr(Hub, "keep_time", keep_time)
    test_run_listen_shows_the_ports_and_keeps_the_shell(tmp_path, capsys, monkeypatch)
    assert returned == [False]
