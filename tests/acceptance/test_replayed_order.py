"""A replay keeps the order in which things ended where that decides: among calls, waits, timeouts and commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.command_line import wf, write
from tests.acceptance.test_cassettes import told
from tests.world.providers.server import Handler, Request, StubServer, completion

HEAD = """
wf: 1
name: order
models: {m: openai/gpt-4o-mini}
permissions: {commands: [sh]}
agents: {a: {model: m}}
outputs: {won: "{{ nodes.fan.output }}", error: "{{ nodes.fan.error }}"}
nodes:
  fan:
    on_error: continue
"""
FLOWS = {
    "a wait ends before a call": """
    parallel:
      wait: {wait: 200ms}
      call: {agent: a, prompt: "0.6"}
      late: {agent: a, prompt: "0.9"}
    complete_when: "has(results.call) ? size(results) == 1 : size(results) == 3"
""",
    "a command ends before a call": """
    parallel:
      command: {command: [sh, -c, sleep 0.2]}
      call: {agent: a, prompt: "0.6"}
      late: {agent: a, prompt: "0.9"}
    complete_when: "has(results.call) ? size(results) == 1 : size(results) == 3"
""",
    "a wait is first": """
    parallel: {wait: {wait: 200ms}, call: {agent: a, prompt: "20"}}
    join: any
""",
    "a call is first, of those that stand behind others": """
    parallel: {one: {agent: a, prompt: "0.5"}, two: {agent: a, prompt: "0.3"}, three: {agent: a, prompt: "0.1"}}
    join: any
""",
    "a timeout cuts calls off": """
    parallel: {one: {agent: a, prompt: "20"}, two: {agent: a, prompt: "0"}}
    timeout: 400ms
""",
    "few run at once": """
    for_each: "['0.4', '0.1', '0.3', '0']"
    as: pause
    max_concurrency: 2
    do: {agent: a, prompt: "{{ pause }}"}
    complete_when: size(results) == 3
""",
}


class Patient(StubServer):
    """Answers after as many seconds as the prompt says."""

    def answer(self, handler: Handler, request: Request) -> None:
        prompt = request.body["messages"][-1]["content"]
        self.heard.over.wait(float(prompt))
        handler.send(200, completion({"content": f"after {prompt}"}))


@pytest.fixture(scope="module")
def live() -> Iterator[dict[str, str]]:
    server = Patient()
    server.start()
    yield {"OPENAI_API_KEY": "sk-of-a-test-only", "OPENAI_BASE_URL": server.base("v1")}
    server.stop()


@pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS.keys())
def test_a_replay_keeps_the_order(tmp_path: Path, live: dict[str, str], flow: str) -> None:
    write(tmp_path, "flow.yaml", HEAD + flow.rstrip())
    recorded = wf(tmp_path, "run", "flow.yaml", "--record", "tape.yaml", "--json", environment=live)
    for _ in range(3):
        replayed = wf(tmp_path, "run", "flow.yaml", "--replay", "tape.yaml", "--json")
        assert told(replayed) == told(recorded)
