"""Another version of a file declares other inputs and state: what is new is filled in, what is kept has to fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command_line import wf, write

FLOW = """
wf: 1
name: flow
inputs: {who: {type: string, default: me}}
state:
  n: {type: integer, default: 1}
  gone: {type: string, default: g}
  sum: {type: integer, default: 0, reducer: add}
nodes:
  first: {set: {n: 2}, next: par}
  par:
    parallel:
      x: {steps: [{id: s, set: {sum: 1}}, {id: ask, human: {prompt: "X?", choices: ["yes"]}}]}
      y: {workflow: child.yaml}
    next: last
  last: {set: {n: 5}}
outputs: {n: "{{ state.n }}"}
"""
NEW = (
    FLOW.replace("inputs: {", "inputs: {fresh: {type: integer, default: 7}, ")
    .replace("state:\n", "state:\n  new: {type: array, default: [], reducer: append}\n")
    .replace("{id: ask,", "{id: ask, set: {new: x},")
    .replace("last: {set: {n: 5}}", 'last: {set: {new: "{{ inputs.fresh + state.sum }}"}}')
    .replace("outputs: {", 'outputs: {new: "{{ state.new }}", y: "{{ nodes.par.output.y }}", ')
    .replace(", set: {new: x}", "")
)

CHILD = """
wf: 1
name: child
inputs: {i: {type: integer, default: 1}}
state: {k: {type: string, default: kk}}
steps: [{id: inner, human: {prompt: "C?", choices: ["yes"]}}, {id: end}]
outputs: {k: "{{ state.k }}"}
"""
NEW_CHILD = (
    CHILD.replace("inputs: {", "inputs: {j: {type: integer, default: 3}, ")
    .replace("state: {", "state: {m: {type: string, default: mm}, ")
    .replace("{id: end}", '{id: end, set: {m: "{{ state.m }}{{ inputs.j }}"}}')
    .replace("outputs: {", 'outputs: {m: "{{ state.m }}", ')
)
ANSWERS = ("--answer", "ask=yes", "--answer", "inner=yes", "--no-input")


@pytest.fixture
def paused(tmp_path: Path) -> Path:
    """A folder with run `r`, which waits in a branch and in a called workflow, at checkpoint 14."""
    write(tmp_path, "flow.yaml", FLOW)
    write(tmp_path, "child.yaml", CHILD)
    wf(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input", code=3)
    return tmp_path


def changed(folder: Path, before: str = "", after: str = "", text: str = FLOW) -> None:
    assert before in text
    write(folder, "changed.yaml", text.replace(before, after))


def test_new_inputs_and_state_keys_have_their_defaults_in_called_workflows_too(paused: Path) -> None:
    changed(paused, text=NEW)
    write(paused, "child.yaml", NEW_CHILD)
    told = wf(paused, "resume", "r", "--workflow", "changed.yaml", "--no-input", code=3).stderr
    assert told.splitlines()[:10] == [
        "  reuse      first",
        "  open       par",
        "  reuse      par/x/s",
        "  open       par/y",
        "  open       par/x/ask",
        "  open       par/y/inner",
        "  added      inputs.fresh: 7",
        "  added      state.new: []",
        "  added      par/y/.inputs.j: 3",
        '  added      par/y/.state.m: "mm"',
    ]
    state = wf(paused, "state", "r", "--json").document
    assert state["par/x.state"] == {"gone": "g", "n": 2, "new": [], "sum": 1}
    assert state["par/y/.state"] == {"k": "kk", "m": "mm"}
    done = wf(paused, "resume", "r", *ANSWERS, "--json").document
    assert done["outputs"] == {"n": 2, "new": [8], "y": {"k": "kk", "m": "mm3"}}
    assert "takeover" not in done
    assert "runs: 1, whole" in wf(paused, "doctor").stdout
    wf(paused, "export", "r", "-o", "r.jsonl")
    assert "completed" in wf(paused, "import", "r.jsonl", "--run-id", "again").stderr


def test_what_is_taken_over_stands_in_the_document(paused: Path) -> None:
    changed(paused, text=NEW)
    done = wf(paused, "resume", "r", "--workflow", "changed.yaml", "--no-input", "--json", code=3)
    takeover = done.document["takeover"]
    assert takeover["steps"][:2] == [
        {"step": "first", "verdict": "reuse", "at": 0},
        {"step": "par", "verdict": "open", "at": takeover["steps"][1]["at"]},
    ]
    assert (takeover["added"], takeover["dropped"], takeover["warnings"]) == (
        {"inputs.fresh": 7, "state.new": []},
        [],
        [],
    )
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("before", "after", "words", "mended"),
    [
        (
            "inputs: {who: {type: string, default: me}}",
            "inputs: {who: {type: integer, default: 1}, must: {type: string}}",
            [
                'inputs.who does not fit its schema: expected a whole number, got "me"',
                "inputs.must is required there, and has no default",
            ],
            "--set 'inputs.who=…' --set 'inputs.must=…'",
        ),
        (
            "n: {type: integer, default: 1}",
            "n: {enum: [1, 5], default: 1}",
            ["state.n does not fit its schema: expected 1 or 5, got the number 2"],
            "--set 'state.n=…'",
        ),
        ("gone: {type: string, default: g}", "", ["state.gone is not declared there; a fork drops it"], ""),
        (
            "default: 0, reducer: add",
            "default: 0, reducer: max",
            ["par/x.state.sum was written by 'add', and the key's reducer there is 'max'"],
            "--set 'par/x.state.sum=…'",
        ),
    ],
)
def test_what_is_held_and_does_not_fit_is_refused_before_anything_runs(
    paused: Path, before: str, after: str, words: list[str], mended: str
) -> None:
    changed(paused, before, after)
    told = wf(paused, "resume", "r", "--workflow", "changed.yaml", "--no-input", code=2).stderr
    fork = f"wf fork r@14 --workflow changed.yaml {mended}".rstrip()
    assert told.splitlines() == [
        "error: run r can't go on from event 14 with changed.yaml: what it holds does not fit there",
        *(f"  {word}" for word in words),
        f"  help: this fork goes on with it: {fork}",
    ]
    assert wf(paused, "show", "r", "--json").document["status"] == "paused"
    if mended:
        assert words[0] in wf(paused, "fork", "r@14", "--workflow", "changed.yaml", code=2).stderr
    given = mended.replace("who=…", "who=3").replace("must=…", "must=m").replace("…", "5").replace("'", "").split()
    done = wf(paused, "fork", "r@14", "--workflow", "changed.yaml", *given, *ANSWERS, "--json").document
    assert done["outputs"] == {"n": 5}


def test_what_does_not_fit_a_called_workflow_is_refused_with_its_place(paused: Path) -> None:
    write(paused, "child.yaml", CHILD.replace("k: {type: string, default: kk}", "k: {type: integer, default: 1}"))
    words = ("--workflow", "flow.yaml", "--no-input")
    told = wf(paused, "resume", "r", *words, code=2).stderr
    assert '  par/y/.state.k does not fit its schema: expected a whole number, got "kk"\n' in told
    wf(paused, "fork", "r@14", *words, "--set", "par/y/.state.k=4", code=3)
    assert wf(paused, "state", "last", "--json").document["par/y/.state"] == {"k": 4}
    write(paused, "child.yaml", CHILD.replace("i: {type: integer, default: 1}", "i: {type: string, default: x}"))
    told = wf(paused, "fork", "r@14", *words, code=2).stderr
    assert "  par/y/.inputs.i does not fit its schema: expected text, got the number 1\n" in told
    assert "nothing can be put at par/y/.inputs.i here: fork at an earlier checkpoint" in told


def test_a_fork_tells_what_it_takes_over_adds_and_drops(paused: Path) -> None:
    changed(paused, "sum: {type: integer, default: 0, reducer: add}", "total: {type: integer, default: 9}")
    text = (paused / "changed.yaml").read_text("utf-8").replace("set: {sum: 1}", "set: {total: 1}")
    changed(paused, 'prompt: "X?"', 'prompt: "Really?"', text)
    told = wf(paused, "fork", "r@14", "--workflow", "changed.yaml", *ANSWERS).stderr.splitlines()
    assert told[:8] == [
        "  reuse      first",
        "  open       par",
        "  changed    par/x/s (set)",
        "  open       par/y",
        "  runs again par/x/ask (prompt)",
        "  open       par/y/inner",
        "  added      state.total: 9",
        "  dropped    state.sum",
    ]
    assert wf(paused, "state", "last", "--json").document == {"gone": "g", "n": 5, "total": 9}
    assert wf(paused, "fork", "r@14", "--workflow", "changed.yaml", *ANSWERS, "--quiet").stderr == ""
    assert "runs: 3, whole" in wf(paused, "doctor").stdout


def test_a_retry_under_a_mended_file_has_its_new_keys_too(tmp_path: Path) -> None:
    failing = "wf: 1\nname: f\npermissions: {commands: [sh]}\nnodes:\n  a: {next: b}\n  b: {script: exit 1}\n"
    write(tmp_path, "flow.yaml", failing)
    wf(tmp_path, "run", "flow.yaml", "--run-id", "r", code=1)
    mended = failing.replace("exit 1}", 'exit 0, set: {n: "{{ state.n + 1 }}"}}')
    write(tmp_path, "flow.yaml", f"{mended}state: {{n: {{type: integer, default: 1}}}}\n")
    told = wf(tmp_path, "retry", "r", "--workflow", "flow.yaml").stderr
    assert told.startswith("  reuse      a\n  runs again b (set, script)\n  added      state.n: 1\n")
    assert wf(tmp_path, "state", "last").stdout == "n: 2\n"


def test_whole_numbers_are_kept_as_fractions_where_these_are_declared_now(paused: Path) -> None:
    changed(paused, "n: {type: integer, default: 1}", "n: {type: number, default: 1}")
    text = (paused / "changed.yaml").read_text("utf-8")
    changed(
        paused,
        "last: {set: {n: 5}}",
        'last: {set: {n: "{{ state.n / 4 }}"}, next: [{when: state.n < 1.0, to: exit}]}',
        text,
    )
    done = wf(paused, "resume", "r", "--workflow", "changed.yaml", *ANSWERS, "--json").document
    assert (done["outputs"], done["takeover"]["added"]) == ({"n": 0.5}, {})


STRAYS = """
wf: 1
name: strays
nodes:
  left:
    parallel: {a: {human: {prompt: "A?", choices: ["yes"]}}}
    join: none
    next: here
  here: {human: {prompt: "Here?", choices: ["yes"]}}
