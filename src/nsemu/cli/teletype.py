"""A shell at the far end of a wire: characters come in, text goes out; for telnet, SSH and the lab's own network.

Plays the dialogue of a running command. Waits are timers of the scheduler, so any number of these live on one virtual
clock, whoever moves it. Knows no socket and no wall clock: idle time is measured by the alarm it is given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Final, Protocol

from nsemu.cli.dialogue import MORE, Dialogue, Entry, Question
from nsemu.cli.line_editor import ABORT_KEYS, BELL, ESCAPE, INTERRUPT, Action, LineEditor
from nsemu.cli.typed_shell import TypedShell, completion, word_columns
from nsemu.sim.scheduler import MILLISECOND, SECOND, Duration, Scheduler, Timer
from nsemu.sim.wait import Wait

LOOK: Final[Duration] = 10 * MILLISECOND
"""How often a command that waits for something looks whether it has come, in virtual time."""

TYPE_AHEAD: Final = 1 << 20
"""Characters kept while a command runs: enough to paste a configuration of 10,000 lines."""

LOGIN_TIME: Final[Duration] = 60 * SECOND
_MINUTE: Final = 60 * SECOND
_WIDTH: Final = 80

Greeting = Generator["str | Wait | Question | Entry", "str | None", "TypedShell | None"]
"""What happens before there is a shell (a login), or instead of one. None at its end closes the line."""


class Cancellable(Protocol):
    """Something that was set and can be taken back."""

    def cancel(self) -> object:
        """Take it back."""


Alarm = Callable[[Duration, Callable[[], None]], Cancellable]
"""Calls back after a time in nanoseconds: virtual for a host of the lab, wall time for a person."""


@dataclass(frozen=True, slots=True)
class Line:
    """The wire: `write` takes text with CR LF ends, `hang_up` closes it; `alarm` measures the time nobody types.

    `fault` hears of an error that is none of the user's (a bug); without it the error goes on to whoever called.
    """

    write: Callable[[str], None]
    hang_up: Callable[[], None]
    alarm: Alarm
    fault: Callable[[Exception], None] | None = None
    newline: str = "\r\n"


class Teletype:
    """One session. `idle_minutes` gives `set console timeout`; `timed_out` is called before an idle session ends."""

    def __init__(
        self,
        scheduler: Scheduler,
        line: Line,
        idle_minutes: Callable[[], int],
        timed_out: Callable[[], None] = lambda: None,
    ) -> None:
        self.closed = False
        self._scheduler = scheduler
        self._line = line
        self._idle_minutes = idle_minutes
        self._timed_out = timed_out
        self._alarm: Cancellable | None = None
        self._editor = LineEditor(self._print)
        self._shell: TypedShell | None = None
        self._running: Generator[Any, str | None, TypedShell | None] | Dialogue | None = None
        self._asked: Question | Entry | None = None
        self._reply: str | None = None
        self._wait: Timer | None = None
        self._keys: deque[str] = deque()
        self._out: list[str] = []
        self._after_return = False
        self._no_more = False
        self._busy = False

    @property
    def waiting(self) -> bool:
        """Whether a command waits for virtual time."""
        return self._wait is not None

    def begin(self, greeting: Greeting) -> None:
        """Start with a greeting; its shell is what the rest of the session talks to."""
        self._running = greeting
        self._watch()
        self._pump()

    def receive(self, text: str) -> None:
        """Characters were typed."""
        if self.closed:
            return
        self._watch()
        if text.endswith(ESCAPE) and self._wait is not None:
            text = f"{text[:-1]}{INTERRUPT}"  # by itself: that of an arrow key has more behind it
        for key in text:
            after_return, self._after_return = self._after_return, key == "\r"
            if key == "\0" or (key == "\n" and after_return):
                continue  # RFC 854: CR LF and CR NUL are one end of line
            if key in ABORT_KEYS and self._wait is not None:
                self._keys.clear()
                self._abort()
            elif len(self._keys) < TYPE_AHEAD:
                self._keys.append(key)
            else:
                self._line.write(BELL)
                break
        self._pump()

    def finish(self) -> None:
        """No more will be typed: what runs goes on until it needs a key."""
        self._no_more = True
        self._pump()

    def hang_up(self) -> None:
        """End the session, from either side; twice does nothing."""
        if self.closed:
            return
        self.closed = True
        self._flush()
        if self._alarm is not None:
            self._alarm.cancel()
        self._stop_waiting()
        if not self._busy:
            self._drop()
        self._line.hang_up()

    # -- the turn: run on until a key, time, or nothing is wanted

    def _pump(self) -> None:
        if self._busy or self.closed:
            return
        self._busy = True
        try:
            while not self.closed and self._try_step():
                pass
        finally:
            self._busy = False
        if self.closed:
            self._drop()
        else:
            self._flush()

    def _try_step(self) -> bool:
        try:
            return self._step()
        except Exception as error:
            if self._line.fault is None:
                raise
            self._fail(error, self._line.fault)
            return True

    def _step(self) -> bool:
        if self._wait is not None:
            return False
        if self._asked is not None or self._running is None:
            return self._take_key()
        return self._go_on(self._running)

    def _go_on(self, running: Generator[Any, str | None, TypedShell | None] | Dialogue) -> bool:
        reply, self._reply = self._reply, None
        try:
            item = running.send(reply)
        except StopIteration as end:
            self._ended(end.value)
            return True
        if isinstance(item, Wait):
            return self._must_wait(item)
        if isinstance(item, str):
            self._print(item)
            return True
        self._asked = item
        self._print(item.text)
        if isinstance(item, Entry):
            self._editor.begin(echo=not item.secret, plain=True)
        return True

    def _ended(self, shell: TypedShell | None) -> None:
        """The greeting is over, or a command."""
        self._running = None
        if self._shell is None:
            self._shell = shell
            self._watch()
        if self._shell is None or self._shell.closed:
            self.hang_up()
        else:
            self._prompt(self._shell)

    def _prompt(self, shell: TypedShell) -> None:
        self._editor.begin()
        self._print(shell.prompt)

    def _must_wait(self, wait: Wait) -> bool:
        now, ready = self._scheduler.now, wait.ready
        if now >= wait.until or (ready is not None and ready()):
            return True
        at = wait.until if ready is None else min(wait.until, now + LOOK)
        self._wait = self._scheduler.at(at, self._look, wait)
        return False

    def _look(self, wait: Wait) -> None:
        self._wait = None
        if self._must_wait(wait):
            self._pump()

    # -- keys

    def _take_key(self) -> bool:
        if not self._keys:
            if self._no_more:
                self.hang_up()
            return False
        key = self._keys.popleft()
        if isinstance(self._asked, Question):
            self._answer(self._asked, key)
        else:
            action = self._editor.type(key)
            if action is not None:
                _ACTIONS[action](self)
        return True

    def _answer(self, question: Question, key: str) -> None:
        if key in ABORT_KEYS and question is not MORE:
            self._abort()
            return
        answer = question.answer("q" if key in ABORT_KEYS else key)
        if question is MORE:
            width = len(question.text)
            self._print("\b" * width + " " * width + "\b" * width)
        else:
            self._print(f"{answer}\n")
        self._asked, self._reply = None, answer

    def _enter(self) -> None:
        line = self._editor.text
        self._editor._end()
        self._print("\n")
        if isinstance(self._asked, Entry):
            self._asked, self._reply = None, line
        elif self._shell is not None:
            self._editor.remember(line)
            self._running = self._shell.execute(line)

    def _help(self) -> None:
        if self._shell is not None:
            before = self._editor.text[: self._editor.cursor]
            self._print(f"?\n{self._shell.help(before)}{self._shell.prompt}")
            self._editor.redraw()

    def _complete(self) -> None:
        if self._shell is None:
            return
        before = self._editor.text[: self._editor.cursor]
        found = self._shell.complete(before)
        longer = completion(before, found)
        if longer is not None and longer.startswith(before):
            self._editor.insert(longer[len(before) :])
        elif longer is not None:
            self._editor.replace_before(longer)
        elif len(found) > 1:
            self._print(f"\n{word_columns(found, _WIDTH)}{self._shell.prompt}")
            self._editor.redraw()
        else:
            self._print(BELL)

    def _abort(self) -> None:
        """Ctrl-C: a running command ends, a line is forgotten, a login is left."""
        self._stop_waiting()
        self._drop()
        self._print("\n")
        if self._shell is None:
            self.hang_up()
        else:
            self._prompt(self._shell)

    def _leave(self) -> None:
        if self._shell is None:
            self.hang_up()
        else:
            self._print("exit\n")
            self._running = self._shell.execute("exit")

    # -- the end of things

    def _drop(self) -> None:
        running, self._running = self._running, None
        self._asked = self._reply = None
        if running is not None:
            running.close()

    def _fail(self, error: Exception, fault: Callable[[Exception], None]) -> None:
        """A bug: say so in one line and go on."""
        self._running = self._asked = self._reply = None
        self._print("\nInternal error; the command was not finished.\n")
        fault(error)
        if self._shell is None:
            self.hang_up()
        else:
            self._prompt(self._shell)

    def _stop_waiting(self) -> None:
        if self._wait is not None:
            self._wait.cancel()
            self._wait = None

    def _watch(self) -> None:
        """Measure anew how long nobody types."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        length = LOGIN_TIME if self._shell is None else self._idle_minutes() * _MINUTE
        if length and not self.closed:
            self._alarm = self._line.alarm(length, self._expire)

    def _expire(self) -> None:
        self._alarm = None
        if self._wait is not None or self._busy:
            self._watch()
            return
        self._timed_out()
        self.hang_up()

    def _print(self, text: str) -> None:
        self._out.append(text)

    def _flush(self) -> None:
        text = "".join(self._out)
        self._out.clear()
        if text:
            self._line.write(text.replace("\n", self._line.newline))


_ACTIONS: Final[dict[Action, Callable[[Teletype], None]]] = {
    Action.LINE: Teletype._enter,
    Action.HELP: Teletype._help,
    Action.COMPLETE: Teletype._complete,
    Action.ABORT: Teletype._abort,
    Action.LEAVE: Teletype._leave,
}
