"""HTTP/1.1 messages as far as small servers need them (RFC 9110, RFC 9112): request heads, credentials, answers.

Knows no connection and no state. No Date field in answers, for there is no clock (RFC 9110 §6.6.1).
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

MAXIMUM_HEAD: Final = 16384
FORM: Final = "application/x-www-form-urlencoded"

REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
    501: "Not Implemented",
    505: "HTTP Version Not Supported",
}
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH"})
_REQUEST_LINE: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP/(\d)\.(\d)")
_FIELD: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")
_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")


class BadRequest(ValueError):
    """The request is not what HTTP allows; `status` is the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """The head of a request. Field names are in lower case; a repeated field is joined with commas."""

    method: str
    target: str
    version: tuple[int, int]
    fields: dict[str, str]

    @classmethod
    def parse(cls, head: str) -> HttpRequest:
        """The lines before the empty one. Raises BadRequest."""
        lines = [line.removesuffix("\r") for line in head.split("\n")]
        start = _REQUEST_LINE.fullmatch(lines[0])
        if start is None:
            raise BadRequest(400, "the request line is malformed")
        version = (int(start[3]), int(start[4]))
        if version[0] != 1:
            raise BadRequest(505, f"HTTP/{version[0]}.{version[1]} is not supported")
        fields: dict[str, str] = {}
        for line in lines[1:]:
            found = _FIELD.fullmatch(line)
            if found is None:
                raise BadRequest(400, "a header field is malformed")
            name = found[1].lower()
            fields[name] = f"{fields[name]}, {found[2]}" if name in fields else found[2]
        request = cls(start[1], start[2], version, fields)
        # RFC 9112 §3.2
        if version >= (1, 1) and "host" not in fields:
            raise BadRequest(400, "the Host field is missing")
        return request

    @property
    def keep_alive(self) -> bool:
        """Whether the connection goes on after the answer (RFC 9112 §9.3)."""
        options = {word.strip().lower() for word in self.fields.get("connection", "").split(",")}
        if self.version >= (1, 1):
            return "close" not in options
        return "keep-alive" in options

    @property
    def body_length(self) -> int:
        """Octets that follow the head. Raises BadRequest."""
        if "transfer-encoding" in self.fields:
            raise BadRequest(501, "transfer codings are not supported")
        text = self.fields.get("content-length", "0")
        if not re.fullmatch(r"[0-9]{1,12}", text):
            raise BadRequest(400, "Content-Length is no number")
        return int(text)

    @property
    def credentials(self) -> tuple[str, str] | None:
        """User and password of Basic authentication (RFC 7617 §2); None without, or when they are malformed."""
        scheme, _, token = self.fields.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, colon, password = b64decode(token.strip(), validate=True).decode("utf-8", "replace").partition(":")
        except ValueError:
            return None
        return (user, password) if colon else None


def split_head(data: bytes) -> tuple[str, int] | None:
    """The head of a message and where its body begins; None while it is not whole. Raises BadRequest."""
    found = _END_OF_HEAD.search(data[: MAXIMUM_HEAD + 4])
    if found is None:
        if len(data) > MAXIMUM_HEAD:
            raise BadRequest(431, "the header is too long")
        return None
    return data[: found.start()].decode("latin-1"), found.end()


def form_fields(body: bytes) -> dict[str, str]:
    """The fields of a form that was sent as FORM; of a repeated one the first. Malformed text has no fields."""
    try:
        found = parse_qs(body.decode("latin-1"), keep_blank_values=True, max_num_fields=32)
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items()}


def response(status: int, body: bytes, fields: Iterable[str] = (), *, content_type: str = "text/html") -> bytes:
    """An answer with its body; `fields` are whole lines."""
    head = [
        f"HTTP/1.1 {status} {REASONS[status]}",
        *fields,
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(head).encode("latin-1", "replace") + b"\r\n\r\n" + body
