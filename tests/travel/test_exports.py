"""Runs as files: what was exported reads the same once it is taken in, and can be gone on with."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from runner.engine.surroundings import Surroundings
from runner.ground.json_value import Json
from runner.record.address import ROOT
from runner.record.history import checkpoints, load_state, read_table, states
from runner.record.snapshot import encode_state
from runner.record.store.contract import Store
from runner.record.store.sqlite import memory_store, open_store
from runner.record.store.tables import PROJECTED
from runner.travel.forks import Changes, fork
from tests.acceptance.command_line import started, wf, write
from tests.travel.test_forks import workflow
from tests.travel.travelled import taken_in, text_of, travelled_store

PAUSING = """
wf: 1
name: pausing
inputs: {token: {type: string, secret: true}, greeting: {type: string, default: hello}}
state: {said: {type: array, default: [], reducer: append}}
permissions: {read: [.], commands: [pwd]}
nodes:
  first: {set: {said: "{{ inputs.greeting }}"}, next: ask}
  ask: {human: {prompt: "Who are you?"}, set: {said: "{{ output }}"}, next: read}
  read: {read: note.txt, set: {said: "{{ output.text }}"}, next: where}
  where: {command: [pwd], set: {said: "{{ output.text }}"}}
outputs: {said: "{{ state.said }}"}
"""

HIDDEN = "s3cr3t/Value+42"


@pytest.fixture(scope="module")
def travelled(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return travelled_store(tmp_path_factory.mktemp("nested"))


def seen(store: Store, run: str) -> Json:
    """All that can be read of a run, but for its id and its folder."""
    points = list(checkpoints(store, run))
    folded = [encode_state(load_state(store, run, point.seq)) for point in points]
    for state in folded:
        state["started"]["options"]["folder"] = ""
    tables = {name: [{**row, "run_id": ""} for row in read_table(store, run, name)] for name in PROJECTED}
    ends = [states(store, run, point.seq)[ROOT] for point in points[:-1]]
    row = store.run(run)
    return (points, folded, tables, ends, row.status, row.workflow, row.version, row.definition, row.updated_at)


@pytest.mark.parametrize("run", ["run", "fork", "again"])
def test_what_is_taken_in_reads_as_what_was_exported(travelled: Store, tmp_path: Path, run: str) -> None:
    store = open_store(tmp_path / "wf.db", durability="normal")
    content = text_of(travelled, run)
    assert taken_in(store, content) == run
    assert taken_in(store, content, "copy") == "copy"
    for name in (run, "copy"):
        assert seen(store, name) == seen(travelled, run)
        row = store.run(name)
        assert (row.owner, row.parent, row.created_at) == (None, None, travelled.run("run").created_at)
    again = text_of(store, run)
    assert again == content.replace(folder_of(content), b"/elsewhere")
    assert text_of(store, "copy").splitlines()[1:] == again.splitlines()[1:]
    store.close()


def folder_of(content: bytes) -> bytes:
    options = json.loads(content.splitlines()[2])["events"][0]["options"]
    return str(options["folder"]).encode()


def test_a_run_that_was_taken_in_can_be_forked(travelled: Store, tmp_path: Path) -> None:
    store = memory_store()
    workflow(tmp_path)
    taken_in(store, text_of(travelled, "again"), folder=str(tmp_path))
    at = [checkpoint.seq for checkpoint in checkpoints(store, "again")][-3]
    result = asyncio.run(fork("again", at, Changes(states={"": {"bonus": 5}}), Surroundings(store)))
    assert (result.status, result.outputs["sum"]) == ("completed", 1 + 6 + 30 + 5)


def test_a_paused_run_goes_on_in_the_folder_where_it_was_taken_in(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        write(folder, "note.txt", f"from {folder.name}")
    write(here, "flow.yaml", PAUSING)
    given = ("-i", f"token={HIDDEN}", "--allow", "commands:git")
    wf(here, "run", "flow.yaml", "--run-id", "p", "--no-input", *given, code=3)
    wf(here, "export", "p", "-o", "../p.jsonl")
    assert HIDDEN.encode() not in (tmp_path / "p.jsonl").read_bytes()
    told = wf(there, "import", "../p.jsonl")
    assert told.stdout == "p\n"
    assert f"wf resume p goes on with it, in {there}" in told.stderr
    assert "it was allowed commands: git" in told.stderr
    assert "secret input 'token' is needed again" in wf(there, "resume", "p", "--no-input", code=2).stderr
    wf(there, "answer", "p", "ask", "Ada")
    result = wf(there, "resume", "p", "-i", f"token={HIDDEN}", "--json").document
    assert result["outputs"] == {"said": ["hello", "Ada", "from there", str(there)]}
    assert wf(here, "show", "p", "--json").document["status"] == "paused"


def test_a_pattern_and_agents_from_files_go_with_the_run(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    write(here, "poet.yaml", "{model: openai/gpt-4o-mini, instructions: You are a poet.}\n")
    write(here, "flow.yaml", ASKING)
    write(here, "mock.yaml", 'ask: ["a poem"]\n')
    wf(here, "run", "flow.yaml", "--agent", "writer=poet.yaml", "--mock", "mock.yaml", "--run-id", "a", code=3)
    (tmp_path / "a.jsonl").write_text(wf(here, "export", "a").stdout, encoding="utf-8")
    wf(there, "import", "../a.jsonl")
    wf(there, "answer", "a", "first", "yes")
    assert wf(there, "resume", "a", "--json").document["outputs"] == {"poem": "a poem"}
    assert "You are a poet." in wf(there, "logs", "a", "--json").stdout


ASKING = """
wf: 1
name: asking
agents: {writer: {model: openai/gpt-4o, instructions: You write prose.}}
nodes:
  first: {human: {prompt: Go on?}, next: ask}
  ask: {agent: writer, prompt: Write}
