"""Puts a run's questions to the person at the terminal."""

from __future__ import annotations

import asyncio
import json
from typing import Protocol

from runner.engine.surroundings import Unattended
from runner.ground.errors import UsageError
from runner.ground.json_value import Json
from runner.ground.plain import plain
from runner.record.answers import as_typed, parse_answer
from runner.record.events import StepWaiting

TTY = "/dev/tty"


class Screen(Protocol):
    """What a run shows its progress on; `hold` keeps that back until `release`."""

    def hold(self) -> None: ...
    def release(self) -> None: ...
    def say(self, words: str, style: str = "", end: str = "\n") -> None: ...


class Asking:
    """Asks until an answer fits; meanwhile the run's progress is held back."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    async def ask(self, asked: StepWaiting) -> Json:
        """See `surroundings.Asker`. Raises Unattended when the terminal is closed."""
        self._screen.hold()
        try:
            return await self._ask(asked)
        finally:
            self._screen.release()

    async def _ask(self, asked: StepWaiting) -> Json:
        self._screen.say(plain(asked.prompt).rstrip("\n"), "bold")
        for number, choice in enumerate(asked.choices, 1):
            self._screen.say(f"  {number}. {plain(as_typed(choice))}")
        if asked.schema is not None:
            self._screen.say(f"  as JSON, fitting {plain(json.dumps(asked.schema, ensure_ascii=False))}", "dim")
        while True:
            typed = await self._read_line(f"{plain(asked.step)}> ")
            try:
                return parse_answer(asked, _by_number(asked, typed))
            except UsageError as error:
                self._screen.say(plain(str(error)), "red")

    async def _read_line(self, prompt: str) -> str:
        """A line from the terminal, without holding up the run."""
        self._screen.say(prompt, end="")
        try:
            line = await _line_of_terminal()
        except asyncio.CancelledError:
            self._screen.say("")
            raise
        except OSError as error:
            raise Unattended from error
        if not line:
            self._screen.say("")
            raise Unattended
        return line.decode("utf-8", "replace").rstrip("\r\n")


async def _line_of_terminal() -> bytes:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    with open(TTY, "rb", buffering=0) as tty:  # noqa: ASYNC230, PTH123 - the terminal itself
        loop.add_reader(tty, lambda: None if ready.done() else ready.set_result(None))
        try:
            await ready
        finally:
            loop.remove_reader(tty)
        return tty.readline()


def _by_number(asked: StepWaiting, typed: str) -> str:
    """The choice that a number stands for, unless the number is a choice itself."""
    texts, stripped = [as_typed(choice) for choice in asked.choices], typed.strip()
    if not texts:
        return typed
    is_number = stripped not in texts and stripped.isdecimal() and 1 <= int(stripped) <= len(texts)
    return texts[int(stripped) - 1] if is_number else stripped
