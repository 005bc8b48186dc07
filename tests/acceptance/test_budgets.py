"""Budgets through the whole of `wf`: a server on loopback counts what it is asked for, and what that comes to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.ground.json_value import Json
from tests.acceptance.command_line import Done, wf
from tests.world.providers.server import Handler, Request, StubServer, completion

PROMPT, REPLY = 40, 100
"""Tokens that the server counts for a call: fewer than the bytes of the prompt, and as many as the reply may have."""

INPUT, OUTPUT = 1.0, 2.0
"""USD for a million tokens."""

SPENT = (PROMPT * INPUT + REPLY * OUTPUT) / 1e6

FLOW = """
wf: 1
name: fan
models:
  m: {{model: openai/some-model, max_reply_tokens: 100, price: {{input: 1, output: 2}}}}
limits: {limits}
inputs: {{n: {{type: array, items: {{type: integer}}}}}}
agents: {{a: {{model: m}}}}
nodes:
  all:
    for_each: inputs.n
    do: {{agent: a, prompt: "Say {{{{ item }}}}", retry: 1{more}}}
outputs: {{said: "{{{{ nodes.all.output }}}}"}}
"""


class Counting(StubServer):
    """Answers every call; `prompt` is what it says that a prompt has, unless it `hangs`."""

    prompt = PROMPT
    hangs = False

    def answer(self, handler: Handler, request: Request) -> None:
        if self.hangs:
            handler.hang()
            return
        reply = request.body["max_tokens"]
        usage = {"prompt_tokens": self.prompt, "completion_tokens": reply, "total_tokens": self.prompt + reply}
        handler.send(200, completion({"content": "hi"}, usage=usage))


class Shop:
    """A folder with a workflow, and the server that its models are at."""

    def __init__(self, folder: Path, server: Counting) -> None:
        self.folder = folder
        self.server = server

    def write(self, limits: str, more: str = "", count: int = 8) -> None:
        (self.folder / "flow.yaml").write_text(FLOW.format(limits=limits, more=more))
        (self.folder / "in.json").write_text(json.dumps({"n": list(range(count))}))

    def wf(self, *words: str, code: int | None = 0) -> Done:
        environment = {"OPENAI_API_KEY": "sk-of-a-test-only", "OPENAI_BASE_URL": self.server.base("v1")}
        return wf(self.folder, *words, code=code, environment=environment)

    def run(self, *words: str, code: int | None = 0) -> Done:
        return self.wf("run", "flow.yaml", "--inputs", "in.json", "--no-input", "--run-id", "r", *words, code=code)

    @property
    def asked(self) -> int:
        return len(self.server.heard.requests)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    server = Counting()
    server.start()
    yield Shop(tmp_path, server)
    server.stop()


def budget_for(calls: int) -> str:
    """What so many calls use, and what one more has to reserve: it does not fit."""
    return f"{SPENT * calls + 0.0004:.6f}"


@pytest.mark.fault("L11")
def test_a_fan_out_of_two_hundred_calls_with_a_budget_for_fifty_pays_for_fifty(shop: Shop) -> None:
    shop.write(f"{{max_cost_usd: {budget_for(50)}}}", ", on_error: continue", count=200)
    told = shop.run("--json").document
    assert told["status"] == "completed"
    assert (shop.asked, told["outputs"]["said"].count("hi"), told["outputs"]["said"].count(None)) == (50, 50, 150)
    assert (told["tokens"], told["cost_usd"]) == (50 * (PROMPT + REPLY), pytest.approx(50 * SPENT, abs=1e-12))


def test_a_budget_that_is_used_up_in_a_fan_out_fails_the_run(shop: Shop) -> None:
    shop.write(f"{{max_cost_usd: {budget_for(3)}}}")
    failed = shop.run(code=1)
    assert shop.asked == 3
    assert "error: credit_exhausted at all[3]: the budget of the run does not hold this call: " in failed.stderr
    assert failed.stderr.endswith("  wf retry r --max-cost USD\n")
    assert "budget    $0.00040 of $0.0011 left" in shop.wf("show", "r").stdout


def test_a_run_that_pauses_goes_on_with_more_and_knows_what_was_spent(shop: Shop) -> None:
    shop.write(f"{{max_cost_usd: {budget_for(2)}, on_exhausted: pause}}")
    paused = shop.run(code=3).stderr
    assert "all[2]/call#1 and 5 more wait for a larger budget: the budget of the run does not hold this call" in paused
    assert paused.endswith("  wf resume r --max-cost USD\n")
    assert shop.asked == 2
    waiting = shop.wf("show", "r", "--json").document["waiting"]
    assert {(one["kind"], one["command"]) for one in waiting} == {("budget", "wf resume r --max-cost USD")}
    assert shop.wf("resume", "r", "--no-input", code=3).stderr.endswith("  wf resume r --max-cost USD\n")
    assert shop.asked == 2
    shop.wf("resume", "r", "--no-input", "--max-cost", budget_for(5), code=3)
    assert shop.asked == 5, "what was spent before counts"
    assert shop.wf("resume", "r", "--max-cost", "$1", "--json").document["outputs"]["said"] == ["hi"] * 8
    assert shop.asked == 8
    assert shop.wf("show", "r", "--json").document["budget_left_usd"] == pytest.approx(1 - 8 * SPENT)


def test_a_retry_shares_what_was_spent(shop: Shop) -> None:
    shop.write(f"{{max_cost_usd: {budget_for(3)}, max_concurrency: 1}}")
    shop.run(code=1)
    shop.wf("retry", "r", "--run-id", "same", "--no-input", code=1)
    assert shop.asked == 3
    shop.wf("retry", "r", "--run-id", "more", "--max-cost", budget_for(5), code=1)
    assert shop.asked == 5
    shop.wf("retry", "more", "--max-cost", "1")
    assert shop.asked == 8


def test_max_cost_bounds_a_run_whose_file_does_not(shop: Shop) -> None:
    shop.write("{max_steps: 100}")
    shop.run("--max-cost", budget_for(2), code=1)
    assert shop.asked == 2


def test_a_file_with_more_lets_a_paused_run_go_on(shop: Shop) -> None:
    shop.write("{max_tokens: 600, on_exhausted: pause}")
    paused = shop.run(code=3).stderr
    assert paused.endswith("  wf resume r --workflow FILE\n")
    asked = shop.asked
    shop.write("{max_tokens: 60000}")
    shop.wf("resume", "r", "--workflow", "flow.yaml")
    assert (asked < 4, shop.asked) == (True, 8)


def test_a_server_that_counts_more_than_was_reserved_closes_the_budget(shop: Shop) -> None:
    shop.server.prompt = 100_000
    shop.write("{max_cost_usd: 100, max_concurrency: 1, on_exhausted: pause}")
    assert "a provider counted more for a call than was reserved for it" in shop.run(code=3).stderr
    shop.wf("resume", "r", "--no-input", code=3)
    assert shop.asked == 1, "it stays closed"
    shop.server.prompt = PROMPT
    shop.wf("resume", "r", "--max-cost", "200")
    assert shop.asked == 8


def test_a_model_without_a_price_is_refused_where_money_bounds_it(shop: Shop) -> None:
    shop.write("{max_cost_usd: 1}")
    text = (shop.folder / "flow.yaml").read_text().replace(", price: {input: 1, output: 2}", "")
    (shop.folder / "flow.yaml").write_text(text)
    refused = shop.run(code=2).stderr
    assert "what openai/some-model costs is not known, and max_cost_usd bounds it" in refused
    assert "ALIAS: {model: openai/some-model, price: {input: 0.15, output: 0.6}}" in refused
    assert not (shop.folder / ".wf").exists()
    (shop.folder / "flow.yaml").write_text(text.replace("max_cost_usd: 1", "max_tokens: 100000"))
    told = shop.run("--json").document
    assert (told["cost_usd"], told["tokens"]) == (None, 8 * (PROMPT + REPLY))
    assert "price unknown" in shop.wf("show", "r").stdout
    assert "what openai/some-model costs is not known" in shop.run("--max-cost", "1", code=2).stderr


@pytest.mark.parametrize("amount", ["-1", "nan", "inf", "much", ""])
def test_a_cost_that_is_none_is_refused(shop: Shop, amount: str) -> None:
    shop.write("{}")
    assert "is no amount of USD such as 0.50" in shop.run("--max-cost", amount, code=2).stderr


def listed(model: str) -> dict[str, Json]:
    flow: dict[str, Any] = {
        "wf": 1,
        "name": "listed",
        "limits": {"max_cost_usd": 1},
        "nodes": {"ask": {"agent": {"model": model}, "prompt": "Hi"}},
        "outputs": {"left": "{{ run.budget_left_usd }}"},
    }
    return flow


def test_prices_of_the_list_are_recorded_with_the_run(shop: Shop) -> None:
    (shop.folder / "flow.yaml").write_text(json.dumps(listed("openai/gpt-4o-mini")))
    told = shop.wf("run", "flow.yaml", "--json", "--run-id", "r").document
    spent = (PROMPT * 0.15 + 4096 * 0.6) / 1e6
    assert (told["cost_usd"], told["outputs"]["left"]) == (pytest.approx(spent), pytest.approx(1 - spent))
    events = [json.loads(line) for line in shop.wf("logs", "r", "--json").stdout.splitlines()]
    assert events[0]["options"]["prices"] == {"openai/gpt-4o-mini": [0.15, 0.6]}
    reserved = [event["reserves"] for event in events if "reserves" in event]
    assert [one["tokens"] > 4096 for one in reserved] == [True]


def test_the_price_of_an_alias_is_not_that_of_another_model(shop: Shop) -> None:
    shop.write("{max_cost_usd: 1}")
    assert "what openai/another costs is not known" in shop.run("--model", "m=openai/another", code=2).stderr


def test_a_call_that_timed_out_counts_as_all_that_was_reserved_for_it(shop: Shop) -> None:
    shop.server.hangs = True
    shop.write("{max_cost_usd: 1}", ", on_error: continue", count=1)
    text = (
        (shop.folder / "flow.yaml")
        .read_text()
        .replace("max_reply_tokens: 100", "max_reply_tokens: 100, timeout: 200ms")
    )
    (shop.folder / "flow.yaml").write_text(text)
    told = shop.run("--json").document
    assert (told["tokens"], told["cost_usd"]) == (None, None)
    reserved = (REPLY * OUTPUT + 300 * INPUT) / 1e6
    assert shop.wf("show", "r", "--json").document["budget_left_usd"] == pytest.approx(1 - reserved, abs=1e-4)
    assert shop.wf("show", "r", "--json").document["budget_left_usd"] < 1 - REPLY * OUTPUT / 1e6


def test_a_retried_call_takes_the_next_scripted_reply_within_a_budget_too(shop: Shop) -> None:
    shop.write("{max_tokens: 10000}", count=1)
    (shop.folder / "mock.yaml").write_text("a: [{error: request_refused}, hello]")
    shop.run("--mock", "mock.yaml", code=1)
    assert shop.wf("retry", "r", "--json").document["outputs"]["said"] == ["hello"]
