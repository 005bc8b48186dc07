"""One attempt at one call, whatever a performer does."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from msgspec.structs import replace

from runner.engine.executor import Executor
from runner.record.cues import Cue
from runner.workflow.permissions import Permissions
from runner.world.calls import Attempt, CallDone, CallFailed, CommandCall, Context, ModelCall, Outcome
from runner.world.providers.scripted import Script
from runner.world.secrets import Secrets
from tests.clock import FixedClock

HIDDEN = "s3cr3t-value"
CALL = ModelCall("", "some/model", ())
ATTEMPT = Attempt("run", "ask", "ask", "", 1, CALL, Permissions(), Cue("ask", 0), timeout=0.0)


class Slow(Script, frozen=True):
    """A provider that takes a while before it can be asked."""

    async def prepare(self, model: str, context: Context) -> None:
        for _ in range(100):
            await asyncio.sleep(0)


async def breaks(attempt: Attempt, _context: Context) -> Outcome:
    call: Any = attempt.call
    raise RuntimeError(f"a mistake of ours with {call.argv}")


KNOWN = Secrets("n", {"key": HIDDEN})
KEY = KNOWN.reference("key")


def performed(attempt: Attempt) -> Outcome:
    executor = Executor(
        Slow("m.yaml", {"ask": ["well"]}), {CommandCall: breaks}, None, KNOWN, Context(FixedClock(), {})
    )
    return asyncio.run(executor.perform(attempt))


def test_no_timeout_counts_what_comes_before_a_model_can_be_asked() -> None:
    outcome = performed(ATTEMPT)
    assert isinstance(outcome, CallDone)
    assert outcome.output["text"] == "well"


def test_a_mistake_of_ours_fails_the_step_and_shows_no_secret() -> None:
    outcome = performed(replace(ATTEMPT, call=CommandCall(("echo", KEY), "/")))
    assert isinstance(outcome, CallFailed)
    assert outcome.failure.message == f"RuntimeError: a mistake of ours with ('echo', '{KEY}')"


def test_a_message_that_was_cut_within_a_secret_shows_nothing_of_it() -> None:
    outcome = performed(replace(ATTEMPT, call=CommandCall((f"no {HIDDEN[:9]}…",), "/")))
    assert isinstance(outcome, CallFailed)
    assert outcome.failure.message == f"RuntimeError: a mistake of ours with ('no {KEY}…',)"


def test_a_secret_is_passed_on_whole_or_not_at_all() -> None:
    for cut in (
        KEY[:-1],
        KEY[-9:],
        KEY[-2],
        KEY[::-1],
        ascii(KEY),
        quote(KEY),
        quote(KEY).lower(),
        KEY.replace("key", "kez"),
    ):
        outcome = performed(replace(ATTEMPT, call=CommandCall(("echo", f"a {cut} b"), "/")))
        assert isinstance(outcome, CallFailed)
        assert outcome.failure.type == "input_invalid"
        assert "it can only be passed on whole" in outcome.failure.message
