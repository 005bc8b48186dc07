"""Gives recorded calls what came of them, in the order in which they ended as they were recorded. Nobody is asked."""

from __future__ import annotations

import asyncio
import difflib
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import islice

from runner.ground.errors import nearest
from runner.ground.json_value import Json
from runner.language.yaml_writer import written
from runner.record.address import any_visit, without_attempts
from runner.record.events import AttemptFailed, Commit, StepEnded
from runner.record.run_state import RunState
from runner.world.calls import Attempt, Call, Context, NoReply, Outcome
from runner.world.providers.cassette import Cassette, Recorded, asked_of, kind_of

_LONGEST_COMPARED = 20_000
"""Characters of a call that are compared with others, to find the nearest."""


Paper = Callable[[Json], Json]
"""Gives a value as cassettes hold it."""


class Replay:
    """A cassette that a run is replayed from: it answers calls, and listens to the run, to know what has ended.

    What ends holds until all that ended before it, as it was recorded, has ended: then `any`, `n`, `complete_when` and
    timeouts decide as they did. So do steps that are not recorded themselves, as far as they can be held.
    `paper` gives a value as it is recorded, without what tells one run from another.
    """

    def __init__(self, cassette: Cassette, paper: Paper) -> None:
        self._cassette = cassette
        self._paper = paper
        self._places: dict[str, list[int]] = defaultdict(list)
        for place, call in enumerate(cassette.calls):
            self._places[call.step].append(place)
        self._ended = [False] * len(cassette.calls)
        self._turn = 0
        self._held: dict[int, asyncio.Future[None]] = {}

    @property
    def held(self) -> int:
        """How many attempts wait for their turn."""
        return len(self._held)

    def holds(self, call: Call) -> bool:
        """Whether such calls are answered from the cassette."""
        return self._cassette.holds(call)

    def close(self) -> None:
        """See Listener."""

    async def ask(self, attempt: Attempt, context: Context) -> Outcome:
        """What came of the call, whose secrets are still references; NoReply where it does not hold that."""
        asked: dict[str, Json] = self._paper(asked_of(attempt.call))
        place = self._find(attempt, asked)
        if isinstance(place, NoReply):
            return place
        call = self._cassette.calls[place]
        await self._in_turn(place)
        if call.cut:
            return self._missing(f"'{attempt.step}' was cut off there by what did not happen here: nothing came of it")
        outcome = call.outcome
        if isinstance(call.gave, dict) and call.call == "model" and call.gave["text"]:
            context.stream(attempt.step, call.gave["text"])
        return outcome

    async def wait_turn(self, step: str) -> None:
        """Wait until what is done for real may end: all that ended before it has."""
        if places := self._places.get(step):
            await self._in_turn(places[-1])

    def heard(self, commit: Commit, state: RunState) -> None:
        """Note what has ended, and let go on whose turn it is. See Listener."""
        for event in commit.events:
            self._note(event)
        self._let_go()

    def note_past(self, commits: Iterable[Commit]) -> None:
        """Note what had ended before this process took the run up."""
        for commit in commits:
            for event in commit.events:
                self._note(event)

    def let_next_go(self, *, cut: bool) -> None:
        """Let the first that is held go on out of turn: what it waits for does not come.

        With `cut` also one that was cut off, if there is no other.
        """
        held = [place for place in self._held if cut or not self._cassette.calls[place].cut]
        if held:
            self._free(min(held, key=lambda place: (self._cassette.calls[place].cut, place)))

    def _note(self, event: object) -> None:
        if isinstance(event, StepEnded):
            for place in self._places.get(event.step, ()):
                self._ended[place] = True
        elif isinstance(event, AttemptFailed):
            calls = (place for place in self._places.get(event.step, ()) if self._cassette.calls[place].call)
            for place in islice((place for place in calls if not self._ended[place]), 1):
                self._ended[place] = True

    def _let_go(self) -> None:
        while self._turn < len(self._ended) and self._ended[self._turn]:
            self._turn += 1
        for place in [place for place in self._held if self._is_free(place)]:
            self._free(place)

    def _free(self, place: int) -> None:
        turn = self._held.pop(place)
        if not turn.done():  # else its attempt has been told to end
            turn.set_result(None)

    def _is_free(self, place: int) -> bool:
        return place <= self._turn and not self._cassette.calls[place].cut

    async def _in_turn(self, place: int) -> None:
        self._let_go()
        if self._is_free(place):
            return
        turn = self._held[place] = asyncio.get_running_loop().create_future()
        try:
            await turn
        finally:
            self._held.pop(place, None)

    def _find(self, attempt: Attempt, asked: dict[str, Json]) -> int | NoReply:
        """The place of a call: that of its step and of as many failures before it, if the same was asked."""
        kind = kind_of(attempt.call)
        places = [place for place in self._places.get(attempt.step, ()) if self._cassette.calls[place].call == kind]
        if attempt.failures >= len(places):
            return self._unknown(attempt, kind, asked, places)
        call = self._cassette.calls[places[attempt.failures]]
        if call.asked == asked:
            return places[attempt.failures]
        return self._missing(f"'{attempt.step}' asks for something else than it did", _diff(self._file, call, asked))

    def _unknown(self, attempt: Attempt, kind: str, asked: dict[str, Json], places: list[int]) -> NoReply:
        """Why there is no such call, and the one that is nearest to it: of the step, else of its node."""
        if places:
            count = "1 attempt" if len(places) == 1 else f"{len(places)} attempts"
            return self._missing(f"'{attempt.step}' is tried once more than there, where it had {count}")
        calls = [call for call in self._cassette.calls if call.call == kind]
        like = [call for call in calls if _node(call.step) == _node(attempt.step)]
        if like:
            shown = _diff(self._file, _nearest(like, asked), asked)
            return self._missing(f"'{attempt.step}' is not in it; the nearest call of that node is shown", shown)
        near = nearest(attempt.step, list(dict.fromkeys(call.step for call in calls)))
        return self._missing(f"'{attempt.step}' is not in it{f'; its nearest step is {near!r}' if near else ''}")

    @property
    def _file(self) -> str:
        return self._cassette.file

    def _missing(self, why: str, diff: str = "") -> NoReply:
        words = f"{self._file} does not hold this call: {why}"
        return NoReply(f"{words}\n{diff}" if diff else words, "replay")


def _node(step: str) -> str:
    """A step's path without the numbers of visits, attempts and items."""
    return any_visit(without_attempts(step))


def _nearest(calls: list[Recorded], asked: dict[str, Json]) -> Recorded:
    """The call that asks for what is most like it; the first of those that are so equally."""
    text = written(asked)[:_LONGEST_COMPARED]

    def likeness(call: Recorded) -> float:
        return difflib.SequenceMatcher(None, written(call.asked)[:_LONGEST_COMPARED], text, autojunk=True).quick_ratio()

    return max(calls, key=likeness)


def _diff(file: str, call: Recorded, asked: dict[str, Json]) -> str:
    """What was asked there and is asked here, as a unified diff."""
    before, now = written(call.asked).splitlines(), written(asked).splitlines()
    return "\n".join(difflib.unified_diff(before, now, f"{file}: {call.step}", "this run", lineterm=""))
