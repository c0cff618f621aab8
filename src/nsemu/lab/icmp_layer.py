"""ICMP of a host or router: answers echoes, sends errors where the rules allow, hands errors to whom they concern.

RFC 792; RFC 1122 §3.2.2; RFC 1812 §4.3. Redirects and source quenches are not acted upon.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nsemu.lab.ip_interface import IpInterface
from nsemu.runtime.ip import IcmpError
from nsemu.runtime.trace import Delivered, Lost, Note, PacketTrace
from nsemu.wire import icmp
from nsemu.wire.address import format_ipv4
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import PROTOCOL_ICMP, Ipv4Packet
from nsemu.wire.summary import icmp_name

if TYPE_CHECKING:
    from nsemu.lab.ip_stack import IpStack

ERROR_TOS: Final = 0xC0
"""RFC 1812 §4.3.2.5: errors have precedence 6."""


@dataclass(frozen=True, slots=True)
class EchoReply:
    """An answer to an echo request of this node."""

    source: int
    identifier: int
    sequence: int
    payload: bytes
    ttl: int
    trace: PacketTrace | None


IcmpErrorHandler = Callable[[IcmpError], None]
EchoHandler = Callable[[EchoReply], None]


@dataclass(frozen=True, slots=True)
class EchoUser:
    """Who asked for echoes under an identifier."""

    on_reply: EchoHandler
    on_error: IcmpErrorHandler


class IcmpLayer:
    """`error_handlers` maps an IP protocol to who wants to know of errors about its packets."""

    def __init__(self, stack: IpStack) -> None:
        self._stack = stack
        self._echo_users: dict[int, EchoUser] = {}
        self._next_identifier = stack.stream.integer(1, 0xFFFF)
        self.error_handlers: dict[int, IcmpErrorHandler] = {PROTOCOL_ICMP: self._error_about_icmp}

    def open_echo(self, on_reply: EchoHandler, on_error: IcmpErrorHandler) -> int:
        """Reserve an echo identifier; its replies and errors go to the handlers until `close_echo`."""
        while self._next_identifier in self._echo_users:
            self._next_identifier = self._next_identifier % 0xFFFF + 1
        identifier = self._next_identifier
        self._next_identifier = identifier % 0xFFFF + 1
        self._echo_users[identifier] = EchoUser(on_reply, on_error)
        return identifier

    def close_echo(self, identifier: int) -> None:
        """Give an identifier back."""
        self._echo_users.pop(identifier, None)

    def receive(self, packet: Ipv4Packet, payload: bytes, _interface: IpInterface, trace: PacketTrace | None) -> None:
        """A message for this node."""
        try:
            message = icmp.IcmpMessage.parse(payload)
            if message.is_error:
                self._receive_error(message, packet, trace)
            elif message.type == icmp.ECHO_REQUEST:
                self._answer_echo(message, packet, trace)
            elif message.type == icmp.ECHO_REPLY:
                self._receive_reply(message, packet, trace)
            else:
                self._ignore("ICMP not handled", f"ICMP {icmp_name(message.type, message.code)} is ignored", trace)
        except MalformedPacket as error:
            self._ignore("malformed", str(error), trace)

    def send_unreachable(self, code: int, packet: Ipv4Packet, trace: PacketTrace | None) -> None:
        """Tell the sender of `packet` that it could not be delivered, if that is allowed."""
        self.send_error(icmp.destination_unreachable(code, packet.build()), trace)

    def send_error(self, message: icmp.IcmpMessage, trace: PacketTrace | None) -> None:
        """Send an error to the source of the packet it quotes, unless RFC 1122 §3.2.2 forbids."""
        offending = Ipv4Packet.parse_quote(message.payload)
        if not icmp.may_be_answered_with_error(offending) or self._stack.is_broadcast(offending.destination):
            return
        source = offending.destination if self._stack.is_local(offending.destination) else None
        if trace is not None:
            trace.turn_around()
        self._stack.counters["ICMP errors sent"] += 1
        self._stack.send(offending.source, PROTOCOL_ICMP, message.build(), source=source, tos=ERROR_TOS, trace=trace)

    def dispatch_error(self, message: icmp.IcmpMessage, reporter: int, trace: PacketTrace | None) -> None:
        """Hand an error to whom the quoted packet belongs. Raises MalformedPacket when the quote is bad."""
        offending = Ipv4Packet.parse_quote(message.payload)
        handler = self.error_handlers.get(offending.protocol)
        if handler is not None:
            handler(IcmpError(reporter, message, offending, trace))

    def _ignore(self, counter: str, reason: str, trace: PacketTrace | None) -> None:
        self._stack.counters[counter] += 1
        if trace is not None:
            trace.add(Lost(reason))

    def _answer_echo(self, message: icmp.IcmpMessage, packet: Ipv4Packet, trace: PacketTrace | None) -> None:
        if self._stack.is_broadcast(packet.destination):
            # RFC 1122 §3.2.2.6: an echo request to a broadcast address may be discarded.
            self._ignore("broadcast echoes", "echo requests to a broadcast address are not answered", trace)
            return
        if trace is not None:
            trace.add(Delivered(f"echo request {message.sequence} answered"))
            trace.turn_around()
        reply = icmp.echo_reply(message.identifier, message.sequence, message.payload)
        self._stack.send(
            packet.source, PROTOCOL_ICMP, reply.build(), source=packet.destination, tos=packet.tos, trace=trace
        )

    def _receive_reply(self, message: icmp.IcmpMessage, packet: Ipv4Packet, trace: PacketTrace | None) -> None:
        user = self._echo_users.get(message.identifier)
        if user is None:
            self._ignore("unexpected echo replies", f"nobody asked for echo reply {message.identifier}", trace)
            return
        if trace is not None:
            trace.add(Delivered(f"echo reply {message.sequence} from {format_ipv4(packet.source)}"))
        user.on_reply(
            EchoReply(packet.source, message.identifier, message.sequence, message.payload, packet.ttl, trace)
        )

    def _receive_error(self, message: icmp.IcmpMessage, packet: Ipv4Packet, trace: PacketTrace | None) -> None:
        offending = Ipv4Packet.parse_quote(message.payload)
        if not self._stack.is_local(offending.source):
            self._ignore("ICMP errors for others", f"error quotes a packet of {format_ipv4(offending.source)}", trace)
            return
        if trace is not None:
            name = icmp_name(message.type, message.code)
            trace.add(Delivered(f"{name} from {format_ipv4(packet.source)}"))
        if (message.type, message.code) == (icmp.DESTINATION_UNREACHABLE, icmp.FRAGMENTATION_NEEDED):
            self._learn_path_mtu(message, offending, trace)
        self.dispatch_error(message, packet.source, trace)

    def _learn_path_mtu(self, message: icmp.IcmpMessage, offending: Ipv4Packet, trace: PacketTrace | None) -> None:
        length = int.from_bytes(message.payload[2:4], "big")
        stack = self._stack
        stack.path_mtu.learn(offending.destination, message.next_hop_mtu, length, stack.scheduler.now)
        if trace is not None:
            mtu = stack.path_mtu.lookup(offending.destination, stack.scheduler.now)
            trace.add(Note(f"path MTU to {format_ipv4(offending.destination)} is {mtu}"))

    def _error_about_icmp(self, error: IcmpError) -> None:
        quoted = icmp.IcmpMessage.parse_quote(error.offending.payload)
        user = self._echo_users.get(quoted.identifier) if quoted.type == icmp.ECHO_REQUEST else None
        if user is not None:
            user.on_error(error)
