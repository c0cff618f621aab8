"""Saving: to the device's own file, to and from TFTP servers of the lab, last-known-good, redirection, power cuts."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nsemu import Lab, LabError
from nsemu.api.state_folder import StateFolder
from nsemu.cli.dialogue import Question, run_dialogue
from nsemu.cli.settings.configuration import configuration_text
from nsemu.lab.host.host import Host
from nsemu.sim.scheduler import SECOND
from support.app import GATE, OFFICE
from support.cli_console import Session

NEW = "set hostname tokyo\nset console page 30\nset bogus word\nset interface ethernet1 ip 10.20.1.1/24\n"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return make(tmp_path)


def make(folder: Path) -> Lab:
    (folder / "gate.cfg").write_text(GATE)
    (folder / "new.cfg").write_text(NEW)
    text = OFFICE.replace("services: [http]", "services: [http, tftp], files: {configs/new.cfg: new.cfg}")
    (folder / "office.yaml").write_text(text)
    return Lab.load(folder / "office.yaml", state=folder / "state")


def host(lab: Lab) -> Host:
    node = lab["www"].node
    assert isinstance(node, Host)
    return node


def typed(lab: Lab, line: str, *answers: str) -> str:
    waiting = list(answers)

    def answer(question: Question) -> str:
        return question.answer(waiting.pop(0)) if waiting else question.default

    return run_dialogue(lab["gate"].console.execute(line), lab.scheduler, answer)


def test_a_configuration_goes_to_a_server(lab: Lab) -> None:
    lab["gate"].run("set hostname osaka")
    text = lab["gate"].run("save config to tftp 10.20.2.80 gate.cfg")
    stored = host(lab).store.files.read("/gate.cfg").decode()
    assert "set hostname osaka\r\n" in stored
    assert text.startswith(f"Read the current config.\nSave configurations ({len(stored)} bytes) to gate.cfg on TFTP")
    assert text.endswith("tftp success!\n\nTFTP Succeeded\n")
    assert lab["gate"].device.modified, "it was not saved here"
    lab["gate"].run("set admin format unix")
    lab["gate"].run("save config to tftp 10.20.2.80 unix.cfg")
    plain = host(lab).store.files.read("/unix.cfg").decode()
    assert "\r" not in plain
    assert "set admin format unix\n" in plain


def test_a_configuration_from_a_server_is_what_a_restart_begins_with(lab: Lab) -> None:
    text = lab["gate"].run("save config from tftp 10.20.2.80 configs/new.cfg to flash")
    assert text.startswith("Load config from 10.20.2.80/configs/new.cfg (tftp).\n!\ntftp received octets = ")
    assert lab["gate"].device.config.system.hostname == "ns208"
    assert lab["gate"].run("get config saved") == NEW
    text = typed(lab, "reset", "y")
    assert "Configuration modified" not in text
    assert "Failed command - set bogus word\n" in text
    assert lab["gate"].device.config.system.hostname == "tokyo"
    assert not lab["gate"].device.config.policies


def test_merging_keeps_what_is_there_and_names_what_is_refused(lab: Lab) -> None:
    text = lab["gate"].run("save config from tftp 10.20.2.80 configs/new.cfg merge")
    assert text.endswith("TFTP Succeeded\nFailed command - set bogus word\n")
    config = lab["gate"].device.config
    assert (config.system.hostname, config.system.console_page, list(config.policies)) == ("tokyo", 30, [7])
    assert lab["gate"].device.modified


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("save config from tftp 10.20.2.80 none.cfg to flash", "tftp error: File not found"),
        ("save config from tftp 10.20.2.80 none.cfg merge", "tftp error: File not found"),
        ("save config to tftp 10.20.2.80 /pub", "tftp error: File not found"),
        ("save config to tftp 10.20.2.99 x", "tftp error: timeout"),
        ("get config > tftp 10.20.2.99 x", "tftp error: timeout"),
    ],
)
def test_failures_change_nothing(lab: Lab, line: str, error: str) -> None:
    lab["gate"].run("set ip tftp retry 3")
    lab["gate"].run("set ip tftp timeout 1")
    before, saved = lab["gate"].device.config, lab["gate"].device.saved_text
    with pytest.raises(LabError, match=error):
        lab["gate"].run(line)
    assert lab["gate"].device.config is before
    assert lab["gate"].device.saved_text == saved


def test_retry_and_timeout_say_how_long_a_silent_server_is_asked(lab: Lab) -> None:
    lab["gate"].run("set ip tftp retry 4")
    lab["gate"].run("set ip tftp timeout 3")
    began = lab.now
    with pytest.raises(LabError):
        lab["gate"].run("save config to tftp 10.20.2.99 x")
    assert lab.now - began == pytest.approx(12, abs=0.1)
    assert "set ip tftp retry 4\nset ip tftp timeout 3\n" in lab["gate"].cli("get config")


def test_a_lossy_link_only_takes_longer(lab: Lab) -> None:
    lab.link("www:eth0").set(loss=0.3)
    lab["gate"].run("set ip tftp retry 50")
    for index in range(200):
        lab["gate"].run(f"set address trust h{index} 10.9.{index}.1/32")
    lab["gate"].run("save config to tftp 10.20.2.80 far.cfg")
    stored = host(lab).store.files.read("/far.cfg").decode()
    assert stored.count("set address") == 200


def test_output_goes_to_a_server(lab: Lab) -> None:
    expected = lab["gate"].cli("get config | include interface")
    text = lab["gate"].run("get config | include interface > tftp 10.20.2.80 interfaces.txt")
    assert text.startswith("redirect to 10.20.2.80,interfaces.txt\n")
    assert "set interface" not in text
    assert host(lab).store.files.read("/interfaces.txt").decode() == expected
    console = lab["gate"].console
    assert console.help("get config > ") == "tftp                 to a file of a TFTP server\n"
    assert console.complete("get config > t") == ["tftp"]
    assert "<a.b.c.d>" in console.help("get config >tftp ")
    assert "unknown keyword" in lab["gate"].cli("get config > flash x")
    lab["gate"].run('set interface ethernet1 description ">x"')


def test_last_known_good(lab: Lab) -> None:
    gate = lab["gate"]
    assert "not available" in gate.run("get config rollback")
    with pytest.raises(LabError, match="no last-known-good"):
        gate.run("exec config rollback")
    gate.run("save config to last-known-good")
    gate.run("set hostname broken")
    gate.run("save")
    assert typed(lab, "exec config rollback", "y").endswith("In reset ...\n")
    assert gate.device.config.system.hostname == "ns208"
    assert "set hostname ns208" in gate.run("get config saved")
    assert "is available" in gate.run("get config rollback")


def test_a_rollback_of_its_own_when_the_saved_configuration_has_errors(lab: Lab) -> None:
    gate = lab["gate"]
    gate.run("save config to last-known-good")
    gate.run("exec config rollback enable")
    gate.run("save config from tftp 10.20.2.80 configs/new.cfg to flash")
    assert "Failed command - set bogus word\n" in typed(lab, "reset no-prompt")
    assert list(gate.device.config.policies) == [7]
    gate.run("exec config rollback disable")
    typed(lab, "reset no-prompt")
    assert gate.device.config.system.hostname == "tokyo"


def test_only_what_was_saved_is_there_after_a_restart_of_the_lab(lab: Lab, tmp_path: Path) -> None:
    lab["gate"].run("save config to last-known-good")
    lab["gate"].run("set hostname saved")
    lab["gate"].run("save")
    lab["gate"].run("set hostname lost")
    again = make(tmp_path)
    assert again["gate"].device.config.system.hostname == "saved"
    assert again["gate"].device.good_text is not None
    assert not again["gate"].device.modified


def test_unset_all(lab: Lab, tmp_path: Path) -> None:
    typed(lab, "unset all", "n")
    assert lab["gate"].run("get config saved")
    assert typed(lab, "unset all", "y") == "Erase all system config, are you sure y/ [n]? y\n"
    assert lab["gate"].device.config.policies, "what runs goes on"
    assert "Configuration modified, save? [y]/n n" in typed(lab, "reset", "n", "y")
    assert not lab["gate"].device.config.policies
    assert not make(tmp_path)["gate"].device.config.policies


def test_a_full_disk_is_told_and_the_old_file_is_whole(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lab["gate"].run("save")
    file = tmp_path / "state" / "office" / "gate.cfg"
    old = file.read_text()

    def full(_number: int) -> None:
        raise OSError(28, "No space left on device")

    lab["gate"].run("set hostname other")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LabError, match="No space left on device"):
        lab["gate"].run("save")
    assert file.read_text() == old
    assert lab["gate"].device.modified
    assert lab["gate"].device.saved_text == old


class PowerCut(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("at", ["open", "write", "flush", "fsync", "replace", "never"])
def test_a_power_cut_at_any_step_leaves_the_old_or_the_new_file(
    at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = StateFolder(tmp_path, "lab")
    folder.writer("gate")("old\n" * 1000)
    with monkeypatch.context() as patched:
        _cut(patched, at)
        try:
            folder.writer("gate")("new\n" * 2000)
        except PowerCut:
            assert at != "never"
    assert folder.read("gate") == ("new\n" * 2000 if at == "never" else "old\n" * 1000)
    folder.writer("gate")("after\n")
    assert folder.read("gate") == "after\n"


_WHOLE_OPEN = Path.open


class Half:
    """A file that dies while it is written, or before it is flushed."""

    def __init__(self, path: Path, mode: str, at: str) -> None:
        self._file = _WHOLE_OPEN(path, mode, encoding="latin-1")
        self._at = at

    def __enter__(self) -> Half:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    def write(self, text: str) -> None:
        if self._at == "write":
            self._file.write(text[: len(text) // 2])
            self._file.flush()
            raise PowerCut
        self._file.write(text)

    def flush(self) -> None:
        if self._at == "flush":
            raise PowerCut
        self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()


def _cut(patched: pytest.MonkeyPatch, at: str) -> None:
    def cut(*_arguments: object, **_words: object) -> None:
        raise PowerCut

    def half(path: Path, mode: str, **_words: object) -> Half:
        return Half(path, mode, at)

    if at == "open":
        patched.setattr(Path, "open", cut)
    elif at in {"write", "flush"}:
        patched.setattr(Path, "open", half)
    elif at == "fsync":
        patched.setattr(os, "fsync", cut)
    elif at == "replace":
        patched.setattr(Path, "replace", cut)


_SAVER = """
import sys
from pathlib import Path
from nsemu.api.state_folder import StateFolder
write = StateFolder(Path(sys.argv[1]), "lab").writer("gate")
print("ready", flush=True)
number = 0
while True:
    number += 1
    write(f"{number}\\n" * 5_000)
