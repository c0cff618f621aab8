"""One direction of a TCP connection whose text is edited on its way.

Positions count octets as the sender sent them; `moved` and `unmoved` turn them into those that the receiver sees and
back. An edit belongs to the last octet that it replaces: whichever segment carries that one carries the new text, so
retransmissions and segments that were cut elsewhere give the same stream. Knows no header and no protocol.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_MASK: Final = 0xFFFFFFFF
_HALF: Final = 0x80000000
_EDITS: Final = 32
LONGEST_LINE: Final = 2048


@dataclass(frozen=True, slots=True)
class Edit:
    """Octets from `start` up to `end` are replaced by `text`."""

    start: int
    end: int
    text: bytes

    @property
    def growth(self) -> int:
        """How many octets it adds."""
        return len(self.text) - (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its end, and where it began. `held` is the position from which it was not sent on, None if it was."""

    start: int
    text: bytes
    held: int | None

    @property
    def end(self) -> int:
        """The position behind it."""
        return self.start + len(self.text)


class Stream:
    """The state of one direction. `next` is the position of the next octet to come, None before the first."""

    __slots__ = ("_before", "_buffer", "_edits", "_held", "_torn", "next")

    def __init__(self) -> None:
        self.next: int | None = None
        self._before = 0
        self._buffer = bytearray()
        self._edits: list[Edit] = []
        self._held: int | None = None
        self._torn = False

    def begin(self, sequence: int) -> None:
        """The first octet will have this sequence number. A second beginning (SYN sent again) starts anew."""
        if self.next is None or self.next & _MASK != sequence:
            self.__init__()  # type: ignore[misc]
            self.next = sequence

    @property
    def edited(self) -> bool:
        """Whether positions differ at the two ends."""
        return bool(self._edits or self._before or self._held is not None)

    def position(self, sequence: int) -> int:
        """The position of a sequence number of the sender's."""
        return _near(sequence, self.next or 0)

    def feed(self, data: bytes) -> None:
        """Take the octets at `next`."""
        self.next = (self.next or 0) + len(data)
        self._buffer += data

    def line(self) -> Line | None:
        """Take a whole line out of what was fed; None when there is none.

        A line that is too long is never given out.
        """
        while self.next is not None:
            at = self._buffer.find(b"\n")
            if at < 0:
                if len(self._buffer) > LONGEST_LINE:
                    self._give_up_line()
                return None
            line = Line(self.next - len(self._buffer), bytes(self._buffer[: at + 1]), self._held)
            del self._buffer[: at + 1]
            torn, self._torn, self._held = self._torn, False, None
            if not torn:
                return line
        return None

    @property
    def partial(self) -> bytes:
        """The beginning of a line whose end has not come; empty when it is too long to matter."""
        return b"" if self._torn else bytes(self._buffer)

    def hold(self, offset: int | None) -> None:
        """Keep back what follows `offset` of the partial line; None keeps nothing back."""
        if self._held is None and offset is not None and self.next is not None:
            self._held = self.next - len(self._buffer) + offset

    def replace(self, line: Line, span: tuple[int, int], text: bytes) -> None:
        """Replace (first, behind the last) octet of a line. What was held of it is sent on in any case."""
        first, last = span
        if line.held is not None:
            begin = min(first, line.held - line.start)
            text = line.text[begin:first] + text + line.text[last:]
            first, last = begin, len(line.text)
        if line.text[first:last] != text or line.held is not None:
            self._add(Edit(line.start + first, line.start + last, text))

    def release(self, line: Line) -> None:
        """Send on unchanged what was held of a line."""
        if line.held is not None:
            self.replace(line, (len(line.text), len(line.text)), b"")

    def flush(self) -> None:
        """No more will come: send on unchanged what is held."""
        if self._held is not None and self.next is not None:
            start = self.next - len(self._buffer)
            line = Line(start, bytes(self._buffer), self._held)
            self._held = None
            self._torn = True
            self._buffer.clear()
            self.release(line)

    def moved(self, position: int) -> int:
        """Where the receiver sees a position of the sender's."""
        if self._held is not None:
            position = min(position, self._held)
        growth = self._before
        for edit in self._edits:
            if position <= edit.start:
                break
            if position < edit.end:
                return edit.start + growth
            growth += edit.growth
        return position + growth

    def unmoved(self, acknowledgment: int) -> int:
        """The sequence number of the sender's up to which the receiver's acknowledgment reaches."""
        if self.next is None:
            return acknowledgment
        return self._unmoved(_near(acknowledgment, self.moved(self.next))) & _MASK

    def _unmoved(self, wanted: int) -> int:
        growth = self._before
        for edit in self._edits:
            first = edit.start + growth
            if wanted < first:
                return wanted - growth
            if wanted < first + len(edit.text):
                return max(edit.start, edit.end - 1)
            growth += edit.growth
        position = wanted - growth
        return self.next or 0 if position == self._held else position

    def cut(self, position: int, data: bytes) -> bytes:
        """The octets that the receiver gets for a piece of the sender's stream; it begins at `moved(position)`."""
        end = position + len(data)
        out = bytearray()
        at = position
        for edit in self._edits:
            if edit.end <= position:
                continue
            if edit.start >= end:
                break
            out += data[at - position : max(at, edit.start) - position]
            if edit.end <= end:
                out += edit.text
            at = min(edit.end, end)
        limit = end if self._held is None else max(at, min(end, self._held))
        return bytes(out + data[at - position : limit - position])

    def _give_up_line(self) -> None:
        self.flush()
        self._torn = True
        self._buffer.clear()

    def _add(self, edit: Edit) -> None:
        self._edits.append(edit)
        if len(self._edits) > _EDITS:
            self._before += self._edits.pop(0).growth


def _near(number: int, position: int) -> int:
    """The position next to another one that has this 32-bit number."""
    return position + ((number - position + _HALF) & _MASK) - _HALF
