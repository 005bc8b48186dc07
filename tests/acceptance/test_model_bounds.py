"""`max_concurrency`, `rpm` and `tpm` of a model against a real server that counts what it is asked at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, BrokenBarrierError, Lock

import pytest

from tests.acceptance.command_line import wf
from tests.world.providers.server import Handler, Request, StubServer, completion

FLOW = """
wf: 1
name: many
models: {m: {model: openai/gpt-4o-mini, BOUNDS}}
agents: {k: {model: m}}
limits: {max_concurrency: 20}
nodes:
  each: {for_each: [1, 2, 3, 4, 5, 6, 7, 8, 9], do: {agent: k, prompt: "Say {{ item }}", timeout: 1m}}
outputs: {said: "{{ nodes.each.output }}"}
"""


class Counting(StubServer):
    """Answers once `most` requests are there together, and counts how many there ever are."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = 0
        self._here = 0
        self._lock = Lock()
        self._together = Barrier(most)

    def answer(self, handler: Handler, request: Request) -> None:
        with self._lock:
            self._here += 1
            self.most = max(self.most, self._here)
        try:
            self._together.wait(20)
        except BrokenBarrierError:
            handler.send(500, {})
            return
        with self._lock:
            self._here -= 1
        handler.send(200, completion({"content": request.body["messages"][0]["content"]}))


@pytest.fixture
def server() -> Iterator[Counting]:
    server = Counting(3)
    server.start()
    yield server
    server.stop()


def environment(server: StubServer) -> dict[str, str]:
    return {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": server.base("v1"), "GITHUB_ACTIONS": ""}


def test_a_server_is_never_asked_more_at_once_than_its_model_says(tmp_path: Path, server: Counting) -> None:
    (tmp_path / "flow.yaml").write_text(FLOW.replace("BOUNDS", "max_concurrency: 3"))

    done = wf(tmp_path, "run", "flow.yaml", "--json", environment=environment(server))

    assert done.document["outputs"] == {"said": [f"Say {number}" for number in range(1, 10)]}
    assert server.most == 3, "as many as may, and no more"
    assert len(server.heard.requests) == 9


def test_who_waits_longer_than_the_wait_limit_pauses_and_goes_on_once_its_turn_has_come(
    tmp_path: Path, server: Counting
) -> None:
    (tmp_path / "flow.yaml").write_text(FLOW.replace("BOUNDS", "rpm: 3"))

    paused = wf(tmp_path, "run", "flow.yaml", "--json", "--wait-limit", "1s", code=3, environment=environment(server))

    waiting = paused.document["waiting"]
    assert [(one["step"], one["kind"]) for one in waiting] == [(f"each[{n}]/call#1", "turn") for n in range(3, 9)]
    assert waiting[0]["prompt"] == "openai/gpt-4o-mini: as many calls as its rpm allows began within a minute"
    again = wf(tmp_path, "resume", "last", "--wait-limit", "1s", code=3, environment=environment(server))
    assert len(server.heard.requests) == 3, "the minute is that of the record, whoever goes on"
    said = "6 calls waiting for a turn, first each[3]/call#1: openai/gpt-4o-mini: as many calls as its rpm allows"
    assert said in again.stderr
    assert f"\n  wf resume {paused.document['run']}" in again.stderr
    shown = wf(tmp_path, "show", "last").stdout
    assert "each[3]/call#1" in shown


def test_events_tell_who_waits_and_for_which_model(tmp_path: Path, server: Counting) -> None:
    (tmp_path / "flow.yaml").write_text(FLOW.replace("BOUNDS", "max_concurrency: 3"))

    done = wf(tmp_path, "run", "flow.yaml", "--events", environment=environment(server))

    events = [json.loads(line) for line in done.stdout.splitlines()]
    waits = [event for event in events if event["type"] == "step_waiting"]
    assert {(event["kind"], event["line"]) for event in waits} == {("turn", "openai/gpt-4o-mini")}
    assert len(waits) == 6


def test_scripted_replies_wait_for_no_turn(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(FLOW.replace("BOUNDS", "max_concurrency: 1, rpm: 1, tpm: 1"))
    (tmp_path / "mock.yaml").write_text("k: [{repeat: hi}]\n")

    done = wf(tmp_path, "run", "flow.yaml", "--json", "--mock", "mock.yaml", "--wait-limit", "1s")

    assert done.document["status"] == "completed"


@pytest.mark.parametrize("bound", ["rpm: 0", "max_concurrency: 0", "tpm: -1", "rpm: 1.5", "rpm: fast"])
def test_what_is_no_bound_is_refused_at_its_place(tmp_path: Path, bound: str) -> None:
    (tmp_path / "flow.yaml").write_text(FLOW.replace("BOUNDS", bound))

    done = wf(tmp_path, "validate", "flow.yaml", code=2)

    assert done.stderr.startswith("flow.yaml:4:41: error: ") or done.stderr.startswith("flow.yaml:4:"), done.stderr
