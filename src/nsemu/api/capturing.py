"""The keys of all devices of a lab, as rows for tshark."""

from __future__ import annotations

from collections.abc import Iterable

from nsemu.device.device import Device
from nsemu.ipsec.keyexport import esp_row, ike_row
from nsemu.lab.capture_keys import KeyRows


def key_rows(devices: Iterable[Device]) -> KeyRows:
    """Every IKE and IPsec key the devices have had, each once, in order."""
    isakmp: dict[str, None] = {}
    esp: dict[str, None] = {}
    for device in devices:
        for cookie, key in device.ike.phase1_keys:
            isakmp[ike_row(cookie, key)] = None
        for parameters in device.inbound_keys:
            row = esp_row(parameters, outbound=False)
            if row is not None:
                esp[row] = None
    return KeyRows(tuple(isakmp), tuple(esp))
