"""Models as they are, through the whole of `wf`: a server on loopback answers what such servers do answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from runner.ground.json_value import Json
from tests.acceptance.command_line import Done, wf
from tests.project import ROOT
from tests.world.providers.server import Handler, Request, StubServer, completion

pytestmark = pytest.mark.xdist_group("litellm")

Answer = tuple[int, Json] | str
"""A status and a body, or how the server misbehaves: a mode of `StubServer`."""

KEY = "sk-of-a-test-only"
HELLO = completion({"content": "a green one"})
UNCOUNTED = completion({"content": "a green one"}, usage=None)


class Sequel(StubServer):
    """Gives the answers that a test puts in, in order; after them silence."""

    answers: list[Answer]

    def answer(self, handler: Handler, request: Request) -> None:
        if not self.answers:
            handler.hang()
            return
        answer = self.answers.pop(0)
        if isinstance(answer, str):
            handler.behave(answer)
        else:
            handler.send(*answer)


class Line:
    """Runs `wf` in a process of its own, with models at the server."""

    def __init__(self, folder: Path) -> None:
        self.server = Sequel()
        self.server.start()
        self._printed = folder / "printed"
        with self._printed.open("wb") as printed:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.acceptance.live_line"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=printed,
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], "HOME": str(folder)},
                text=True,
            )

    def wf(self, folder: Path, *words: str, answers: Sequence[Json | Answer] = ()) -> Done:
        self.server.heard.take()
        self.server.answers = [answer if isinstance(answer, tuple | str) else (200, answer) for answer in answers]
        environment = dict.fromkeys(("OPENAI_API_KEY", "MISTRAL_API_KEY"), KEY)
        environment |= dict.fromkeys(("OPENAI_BASE_URL", "MISTRAL_API_BASE"), self.server.base("v1"))
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps({"folder": str(folder), "words": words, "environment": environment}) + "\n")
        stdin.flush()
        line = stdout.readline()
        assert line, self._printed.read_text()
        return Done(*json.loads(line))

    @property
    def asked(self) -> list[Any]:
        return [request.body for request in self.server.heard.requests]

    def close(self) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()
        self.server.stop()
        return self._printed.read_text()


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """One process for all; nothing is printed past `wf`: no warning and no traceback of a library."""
    line = Line(tmp_path_factory.mktemp("line"))
    yield line
    assert line.close() == ""


Ask = Callable[..., Any]

FLOW = """
wf: 1
name: frogs
models:
  m: {model: openai/gpt-4o-mini, idle_timeout: 300ms}
  n: openai/gpt-4o
agents: {keeper: {model: m, fallback: [n]}}
nodes:
  ask: {agent: keeper, prompt: Which frog sings?, retry: {max_attempts: 2, initial_interval: 1ms}, timeout: 40s}
