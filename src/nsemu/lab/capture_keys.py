"""The keys beside a capture: `NAME.keys`, a folder that Wireshark and tshark take as their configuration.

It holds their tables `ikev1_decryption_table` and `esp_sa`, the preferences that have these tables used, and a README
with the commands. The rows are text and come from the caller; nothing here knows an SA.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

IKE_TABLE: Final = "ikev1_decryption_table"
ESP_TABLE: Final = "esp_sa"
CONFIGURATION_VARIABLE: Final = "WIRESHARK_CONFIG_DIR"

# A packet that crosses two captured links is there twice, which is no mistake in its sequence numbers.
_PREFERENCES: Final = """\
# Decrypt with the tables beside this file, and check integrity.
esp.enable_encryption_decode: TRUE
esp.enable_authentication_check: TRUE
esp.do_esp_sequence_analysis: FALSE
"""

_README: Final = """\
Keys of the capture {capture}

This folder is a configuration folder of Wireshark and tshark, with the keys of the
{isakmp} IKE and {esp} IPsec security associations that the lab has had. From the folder
that holds the capture:

    {command}

    {command} -Y isakmp -O isakmp
    {command} -Y esp -O esp

The same variable before `wireshark` opens it in a window.

A message that crosses several captured links is in the file several times. Of an
encrypted IKE message only the first copy decrypts, as Wireshark chains the
initialisation vectors in the order of the file. To look at the link of one interface:

    tshark -r {quoted} -Y 'frame.interface_name in {{"NODE:INTERFACE", "OTHER:INTERFACE"}}' -w one.pcapng

and then use the first command with one.pcapng.
"""


@dataclass(frozen=True, slots=True)
class KeyRows:
    """Rows of Wireshark's tables as text, without line ends: one for each IKE SA and each (directed) ESP SA."""

    isakmp: tuple[str, ...] = ()
    esp: tuple[str, ...] = ()


def keys_folder(capture: Path) -> Path:
    """`x.pcapng` → `x.keys`, in the same folder."""
    return capture.with_suffix(".keys")


def tshark_command(capture: Path) -> str:
    """The command line, quoted for a POSIX shell, that prints the decrypted packets of the capture."""
    folder = shlex.quote(str(keys_folder(capture)))
    return f"{CONFIGURATION_VARIABLE}={folder} tshark -n -r {shlex.quote(str(capture))}"


def write_keys(capture: Path, rows: KeyRows) -> Path:
    """Write or renew the folder beside `capture`; returns it. Raises OSError."""
    folder = keys_folder(capture)
    folder.mkdir(exist_ok=True)
    _write(folder / IKE_TABLE, rows.isakmp)
    _write(folder / ESP_TABLE, rows.esp)
    (folder / "preferences").write_text(_PREFERENCES, encoding="utf-8")
    words = {
        "capture": capture.name,
        "quoted": shlex.quote(capture.name),
        "command": tshark_command(Path(capture.name)),
        "isakmp": len(rows.isakmp),
        "esp": len(rows.esp),
    }
    (folder / "README.txt").write_text(_README.format(**words), encoding="utf-8")
    return folder


def _write(path: Path, rows: Iterable[str]) -> None:
    path.write_text("".join(f"{row}\n" for row in dict.fromkeys(rows)), encoding="utf-8")
