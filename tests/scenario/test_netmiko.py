"""netmiko, the real client, drives our devices by SSH and telnet as it drives ScreenOS (screenos-cli §5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.console_clients import Consoles, run, serving

netmiko = pytest.importorskip("netmiko", reason="netmiko is not installed")


def _screenos_over_telnet() -> Any:
    """netmiko has no telnet variant of its ScreenOS class; the only difference would be to ask for a prompt first."""
    from netmiko.juniper import JuniperScreenOsSSH

    class JuniperScreenOsTelnet(JuniperScreenOsSSH):
        def _try_session_preparation(self, force_data: bool = True) -> None:
            super()._try_session_preparation(force_data=force_data)

    return JuniperScreenOsTelnet


def _open(kind: str, consoles: Consoles) -> Any:
    ports = consoles.ports["gate"]
    access = {"host": "127.0.0.1", "username": "netscreen", "password": "netscreen", "conn_timeout": 60}
    if kind == "ssh":
        return netmiko.ConnectHandler(device_type="juniper_screenos", port=ports.ssh, **access)
    if kind == "generic":
        connection = netmiko.ConnectHandler(device_type="generic_telnet", port=ports.telnet, **access)
        connection.std_login()
        connection.set_base_prompt()
        return connection
    return _screenos_over_telnet()(device_type="juniper_screenos_telnet", port=ports.telnet, **access)


def _drive(kind: str, consoles: Consoles) -> None:
    connection = _open(kind, consoles)
    try:
        assert connection.find_prompt() == "ns208->"
        if kind == "generic":
            assert connection.disable_paging(command="set console page 0") is not None
        services = connection.send_command("get service", read_timeout=60)
        assert services.splitlines()[-1] == "Total number of user-defined services shown: 0"
        assert "--- more ---" not in services
        version = connection.send_command("get system version", read_timeout=60)
        assert version.startswith("Version: ")
        config = connection.send_command("get config", read_timeout=60)
        assert config.startswith("Total Config size")
        modes = {"enter_config_mode": False, "exit_config_mode": False} if kind == "generic" else {}
        lines = ['set address trust "lan" 10.1.1.0 255.255.255.0', "set address trust web 10.1.1.80/32"]
        sent = connection.send_config_set(lines, read_timeout=60, **modes)
        assert "^---" not in sent
        filtered = connection.send_command("get config | include 10.1.1.80", read_timeout=60)
        assert filtered == 'set address "Trust" "web" 10.1.1.80 255.255.255.255'
        ping = connection.send_command("ping 10.20.2.80", read_timeout=60)
        assert "Success Rate is 100 percent (5/5)" in ping
        assert "unknown keyword bogus" in connection.send_command("get bogus", read_timeout=60)
        saved = (
            connection.send_command("save config", read_timeout=60) if kind == "generic" else connection.save_config()
        )
        assert saved.endswith("Done")
    finally:
        connection.disconnect()


@pytest.mark.parametrize("kind", ["ssh", "telnet", "generic"])
def test_netmiko(tmp_path: Path, kind: str) -> None:
    async def test() -> None:
        async with serving(tmp_path) as consoles:
            await consoles.in_thread(_drive, kind, consoles)

    run(test())
    assert 'set address "Trust" "lan"' in (tmp_path / "state" / "office" / "gate.cfg").read_text()
