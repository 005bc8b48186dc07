"""Reading files: what is a name and what a glob, what is parsed, and what the docs page shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from runner import run
from runner.engine.runs import RunResult
from tests.pages import run_page


def test_the_workflow_on_the_page_gives_what_the_page_says(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"colour": "green"}', encoding="utf-8")
    result = run_page("read", tmp_path)
    assert (result.status, result.error) == ("completed", None)
    assert result.outputs == {"path": "flow.yaml", "count": 1, "colour": "green", "size": 19}


def read(folder: Path, node: str, head: str = "", **inputs: Any) -> RunResult:
    """A run of one `read` node; its output is `got`."""
    text = f"wf: 1\nname: reading\npermissions: {{read: [.]}}\n{head}\nnodes:\n  a: {{{node}}}\n"
    (folder / "flow.yaml").write_text(f'{text}outputs: {{got: "{{{{ nodes.a.output }}}}"}}\n', encoding="utf-8")
    return run(folder / "flow.yaml", inputs)


def got(result: RunResult) -> Any:
    assert (result.status, result.error) == ("completed", None)
    return result.outputs["got"]


def fill(folder: Path, **texts: str) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode())


X = "inputs: {x: {type: string}}"


@pytest.mark.parametrize("name", ["plain", "a*", "?", "[ab]", "[[]", "**", "a [1] (2)"])
def test_what_a_template_produced_is_a_name(tmp_path: Path, name: str) -> None:
    fill(tmp_path / "in", **{name: "right", "b": "wrong", "ab": "wrong", "[": "wrong", "a 1 (2)": "wrong"})
    assert got(read(tmp_path, 'read: "in/{{ inputs.x }}"', X, x=name)) == {"path": f"in/{name}", "text": "right"}
    assert got(read(tmp_path, 'read: "{{ inputs.x | trim }}"', X, x=f"in/{name}"))["text"] == "right"


@pytest.mark.parametrize(
    ("glob", "x", "found"),
    [
        ("{{ inputs.x }}/*.txt", "in", ["in/a1.txt", "in/b.txt"]),
        ("{{ inputs.x | lower }}/*.txt", "IN", ["in/a1.txt", "in/b.txt"]),
        ("in/{{ inputs.x }}*.txt", "a", ["in/a1.txt"]),
        ("in/{{ inputs.x }}*.txt", "*", []),
        ("in/[ab]{{ inputs.x }}*", "1", ["in/a1.txt"]),
        ("{{ inputs.x }}/*", "odd [1]*", ["odd [1]*/c"]),
        ("{% if inputs.x %}in/?.txt{% endif %}", "yes", ["in/b.txt"]),
        ("{{ inputs.x }}/**", "..", None),
    ],
)
def test_only_what_stands_in_the_file_itself_is_a_wildcard(
    tmp_path: Path, glob: str, x: str, found: list[str] | None
) -> None:
    fill(tmp_path / "in", **{"a1.txt": "", "b.txt": "", "c.md": ""})
    fill(tmp_path / "odd [1]*", c="")
    result = read(tmp_path, f'read: "{glob}"', X, x=x)
    if found is None:
        assert result.error is not None
        assert result.error["type"] == "permission_denied"
    else:
        assert [entry["path"] for entry in got(result)] == found


@given(some.text("ab*?[]!-. ", min_size=1, max_size=6).filter(lambda name: name.strip(". ")))
def test_a_path_that_a_file_gives_leads_to_that_file(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("names")
    fill(folder / "in", **{name: name})
    assert got(read(folder, 'read: "in/{{ inputs.x }}"', X, x=name)) == {"path": f"in/{name}", "text": name}
    [entry] = got(read(folder, 'read: "{{ inputs.x }}/*"', X, x="in"))[:1] or [None]
    assert entry == (None if name.startswith(".") else {"path": f"in/{name}", "text": name})


def test_a_called_workflow_reads_a_glob_though_its_folder_has_brackets(tmp_path: Path) -> None:
    fill(tmp_path / "odd [1]", **{"n1.md": "one", "n2.md": "two"})
    child = 'wf: 1\nname: child\nnodes: {a: {read: "n?.md"}}\noutputs: {texts: "{{ nodes.a.output }}"}\n'
    (tmp_path / "odd [1]" / "child.yaml").write_text(child, encoding="utf-8")
    assert [entry["text"] for entry in got(read(tmp_path, "workflow: 'odd [1]/child.yaml'"))["texts"]] == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "node", "more"),
    [
        ('{"n": [1, 2.5]}', "read: f, parse: json", {"json": {"n": [1, 2.5]}}),
        ("\ufeff[true]", "read: f, parse: json", {"json": [True]}),
        ("null\r\n", "read: f, parse: json", {"json": None}),
        ("a\r\nb\n\nc", "read: f, parse: lines", {"lines": ["a", "b", "", "c"]}),
        ("", "read: f, parse: lines", {"lines": []}),
    ],
)
def test_a_file_is_parsed(tmp_path: Path, text: str, node: str, more: dict[str, Any]) -> None:
    fill(tmp_path, f=text)
    assert got(read(tmp_path, node)) == {"path": "f", "text": text, **more}


def test_each_file_of_a_glob_is_parsed(tmp_path: Path) -> None:
    fill(tmp_path, **{"b.json": "2", "a.json": '"one"'})
    assert [entry["json"] for entry in got(read(tmp_path, 'read: "*.json", parse: json'))] == ["one", 2]


def test_a_file_that_is_no_json_fails_as_output_invalid(tmp_path: Path) -> None:
    fill(tmp_path, f='{"a": 1,}')
    error = read(tmp_path, "read: f, parse: json").error
    assert error is not None
    assert error["type"] == "output_invalid"
    assert error["message"].startswith("'f' is not JSON: line 1, column ")
    assert "begins" not in error["message"]


@pytest.mark.parametrize(
    ("text", "came"),
    [
        ("name: Ann\nage: 7\n", "; it begins: name: Ann"),
        ("\ufeff\r\n  colour = green\r\n", "; it begins: colour = green"),
        ("ab " * 300, f"; it begins: {'ab ' * 66}…"),
        ("", "; it is empty"),
        (" \n\t\n", "; it is empty"),
    ],
)
def test_what_a_file_holds_that_is_no_json_is_told(tmp_path: Path, text: str, came: str) -> None:
    fill(tmp_path, f=text)
    error = read(tmp_path, "read: f, parse: json").error
    assert error is not None
    assert error["message"].endswith(came)


def test_a_secret_in_a_file_that_is_no_json_is_not_told(tmp_path: Path) -> None:
    fill(tmp_path, f=f"{'x' * 190} hunter2-hunter2")
    head = "inputs: {word: {type: string, secret: true}}"
    error = read(tmp_path, "read: f, parse: json", head, word="hunter2-hunter2").error
    assert error is not None
    assert "hunter" not in error["message"]


def test_without_content_there_are_size_and_hash(tmp_path: Path) -> None:
    fill(tmp_path, f="abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert got(read(tmp_path, "read: f, content: false")) == {"path": "f", "size": 3, "sha256": digest}
    assert got(read(tmp_path, 'read: "?", content: false')) == [{"path": "f", "size": 3, "sha256": digest}]
