"""Cassettes through the command line: what is recorded against a server is replayed without one, or refused."""

from __future__ import annotations

import base64
import json
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.acceptance.command_line import Done, wf, write
from tests.world.providers.server import Handler, Request, StubServer, completion, tool_calls

TOKEN = "tr0ub4dor&3-of-a-test"  # noqa: S105 - a secret of this test alone
OTHER = "c0rrect-horse-battery"

FLOW = """
wf: 1
name: frogs
inputs: {token: {type: string, secret: true}}
models: {m: openai/gpt-4o-mini}
permissions: {python: [frogs.py], commands: [printf]}
tools: {count: {python: "frogs.py:count"}}
agents: {keeper: {model: m, tools: [count]}}
nodes:
  ask:
    agent: keeper
    prompt: Which frog sings? My token is {{ inputs.token }}.
    retry: {max_attempts: 2, initial_interval: 1ms}
    next: fan
  fan:
    parallel:
      slow: {agent: keeper, prompt: slow}
      quick: {agent: keeper, prompt: quick}
      never: {agent: keeper, prompt: never}
    complete_when: size(results) == 2
    next: try
  try:
    tool: count
    with: {pond: dry}
    on_error: continue
    next: say
  say: {command: [printf, "%s", "{{ nodes.fan.output }}"]}
outputs: {said: "{{ nodes.ask.output }}", won: "{{ nodes.say.output.text }}", error: "{{ nodes.try.error }}"}
"""
FROGS = '''
from pathlib import Path

def count(pond: str) -> int:
    """Counts frogs."""
    Path("counted").touch()
    if pond == "dry":
        raise ValueError("no water")
    return 7
'''


class Keeper(StubServer):
    """Calls a tool, repeats the secret that it was told, and lets the order of its answers decide who wins."""

    failed: bool = False

    def answer(self, handler: Handler, request: Request) -> None:
        if not self.failed:
            self.failed = True
            handler.send(429, {"error": {"message": "busy"}})
            return
        prompt, last = request.body["messages"][0]["content"], request.body["messages"][-1]
        if prompt == "never":
            handler.hang()
        elif prompt == "slow":
            self.heard.over.wait(0.3)
            handler.send(200, completion({"content": "slow"}))
        elif prompt == "quick" or last["role"] == "tool":
            encoded = base64.b64encode(TOKEN.encode()).decode()
            handler.send(200, completion({"content": f"a green one, {TOKEN}, {encoded}"}))
        else:
            calls = tool_calls(("count", '{"pond": "big"}'))
            handler.send(200, completion({"content": None, "tool_calls": calls}, "tool_calls"))


@pytest.fixture
def server() -> Iterator[Keeper]:
    server = Keeper()
    server.start()
    yield server
    server.stop()


Record = Callable[..., Done]


@pytest.fixture
def record(server: Keeper, tmp_path: Path) -> Record:
    """Records the flow against the server, to `tape.yaml`."""

    def run(*words: str, code: int = 0) -> Done:
        write(tmp_path, "flow.yaml", FLOW)
        write(tmp_path, "frogs.py", FROGS)
        live = {"OPENAI_API_KEY": "sk-of-a-test-only", "OPENAI_BASE_URL": server.base("v1")}
        given = ("flow.yaml", "--json", "--record", "tape.yaml", "-i", f"token={TOKEN}")
        return wf(tmp_path, "run", *given, *words, code=code, environment=live)

    return run


def replay(folder: Path, *words: str, code: int = 0, token: str = TOKEN) -> Done:
    given = ("flow.yaml", "--json", "--replay", "tape.yaml", "-i", f"token={token}")
    return wf(folder, "run", *given, *words, code=code, environment={"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"})


def told(done: Done) -> str:
    """A run's document, but for its id, and what marks its secrets as its own."""
    unmarked = re.sub(r"⟦secret:token(?:\.[^:]*)?:[^⟧]*⟧", "⟦secret:token⟧", done.stdout)
    return unmarked.replace(f'"run": "{done.document["run"]}"', '"run": "RUN"')


def tape(folder: Path) -> Any:
    return YAML(typ="safe", pure=True).load((folder / "tape.yaml").read_text())


def test_a_recorded_run_replays_byte_by_byte_offline_ten_times(record: Record, server: Keeper, tmp_path: Path) -> None:
    recorded = record()
    (tmp_path / "counted").unlink()
    server.heard.take()

    assert recorded.document["status"] == "completed"
    assert json.loads(recorded.document["outputs"]["won"]).keys() == {"slow", "quick"}
    assert {told(replay(tmp_path)) for _ in range(10)} == {told(recorded)}
    assert server.heard.take() == []
    assert not (tmp_path / "counted").exists()


