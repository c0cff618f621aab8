"""Mail clients: SMTP to send (RFC 5321), POP3 to fetch (RFC 1939)."""

from __future__ import annotations

from collections.abc import Sequence

from nsemu.lab.host.clients.base import Dialogue, Step
from nsemu.runtime.tcp.channel import Channel


class SmtpClient(Dialogue):
    """Sends one message to one recipient or more."""

    def __init__(
        self, channel: Channel, host: str, sender: str, recipients: Sequence[str], message: Sequence[str]
    ) -> None:
        # RFC 5321 §4.5.2: a dot at the beginning of a line is doubled.
        text = "\r\n".join([f".{line}" if line.startswith(".") else line for line in message] + ["."])
        super().__init__(
            channel,
            [
                Step(None, ("220",)),
                Step(f"EHLO {host}", ("250",)),
                Step(f"MAIL FROM:<{sender}>", ("250",)),
                *(Step(f"RCPT TO:<{recipient}>", ("250", "251")) for recipient in recipients),
                Step("DATA", ("354",)),
                Step(text, ("250",)),
                Step("QUIT", ("221",)),
            ],
        )


class Pop3Client(Dialogue):
    """Logs in and gives one command; `answer` is the reply to it, without the line with the dot."""

    def __init__(self, channel: Channel, user: str, password: str, command: str) -> None:
        super().__init__(
            channel,
            [
                Step(None, ("+OK",)),
                Step(f"USER {user}", ("+OK",)),
                Step(f"PASS {password}", ("+OK",), secret=True),
                Step(command, ("+OK",), self._take, multiline=command == "LIST" or command.startswith("RETR")),
                Step("QUIT", ("+OK",)),
            ],
        )
        self.answer: list[str] = []

    def _take(self, reply: list[str]) -> None:
        lines = reply[:-1] if reply[-1] == "." else reply
        self.answer = [line.removeprefix(".") if line.startswith("..") else line for line in lines]
