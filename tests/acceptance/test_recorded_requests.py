"""Cassettes of what else than models and tools decides a run: requests, people's approvals, checks after a crash."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.command_line import Done, wf, write
from tests.acceptance.test_approvals import answer, paid, project
from tests.acceptance.test_approvals import pay as paying
from tests.acceptance.test_cassettes import OTHER, TOKEN, replay, tape, told
from tests.acceptance.test_effects import effects, killed
from tests.acceptance.test_mcp import flow as served
from tests.acceptance.test_mcp import starts
from tests.world.web import WebServer, serving

FLOW = """
wf: 1
name: shop
inputs: {token: {type: string, secret: true}}
permissions: {network: [HOST]}
tools: {find: {http: {url: "http://HOST/items/{{ inputs.item }}"}, inputs: {item: {type: string}}}}
nodes:
  order:
    http:
      url: "http://HOST/orders"
      headers: {Authorization: "Bearer {{ inputs.token }}"}
      query: {key: "{{ inputs.token }}"}
      json: {item: tea, token: "{{ inputs.token }}"}
      output_schema: {type: object, required: [method]}
    next: find
  find: {tool: find, with: {item: a b}, next: busy}
  busy: {http: {url: "http://HOST/status/503"}, retry: {max_attempts: 2, initial_interval: 1ms}, on_error: continue}
outputs:
  seen: "{{ nodes.order.output }}"
  path: "{{ nodes.find.output.json.path }}"
  busy: "{{ nodes.busy.error.details.status }}"
"""


@pytest.fixture
def server() -> Iterator[WebServer]:
    with serving() as server:
        yield server


def recorded(folder: Path, server: WebServer) -> Done:
    write(folder, "flow.yaml", FLOW.replace("HOST", server.host))
    return wf(folder, "run", "flow.yaml", "--json", "--record", "tape.yaml", "-i", f"token={TOKEN}")


def test_requests_are_recorded_and_replayed_without_a_server(tmp_path: Path, server: WebServer) -> None:
    done = recorded(tmp_path, server)
    assert (done.document["outputs"]["path"], done.document["outputs"]["busy"]) == ("/items/a%20b", 503)
    assert len(server.asked) == 4
    assert [call["call"] for call in tape(tmp_path)["calls"]] == ["http"] * 4

    assert told(replay(tmp_path)) == told(done)
    assert len(server.asked) == 4


def test_no_secret_of_a_request_is_in_its_cassette(tmp_path: Path, server: WebServer) -> None:
    done = recorded(tmp_path, server)
    assert server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
    text = (tmp_path / "tape.yaml").read_text()

    assert TOKEN not in text
    assert base64.b64encode(TOKEN.encode()).decode() not in text
    assert tape(tmp_path)["calls"][0]["asked"]["headers"] == {"Authorization": "Bearer ⟦secret:token⟧"}
    assert told(replay(tmp_path, token=OTHER)) == told(done)


def test_a_secret_in_an_address_is_replayed_with_another(tmp_path: Path, server: WebServer) -> None:
    in_address = '"http://HOST/orders/{{ inputs.token }}?key={{ inputs.token }}"'
    write(tmp_path, "flow.yaml", FLOW.replace('"http://HOST/orders"', in_address).replace("HOST", server.host))
    done = wf(tmp_path, "run", "flow.yaml", "--json", "--record", "tape.yaml", "-i", f"token={TOKEN}")

    address = f"http://{server.host}/orders/⟦secret:token⟧?key=⟦secret:token⟧"
    assert tape(tmp_path)["calls"][0]["asked"]["url"] == address
    assert told(replay(tmp_path, token=OTHER)) == told(done)


def test_a_request_that_a_cassette_does_not_hold_is_not_sent(tmp_path: Path, server: WebServer) -> None:
    recorded(tmp_path, server)
    write(tmp_path, "flow.yaml", FLOW.replace("item: tea", "item: cake").replace("HOST", server.host))

    prompt = replay(tmp_path, code=3).document["waiting"][0]["prompt"]
    assert "'order' asks for something else than it did" in prompt
    assert "-  - item: tea" in prompt
    assert "+  - item: cake" in prompt
    assert len(server.asked) == 4


def test_a_replay_asks_for_approval_as_the_run_did(tmp_path: Path) -> None:
    project(tmp_path, paying(5))
    wf(tmp_path, "run", "flow.yaml", "--mock", "mock.yaml", "--no-input", "--run-id", "r", code=3)
    answer(tmp_path, "go/ask#2", "approve", "--resume")
    wf(tmp_path, "export", "r", "--cassette", "-o", "tape.yaml")
    calls = [entry["step"] for entry in tape(tmp_path)["calls"] if "call" in entry]
    assert calls == ["go/call#1", "go/call#2", "go/call#3"]

    wf(tmp_path, "run", "flow.yaml", "--replay", "tape.yaml", "--no-input", "--run-id", "s", code=3)
    said = wf(tmp_path, "answer", "s", "go/ask#2", "approve", "--resume").stdout
    assert "said: done" in said
    assert paid(tmp_path) == ["5 nobody"]


CHECKED = """
wf: 1
name: shop
permissions: {python: [bank.py]}
tools:
  find: {python: bank.py:find}
  charge: {python: bank.py:charge}