def test_a_cassette_holds_no_secret_and_replays_with_another(record: Record, tmp_path: Path) -> None:
    recorded = record()
    text = (tmp_path / "tape.yaml").read_text()

    assert TOKEN not in text
    assert base64.b64encode(TOKEN.encode()).decode() not in text
    assert "sk-of-a-test-only" not in text
    assert "My token is ⟦secret:token⟧." in text
    assert stat.S_IMODE((tmp_path / "tape.yaml").stat().st_mode) == 0o600
    assert told(replay(tmp_path, token=OTHER)) == told(recorded)


def test_what_a_cassette_says_of_a_secret_is_a_text_and_reveals_none(record: Record, tmp_path: Path) -> None:
    record()
    flow = FLOW.replace("nodes.fan.output }}", "nodes.ask.output }}").replace("say: {", "say: {env: {}, ")
    write(tmp_path, "flow.yaml", flow)
    text = (tmp_path / "tape.yaml").read_text()
    assert "⟦secret:token⟧" in text

    done = replay(tmp_path, token=OTHER)
    assert done.document["outputs"]["won"] == done.document["outputs"]["said"]
    assert "⟦secret:token⟧" in done.document["outputs"]["won"]
    assert OTHER not in wf(tmp_path, "logs", done.document["run"]).stdout


def test_a_changed_prompt_makes_a_replay_fail_with_a_diff_and_nothing_in_the_file_takes_it(
    record: Record, server: Keeper, tmp_path: Path
) -> None:
    record()
    server.heard.take()
    changed = FLOW.replace("Which frog sings?", "Which toad sings?").replace(
        "    next: fan", "    next: fan\n    on_error: continue"
    )
    write(tmp_path, "flow.yaml", changed)

    done = wf(tmp_path, "run", "flow.yaml", "--replay", "tape.yaml", "-i", f"token={TOKEN}", "--run-id", "r", code=3)
    assert done.stderr.partition("for something else than it did\n")[2] == (
        "run r paused: 1 step\n"
        "error: tape.yaml does not hold this call: 'ask/call#1' asks for something else than it did\n"
        "  --- tape.yaml: ask/call#1\n"
        "  +++ this run\n"
        "  @@ -1,7 +1,7 @@\n"
        "   model: openai/gpt-4o-mini\n"
        "   messages:\n"
        "     - role: user\n"
        "  -    content: 'Which frog sings? My token is ⟦secret:token⟧.'\n"
        "  +    content: 'Which toad sings? My token is ⟦secret:token⟧.'\n"
        "   tools:\n"
        "     - name: count\n"
        "       description: Counts frogs.\n"
        "  wf resume r --record FILE -i token=@FILE   # asks from here on, and records it\n"
    )
    assert server.heard.take() == []


def test_a_replay_that_stopped_goes_on_by_asking_and_its_cassette_is_whole(
    record: Record, server: Keeper, tmp_path: Path
) -> None:
    record()
    server.heard.take()
    write(
        tmp_path,
        "flow.yaml",
        FLOW.replace("prompt: quick}", "prompt: 'quick'}").replace("with: {pond: dry}", "with: {pond: wet}"),
    )
    paused = replay(tmp_path, "--run-id", "r", code=3).document
    assert [(one["step"], one["kind"]) for one in paused["waiting"]] == [("try", "replay")]
    assert paused["waiting"][0]["command"] == "wf resume r --record FILE -i token=@FILE"

    done = wf(tmp_path, "resume", "r", "--record", "tape.yaml", "-i", f"token={TOKEN}", "--json")
    assert done.document["outputs"]["error"] is None
    assert server.heard.take() == []
    (tmp_path / "counted").unlink()
    assert told(replay(tmp_path)) == told(done)
    assert not (tmp_path / "counted").exists()


def test_a_step_that_is_new_or_tried_once_more_is_told_with_the_nearest(record: Record, tmp_path: Path) -> None:
    record()
    lines = (tmp_path / "tape.yaml").read_text()
    write(tmp_path, "flow.yaml", FLOW.replace("  ask:", "  asks:").replace("nodes.ask.", "nodes.asks."))
    prompt = replay(tmp_path, code=3).document["waiting"][0]["prompt"]
    assert prompt == "tape.yaml does not hold this call: 'asks/call#1' is not in it; its nearest step is 'ask/call#1'"

    write(tmp_path, "flow.yaml", FLOW)
    first, second = lines.split("  - step: ask/call#1\n")[1:3]
    rest = second.partition("  - step: ")[2]
    write(
        tmp_path, "tape.yaml", lines[: lines.index("  - step")] + "  - step: ask/call#1\n" + first + "  - step: " + rest
    )
    prompt = replay(tmp_path, code=3).document["waiting"][0]["prompt"]
    assert prompt.endswith("'ask/call#1' is tried once more than there, where it had 1 attempt")


