"""Completion scripts: every sub-command and option is in them, and bash takes them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from nsemu.app.completion import sub_commands
from nsemu.app.main import build_parser, main


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_sub_command_and_option_is_there(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = script(shell, capsys)
    for command in sub_commands(build_parser()):
        assert command.name in text
        for flag in command.flags:
            for name in flag.names:
                assert (name.lstrip("-") if shell == "fish" else name) in text


def test_an_unknown_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["completion", "csh"])
    assert leaving.value.code == 2
    assert "csh" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this machine")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("nsemu va", {"validate"}),
        ("nsemu trace lab.yaml pc --proto ''", {"icmp", "tcp", "udp"}),
        ("nsemu completion ''", {"bash", "zsh", "fish"}),
        ("nsemu run --fr", {"--fresh"}),
        ("nsemu run --seed ''", set()),
        ("nsemu graph off", {"office.yaml"}),
        ("nsemu run --state st", {"states"}),
    ],
)
def test_bash_completes(words: str, expected: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nsemu.bash").write_text(script("bash", capsys))
    (tmp_path / "office.yaml").write_text("")
    (tmp_path / "states").mkdir()
    ask = f"""
source nsemu.bash
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_nsemu
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    ran = subprocess.run(["bash", "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    assert set(ran.stdout.split()) == expected
