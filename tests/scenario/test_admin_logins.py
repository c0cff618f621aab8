"""Administrators at the network consoles: banners, attempts, locks, ports, several at once, who did what."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.cli.login import Caller, Login
from nsemu.cli.teletype import Line, Teletype
from nsemu.device.device import Device
from nsemu.sim.scheduler import SECOND
from support.app import office
from support.cli_console import Session

GATE = "10.20.1.1"


class Seat:
    """A network console on a device."""

    def __init__(self, device: Device, address: str = "10.1.1.5", port: int = 1025, service: str = "Telnet") -> None:
        self.text = ""
        self.gone = False
        self.login = Login(device, Caller(service, address, port))
        wire = Line(self._write, self._hang_up, device.scheduler.after)
        self.teletype = Teletype(device.scheduler, wire, lambda: device.config.system.console_timeout)
        self.login.hang_up = self._end
        self.teletype.begin(self.login.dialogue())

    def _write(self, text: str) -> None:
        self.text += text.replace("\r\n", "\n")

    def _hang_up(self) -> None:
        self.gone = True

    def _end(self) -> None:
        self.teletype.hang_up()
        self.login.left()

    def send(self, *lines: str) -> str:
        for line in lines:
            self.teletype.receive(f"{line}\r")
        taken, self.text = self.text, ""
        return taken


@pytest.fixture
def box() -> Session:
    session = Session()
    session.accept("set admin user bob password pw privilege read-only")
    session.accept("set admin user eve password pw privilege all")
    return session


def told(session: Session) -> list[str]:
    return [entry.text for entry in session.device.event_log.newest_first()]


def test_banners_come_before_the_name_and_the_second_must_be_agreed_to(box: Session) -> None:
    box.accept(r'set admin auth banner telnet login "Authorised\nonly"', "set admin auth banner secondary Behave")
    seat = Seat(box.device)
    assert seat.text == "Remote Management Console\nAuthorised\nonly\nlogin: "
    text = seat.send("bob", "pw")
    assert text.endswith("password: \nBehave\nAccept this agreement y/[n] ")
    seat.teletype.receive("y")
    assert seat.send("").endswith("ns208-> ns208-> "[-8:])
    other = Seat(box.device)
    other.send("bob", "pw")
    other.teletype.receive("n")
    assert other.gone
    assert not other.login.console


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_the_line_is_closed_after_as_many_attempts_as_are_set(box: Session, attempts: int) -> None:
    box.accept(f"set admin access attempts {attempts}")
    seat = Seat(box.device)
    for _ in range(attempts):
        assert not seat.gone
        seat.send("bob", "wrong")
    assert seat.gone
    assert told(box)[0] == "Multiple login failures occurred for user bob from IP address 10.1.1.5:1025"


def test_an_address_is_locked_for_the_minutes_that_are_set(box: Session) -> None:
    box.accept("set admin access attempts 1", "set admin access lock-on-failure 7")
    Seat(box.device).send("bob", "wrong")
    assert "### Login failed" in Seat(box.device).send("bob", "pw")
    assert "ns208-> " in Seat(box.device, address="10.1.1.6").send("bob", "pw")
    box.scheduler.run_for(7 * 60 * SECOND + 1)
    assert "ns208-> " in Seat(box.device).send("bob", "pw")


def test_the_root_administrator_can_be_kept_to_the_console(box: Session) -> None:
    box.accept("set admin root access console")
    assert "### Login failed" in Seat(box.device).send("netscreen", "netscreen")
    assert "ns208-> " in Seat(box.device).send("eve", "pw")
    assert any("console only" in text for text in told(box))


def test_several_at_once_are_listed_and_can_be_sent_away(box: Session) -> None:
    bob, eve = Seat(box.device, port=1111), Seat(box.device, "10.9.9.9", 2222)
    bob.send("bob", "pw")
    eve.send("eve", "pw")
    rows = box.type("get admin user login").splitlines()
    assert rows[1] == "  1  bob                 read-only  2008-05-01 10:00:00  telnet  10.1.1.5:1111"
    assert rows[2] == "  2  eve                 all        2008-05-01 10:00:00  telnet  10.9.9.9:2222"
    assert "ns208-> " in eve.send("clear admin all")
    assert bob.gone
    assert not eve.gone
    assert len(box.type("get admin current-user").splitlines()) == 2
    assert told(box)[0] == "Admin user bob has logged out via Telnet from 10.1.1.5:1111"
    assert box.type("clear admin name bob") == "administrator bob is not logged in\n"
    box.accept("clear admin name eve")
    assert eve.gone


def test_a_read_only_administrator_changes_nothing(box: Session) -> None:
    bob = Seat(box.device)
    bob.send("bob", "pw")
    before = box.type("get config")
    for line in (
        "set hostname x",
        "unset admin user eve",
        "save",
        "clear event",
        "reset",
        "exec dns refresh",
        "debug all",
    ):
        text = bob.send(line)
        assert "Read-only administrators cannot" in text or "unknown" in text or line.startswith("exec"), text
    assert box.type("get config") == before
    assert "Hostname: ns208" in bob.send("get hostname")


def test_the_log_says_who_changed_what(box: Session) -> None:
    eve = Seat(box.device, "10.9.9.9", 2222)
    eve.send("eve", "pw", "set policy id 5 from trust to untrust any any http permit", "save")
    assert told(box)[0] == "System configuration saved by eve via telnet from host 10.9.9.9:2222."
    assert told(box)[1] == (
        "Policy (5, Trust->Untrust, Any->Any,HTTP, Permit) was added by eve via telnet from host 10.9.9.9:2222."
    )
    eve.send("set policy id 5 disable")
    assert "was modified by eve" in told(box)[0]
    eve.send("unset policy 5")
    assert "was deleted by eve" in told(box)[0]
    count = len(told(box))
    eve.send("set policy from trust to untrust nowhere any any permit")
    assert len(told(box)) == count


@pytest.mark.parametrize("length", [4, 12])
def test_a_password_must_be_as_long_as_is_set(box: Session, length: int) -> None:
    box.accept(f"set admin password restrict length {length}")
    before = box.type("get config")
    for command in ("set admin password {}", "set admin user dan password {}"):
        assert "too short" in box.type(command.format("x" * (length - 1)))
        assert box.type("get config") == before
    box.accept("set admin user dan password " + "x" * length)
    line = next(line for line in box.type("get config").splitlines() if '"dan"' in line)
    box.accept("unset admin user dan", line)  # a hash is no password
    assert line in box.type("get config")
    assert "ns208-> " in Seat(box.device).send("dan", "x" * length)


def test_telnet_answers_at_the_port_that_is_set(tmp_path: Path) -> None:
    lab = Lab.load(office(tmp_path), state=tmp_path / "state")
    say = 'send netscreen send netscreen send "get admin current-user" send exit'

    def reached(port: int) -> bool:
        return "ns208-> " in lab["ann"].run(f"telnet {GATE} {port} {say} time-out 20")

    assert reached(23)
    assert not reached(2323)
    lab["gate"].run("set admin telnet port 2323")
    assert reached(2323)
    assert not reached(23)
    lab["gate"].run("unset admin telnet port")
    assert reached(23)
    assert lab["gate"].cli("set admin ssh port 23").startswith("port 23 is used by another service")