def test_commands_run_for_real_unless_they_are_recorded(record: Record, tmp_path: Path) -> None:
    record()
    assert "call: command" not in (tmp_path / "tape.yaml").read_text()
    recorded = record("--record-commands")
    assert [call["call"] for call in tape(tmp_path)["calls"]][-1] == "command"
    path = write(tmp_path, "printf", "#!/bin/sh\ntouch ran\n")
    path.chmod(0o700)
    environment = {"PATH": f"{tmp_path}"}
    given = ("flow.yaml", "--json", "--replay", "tape.yaml", "-i", f"token={TOKEN}")
    assert told(wf(tmp_path, "run", *given, environment=environment)) == told(recorded)
    assert not (tmp_path / "ran").exists()


def test_the_cassette_of_a_run_can_be_made_later_from_its_record(record: Record, tmp_path: Path) -> None:
    run = record().document["run"]
    text = (tmp_path / "tape.yaml").read_text()
    wf(tmp_path, "export", run, "--cassette", "-o", "later.yaml")
    assert (tmp_path / "later.yaml").read_text() == text


def test_a_fork_does_not_write_over_the_cassette_of_the_run_that_it_forks(record: Record, tmp_path: Path) -> None:
    run = record().document["run"]
    (tmp_path / "tape.yaml").unlink()
    first = wf(tmp_path, "checkpoints", run).stdout.split()[0]
    live = {"OPENAI_API_KEY": "sk-of-a-test-only", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    wf(
        tmp_path,
        "fork",
        f"{run}@{first.partition('@')[2] or first}",
        "-i",
        f"token={TOKEN}",
        code=None,
        environment=live,
    )
    assert not (tmp_path / "tape.yaml").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--record", "a", "--mock", "b"), "error: --mock and --record exclude each other"),
        (("--replay", "a", "--mock", "b"), "error: --mock and --replay exclude each other"),
        (("--replay", "a", "--record", "b"), "error: --record and --replay exclude each other"),
        (("--record-commands",), "error: --record-commands is for --record"),
        (("--record", "no/such/folder"), "error: --record no/such/folder: no file can be made in "),
        (("--record", "."), "error: --record .: it is a folder"),
        (("--replay", "none.yaml"), "error: can't read none.yaml: there is no such file"),
    ],
)
def test_options_that_make_no_sense_together_are_refused(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    write(tmp_path, "flow.yaml", "wf: 1\nname: a\nnodes: {a: {set: {}}}\n")
    done = wf(tmp_path, "run", "flow.yaml", *words, code=2)
    assert done.stderr.startswith(said)
    assert not (tmp_path / ".wf").exists()


HEAD = "cassette: 1\ncalls:\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cassette: 2\ncalls: []\n", "tape.yaml:1:11: error: expected 1, the version of cassettes"),
        ("calls: []\n", "tape.yaml:1:1: error: 'cassette' is missing"),
        (HEAD + "  - {step: a, cal: model}\n", "tape.yaml:3:"),
        (HEAD + "  - {step: a, call: model, gave: 5}\n", "tape.yaml:3:5: error: call 1: a model gave a text"),
        (HEAD + "  - {step: a, call: python, kept: 1}\n", "tape.yaml:3:5: error: call 1: kept: 1, but the call before"),
        (
            HEAD + "  - {step: a, call: python, gave_json: '{'}\n",
            "tape.yaml:3:5: error: call 1: its JSON can't be read",
        ),
        (HEAD + "  - {step: a, call: python, failed_json: '{}'}\n", "tape.yaml:3:5: error: call 1: in its JSON: "),
        (HEAD + "  - {step: a, call: python, failed: {type: odd, message: ''}}\n", "tape.yaml:3:"),
        (HEAD + "  - {step: a, call: model, asked: {messages: 5}, gave: x}\n", "tape.yaml:3:"),
        ("#" * (17 << 20), "error: can't read tape.yaml: it is larger than 16 MiB"),
        ("a: " * 100, "tape.yaml:1:"),
        (HEAD + "  - &a [*a, *a]\n", "tape.yaml:3:"),
        (HEAD + "  - " + "[" * 100 + "]" * 100, "tape.yaml:3:"),
    ],
)
def test_a_file_that_is_no_cassette_is_refused_with_the_place(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path, "flow.yaml", "wf: 1\nname: a\nnodes: {a: {set: {}}}\n")
    write(tmp_path, "tape.yaml", text)
    done = wf(tmp_path, "run", "flow.yaml", "--replay", "tape.yaml", code=2)
    assert done.stderr.startswith(said), done.stderr


def test_a_cassette_that_can_not_be_written_is_told_with_what_writes_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        "flow.yaml",
        "wf: 1\nname: a\npermissions: {commands: [mkdir]}\nnodes: {a: {command: [mkdir, tape]}}\n",
    )
    done = wf(tmp_path, "run", "flow.yaml", "--record", "tape", "--record-commands", "--run-id", "r", code=5)
    assert "run r is recorded, but its cassette can't be written to " in done.stderr
    assert "wf export r --cassette --commands --output FILE" in done.stderr
    assert wf(tmp_path, "runs").stdout.count("completed") == 1
