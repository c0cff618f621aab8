"""`nsemu validate` and the engine behind it: outcomes, what is shown, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.api.validation import Outcome, validate
from nsemu.lab.network import LabError
from support.app import GATE, Command, office

GOOD = (
    "  reach: {description: www answers, node: ann, exec: ping 10.20.2.80 count 1, match: '1 received', pass: hooray}\n"
)
BAD = "  web: {node: ann, exec: ping 10.20.1.77 count 1, match: '[1-9] received', fail: nobody is there}\n"
ODD = "  tidy: {node: gate, exec: get arp, not-match: '10.20.1.9', level: warning, fail: remembers ann}\n"


@pytest.fixture
def nsemu(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(capsys, monkeypatch)


def outcomes(path: Path) -> dict[str, Outcome]:
    return {result.name: result.outcome for result in validate(Lab.load(path))}


def test_exit_codes_0_passed_1_failed_3_warnings(nsemu: Command, tmp_path: Path) -> None:
    for checks, code in ((GOOD, 0), (GOOD + ODD, 3), (GOOD + BAD + ODD, 1)):
        assert nsemu("validate", office(tmp_path, checks)).code == code


def test_what_is_shown(nsemu: Command, tmp_path: Path) -> None:
    ran = nsemu("validate", office(tmp_path, GOOD + BAD + ODD))
    assert "PASS  reach: www answers\n        hooray\n" in ran.out
    assert "FAIL  web\n        nobody is there\n        expected output that matches '[1-9] received'\n" in ran.out
    assert "ann> ping 10.20.1.77 count 1" in ran.out
    assert "| 1 packets transmitted, 0 received" in ran.out
    assert "WARN  tidy\n        remembers ann\n        expected output that does not match '10.20.1.9'\n" in ran.out
    assert "3 checks: 1 passed, 1 failed, 1 with a warning\n" in ran.out


def test_long_output_is_shortened(nsemu: Command, tmp_path: Path) -> None:
    checks = "  all: {node: gate, exec: get service, match: nothing of the kind}\n"
    ran = nsemu("validate", office(tmp_path, checks))
    assert "lines left out" in ran.out
    assert len(ran.out.splitlines()) < 35


def test_unusable(nsemu: Command, tmp_path: Path) -> None:
    without = nsemu("validate", office(tmp_path))
    assert (without.code, without.err) == (2, f"{tmp_path / 'office.yaml'}: no validate blocks\n")
    missing = nsemu("validate", tmp_path / "missing.yaml")
    assert missing.code == 2
    assert "cannot be read" in missing.err
    bad = nsemu("validate", office(tmp_path, "  x: {node: nobody, exec: help}\n"))
    assert (bad.code, bad.out) == (2, "")
    assert "validate.x.node" in bad.err


def test_several_files_the_worst_counts(nsemu: Command, tmp_path: Path) -> None:
    paths = []
    for name, checks in (("a", GOOD), ("b", BAD), ("c", "")):
        folder = tmp_path / name
        folder.mkdir()
        paths.append(office(folder, checks))
    assert nsemu("validate", *paths[:2]).code == 1
    ran = nsemu("validate", *paths)
    assert ran.code == 2
    assert "PASS" in ran.out
    assert "FAIL" in ran.out


def test_refused_start_up_lines_are_warnings(nsemu: Command, tmp_path: Path) -> None:
    ran = nsemu("validate", office(tmp_path, GOOD, GATE + "set colour red\n"))
    assert ran.code == 3
    assert "gate.cfg:7:" in ran.err


def test_json(nsemu: Command, tmp_path: Path) -> None:
    ran = nsemu("validate", office(tmp_path, GOOD + BAD), tmp_path / "missing.yaml", "--json")
    document = json.loads(ran.out)
    assert ran.code == document["code"] == 2
    first, second = document["files"]
    assert (first["name"], first["code"], first["errors"]) == ("office", 1, [])
    assert [check["outcome"] for check in first["checks"]] == ["pass", "fail"]
    assert "0 received" in first["checks"][1]["output"]
    assert first["checks"][1]["exec"] == ["ping 10.20.1.77 count 1"]
    assert second["name"] is None
    assert "cannot be read" in second["errors"][0]


def test_one_check_alone(nsemu: Command, tmp_path: Path) -> None:
    path = office(tmp_path, BAD + GOOD)
    assert nsemu("validate", path, "--only", "reach").code == 0
    ran = nsemu("validate", path, "--only", "raech")
    assert (ran.code, ran.err) == (2, "nsemu: no check 'raech'; did you mean 'reach'?\n")


def test_nothing_that_was_saved_is_used(nsemu: Command, tmp_path: Path) -> None:
    path = office(tmp_path, GOOD)
    assert nsemu.lines(path, ["gate unset policy 7", "save"]).code == 0
    assert "0 received" in nsemu.lines(path, ["ann ping 10.20.2.80 count 1"]).out
    assert nsemu("validate", path).code == 0


def test_checks_run_in_order_on_one_lab(tmp_path: Path) -> None:
    checks = """\
  before: {node: ann, exec: ping 10.20.2.80 count 1, match: '1 received'}
  close: {node: gate, exec: [unset policy 7, clear session]}
  after: {node: ann, exec: ping 10.20.2.80 count 1, match: '0 received'}
