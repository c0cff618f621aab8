"""nsemu: an emulator of ScreenOS security devices on a virtual network.

`from nsemu import Lab`, then `Lab.load("topologies/hub_spoke.yaml")["tokyo-pc"].ping("10.3.3.5", count=5).received`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nsemu.api import Lab, LabError, LabNode, LinkHandle, TopologyError

__all__ = ["Lab", "LabError", "LabNode", "LinkHandle", "TopologyError"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the API at first use: `nsemu --help` needs none of it."""
    if name in __all__:
        import nsemu.api

        return getattr(nsemu.api, name)
    raise AttributeError(f"module 'nsemu' has no attribute {name!r}")
