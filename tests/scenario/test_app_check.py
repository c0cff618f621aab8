"""`nsemu check` and `nsemu graph`: they read files and run nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsemu.app.check import is_topology
from support.app import GATE, Command, office


@pytest.fixture
def nsemu(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(capsys, monkeypatch)


def test_good_files(nsemu: Command, tmp_path: Path) -> None:
    path = office(tmp_path)
    ran = nsemu("check", path, tmp_path / "gate.cfg")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"{path}: no errors\n{tmp_path / 'gate.cfg'}: no errors\n"


def test_all_errors_of_a_configuration_with_file_and_line(nsemu: Command, tmp_path: Path) -> None:
    path = tmp_path / "bad.cfg"
    path.write_text(
        "set hostname good\n\nset interface ethernet99 zone Trust\nset colour red\n# set nothing\nset policy id 1\n"
    )
    ran = nsemu("check", path)
    assert (ran.code, ran.out) == (2, "")
    assert [line.rsplit(":", 3)[1] for line in ran.err.splitlines() if line.startswith(str(path))] == ["3", "4", "6"]


def test_platform_of_a_bare_configuration(nsemu: Command, tmp_path: Path) -> None:
    path = tmp_path / "ssg.cfg"
    path.write_text("set interface ethernet0/0 ip 9.9.9.1/24\n")
    assert nsemu("check", path).code == 2
    assert nsemu("check", path, "--type", "ssg5").code == 0
    ran = nsemu("check", path, "--type", "ssg6")
    assert ran.code == 2
    assert "unknown platform 'ssg6'" in ran.err
    assert "did you mean 'ssg5'?" in ran.err


def test_topology_with_its_start_up_configurations(nsemu: Command, tmp_path: Path) -> None:
    path = office(tmp_path, config=GATE + "set bogus\n")
    text = path.read_text().replace("startup-config: gate.cfg}", 'startup-config: gate.cfg, config: ["set zone"]}')
    path.write_text(text)
    ran = nsemu("check", path)
    assert ran.code == 2
    assert f"{tmp_path / 'gate.cfg'}:7: " in ran.err
    assert "config of gate" in ran.err


def test_the_platform_of_the_node_counts(nsemu: Command, tmp_path: Path) -> None:
    path = office(tmp_path, config=GATE.replace("ethernet", "ethernet0/"))
    text = path.read_text().replace("kind: screenos", "kind: screenos, type: ssg140")
    path.write_text(text.replace("gate:ethernet", "gate:ethernet0/"))
    assert nsemu("check", path).code == 0


def test_all_errors_of_a_topology(nsemu: Command, tmp_path: Path) -> None:
    path = office(tmp_path)
    path.write_text(path.read_text().replace("gateway: 10.20.1.1", "gatway: 10.20.1.1").replace("5ms", "fast"))
    ran = nsemu("check", path)
    assert ran.code == 2
    assert "did you mean 'gateway'?" in ran.err
    assert "found 'fast'" in ran.err


def test_missing_files(nsemu: Command, tmp_path: Path) -> None:
    ran = nsemu("check", tmp_path / "a.cfg", tmp_path / "a.yaml", tmp_path / "a")
    assert ran.code == 2
    assert ran.err.count("cannot be read: No such file or directory") == 3


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("x.yaml", "set hostname x\n", True),
        ("x.cfg", "name: x\n", False),
        ("x", "# note\n\nSET hostname x\n", False),
        ("x.txt", "unset all\n", False),
        ("x.txt", "# note\nname: x\n", True),
        ("x", "", False),
    ],
)
def test_what_kind_of_file_it_is(tmp_path: Path, name: str, text: str, expected: bool) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert is_topology(path) is expected


def test_graph_in_words_has_zones_and_addresses(nsemu: Command, tmp_path: Path) -> None:
    ran = nsemu("graph", office(tmp_path))
    assert ran.code == 0
    assert "ethernet1 Trust 10.20.1.1/24" in ran.out
    assert "10.20.2.80/24" in ran.out
    plain = nsemu("graph", office(tmp_path), "--ascii")
    assert plain.out.isascii()
    assert "ethernet2 DMZ 10.20.2.1/24" in plain.out


@pytest.mark.parametrize("suffix", ["svg", "dot", "mmd"])
def test_graph_files_have_zones_and_addresses(nsemu: Command, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"office.{suffix}"
    ran = nsemu("graph", office(tmp_path), "-o", file)
    assert (ran.code, ran.out) == (0, f"{file} written\n")
    assert {"Trust", "DMZ"} <= {word for word in ("Trust", "DMZ", "Untrust") if word in file.read_text()}
    assert "10.20.2.1/24" in file.read_text()


def test_graph_as_png(nsemu: Command, tmp_path: Path) -> None:
    file = tmp_path / "office.png"
    assert nsemu("graph", office(tmp_path), "-o", file).code == 0
    assert file.read_bytes().startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize("name", ["office.gif", "office", "no/such/folder/office.svg"])
def test_graph_that_cannot_be_written(nsemu: Command, tmp_path: Path, name: str) -> None:
    ran = nsemu("graph", office(tmp_path), "-o", tmp_path / name)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("nsemu: cannot ")
    assert ran.err.count("\n") == 1


def test_graph_of_an_unusable_topology(nsemu: Command, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("name: [\n")
    assert nsemu("graph", path).code == 2
