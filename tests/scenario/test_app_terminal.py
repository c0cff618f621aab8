"""The lab shell on a terminal: keys in over a pipe, text out; the wall clock is one that the test moves."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from prompt_toolkit.output.vt100 import Vt100_Output

from nsemu import Lab
from nsemu.app.lab_shell.pace import LabPace
from nsemu.app.lab_shell.session import Refused, Session
from nsemu.app.lab_shell.shell import LabShell
from nsemu.app.main import main
from nsemu.cli.terminal import Terminal
from nsemu.sim.pacing import Pacer
from nsemu.sim.scheduler import MILLISECOND, SECOND
from nsemu.sim.wait import Wait
from support.app import office

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[78]")


class Ticking:
    """A wall clock that moves on by 20 ms whenever it is looked at."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        self.now += 20 * MILLISECOND
        return self.now


def session_of(path: Path, rate: float = 60.0) -> Session:
    lab = Lab.load(path, state=path.parent / "state")
    return Session(lab, Pacer(lab.scheduler, rate, Ticking()), interactive=True)


def typed(session: Session, keys: str) -> str:
    """Type keys at the lab shell until it is left; what was printed, without escapes."""
    printed = io.StringIO()
    output = Vt100_Output(printed, lambda: Size(rows=50, columns=110), term="dumb")
    with create_pipe_input() as keyboard:
        keyboard.send_text(keys)
        Terminal(LabShell(session), LabPace(session), refusals=(Refused,), input=keyboard, output=output).run()
    return _ESCAPES.sub("", printed.getvalue()).replace("\r", "")


def test_a_ping_takes_its_time_and_its_replies_are_shown(tmp_path: Path) -> None:
    session = session_of(office(tmp_path))
    shown = typed(session, "ann ping 10.20.2.80 count 3\rexit\r")
    assert "icmp_seq=3 ttl=63 time=10.0 ms" in shown
    assert "3 packets transmitted, 3 received" in shown
    assert session.lab.now >= 2.0


def test_a_jump_is_not_paced(tmp_path: Path) -> None:
    session = session_of(office(tmp_path), rate=0.001)
    shown = typed(session, "advance 8h\rexit\r")
    assert re.search(r"time 8:00:00\.0\d\d\n", shown)


def test_refusals_are_shown_and_the_shell_goes_on(tmp_path: Path) -> None:
    shown = typed(session_of(office(tmp_path)), "bogus\rann pnig\rlink up x:y\rexit\r")
    assert "'bogus' is neither a node nor a command" in shown
    assert "unknown command 'pnig'; did you mean 'ping'?" in shown
    assert "no link at 'x:y'" in shown


def test_ctrl_c_ends_a_running_command_and_nothing_else(tmp_path: Path) -> None:
    session = session_of(office(tmp_path), rate=1.0)
    shown = typed(session, "ann ping 10.20.2.80 count 9000\r\x03nodes\rexit\r")
    assert "NODE" in shown
    assert session.lab.now < 9000


def test_a_paused_lab_says_why_nothing_happens(tmp_path: Path) -> None:
    session = session_of(office(tmp_path))
    session.pacer.pause()
    running = LabShell(session).execute("ann ping 10.20.2.80")
    items = [next(running) for _ in range(5)]
    told = [item for item in items if isinstance(item, str) and "The lab is paused" in item]
    assert len(told) == 1
    assert any(isinstance(item, Wait) for item in items)
    running.close()
    session.lab.run_for(60)
    assert session.lab.link("ann:eth0").link.counters(session.lab["ann"].node.port("eth0")).sent <= 2, "ping ended"


def test_time_that_a_command_spent_by_itself_is_not_waited_for_again(tmp_path: Path) -> None:
    session = session_of(office(tmp_path), rate=1.0)
    typed(session, "advance 3600\rann ping 10.20.2.80 count 2\rexit\r")
    assert 3601 <= session.lab.now < 3700


def test_a_console_is_entered_and_left(tmp_path: Path) -> None:
    session = session_of(office(tmp_path))
    shown = typed(session, "console gate\rset hostname paris\rexit\ryconsole ann\raddress\rexit\rexit\r")
    assert "ns208-> set hostname paris" in shown
    assert "Configuration modified, save? [y]/n y\n" in shown
    assert "ann$ address" in shown
    assert "set hostname paris" in (tmp_path / "state" / "office" / "gate.cfg").read_text()


