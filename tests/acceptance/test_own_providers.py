"""A user's own model servers through the whole of `wf`: several at once, each with its own key, or none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.command_line import wf
from tests.world.providers.server import StubServer

FLOW = """
wf: 1
name: labs
models: {near: lab/qwen3, far: other-lab/org/llama}
agents: {a: {model: near}, b: {model: far}}
nodes:
  both:
    parallel:
      here: {agent: a, prompt: Hi}
      there: {agent: b, prompt: Hi}
outputs: {said: "{{ nodes.both.output }}"}
"""


@pytest.fixture
def servers() -> Iterator[tuple[StubServer, StubServer]]:
    both = StubServer(), StubServer()
    for server in both:
        server.start()
    yield both
    for server in both:
        server.stop()


@pytest.fixture
def home(tmp_path: Path, servers: tuple[StubServer, StubServer]) -> Path:
    near, far = servers
    (tmp_path / "flow.yaml").write_text(FLOW)
    (tmp_path / "home/.config/wf").mkdir(parents=True)
    (tmp_path / "home/.config/wf/config.toml").write_text(
        f'[providers.lab]\nbase_url = "{near.base("ok")}"\n\n'
        f'[providers.other-lab]\nbase_url = "{far.base("ok")}/"\nkey_env = "FAR"\n'
    )
    return tmp_path


def around(home: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(home / "home"), "XDG_CONFIG_HOME": "", "OPENAI_API_KEY": "sk-of-openai-only", **more}


def test_several_servers_are_asked_in_one_run_each_with_its_own_key(
    home: Path, servers: tuple[StubServer, StubServer]
) -> None:
    done = wf(home, "run", "flow.yaml", "--json", environment=around(home, FAR="key-of-far"))

    assert done.document["outputs"] == {"said": {"here": "hello", "there": "hello"}}
    assert done.document["cost_usd"] is None, "nobody knows what a server of one's own costs"
    near, far = (server.heard.take() for server in servers)
    assert [(one.path, one.body["model"]) for one in (*near, *far)] == [
        ("/ok/chat/completions", "qwen3"),
        ("/ok/chat/completions", "org/llama"),
    ]
    assert "authorization" not in near[0].headers
    assert far[0].headers["authorization"] == "Bearer key-of-far"


def test_a_missing_key_of_an_own_provider_is_told_before_anything_starts(home: Path) -> None:
    done = wf(home, "run", "flow.yaml", code=2, environment=around(home, FAR=""))

    said = "flow.yaml:10:7: error: other-lab/org/llama needs a key: set FAR, or run offline: --mock FILE"
    assert done.stderr.splitlines()[0] == said


def test_a_key_that_a_server_repeats_is_masked_whatever_its_variable_is_called(
    home: Path, servers: tuple[StubServer, StubServer]
) -> None:
    settings = home / "home/.config/wf/config.toml"
    settings.write_text(settings.read_text().replace(servers[1].base("ok"), servers[1].base("401")))

    (home / "flow.yaml").write_text("wf: 1\nname: one\nnodes: {ask: {agent: {model: other-lab/x}, prompt: Hi}}\n")

    done = wf(home, "run", "flow.yaml", "--json", code=1, environment=around(home, FAR="plain-word-key"))

    assert done.document["error"]["type"] == "authentication"
    assert "check FAR" in done.document["error"]["message"]
    assert "plain-word-key" not in done.stdout + done.stderr


def test_validation_knows_the_users_providers(home: Path) -> None:
    assert wf(home, "validate", "flow.yaml", environment=around(home)).stdout == "flow.yaml: valid\n"
    (home / "flow.yaml").write_text(FLOW.replace("lab/qwen3", "labb/qwen3"))
    done = wf(home, "validate", "flow.yaml", environment=around(home))
    assert "there is no provider 'labb' (of model 'labb/qwen3'); did you mean 'lab'?" in done.stderr


def test_settings_that_can_not_be_read_refuse_a_run_and_its_resumption_but_no_scripted_one(home: Path) -> None:
    (home / "flow.yaml").write_text(FLOW.replace("nodes:", "nodes:\n  wait: {human: {prompt: Go?}, next: both}", 1))
    run = wf(home, "run", "flow.yaml", "--no-input", "--json", code=3, environment=around(home, FAR="k"))
    (home / "home/.config/wf/config.toml").write_text("[providers.lab]\nurl = 1\n")
    (home / "mock.yaml").write_text("here: [a]\nthere: [b]\n")

    for words in (
        ("run", "flow.yaml"),
        ("validate", "flow.yaml"),
        ("resume", run.document["run"]),
        ("fork", f"{run.document['run']}@4"),
    ):
        done = wf(home, *words, code=2, environment=around(home, FAR="k"))
        assert "config.toml:2:1: error: provider 'lab' has an unknown key 'url'" in done.stderr, words
    assert wf(home, "show", run.document["run"]).stdout.count("paused")
    wf(home, "run", "flow.yaml", "--mock", "mock.yaml", "--answer", "wait=yes", environment=around(home))


def test_the_doctor_tells_of_own_providers_and_of_what_is_wrong_with_them(home: Path) -> None:
    said = wf(home, "doctor", environment=around(home)).stdout
    assert "ok     providers: lab at http://127.0.0.1:" in said
    assert "/ok/, FAR is not set" in said

    (home / "home/.config/wf/config.toml").write_text("[providers.lab]\nurl = 1\n")
    said = wf(home, "doctor", code=5, environment=around(home)).stdout
    assert "config.toml:2:1: provider 'lab' has an unknown key 'url'\n         help: its keys are:" in said
