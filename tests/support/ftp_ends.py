"""Both ends of an FTP control connection through a device, segment by segment, made and checked by scapy."""

from __future__ import annotations

from typing import Any

from scapy.layers.inet import IP, TCP
from scapy.packet import Packet as ScapyPacket
from scapy.packet import Raw

from support.nat_box import NatBox

CLIENT_ISN, SERVER_ISN = 0xFFFFFFF0, 5000


class End:
    """One end of a TCP connection: what it sends next and expects next."""

    def __init__(self, box: NatBox, interface: str, me: tuple[str, int], peer: tuple[str, int], isn: int) -> None:
        self.box, self.interface, self.me, self.peer = box, interface, me, peer
        self.next = isn
        self.expects = 0
        self.heard = b""

    def segment(self, flags: str, payload: bytes = b"", sequence: int | None = None, **fields: Any) -> ScapyPacket:
        """A segment as it would leave now."""
        number = self.next if sequence is None else sequence
        header = TCP(sport=self.me[1], dport=self.peer[1], flags=flags, seq=number & 0xFFFFFFFF, ack=self.expects)
        for name, value in fields.items():
            setattr(header, name, value)
        packet = IP(src=self.me[0], dst=self.peer[0]) / header
        return packet / Raw(payload) if payload else packet

    def send(self, flags: str, payload: bytes = b"", **fields: Any) -> list[IP]:
        """Send, and count what was sent."""
        packet = self.segment(flags, payload, **fields)
        self.next = (self.next + len(payload) + ("S" in flags) + ("F" in flags)) & 0xFFFFFFFF
        return [found for _, found in self.box.send(self.interface, packet)]

    def take(self, packet: IP) -> bytes:
        """Receive a segment in order; its text."""
        header = packet[TCP]
        text = bytes(header.payload)
        flags = str(header.flags)
        if "S" in flags:
            self.expects = (header.seq + 1) & 0xFFFFFFFF
        else:
            assert header.seq == self.expects, "sequence numbers have a gap"
            self.expects = (self.expects + len(text) + ("F" in flags)) & 0xFFFFFFFF
        self.heard += text
        return text


class Control:
    """A control connection that is established: `client` behind `inside`, `server` behind `outside`."""

    def __init__(
        self,
        box: NatBox,
        inside: str = "ethernet1",
        outside: str = "ethernet3",
        client: str = "10.1.1.6",
        server: str = "9.9.9.9",
        port: int = 21,
        **options: Any,
    ) -> None:
        self.box, self.inside, self.outside = box, inside, outside
        self.client = End(box, inside, (client, 3000), (server, port), CLIENT_ISN)
        (syn,) = self.client.send("S", **options)
        self.syn = syn
        self.server = End(box, outside, (syn.dst, syn[TCP].dport), (syn.src, syn[TCP].sport), SERVER_ISN)
        self.server.take(syn)
        (answer,) = self.server.send("SA", **options)
        self.answer = answer
        self.client.take(answer)
        (ack,) = self.client.send("A")
        self.server.take(ack)

    def say(self, text: bytes) -> bytes:
        """The client says something; what the server hears."""
        return self._pass(self.client, self.server, text)

    def reply(self, text: bytes) -> bytes:
        """The server says something; what the client hears."""
        return self._pass(self.server, self.client, text)

    def _pass(self, sender: End, receiver: End, text: bytes) -> bytes:
        (found,) = sender.send("PA", text)
        heard = receiver.take(found)
        assert found[TCP].ack == receiver.next, "the acknowledgment is in the receiver's numbers"
        (ack,) = receiver.send("A")
        assert ack[TCP].ack == sender.next, "and back in the sender's"
        return heard
