"""What was asked of a model within a minute, and what is in flight of it: by the run's own record."""

from __future__ import annotations

from itertools import takewhile

from runner.ground.json_value import Json

MINUTE = 60.0

Pace = dict[str, Json]
"""`running` are the steps with a call in flight, `calls` the time and the tokens of each call, `tokens` their sum."""

NO_PACE: Pace = {"running": {}, "calls": {}, "tokens": 0}
"""Nothing was asked yet."""


def new_pace() -> Pace:
    """What becomes the pace of a model that was not asked yet."""
    return {"running": {}, "calls": {}, "tokens": 0}


def count_call(pace: Pace, step: str, attempt: int, at: float, tokens: int) -> None:
    """A call begins, which may take so many tokens. What was asked a minute ago is forgotten."""
    for key in [key for key, _ in _passed(pace, at)]:
        pace["tokens"] -= pace["calls"].pop(key)[1]
    pace["running"][step] = None
    pace["calls"][_key(step, attempt)] = [at, tokens]
    pace["tokens"] += tokens


def settle_call(pace: Pace, step: str, attempt: int, tokens: int) -> None:
    """A call has taken so many tokens."""
    call = pace["calls"].get(_key(step, attempt))
    if call is not None:
        pace["tokens"] += tokens - call[1]
        call[1] = tokens


def left_in(pace: Pace, now: float) -> tuple[int, int]:
    """How many calls, and tokens, there are in the minute before now."""
    passed = [call for _, call in _passed(pace, now)]
    return len(pace["calls"]) - len(passed), pace["tokens"] - sum(tokens for _, tokens in passed)


def _passed(pace: Pace, now: float) -> list[tuple[str, list[Json]]]:
    """The calls that began a minute ago; and those that seem to come, since somebody has set the clock back."""
    return list(takewhile(lambda item: not now - MINUTE < item[1][0] <= now, pace["calls"].items()))


def _key(step: str, attempt: int) -> str:
    return f"{step} {attempt}"
