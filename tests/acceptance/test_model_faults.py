"""Model servers that misbehave, through the whole of `wf`: asked directly, and through litellm."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from runner.ground.json_value import Json
from tests.acceptance.command_line import WF, Done, process
from tests.acceptance.test_live_models import HELLO, KEY, UNCOUNTED, Answer, Line, Sequel
from tests.world.providers.server import completion

pytestmark = pytest.mark.xdist_group("litellm")

FLOW = """
wf: 1
name: frogs
models:
  m: {model: MODEL, idle_timeout: 5s, timeout: 10s}
agents: {keeper: {model: m}}
nodes:
  ask: {agent: keeper, prompt: Which frog sings?, retry: {max_attempts: 3, initial_interval: 1ms}}
outputs: {said: "{{ nodes.ask.output }}"}
"""

WAYS = pytest.mark.parametrize("model", ["openai/gpt-4o-mini", "mistral/mistral-small-latest"])
"""A model that is asked directly, and one that litellm asks."""

SLOW = "idle_timeout: 5s, timeout: 10s"


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    line = Line(tmp_path_factory.mktemp("line"))
    yield line
    assert line.close() == ""


class Runs:
    """Runs the flow against a server that gives these answers."""

    def __init__(self, line: Line, folder: Path) -> None:
        self._line = line
        self._folder = folder

    def run(self, model: str, *answers: Json | Answer, bounds: str = SLOW, words: Sequence[str] = ("--json",)) -> Done:
        (self._folder / "flow.yaml").write_text(FLOW.replace("MODEL", model).replace(SLOW, bounds))
        done = self._line.wf(self._folder, "run", "flow.yaml", *words, answers=answers)
        assert KEY not in done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        return done

    @property
    def asked(self) -> int:
        """How often the server was asked."""
        return len(self._line.asked)


@pytest.fixture
def runs(line: Line, tmp_path: Path) -> Runs:
    return Runs(line, tmp_path)


@pytest.mark.fault("L1")
@WAYS
def test_a_server_that_fails_twice_is_asked_three_times(runs: Runs, model: str) -> None:
    done = runs.run(model, "500", "500", HELLO)

    assert (done.code, done.document["outputs"], runs.asked) == (0, {"said": "a green one"}, 3)


@pytest.mark.fault("L1")
@WAYS
def test_a_server_that_fails_on_is_asked_no_more_than_the_policy_says(runs: Runs, model: str) -> None:
    done = runs.run(model, "500", "500", "500", HELLO)

    assert (done.code, done.document["error"]["type"], runs.asked) == (1, "llm_down", 3)


@pytest.mark.fault("L2")
@WAYS
def test_who_asks_too_often_waits_as_long_as_the_server_says(runs: Runs, model: str) -> None:
    done = runs.run(model, "shortly", HELLO, words=("--events",))

    commits = [json.loads(text) for text in done.stdout.splitlines()]
    waits = [
        event["retry_at"] - commit["at"]
        for commit in commits
        for event in commit.get("events", [commit])
        if event["type"] == "attempt_failed"
    ]
    assert (done.code, runs.asked) == (0, 2)
    assert waits == [pytest.approx(0.4)], "the policy itself says 1 ms"


@pytest.mark.fault("L3")
@WAYS
@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        *(("401", "authentication"), ("403", "authentication"), ("echo", "authentication")),
        *((mode, "request_refused") for mode in ("400", "404", "413", "422", "long")),
    ],
)
def test_what_is_refused_is_not_asked_again(runs: Runs, model: str, mode: str, kind: str) -> None:
    done = runs.run(model, mode, HELLO)

    assert (done.code, done.document["error"]["type"], runs.asked) == (1, kind, 1)


@pytest.mark.fault("L4")
@WAYS
@pytest.mark.parametrize(
    ("mode", "kind"),
    [("reset", "network"), ("vanish", "network"), ("truncated", "network"), ("html", "llm_down")],
)
def test_an_answer_that_does_not_come_is_asked_for_again(runs: Runs, model: str, mode: str, kind: str) -> None:
    assert (runs.run(model, mode, HELLO).code, runs.asked) == (0, 2)

    done = runs.run(model, mode, mode, mode, HELLO)
    assert (done.code, done.document["error"]["type"], runs.asked) == (1, kind, 3)


@pytest.mark.fault("L5")
@WAYS
@pytest.mark.parametrize(
    ("mode", "bounds", "said"),
    [
        ("hang", "idle_timeout: 300ms", "sent nothing for the time of its idle_timeout"),
        ("hang", "timeout: 300ms", "no end after 0.3 s"),
        ("dribble", "timeout: 300ms", "no end after 0.3 s"),
    ],
)
def test_a_server_that_does_not_come_to_an_end_is_given_up(
    runs: Runs, model: str, mode: str, bounds: str, said: str
) -> None:
    done = runs.run(model, mode, mode, mode, bounds=bounds)

    assert (done.code, done.document["error"]["type"], runs.asked) == (1, "timeout", 3)
    assert said in done.document["error"]["message"]


@pytest.mark.fault("L6", "direct")
def test_a_stream_that_was_cut_is_asked_for_again(runs: Runs) -> None:
    done = runs.run("openai/gpt-4o-mini", "sse_halved_ok", "sse_ok")

    assert (done.code, done.document["outputs"], runs.asked) == (0, {"said": "hello"}, 2)


@pytest.mark.fault("L6", "litellm")
def test_through_litellm_nothing_is_streamed_and_what_was_cut_is_no_answer(runs: Runs, line: Line) -> None:
    done = runs.run("mistral/mistral-small-latest", "truncated", "half_json", "ok")

    assert (done.code, done.document["outputs"], runs.asked) == (0, {"said": "hello"}, 3)
    assert not any(body.get("stream") for body in line.asked)


@pytest.mark.fault("L7")
@WAYS
@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("no_choices", "llm_down"),
        ("null", "output_invalid"),
        ("filtered", "output_invalid"),
        ("refusal", "output_invalid"),
        ("cut_at_once", "output_invalid"),
    ],
)
def test_an_answer_without_a_reply_is_no_success(runs: Runs, model: str, mode: str, kind: str) -> None:
    done = runs.run(model, mode, mode, mode)

    assert (done.code, done.document["error"]["type"], runs.asked) == (1, kind, 3)


@pytest.mark.fault("L7")
@WAYS
def test_a_text_that_its_bound_cut_completes_with_a_warning(runs: Runs, line: Line, tmp_path: Path, model: str) -> None:
    assert runs.run(model, "cut").document["outputs"] == {"said": "Once upon"}
    assert "max_reply_tokens cut this reply" in line.wf(tmp_path, "show", "last").stdout


SORTING = """
wf: 1
name: sorting
nodes:
  sort:
    agent: {model: openai/gpt-4o-mini, output_schema: {type: object, properties: {n: {type: number}}, required: [n]}}
    prompt: How many?
    retry: 1