nodes:
  pay:
    tool: charge
    with: {amount: 7}
    on_crash: {check: {tool: find, with: {key: "{{ idempotency_key }}", output: {given: checked}}}}
outputs: {paid: "{{ nodes.pay.output }}"}
"""


def test_a_call_that_its_check_ended_is_replayed_as_one_call(tmp_path: Path) -> None:
    killed(tmp_path, CHECKED)
    assert "paid: checked" in wf(tmp_path, "resume", "r", "--record", "tape.yaml").stdout
    assert [(call["step"], call["gave"]) for call in tape(tmp_path)["calls"]] == [("pay", "checked")]

    assert "paid: checked" in wf(tmp_path, "run", "flow.yaml", "--replay", "tape.yaml").stdout
    assert effects(tmp_path) == ["r/pay"]


def test_calls_of_a_server_are_replayed_without_it_however_it_was_reached(tmp_path: Path) -> None:
    text = "nodes: {a: {tool: s/echo, with: {text: hi}}}\noutputs: {out: '{{ nodes.a.output }}'}"
    served(tmp_path, text)
    done = wf(tmp_path, "run", "flow.yaml", "--json", "--record", "tape.yaml")
    begun = starts(tmp_path)
    assert [call["call"] for call in tape(tmp_path)["calls"]] == ["mcp"]

    served(tmp_path, text, "--of-another-kind")
    replayed = wf(tmp_path, "run", "flow.yaml", "--json", "--replay", "tape.yaml")
    assert told(replayed) == told(done)
    assert starts(tmp_path) == begun


AGENT = """
wf: 1
name: shop
permissions: {python: [long.py]}
tools: {long: {python: "long.py:long"}}
agents: {clerk: {model: openai/gpt-4o-mini, tools: [long]}}
nodes: {go: {agent: clerk, prompt: Read.}}
outputs: {said: "{{ nodes.go.output }}"}
"""
LONG = 'def long() -> str:\n    """Is long."""\n    return "a line\\n" * 20000\n'


def test_a_long_output_is_replayed_as_a_model_was_told_it(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", AGENT)
    write(tmp_path, "long.py", LONG)
    write(tmp_path, "mock.yaml", "clerk: [{tool_calls: [{tool: long, with: {}}]}, done]")
    wf(tmp_path, "run", "flow.yaml", "--mock", "mock.yaml", "--run-id", "r")
    wf(tmp_path, "export", "r", "--cassette", "-o", "tape.yaml")
    kept = [file.name for file in (tmp_path / ".wf" / "kept").iterdir()]

    assert "said: done" in wf(tmp_path, "run", "flow.yaml", "--replay", "tape.yaml").stdout
    assert [file.name for file in (tmp_path / ".wf" / "kept").iterdir()] == kept


def test_the_list_of_a_servers_tools_is_replayed_too(tmp_path: Path) -> None:
    served(tmp_path, "agents: {b: {model: openai/gpt-4o-mini, tools: ['s/*']}}\nnodes: {a: {agent: b, prompt: Say.}}")
    write(tmp_path, "mock.yaml", "b: [{tool_calls: [{tool: s/echo, with: {text: hi}}]}, done]")
    wf(tmp_path, "run", "flow.yaml", "--mock", "mock.yaml", "--run-id", "r")
    wf(tmp_path, "export", "r", "--cassette", "-o", "tape.yaml")
    begun = starts(tmp_path)
    assert {call["call"] for call in tape(tmp_path)["calls"]} == {"model", "list_tools", "mcp"}

    wf(tmp_path, "run", "flow.yaml", "--replay", "tape.yaml")
    assert starts(tmp_path) == begun


def test_a_cassette_that_would_be_too_large_does_not_hide_that_the_run_is_recorded(tmp_path: Path) -> None:
    write(tmp_path, "big.py", 'def big() -> str:\n    """Is big."""\n    return "x" * 6_000_000\n')
    nodes = "{a: {tool: big, next: b}, b: {tool: big, next: c}, c: {tool: big}}"
    head = 'wf: 1\nname: big\npermissions: {python: [big.py]}\ntools: {big: {python: "big.py:big"}}\n'
    write(tmp_path, "flow.yaml", f"{head}nodes: {nodes}\noutputs: {{said: done}}\n")

    done = wf(tmp_path, "run", "flow.yaml", "--record", "tape.yaml", "--run-id", "r", "--quiet", code=5)
    assert done.stderr == (
        "error: run r is recorded, but the cassette would be larger than 16 MiB\n"
        "  help: wf show r tells what came of it\n"
    )
    assert wf(tmp_path, "show", "r", "--json").document["status"] == "completed"
