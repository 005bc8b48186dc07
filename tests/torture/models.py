"""A model server that is bad by chance, what it was asked, and the invariant I7: a run's record knows of all of it."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from threading import Lock
from typing import Any

import pytest

from runner.ground.json_value import Json
from tests.torture.trial import Trial
from tests.world.providers.server import Handler, Request, StubServer, completion

GOOD = "good"
"""How the server behaves in quiet: it answers at once."""

BAD = ("429", "500", "503", "529", "html", "half_json", "truncated", "reset", "no_choices", "slow", "hang")
"""How it behaves otherwise; `slow` is well within the patience of ASKING, `hang` beyond it."""

NUMBERED = frozenset({GOOD, "slow", "no_choices", "429", "500", "503", "529"})
"""The ways to behave of which the record shows which request it was: by its usage, or by its words."""

SLOW = 0.3
"""Seconds."""

REFUSED = re.compile(r"request (\d+) is refused")

PRICE = 0.15e-6, 0.60e-6
"""What gpt-4o-mini takes for a token of the prompt, and of the reply, in USD."""


@dataclass(frozen=True, slots=True)
class Served:
    """One request: the step that asked, as its prompt says it, how the server behaved, and the request's number."""

    step: str
    mode: str
    number: int


class Moody(StubServer):
    """Behaves by chance while there is `trouble`, as often as that says. An answer's usage is its request's number.

    How it behaves to a step's first request, its second and so on is the seed's, whatever others ask meanwhile.
    """

    def __init__(self, seed: object, trouble: float) -> None:
        super().__init__()
        self.trouble = trouble
        self.served: list[Served] = []
        self._seed = seed
        self._lock = Lock()

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to ask this server."""
        return {"OPENAI_BASE_URL": self.base("moody"), "OPENAI_API_KEY": "not-a-key-that-anyone-has"}

    def answer(self, handler: Handler, request: Request) -> None:
        step = request.body["messages"][0]["content"]
        with self._lock:
            served = Served(step, self._mode(step), len(self.served) + 1)
            self.served.append(served)
        mode = served.mode
        if mode == "slow":
            self.heard.over.wait(SLOW)
        if mode.isdigit():
            error = {"error": {"message": f"request {served.number} is refused", "type": "x"}}
            handler.send(int(mode), error, Retry_After="0")
        elif mode in NUMBERED:
            handler.send(200, reply(served))
        else:
            handler.behave(mode)

    def _mode(self, step: str) -> str:
        before = sum(served.step == step for served in self.served)
        random = Random(f"{self._seed} {step} {before}")  # noqa: S311 - it must come again when asked for again
        return random.choice(BAD) if random.random() < self.trouble else GOOD


def reply(served: Served) -> Json:
    usage = {"prompt_tokens": served.number, "completion_tokens": 1, "total_tokens": served.number + 1}
    if served.mode == "no_choices":
        return completion({}, choices=[], usage=usage)
    return completion({"content": f"answer to {served.step}"}, usage=usage)


@contextmanager
def moody(seed: object, trouble: float) -> Iterator[Moody]:
    """A bad model server, which every `wf` that is started meanwhile asks."""
    server = Moody(seed, trouble)
    server.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in server.environment.items():
                patch.setenv(name, value)
            yield server
    finally:
        server.stop()


@dataclass
class Asked:
    """What a run's record says of the calls that one step made of a model, over all attempts at them.

    `numbers` are those of the requests that it names; `silent` ends are those that no request need have come before.
    """

    started: int = 0
    ended: int = 0
    silent: int = 0
    numbers: list[int] = field(default_factory=list)
    usage: list[Mapping[str, Any]] = field(default_factory=list)

    def heed(self, event: Mapping[str, Any]) -> None:
        """Count an event of a call."""
        error = event.get("error") or {}
        match event["type"]:
            case "step_started":
                self.started += bool(event.get("attempt"))
            case "attempt_started":
                self.started += 1
            case "attempt_failed" | "step_ended":
                self.ended += 1
                self.silent += error.get("type") == "timeout"
                self.numbers += [int(number) for number in REFUSED.findall(error.get("message", ""))]
                if usage := event.get("usage"):
                    self.usage.append({**usage, "call": event.get("step", "")})
                    self.numbers += [usage["prompt_tokens"]] if usage.get("counted", True) else []

    def of_call(self, step: str) -> list[Mapping[str, Any]]:
        """What one call used, attempt by attempt."""
        return [used for used in self.usage if used["call"] == step]


def check_ledger(trial: Trial, server: Moody) -> None:
    """I7: each request that the server got belongs to an attempt, and its answer is recorded but for those in flight.

    What the run, and the list of its calls, say was used is what the recorded answers say.
    """
    asked: defaultdict[str, Asked] = defaultdict(Asked)
    for event in trial.recorded():
        step, is_call, _ = event.get("step", "").rpartition("/call#")
        if is_call:
            asked[step].heed(event)
    assert {served.step for served in server.served} <= set(asked)
    for step, found in asked.items():
        check_step(found, [served for served in server.served if served.step == step], trial.crashes)
    shown = json.loads(trial.here("show", trial.run, "--json").stdout)
    _check_sums(shown, [usage for found in asked.values() for usage in found.usage])
    for row in shown["model_calls"]:
        _check_sums({**row, "tokens": _total(row)}, asked[row["step"].rpartition("/call#")[0]].of_call(row["step"]))


def check_step(found: Asked, served: list[Served], crashes: int) -> None:
    """What is recorded of one step's calls, and what the server got of it."""
    told = f"{found}, {served}"
    interrupted = found.started - found.ended
    assert 0 <= interrupted <= crashes, told
    assert found.ended - found.silent <= len(served) <= found.started, told
    assert len(set(found.numbers)) == len(found.numbers), told
    answered = {request.number for request in served if request.mode in NUMBERED}
    assert set(found.numbers) <= answered, told
    assert len(answered - set(found.numbers)) <= interrupted + found.silent, told


def _check_sums(row: Mapping[str, Any], usage: list[Mapping[str, Any]]) -> None:
    """What is shown is the sum of what was recorded; unknown if any of it is."""
    if not all(used.get("counted", True) for used in usage):
        assert (row["tokens"], row["cost_usd"]) == (None, None), row
        return
    prompt, reply = (sum(used[name] for used in usage) for name in ("prompt_tokens", "reply_tokens"))
    assert (row["tokens"] or 0) == prompt + reply, row
    assert (row["cost_usd"] or 0.0) == pytest.approx(prompt * PRICE[0] + reply * PRICE[1]), row


def _total(row: Mapping[str, Any]) -> int | None:
    counts = (row["prompt_tokens"], row["reply_tokens"])
    return None if None in counts else sum(counts)
