"""MCP servers that are not ours, by both versions of the protocol, over pipes and over HTTP."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import wf, write
from tests.project import ROOT, make_repository
from tests.world.web import WebServer, serving

TESTS = Path(__file__).parent.parent
PYTHON = sys.executable
BIN = Path(PYTHON).parent
SERVER = str(TESTS / "mcp_server.py")
RELAY = [PYTHON, str(TESTS / "mcp_relay.py")]
CANARY = "s3cret-t0ken-of-mine"

NEW, OLD = "2026-07-28", "2025-11-25"
VERSIONS = pytest.mark.parametrize("before", [[], RELAY], ids=[NEW, OLD])


@pytest.fixture(scope="module")
def port() -> Iterator[str]:
    with subprocess.Popen([PYTHON, SERVER, "http"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.kill()


@pytest.fixture(scope="module")
def old_port() -> Iterator[str]:
    with subprocess.Popen([PYTHON, SERVER, "http", "old"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.kill()


@pytest.fixture
def web() -> Iterator[WebServer]:
    with serving() as server:
        yield server


def flow(folder: Path, servers: Any, text: str, network: str = "127.0.0.1") -> None:
    commands = sorted({entry["command"][0] for entry in servers.values() if "command" in entry})
    permissions = {"commands": commands, "network": [network] if network else []}
    write(
        folder,
        "flow.yaml",
        f"""
wf: 1
name: flow
inputs: {{token: {{type: string, secret: true, default: ""}}}}
permissions: {json.dumps(permissions)}
mcp_servers: {json.dumps(servers)}
{text}
""",
    )


def run(folder: Path, *words: str, code: int = 0) -> Any:
    return wf(folder, "run", "flow.yaml", "--json", "--no-input", *words, code=code).document


def by_http(port: str, **more: Any) -> Any:
    return {"s": {"url": f"http://127.0.0.1:{port}/mcp", "tools": {"*": {"read_only": True}}, **more}}


CALL = "nodes: {a: {tool: s/add, with: {a: 2, b: 3}}}\noutputs: {out: '{{ nodes.a.output.result }}'}"


@VERSIONS
def test_the_time_is_told_to_a_node_and_to_an_agent(tmp_path: Path, before: list[str]) -> None:
    command = [*before, str(BIN / "mcp-server-time")]
    server = {"time": {"command": command, "tools": {"get_current_time": {"read_only": True}}}}
    flow(
        tmp_path,
        server,
        """
agents: {a: {model: openai/x, tools: [time/get_current_time]}}
nodes:
  now: {tool: time/convert_time, with: {source_timezone: UTC, time: "12:00", target_timezone: Asia/Tokyo}, next: ask}
  ask: {agent: a, prompt: What time is it?}
outputs: {out: "{{ nodes.now.output.target.timezone }}", said: "{{ nodes.ask.output }}"}""",
    )
    write(tmp_path, "mock.yaml", "a: [{tool_calls: [{tool: time/get_current_time, with: {timezone: UTC}}]}, late]")
    assert run(tmp_path, "--mock", "mock.yaml")["outputs"] == {"out": "Asia/Tokyo", "said": "late"}


@VERSIONS
def test_git_is_read_by_an_agent_and_a_node(tmp_path: Path, before: list[str]) -> None:
    subprocess.run(["git", "init", "-q", "."], cwd=tmp_path, check=True)
    command = [*before, str(BIN / "mcp-server-git"), "--repository", str(tmp_path)]
    flow(
        tmp_path,
        {"git": {"command": command, "tools": {"git_status": {"read_only": True}}}},
        f"""
