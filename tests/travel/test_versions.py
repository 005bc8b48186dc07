"""Versions: a run goes on under a changed file if what it has begun is the same there; else the fork is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.travel.test_retries import document, effects, flow, wf

ASKING = """
wf: 1
name: asking
version: 1.0.0
permissions: {commands: [sh]}
models: {fast: openai/gpt-4o-mini}
agents: {bot: {model: fast, instructions: Be brief.}}
state: {note: {type: string, default: none}}
nodes:
  first: {script: "echo first >> effects", next: ask}
  ask: {human: {prompt: "Go on?", choices: ["yes", "no"]}, next: fan}
  fan:
    for_each: "[1, 2]"
    sequential: true
    do: {script: "echo $N >> effects", env: {N: "{{ item }}"}}
    next: last
  last: {script: "echo last >> effects"}
outputs: {answer: "{{ nodes.ask.output }}"}
"""


@pytest.fixture
def paused(tmp_path: Path) -> Path:
    """A folder with a run that waits at `ask`."""
    flow(tmp_path, ASKING)
    assert document(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input", code=3)["status"] == "paused"
    return tmp_path


def changed(folder: Path, before: str, after: str) -> None:
    assert before in ASKING
    flow(folder, ASKING.replace(before, after), "changed.yaml")


def test_what_has_not_begun_may_change(paused: Path) -> None:
    changed(paused, "echo last", "echo changed")
    result = document(paused, "resume", "r", "--workflow", "changed.yaml", "--answer", "ask=yes")
    assert (result["status"], result["outputs"]) == ("completed", {"answer": "yes"})
    assert effects(paused) == ["first", "1", "2", "changed"]


def test_a_run_stays_with_its_last_version(paused: Path) -> None:
    changed(paused, "echo last", "echo changed")
    document(paused, "resume", "r", "--workflow", "changed.yaml", "--no-input", code=3)
    (paused / "changed.yaml").unlink()
    assert document(paused, "resume", "r", "--answer", "ask=yes")["status"] == "completed"
    assert effects(paused)[-1] == "changed"
    assert [row["runs"] for row in document(paused, "workflows")] == [1, 1]


def test_where_a_node_stands_and_what_others_say_makes_no_difference(paused: Path) -> None:
    changed(paused, "nodes:\n", "limits: {max_steps: 99}\n# Moved.\nnodes:\n")
    assert document(paused, "resume", "r", "--workflow", "changed.yaml", "--answer", "ask=no")["status"] == "completed"


@pytest.mark.parametrize(
    ("before", "after", "first_changed", "fork"),
    [
        ("echo first", "echo other", "first", "wf fork r@3 --workflow changed.yaml"),
        ("Go on?", "Shall we?", "ask", "wf fork r@6 --workflow changed.yaml"),
        ("first:", "begin:", "first", "wf fork r@3 --workflow changed.yaml"),
    ],
)
def test_what_has_begun_may_not_change_and_the_fork_is_named(
    paused: Path, before: str, after: str, first_changed: str, fork: str
) -> None:
    changed(paused, before, after)
    words = wf(paused, "resume", "r", "--workflow", "changed.yaml", code=2)
    assert f"'{first_changed}', which it has begun, is not the same there" in words
    assert f"  changed    {first_changed} (" in words
    assert fork in words
    assert document(paused, "show", "r")["status"] == "paused"


def test_the_fork_that_is_named_goes_on_under_the_changed_file(paused: Path) -> None:
    changed(paused, "Go on?", "Shall we?")
    forked = document(paused, "fork", "r@6", "--workflow", "changed.yaml", "--no-input", code=3)
    assert [waiting["prompt"] for waiting in forked["waiting"]] == ["Shall we?"]
    assert document(paused, "answer", forked["run"], "ask", "yes", "--resume")["status"] == "completed"
    assert effects(paused) == ["first", "1", "2", "last"]


def test_a_fork_can_not_go_on_where_its_node_is_gone(paused: Path) -> None:
    flow(
        paused,
        ASKING.replace("  ask: {human", "  asked: {human")
        .replace("next: ask", "next: asked")
        .replace("nodes.ask.", "nodes.asked."),
        "changed.yaml",
    )
    words = wf(paused, "fork", "r@6", "--workflow", "changed.yaml", code=2)
    assert "the new version has no 'ask', which the run is at here" in words


def test_two_versions_are_compared(paused: Path) -> None:
    changed(paused, "echo last", "echo changed")
    document(paused, "resume", "r", "--workflow", "changed.yaml", "--no-input", code=3)
    hashes = {row["file"]: row["hash"][:12] for row in document(paused, "workflows")}
    old, new = hashes["flow.yaml"], hashes["changed.yaml"]
    assert document(paused, "diff", f"asking@{old}", f"asking@{new}") == [{"path": "nodes/last", "how": "changed"}]
    text = wf(paused, "diff", f"asking@{old}", f"asking@{new}")
    assert "~ nodes/last" in text
    assert '+  last: {script: "echo changed >> effects"}' in text


def test_versions_are_named_by_their_own_word_too_whatever_runs_are_called(paused: Path) -> None:
    flow(paused, ASKING.replace("version: 1.0.0", "version: 2.0.0"), "changed.yaml")
    for run in ("asking-monday", "asking-tuesday"):
        document(paused, "run", "changed.yaml", "--run-id", run, "--no-input", code=3)
    assert "+version: 2.0.0" in wf(paused, "diff", "asking@1.0.0", "asking@2.0.0")
    assert "no workflow version 'asking@3.0.0'" in wf(paused, "diff", "asking@3.0.0", "asking@2.0.0", code=2)


def test_two_checkpoints_are_compared(paused: Path) -> None:
    forked = document(paused, "fork", "r@6", "--set", "state.note=hi", "--answer", "ask=yes")
    assert document(paused, "diff", "r", forked["run"]) == [
        {"path": "state.note", "how": "changed", "before": "none", "after": "hi"}
    ]
    assert wf(paused, "diff", "r@6", forked["run"]) == '~ state.note: "none" → "hi"\n'
    assert wf(paused, "diff", "r@6", "r") == "no difference\n"


def test_the_checkpoints_are_listed(paused: Path) -> None:
    lines = wf(paused, "checkpoints", "r").splitlines()
    assert [line.split()[0] for line in lines] == [f"r@{row['seq']}" for row in document(paused, "checkpoints", "r")]
    assert lines[0].endswith("run running")
    assert "first" in lines[1]
    assert lines[-1].endswith("run paused")


OPEN = """
wf: 1
name: open
permissions: {commands: [sh]}
state: {note: {type: string, default: none}}
nodes:
  first: {script: "echo first >> effects", next: ask}
  ask:
    human: {prompt: "Prune?", choices: ["yes", "no"], otherwise: "no"}
    timeout: 24h
    next: last
  last: {script: "echo last >> effects"}
  spare: {}