outputs: {n: "{{ nodes.sort.output.n }}"}
"""


@pytest.mark.fault("L8")
@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("It is one", "the reply is no JSON"),
        ('{"n": "one"}', "number"),
        ('{"m": 1}', "'n'"),
        ('{"n": NaN}', "the reply is no JSON"),
        ('{"n": 1, "n": 2}', "the key 'n' is given twice"),
        ("[" * 100_000, "nested deeper"),
        ('{"n": 1, "x": "' + "y" * 10_000_000 + '"}', "longer than 1048576 characters"),
    ],
)
def test_a_reply_that_does_not_fit_is_asked_for_again_and_then_told(
    line: Line, tmp_path: Path, reply: str, said: str
) -> None:
    (tmp_path / "flow.yaml").write_text(SORTING)
    bad, good = completion({"content": reply}), completion({"content": '```json\n{"n": 1}\n```'})

    mended = line.wf(tmp_path, "run", "flow.yaml", "--json", answers=[bad, bad, good])
    told = line.wf(tmp_path, "run", "flow.yaml", "--json", answers=[bad, bad, bad]).document["error"]

    assert mended.document["outputs"] == {"n": 1}, "a fence is taken off"
    assert told["type"] == "output_invalid"
    assert said in told["message"]


@pytest.mark.fault("L10")
def test_what_a_kill_lost_is_asked_once_more_and_told_as_unknown(tmp_path: Path) -> None:
    server = Sequel()
    server.answers = ["hang", (200, HELLO)]
    server.start()
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "OPENAI_API_KEY": KEY}
    environment["OPENAI_BASE_URL"] = server.base("v1")
    (tmp_path / "flow.yaml").write_text(FLOW.replace("MODEL", "openai/gpt-4o-mini").replace(SLOW, "timeout: 1m"))

    with subprocess.Popen([WF, "run", "flow.yaml", "--quiet"], cwd=tmp_path, env=environment) as killed:
        assert server.heard.asked.wait(60)
        killed.kill()
    done = process(tmp_path, "resume", "last", "--json", env=environment)
    shown = process(tmp_path, "show", "last", env=environment).stdout
    server.stop()

    assert done.document["outputs"] == {"said": "a green one"}
    assert len(server.heard.requests) == 2
    assert "cut off" in shown or "interrupted" in shown


@pytest.mark.fault("L12")
@pytest.mark.parametrize("model", ["openai/of-nobody", "mistral/of-nobody"])
def test_a_price_that_nobody_knows_is_null_and_no_zero(runs: Runs, line: Line, tmp_path: Path, model: str) -> None:
    told: Any = runs.run(model, HELLO).document

    assert (told["cost_usd"], told["tokens"]) == (None, 3000)
    assert "price unknown" in line.wf(tmp_path, "show", "last").stdout


@pytest.mark.fault("L12")
@WAYS
def test_a_use_that_nobody_counted_is_null_and_no_zero(runs: Runs, model: str) -> None:
    told: Any = runs.run(model, UNCOUNTED).document

    assert (told["cost_usd"], told["tokens"]) == (None, None)