outputs: {poem: "{{ nodes.ask.output }}"}
"""

LONG = """
wf: 1
name: long
state: {log: {type: array, default: [], reducer: append}}
limits: {max_steps: 9000}
nodes:
  again: {set: {log: "{{ 'x' * 5000 }}{{ visits }}"}, next: [{when: visits < 400, to: again}, {to: exit}]}
"""


def test_what_is_exported_of_a_run_under_way_is_whole(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", LONG)
    lengths: list[int] = []
    with started(tmp_path, "run", "flow.yaml", "--run-id", "long", "--events", "--durability", "normal") as run:
        assert run.stdout is not None
        run.stdout.readline()
        while run.poll() is None and len(lengths) < 50:
            (tmp_path / "long.jsonl").write_text(wf(tmp_path, "export", "long").stdout, encoding="utf-8")
            copy = f"copy{len(lengths)}"
            wf(tmp_path, "import", "long.jsonl", "--run-id", copy, "--db", "other.db")
            row = next(row for row in runs(tmp_path) if row["id"] == copy)
            lengths.append(row["events"])
            run.stdout.readline()
        run.stdout.read()
    assert lengths == sorted(lengths)
    assert lengths


def runs(folder: Path) -> Json:
    return wf(folder, "runs", "--db", "other.db", "--json", "--limit", "1000").document


def test_an_exported_file_is_for_its_owner_alone_and_appears_whole(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", LONG.replace("400", "3"))
    wf(tmp_path, "run", "flow.yaml", "--run-id", "run")
    write(tmp_path, "run.jsonl", "older")
    wf(tmp_path, "export", "run", "-o", "run.jsonl")
    assert (tmp_path / "run.jsonl").stat().st_mode & 0o777 == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {".wf", "flow.yaml", "run.jsonl"}
    assert "can't write no/where" in wf(tmp_path, "export", "run", "-o", "no/where", code=2).stderr
    assert "no run 'nope'" in wf(tmp_path, "export", "nope", "-o", "nope.jsonl", code=2).stderr
    assert not (tmp_path / "nope.jsonl").exists()


def inputs_of(text: str) -> Json:
    return json.loads(text.splitlines()[2])["events"][0]["inputs"]


def test_nothing_in_an_exported_file_steers_a_terminal(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", "wf: 1\nname: a\ninputs: {x: {type: string}}\nnodes: {a: {}}\n")
    steering = "\x9b2J\u202e\x7f\x1b[2J\u2066"
    wf(tmp_path, "run", "flow.yaml", "--run-id", "a", "-i", f"x={steering}")
    text = wf(tmp_path, "export", "a").stdout
    assert all(sign.isprintable() or sign == "\n" for sign in text)
    write(tmp_path, "a.jsonl", text)
    wf(tmp_path, "import", "a.jsonl", "--run-id", "b")
    assert inputs_of(text) == inputs_of(wf(tmp_path, "export", "b").stdout) == {"x": steering}
