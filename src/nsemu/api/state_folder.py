"""The state folder of a lab: what each device has saved, one file a device.

A file is replaced as a whole: a crash at any moment leaves the old one or the new one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

SAVED: Final = ".cfg"
GOOD: Final = ".good.cfg"
"""The endings of the saved and of the last-known-good configuration."""


class StateFolder:
    """`ROOT/LAB/NODE.cfg`. The folder comes into being at the first save."""

    def __init__(self, root: Path, lab: str) -> None:
        self._folder = root / lab

    def path(self, node: str, kind: str = SAVED) -> Path:
        """The file of a device."""
        return self._folder / f"{node}{kind}"

    def read(self, node: str, kind: str = SAVED) -> str | None:
        """What a device has saved, None if nothing."""
        path = self.path(node, kind)
        return path.read_text(encoding="latin-1") if path.is_file() else None

    def writer(self, node: str, kind: str = SAVED) -> Callable[[str], None]:
        """A function that keeps a text of a device. Raises OSError; the old text is whole then."""

        def write(text: str) -> None:
            path = self.path(node, kind)
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"{path.name}.part")
            with part.open("w", encoding="latin-1", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)

        return write
