"""A real small model answers workflows, offline and without a key. What it says is not judged, only its form.

It runs where the model is installed: `make local`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from runner.world.providers.direct import Direct
from runner.world.providers.endpoints import Endpoint
from runner.world.providers.local import Local
from runner.world.providers.weights import lacking
from tests.acceptance.command_line import process

pytestmark = [
    pytest.mark.skipif(bool(lacking("smollm2")), reason=lacking("smollm2")),
    pytest.mark.xdist_group("local"),
]

FLOW = """
wf: 1
name: small
models: {fast: {model: openai/gpt-4o-mini, max_reply_tokens: 24, temperature: 0, timeout: 10m, idle_timeout: 5m}}
agents:
  sorter:
    model: fast
    output_schema:
      type: object
      properties: {kind: {enum: [bug, wish]}}
      required: [kind]
      additionalProperties: false
nodes:
  sort: {agent: sorter, prompt: "Bug or wish? It crashes."}
outputs: {kind: "{{ nodes.sort.output.kind }}", tokens: "{{ run.tokens }}", known: "{{ run.cost_known }}"}
"""


def offline(home: Path) -> dict[str, str]:
    """Nothing of the user's: no key, no settings."""
    return {"PATH": os.environ["PATH"], "HOME": str(home)}


@pytest.mark.fault("L14", "direct")
def test_a_small_model_in_process_answers_a_workflow_by_its_schema(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(FLOW)

    done = process(tmp_path, "run", "flow.yaml", "--model", "fast=local/smollm2", "--json", env=offline(tmp_path))

    told = done.document
    assert (told["status"], done.stderr) == ("completed", "")
    assert told["outputs"]["kind"] in {"bug", "wish"}
    assert told["outputs"]["known"] is True
    assert (told["tokens"] > 0, told["cost_usd"]) == (True, 0)


@pytest.fixture
def served() -> Iterator[tuple[str, str]]:
    """The model's server, as somebody else may have started it: its address, and its key."""
    local = Local(Direct())
    local.load(Endpoint("local/smollm2"))
    yield local.reached("smollm2")
    asyncio.run(local.close())


def test_only_who_has_the_key_of_this_run_is_answered(served: tuple[str, str]) -> None:
    base, _ = served
    assert base.startswith("http://127.0.0.1:")

    for headers in ({}, {"authorization": "Bearer guessed"}):
        assert httpx.post(f"{base}/chat/completions", headers=headers, json={"messages": []}).status_code == 401


@pytest.mark.fault("L14", "litellm")
def test_the_same_model_answers_through_litellm(tmp_path: Path, served: tuple[str, str]) -> None:
    base, key = served
    (tmp_path / "flow.yaml").write_text(FLOW.replace("openai/gpt-4o-mini", "mistral/mistral-small-latest"))

    done = process(
        *(tmp_path, "run", "flow.yaml", "--json"),
        env={**offline(tmp_path), "MISTRAL_API_BASE": base, "MISTRAL_API_KEY": key},
    )

    assert done.document["outputs"]["kind"] in {"bug", "wish"}
    assert done.document["tokens"] > 0
