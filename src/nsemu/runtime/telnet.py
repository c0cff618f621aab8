"""The telnet protocol below the text: commands and option negotiation (RFC 854, RFC 1143), for both sides."""

from __future__ import annotations

from typing import Final

IAC: Final = 255
DONT: Final = 254
DO: Final = 253
WONT: Final = 252
WILL: Final = 251
SB: Final = 250
SE: Final = 240
BREAK: Final = 243
INTERRUPT: Final = 244

ECHO: Final = 1
SUPPRESS_GO_AHEAD: Final = 3

CTRL_C: Final = 3
_LONGEST_COMMAND: Final = 4096


def command(verb: int, option: int) -> bytes:
    """IAC verb option."""
    return bytes([IAC, verb, option])


def escape(data: bytes) -> bytes:
    """Text → as sent: the octet 255 is doubled."""
    return data.replace(b"\xff", b"\xff\xff")


class TelnetDecoder:
    """Takes the commands out of the stream and answers them.

    `willing` are the options we would perform, `wanted` those the peer may; `offered` those of ours that we have sent
    WILL for, and `asked` those of the peer that we have sent DO for, so the peer's agreement is not answered again.
    """

    __slots__ = ("_offered", "_pending", "_wanted", "_willing", "enabled", "peer_enabled")

    def __init__(
        self, willing: frozenset[int], wanted: frozenset[int], *, offered: frozenset[int] = frozenset()
    ) -> None:
        self._willing = willing
        self._wanted = wanted
        self._offered = set(offered)
        self._pending = bytearray()
        self.enabled: set[int] = set()
        self.peer_enabled: set[int] = set()

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Octets as received → (text, what to send in answer). An unfinished command waits for its rest.

        Interrupt Process and Break come out as ctrl-C.
        """
        self._pending += data
        stream, text, answers = self._pending, bytearray(), bytearray()
        at = 0
        while at < len(stream):
            if stream[at] != IAC:
                end = stream.find(IAC, at)
                end = len(stream) if end < 0 else end
                text += stream[at:end]
                at = end
                continue
            size = _command_size(stream, at)
            if size is None:
                break
            if stream[at + 1] == IAC:
                text.append(IAC)
            elif stream[at + 1] in {INTERRUPT, BREAK}:
                text.append(CTRL_C)
            elif stream[at + 1] in {WILL, WONT, DO, DONT}:
                answers += self._negotiate(stream[at + 1], stream[at + 2])
            at += size
        del stream[:at]
        if len(stream) > _LONGEST_COMMAND:
            stream.clear()  # a subnegotiation without end
        return bytes(text), bytes(answers)

    def _negotiate(self, verb: int, option: int) -> bytes:
        """RFC 1143: only a change of state is answered, so there is no loop."""
        ours = verb in {DO, DONT}
        state = self.enabled if ours else self.peer_enabled
        if verb in {DO, WILL}:
            if option in state:
                return b""
            if option not in (self._willing if ours else self._wanted):
                return command(WONT if ours else DONT, option)
            state.add(option)
            if ours and option in self._offered:
                self._offered.discard(option)
                return b""
            return command(WILL if ours else DO, option)
        if ours:
            self._offered.discard(option)
        if option not in state:
            return b""
        state.discard(option)
        return command(WONT if ours else DONT, option)


def _command_size(stream: bytearray, at: int) -> int | None:
    """Octets of the command at `at`, or None when some are to come."""
    left = len(stream) - at
    if left < 2:
        return None
    verb = stream[at + 1]
    if verb == SB:
        end = stream.find(bytes([IAC, SE]), at + 2)
        return None if end < 0 else end + 2 - at
    size = 3 if verb in {WILL, WONT, DO, DONT} else 2
    return size if left >= size else None
