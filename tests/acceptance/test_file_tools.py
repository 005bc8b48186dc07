"""The built-in tools `files/…`, used by agents and by tool nodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.world.tools import file_tools
from tests.acceptance.command_line import wf

FLOW = """
wf: 1
name: notes
permissions: {read: [.], write: [out]}
agents: {clerk: {model: openai/gpt-4o, tools: [files/*]}}
nodes:
  look: {agent: clerk, prompt: Look around}
outputs: {said: "{{ nodes.look.output }}"}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for path, text in {
        "flow.yaml": FLOW,
        "a.md": "one\ntwo frogs\nthree\n",
        "sub/b.md": "a frog\n",
        "sub/deep/c.py": "frog = 1\n",
        "out/d.txt": "one frog, two frogs\n",
        ".hidden": "frog\n",
        "bin": "\0frog",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "bytes").write_bytes(b"frog \xff\n")
    (tmp_path / "secret.md").write_text("an outer frog\n")
    return folder


def calls(project: Path, *wanted: tuple[str, dict[str, Any]]) -> list[Any]:
    """What each call of one reply of the model gave: its output, or its error's type and message."""
    asked = [{"tool": f"files/{tool}", "with": given} for tool, given in wanted]
    (project / "mock.yaml").write_text(json.dumps({"look": [{"tool_calls": asked}, "done"]}))
    assert wf(project, "run", "flow.yaml", "--mock", "mock.yaml").stdout == "said: done\n"
    events = map(json.loads, wf(project, "logs", "last", "--json").stdout.splitlines())
    ended = {event["step"]: event for event in events if event["type"] == "step_ended"}
    given = [ended[f"look/call#{number}"] for number in range(2, 2 + len(wanted))]
    return [event["error"]["message"] if event.get("error") else event["output"] for event in given]


def told(project: Path, tool: str, **given: Any) -> Any:
    return calls(project, (tool, given))[0]


def test_read_gives_the_lines_that_were_asked_for_and_how_many_there_are(project: Path) -> None:
    whole = {"path": "a.md", "text": "one\ntwo frogs\nthree\n", "from": 1, "to": 3, "lines": 3}
    assert told(project, "read", path="a.md") == whole
    part = told(project, "read", path="a.md", **{"from": 2, "count": 1})
    assert part == {"path": "a.md", "text": "two frogs\n", "from": 2, "to": 2, "lines": 3}
    assert told(project, "read", path="a.md", **{"from": 9})["text"] == ""


def test_read_gives_so_much_of_a_long_file_that_a_model_can_take_it(project: Path) -> None:
    (project / "long").write_text("0123456789abcde\n" * 10_000)
    (project / "line").write_text("x" * 100_000)

    part, line = calls(project, ("read", {"path": "long", "count": 9999}), ("read", {"path": "line"}))

    assert (len(part["text"]), part["to"], part["lines"]) == (65_536, 4096, 10_000)
    assert (len(line["text"]), line["to"]) == (65_536, 1)


def test_list_and_search_look_where_a_glob_says(project: Path) -> None:
    listed, deep, found, python = calls(
        project,
        ("list", {}),
        ("list", {"path": "sub", "pattern": "**/*"}),
        ("search", {"pattern": "^.*frogs?$", "path": "."}),
        ("search", {"pattern": "frog", "files": "**/*.py"}),
    )

    assert listed["paths"] == ["a.md", "bin", "bytes", "flow.yaml", "mock.yaml", "out/", "sub/"]
    assert deep == {"paths": ["sub/b.md", "sub/deep/", "sub/deep/c.py"], "left_out": 0}
    assert found["matches"] == [
        {"path": "a.md", "line": 2, "text": "two frogs"},
        {"path": "out/d.txt", "line": 1, "text": "one frog, two frogs"},
        {"path": "sub/b.md", "line": 1, "text": "a frog"},
    ]
    assert (found["left_out"], found["not_read"]) == (0, ["bin", "bytes"])
    assert python["matches"] == [{"path": "sub/deep/c.py", "line": 1, "text": "frog = 1"}]


def test_what_is_left_out_of_long_answers_is_counted(project: Path) -> None:
    (project / "many").mkdir()
    for number in range(1003):
        (project / "many" / f"{number:04}").write_text("frog " * 100 if number < 5 else "frog\n")

    listed, found = calls(project, ("list", {"path": "many"}), ("search", {"path": "many", "pattern": "frog"}))

    assert (len(listed["paths"]), listed["left_out"]) == (1000, 3)
    assert (len(found["matches"]), found["left_out"], len(found["matches"][0]["text"])) == (200, 803, 300)


def test_a_search_through_too_much_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_tools, "MAX_TOTAL", 20)

    assert "search fewer" in told(project, "search", pattern="frog")


def test_write_and_edit_change_files_under_the_write_roots(project: Path) -> None:
    assert told(project, "write", path="out/new/e.txt", content="a toad\n") == {"path": "out/new/e.txt"}
    assert (project / "out/new/e.txt").read_text() == "a toad\n"
    assert told(project, "edit", path="out/d.txt", old="one frog", new="a toad") == {"path": "out/d.txt", "replaced": 1}
    assert (project / "out/d.txt").read_text() == "a toad, two frogs\n"
    assert told(project, "edit", path="out/d.txt", old="o", new="0", all=True)["replaced"] == 3
    assert (project / "out/d.txt").read_text() == "a t0ad, tw0 fr0gs\n"


def test_edits_of_one_reply_all_count(project: Path) -> None:
    (project / "out/n").write_text("".join(f"<{number}>" for number in range(40)))

    edits = [("edit", {"path": "out/n", "old": f"<{number}>", "new": "."}) for number in range(40)]
    assert calls(project, *edits) == [{"path": "out/n", "replaced": 1}] * 40
    assert (project / "out/n").read_text() == "." * 40


@pytest.mark.parametrize(
    ("tool", "given", "message"),
    [
        ("read", {"path": "../secret.md"}, "'../secret.md' is outside the folders that may be read"),
        ("read", {"path": "/etc/passwd"}, "is outside the folders that may be read"),
        ("read", {"path": "link.md"}, "'link.md', which leads to"),
        ("read", {"path": "a.mb"}, "'a.mb' does not exist; did you mean 'a.md'?"),
        ("read", {"path": "sub"}, "'sub' is a folder"),
        ("read", {"path": "bytes"}, "'bytes' is not UTF-8 text"),
        ("read", {"path": "a\0"}, "is no usable path"),
        ("list", {"path": ".."}, "is outside the folders that may be read"),
        ("list", {"pattern": "../*"}, "is outside the folders that may be read"),
        ("list", {"pattern": "*/../../*"}, "'..' can't follow a wildcard"),
        ("list", {"path": "a.md"}, "'a.md' is not a folder"),
        ("list", {"path": "away"}, "'away', which leads to"),
        ("search", {"pattern": "outer", "path": ".."}, "is outside the folders that may be read"),
        ("search", {"pattern": "outer", "files": "../*"}, "is outside the folders that may be read"),
        ("search", {"pattern": "(?=x)"}, "this is not a pattern"),
        ("write", {"path": "e.txt", "content": "x"}, "'e.txt' is outside the folders that may be written"),
        ("write", {"path": "out/.git/config", "content": "x"}, "nothing may be written to .git"),
        ("write", {"path": "out/.wf/config.toml", "content": "x"}, "nothing may be written to .wf"),
        ("edit", {"path": "a.md", "old": "one", "new": "x"}, "'a.md' is outside the folders that may be written"),
        ("edit", {"path": "out/.git/config", "old": "one", "new": "x"}, "nothing may be written to .git"),
        ("edit", {"path": "out/leads.md", "old": "one", "new": "x"}, "'out/leads.md', which leads to"),
        ("edit", {"path": "out/d.txt", "old": "newt", "new": "x"}, "`old` does not stand in 'out/d.txt'"),
        ("edit", {"path": "out/d.txt", "old": "frog", "new": "x"}, "`old` stands in 'out/d.txt' 2 times"),
        ("edit", {"path": "out/no.txt", "old": "frog", "new": "x"}, "'out/no.txt' does not exist"),
        ("edit", {"path": "out/many", "old": "o", "new": "x" * 100_000, "all": True}, "would have more than 8 MiB"),
    ],
)
def test_what_is_refused_is_told_to_the_model_and_leaves_all_as_it_was(
    project: Path, tool: str, given: dict[str, Any], message: str
) -> None:
    (project / "link.md").symlink_to("../secret.md")
    (project / "away").symlink_to("..")
    (project / "out/leads.md").symlink_to("../a.md")
    (project / "out/.git").mkdir()
    (project / "out/many").write_text("o" * 100)
    (project / "out/.git/config").write_text("one\n")
    before = {
        path: path.read_bytes() for path in project.parent.rglob("*") if path.is_file() and ".wf" not in path.parts
    }

    assert message in told(project, tool, **given)

    (project / "mock.yaml").unlink()
    after = {
        path: path.read_bytes() for path in project.parent.rglob("*") if path.is_file() and ".wf" not in path.parts
    }
    assert after == before


def test_links_that_lead_out_of_the_roots_are_passed_over_not_followed(project: Path) -> None:
    (project / "link.md").symlink_to("../secret.md")
    (project / "away").symlink_to("..")

    listed, found = calls(project, ("list", {"pattern": "*.md"}), ("search", {"pattern": "^an outer"}))

    assert (listed["paths"], found["matches"]) == (["a.md"], [])


def test_a_file_that_may_be_written_and_not_read_is_not_edited(project: Path) -> None:
    (project / "flow.yaml").write_text(FLOW.replace("read: [.]", "read: [sub]"))

    assert "is outside the folders that may be read" in told(project, "edit", path="out/d.txt", old="two", new="2")


def test_the_workflows_own_files_are_not_edited(project: Path) -> None:
    (project / "flow.yaml").write_text(FLOW.replace("write: [out]", "write: [.]"))

    assert "it is part of the workflow's own definition" in told(project, "edit", path="flow.yaml", old="wf", new="x")


def test_a_tool_node_uses_them_without_a_declaration(project: Path) -> None:
    (project / "flow.yaml").write_text("""
wf: 1
name: plain
permissions: {read: [.], write: [out]}
nodes:
  find: {tool: files/search, with: {pattern: "^.* frogs$"}, next: edit}
  edit: {tool: files/edit, with: {path: "out/d.txt", old: two, new: "2"}}
outputs: {n: "{{ nodes.find.output.matches | length }}", r: "{{ nodes.edit.output.replaced }}"}
""")
    assert wf(project, "run", "flow.yaml").stdout == "n: 2\nr: 1\n"


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("{tool: files/reed}", "tool 'files/reed' does not exist; did you mean 'files/read'?"),
        ("{tool: files/*}", "expected a tool's name, such as word_count, files/read or SERVER/TOOL"),
        ("{tool: files/read}", "tool 'files/read' needs input 'path'"),
        ("{tool: files/read, with: {path: x, pth: y}}", "tool 'files/read' has no input 'pth'; did you mean 'path'?"),
        (
            "{agent: {model: a/b, tools: [fils/*]}, prompt: x}",
            "server 'fils' does not exist; did you mean 'files'?",
        ),
    ],
)
def test_a_mistake_is_told_before_the_run(project: Path, node: str, message: str) -> None:
    (project / "flow.yaml").write_text(f"wf: 1\nname: x\nnodes:\n  n: {node}\n")

    assert message in wf(project, "validate", "flow.yaml", code=2).stderr


