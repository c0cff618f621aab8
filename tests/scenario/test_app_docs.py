"""What `docs/labs.md` says is so: its lab is right, its Python runs, its commands exist."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from nsemu.app.lab_shell.shell import _OWN, COMMANDS
from support.app import Command

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs" / "labs.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_the_topology_of_the_page_is_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "two_offices.yaml"
    path.write_text("".join(blocks("yaml")), encoding="utf-8")
    (tmp_path / "two_offices").mkdir()
    (tmp_path / "two_offices" / "oslo.cfg").write_text("set hostname oslo\n")
    ran = Command(capsys, monkeypatch)("check", path)
    assert (ran.code, ran.err) == (0, "")


def test_the_python_of_the_page_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "topologies", tmp_path / "topologies")
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("python")
    exec(compile(code, "docs/labs.md", "exec"), {})
    assert capsys.readouterr().out.endswith("delivered\n")


def test_the_page_has_every_command() -> None:
    for name in (*COMMANDS, *_OWN):
        assert f"`{name}" in TEXT


def test_the_page_has_every_lab() -> None:
    """Each topology has a row in the table of `docs/labs.md`, and each row a topology."""
    folder = ROOT / "topologies"
    labs = {str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.yaml")}
    table = TEXT.partition("## The labs of this project")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = {word for row in rows for word in re.findall(r"`([a-z0-9_/]+)`", row)}
    assert named == labs
