"""Running the `nsemu` command in this process, and a small lab for it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from nsemu.app.main import main


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


class Command:
    """Calls `main`; the state folder of labs is beside their topology, so a test folder keeps it."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, *arguments: str | Path, stdin: str = "") -> Ran:
        """Run it with a standard input that is no terminal. argparse's own exits count as exit codes."""
        self._monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        self._capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 1
        printed = self._capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    def lines(self, topology: Path, lines: Sequence[str], *more: str) -> Ran:
        """`nsemu run` with these lines."""
        return self("run", topology, *(part for line in lines for part in ("-c", line)), *more)


GATE = """\
set interface ethernet1 zone Trust
set interface ethernet1 ip 10.20.1.1/24
set interface ethernet1 route
set interface ethernet2 zone DMZ
set interface ethernet2 ip 10.20.2.1/24
set policy id 7 from Trust to DMZ any any ping permit log
"""

OFFICE = """\
name: office
topology:
  nodes:
    gate: {kind: screenos, startup-config: gate.cfg}
    ann: {kind: host, address: 10.20.1.9/24, gateway: 10.20.1.1}
    www: {kind: host, address: 10.20.2.80/24, gateway: 10.20.2.1, services: [http]}
  links:
    - endpoints: ["ann:eth0", "gate:ethernet1"]
    - {endpoints: ["gate:ethernet2", "www:eth0"], delay: 5ms}
"""


def office(folder: Path, validate: str = "", config: str = GATE) -> Path:
    """A lab of one device between two hosts, without a tunnel; pings from `ann` to `www` pass, nothing else does."""
    (folder / "gate.cfg").write_text(config)
    path = folder / "office.yaml"
    path.write_text(OFFICE + (f"validate:\n{validate}" if validate else ""))
    return path
