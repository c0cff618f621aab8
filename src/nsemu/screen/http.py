"""Checks of HTTP, whose text may be spread over segments: URLs of requests, components in answers.

A direction of a connection is read in the order of its octets, however it is cut; what comes again under the same
numbers is looked at by itself as well, so nobody hides one text behind another. Memory is bounded: the directions used
last are kept, and of each the beginning of one message.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from nsemu.config.screen import COMPONENTS, MaliciousUrl, ScreenOption
from nsemu.screen.attack import Attack
from nsemu.screen.facts import FIN, RST, ScreenedPacket
from nsemu.sim.scheduler import Instant

HTTP: Final = 80
CODE_RED: Final = MaliciousUrl("code-red", "GET /default.ida?", 200)

_DIRECTIONS: Final = 4096
_LONGEST_HEAD: Final = 16_384
_AHEAD: Final = 32
_MASK: Final = 0xFFFFFFFF
_HALF: Final = 0x80000000
_METHODS: Final = (b"get ", b"head ", b"post ")
_BLANK_LINE: Final = b"\r\n\r\n"


class Reader(Protocol):
    """Reads one direction of one connection."""

    def read(self, text: bytes) -> Attack | None:
        """Take what follows."""


class _Direction:
    """One direction: the number awaited, what came ahead of it, and from where on it is refused."""

    __slots__ = ("ahead", "expected", "reader", "refused_from")

    def __init__(self, reader: Reader, expected: int) -> None:
        self.reader = reader
        self.expected = expected
        self.ahead: dict[int, bytes] = {}
        self.refused_from: tuple[int, Attack] | None = None

    def take(self, sequence: int, text: bytes) -> Attack | None:
        """Read what a segment completes."""
        if len(self.ahead) >= _AHEAD:  # a gap that nobody fills: go on behind it
            self.expected = sequence
            self.ahead.clear()
        self.ahead[sequence] = max(text, self.ahead.get(sequence, b""), key=len)
        found: Attack | None = None
        while found is None and (part := self._next()) is not None:
            found = self.reader.read(part)
        if found is not None:
            self.refused_from = (sequence, found)
        return found

    def _next(self) -> bytes | None:
        for sequence in list(self.ahead):
            known = ((self.expected - sequence + _HALF) & _MASK) - _HALF
            if known < 0:
                continue
            text = self.ahead.pop(sequence)[known:]
            if text:
                self.expected = (self.expected + len(text)) & _MASK
                return text
        return None


class HttpCheck:
    """Looks at what goes to the servers of HTTP (`requests`), or at what comes from them.

    With `alarm_only` what was found counts once; else all that follows it on its connection is refused as well.
    """

    __slots__ = ("_alarm_only", "_directions", "_make", "_requests")

    def __init__(self, make: Callable[[], Reader], *, requests: bool, alarm_only: bool) -> None:
        self._make = make
        self._requests = requests
        self._alarm_only = alarm_only
        self._directions: OrderedDict[bytes, _Direction] = OrderedDict()

    def __call__(self, packet: ScreenedPacket, _now: Instant) -> Attack | None:
        """One TCP segment with ACK and without SYN."""
        if (packet.destination_port if self._requests else packet.source_port) != HTTP:
            return None
        data, at = packet.data, packet.header_length
        sequence = int.from_bytes(data[at + 4 : at + 8], "big")
        text = data[at + (data[at + 12] >> 4) * 4 :]
        key = data[12:20] + data[at : at + 4]
        direction = self._directions.get(key)
        if direction is None:
            direction = self._directions[key] = _Direction(self._make(), sequence)
            if len(self._directions) > _DIRECTIONS:
                self._directions.popitem(last=False)
        self._directions.move_to_end(key)
        found = self._judge(direction, sequence, text) if text else None
        if data[at + 13] & (FIN | RST):
            del self._directions[key]
        return found

    def _judge(self, direction: _Direction, sequence: int, text: bytes) -> Attack | None:
        alone = self._make().read(text)
        if alone is not None:
            return alone
        if direction.refused_from is not None and not self._alarm_only:
            start, attack = direction.refused_from
            if ((sequence + len(text) - start + _HALF) & _MASK) - _HALF > 0:
                return attack
        return direction.take(sequence, text)


class UrlReader:
    """URLs of requests that begin with a pattern and are long enough.

    A pattern is the beginning of the request line, or of the URL when it names no method; runs of blanks after the
    method count as one.
    """

    __slots__ = ("_line", "_patterns")

    def __init__(self, patterns: tuple[tuple[bytes, int], ...]) -> None:
        self._patterns = patterns
        self._line = b""

    def read(self, text: bytes) -> Attack | None:
        """Take what follows; a request line that is not complete yet counts as far as it goes."""
        messages = (self._line + text).split(_BLANK_LINE)
        self._line = b""
        for message in messages:
            line = message.partition(b"\r\n")[0].lower()
            if self._is_malicious(line):
                return Attack.MAL_URL
        last = messages[-1]
        begins = any(last[:5].lower().startswith(method[: len(last)]) for method in _METHODS)
        if last and begins and b"\r\n" not in last and len(last) <= _LONGEST_HEAD:
            self._line = last
        return None

    def _is_malicious(self, line: bytes) -> bool:
        method, blank, rest = line.partition(b" ")
        if not blank or method + blank not in _METHODS:
            return False
        url = rest.lstrip(b" ").partition(b" ")[0]
        request = method + b" " + url
        return any(
            len(url) >= length and (request.startswith(pattern) or url.lstrip(b"/").startswith(pattern.lstrip(b"/")))
            for pattern, length in self._patterns
        )


def url_check(urls: Iterable[MaliciousUrl], *, alarm_only: bool) -> HttpCheck:
    """The check of requests for some URLs."""
    patterns = tuple((url.pattern.lower().encode("latin-1", "replace"), url.length) for url in urls)
    return HttpCheck(lambda: UrlReader(patterns), requests=True, alarm_only=alarm_only)


_ATTACKS: Final = {
    ScreenOption.BLOCK_JAVA: Attack.JAVA_APPLET,
    ScreenOption.BLOCK_ZIP: Attack.ZIP_FILE,
    ScreenOption.BLOCK_EXE: Attack.EXE_FILE,
    ScreenOption.BLOCK_ACTIVEX: Attack.ACTIVEX,
}
_TYPES: Final = {
    ScreenOption.BLOCK_JAVA: ("java-archive", "x-java-archive", "java", "java-vm", "x-java-vm", "x-java-applet"),
    ScreenOption.BLOCK_ZIP: ("zip", "x-zip", "x-zip-compressed"),
    ScreenOption.BLOCK_EXE: (
        "exe",
        "x-exe",
        "x-msdownload",
        "x-msdos-program",
        "x-dosexec",
        "vnd.microsoft.portable-executable",
    ),
    ScreenOption.BLOCK_ACTIVEX: ("x-oleobject", "olescript", "vnd.ms-cab-compressed", "x-cab", "x-cab-compressed"),
}
_SUFFIXES: Final = {
    ScreenOption.BLOCK_JAVA: (b".jar", b".class"),
    ScreenOption.BLOCK_ZIP: (b".zip",),
    ScreenOption.BLOCK_EXE: (b".exe",),
    ScreenOption.BLOCK_ACTIVEX: (b".cab", b".ocx"),
}
_BEGINNINGS: Final = {
    ScreenOption.BLOCK_JAVA: b"\xca\xfe\xba\xbe",
    ScreenOption.BLOCK_ZIP: b"PK\x03\x04",
    ScreenOption.BLOCK_EXE: b"MZ",
    ScreenOption.BLOCK_ACTIVEX: b"MSCF",
}
_LONGEST_BEGINNING: Final = 4
_HEADER: Final = re.compile(rb"^(content-type|content-disposition|transfer-encoding)[ \t]*:[ \t]*([^\r\n]*)", re.M)
_FILE_NAME: Final = re.compile(rb"filename\*?=[\"']?([^\"';\r\n]+)")
_CHUNK_SIZE: Final = re.compile(rb"[0-9a-f]+[^\r\n]*\r\n", re.IGNORECASE)


class ComponentReader:
    """Components in answers: by the content type, by the name of the file, by the first octets of what is no text."""

    __slots__ = ("_blocked", "_body", "_chunked", "_head")

    def __init__(self, blocked: frozenset[ScreenOption]) -> None:
        self._blocked = blocked
        self._head = b""
        self._body: bytes | None = None
        self._chunked = False

    def read(self, text: bytes) -> Attack | None:
        """Take what follows."""
        if self._body is not None:
            return self._begin_body(self._body + text)
        if not self._head and not text.startswith(b"HTTP/"[: len(text)]):
            return None
        head, blank, body = (self._head + text).partition(_BLANK_LINE)
        if not blank:
            self._head = head if len(head) <= _LONGEST_HEAD else b""
            return None
        self._head = b""
        fields = dict(_HEADER.findall(head.lower()))
        kind, _, subtype = fields.get(b"content-type", b"").partition(b";")[0].strip().partition(b"/")
        named = _FILE_NAME.search(fields.get(b"content-disposition", b""))
        for component in self._blocked:
            by_name = named is not None and named[1].strip().endswith(_SUFFIXES[component])
            if subtype.decode("latin-1") in _TYPES[component] or by_name:
                return _ATTACKS[component]
        if kind == b"text":
            return None
        self._chunked = b"chunked" in fields.get(b"transfer-encoding", b"")
        return self._begin_body(body)

    def _begin_body(self, body: bytes) -> Attack | None:
        self._body = None
        start = _CHUNK_SIZE.match(body) if self._chunked else None
        content = body[start.end() :] if start is not None else body
        if (self._chunked and start is None) or len(content) < _LONGEST_BEGINNING:
            self._body = body if len(body) <= 64 else None
        for component in self._blocked:
            if not (self._chunked and start is None) and content.startswith(_BEGINNINGS[component]):
                return _ATTACKS[component]
        return None


def component_check(blocked: frozenset[ScreenOption], *, alarm_only: bool) -> HttpCheck:
    """The check of answers for components; who blocks ActiveX blocks all of them, since a control may hold any."""
    wanted = COMPONENTS if ScreenOption.BLOCK_ACTIVEX in blocked else blocked
    return HttpCheck(lambda: ComponentReader(wanted), requests=False, alarm_only=alarm_only)
