"""The ports of `nsemu serve`, met by the telnet and ssh programs that people use, on a terminal of their own."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.live
needs_telnet = pytest.mark.skipif(shutil.which("telnet") is None, reason="telnet is not installed")
needs_ssh = pytest.mark.skipif(shutil.which("ssh") is None, reason="ssh is not installed")

PATIENCE = 60
LAB = """
name: desk
topology:
  nodes:
    gate:
      kind: screenos
      config: |
        set hostname gate
        set interface ethernet1 zone trust
        set interface ethernet1 ip 10.1.1.1/24
"""


@dataclass(slots=True)
class Terminal:
    """A program on a terminal with so many rows."""

    process: subprocess.Popen[bytes]
    descriptor: int
    shown: str = ""

    def until(self, pattern: str) -> str:
        """What appears up to a pattern."""
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.shown)):
            assert time.monotonic() < deadline, f"{pattern!r} never came: {self.shown!r}"
            if select.select([self.descriptor], [], [], 1)[0]:
                self.shown += self._read()
        text, self.shown = self.shown[: found.end()], self.shown[found.end() :]
        return text

    def type(self, text: str) -> None:
        """Keys."""
        os.write(self.descriptor, text.encode())

    def left(self) -> int:
        """The exit code, when it ends by itself."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"still there: {self.shown!r}"
            if select.select([self.descriptor], [], [], 0.1)[0]:
                self.shown += self._read()
        return self.process.returncode

    def _read(self) -> str:
        try:
            return os.read(self.descriptor, 65536).decode(errors="replace")
        except OSError:
            return ""  # the other side of the terminal is closed


@contextmanager
def terminal(*words: str, rows: int = 24, environment: dict[str, str] | None = None) -> Iterator[Terminal]:
    """The program, until the block ends."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 80, 0, 0))
    process = subprocess.Popen(
        words,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, **(environment or {})},
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A lab that is served: its telnet port and its SSH port."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "desk.yaml").write_text(LAB)
    words = [sys.executable, "-m", "nsemu", "serve", str(folder / "desk.yaml"), "--base-port", "0"]
    with terminal(*words) as served:
        found = re.search(r"telnet 127\.0\.0\.1:(\d+), ssh 127\.0\.0\.1:(\d+)", served.until("ctrl-C ends it"))
        assert found
        yield found[1], found[2]
        served.process.send_signal(signal.SIGINT)
        assert served.left() == 0


def logged_in(session: Terminal, password: str = "netscreen") -> None:
    session.until("login: ")
    session.type("netscreen\r")
    session.until("password: ")
    session.type(f"{password}\r")
    session.until("gate-> ")


@needs_telnet
def test_telnet_logs_in_works_and_leaves(ports: tuple[str, str]) -> None:
    """No echo of the password, lines edited, `?` and TAB at the key, ctrl-C ends a ping, `exit` the call."""
    with terminal("telnet", "127.0.0.1", ports[0]) as session:
        session.until("login: ")
        session.type("netscreen\r")
        session.until("password: ")
        session.type("netscreen\r")
        assert "netscreen" not in session.until("gate-> ")
        session.type("get hostnamX\x7f\r")
        session.until("get hostnamX")
        assert "gate" in session.until("gate-> ")
        session.type("get inter?")
        session.until("interface")
        session.until("gate-> get inter")
        session.type("\x15get interf\t\x15")
        session.type("ping 10.1.1.77 count 60\r")
        session.until("Sending 60")
        began = time.monotonic()
        session.type("\x03")
        session.until("gate-> ")
        assert time.monotonic() - began < 20
        session.type("exit\r")
        assert session.left() in {0, 1}
        assert "Connection closed by foreign host" in session.shown


@needs_telnet
def test_a_wrong_password_is_asked_again(ports: tuple[str, str]) -> None:
    with terminal("telnet", "127.0.0.1", ports[0]) as session:
        session.until("login: ")
        session.type("netscreen\r")
        session.until("password: ")
        session.type("guess\r")
        logged_in(session)


@needs_telnet
def test_pages_end_where_the_console_says(ports: tuple[str, str]) -> None:
    """A long output stops at `--- more ---`; a space goes on, q ends it."""
    with terminal("telnet", "127.0.0.1", ports[0]) as session:
        logged_in(session)
        session.type("get service pre-defined\r")
        first = session.until("--- more ---")
        assert 15 < first.count("\n") <= 24
        session.type(" ")
        session.until("--- more ---")
        session.type("q")
        session.until("gate-> ")


@contextmanager
def ssh(folder: Path, port: str, *command: str, password: str = "netscreen") -> Iterator[Terminal]:
    """The ssh program, which asks a program for the password."""
    ask = folder / "ask"
    ask.write_text(f"#!/bin/sh\necho {password}\n")
    ask.chmod(0o700)
    environment = {"SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": "none"}
    options = (
        "UserKnownHostsFile=/dev/null",
        "StrictHostKeyChecking=no",
        "LogLevel=ERROR",
        "NumberOfPasswordPrompts=1",
    )
    words = [word for option in options for word in ("-o", option)]
    with terminal(
        "ssh", "-F", "none", *words, "-p", port, "netscreen@127.0.0.1", *command, environment=environment
    ) as session:
        yield session


@needs_ssh
def test_ssh_works_and_leaves(ports: tuple[str, str], tmp_path: Path) -> None:
    """A shell: commands, ctrl-C, `exit`."""
    with ssh(tmp_path, ports[1]) as session:
        session.until("gate-> ")
        session.type("get system\r")
        assert "Product Name" in session.until("gate-> |--- more ---")
        session.type("q")
        session.until("gate-> $")
        session.type("ping 10.1.1.77 count 60\r")
        session.until("Sending 60")
        session.type("\x03")
        session.until("gate-> ")
        session.type("exit\r")
        session.left()


@needs_ssh
@pytest.mark.parametrize(("line", "code"), [("get hostname", 0), ("get nonsense", 1)])
def test_ssh_runs_one_command(line: str, code: int, ports: tuple[str, str], tmp_path: Path) -> None:
    """Its exit code tells whether it was accepted."""
    with ssh(tmp_path, ports[1], line) as session:
        assert session.left() == code
        assert code or "gate" in session.shown


@needs_ssh
def test_ssh_with_a_wrong_password_gets_nowhere(ports: tuple[str, str], tmp_path: Path) -> None:
    with ssh(tmp_path, ports[1], password="guess") as session:
        assert session.left() == 255
        assert "Permission denied" in session.shown


@needs_telnet
@needs_ssh
def test_a_changed_password_counts_for_the_next_call(tmp_path: Path) -> None:
    """`set admin password`, then the old one is refused and the new one opens both ports."""
    (tmp_path / "desk.yaml").write_text(LAB)
    words = [sys.executable, "-m", "nsemu", "serve", str(tmp_path / "desk.yaml"), "--base-port", "0"]
    with terminal(*words) as served:
        found = re.search(r"telnet 127\.0\.0\.1:(\d+), ssh 127\.0\.0\.1:(\d+)", served.until("ctrl-C ends it"))
        assert found
        with terminal("telnet", "127.0.0.1", found[1]) as session:
            logged_in(session)
            session.type("set admin password N3w+Secret\r")
            session.until("gate-> ")
            session.type("exit\r")
        with ssh(tmp_path, found[2]) as session:
            assert session.left() == 255
        with ssh(tmp_path, found[2], "get hostname", password="N3w+Secret") as session:
            assert session.left() == 0
        with terminal("telnet", "127.0.0.1", found[1]) as session:
            logged_in(session, "N3w+Secret")
