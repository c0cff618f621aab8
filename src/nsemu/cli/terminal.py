"""A shell on a terminal: `?` and TAB act at once, ctrl-C ends a running command, questions take one key.

Works for a device's console and for any shell with the same surface. Owns prompt_toolkit and the keyboard; time passes
through the `Pace` it is given, and no wall clock is read here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Protocol

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input.typeahead import get_typeahead, store_typeahead
from prompt_toolkit.key_binding import KeyBindings, KeyPress, KeyPressEvent
from prompt_toolkit.keys import Keys

from nsemu.cli.dialogue import MORE, Dialogue, Question
from nsemu.cli.typed_shell import TypedShell, completion, word_columns
from nsemu.sim.scheduler import Scheduler
from nsemu.sim.wait import Wait

if TYPE_CHECKING:
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

    from nsemu.sim.pacing import Pacer

_ENTER = "\r"


class Pace(Protocol):
    """How time passes while a terminal is open."""

    def idle(self) -> float:
        """Let time pass while no command waits; the wall seconds after which to call again."""

    def towards(self, wait: Wait) -> float | None:
        """Let time pass until a wait is over, for a moment; the wall seconds until the next call, None when over."""


class PacedTime:
    """Time as a pacer lets it pass."""

    def __init__(self, scheduler: Scheduler, pacer: Pacer) -> None:
        self._scheduler = scheduler
        self._pacer = pacer

    def idle(self) -> float:
        """See Pace."""
        return self._pacer.run_due()

    def towards(self, wait: Wait) -> float | None:
        """See Pace."""
        ready = wait.ready
        if self._scheduler.now >= wait.until or (ready is not None and ready()):
            return None
        return self._pacer.run_due(wait.until) if ready is None else self._pacer.run_due(wait.until, ready)


class Terminal:
    """Plays a shell on a terminal. `refusals` are the errors of the shell that are printed as they read."""

    def __init__(
        self,
        shell: TypedShell,
        pace: Pace,
        *,
        refusals: tuple[type[Exception], ...] = (),
        input: Input | None = None,
        output: Output | None = None,
    ) -> None:
        self._shell = shell
        self._pace = pace
        self._refusals = refusals
        self._session: PromptSession[str] = PromptSession(
            history=InMemoryHistory(), key_bindings=self._bindings(), input=input, output=output
        )
        self._input = self._session.app.input
        self._output = self._session.app.output
        self._keys: deque[KeyPress] = deque()
        self._pressed = asyncio.Event()
        self._aborted = False
        self._waiting = False

    def run(self) -> None:
        """Read and run lines until the user leaves."""
        asyncio.run(self.run_async())

    async def run_async(self) -> None:
        """The same, inside a running event loop."""
        self._pressed = asyncio.Event()
        ticking = asyncio.create_task(self._tick())
        try:
            while not self._shell.closed:
                line = await self._read_line()
                if ticking.done():
                    ticking.result()  # an error of the lab is not to be lost: time would just stand still
                if line is not None:
                    await self._play(line)
        finally:
            ticking.cancel()

    async def _tick(self) -> None:
        """Time passes while the user types, thinks, or looks at a page."""
        while True:
            await asyncio.sleep(0.05 if self._waiting else self._pace.idle())

    async def _read_line(self) -> str | None:
        try:
            return await self._session.prompt_async(self._shell.prompt)
        except KeyboardInterrupt:
            return None
        except EOFError:
            return "exit"

    # -- playing a command

    async def _play(self, line: str) -> None:
        self._aborted = False
        self._keys.clear()
        self._take(get_typeahead(self._input))
        dialogue: Dialogue | None = None
        with self._input.raw_mode(), self._input.attach(self._keys_ready):
            try:
                dialogue = self._shell.execute(line)
                await self._drive(dialogue)
            except self._refusals as error:
                self._write(f"{error}\n")
            finally:
                if dialogue is not None:
                    dialogue.close()
                if self._keys:
                    store_typeahead(self._input, list(self._keys))

    async def _drive(self, dialogue: Dialogue) -> None:
        reply: str | None = None
        while True:
            try:
                item = dialogue.send(reply)
            except StopIteration:
                return
            reply = None
            if isinstance(item, Wait):
                await self._wait(item)
            elif isinstance(item, Question):
                reply = await self._ask(item)
            else:
                self._write(item)
                await asyncio.sleep(0)
            if self._aborted:
                self._write("\n")
                return

    async def _wait(self, wait: Wait) -> None:
        self._waiting = True
        try:
            while not self._aborted and (delay := self._pace.towards(wait)) is not None:
                await self._sleep(delay)
        finally:
            self._waiting = False

    async def _sleep(self, delay: float) -> None:
        """Sleep, but wake for a key."""
        self._pressed.clear()
        if delay <= 0:
            await asyncio.sleep(0)
            return
        try:
            await asyncio.wait_for(self._pressed.wait(), delay)
        except TimeoutError:
            return

    async def _ask(self, question: Question) -> str:
        self._write(question.text)
        while not self._keys and not self._aborted:
            await self._sleep(0.2)
        if self._aborted:
            self._aborted = question is not MORE
            key = "q" if question is MORE else ""
        else:
            press = self._keys.popleft()
            key = _ENTER if press.key in (Keys.ControlM, Keys.ControlJ) else press.data
        answer = question.answer(key)
        if question is MORE:
            width = len(question.text)
            self._write("\b" * width + " " * width + "\b" * width)
        else:
            self._write(f"{answer}\n")
        return answer

    def _keys_ready(self) -> None:
        self._take([*self._input.read_keys(), *self._input.flush_keys()])
        self._pressed.set()

    def _take(self, presses: list[KeyPress]) -> None:
        for press in presses:
            if press.key in (Keys.ControlC, Keys.Escape):
                self._aborted = True
            else:
                self._keys.append(press)

    def _write(self, text: str) -> None:
        self._output.write(text)
        self._output.flush()

    # -- keys while a line is being typed

    def _bindings(self) -> KeyBindings:
        bindings = KeyBindings()

        @bindings.add("?")
        def _(event: KeyPressEvent) -> None:
            before = event.current_buffer.document.text_before_cursor
            if before.count('"') % 2:
                event.current_buffer.insert_text("?")
                return
            self._show(f"{self._shell.prompt}{before}?\n{self._shell.help(before)}")

        @bindings.add(Keys.BracketedPaste)
        def _(event: KeyPressEvent) -> None:
            # A pasted configuration is typed line by line, each at its own prompt.
            text = event.data.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
            typed = [KeyPress(Keys.ControlM if letter == "\n" else letter, letter) for letter in text]
            event.key_processor.feed_multiple(typed, first=True)

        @bindings.add("tab")
        def _(event: KeyPressEvent) -> None:
            buffer = event.current_buffer
            before = buffer.document.text_before_cursor
            found = self._shell.complete(before)
            longer = completion(before, found)
            if longer is not None:
                buffer.delete_before_cursor(len(before))
                buffer.insert_text(longer)
            elif len(found) > 1:
                words = word_columns(found, self._output.get_size().columns)
                self._show(f"{self._shell.prompt}{before}\n{words}")

        return bindings

    def _show(self, text: str) -> None:
        run_in_terminal(lambda: self._write(text))
