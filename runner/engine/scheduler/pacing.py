"""When a model may be asked: `max_concurrency`, `rpm`, `tpm` of a model, for all that asks it in a run."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from math import inf

import msgspec

from runner.engine.scheduler.live import Live
from runner.engine.scheduler.reopening import call_of
from runner.record.events import StepWaiting
from runner.record.paces import MINUTE, NO_PACE, Pace, left_in
from runner.record.run_state import Step
from runner.workflow.model import Model
from runner.workflow.model_bounds import ModelBounds
from runner.world.calls import AnyCall, ModelCall


class Turn(msgspec.Struct, frozen=True):
    """Whether a call may begin: now if `wait` is empty, which else says what it waits for. `tokens` it may take."""

    model: str = ""
    tokens: int = 0
    wait: str = ""


def turn_of(live: Live, step: Step, call: AnyCall, passed: Collection[str] = ()) -> Turn:
    """The turn of a step's call, by what its model bears and by who came before it, but for who is passed over."""
    if not isinstance(call, ModelCall) or call.model not in _bounds(live):
        return Turn()
    bounds, tokens = _bounds(live)[call.model], _most_tokens(live, step, call)
    first = _first(live.state.lines.get(call.model, {}), passed)
    pace = live.state.paces.get(call.model, NO_PACE)
    is_behind = first is not None and first != step.path
    return Turn(call.model, tokens, _wait(pace, bounds, tokens, live.state.at) or ("others" if is_behind else ""))


def waiting_for_turn(step: Step, turn: Turn) -> StepWaiting:
    """What is recorded as a call begins to wait for its turn."""
    return StepWaiting(step.path, "turn", prompt=f"{turn.model}: {_WORDS[turn.wait]}", line=turn.model)


_WORDS = {
    "at_once": "as many calls as its max_concurrency allows are in flight",
    "calls": "as many calls as its rpm allows began within a minute",
    "tokens": "its tpm allows no more tokens within this minute",
    "others": "others have waited longer",
}


def heads(live: Live, passed: Collection[str] = ()) -> Iterator[Step]:
    """The first of each line, but for who is passed over."""
    firsts = (_first(line, passed) for line in live.state.lines.values())
    yield from (live.state.steps[path] for path in firsts if path is not None)


def _first(line: Iterable[str], passed: Collection[str]) -> str | None:
    return next((path for path in line if path not in passed), None)


def next_turn(live: Live, after: float) -> float:
    """When, after some time, time lets the first of a line go on (epoch s): infinite where it alone does not."""
    return min((at for step in heads(live) if (at := _time_of(live, step)) > after), default=inf)


def _time_of(live: Live, step: Step) -> float:
    call = call_of(live, step)
    if not isinstance(call, ModelCall) or call.model not in _bounds(live):
        return inf
    bounds, tokens = _bounds(live)[call.model], _most_tokens(live, step, call)
    pace = live.state.paces.get(call.model, NO_PACE)
    if len(pace["running"]) >= bounds.at_once:
        return inf
    calls, sum_ = len(pace["calls"]), pace["tokens"]
    for at, taken in pace["calls"].values():
        calls, sum_ = calls - 1, sum_ - taken
        if calls < bounds.calls and (not calls or sum_ + tokens <= bounds.tokens):
            return float(at + MINUTE)
    return inf


def _wait(pace: Pace, bounds: ModelBounds, tokens: int, now: float) -> str:
    """What a call that may take so many tokens waits for; nothing if it may begin now.

    One that alone takes more than a minute allows begins once nothing else is in its minute.
    """
    if len(pace["running"]) >= bounds.at_once:
        return "at_once"
    calls, sum_ = left_in(pace, now)
    if calls >= bounds.calls:
        return "calls"
    return "tokens" if calls and sum_ + tokens > bounds.tokens else ""


def _bounds(live: Live) -> Mapping[str, ModelBounds]:
    """The bounds of each model that has any, by the provider's name: the tightest of all that its aliases say.

    There are none where replies are scripted or recorded: nobody is asked then.
    """
    if live.bounds is None:
        live.bounds = {}
        is_asked = not (live.options.get("mock") or live.options.get("replay"))
        workflows = live.workflow.library.values() if is_asked else ()
        for workflow in workflows:
            for alias in workflow.models:
                _tighten(live.bounds, live.model(workflow, alias))
    return live.bounds


def _tighten(bounds: dict[str, ModelBounds], model: Model) -> None:
    if (own := model.bounds) != ModelBounds():
        bounds[model.name] = own.with_(bounds.get(model.name, ModelBounds()))


def _most_tokens(live: Live, step: Step, call: ModelCall) -> int:
    """Tokens that a call may take at most: no more of its prompt than that has bytes, and the longest reply."""
    if _bounds(live)[call.model].tokens == inf:
        return 0
    if step.path not in live.sizes:
        sent = json.dumps([call.messages, call.tools, call.output_schema], ensure_ascii=False)
        live.sizes[step.path] = len(sent.encode("utf-8", "surrogatepass"))
    return live.sizes[step.path] + call.max_reply_tokens
