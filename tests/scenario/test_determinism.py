"""Charter §6: one topology, seed and script give byte-identical captures, key files, output and logs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HUB_AND_SPOKE = ROOT / "topologies" / "hub_spoke.yaml"


def run(folder: Path, seed: int, hash_seed: str) -> dict[str, bytes]:
    """All files that a run leaves, and its output, from a process with the given PYTHONHASHSEED."""
    folder.mkdir()
    command = [sys.executable, str(ROOT / "tests/support/lab_run.py"), str(HUB_AND_SPOKE), "lab.pcapng", str(seed)]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
    files = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    return {**files, "output": done.stdout}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A run with seed 7."""
    return run(tmp_path_factory.mktemp("determinism") / "first", 7, "0")


@pytest.mark.parametrize("hash_seed", ["1", "4294967295"])
def test_a_run_repeats_under_any_hash_seed(first: dict[str, bytes], tmp_path: Path, hash_seed: str) -> None:
    """The same octets, whatever order sets and dictionaries of objects take."""
    assert len(first["lab.pcapng"]) > 50_000
    assert "lab.keys/esp_sa" in first
    assert run(tmp_path / "again", 7, hash_seed) == first


def test_another_seed_gives_another_run(first: dict[str, bytes], tmp_path: Path) -> None:
    """Cookies, nonces, keys, SPIs and losses all come from the seed."""
    other = run(tmp_path / "other", 8, "0")
    assert other["lab.pcapng"] != first["lab.pcapng"]
    for name in ("lab.keys/esp_sa", "lab.keys/ikev1_decryption_table"):
        assert not set(other[name].splitlines()) & set(first[name].splitlines())
