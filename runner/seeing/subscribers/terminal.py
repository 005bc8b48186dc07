"""A run in a terminal: live progress, streamed text, and questions to the person there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from runner.engine.surroundings import Unattended
from runner.ground.clock import Clock
from runner.ground.errors import UsageError
from runner.ground.json_value import Json
from runner.ground.plain import counted, one_line, plain
from runner.record.answers import as_typed, is_for_text, parse_answer
from runner.record.events import Commit, Event, StepEnded, StepWaiting
from runner.record.run_state import RunState
from runner.seeing.subscribers.lines import Teller, dollars

COLOURS = {"completed": "green", "failed": "red", "cancelled": "magenta", "skipped": "dim", "omitted": "dim"}
TTY = "/dev/tty"
MOST_ROWS = 12
LONGEST_SAID = 400


@dataclass(frozen=True, slots=True)
class _Figures:
    """What the table shows, taken from the run at its last commit: the table is drawn by a thread of its own."""

    running: tuple[tuple[str, float], ...] = ()
    steps: int = 0
    used: str = ""


class Terminal:
    """Prints steps as they end above a table of those that run. `hold` keeps it all back while a person types."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._first = clock.now()
        self._teller = Teller()
        self._said: dict[str, str] = {}
        self._figures = _Figures()
        self._held: list[Text] | None = None
        self._console = Console(stderr=True, highlight=False)
        self._live: Live | None = None

    def heard(self, commit: Commit, state: RunState) -> None:
        for event in commit.events:
            if isinstance(event, StepEnded):
                self._said.pop(event.step, None)
        for position, words in self._teller.tell(commit):
            self._print(Text(plain(words), style=_style(commit.events[position], words)))
        self._figures = self._count(state)
        self._draw()

    def close(self) -> None:
        """Give the terminal back as it was."""
        self._figures = _Figures()
        self._draw()

    def stream(self, step: str, text: str) -> None:
        """Show the end of what a model has said so far."""
        self._said[step] = (self._said.get(step, "") + text)[-LONGEST_SAID:]

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Print nothing meanwhile, as a person is being asked; then what was held back."""
        held: list[Text] = []
        self._held = held
        self._draw()
        try:
            yield
        finally:
            self._held = None
            for words in held:
                self._console.print(words)
            self._draw()

    def say(self, words: str, style: str = "", end: str = "\n") -> None:
        """Print something at once."""
        self._console.print(Text(plain(words), style=style), end=end, soft_wrap=True)

    def warn(self, words: str) -> None:
        """Print a warning, once nobody types."""
        self._print(Text(plain(f"warning: {words}"), style="yellow"))

    def _print(self, words: Text) -> None:
        if self._held is None:
            self._console.print(words)
        else:
            self._held.append(words)

    def _draw(self) -> None:
        """Draw the table while anything runs; each time a new one, as one that was stopped takes others' lines away."""
        wanted = self._held is None and bool(self._figures.running)
        if wanted and self._live is None:
            self._live = self._new_live()
            self._live.start()
        elif not wanted and self._live is not None:
            self._live.stop()
            self._live = None

    def _new_live(self) -> Live:
        return Live(
            console=self._console,
            refresh_per_second=8,
            transient=True,
            get_renderable=self._table,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def _count(self, state: RunState) -> _Figures:
        if state.ended or state.status == "paused":
            return _Figures()
        running = tuple((path, self._teller.began.get(path, state.at)) for path in state.running)
        cost = dollars(None if state.unpriced else state.cost_usd)
        return _Figures(running, state.total_steps, f", {state.tokens} tokens, {cost}" if state.tokens else "")

    def _table(self) -> Table:
        figures, now = self._figures, self._clock.now()
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=max(20, self._console.width // 2))
        table.add_column(no_wrap=True, justify="right")
        table.add_column(no_wrap=True, overflow="ellipsis")
        for path, began in figures.running[: self._rows()]:
            said = one_line(self._said.get(path, ""), LONGEST_SAID)
            seconds = f"{max(0.0, now - began):.0f} s"
            table.add_row(Text("▸", style="yellow"), Text(plain(path)), Text(seconds), Text(said[-60:], style="dim"))
        more = len(figures.running) - self._rows()
        words = f"{counted(figures.steps, 'step')}{figures.used}" + (f", {more} more at work" if more > 0 else "")
        table.add_row("", Text(words, style="dim"), Text(f"{now - self._first:.0f} s", style="dim"))
        return table

    def _rows(self) -> int:
        return max(1, min(MOST_ROWS, self._console.height - 3))


def _style(event: Event, words: str) -> str:
    if isinstance(event, StepEnded):
        return COLOURS.get(event.status, "")
    return "yellow" if words[0] in "…!" else "bold"


class Asking:
    """Asks until an answer fits; meanwhile the run's progress is held back."""

    def __init__(self, screen: Terminal) -> None:
        self._screen = screen

    async def ask(self, asked: StepWaiting) -> Json:
        """See `surroundings.Asker`. Raises Unattended when the terminal is closed."""
        with self._screen.hold():
            self._screen.say(plain(asked.prompt).rstrip("\n"), "bold")
            for number, choice in enumerate(asked.choices, 1):
                self._screen.say(f"  {number}. {plain(as_typed(choice))}")
            if asked.schema is not None and asked.approval is None:
                how = "a text" if is_for_text(asked.schema) else "as JSON"
                self._screen.say(f"  {how}, fitting {plain(json.dumps(asked.schema, ensure_ascii=False))}", "dim")
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