start: first
outputs: {answer: "{{ nodes.ask.output }}", note: "{{ state.note }}", spare: "{{ nodes.spare.status }}"}
"""
ROUTED = OPEN.replace("  spare: {}\n", "").replace(', spare: "{{ nodes.spare.status }}"', "")


@pytest.mark.parametrize(
    ("before", "after", "differs", "outputs"),
    [
        ("    next: last", "    title: Pruning\n    next: last", [], {"answer": "no", "note": "none"}),
        ("    next: last", "    set: {note: '{{ output }}'}\n    next: last", ["set"], {"answer": "no", "note": "no"}),
        ("    next: last", "    on_error: last\n    next: last", ["on_error"], {"answer": "no", "note": "none"}),
        ("    next: last", "    on_crash: fail\n    next: last", ["on_crash"], {"answer": "no", "note": "none"}),
        ("    next: last", "    next: [{when: output == 'no', to: exit}, {to: last}]", ["next"], None),
        ('otherwise: "no"', 'otherwise: "yes"', ["otherwise"], {"answer": "no", "note": "none"}),
    ],
)
def test_of_an_open_step_what_it_has_not_used_may_change(
    tmp_path: Path, before: str, after: str, differs: list[str], outputs: dict[str, str] | None
) -> None:
    flow(tmp_path, ROUTED)
    document(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input", code=3)
    flow(tmp_path, ROUTED.replace(before, after), "changed.yaml")
    result = document(tmp_path, "resume", "r", "--workflow", "changed.yaml", "--answer", "ask=no")
    visits = {visit["step"]: visit for visit in result["takeover"]["steps"]}
    assert (visits["ask"]["verdict"], visits["ask"].get("differs", [])) == ("open", differs)
    assert visits["first"]["verdict"] == "reuse"
    assert result["outputs"] == (outputs or {"answer": "no", "note": "none"})
    assert effects(tmp_path) == (["first", "last"] if outputs else ["first"])


@pytest.mark.parametrize(
    ("before", "after", "step", "differs"),
    [
        ("Prune?", "Prune the roses?", "ask", ["prompt"]),
        ('["yes", "no"]', '["yes", "no", "later"]', "ask", ["choices"]),
        ("24h", "48h", "ask", ["timeout"]),
        ("    timeout: 24h", "    if: 'true'\n    timeout: 24h", "ask", ["if"]),
        ("first >> effects", "1st >> effects", "first", ["script"]),
        ('effects", next: ask', 'effects", set: {note: x}, next: ask', "first", ["set"]),
        ('effects", next: ask', 'effects", next: [{to: ask}]', "first", None),
        ('effects", next: ask', 'effects", on_error: last, next: ask', "first", ["on_error"]),
        ('effects", next: ask', 'effects", title: First, next: ask', "first", None),
    ],
)
def test_what_is_decided_may_not_change_and_the_document_tells_what_differs(
    tmp_path: Path, before: str, after: str, step: str, differs: list[str] | None
) -> None:
    flow(tmp_path, ROUTED)
    document(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input", code=3)
    flow(tmp_path, ROUTED.replace(before, after), "changed.yaml")
    if differs is None:
        document(tmp_path, "resume", "r", "--workflow", "changed.yaml", "--no-input", code=3)
        return
    refused = document(tmp_path, "resume", "r", "--workflow", "changed.yaml", "--no-input", code=2)
    visits = {visit["step"]: visit for visit in refused["takeover"]["steps"]}
    assert (refused["status"], visits[step]["verdict"]) == ("invalid", "changed")
    assert set(differs) <= set(visits[step]["differs"])
    assert f"changed    {step} (" in refused["errors"][0]["message"]
    assert document(tmp_path, "show", "r")["status"] == "paused"


def test_a_fork_goes_on_with_an_open_step_whose_unused_keys_differ(tmp_path: Path) -> None:
    flow(tmp_path, ROUTED)
    document(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input", code=3)
    flow(
        tmp_path,
        ROUTED.replace("    next: last", "    next: [{when: output == 'no', to: exit}, {to: last}]"),
        "changed.yaml",
    )
    result = document(tmp_path, "fork", "r", "--workflow", "changed.yaml", "--answer", "ask=yes")
    assert [(visit["step"], visit["verdict"]) for visit in result["takeover"]["steps"]] == [
        ("first", "reuse"),
        ("ask", "open"),
    ]
    assert result["outputs"]["answer"] == "yes"


def test_files_that_have_moved_together_are_the_same(tmp_path: Path) -> None:
    root = "wf: 1\nname: root\nnodes: {p: {parallel: {k: {workflow: k.yaml, with: {q: Well}}, l: {}}}}\n"
    called = (
        "wf: 1\nname: k\ninputs: {q: {type: string}}\n"
        "nodes: {ask: {human: {prompt: '{{ inputs.q }}', choices: ['y']}, next: b}, b: {}}\n"
    )
    (tmp_path / "moved").mkdir()
    for folder in ("", "moved/"):
        flow(tmp_path, root, f"{folder}root.yaml")
        flow(tmp_path, called, f"{folder}k.yaml")
    document(tmp_path, "run", "root.yaml", "--no-input", "--run-id", "r", code=3)
    went_on = document(tmp_path, "resume", "r", "--workflow", "moved/root.yaml", "--answer", "p/k/ask=y")
    assert went_on["status"] == "completed"


def test_where_the_file_of_a_workflow_that_calls_itself_stands_makes_no_difference(tmp_path: Path) -> None:
    text = (
        "wf: 1\nname: down\ninputs: {n: {type: integer, default: 1}}\nnodes:\n"
        '  again: {if: inputs.n > 0, workflow: self, with: {n: "{{ inputs.n - 1 }}"}, next: ask}\n'
        '  ask: {human: {prompt: "Go?", choices: ["y"]}}\noutputs: {o: "{{ nodes.ask.output }}"}\n'
    )
    flow(tmp_path, text)
    document(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input", code=3)
    (tmp_path / "moved").mkdir()
    flow(tmp_path, text, "moved/other.yaml")
    answers = ("--answer", "ask=y")
    assert document(tmp_path, "resume", "r", "--workflow", "moved/other.yaml", *answers)["outputs"] == {"o": "y"}


KEEPING = """
wf: 1
name: keeping
state: {best: {SCHEMA, reducer: REDUCER}}
nodes:
  a: {set: {best: FIRST}, next: ask}
  ask: {human: {prompt: "Go on?", choices: ["y"]}, next: b}
  b: {set: {best: SECOND}}