"""


def test_a_kill_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    chance = random.Random(7)
    folder = StateFolder(tmp_path, "lab")
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", _SAVER, str(tmp_path)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            folder_file = folder.path("gate")
            for _ in range(chance.randint(1, 2_000)):
                folder_file.exists()
            process.send_signal(signal.SIGKILL)
        text = folder.read("gate")
        if text is not None:
            lines = text.splitlines()
            assert len(lines) == 5_000
            assert len(set(lines)) == 1


def test_a_configuration_moves_between_all_places(lab: Lab) -> None:
    """Flash, memory card, last-known-good, server, running: what comes out is what went in."""
    gate = lab["gate"]
    gate.run("save")
    saved = gate.device.saved_text or ""
    gate.run("set hostname kobe")
    running = configuration_text(gate.device.config)
    assert gate.run("save config to slot1 now.cfg").endswith("bytes) to slot1:/now.cfg.\nDone\n")
    gate.run("save config from flash to slot1 old.cfg")
    assert gate.device.card == {"now.cfg": running, "old.cfg": saved}
    assert f"    {'slot1:/old.cfg':<28}{len(saved):>10}\n" in gate.run("get file")
    gate.run("save config from slot1 now.cfg to last-known-good")
    gate.run("save config from last-known-good to tftp 10.20.2.80 good.cfg")
    assert host(lab).store.files.read("/good.cfg").decode().replace("\r\n", "\n") == running
    gate.run("save config from tftp 10.20.2.80 good.cfg to flash")
    assert gate.device.saved_text == running
    gate.run("unset hostname")
    gate.run("save config from slot1 now.cfg merge")
    assert gate.device.config.system.hostname == "kobe"
    assert "file slot1:/none.cfg does not exist" in gate.cli("save config from slot1 none.cfg to flash")
    assert gate.device.saved_text == running


def test_a_platform_without_a_slot_says_so() -> None:
    session = Session(platform="ssg5")
    before = session.device.saved_text
    for line in ("save config to slot1 x.cfg", "save config from slot1 x.cfg merge"):
        assert "platform ssg5 has no slot1\n" in session.type(line)
        assert session.console.refused
    assert session.device.saved_text is before
    assert "there is no saved configuration\n" in session.type("save config from flash to last-known-good")


@pytest.mark.parametrize("minutes", [1, 5, 30])
def test_a_locked_configuration_comes_back_after_silence(minutes: int) -> None:
    """`exec config lock`: each command begins the time anew; `end` keeps the changes, `abort` goes back at once."""
    session = Session()
    if minutes != 5:
        session.accept(f"set config lock timeout {minutes}")
    session.accept("exec config lock start", "set hostname changed")
    assert "already locked" in session.type("exec config lock start")
    session.scheduler.run_for((minutes * 60 - 1) * SECOND)
    assert f"locked, {minutes * 60} seconds remain" in session.type("get config lock")
    session.scheduler.run_for((minutes * 60 - 1) * SECOND)
    assert session.device.config.system.hostname == "changed"
    session.scheduler.run_for(2 * SECOND)
    assert session.device.config.system.hostname == "ns208"
    assert session.device.resets == 1
    assert "not locked" in session.type("get config lock")
    session.accept("exec config lock start", "set hostname kept", "exec config lock end")
    session.scheduler.run_for(3600 * SECOND)
    assert session.device.config.system.hostname == "kept"
    session.accept("exec config lock start", "set hostname gone")
    assert session.type("exec config lock abort") == "In reset ...\n"
    assert session.device.config.system.hostname == "kept"
    session.console.closed = False
    assert "not locked" in session.type("exec config lock abort")
    session.accept("exec config lock start", "reset no-prompt save-config no")
    session.console.closed = False
    assert "not locked" in session.type("get config lock")
    assert session.device.on_restart == []
