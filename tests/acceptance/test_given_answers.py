"""Answers given before a run, and what an answer to a form for texts is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command_line import wf, write

HEAD = "wf: 1\nname: shop\npermissions: {commands: [touch]}\n"
TOUCH = "  first: {command: [touch, begun], next: size}\n"
SIZE = 'human: {prompt: "Size?", choices: [small, large, 38, true]}'
CHILD = 'wf: 1\nname: child\nnodes: {size: {human: {prompt: "Size?"}}}\n'


def refused(folder: Path, nodes: str, *answers: str) -> str:
    """What a run says that is refused; nothing of it has begun, and no run is there."""
    write(folder, "flow.yaml", f"{HEAD}nodes:\n{TOUCH}{nodes}")
    words = [word for answer in answers for word in ("--answer", answer)]
    done = wf(folder, "run", "flow.yaml", "--no-input", *words, code=2)
    assert not (folder / "begun").exists()
    assert not (folder / ".wf").exists()
    return done.stderr


@pytest.mark.parametrize(
    ("node", "answer", "words"),
    [
        (
            SIZE,
            "smal",
            "'smal' is no answer to 'size'; did you mean 'small'?\n  help: answer one of: small, large, 38, true",
        ),
        (SIZE, "39", "'39' is no answer to 'size'"),
        ("human: {prompt: x, schema: {type: integer, minimum: 3}}", "2", "expected at least 3, got the number 2"),
        ("human: {prompt: x, schema: {type: object, required: [a]}}", "{}", "'a' is missing"),
        ("human: {prompt: x, schema: {type: string, maxLength: 2}}", "abc", "at most 2"),
        ("human: {prompt: x, schema: {type: object}}", '{"a": 1, "a": 2}', "is no JSON: the key 'a' is given twice"),
        (
            "human: {prompt: x, schema: {type: object}}",
            '{"a": 1',
            "is no JSON: line 1, column 8: expecting ','",
        ),
        (
            "human: {prompt: x, schema: {type: array}}",
            "[1,\n2",
            "is no JSON: line 2, column 2: expecting ','",
        ),
        ("human: {prompt: x, schema: {type: object}}", "a: 1", 'expected a mapping, got "a: 1"'),
        ("human: {prompt: x, schema: {type: integer}}", '"7', "is no JSON: line 1, column 1: unterminated string"),
    ],
)
def test_an_answer_beforehand_that_cannot_fit_is_refused_before_the_run(
    tmp_path: Path, node: str, answer: str, words: str
) -> None:
    said = refused(tmp_path, f"  size: {{{node}}}\n", f"size={answer}")
    assert said.startswith("error: --answer size=…: ")
    assert words in said


HAT = f"{{steps: [{{id: hat, {SIZE}}}]}}"


@pytest.mark.parametrize(
    ("nodes", "places"),
    [
        (f"  size: {{parallel: {{a: {HAT}, b: {HAT}}}}}\n", "size/a/hat, size/b/hat"),
        (f"  size: {{for_each: [1], do: {HAT}, next: hat}}\n  hat: {{{SIZE}}}\n", "size/hat, hat"),
        (f"  size: {{next: hat}}\n  hat: {{{SIZE}}}\nrescue: {HAT}\n", "hat, rescue/hat"),
    ],
)
def test_an_answer_beforehand_that_names_two_nodes_is_refused(tmp_path: Path, nodes: str, places: str) -> None:
    said = refused(tmp_path, nodes, "hat=small")
    assert f"--answer hat=…: 'hat' names two nodes: {places}\n" in said


def test_two_calls_of_a_workflow_ask_twice_and_the_whole_path_names_one(tmp_path: Path) -> None:
    write(tmp_path, "child.yaml", CHILD)
    write(
        tmp_path,
        "flow.yaml",
        "wf: 1\nname: two\nnodes:\n  a: {workflow: child.yaml, next: b}\n  b: {workflow: child.yaml, next: size}\n"
        "  size: {human: {prompt: s}}\n"
        "outputs: {o: ['{{ nodes.a.status }}', '{{ nodes.b.status }}', '{{ nodes.size.output }}']}\n",
    )
    done = wf(tmp_path, "run", "flow.yaml", "--answer", "size=s", code=2)
    assert "'size' names 3 nodes: a/size, b/size, size\n" in done.stderr
    words = ("--answer", "a/size=1", "--answer", "b/size=2", "--answer", "/size=3")
    assert wf(tmp_path, "run", "flow.yaml", "--json", *words).document["outputs"] == {
        "o": ["completed", "completed", "3"]
    }


def test_an_answer_to_nobody_is_refused_where_a_workflow_calls_itself_too(tmp_path: Path) -> None:
    text = """