def test_an_edited_file_keeps_its_mode(project: Path) -> None:
    (project / "out/d.txt").chmod(0o640)

    told(project, "edit", path="out/d.txt", old="two", new="2")

    assert (project / "out/d.txt").stat().st_mode & 0o777 == 0o640


def test_what_is_done_to_files_is_in_the_audit_trail(project: Path) -> None:
    edit = {"path": "out/d.txt", "old": "one frog", "new": "a toad"}
    calls(project, ("read", {"path": "a.md"}), ("edit", edit), ("read", {"path": "../secret.md"}))
    trail = wf(project, "audit").stdout
    for row in (f"allowed read {project}/a.md", f"allowed write {project}/out/d.txt", "refused read ../secret.md"):
        assert row in trail


def test_where_runs_are_kept_no_tool_reads(project: Path) -> None:
    (project / ".wf/kept").mkdir(parents=True)
    (project / ".wf/kept/other.part").write_text("a kept frog\n")
    (project / "alias").symlink_to(".wf")

    read, linked, folder, listed, hidden, found = calls(
        project,
        ("read", {"path": ".wf/kept/other.part"}),
        ("read", {"path": "alias/wf.db"}),
        ("list", {"path": ".wf"}),
        ("list", {"pattern": ".w*/**/*"}),
        ("list", {"pattern": "alia*"}),
        ("search", {"pattern": "kept frog", "files": ".wf/kept/*"}),
    )

    assert read == "'.wf/kept/other.part' may not be read: wf keeps its runs there"
    assert linked == "'alias/wf.db' may not be read: wf keeps its runs there"
    assert folder == "'.wf' may not be read: wf keeps its runs there"
    assert (listed["paths"], hidden["paths"], found["matches"], found["not_read"]) == ([], [], [], [])


def test_nor_in_a_database_that_lies_elsewhere(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "db/kept").mkdir(parents=True)
    (project / "db/kept/other.part").write_text("a kept frog\n")
    monkeypatch.setenv("WF_DB", "db/runs.db")

    base, kept, listed = calls(
        project,
        ("read", {"path": "db/runs.db"}),
        ("read", {"path": "db/kept/other.part"}),
        ("list", {"path": "db", "pattern": "**/*"}),
    )

    assert base == "'db/runs.db' may not be read: wf keeps its runs there"
    assert kept == "'db/kept/other.part' may not be read: wf keeps its runs there"
    assert listed["paths"] == []
