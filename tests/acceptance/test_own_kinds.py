"""A composite and a leaf that only this test knows: each a module, a schema and a line in KINDS, and all of `wf` works.

They are put into a copy of the package. `council` hears its branches one after the other, keeps in mind who was heard,
then asks a person as often as it takes; `shout` runs a program.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runner.ground.json_value import Json
from tests.acceptance.command_line import Done, write
from tests.project import ROOT

COUNCIL = '''"""`council`: hears its branches one after the other, then asks a person until there is enough."""

from __future__ import annotations

from runner.ground.json_value import Json
from runner.nodes.contract import (
    Ask, Branch, Done, Ended, Kind, Left, Memory, Opened, Settled, Spawn, Stay, SubAsk, View,
)
from runner.record.address import numbered
from runner.workflow.compiler import NodeReader
from runner.workflow.branching import Branching
from runner.workflow.model import Node, Traits


def build(reader: NodeReader) -> tuple[str, ...]:
    names = tuple(reader.get("council"))
    for name in names:
        reader.body(name, "council", name, name=name)
    return names


def open_(node: Node, view: View) -> Opened:
    first = node.spec[0]
    return Spawn((Branch(first, first),), memory=Memory({"asked": 0, "heard": []}), branches=node.spec)


def settle(node: Node, view: View, ended: Ended) -> Settled:
    heard, asked = view.memory["heard"], view.memory["asked"]
    if ended.key in node.spec:
        memory = Memory({}, {"heard": [ended.key]})
        following = node.spec[len(heard) + 1 :]
        if following:
            return Spawn((Branch(following[0], following[0]),), memory=memory)
        return Spawn((_question(1),), memory=Memory({"asked": 1}, {"heard": [ended.key]}))
    if ended.child.output == "again":
        return Spawn((_question(asked + 1),), memory=Memory({"asked": asked + 1}))
    return Done({"heard": heard, "asked": asked, "last": ended.child.output}, merge=node.spec)


def _question(number: int) -> SubAsk:
    return SubAsk(numbered("question", number), Ask("person", prompt="Enough?", choices=("again", "enough")))


def detached(node: Node, view: View, ended: Ended) -> Left:
    return Stay()


def traits(names: tuple[str, ...]) -> Traits:
    return Traits(asks_within=True, branching=Branching({name: () for name in names}))


KIND = Kind(
    verb="council", build=build, open=open_, settle=settle, detached=detached, traits=traits,
    timed_as_whole=True,
)
'''

SHOUT = '''"""`shout`: says a text in capitals, by a program."""

from __future__ import annotations

from runner.nodes.contract import Kind, Opened, Perform, Shape, View
from runner.workflow.compiler import NodeReader
from runner.workflow.model import Node, Traits
from runner.workflow.reach import Started
from runner.world.calls import CommandCall


def open_(node: Node, view: View) -> Opened:
    call = CommandCall(("echo", view.text(node.spec).upper()), view.folder)
    return Perform(call, {"said": call.argv[1]})


KIND = Kind(
    verb="shout",
    build=lambda reader: reader.template("shout"),
    open=open_,
    traits=lambda spec: Traits(programs=(Started(("shout",), "echo", "", ()),)),
    shape=Shape((">", "]")),
)
'''

SCHEMAS = {
    "council": {
        "type": "object",
        "propertyNames": {"$ref": "../common.json#/$defs/id"},
        "additionalProperties": {"$ref": "../node.json#/$defs/branch"},
        "minProperties": 1,
    },
    "shout": {"$ref": "../common.json#/$defs/template"},
}

FLOW = """
wf: 1
name: own
permissions: {commands: [echo]}
state: {said: {type: array, default: [], reducer: append}}
nodes:
  talk:
    council:
      ana: {steps: [{set: {said: first}}, {human: {prompt: Go on?}}, {set: {said: last}}]}
      bo: {shout: "hello {{ state.said | length }}", set: {said: "{{ output.text }}"}}
    next: done
  done: {shout: "{{ nodes.talk.output.last }}"}
