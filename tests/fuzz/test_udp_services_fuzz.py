"""The DNS and DHCP services of a host, and the clients of a device, under any octets."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.lab.host.host import Host
from nsemu.lab.host.services.dhcp import DhcpPool
from nsemu.lab.host.services.dns import DnsZone, answer
from nsemu.lab.host.services.registry import ServiceSpec
from nsemu.lab.udp_layer import UdpReceived
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import Scheduler
from nsemu.wire.address import Prefix
from nsemu.wire.dhcp import REQUEST, DhcpMessage, DhcpOption
from nsemu.wire.dns import FORMAT_ERROR, NAME_ERROR, DnsMessage, DnsQuestion
from nsemu.wire.ipv4 import Ipv4Packet
from nsemu.wire.udp import UdpDatagram
from support.box import Box

CLIENT = "set interface ethernet3 zone untrust\nset interface ethernet3 dhcp client\n"
kinds = st.integers(0, 9).map(lambda kind: bytes((kind,)))
options = st.dictionaries(
    st.sampled_from([int(option) for option in DhcpOption]), st.binary(max_size=8), max_size=6
)  # fmt: skip


def server() -> tuple[Host, DhcpPool]:
    """A host that serves addresses."""
    host = Host("server", Scheduler(), Entropy(1), Prefix.parse("2.2.2.5/24"))
    host.store.pool = DhcpPool(0x02020214, 0x0202021D)
    host.start_service(ServiceSpec.parse("dhcp"))
    return host, host.store.pool


@given(st.binary(max_size=80))
@settings(deadline=None, max_examples=200)
def test_dns_service(payload: bytes) -> None:
    """Every response is a well-formed message to the same question, or there is none."""
    response = answer(DnsZone({"a.b": (1,)}), payload)
    if response is not None:
        assert DnsMessage.parse(response).identifier == int.from_bytes(payload[:2], "big")


def test_dns_service_refuses() -> None:
    """Unknown names, damaged questions, responses."""
    zone = DnsZone({"a.b": (1,)})
    unknown = answer(zone, DnsMessage(1, questions=(DnsQuestion("c"),)).build())
    damaged = answer(zone, DnsMessage(2, questions=(DnsQuestion("a.b"),)).build()[:-3])
    assert unknown is not None
    assert damaged is not None
    assert DnsMessage.parse(unknown).code == NAME_ERROR
    assert DnsMessage.parse(damaged).code == FORMAT_ERROR
    assert answer(zone, DnsMessage(3, response=True).build()) is None


@given(
    st.lists(st.tuples(kinds, options, st.integers(0, 2**32 - 1), st.booleans()), max_size=6),
    st.binary(max_size=300),
)
@settings(deadline=None, max_examples=100)
def test_dhcp_service(messages: list[tuple[bytes, dict[int, bytes], int, bool]], junk: bytes) -> None:
    """No address is ever lent twice, whatever clients say."""
    host, pool = server()
    receive = host.services[0].socket
    assert receive is not None
    payloads = [junk]
    for number, (kind, more, client, broadcast) in enumerate(messages):
        hardware = b"\x02abcd" + bytes((number % 3,))
        own = {**more, DhcpOption.MESSAGE_TYPE: kind}
        message = DhcpMessage(REQUEST, 7, hardware, own, client, broadcast=broadcast)
        payloads.append(message.build())
    for payload in payloads:
        receive.on_datagram(UdpReceived(0, 68, 0xFFFFFFFF, 67, payload, 64, host.interface, None))
    lent = [lease.address for lease in pool.leases.values() if lease.expires > host.scheduler.now]
    assert len(lent) == len(set(lent))


@given(st.lists(st.tuples(kinds, options, st.integers(0, 2**32 - 1)), max_size=5), st.binary(max_size=400))
@settings(deadline=None, max_examples=60)
def test_dhcp_client(messages: list[tuple[bytes, dict[int, bytes], int]], junk: bytes) -> None:
    """A client takes no address that cannot be one, and survives the rest."""
    box = Box(CLIENT)
    box.scheduler.run_for(10**9)
    client = box.device.dhcp.clients["ethernet3"]
    mac = box.device.interfaces.items["ethernet3"].mac
    for kind, more, yours in messages:
        message = DhcpMessage(2, client.transaction, mac, {**more, DhcpOption.MESSAGE_TYPE: kind}, yours=yours)
        box.device.receive("ethernet3", frame(mac, message.build()))
        box.scheduler.run_for(10**9)
    box.device.receive("ethernet3", frame(mac, junk))
    address = box.device.interfaces.items["ethernet3"].address
    assert address < 0xE0000000


def frame(mac: bytes, payload: bytes) -> bytes:
    """A DHCP answer to everybody."""
    datagram = UdpDatagram(67, 68, payload).build(0x02020205, 0xFFFFFFFF)
    return b"\xff" * 6 + mac[:5] + b"\x99" + b"\x08\x00" + Ipv4Packet(0x02020205, 0xFFFFFFFF, 17, datagram).build()