"""


def test_what_runs_on_beside_its_step_can_not_begin_anew(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", STRAYS)
    wf(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input", code=3)
    at = wf(tmp_path, "checkpoints", "r", "--json").document[-1]["seq"]
    changed(tmp_path, "join: none", "join: none\n    on_error: here", STRAYS)
    told = wf(tmp_path, "fork", f"r@{at}", "--workflow", "changed.yaml", code=2).stderr
    assert "what 'left' has left running is not the same in the new version" in told
    changed(tmp_path, "A?", "Another?", STRAYS)
    fork = wf(tmp_path, "fork", f"r@{at}", "--workflow", "changed.yaml", "--no-input", "--json", code=3).document
    assert [waiting["prompt"] for waiting in fork["waiting"]] == ["Here?", "Another?"]


def test_of_very_many_steps_those_that_are_reused_are_only_counted(tmp_path: Path) -> None:
    many = """
wf: 1
name: many
limits: {max_steps: 200}
nodes:
  again: {next: [{when: visits < 110, to: again}, {to: ask}]}
  ask: {human: {prompt: "Go on?", choices: ["yes"]}}
"""
    write(tmp_path, "flow.yaml", many)
    wf(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input", code=3)
    told = wf(tmp_path, "resume", "r", "--workflow", "flow.yaml", "--answer", "ask=yes").stderr
    assert told.startswith("  reuse      110 steps\n  open       ask\nrun r: resumed\n")


def test_inputs_that_are_gone_are_refused_by_resume_and_told_by_a_fork(paused: Path) -> None:
    changed(paused, "inputs: {who: {type: string, default: me}}\n", "")
    write(paused, "child.yaml", CHILD.replace("inputs: {i: {type: integer, default: 1}}\n", ""))
    refused = wf(paused, "resume", "r", "--workflow", "changed.yaml", "--no-input", code=2).stderr
    assert "  inputs.who is not declared there; a fork drops it\n" in refused
    assert "  par/y/.inputs.i is not declared there; a fork drops it\n" in refused
    forked = wf(paused, "fork", "r@14", "--workflow", "changed.yaml", *ANSWERS, "--json").document
    assert forked["takeover"]["dropped"] == ["inputs.who", "par/y/.inputs.i"]
    assert forked["status"] == "completed"
    assert "whole" in wf(paused, "doctor").stdout