outputs: {said: "{{ nodes.ask.output }}"}
"""


@pytest.fixture
def ask(line: Line, tmp_path: Path) -> Ask:
    """Runs the flow against answers; what `--json` prints."""

    def run(*answers: Json | Answer, flow: str = FLOW, words: Sequence[str] = ()) -> Any:
        (tmp_path / "flow.yaml").write_text(flow)
        done = line.wf(tmp_path, "run", "flow.yaml", "--json", *words, answers=answers)
        assert (done.stderr, "Traceback" in done.stdout) == ("", False)
        return done.document

    return run


def shown(line: Line, folder: Path) -> str:
    return line.wf(folder, "show", "last").stdout


def test_unknown_usage_is_null_in_totals_and_told(ask: Ask, line: Line, tmp_path: Path) -> None:
    told = ask(UNCOUNTED)
    assert (told["status"], told["cost_usd"], told["tokens"]) == ("completed", None, None)
    assert "(openai/gpt-4o-mini: usage unknown)" in shown(line, tmp_path)
    assert "used      usage unknown" in shown(line, tmp_path)


def test_what_is_known_of_a_partly_unknown_usage_is_the_least(ask: Ask, line: Line, tmp_path: Path) -> None:
    twice = FLOW.replace("timeout: 40s}", "next: more}\n  more: {agent: keeper, prompt: And which croaks?}")
    told = ask(HELLO, UNCOUNTED, flow=twice)
    assert (told["cost_usd"], told["tokens"]) == (None, None)
    assert "used      ≥ 3000 tokens, the usage of a call is unknown" in shown(line, tmp_path)
    assert ask(HELLO, HELLO, flow=twice)["tokens"] == 6000


def test_expressions_see_whether_the_cost_is_known(ask: Ask) -> None:
    flow = FLOW.replace("outputs: {said", "outputs: {known: '{{ run.cost_known }}', tokens: '{{ run.tokens }}', said")
    assert ask(UNCOUNTED, flow=flow)["outputs"] == {"known": False, "tokens": 0, "said": "a green one"}
    assert ask(HELLO, flow=flow)["outputs"] == {"known": True, "tokens": 3000, "said": "a green one"}


def test_a_text_that_its_bound_cut_completes_with_a_warning(ask: Ask, line: Line, tmp_path: Path) -> None:
    told = ask(completion({"content": "Once upon"}, "length"))
    assert (told["status"], told["outputs"]) == ("completed", {"said": "Once upon"})
    assert "warning: max_reply_tokens cut this reply: raise it, or ask for less" in shown(line, tmp_path)


def test_why_another_model_was_asked_is_told(ask: Ask, line: Line, tmp_path: Path) -> None:
    told = ask((404, {"error": {"message": "retired", "code": "model_not_found"}}), HELLO)
    assert (told["status"], [body["model"] for body in line.asked]) == ("completed", ["gpt-4o-mini", "gpt-4o"])
    why = "instead of openai/gpt-4o-mini, which failed: request_refused: openai/gpt-4o-mini: the provider refused"
    assert f"{why} the request (404): retired" in shown(line, tmp_path)


def test_an_error_in_a_success_is_retried_as_its_code_says(ask: Ask, line: Line) -> None:
    busy = {"error": {"code": 429, "message": "slow down"}}
    assert ask(busy, HELLO)["outputs"] == {"said": "a green one"}
    assert [body["model"] for body in line.asked] == ["gpt-4o-mini"] * 2
    broke = {"error": {"code": 402, "message": "top up"}}
    assert ask(broke, HELLO)["outputs"] == {"said": "a green one"}
    assert [body["model"] for body in line.asked] == ["gpt-4o-mini", "gpt-4o"]
    failed = ask(broke, broke)["error"]
    assert (failed["type"], failed["details"]) == ("credit_exhausted", {"status": 402, "source": "provider"})


def test_a_server_that_says_nothing_is_given_up_by_the_models_own_bound(ask: Ask) -> None:
    flow = FLOW.replace(", fallback: [n]", "").replace("max_attempts: 2", "max_attempts: 1")
    told = ask(flow=flow)
    assert (told["error"]["type"], told["tokens"]) == ("timeout", None)
    assert "sent nothing for the time of its idle_timeout" in told["error"]["message"]
    told = ask(flow=flow.replace("idle_timeout: 300ms", "timeout: 300ms"))
    assert (told["error"]["type"], told["error"]["message"]) == ("timeout", "no end after 0.3 s")


def test_a_missing_key_is_told_before_anything_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(FLOW.replace(", fallback: [n]", ""))
    environment = {"OPENAI_API_KEY": "", "GITHUB_ACTIONS": ""}
    done = wf(tmp_path, "run", "flow.yaml", "--json", code=2, environment=environment)
    assert done.stderr.splitlines()[0] == (
        "flow.yaml:9:3: error: openai/gpt-4o-mini needs a key: set OPENAI_API_KEY, or run offline: --mock FILE"
    )
    assert done.document["status"] == "invalid"
    assert not (tmp_path / ".wf").exists()


def test_the_timeout_of_an_agent_bounds_its_whole_visit(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text("""
wf: 1
name: slow
permissions: {commands: [sh]}
tools: {hold: {command: [sh, -c, "while :; do :; done & wait"]}}
agents: {a: {model: openai/gpt-4o-mini, tools: [hold]}}
nodes: {ask: {agent: a, prompt: Wait., timeout: 500ms, retry: 5}}
""")
    (tmp_path / "mock.yaml").write_text("ask: [{tool_calls: [{tool: hold}]}, {repeat: done}]\n")
    done = wf(tmp_path, "run", "flow.yaml", "--mock", "mock.yaml", "--json", code=1)
    error = done.document["error"]
    assert (error["type"], error["step"], error["attempt"]) == ("timeout", "ask", 1)
