"""`nsemu run` with lines: what is printed where, exit codes, consoles, questions, state, time."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from support.app import GATE, Command, office


@pytest.fixture
def nsemu(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(capsys, monkeypatch)


def test_lines_run_in_order_and_print_what_they_print(nsemu: Command, tmp_path: Path) -> None:
    ran = nsemu.lines(office(tmp_path), ["ann ping 10.20.2.80 count 2", "gate get policy id 7"])
    assert ran.code == 0
    assert ran.err == ""
    assert "2 packets transmitted, 2 received" in ran.out
    assert ran.out.startswith("PING 10.20.2.80")
    assert ran.out.index("ping statistics") < ran.out.index("Trust")


def test_piped_lines_are_the_same_as_options(nsemu: Command, tmp_path: Path) -> None:
    path = office(tmp_path)
    lines = ["ann ping 10.20.2.80 count 2", "inspect gate"]
    piped = nsemu("run", path, stdin="\n".join(["# a comment", "", *lines]) + "\n")
    assert piped == nsemu.lines(path, lines)
    assert piped.code == 0


def test_no_lines_are_no_error(nsemu: Command, tmp_path: Path) -> None:
    assert nsemu("run", office(tmp_path), stdin="").code == 0


def test_a_refused_line_is_named_and_the_others_run(nsemu: Command, tmp_path: Path) -> None:
    ran = nsemu.lines(office(tmp_path), ["gate get nonsense", "ann pong 1.2.3.4", "advance 5"])
    assert ran.code == 1
    assert "line 1 not accepted: gate get nonsense\n" in ran.err
    assert "line 2 not accepted: ann pong 1.2.3.4: unknown command 'pong'; did you mean 'ping'?" in ran.err
    assert "time 5.000 s\n" in ran.out


def test_the_marker_stands_under_the_word_it_is_about(nsemu: Command, tmp_path: Path) -> None:
    ran = nsemu.lines(office(tmp_path), ["gate set interface ethernet1 colour red"])
    line, marker = ran.out.splitlines()
    assert line == "ns208-> set interface ethernet1 colour red"
    assert marker.index("^") == line.index("colour")


def test_line_numbers_count_comments_and_empty_lines(nsemu: Command, tmp_path: Path) -> None:
    ran = nsemu("run", office(tmp_path), stdin="# one\n\nwrong\n")
    assert ran.err.startswith("nsemu: line 3 not accepted: wrong")


def test_a_console_takes_the_lines_until_exit(nsemu: Command, tmp_path: Path) -> None:
    lines = [
        "console gate",
        "set vrouter trust-vr",
        "set route 10.77.0.0/16 interface null",
        "exit",
        "exit",
        "advance 1",
    ]
    ran = nsemu.lines(office(tmp_path), [*lines, "gate get config | include 10.77.0.0"])
    assert (ran.code, ran.err) == (0, "")
    assert "10.77.0.0/16 interface null" in ran.out
    assert "time 1.000 s" in ran.out


def test_console_option_begins_there(nsemu: Command, tmp_path: Path) -> None:
    ran = nsemu.lines(office(tmp_path), ["get hostname"], "--console", "gate")
    assert (ran.code, "ns208" in ran.out) == (0, True)


def test_console_of_a_host(nsemu: Command, tmp_path: Path) -> None:
    ran = nsemu.lines(office(tmp_path), ["console ann", "ping 10.20.2.80 count 1", "pnig", "exit", "nodes"])
    assert "1 received" in ran.out
    assert "line 3 not accepted: pnig" in ran.err
    assert "NODE" in ran.out


def test_unknown_console_is_unusable(nsemu: Command, tmp_path: Path) -> None:
    ran = nsemu("run", office(tmp_path), "--console", "gat", stdin="")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "nsemu: no node 'gat'; did you mean 'gate'?\n"


def test_a_question_takes_its_default(nsemu: Command, tmp_path: Path) -> None:
    """`exit` of a console with changes asks whether to save, by default yes."""
    path = office(tmp_path)
    ran = nsemu.lines(path, ["console gate", "set hostname gamma", "exit", "advance 1"])
    assert "Configuration modified, save? [y]/n y\n" in ran.out
    assert "set hostname gamma" in (tmp_path / ".nsemu-state" / "office" / "gate.cfg").read_text()


def test_the_next_line_answers_a_question_when_it_is_a_key(nsemu: Command, tmp_path: Path) -> None:
    path = office(tmp_path)
    ran = nsemu.lines(path, ["console gate", "set hostname gamma", "exit", "n", "advance 1"])
    assert (ran.code, ran.err) == (0, "")
    assert "save? [y]/n n\n" in ran.out
    assert not (tmp_path / ".nsemu-state").exists()


def test_exit_ends_the_run(nsemu: Command, tmp_path: Path) -> None:
    ran = nsemu.lines(office(tmp_path), ["exit", "no such line"])
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_what_is_saved_is_used_at_the_next_run_unless_fresh(nsemu: Command, tmp_path: Path) -> None:
    path = office(tmp_path)
    assert nsemu.lines(path, ["gate set hostname delta", "save"]).code == 0
    assert "delta" in nsemu.lines(path, ["gate get hostname"]).out
    assert "delta" not in nsemu.lines(path, ["gate get hostname"], "--fresh").out
    assert "delta" in nsemu.lines(path, ["gate get hostname"]).out, "--fresh forgets nothing"


def test_what_is_not_saved_is_gone(nsemu: Command, tmp_path: Path) -> None:
    path = office(tmp_path)
    nsemu.lines(path, ["gate set hostname delta"])
    assert "delta" not in nsemu.lines(path, ["gate get hostname"]).out


def test_state_folder_can_be_chosen(nsemu: Command, tmp_path: Path) -> None:
    path, elsewhere = office(tmp_path), tmp_path / "else" / "where"
    nsemu.lines(path, ["gate set hostname delta", "gate save"], "--state", str(elsewhere))
    assert (elsewhere / "office" / "gate.cfg").is_file()
    assert not (tmp_path / ".nsemu-state").exists()
    assert "delta" in nsemu.lines(path, ["gate get hostname"], "--state", str(elsewhere)).out


def test_a_state_folder_that_cannot_be_written_refuses_the_save(nsemu: Command, tmp_path: Path) -> None:
    path = office(tmp_path)
    (tmp_path / "file").write_text("")
    ran = nsemu.lines(path, ["gate save"], "--state", str(tmp_path / "file"))
    assert ran.code == 1
    assert "Failed to save the configuration: Not a directory\n" in ran.out
    assert "line 1 not accepted: gate save\n" in ran.err


def test_start_up_lines_that_are_refused_are_warnings(nsemu: Command, tmp_path: Path) -> None:
    path = office(tmp_path, config=GATE + "set colour red\n")
    ran = nsemu.lines(path, ["ann ping 10.20.2.80 count 1"])
    assert ran.code == 0
    assert "1 received" in ran.out
    assert f"warning: {tmp_path / 'gate.cfg'}:7: " in ran.err
    assert "set colour red" in ran.err


def test_topology_errors_are_all_shown(nsemu: Command, tmp_path: Path) -> None:
    path = office(tmp_path)
    path.write_text(path.read_text().replace("kind: host, address: 10.20.1.9/24", "kind: hots").replace("5ms", "5"))
    ran = nsemu.lines(path, ["help"])
    assert (ran.code, ran.out) == (2, "")
    assert len([line for line in ran.err.splitlines() if line.startswith(f"{path}:")]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.yaml"], "cannot be read"),
        (["OFFICE", "--seed", "-3"], "no whole number"),
        (["OFFICE", "--rate", "fast"], "no rate"),
        ([], "TOPOLOGY"),
    ],
)
def test_bad_arguments_are_unusable(nsemu: Command, tmp_path: Path, arguments: list[str], message: str) -> None:
    path = office(tmp_path)
    ran = nsemu("run", *(path if word == "OFFICE" else word for word in arguments))
    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err


def test_links_go_down_and_up_and_take_properties(nsemu: Command, tmp_path: Path) -> None:
    lines = [
        "link down www:eth0",
        "ann ping 10.20.2.80 count 1",
        "link up gate:ethernet2",
        "link set www:eth0 delay 40ms loss 0% mtu 1400",
        "ann ping 10.20.2.80 count 2",
        "link set www:eth0 loss 100%",
        "ann ping 10.20.2.80 count 1",
        "link",
    ]
    ran = nsemu.lines(office(tmp_path), lines)
    assert (ran.code, ran.err) == (0, "")
    assert "gate:ethernet2 -- www:eth0: down, 5ms\n" in ran.out
    assert "gate:ethernet2 -- www:eth0: up, 40ms, mtu 1400\n" in ran.out
    received = [line.split(",")[1] for line in ran.out.splitlines() if "packets transmitted" in line]
    assert received == [" 0 received", " 2 received", " 0 received"]
    assert "time=80.0 ms" in ran.out


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("link up gaet:ethernet1", "no link at 'gaet:ethernet1'; did you mean 'gate:ethernet1'?"),
        ("link set www:eth0 delay 10", "delay: found '10'"),
        ("link set www:eth0 colour red", "unknown property 'colour'"),
        ("link set www:eth0 delay", "usage"),
        ("link set www:eth0 loss 5% delay", "delay needs a value"),
        ("link set www:eth0 mtu 12", "mtu: "),
        ("link cut www:eth0", "usage"),
        ("advance yesterday", "advance: found 'yesterday'"),
        ("advance", "usage: advance"),
        ("rate fast", "rate 'fast' is no number"),
        ("rate -1", "rate -1 is not"),
        ("console nobody", "no node 'nobody'"),
        ("capture stop", "no capture is running"),
        ("capture start no/such/folder/x.pcapng", "cannot write the capture"),
        ("capture start x.pcapng ann:eth9", "no link at 'ann:eth9'"),
        ("trace ann nobody", "no node 'nobody'"),
        ("trace ann 10.20.2.300", "'10.20.2.300' is no IPv4 address"),
        ("trace ann www sctp", "unknown protocol 'sctp'"),
        ("trace ann www tcp 0", "'0' is no port"),
        ("inspect nobody", "no node 'nobody'"),
        ("graph picture.gif", "cannot draw a '.gif'"),
        ("validate", "no validate blocks"),
        ("validate other", "no check 'other'"),
        ("help me", "no command 'me'"),
        ("ann", "a command is missing"),
        ("gatte get sa", "'gatte' is neither a node nor a command; did you mean 'gate'?"),
        ('capture start "x', "no closing quotation"),
    ],
)
def test_lab_commands_say_what_is_wrong(nsemu: Command, tmp_path: Path, line: str, message: str) -> None:
    ran = nsemu.lines(office(tmp_path), [line, "advance 1"])
    assert ran.code == 1
    assert ran.err.startswith(f"nsemu: line 1 not accepted: {line}: ")
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert ran.out == "time 1.000 s\n"


def test_captures_name_their_interfaces_and_the_command_that_reads_them(nsemu: Command, tmp_path: Path) -> None:
    file = tmp_path / "x y.pcapng"
    lines = [f"capture start '{file}' www:eth0", "ann ping 10.20.2.80 count 1", "capture", "capture stop"]
    ran = nsemu.lines(office(tmp_path), lines)
    assert (ran.code, ran.err) == (0, "")
    assert b"gate:ethernet2" in file.read_bytes()
    assert b"ann:eth0" not in file.read_bytes()
    assert "on 2 interfaces" in ran.out
    assert "tshark -n -r '" in ran.out
    assert file.with_suffix(".keys").is_dir()


def test_a_capture_that_runs_at_the_end_is_whole(nsemu: Command, tmp_path: Path) -> None:
    first, second = tmp_path / "a.pcapng", tmp_path / "b.pcapng"
    ran = nsemu.lines(office(tmp_path), [f"capture start {first}", f"capture start {second}", "ann ping 10.20.2.80"])
    assert ran.code == 0
    assert first.read_bytes() == second.read_bytes()
    assert "on 4 interfaces" in ran.out


def test_two_runs_are_byte_identical_under_any_hash_seed(tmp_path: Path) -> None:
    path = office(tmp_path)
    found = []
    for hash_seed in ("1", "2"):
        folder = tmp_path / hash_seed
        folder.mkdir()
        file = folder / "x.pcapng"
        command = [sys.executable, "-m", "nsemu", "run", str(path), "-c", f"capture start {file}"]
        command += ["-c", "link set www:eth0 jitter 3ms loss 20%", "-c", "ann ping 10.20.2.80 count 9", "-c", "link"]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found.append((file.read_bytes(), ran.stdout.replace(str(folder), "")))
    assert found[0] == found[1]


def test_seed_changes_chance(nsemu: Command, tmp_path: Path) -> None:
    path = office(tmp_path)
    lines = ["link set www:eth0 loss 50%", "ann ping 10.20.2.80 count 30"]
    one, same, other = (nsemu.lines(path, lines, "--seed", seed).out for seed in ("5", "5", "6"))
    assert one == same != other


def test_time_runs_as_fast_as_it_can_and_pause_does_not_stop_a_batch(nsemu: Command, tmp_path: Path) -> None:
    ran = nsemu.lines(office(tmp_path), ["pause", "ann ping 10.20.2.80 count 2", "resume", "rate 60", "advance 8h"])
    assert ran.code == 0
    assert "2 received" in ran.out
    assert "rate 60" in ran.out
    assert "\ntime 8:00:0" in ran.out


def test_inspect_shows_kinds_addresses_zones_and_peers(nsemu: Command, tmp_path: Path) -> None:
    ran = nsemu.lines(office(tmp_path), ["inspect", "inspect gate", "inspect ann"])
    assert "office: 3 nodes, 2 links, seed 1, time 0.000 s" in ran.out
    assert "ethernet1  up     Trust  10.20.1.1/24  ann:eth0" in ran.out
    assert "eth0       up     10.20.1.9/24  gate:ethernet1" in ran.out


def test_graph_in_words_and_as_a_file_follows_the_configuration_of_now(nsemu: Command, tmp_path: Path) -> None:
    file = tmp_path / "now.svg"
    lines = ["gate set interface ethernet2 ip 10.20.2.7/24", "graph", f"graph {file}"]
    ran = nsemu.lines(office(tmp_path), lines)
    assert (ran.code, ran.err) == (0, "")
    assert "10.20.2.7/24" in ran.out
    assert "10.20.2.7/24" in file.read_text()


def test_validate_line_fails_the_run_when_a_check_fails(nsemu: Command, tmp_path: Path) -> None:
    checks = """\
  good: {node: ann, exec: ping 10.20.2.80 count 1, match: '1 received'}
  bad: {node: www, exec: ping 10.20.1.9 count 1, match: '1 received', fail: the way back is closed}
