"""Start-up configurations read without running anything, for `check` and `graph`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nsemu.cli.settings.configuration import load_configuration
from nsemu.config.device import DeviceConfig, factory_configuration
from nsemu.config.editor import Editor
from nsemu.config.platform import PLATFORMS
from nsemu.lab.topology.model import ScreenosSpec, Topology

if TYPE_CHECKING:
    from nsemu.lab.graph import InterfaceLabel


@dataclass(frozen=True, slots=True)
class Finding:
    """A line that would not be accepted."""

    file: str
    line: int
    text: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}: {self.text}"


def platform_interfaces() -> dict[str, tuple[str, ...]]:
    """The platforms a topology can name, with their interfaces."""
    return {name: platform.interfaces for name, platform in PLATFORMS.items()}


def read_configuration(path: Path, platform: str) -> tuple[DeviceConfig, list[Finding]]:
    """A file on a factory device: what it makes of it, and the lines that are not accepted. Raises OSError."""
    editor = Editor(factory_configuration(platform))
    findings = _load(editor, path.read_text(encoding="latin-1"), str(path))
    return editor.finish(), findings


def read_node(spec: ScreenosSpec, topology: Topology) -> tuple[DeviceConfig, list[Finding]]:
    """The same for a node of a topology: its file, then its inline lines. Raises OSError."""
    editor = Editor(factory_configuration(spec.platform))
    findings: list[Finding] = []
    if spec.startup_config is not None:
        text = spec.startup_config.read_text(encoding="latin-1")
        findings += _load(editor, text, str(spec.startup_config))
    if spec.config:
        findings += _load(editor, "\n".join(spec.config), f"{topology.path} (config of {spec.name}, line)")
    return editor.finish(), findings


def device_specs(topology: Topology) -> Iterator[ScreenosSpec]:
    """The devices of a topology."""
    return (spec for spec in topology.nodes.values() if isinstance(spec, ScreenosSpec))


def interface_labels(topology: Topology) -> dict[tuple[str, str], InterfaceLabel]:
    """(node, interface) → zone and address, from the start-up configurations. Raises OSError."""
    from nsemu.lab.graph import InterfaceLabel

    labels: dict[tuple[str, str], InterfaceLabel] = {}
    for spec in device_specs(topology):
        config, _ = read_node(spec, topology)
        for one in config.interfaces.values():
            zone = "" if one.zone == "Null" else one.zone
            labels[spec.name, one.name] = InterfaceLabel(zone, str(one.address) if one.address is not None else "")
    return labels


def _load(editor: Editor, text: str, file: str) -> list[Finding]:
    return [Finding(file, error.line, error.text, error.message) for error in load_configuration(text, editor)]
