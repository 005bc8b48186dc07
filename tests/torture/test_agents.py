"""A run of agents is killed as it asks a model or a tool, and resumed: what was answered is not asked or paid again.

A server on loopback plays the models, and what their tools ask for. Some requests it holds when they come for the first
time: whoever asked is killed (SIGKILL) then.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from subprocess import Popen
from threading import Lock
from typing import Any

import pytest

from runner.ground.json_value import Json
from tests.acceptance.command_line import Done, ended, started, wf, write
from tests.torture.conftest import Share
from tests.world.providers.server import Handler, Request, StubServer, completion, tool_calls

Play = Callable[[list[Any]], Json]
"""What a model says to a conversation."""


class Sage(StubServer):
    """Plays `models`; tools ask under `/tool`. `answered` are the requests that it has answered, in order.

    Of the requests that it `holds` it answers none that comes for the first time.
    """

    def __init__(self, models: Mapping[str, Play], holds: frozenset[str]) -> None:
        super().__init__()
        self.answered: list[str] = []
        self.held: Queue[str] = Queue()
        self._models = models
        self._holds = set(holds)
        self._lock = Lock()

    def answer(self, handler: Handler, request: Request) -> None:
        body = request.body
        is_tool = request.path.startswith("/tool")
        asked = json.dumps(["tool", body] if is_tool else [body["model"], body["messages"]])
        with self._lock:
            is_held = asked in self._holds
            self._holds.discard(asked)
            self.answered += [] if is_held else [asked]
        if is_held:
            self.held.put(asked)
            handler.hang()
        elif is_tool:
            handler.send(200, {"seen": body})
        else:
            handler.send(200, completion(*_message(self._models[body["model"]](body["messages"]))))

    def comes_to_hold(self, running: Popen[str]) -> bool:
        """Wait until it holds a request, or the process has ended."""
        while running.poll() is None:
            try:
                self.held.get(timeout=0.05)
            except Empty:
                continue
            return True
        return False


def _message(said: Json) -> tuple[Json, str]:
    if isinstance(said, str):
        return {"content": said}, "stop"
    return {"content": None, "tool_calls": tool_calls((said["tool"], json.dumps(said["with"])))}, "tool_calls"


def number_of(messages: list[Any]) -> int:
    """How far a model is: what it counted in the last call that it made, though the earlier ones be summed up."""
    calls = [message["tool_calls"][0] for message in messages if message.get("tool_calls")]
    found = re.search(r"\d+", calls[-1]["function"]["arguments"]) if calls else None
    return int(found.group()) if found else 0


def step(number: int, whose: str) -> Json:
    return {"tool": "step", "with": {"n": number, "whose": whose}}


def given(messages: list[Any]) -> str:
    return next(str(message["content"]) for message in reversed(messages) if message["role"] == "user")


TOOLS = """
import json, os, urllib.request


def step(n: int, whose: str) -> dict:
    request = urllib.request.Request(os.environ["SERVER"] + "/tool", json.dumps([n, whose]).encode())
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)
"""
HEAD = """
wf: 1
name: killed
permissions: {python: [tools.py], env: [SERVER]}
tools: {step: {python: "tools.py:step", env: [SERVER]}}
"""
TWELVE = """
agents: {lead: {model: openai/lead, tools: [step]}}
nodes: {ask: {agent: lead, prompt: Take twelve steps}}
outputs: {said: "{{ nodes.ask.output }}"}
"""
TEAM = """
agents:
  lead: {model: openai/lead, agents: [worker]}
  worker:
    {model: openai/worker, tools: [step], agents: [clerk], context: {summary: {model: openai/teller, over: 4}}}
  clerk: {model: openai/clerk, tools: [step]}
nodes: {ask: {agent: lead, prompt: Get it done}}
outputs: {said: "{{ nodes.ask.output }}"}
"""


def twelve_steps(messages: list[Any]) -> Json:
    number = number_of(messages) + 1
    return step(number, "lead") if number <= 12 else "done"


def one_task(messages: list[Any]) -> Json:
    return {"tool": "agent__worker", "with": {"task": "task 1"}} if not number_of(messages) else "done"


def working(messages: list[Any]) -> Json:
    number, task = number_of(messages) + 1, given(messages)
    if number > 4:
        return f"{task} is done"
    return {"tool": "agent__clerk", "with": {"task": f"look {number}"}} if number == 3 else step(number, task)


def looking(messages: list[Any]) -> Json:
    number = number_of(messages) + 1
    return step(number, given(messages)) if number <= 2 else "seen"


def telling(_messages: list[Any]) -> Json:
    return "what came before"


FLOWS: dict[str, tuple[str, dict[str, Play]]] = {
    "twelve turns": (TWELVE, {"lead": twelve_steps}),
    "two deep, with summaries": (
        TEAM,
        {"lead": one_task, "worker": working, "clerk": looking, "teller": telling},
    ),
}
REQUESTS = {"twelve turns": 25, "two deep, with summaries": 17}


@contextmanager
def asking(folder: Path, flow: str, holds: frozenset[str] = frozenset()) -> Iterator[Sage]:
    """A folder with the flow, whose models and tools are asked of a server."""
    text, models = FLOWS[flow]
    server = Sage(models, holds)
    server.start()
    folder.mkdir()
    write(folder, "tools.py", TOOLS)
    write(folder, "flow.yaml", HEAD + text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "sk-of-a-test-only")
        patch.setenv("OPENAI_BASE_URL", server.base("v1"))
        patch.setenv("SERVER", f"http://127.0.0.1:{server.server_port}")
        yield server
    server.stop()


def killed_and_resumed(folder: Path, server: Sage) -> tuple[int, Done]:
    """Run the flow, and resume it, killed whenever the server holds a request; how often it was, and how it ended."""
    kills, words = 0, ["run", "flow.yaml", "--run-id", "r", "--json"]
    while True:
        with started(folder, *words) as running:
            if not server.comes_to_hold(running):
                return kills, ended(running)
            running.kill()
            running.wait()
        kills, words = kills + 1, ["resume", "r", "--json"]


@pytest.mark.row("R30", parts=2)
@pytest.mark.parametrize("flow", FLOWS)
def test_what_was_answered_before_a_kill_is_not_asked_or_paid_again(share: Share, place: Path, flow: str) -> None:
    with asking(place / "whole", flow) as undisturbed:
        wf(place / "whole", "run", "flow.yaml")
    answered = undisturbed.answered
    assert (len(answered), len(set(answered))) == (REQUESTS[flow], REQUESTS[flow])
    for held in share.of([*({one} for one in answered), set(answered)], sample=2):
        folder = place / f"held {len(held)}, {answered.index(min(held, key=answered.index))}"
        with asking(folder, flow, frozenset(held)) as server:
            kills, done = killed_and_resumed(folder, server)
        assert (done.code, done.document.get("outputs")) == (0, {"said": "done"}), done
        assert (kills, server.answered) == (len(held), answered)
        check_record(folder, answered, kills)


def check_record(folder: Path, answered: list[str], kills: int) -> None:
    """Each model call is paid once, and each call that a kill cut off tells so."""
    shown = wf(folder, "show", "r", "--json").document
    models = [asked for asked in answered if not asked.startswith('["tool"')]
    assert [call["status"] for call in shown["model_calls"]] == ["completed"] * len(models)
    assert sum(call["prompt_tokens"] for call in shown["model_calls"]) == 1000 * len(models)
    assert Counter(row["status"] for row in shown["attempts"])["interrupted"] == kills