outputs: {best: "{{ state.best }}"}
"""


@pytest.mark.parametrize(
    ("schema", "reducer", "first", "second"),
    [
        ("type: integer, default: 0", "add", 7, 2),
        ("type: integer, default: 0", "max", 7, 2),
        ("type: string, default: none", "last", "oak", "elm"),
    ],
)
def test_a_value_that_first_would_lose_is_told_and_the_fork_keeps_it(
    tmp_path: Path, schema: str, reducer: str, first: object, second: object
) -> None:
    text = KEEPING.replace("SCHEMA", schema).replace("FIRST", str(first)).replace("SECOND", str(second))
    flow(tmp_path, text.replace("REDUCER", reducer))
    document(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input", code=3)
    flow(tmp_path, text.replace("REDUCER", "first"), "changed.yaml")
    refused = document(tmp_path, "resume", "r", "--workflow", "changed.yaml", "--answer", "ask=y", code=2)
    assert (
        f"by '{reducer}': the next write would replace it, though the key's reducer there is 'first'"
        in refused["errors"][0]["message"]
    )
    assert "--set 'state.best=…'" in refused["errors"][0]["hint"]
    kept = document(
        tmp_path, "fork", "r", "--workflow", "changed.yaml", "--set", f"state.best={first}", "--answer", "ask=y"
    )
    assert kept["outputs"] == {"best": first}


def test_a_key_that_nothing_has_written_may_get_the_reducer_first(tmp_path: Path) -> None:
    text = (
        KEEPING.replace("SCHEMA", "type: integer, default: 0")
        .replace("a: {set: {best: FIRST}", "a: {")
        .replace("SECOND", "2")
    )
    text = text.replace("a: {, next", "a: {next")
    flow(tmp_path, text.replace("REDUCER", "add"))
    document(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input", code=3)
    flow(tmp_path, text.replace("REDUCER", "first"), "changed.yaml")
    result = document(tmp_path, "resume", "r", "--workflow", "changed.yaml", "--answer", "ask=y")
    assert result["outputs"] == {"best": 2}