def test_a_console_pages_what_is_long(tmp_path: Path) -> None:
    shown = typed(session_of(office(tmp_path)), "console gate\rget service\rqexit\rexit\r")
    assert "--- more ---" in shown


def test_leaving_asks_what_to_do_with_unsaved_changes(tmp_path: Path) -> None:
    session = session_of(office(tmp_path))
    shown = typed(session, "gate set hostname paris\rexit\ry")
    assert "Not saved: gate. Save? y/[n] y\n" in shown
    assert not session.lab["gate"].device.modified
    shown = typed(session_of(office(tmp_path)), "gate set hostname other\rexit\r\r")
    assert "other" not in (tmp_path / "state" / "office" / "gate.cfg").read_text()


def test_tab_completes_nodes_commands_interfaces_and_what_nodes_know(tmp_path: Path) -> None:
    session = session_of(office(tmp_path))
    shown = typed(
        session, "ins\tga\t\rlin\tdo\tgate:ethernet2\t\rga\tget int\tethernet1\rann add\t\rconso\tan\t\rexit\rexit\r"
    )
    assert "gate: screenos ns208" in shown
    assert "gate:ethernet2 -- www:eth0: down" in shown
    assert "ann$ exit" in shown
    assert not session.lab.link("www:eth0").is_up


def test_question_mark_helps_at_every_place(tmp_path: Path) -> None:
    shown = typed(session_of(office(tmp_path)), "?\rlink ?\x15gate get ?\x15ann pi?\x15co?\x15exit\r")
    assert "let virtual time pass at once" in shown
    assert "link set NODE:IF delay 10ms" in shown
    assert "show ARP entries" in shown or "arp  " in shown
    assert "ping ADDRESS" in shown
    assert "\nconsole\n" in shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {"gate", "ann", "www", "console", "exit", "trace"}),
        ("v", {"validate"}),
        ("console ", {"gate", "ann", "www"}),
        ("console g", {"gate"}),
        ("link ", {"up", "down", "set"}),
        ("link up w", {"www:eth0"}),
        ("link set www:eth0 ", {"delay", "jitter", "loss", "rate", "mtu"}),
        ("link set www:eth0 delay 5ms l", {"loss"}),
        ("trace a", {"ann"}),
        ("trace ann www t", {"tcp"}),
        ("validate r", {"reach"}),
        ("help tr", {"trace"}),
        ("capture start x.pcapng gate:ethernet1 ann", {"ann:eth0"}),
        ("gate get ar", {"arp"}),
        ("ann trace", {"traceroute", "trace-route"}),
        ("bogus x", set()),
    ],
)
def test_completion(tmp_path: Path, text: str, expected: set[str]) -> None:
    path = office(tmp_path, "  reach: {node: ann, exec: address}\n")
    found = LabShell(session_of(path)).complete(text)
    assert expected <= set(found)
    if text and not text.endswith(" "):
        assert set(found) == expected


def test_the_whole_command_on_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Keyboard(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Keyboard())
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    file = tmp_path / "left.pcapng"
    with create_pipe_input() as keyboard, create_app_session(input=keyboard, output=DummyOutput()):
        keyboard.send_text(f"get hostname\rexit\rcapture start {file}\rexit\r")
        assert main(["run", str(office(tmp_path)), "--console", "gate", "--rate", "60"]) == 0
    shown = capsys.readouterr().out
    assert "office: 3 nodes, 2 links, seed 1" in shown
    assert "Try: help" in shown
    assert "frames on 4 interfaces" in shown
    assert file.is_file()


def test_virtual_seconds_and_wall_seconds_agree(tmp_path: Path) -> None:
    """At rate 1 a lab that was looked at for so long has lived for so long."""
    lab = Lab.load(office(tmp_path))
    clock = Ticking()
    pace = LabPace(Session(lab, Pacer(lab.scheduler, 1.0, clock)))
    began = clock.now
    for _ in range(100):
        pace.idle()
    assert abs(lab.scheduler.now - (clock.now - began)) < SECOND // 10
