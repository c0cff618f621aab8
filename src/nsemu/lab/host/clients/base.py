"""What all clients have in common: an end, a failure, signs of life; and a dialogue of commands and replies."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from nsemu.runtime.tcp.channel import Channel, Conversation, LineConversation
from nsemu.runtime.tcp.states import TcpFailure


class ClientState:
    """How far a client is. `activity` changes whenever something came from the peer."""

    __slots__ = ("activity", "connected", "done", "failure")

    def __init__(self) -> None:
        self.connected = False
        self.done = False
        self.failure: TcpFailure | None = None
        self.activity = 0


class Client(Conversation):
    """A conversation that begins with us and has a result."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(channel)
        self.state = ClientState()

    def connected(self) -> None:
        """The server accepted."""
        self.state.connected = True

    def received(self, data: bytes) -> None:
        """Data of the server."""
        self.state.activity += len(data)

    def closed(self, failure: TcpFailure | None) -> None:
        """The end, orderly or not."""
        self.state.failure = failure
        self.state.done = True

    def progress(self) -> int:
        """A number that grows as long as anything moves."""
        return self.state.activity + self.channel.acknowledged

    def waits_for(self) -> str:
        """What is missing, when that is not the answer of the server itself; for the message after a time-out."""
        return ""


@dataclass(frozen=True, slots=True)
class Step:
    """One exchange: what to send (None: only wait), the beginnings of a good reply, what to do with it.

    `multiline` tells that a good reply goes on to a line with a dot (POP3).
    """

    send: str | Callable[[], str] | None
    accept: tuple[str, ...]
    then: Callable[[list[str]], None] | None = None
    multiline: bool = False
    secret: bool = False


class Dialogue(Client, LineConversation):
    """Works off a list of steps, and keeps a transcript. A reply that is not good ends it with `error`."""

    def __init__(self, channel: Channel, steps: Iterable[Step] = ()) -> None:
        super().__init__(channel)
        self._steps = list(steps)
        self._reply: list[str] = []
        self._sent = ""
        self.transcript: list[str] = []
        self.error = ""
        self.complete = False

    def received(self, data: bytes) -> None:
        """Lines of reply."""
        self.state.activity += len(data)
        LineConversation.received(self, data)

    def line(self, text: str) -> None:
        """A line of a reply; when it is whole, the next step."""
        if not self._steps:
            return
        step = self._steps[0]
        self._reply.append(text)
        if not self._is_whole(step):
            return
        reply, self._reply = self._reply, []
        self.transcript.extend(reply)
        if not reply[0].startswith(step.accept):
            self.fail(reply[-1])
            return
        del self._steps[0]
        if step.then is not None:
            step.then(reply)
        self.go_on()

    def go_on(self) -> None:
        """Send the next command, unless the last was answered or something is waited for."""
        if self.error:
            return
        if not self._steps:
            self.complete = True
            self.channel.close()
            return
        step = self._steps[0]
        if self.may_go_on() and step.send is not None:
            command = step.send() if callable(step.send) else step.send
            shown = f"{command.partition(' ')[0]} ****" if step.secret else command
            self.transcript.extend(f"> {line}" for line in shown.split("\r\n"))
            self.say(command)

    def may_go_on(self) -> bool:
        """Whether nothing outside the dialogue must happen first."""
        return True

    def fail(self, error: str) -> None:
        """Give up, politely."""
        if not self.error:
            self.error = error
            self.say("QUIT")
            self.channel.close()

    def _is_whole(self, step: Step) -> bool:
        """Whether the lines so far are a reply: RFC 959 §4.2 and RFC 5321 §4.2.1, or POP3's."""
        first, last = self._reply[0], self._reply[-1]
        if first[:1] in {"+", "-"}:
            return not (step.multiline and first[:1] == "+") or (last == "." and len(self._reply) > 1)
        return last[:3] == first[:3] and last[3:4] != "-"
