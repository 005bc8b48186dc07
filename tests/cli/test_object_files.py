"""Objects that a command is given in files: JSON or YAML, and where they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command_line import wf, write

FLOW = """\
wf: 1
name: bake
inputs: {n: {type: integer}, who: {default: null}}
nodes: {a: {}}
outputs: {n: "{{ inputs.n }}", who: "{{ inputs.who }}"}
"""


def outputs(folder: Path, name: str, text: str) -> object:
    """What a run gives with the inputs in a file, and with the same from stdin."""
    write(folder, "flow.yaml", FLOW)
    write(folder, name, text)
    given = wf(folder, "run", "flow.yaml", "--inputs", name, "--json").document["outputs"]
    assert wf(folder, "run", "flow.yaml", "--inputs", "-", "--json", stdin=text).document["outputs"] == given
    return given


@pytest.mark.parametrize(
    ("name", "text", "who"),
    [
        ("i.json", '{"n": 3, "who": ["a"]}', ["a"]),
        ("i.json", '\ufeff{"n": 3, "who": {}}', {}),
        ("i.yaml", "n: 3\nwho: no\n", "no"),
        ("i.yml", "# mine\nn: 3\nwho:\n  - 2026-01-01\n  - 1.50\n", ["2026-01-01", 1.5]),
        ("i", "{n: 3, who: ~}", None),
        ("i.txt", "n: 3\r\nwho: |\r\n  a\r\n", "a\n"),
    ],
)
def test_inputs_are_json_or_yaml(tmp_path: Path, name: str, text: str, who: object) -> None:
    assert outputs(tmp_path, name, text) == {"n": 3, "who": who}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("i.yaml", "n: 3\nn: 4\n", "i.yaml:2:1: error: "),
        ("i.yaml", "n: !!python/name:os 3\n", "i.yaml:1:4: error: "),
        ("i.yaml", "n: 3\nwho: 'a\n", "i.yaml:2:6: error: "),
        ("i.yaml", "- 3\n", "error: i.yaml holds no object\n  help: write "),
        ("i.yaml", '{"n": 3,, "who": 1}', "error: i.yaml is no JSON: line 1, column 9: "),
        ("i.json", "n: 3\n", "error: i.json is no JSON: line 1, column 1: "),
        ("i.json", '{"n": 3, "n": 3}', "error: i.json is no JSON: the key 'n' is given twice"),
        ("i.yaml", "", "i.yaml:1:1: error: the file is empty"),
    ],
)
def test_what_is_wrong_with_a_file_of_inputs_is_told_with_its_place(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    write(tmp_path, "flow.yaml", FLOW)
    write(tmp_path, name, text)
    assert wf(tmp_path, "run", "flow.yaml", "--inputs", name, code=2).stderr.startswith(said)
    assert not (tmp_path / ".wf").exists()


def test_a_file_of_more_yaml_than_is_read_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", FLOW)
    write(tmp_path, "i.yaml", "n: 3\nwho: " + "x" * (1 << 20))
    assert "i.yaml" in wf(tmp_path, "run", "flow.yaml", "--inputs", "i.yaml", code=2).stderr
