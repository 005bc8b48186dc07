"""Retry, repair, fallback, visit: the order and the number of an agent's calls, against a plain reference."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple, get_args

from runner.engine.scheduler import Live, advance, call_of, due_time
from runner.engine.scheduler.happenings import AttemptEnded, TimeReached
from runner.ground.errors import ErrorType, Failure
from runner.record.events import RunStarted
from runner.record.run_state import RunState
from runner.workflow.model import Loaded
from runner.world.calls import CallDone, CallFailed, ModelCall, Outcome
from tests.simulation import compiled

POLICIES, FAILURES = 200, 50
"""So many random policies, and so many random sequences of replies and failures for each: 10,000 runs."""

USUAL = ["timeout", "network", "rate_limit", "llm_down", "provider_unavailable"]
OWN = ["cancelled", "interrupted", "template_error", "condition_error", "input_invalid", "state_invalid"]
OWN += ["no_route", "loop_limit"]
UNPASSING = {*OWN, "permission_denied"} - {"interrupted"}
TYPES = list(get_args(ErrorType))

FITS, MISFIT, CUT = "fits", "misfit", "cut"
REPAIRS = {MISFIT: 2, CUT: 1}


class Policy(NamedTuple):
    """What stands in the file; None where it says nothing."""

    attempts: int | None
    errors: list[str] | None

    def takes(self, error: str) -> bool:
        if self.errors is None:
            return error in [*USUAL, "output_invalid"]
        return error not in UNPASSING if "all" in self.errors else error in self.errors

    @property
    def written(self) -> str:
        keys = [] if self.attempts is None else [f"max_attempts: {self.attempts}"]
        keys += [] if self.errors is None else [f"errors: [{', '.join(self.errors)}]"]
        return f"{{{', '.join([*keys, 'initial_interval: 1ms'])}}}"


class Case(NamedTuple):
    """An agent: how many models, and the policies of its node; None where it has no `retry`."""

    models: int
    policies: list[Policy] | None

    @property
    def flow(self) -> str:
        policies = self.policies
        retry = "" if policies is None else f", retry: [{', '.join(policy.written for policy in policies)}]"
        fallback = ", ".join(f"x/m{number}" for number in range(1, self.models))
        schema = "output_schema: {type: object}"
        return f"""
            agents: {{a: {{model: x/m0, fallback: [{fallback}], {schema}}}}}
            nodes: {{ask: {{agent: a, prompt: Hi{retry}}}}}
        """


class Reference:
    """How an agent ends, and the models that it asks, call by call. Nothing of it is shared with what is tested."""

    def __init__(self, case: Case, draw: Callable[[], str]) -> None:
        self.models = case.models
        self.policies = case.policies if case.policies is not None else [Policy(3, USUAL)]
        self.draw = draw
        self.asked: list[int] = []

    def end(self) -> str:
        visits = 0
        while True:
            ended = self.visit()
            visits += 1
            if ended != "output_invalid" or not self.is_tried_again(ended, visits):
                return ended

    def visit(self) -> str:
        ended = ""
        for model in range(self.models):
            ended = self.ask(model)
            if ended == FITS or ended in OWN:
                break
        return ended

    def ask(self, model: int) -> str:
        repairs = 0
        while True:
            given = self.call(model)
            if given not in REPAIRS:
                return given
            if repairs >= REPAIRS[given]:
                return "output_invalid"
            repairs += 1

    def call(self, model: int) -> str:
        failures = 0
        while True:
            self.asked.append(model)
            given = self.draw()
            failures += 1
            if given in {FITS, MISFIT, CUT, "output_invalid"} or not self.is_tried_again(given, failures):
                return given

    def is_tried_again(self, error: str, failures: int) -> bool:
        found = next((policy for policy in self.policies if policy.takes(error)), None)
        return found is not None and failures < (found.attempts or 3)


def really(loaded: Loaded, draw: Callable[[], str]) -> tuple[str, list[int]]:
    """The same, as the scheduler does it."""
    workflow, now = loaded.workflow, 0.0
    live, asked = Live("run", workflow, RunState()), list[int]()
    advance(live, [RunStarted(workflow.name, "", loaded.hash, {}, {})], now)
    while not live.state.ended:
        state = live.state
        if state.running:
            step = state.steps[next(iter(state.running))]
            call = call_of(live, step)
            assert isinstance(call, ModelCall)
            asked.append(int(call.model[-1]))
            advance(live, [AttemptEnded(step.path, step.attempt, _outcome(draw()))], now)
        else:
            due = {step.path: time for step in state.steps.values() if (time := due_time(step)) is not None}
            now = max(now, min(due.values()))
            advance(live, [TimeReached(tuple(due))], now)
    error = live.state.error
    return FITS if error is None else str(error["type"]), asked


def _outcome(given: str) -> Outcome:
    if given in {FITS, MISFIT, CUT}:
        text, finish = ("{}" if given == FITS else "[", "length" if given == CUT else "stop")
        return CallDone({"text": text, "tool_calls": [], "finish": finish})
    return CallFailed(Failure(next(type_ for type_ in get_args(ErrorType) if type_ == given), "no luck"))


def _policy(random: Random) -> Policy:
    errors = random.choice([None, ["all"], random.sample(TYPES, 6), random.sample([*USUAL, "output_invalid"], 3)])
    return Policy(random.choice([None, 1, 2, 3]), errors)


def _case(random: Random) -> Case:
    policies = [_policy(random) for _ in range(random.randint(1, 3))]
    return Case(random.randint(1, 3), random.choice([None, policies, policies]))


def _draws(seed: int) -> Callable[[], str]:
    random = Random(seed)  # noqa: S311 - the same at every run
    kinds = random.choice([[FITS, MISFIT, CUT], [FITS, *TYPES], [FITS, MISFIT, CUT, *USUAL], [MISFIT, CUT, *TYPES]])
    return lambda: random.choice(kinds)


def test_the_order_and_the_number_of_calls_are_those_of_a_plain_reference() -> None:
    random = Random(10)  # noqa: S311 - the same at every run
    for _ in range(POLICIES):
        case = _case(random)
        loaded = compiled(case.flow)
        for _ in range(FAILURES):
            seed = random.getrandbits(32)
            reference = Reference(case, _draws(seed))
            assert really(loaded, _draws(seed)) == (reference.end(), reference.asked), (case, seed)
