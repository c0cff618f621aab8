"""Floor 8: the Python API: a lab with its consoles, captures, traces and checks."""

from nsemu.api.lab import Lab
from nsemu.api.node import LabNode, LinkHandle
from nsemu.lab.network import LabError
from nsemu.lab.topology.errors import TopologyError

__all__ = ["Lab", "LabError", "LabNode", "LinkHandle", "TopologyError"]
