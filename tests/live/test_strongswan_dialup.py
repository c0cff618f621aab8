"""strongSwan's charon as a dialup client of our device: aggressive mode, its own inner address, XAuth, Mode Config.

tokyo-pc 10.1.1.5 -- tokyo 1.1.1.1 -- internet -- 2.2.2.2 charon -- 10.2.2.1
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nsemu import Lab
from support.labs import events, type_lines
from support.live import Charon, answered, charon, missing_charon, namespace, until
from support.live_lab import device_of, live_lab

absent = missing_charon()
pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(absent), reason=absent or "-")]

GATEWAY = """
set user road ike-id u-fqdn road@example.org share-limit 5
set user joe password 1234
set user joe type xauth
set address trust lan 10.1.1.0/24
set ike gateway dial dialup road aggressive outgoing-interface ethernet3 preshare r04d proposal pre-g2-aes128-sha
{more}
set vpn dial gateway dial proposal g2-esp-aes128-sha
set policy id 101 top from untrust to trust "Dial-Up VPN" lan any tunnel vpn dial
set policy id 102 top from trust to untrust lan "Dial-Up VPN" any tunnel vpn dial
"""
CLIENT = """
connections {{ gw {{
  version = 1
  local_addrs = 2.2.2.2
  remote_addrs = 1.1.1.1
  aggressive = yes
  proposals = aes128-sha1-modp1024
  {options}
  local {{ auth = psk
    id = road@example.org }}
  {xauth}
  remote {{ auth = psk }}
  children {{ net {{
    {inner}
    remote_ts = 10.1.1.0/24
    esp_proposals = aes128-sha1-modp1024
  }} }}
}} }}
secrets {{
  ike-1 {{ secret = r04d }}
  xauth-joe {{ id = joe
    secret = {password} }}
}}
"""
XAUTH = "local-xauth { auth = xauth\n    xauth_id = joe }"
INNER = "local_ts = 10.2.2.1/32"


@contextmanager
def called(
    folder: Path, more: str = "", *, options: str = "", xauth: str = "", inner: str = INNER, password: str = "1234"
) -> Iterator[tuple[Lab, Charon]]:
    """The lab and charon, which has not called yet."""
    with (
        namespace("2.2.2.2/24", "10.2.2.1/24", "2.2.2.250") as space,
        live_lab(folder, space.outside, GATEWAY.format(more=more)) as lab,
        charon(folder, space, lab) as running,
    ):
        running.load(lab, CLIENT.format(options=options, xauth=xauth, inner=inner, password=password))
        yield lab, running


def dial(lab: Lab, running: Charon) -> str:
    """Have charon connect; what swanctl printed."""
    return running.swanctl(lab, "--initiate", "--child", "net", "--timeout", "8")


def connected(lab: Lab) -> bool:
    """Whether a client has a tunnel."""
    return any(tunnel.outbound is not None for tunnel in device_of(lab).database)


def told(lab: Lab, running: Charon) -> str:
    """Both logs, for failures."""
    return "\n".join([*events(lab, "tokyo"), running.log()])


def test_a_stranger_dials_in(tmp_path: Path) -> None:
    """B147, B233, B237, B240, B314: whatever inner address it has, and then from either end."""
    with called(tmp_path) as (lab, running):
        dial(lab, running)
        assert until(lab, lambda: connected(lab)), told(lab, running)
        assert running.pinged(lab, 3), told(lab, running)
        assert answered(lab, "tokyo-pc", "10.2.2.1", 3), told(lab, running)
        (client,) = device_of(lab).ike.engine.callers()
        assert client.identity == "road@example.org"
        running.swanctl(lab, "--terminate", "--ike", "gw", "--timeout", "5")
        assert until(lab, lambda: not device_of(lab).ike.engine.callers()), told(lab, running)


def test_keys_of_a_stranger_are_renewed(tmp_path: Path) -> None:
    with called(tmp_path) as (lab, running):
        dial(lab, running)
        assert until(lab, lambda: connected(lab)), told(lab, running)
        (client,) = device_of(lab).ike.engine.callers()
        tunnel = device_of(lab).database.tunnels[client.tunnels[0]]
        before = {sa.spi for sa in tunnel.outbound_sas}
        running.swanctl(lab, "--rekey", "--child", "net")
        assert until(lab, lambda: bool({sa.spi for sa in tunnel.outbound_sas} - before)), told(lab, running)
        assert running.pinged(lab, 3), told(lab, running)


@pytest.mark.parametrize("password", ["1234", "4321"])
def test_a_stranger_logs_in(password: str, tmp_path: Path) -> None:
    """B263, B264, B265."""
    more = "set ike gateway dial xauth"
    with called(tmp_path, more, xauth=XAUTH, password=password) as (lab, running):
        dial(lab, running)
        if password == "1234":
            assert until(lab, lambda: connected(lab)), told(lab, running)
            assert running.pinged(lab, 3), told(lab, running)
            assert any("XAuth login was passed" in text for text in events(lab, "tokyo"))
        else:
            refused = until(lab, lambda: any("XAuth login was refused" in text for text in events(lab, "tokyo")))
            assert refused, told(lab, running)
            assert not connected(lab)


@pytest.mark.parametrize("way", ["pull", "push"])
def test_a_stranger_is_given_an_address(way: str, tmp_path: Path) -> None:
    """Mode Config: asked for by the client, or told by us; the client then speaks from that address."""
    more = (
        "set ippool road 10.2.2.1 10.2.2.1\nset xauth default ippool road\nset xauth default dns1 10.1.1.53\n"
        "set ike gateway dial xauth"
    )
    options = f"vips = 0.0.0.0\n  pull = {'yes' if way == 'pull' else 'no'}"
    with called(tmp_path, more, options=options, xauth=XAUTH, inner="") as (lab, running):
        dial(lab, running)
        assert until(lab, lambda: connected(lab)), told(lab, running)
        assert "10.2.2.1" in running.swanctl(lab, "--list-sas"), told(lab, running)
        assert running.pinged(lab, 3), told(lab, running)


def test_a_stranger_with_another_key_is_refused(tmp_path: Path) -> None:
    with called(tmp_path) as (lab, running):
        type_lines(
            lab,
            "tokyo",
            "set ike gateway dial dialup road aggressive outgoing-interface ethernet3 preshare other "
            "proposal pre-g2-aes128-sha",
        )
        dial(lab, running)
        assert not connected(lab)
        assert device_of(lab).ike.engine.callers() == []
