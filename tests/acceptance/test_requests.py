"""Requests through the front door: nodes, tools and agents that send them, what refuses them, what a kill leaves."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import started, wf, write
from tests.world.web import WebServer, serving

CANARY = "s3cret-t0ken-of-mine"


@pytest.fixture(scope="module")
def server() -> Iterator[WebServer]:
    with serving() as server:
        yield server


def flow(folder: Path, text: str, server: WebServer | None = None, name: str = "flow.yaml") -> Path:
    """A flow in a folder, in which HOST is the server's."""
    host = "shop.example" if server is None else server.host
    write(folder, name, f"wf: 1\nname: {name.partition('.')[0]}\n{text.replace('HOST', host)}\n")
    return folder


def outputs(folder: Path, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = wf(folder, "run", "flow.yaml", "--json", "--no-input", *words).document["outputs"]
    return found


def error(folder: Path, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = wf(folder, "run", "flow.yaml", "--json", "--no-input", *words, code=1).document["error"]
    return found


def test_a_node_sends_what_its_file_says_and_takes_its_answer_on(tmp_path: Path, server: WebServer) -> None:
    flow(
        tmp_path,
        """
permissions: {network: [HOST]}
inputs: {name: {type: string}}
nodes:
  ask:
    http:
      url: "http://HOST/items/{{ inputs.name }}?kept=a%20b&x={{ inputs.name }}"
      query: {tag: [a, 2, true], none: null, name: "{{ inputs.name }}"}
      json: {name: "{{ inputs.name }}", n: "{{ 1 + 1 }}"}
      headers: {X-Name: "{{ inputs.name }}"}
      output_schema: {type: object, required: [method]}
outputs: {seen: "{{ nodes.ask.output.json }}", status: "{{ nodes.ask.output.status }}"}""",
        server,
    )
    found = outputs(tmp_path, "-i", "name=a/../b?c&d=%41", "--run-id", "r1")
    quoted = "a%2F..%2Fb%3Fc%26d%3D%2541"
    path = f"/items/{quoted}?kept=a%20b&x={quoted}&tag=a&tag=2&tag=true&name=a%2F..%2Fb%3Fc%26d%3D%2541"
    assert (found["status"], found["seen"]["method"], found["seen"]["path"]) == (200, "POST", path)
    assert found["seen"]["body"] == '{"name": "a/../b?c&d=%41", "n": 2}'
    assert found["seen"]["headers"]["idempotency-key"] == "r1/ask"


@pytest.mark.parametrize("upwards", [".", ".."])
def test_what_is_filled_into_an_address_leads_nowhere_else(tmp_path: Path, server: WebServer, upwards: str) -> None:
    text = 'nodes: {ask: {http: {url: "http://HOST/a/{{ inputs.x }}/b"}}}'
    flow(tmp_path, f"permissions: {{network: [HOST]}}\ninputs: {{x: {{type: string}}}}\n{text}", server)
    found = error(tmp_path, "-i", f"x={upwards}")
    assert (found["type"], "would lead upwards" in found["message"]) == ("input_invalid", True)


def test_a_status_can_be_handled_by_what_it_is(tmp_path: Path, server: WebServer) -> None:
    flow(
        tmp_path,
        """
permissions: {network: [HOST]}
state: {seen: {type: array, default: []}}
nodes:
  ask:
    http: {url: "http://HOST/status/404"}
    on_error: [{when: error.details.status == 404, to: none_such}]
  none_such: {set: {seen: ["{{ nodes.ask.error.type }}", "{{ nodes.ask.error.details.body }}"]}, next: again}
  again: {http: {url: "http://HOST/status/503"}, retry: {max_attempts: 2, max_interval: 1ms}, on_error: continue}
outputs: {seen: "{{ state.seen }}", again: "{{ nodes.again.error.type }}"}""",
        server,
    )
    before = len(server.asked)
    assert outputs(tmp_path) == {"seen": ["tool_failed", '{"error": "so it is"}'], "again": "provider_unavailable"}
    assert [asked.path for asked in server.asked[before:]] == ["/status/404", "/status/503", "/status/503"]


TOOL = """
permissions: {network: [HOST]}
tools:
  find:
    description: Finds an item.
    http: {url: "http://HOST/items/{{ inputs.item }}", query: {n: "{{ inputs.n }}"}}
    inputs: {item: {type: string}, n: {type: integer, default: 3}}
"""


def test_a_tool_is_a_request_too(tmp_path: Path, server: WebServer) -> None:
    node = 'nodes: {ask: {tool: find, with: {item: "a b"}}}\noutputs: {path: "{{ nodes.ask.output.json.path }}"}'
    assert outputs(flow(tmp_path, TOOL + node, server)) == {"path": "/items/a%20b?n=3"}


def test_a_model_can_choose_what_a_tool_asks_and_not_where(tmp_path: Path, server: WebServer) -> None:
    flow(
        tmp_path,
        f"""{TOOL.rstrip()}
  visit: {{http: {{url: "{{{{ inputs.url }}}}"}}, inputs: {{url: {{type: string}}}}}}
nodes: {{ask: {{agent: {{model: openai/gpt-4o-mini, tools: [find, visit]}}, prompt: Go.}}}}
outputs: {{said: "{{{{ nodes.ask.output }}}}"}}""",
        server,
    )
    calls = [
        {"tool": "find", "with": {"item": "../../admin?x#y"}},
        {"tool": "visit", "with": {"url": "http://169.254.169.254/latest"}},
        {"tool": "visit", "with": {"url": "file:///etc/passwd"}},
    ]
    write(tmp_path, "m.yaml", f"ask: [{{tool_calls: {calls}}}, done]\n".replace("'", '"'))
    before = len(server.asked)
    assert outputs(tmp_path, "--mock", "m.yaml", "--run-id", "r") == {"said": "done"}
    assert [asked.path for asked in server.asked[before:]] == ["/items/..%2F..%2Fadmin%3Fx%23y?n=3"]
    shown = wf(tmp_path, "show", "r", "--json").stdout
    assert "host '169.254.169.254' is not permitted" in shown


def test_hosts_that_a_file_names_are_refused_with_the_line_to_add(tmp_path: Path) -> None:
    flow(
        tmp_path,
        """permissions: {network: [shop.example, "*.api.example"], commands: [ls]}
tools: {t: {http: {url: "https://files.test:8443/x"}}}
nodes:
  a: {http: {url: "https://v1.api.example/{{ run.id }}"}, next: b}
  b: {http: {url: "https://shop.exampel/{{ run.id }}"}, next: c}
  c: {http: {url: "https://{{ run.id }}.example/"}}""",
    )
    added = "network: ['*.api.example', shop.example, shop.exampel, 'files.test:8443']"
    assert wf(tmp_path, "validate", "flow.yaml", code=2).stderr == (
        "flow.yaml:4:25: error: host 'files.test:8443' is not permitted\n"
        '  tools: {t: {http: {url: "https://files.test:8443/x"}}}\n'
        "                          ^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        f"  help: add it: permissions: {{commands: [ls], {added}}}\n"
        "flow.yaml:7:19: error: host 'shop.exampel' is not permitted; did you mean 'shop.example'?\n"
        '    b: {http: {url: "https://shop.exampel/{{ run.id }}"}, next: c}\n'
        "                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        f"  help: add it: permissions: {{commands: [ls], {added}}}\n"
    )
    wf(tmp_path, "validate", "flow.yaml", "--allow", "network:files.test:8443", "--allow", "network:shop.exampel")


def test_a_called_workflow_asks_only_what_its_caller_may_too(tmp_path: Path, server: WebServer) -> None:
    url = 'inputs: {host: {type: string}}\nnodes: {ask: {http: {url: "http://{{ inputs.host }}/a"}}}'
    flow(tmp_path, f'permissions: {{network: [127.0.0.1, "*.example"]}}\n{url}', name="child.yaml")
    caller = "nodes: {call: {workflow: child.yaml, with: {host: HOST}}}"
    flow(tmp_path, f"permissions: {{network: [a.example]}}\n{caller}", server)
    found = error(tmp_path)["details"]["error"]
    assert found["type"] == "permission_denied"
    assert f"add it under permissions of flow.yaml: network: [a.example, '{server.host}']" in found["message"]
    flow(tmp_path, f"permissions: {{network: [HOST]}}\n{caller}", server)
    assert outputs(tmp_path) == {}
    flow(tmp_path, 'permissions: {network: []}\nnodes: {ask: {http: {url: "http://a.example/"}}}', name="child.yaml")
    assert "host 'a.example' is not permitted" in wf(tmp_path, "validate", "flow.yaml", code=2).stderr


def test_a_secret_stands_in_a_header_and_comes_back_masked(tmp_path: Path, server: WebServer) -> None:
    flow(
        tmp_path,
        """
permissions: {network: [HOST], env: [TOKEN]}
inputs: {token: {type: string, secret: true, env: TOKEN}}
nodes:
  ask: {http: {url: "http://HOST/a", headers: {Authorization: "Bearer {{ inputs.token }}"}}}
outputs: {seen: "{{ nodes.ask.output.json.headers.authorization }}"}""",
        server,
    )
    done = wf(tmp_path, "run", "flow.yaml", "--json", "--run-id", "r", environment={"TOKEN": CANARY})
    assert server.asked[-1].headers["authorization"] == f"Bearer {CANARY}"
    assert done.document["outputs"]["seen"].startswith("Bearer ⟦secret:token:")
    sinks = (tmp_path / ".wf").glob("wf.db*")
    assert not any(CANARY.encode() in path.read_bytes() for path in sinks)
    assert CANARY not in done.stdout + wf(tmp_path, "logs", "r", "--json").stdout


def test_requests_have_scripted_replies(tmp_path: Path) -> None:
    node = """nodes:
  one: {http: {url: "https://shop.example/1", output_schema: {type: object}}, next: two}
  two: {tool: find, with: {item: x}, next: three}
  three: {http: {url: "https://shop.example/3"}, on_error: continue}
outputs:
  told: ["{{ nodes.one.output.json.n }}", "{{ nodes.two.output.body }}", "{{ nodes.three.error.details.status }}"]"""
    flow(tmp_path, TOOL + node)
    write(tmp_path, "m.yaml", "one: [{json: {n: 1}}]\ntwo: [text]\nthree: [{status: 410, body: gone}]\n")
    assert outputs(tmp_path, "--mock", "m.yaml") == {"told": [1, "text", 410]}
    write(tmp_path, "m.yaml", "one: [{json: 5}]\ntwo: [text]\nthree: [gone]\n")
    assert error(tmp_path, "--mock", "m.yaml")["type"] == "output_invalid"
    write(tmp_path, "m.yaml", "one: [{stdout: x}]\n")
    assert "a request's is text, {status: …" in error(tmp_path, "--mock", "m.yaml")["message"]


def test_an_answer_that_is_recorded_is_not_asked_for_again(tmp_path: Path, server: WebServer) -> None:
    """Killed while the second request is under way: the first is not sent again, the second with the same key."""
    flow(
        tmp_path,
        """
permissions: {network: [HOST]}
nodes:
  pay: {http: {url: "http://HOST/pay", method: POST}, next: tell}
  tell: {http: {url: "http://HOST/second", method: POST}}
outputs: {paid: "{{ nodes.pay.output.status }}", told: "{{ nodes.tell.output.status }}"}""",
        server,
    )
    before = len(server.asked)
    with started(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input") as running:
        while len(server.asked) < before + 2:
            assert server.was_asked.wait(30)
            server.was_asked.clear()
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
    done = wf(tmp_path, "resume", "r", "--json", "--no-input").document
    assert done["outputs"] == {"paid": 200, "told": 200}
    asked = [(asked.path, asked.headers["idempotency-key"]) for asked in server.asked[before:]]
    assert asked == [("/pay", "r/pay"), ("/second", "r/tell"), ("/second", "r/tell")]


def test_what_is_denied_is_not_asked_and_what_is_asked_is_in_the_trail(tmp_path: Path, server: WebServer) -> None:
    """Be it denied by the name that the file has, or by the address that this leads to."""
    there = f"localhost:{server.host.rpartition(':')[2]}"
    ask = (
        f'permissions: {{network: ["{there}", 127.0.0.1]}}\nnodes: {{ask: {{http: {{url: "http://{there}/items/1"}}}}}}'
    )
    flow(tmp_path, ask)
    wf(tmp_path, "run", "flow.yaml", "--no-input", "--run-id", "asked")
    assert f"allowed http {there}" in wf(tmp_path, "audit", "asked").stdout
    refused = wf(tmp_path, "run", "flow.yaml", "--no-input", "--deny", f"network:{there}", code=2)
    assert "it is denied by --deny" in refused.stderr
    wf(tmp_path, "run", "flow.yaml", "--no-input", "--run-id", "denied", "--deny", "network:127.0.0.1", code=1)
    assert f"refused http {there}: host" in wf(tmp_path, "audit", "denied").stdout
