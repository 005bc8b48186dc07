"""Budgets hold inside delegates: of the run, of the node, of the delegate itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import wf

FLOW = """
wf: 1
name: spending
models: {m: {model: openai/gpt-4o-mini, max_reply_tokens: 100, price: {input: 1, output: 2}}}
limits: RUN
agents:
  chief: {model: m, agents: [clerk]}
  clerk: {model: m, agents: [boy], limits: OWN}
  boy: {model: m}
nodes: {go: {agent: chief, prompt: Pay., limits: NODE}}
outputs: {said: "{{ nodes.go.output }}"}
"""
USED = {"prompt_tokens": 40, "reply_tokens": 90, "cost_usd": 0.00022}
LARGE = "{max_tokens: 1000000}"
FEW = "{max_tokens: 1000}"
"""It holds the first call, and some of those of delegates: each reserves 600 to 900 tokens, and uses 130."""


def replies(name: str) -> list[dict[str, Any]]:
    call = [{"tool": f"agent/{name}", "with": {"task": "do it"}}]
    return [{"tool_calls": call, "text": "", "usage": USED}, {"reply": "done", "usage": USED}]


def spend(folder: Path, *, run: str = LARGE, node: str = LARGE, own: str = LARGE, code: int = 0) -> Any:
    flow = FLOW.replace("RUN", run).replace("NODE", node).replace("OWN", own)
    (folder / "flow.yaml").write_text(flow)
    script = {"chief": replies("clerk"), "clerk": replies("boy"), "boy": [{"reply": "done", "usage": USED}]}
    (folder / "mock.yaml").write_text(json.dumps(script))
    words = ("run", "flow.yaml", "--mock", "mock.yaml", "--json", "--no-input", "--run-id", "r")
    return wf(folder, *words, code=code).document


def errors(folder: Path) -> dict[str, str]:
    """The failures of the run's steps, by step."""
    steps = wf(folder, "show", "r", "--json").document["steps"]
    return {step["step"]: step["error"]["type"] for step in steps if step["error"]}


def test_what_fits_is_paid_and_counted(tmp_path: Path) -> None:
    done = spend(tmp_path)

    assert (done["status"], done["tokens"]) == ("completed", 5 * 130)


TINY = "{max_tokens: 300}"


def test_a_delegate_that_uses_up_its_own_budget_is_a_failed_tool(tmp_path: Path) -> None:
    done = spend(tmp_path, own=TINY)

    assert (done["status"], done["outputs"]) == ("completed", {"said": "done"})
    assert set(errors(tmp_path)) >= {"go/call#2"}
    assert errors(tmp_path)["go/call#2"] == "credit_exhausted"


@pytest.mark.parametrize("where", ["run", "node"])
def test_a_budget_around_the_one_who_asks_is_used_up_by_its_delegates_and_fails_the_step(
    tmp_path: Path, where: str
) -> None:
    done = spend(tmp_path, **{where: FEW}, code=1)

    assert (done["error"]["type"], done["error"]["step"]) == ("credit_exhausted", "go")
    assert done["error"]["details"]["of"] == ("" if where == "run" else "go")


def test_a_run_that_pauses_in_a_delegate_goes_on_with_more(tmp_path: Path) -> None:
    paused = spend(tmp_path, run="{max_cost_usd: 0.0011, on_exhausted: pause}", code=3)
    assert [waiting["step"].startswith("go/call#2/") for waiting in paused["waiting"]] == [True]

    done = wf(tmp_path, "resume", "r", "--max-cost", "1", "--json").document

    assert (done["status"], done["tokens"]) == ("completed", 5 * 130)


def test_a_retry_with_more_goes_on_at_the_call_of_the_delegate(tmp_path: Path) -> None:
    spend(tmp_path, run="{max_cost_usd: 0.0011}", code=1)
    assert any(step.startswith("go/call#2/") for step in errors(tmp_path))

    done = wf(tmp_path, "retry", "r", "--max-cost", "1", "--json").document

    assert (done["status"], done["tokens"]) == ("completed", 5 * 130)


def test_a_delegate_without_a_price_is_refused_where_money_bounds_it(tmp_path: Path) -> None:
    models = "models: {m: {model: openai/one, price: {input: 1, output: 2}}, other: openai/no-price}\nlimits: RUN"
    text = FLOW.partition("models:")[0] + models + FLOW.partition("limits: RUN")[2]
    text = text.replace("boy: {model: m}", "boy: {model: other}").replace("go: {", "go: {model: m, ")
    text = text.replace("limits: RUN", "limits: {max_cost_usd: 1}").replace("OWN", LARGE).replace("NODE", LARGE)
    (tmp_path / "flow.yaml").write_text(text)

    refused = wf(tmp_path, "run", "flow.yaml", "--no-input", code=2).stderr

    assert "what openai/no-price costs is not known, and max_cost_usd bounds it" in refused