wf: 1
name: down
inputs: {n: {type: integer, default: 2}}
nodes:
  again: {if: inputs.n > 0, workflow: self, with: {n: "{{ inputs.n - 1 }}"}, next: ask}
  ask: {human: {prompt: "{{ inputs.n }}?"}}
outputs: {o: "{{ nodes.ask.output }}"}
"""
    write(tmp_path, "flow.yaml", text)
    assert "'sak' asks nobody" in wf(tmp_path, "run", "flow.yaml", "--answer", "sak=x", code=2).stderr
    assert wf(tmp_path, "run", "flow.yaml", "--answer", "ask=x").stdout == "o: x\n"
    answers = ("--answer", "again/ask=x", "--answer", "/ask=y")
    assert wf(tmp_path, "run", "flow.yaml", *answers).stdout == "o: y\n"


FORMS = ("{type: string}", "{type: [string]}", "{anyOf: [{type: string, minLength: 9}, {type: string}]}")


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_to_a_form_for_texts_is_the_text_as_it_was_given(tmp_path: Path, form: str) -> None:
    write(
        tmp_path,
        "flow.yaml",
        "wf: 1\nname: t\n"
        "nodes: {a: {human: {prompt: x, schema: FORM}, next: b}, b: {human: {prompt: x, schema: FORM}}}\n"
        "outputs: {o: ['{{ nodes.a.output }}', '{{ nodes.b.output }}']}\n".replace("FORM", form),
    )
    for number, text in enumerate(("2.50", "false", "null", '"Emma"', '{"a": 1}', "007", "[]", " 1 ")):
        run = f"r{number}"
        wf(tmp_path, "run", "flow.yaml", "--no-input", "--run-id", run, "--answer", f"a={text}", code=3)
        done = wf(tmp_path, "answer", run, "b", text, "--resume", "--json")
        assert done.document["outputs"] == {"o": [text, text]}


def test_two_answers_by_one_name_are_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, f"  size: {{{SIZE}}}\n", "size=small", "size=large")
    assert said.startswith("error: --answer size=…: 'size' is answered twice\n  help: keep one of them")


def test_a_text_that_begins_as_json_does_is_taken_where_a_text_fits(tmp_path: Path) -> None:
    nodes = "  size: {human: {prompt: x, schema: {type: [string, array]}}, on_error: exit}\n"
    write(tmp_path, "flow.yaml", f'{HEAD}nodes:\n{nodes}outputs: {{o: "{{{{ nodes.size.output }}}}"}}\n')
    assert wf(tmp_path, "run", "flow.yaml", "--answer", "size=[draft", "--json").document["outputs"] == {"o": "[draft"}


def test_a_form_that_may_be_text_among_others_takes_what_does_not_fit_otherwise_as_text(tmp_path: Path) -> None:
    write(
        tmp_path,
        "flow.yaml",
        "wf: 1\nname: t\nnodes: {a: {human: {prompt: x, schema: {type: [string, integer]}}}}\n"
        "outputs: {o: '{{ nodes.a.output }}'}\n",
    )
    for text, value in (("7", 7), ("7.50", "7.50"), ("[1]", "[1]"), ("v7", "v7")):
        assert wf(tmp_path, "run", "flow.yaml", "--answer", f"a={text}", "--json").document["outputs"] == {"o": value}