"""
    path = office(tmp_path, checks)
    assert nsemu.lines(path, ["validate good"]).code == 0
    ran = nsemu.lines(path, ["validate"])
    assert ran.code == 1
    assert "PASS  good" in ran.out
    assert "FAIL  bad" in ran.out
    assert "the way back is closed" in ran.out
    assert "line 1 not accepted: validate: failed: bad" in ran.err


def test_help_knows_every_command(nsemu: Command, tmp_path: Path) -> None:
    from nsemu.app.lab_shell.shell import _OWN, COMMANDS
    from nsemu.lab.topology.model import LAB_COMMANDS

    names = [*COMMANDS, *_OWN]
    assert set(names) <= LAB_COMMANDS, "a node could have the name of a command"
    ran = nsemu.lines(office(tmp_path), ["help", *(f"help {name}" for name in names), "help ann", "help gate"])
    assert (ran.code, ran.err) == (0, "")
    for name in names:
        assert f"\n{name}" in ran.out


def test_version_and_help(nsemu: Command) -> None:
    assert nsemu("--version").out.startswith("nsemu ")
    for words in ([], ["run"], ["validate"], ["check"], ["trace"], ["graph"], ["completion"]):
        ran = nsemu(*words, "--help")
        assert (ran.code, ran.err) == (0, "")
        assert "usage: nsemu" in ran.out


def test_help_loads_nothing_of_the_emulator() -> None:
    probe = (
        "import sys\nfrom nsemu.app.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {name.split('.')[1] for name in sys.modules if name.startswith('nsemu.')} - {'app'}\n"
        "heavy |= {'networkx', 'scapy', 'prompt_toolkit', 'cryptography', 'ruamel', 'asyncio'} & set(sys.modules)\n"
        "sys.exit(str(sorted(heavy)) if heavy else 0)\n"
    )
    ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_run_loads_neither_scapy_nor_networkx_nor_the_terminal(tmp_path: Path) -> None:
    probe = (
        "import sys\nfrom nsemu.app.main import main\n"
        f"code = main(['run', {str(office(tmp_path))!r}, '-c', 'ann ping 10.20.2.80 count 1'])\n"
        "heavy = {'networkx', 'scapy', 'prompt_toolkit', 'rich', 'PIL', 'asyncio'} & set(sys.modules)\n"
        "sys.exit(str(sorted(heavy)) if heavy else code)\n"
    )
    ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nsemu", "run", str(office(tmp_path)), *["-c", "gate get config"] * 40]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_start_up_file_is_unusable(nsemu: Command, tmp_path: Path) -> None:
    path = office(tmp_path)
    (tmp_path / "gate.cfg").chmod(stat.S_IWUSR)
    ran = nsemu.lines(path, ["help"])
    assert ran.code == 2
    assert "gate.cfg: Permission denied" in ran.err
