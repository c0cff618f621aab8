"""A configuration of 10,000 lines: loading it (goal: under 2 s) and writing it."""

from __future__ import annotations

from figures import at_most, costs
from pytest_benchmark.fixture import BenchmarkFixture

from nsemu.cli.settings.configuration import configuration_text, load_configuration
from nsemu.config.device import DeviceConfig, factory_configuration
from nsemu.config.editor import Editor

LINES = (
    "set interface ethernet1 zone trust",
    "set interface ethernet1 ip 10.1.1.1/24",
    "set interface ethernet3 zone untrust",
    "set interface ethernet3 ip 1.1.1.1/24",
    *(f"set address trust a{n} 10.{n >> 8}.{n & 255}.0/24" for n in range(3000)),
    *(f"set policy id {n + 1} from trust to untrust a{n} any http permit log" for n in range(2000)),
    *(f"set route 10.{n >> 8}.{n & 255}.0/24 interface ethernet3 gateway 1.1.1.2" for n in range(2000)),
    *(f"set user u{n} password p{n}" for n in range(1000)),
    *(f"set pki authority {n} cert-path full" for n in range(1000)),
    *(f"set service s{n} protocol tcp src-port 0-65535 dst-port {n + 1}-{n + 1}" for n in range(996)),
)
TEXT = "\n".join(LINES)


def _load() -> DeviceConfig:
    editor = Editor(factory_configuration())
    assert load_configuration(TEXT, editor) == []
    return editor.finish()


def test_loading(benchmark: BenchmarkFixture) -> None:
    assert len(LINES) == 10_000
    benchmark.group = "10,000 lines"
    benchmark(_load)


def test_writing(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "10,000 lines"
    config = _load()
    benchmark(lambda: configuration_text(config))


def test_ten_thousand_lines_load_in_two_seconds() -> None:
    at_most("10,000 lines of configuration, seconds", costs({"": (_load, 1)})[""] / 1e6, 2.0)
