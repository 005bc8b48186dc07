"""Every sentence on control flow, as a workflow: the tables beside this file, each case run whole and interrupted."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace
from ruamel.yaml import YAML

from runner.ground.errors import Failure
from runner.ground.json_value import Json
from runner.record.run_state import Step
from runner.world.calls import AnyCall, CallFailed, ModelCall, Outcome
from tests.simulation import Reply, Simulation, simulate, succeed

XS = "state: {xs: {type: array, default: [], reducer: append}}\n"
"""What a case with `xs` declares: a list to which every write is appended, and which is an output too."""

CALLED = "inputs: {top: {type: boolean, default: true}}\n"
"""What a case with `self` declares, for a workflow that calls itself once, with `with: {top: false}`."""


def cases() -> list[tuple[str, dict[str, Json]]]:
    """All cases of the tables, each with its name."""
    tables = sorted(Path(__file__).parent.glob("*.yaml"))
    rows = [(table.stem, case) for table in tables for case in YAML(typ="safe").load(table)]
    return [(f"{table}: {case['it']}", case) for table, case in rows]


def flow_of(case: dict[str, Json]) -> str:
    text: str = case["flow"]
    head = (XS if "xs" in case else "") + (CALLED if case.get("self") else "")
    if "xs" in case and "\noutputs:" not in f"\n{text}":
        text += '\noutputs: {xs: "{{ state.xs }}"}\n'
    return head + text


def reply_of(case: dict[str, Json]) -> Reply:
    """Calls succeed, and a model says its name; those of steps under `failing` fail, always or so many `times`."""
    failing: dict[str, Json] = case.get("failing", {})
    seen: dict[str, int] = {}

    def reply(call: AnyCall, step: Step) -> Outcome:
        entry = failing.get(step.path)
        if entry is None:
            done = succeed(call, step)
            return replace(done, output={**done.output, "text": call.model}) if isinstance(call, ModelCall) else done
        form: dict[str, Json] = {"type": entry} if isinstance(entry, str) else entry
        seen[step.path] = seen.get(step.path, 0) + 1
        if seen[step.path] > form.get("times", 1000):
            return succeed(call, step)
        failure = Failure(form["type"], f"{step.path} failed", form.get("details", {}))
        return CallFailed(failure, form.get("output"))

    return reply


def order_of(case: dict[str, Json]) -> Callable[[Sequence[str]], str]:
    """Attempts end in the order in which they began; but those under `first` before all others."""
    first: list[str] = case.get("first", [])
    return lambda waiting: next((path for path in first if path in waiting), waiting[0])


def ran(case: dict[str, Json], *, crash: bool) -> Simulation:
    return simulate(
        flow_of(case),
        files=case.get("files", {}),
        inputs=case.get("inputs"),
        reply=reply_of(case),
        answers=case.get("answers"),
        order=order_of(case),
        cancel_after=case.get("cancel_after"),
        crash=crash,
    )


def outcome_of(run: Simulation, case: dict[str, Json]) -> dict[str, Json]:
    """What a run came to, as far as the case says what it must: of an error the keys that it names."""
    found: dict[str, Json] = {"status": run.state.status}
    if "xs" in case:
        found["xs"] = run.state.outputs.get("xs")
    if "gives" in case:
        found["gives"] = run.state.outputs
    if "ended" in case:
        found["ended"] = run.ended
    if "took" in case:
        found["took"] = round(run.now - 1000.0, 3)
    if "error" in case:
        error = run.state.error or {}
        found["error"] = {key: error.get(key) for key in case["error"]}
    return found


def wanted_of(case: dict[str, Json]) -> dict[str, Json]:
    said = {key: value for key, value in case.items() if key in ("xs", "gives", "ended", "took", "error")}
    return {"status": case.get("status", "failed" if "error" in case else "completed"), **said}


@pytest.mark.parametrize(("name", "case"), [pytest.param(*row, id=row[0]) for row in cases()])
def test_a_workflow_does_what_the_words_say(name: str, case: dict[str, Json]) -> None:
    whole = ran(case, crash=False)
    assert outcome_of(whole, case) == json.loads(json.dumps(wanted_of(case))), name
    interrupted = ran(case, crash=True)
    assert (interrupted.ended, interrupted.state.outputs, interrupted.state.error) == (
        whole.ended,
        whole.state.outputs,
        whole.state.error,
    )
