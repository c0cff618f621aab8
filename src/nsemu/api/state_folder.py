"""The state folder of a lab: what each device has saved, one file a device.

A file is replaced as a whole: a crash at any moment leaves the old one or the new one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


class StateFolder:
    """`ROOT/LAB/NODE.cfg`. The folder comes into being at the first save."""

    def __init__(self, root: Path, lab: str) -> None:
        self._folder = root / lab

    def path(self, node: str) -> Path:
        """The file of a device."""
        return self._folder / f"{node}.cfg"

    def read(self, node: str) -> str | None:
        """What a device has saved, None if nothing."""
        path = self.path(node)
        return path.read_text(encoding="latin-1") if path.is_file() else None

    def writer(self, node: str) -> Callable[[str], None]:
        """A function that keeps a device's saved text."""

        def write(text: str) -> None:
            path = self.path(node)
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            with part.open("w", encoding="latin-1", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)

        return write