agents: {{a: {{model: openai/x, tools: [git/*]}}}}
nodes:
  status: {{tool: git/git_status, with: {{repo_path: {tmp_path}}}, next: ask}}
  ask: {{agent: a, prompt: What has changed?}}
outputs: {{status: "{{{{ nodes.status.output }}}}", said: "{{{{ nodes.ask.output }}}}"}}""",
    )
    given = json.dumps({"repo_path": str(tmp_path)})
    write(tmp_path, "mock.yaml", f"a: [{{tool_calls: [{{tool: git/git_status, with: {given}}}]}}, nothing]")
    found = run(tmp_path, "--mock", "mock.yaml")["outputs"]
    assert "No commits yet" in json.dumps(found["status"])
    assert found["said"] == "nothing"


@VERSIONS
def test_the_example_workflow_uses_both(tmp_path: Path, before: list[str]) -> None:
    make_repository(tmp_path, ROOT / "workflows")
    for name in ("mcp-server-git", "mcp-server-time"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\nexec {shlex.join([*before, str(BIN / name)])} "$@"\n')
        program.chmod(0o755)
    search = {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    words = ("run", "workflows/what_changed.yaml", "--mock", "workflows/what_changed/mock.yaml", "--json")
    found = wf(tmp_path, *words, environment=search).document["outputs"]
    assert found["told"].endswith(": The project was begun.")
    assert found["commits"] == 1


@VERSIONS
def test_a_server_of_the_sdk_answers_over_pipes(tmp_path: Path, before: list[str]) -> None:
    flow(tmp_path, {"s": {"command": [*(before or [PYTHON]), *([PYTHON] if before else []), SERVER, "stdio"]}}, CALL)
    assert run(tmp_path)["outputs"] == {"out": 5}


def test_a_server_answers_over_http(tmp_path: Path, port: str) -> None:
    flow(tmp_path, by_http(port), CALL)
    away = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:1")
    assert wf(tmp_path, "run", "flow.yaml", "--json", environment=away).document["outputs"] == {"out": 5}


def test_a_server_of_before_answers_over_http(tmp_path: Path, old_port: str) -> None:
    flow(tmp_path, by_http(old_port), "nodes: {a: {tool: s/headers}}\noutputs: {out: '{{ nodes.a.output.result }}'}")
    assert run(tmp_path)["outputs"] == {"out": f"None {OLD}"}


def test_a_server_of_before_that_asks_in_a_call_gets_no_answer(tmp_path: Path, old_port: str) -> None:
    flow(tmp_path, by_http(old_port), "nodes: {a: {tool: s/pay, with: {to: Ann}}}")
    error = run(tmp_path, code=1)["error"]
    assert error["type"] == "tool_failed"
    assert "elicitation was cancel" in error["message"]


def test_a_header_may_hold_a_secret_which_no_record_does(tmp_path: Path, port: str) -> None:
    headers = {"Authorization": "Bearer {{ inputs.token }}"}
    flow(
        tmp_path,
        by_http(port, headers=headers),
        "nodes: {a: {tool: s/headers}}\noutputs: {out: '{{ nodes.a.output.result }}'}",
    )
    assert run(tmp_path, "-i", f"token={CANARY}")["outputs"]["out"].endswith(f"⟧ {NEW}")
    files = [path.read_bytes() for path in (tmp_path / ".wf").rglob("*") if path.is_file()]
    assert not any(CANARY.encode() in content for content in files)


def test_a_server_on_this_machine_is_asked_only_if_its_address_is_listed(tmp_path: Path, port: str) -> None:
    flow(tmp_path, {"s": {"url": f"http://127.0.0.1:{port}/mcp"}}, CALL, network="")
    assert "host '127.0.0.1:" in wf(tmp_path, "validate", "flow.yaml", code=2).stderr


@pytest.fixture
def inner(monkeypatch: pytest.MonkeyPatch) -> None:
    """`server.example` leads to this machine, as a name can that somebody else has."""
    found = socket.getaddrinfo

    def led(host: Any, *words: Any, **more: Any) -> Any:
        return found("127.0.0.1" if host == "server.example" else host, *words, **more)

    monkeypatch.setattr(socket, "getaddrinfo", led)


@pytest.mark.usefixtures("inner")
def test_a_listed_name_that_leads_inside_is_refused(tmp_path: Path, port: str) -> None:
    flow(tmp_path, {"s": {"url": f"http://server.example:{port}/mcp"}}, CALL, network="server.example")
    error = run(tmp_path, code=1)["error"]
    assert error["type"] == "permission_denied"
    assert "leads to 127.0.0.1, an address that is not of the internet" in error["message"]


@pytest.mark.parametrize(
    ("path", "type_", "said"),
    [
        ("status/401", "authentication", "answered with 401"),
        ("status/429", "rate_limit", "answered with 429"),
        ("status/503", "provider_unavailable", "answered with 503"),
        ("status/404", "tool_failed", "answered with 404"),
        ("echo", "output_invalid", "does not keep to the protocol"),
        ("large_json/9", "tool_failed", "the answer is longer than 8 MiB"),
        ("vanish", "network", "can't be asked"),
        ("hang", "timeout", "no end after 3 s"),
        ("to/307?where=http://192.168.7.7/mcp", "output_invalid", "not followed"),
    ],
)
def test_a_status_says_what_kind_of_failure_it_is(
    tmp_path: Path, web: WebServer, path: str, type_: str, said: str
) -> None:
    flow(tmp_path, {"s": {"url": web.url(path)}}, CALL.replace("b: 3}", "b: 3}, timeout: 3s"))
    error = run(tmp_path, code=1)["error"]
    assert (error["type"], said in error["message"]) == (type_, True), error


def test_nobody_at_the_address_is_a_failure_of_the_network(tmp_path: Path) -> None:
    flow(tmp_path, {"s": {"url": "http://127.0.0.1:1/mcp"}}, CALL)
    assert run(tmp_path, code=1)["error"]["type"] == "network"


PAYING = """
agents: {a: {model: openai/x, tools: [s/pay]}}
nodes: {ask: {agent: a, prompt: Pay Ann}}
outputs: {said: "{{ nodes.ask.output }}"}"""


def test_what_a_server_asks_in_a_call_is_a_persons_turn(tmp_path: Path, port: str) -> None:
    flow(tmp_path, by_http(port), PAYING)
    write(tmp_path, "mock.yaml", "a: [{tool_calls: [{tool: s/pay, with: {to: Ann}}]}, done]")
    [waiting] = run(tmp_path, "--mock", "mock.yaml", code=3)["waiting"]
    assert waiting["prompt"] == "MCP server 's' asks, before its tool 'pay' goes on:\nHow much is to be paid?"
    wf(tmp_path, "answer", "last", waiting["step"], '{"euros": "many"}', code=2)
    wf(tmp_path, "answer", "last", waiting["step"], '{"euros": 7}', "--resume")
    shown = wf(tmp_path, "logs", "last", "--json").stdout
    assert "paid 7 to Ann" in shown


def test_a_person_may_decline_what_a_server_asks(tmp_path: Path, port: str) -> None:
    flow(tmp_path, by_http(port), PAYING)
    write(tmp_path, "mock.yaml", "a: [{tool_calls: [{tool: s/pay, with: {to: Ann}}]}, done]")
    [waiting] = run(tmp_path, "--mock", "mock.yaml", code=3)["waiting"]
    wf(tmp_path, "answer", "last", waiting["step"], "decline", "--resume")
    assert "elicitation was decline" in wf(tmp_path, "logs", "last", "--json").stdout


def test_a_tool_node_can_not_ask_a_person(tmp_path: Path, port: str) -> None:
    flow(tmp_path, by_http(port), "nodes: {a: {tool: s/pay, with: {to: Ann}}}")
    error = run(tmp_path, code=1)["error"]
    assert error["type"] == "input_invalid"
    assert "asks a person first, which only a call that an agent has made waits for" in error["message"]


def test_a_header_is_of_the_inputs_of_the_file_that_declares_the_server(tmp_path: Path, port: str) -> None:
    child = """
wf: 1
name: child
inputs: {token: {type: string, default: child}}
agents: {a: {model: openai/x, tools: []}}
nodes: {ask: {agent: a, prompt: x}}
"""
    write(tmp_path, "child.yaml", child)
    flow(
        tmp_path,
        by_http(port, headers={"Authorization": "{{ inputs.token }}"}),
        """
agents: {mine: {model: openai/x, tools: [s/headers]}}
nodes: {call: {workflow: child.yaml, agents: {a: mine}}}""",
    )
    write(tmp_path, "mock.yaml", "mine: [{tool_calls: [{tool: s/headers}]}, done]")
    run(tmp_path, "--mock", "mock.yaml", "-i", "token=of-the-caller")
    told = wf(tmp_path, "logs", "last", "--json").stdout
    assert '{"result":"⟦secret:token:' in told
    assert "child 2026" not in told
