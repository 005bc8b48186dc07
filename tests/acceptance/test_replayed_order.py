"""A replay keeps the order in which things ended where that decides: among calls, waits, timeouts and commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
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
      wait: {wait: {for: 200ms}}
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
    "a command is quicker than it was": """
    parallel:
      wait: {wait: {for: 400ms}}
      command: {command: [sh, -c, "test -f ran || sleep 0.8; touch ran"]}
      late: {agent: a, prompt: "1.2"}
    complete_when: "has(results.command) ? size(results) == 1 : size(results) == 3"
""",
    "a wait is first": """
    parallel: {wait: {wait: {for: 200ms}}, call: {agent: a, prompt: "20"}}
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

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of those who were cut off."""

    def answer(self, handler: Handler, request: Request) -> None:
        prompt = request.body["messages"][-1]["content"]
        self.heard.over.wait(float(prompt))
        with suppress(OSError):  # whoever asked has been cut off
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


def test_what_a_changed_file_does_not_do_any_more_is_not_waited_for(tmp_path: Path, live: dict[str, str]) -> None:
    fan = '    parallel: {one: {agent: a, prompt: "0.1"}, two: {agent: a, prompt: "0.3"}}'
    write(tmp_path, "flow.yaml", HEAD + fan)
    wf(tmp_path, "run", "flow.yaml", "--record", "tape.yaml", environment=live)
    write(tmp_path, "flow.yaml", HEAD + fan.replace('one: {agent: a, prompt: "0.1"}, ', ""))
    done = wf(tmp_path, "run", "flow.yaml", "--replay", "tape.yaml", "--json")
    assert done.document["outputs"]["won"] == {"two": "after 0.3"}


def test_a_call_that_was_cut_off_has_no_reply_where_nothing_cuts_it_off(tmp_path: Path, live: dict[str, str]) -> None:
    write(
        tmp_path,
        "flow.yaml",
        HEAD + '    parallel: {one: {agent: a, prompt: "0.1"}, two: {agent: a, prompt: "20"}}\n    join: any',
    )
    wf(tmp_path, "run", "flow.yaml", "--record", "tape.yaml", environment=live)
    write(tmp_path, "flow.yaml", (tmp_path / "flow.yaml").read_text().replace("join: any", "join: all"))
    waiting = wf(tmp_path, "run", "flow.yaml", "--replay", "tape.yaml", "--json", code=3).document["waiting"]
    assert [(one["step"], one["prompt"]) for one in waiting] == [
        (
            "fan/two/call#1",
            "tape.yaml does not hold this call: 'fan/two/call#1' was cut off there by what did not happen here: "
            "nothing came of it",
        )
    ]
