"""Topology files: what they may say (`schema`), reading them (`load`), what comes out (`model`), what can be wrong."""

from nsemu.lab.topology.errors import Problem, TopologyError
from nsemu.lab.topology.load import load, parse
from nsemu.lab.topology.model import (
    Endpoint,
    HostSpec,
    LinkSpec,
    NodeSpec,
    RouterSpec,
    RouteSpec,
    ScreenosSpec,
    ServiceSpec,
    SwitchSpec,
    Topology,
    ValidationSpec,
)

__all__ = [
    "Endpoint",
    "HostSpec",
    "LinkSpec",
    "NodeSpec",
    "Problem",
    "RouteSpec",
    "RouterSpec",
    "ScreenosSpec",
    "ServiceSpec",
    "SwitchSpec",
    "Topology",
    "TopologyError",
    "ValidationSpec",
    "load",
    "parse",
]
