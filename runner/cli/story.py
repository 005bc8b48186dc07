"""The steps of a run as a tree of lines: what each did, in how many attempts, how long, at what cost, and where to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from runner.ground.json_value import Json
from runner.ground.plain import one_line, plain
from runner.record.address import places_to
from runner.record.events import CALL
from runner.seeing.subscribers.lines import MARKS, dollars
from runner.workflow.model import NO_VERB

Row = Mapping[str, Json]

_NUMBER = re.compile(r"(\d+)")


def story(steps: Sequence[Row], attempts: Sequence[Row], calls: Sequence[Row]) -> Iterator[str]:
    """The lines of a run's rows in the tables of these names."""
    tries: dict[str, list[Row]] = {}
    for attempt in attempts:
        tries.setdefault(attempt["step"], []).append(attempt)
    asked = {call["step"]: call for call in calls}
    for step in _in_order(steps):
        indent = "  " * len(places_to(step["step"]))
        attempted = tries.get(step["step"], [])
        yield indent + _step(step, _seconds_of(step, attempted), asked.get(step["step"]))
        lines = [*_earlier(attempted), *_errors(step)]
        yield from (f"{indent}  {line}" for line in lines)


def _in_order(steps: Sequence[Row]) -> list[Row]:
    """Each step after the one it belongs to, with all that belongs to it; siblings as they began."""
    first: dict[str, int] = {}
    for step in steps:
        for place in places_to(step["step"]):
            first[place] = min(first.get(place, step["started_seq"]), step["started_seq"])
    return sorted(steps, key=lambda step: [(first[place], natural(place)) for place in places_to(step["step"])])


def natural(place: str) -> list[tuple[int, str]]:
    """What to sort paths by, so that `each[10]` comes after `each[9]`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in _NUMBER.split(place)]


def _step(step: Row, seconds: float | None, call: Row | None) -> str:
    words = [MARKS.get(step["status"], "…"), plain(step["step"])]
    if step["verb"] not in (NO_VERB, CALL):
        words.append(f"[{step['verb']}]")
    words.append(step["status"])
    if (step["attempt"] or 0) > 1:
        words.append(f"attempt {step['attempt']}")
    if seconds is not None:
        words.append(f"{seconds:.2f} s")
    if call is not None:
        words.append(_used(call))
    if step["route"]:
        words.append(f"→ {step['route']}")
    return " ".join(words)


def _seconds_of(step: Row, tries: Sequence[Row]) -> float | None:
    """How long a step took; where an attempt was interrupted, the last one alone: nobody was there in between."""
    interrupted = any(attempt["status"] == "interrupted" for attempt in tries)
    return _seconds(tries[-1] if interrupted else step)


def _seconds(row: Row) -> float | None:
    if row["ended_at"] is None or row["started_at"] is None or row["ended_at"] == row["started_at"]:
        return None
    return float(max(0.0, row["ended_at"] - row["started_at"]))  # by two clocks, where another process went on with it


def _used(call: Row) -> str:
    tokens = (call["prompt_tokens"] or 0) + (call["reply_tokens"] or 0)
    used = f": {tokens} tokens, {dollars(call['cost_usd'])}" if tokens else ""
    return f"({plain(str(call['model']))}{used})"


def _earlier(tries: Sequence[Row]) -> Iterator[str]:
    """The attempts before the last. When one was interrupted is not known: only when another took its place."""
    for attempt in tries[:-1]:
        seconds = None if attempt["status"] == "interrupted" else _seconds(attempt)
        took = "" if seconds is None else f" after {seconds:.2f} s"
        why = f": {_error(attempt['error'])}" if attempt["error"] else ""
        yield f"attempt {attempt['attempt']} {attempt['status']}{took}{why}"


def _errors(step: Row) -> Iterator[str]:
    if step["error"] and step["status"] == "failed":
        yield _error(step["error"])


def _error(error: Mapping[str, Json]) -> str:
    return f"{error['type']}: {one_line(error['message'], 300)}"