"""
    assert set(outcomes(office(tmp_path, checks)).values()) == {Outcome.PASS}


def test_waits_are_virtual_time_before_the_commands(tmp_path: Path) -> None:
    checks = """\
  long: {wait: 3h}
  then: {node: ann, exec: ping 10.20.2.80 count 1, match: '1 received', wait: 30}
"""
    results = validate(Lab.load(office(tmp_path, checks)))
    assert [result.outcome for result in results] == [Outcome.PASS, Outcome.PASS]
    assert results[0].at == 10_800.0
    assert 10_830.0 <= results[1].at < 10_840.0


def test_all_commands_are_looked_at_together(tmp_path: Path) -> None:
    checks = r"  both: {node: ann, exec: [address, route], match: '10\.20\.1\.9(.|\n)*default via'}" + "\n"
    assert outcomes(office(tmp_path, checks)) == {"both": Outcome.PASS}


@pytest.mark.parametrize("line", ["gett arp", "get arp 10.1.1.1 nonsense"])
def test_a_command_that_is_not_understood_never_passes_by_silence(tmp_path: Path, line: str) -> None:
    """A check that only forbids something must not pass because its command was mistyped."""
    checks = f"  silent: {{node: gate, exec: {line}, not-match: 'ethernet9'}}\n  none: {{node: gate, exec: {line}}}\n"
    checks += f"  asked: {{node: gate, exec: {line}, match: 'unknown keyword'}}\n"
    assert outcomes(office(tmp_path, checks)) == {
        "silent": Outcome.FAIL,
        "none": Outcome.FAIL,
        "asked": Outcome.PASS,
    }


def test_a_mistyped_host_command_fails_its_check(tmp_path: Path) -> None:
    results = validate(Lab.load(office(tmp_path, "  typo: {node: ann, exec: pnig 10.20.2.80, not-match: refused}\n")))
    assert results[0].outcome is Outcome.FAIL
    assert "did you mean 'ping'" in results[0].output
    assert results[0].expected == "the command to be accepted: pnig 10.20.2.80"


def test_a_command_that_is_declined_is_judged_by_what_it_said(tmp_path: Path) -> None:
    line = "unset zone Trust"
    checks = f"""\
  said: {{node: gate, exec: {line}, not-match: 'done'}}
  mute: {{node: gate, exec: {line}}}
"""
    assert outcomes(office(tmp_path, checks)) == {"said": Outcome.PASS, "mute": Outcome.FAIL}


def test_questions_get_their_default(tmp_path: Path) -> None:
    checks = "  no: {node: gate, exec: [set hostname omega, reset], match: 'are you sure. y/\\[n\\] n'}\n"
    checks += "  still: {node: gate, exec: get hostname, match: omega}\n"
    assert set(outcomes(office(tmp_path, checks)).values()) == {Outcome.PASS}


def test_api_runs_one_check_by_name(tmp_path: Path) -> None:
    lab = Lab.load(office(tmp_path, BAD + GOOD))
    assert [result.name for result in validate(lab, "reach")] == ["reach"]
    with pytest.raises(LabError, match="no check 'nothing'"):
        validate(lab, "nothing")