outputs:
  said: "{{ state.said }}"
  talk: "{{ nodes.talk.output }}"
  results: "{{ nodes.talk.results }}"
  shouted: "{{ nodes.done.output.text }}"
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package with both kinds in it."""
    folder = tmp_path_factory.mktemp("package")
    for name in ("runner", "schemas", "grammars", "patterns"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    write(folder, "runner/nodes/composites/council.py", COUNCIL)
    write(folder, "runner/nodes/leaves/shout.py", SHOUT)
    for verb, schema in SCHEMAS.items():
        whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": verb, "properties": {verb: schema}}
        write(folder, f"schemas/nodes/{verb}.json", json.dumps(whole))
    kinds = folder / "runner" / "nodes" / "__init__.py"
    text = kinds.read_text(encoding="utf-8")
    text = text.replace("import agent,", "import agent, council,").replace("write\n", "write, shout\n", 1)
    text = text.replace('    "agent": agent.KIND,\n', '    "agent": agent.KIND,\n    "council": council.KIND,\n')
    text = text.replace('    "end": end.KIND,\n', '    "end": end.KIND,\n    "shout": shout.KIND,\n')
    assert text.count("KIND,") == len(SCHEMAS) + kinds.read_text(encoding="utf-8").count("KIND,")
    kinds.write_text(text, encoding="utf-8")
    return folder


class User:
    """Types `wf` of that package, in a folder with the workflow."""

    def __init__(self, package: Path, folder: Path) -> None:
        self._package = package
        self._folder = folder
        write(folder, "flow.yaml", FLOW)

    def wf(self, *words: str, code: int = 0) -> Done:
        ended = subprocess.run(
            [sys.executable, "-c", "from runner.cli import main; main()", *words],
            cwd=self._folder,
            env={**os.environ, "PYTHONPATH": str(self._package)},
            capture_output=True,
            text=True,
            check=False,
        )
        done = Done(ended.stdout, ended.stderr, ended.returncode)
        assert (done.code, "Traceback" in done.stderr) == (code, False), f"wf {words}: {done}"
        return done

    def waits(self, *words: str) -> list[tuple[str, str]]:
        """Which steps wait after a command, and for what."""
        return [(wait["step"], wait["kind"]) for wait in self.wf(*words, "--json", code=3).document["waiting"]]

    def checkpoint_with(self, run: str, address: str) -> str:
        """The newest checkpoint at which a branch has a state of its own."""
        found = [line.split()[0] for line in self.wf("checkpoints", run).stdout.splitlines()]
        return next(place for place in reversed(found) if address in self.wf("state", place).stdout)


@pytest.fixture
def user(package: Path, tmp_path: Path) -> User:
    return User(package, tmp_path)


def outputs(done: Done) -> dict[str, Json]:
    document = done.document
    assert document["status"] == "completed", document
    return dict(document["outputs"])


def test_it_is_checked_as_any_kind_is(user: User, tmp_path: Path) -> None:
    assert user.wf("validate", "flow.yaml").stderr == ""
    write(tmp_path, "flow.yaml", FLOW.replace("commands: [echo]", "commands: []").replace("council:", "councel:"))
    said = user.wf("validate", "flow.yaml", code=2).stderr
    assert "'councel'" in said
    assert "did you mean 'council'?" in said
    write(tmp_path, "flow.yaml", FLOW.replace("commands: [echo]", "commands: []"))
    assert "program 'echo' is not permitted" in user.wf("validate", "flow.yaml", code=2).stderr
    write(tmp_path, "flow.yaml", FLOW.replace(", reducer: append", ""))
    assert "state key 'said' is written by branch 'ana'" in user.wf("validate", "flow.yaml", code=2).stderr


def test_it_runs_waits_and_is_taken_up_again(user: User) -> None:
    assert user.waits("run", "flow.yaml", "--no-input", "--run-id", "r") == [("talk/ana/s2", "human")]
    user.wf("answer", "r", "talk/ana/s2", "yes")
    assert user.waits("resume", "r", "--no-input") == [("talk/question#1", "human")]
    user.wf("answer", "r", "talk/question#1", "perhaps", code=2)
    user.wf("answer", "r", "talk/question#1", "again")
    assert user.waits("resume", "r", "--no-input") == [("talk/question#2", "human")]
    user.wf("answer", "r", "talk/question#2", "enough")
    assert outputs(user.wf("resume", "r", "--json")) == {
        "said": ["first", "last", "HELLO 0"],
        "talk": {"heard": ["ana", "bo"], "asked": 2, "last": "enough"},
        "results": {
            "ana": {"status": "completed", "output": None, "error": None},
            "bo": {
                "status": "completed",
                "output": {"stdout": "HELLO 0\n", "stderr": "", "text": "HELLO 0", "exit_code": 0},
                "error": None,
            },
        },
        "shouted": "ENOUGH",
    }
    shown = user.wf("show", "r").stdout
    assert "talk [council]" in shown
    assert "talk/question#2" in shown
    assert user.wf("doctor").stdout.count("WRONG") == 0


def test_answers_may_be_given_beforehand(user: User) -> None:
    words = ("--answer", "s2=yes", "--answer", "talk/question=enough", "--json", "--run-id", "r")
    assert outputs(user.wf("run", "flow.yaml", *words))["talk"] == {
        "heard": ["ana", "bo"],
        "asked": 1,
        "last": "enough",
    }


def test_a_branch_of_it_is_edited_in_a_fork(user: User) -> None:
    user.waits("run", "flow.yaml", "--no-input", "--run-id", "r")
    at = user.checkpoint_with("r", "talk/ana")
    edited = ("--set", 'talk/ana.state.said=["first", "more"]')
    assert user.waits("fork", at, *edited, "--no-input", "--run-id", "f") == [("talk/ana/s2", "human")]
    user.wf("answer", "f", "talk/ana/s2", "yes")
    user.waits("resume", "f", "--no-input")
    user.wf("answer", "f", "talk/question#1", "enough")
    assert outputs(user.wf("resume", "f", "--json"))["said"] == ["first", "more", "last", "HELLO 0"]


def test_it_is_exported_imported_and_gone_on_with(user: User, tmp_path: Path) -> None:
    user.waits("run", "flow.yaml", "--no-input", "--run-id", "r")
    user.wf("answer", "r", "talk/ana/s2", "yes")
    user.waits("resume", "r", "--no-input")
    write(tmp_path, "r.jsonl", user.wf("export", "r").stdout)
    user.wf("import", "r.jsonl", "--run-id", "copy")
    user.wf("answer", "copy", "talk/question#1", "enough")
    talk = {"heard": ["ana", "bo"], "asked": 1, "last": "enough"}
    assert outputs(user.wf("resume", "copy", "--json"))["talk"] == talk
    assert user.waits("resume", "r", "--no-input") == [("talk/question#1", "human")]


def test_it_is_drawn(user: User) -> None:
    user.waits("run", "flow.yaml", "--no-input", "--run-id", "r")
    drawn = user.wf("graph", "r").stdout
    assert 'subgraph n2 ["talk<br/><small>council</small><br/><small>running</small>"]' in drawn
    assert '>"bo<br/><small>shout hello' in drawn
