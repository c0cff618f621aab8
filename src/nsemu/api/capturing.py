"""The keys of all devices of a lab, as rows for tshark."""

from __future__ import annotations

from collections.abc import Iterable

from nsemu.device.device import Device
from nsemu.ipsec.keyexport import esp_row, ike_row
from nsemu.ipsec.sa import SaParameters
from nsemu.lab.capture_keys import KeyRows
from nsemu.lab.dialup.client import VpnClient


def key_rows(devices: Iterable[Device], clients: Iterable[VpnClient] = ()) -> KeyRows:
    """Every IKE and IPsec key the devices and the VPN clients have had, each once, in order."""
    isakmp: dict[str, None] = {}
    esp: dict[str, None] = {}
    phase1 = [*(device.ike.phase1_keys for device in devices), *(client.phase1_keys for client in clients)]
    inbound: list[list[SaParameters]] = [device.inbound_keys for device in devices]
    inbound += [client.inbound_keys for client in clients]
    for keys in phase1:
        for cookie, key in keys:
            isakmp[ike_row(cookie, key)] = None
    for rows in inbound:
        for parameters in rows:
            row = esp_row(parameters, outbound=False)
            if row is not None:
                esp[row] = None
    return KeyRows(tuple(isakmp), tuple(esp))
