"""One load: a root file and every workflow it calls, each compiled once, into a library of checked workflows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from runner.ground.errors import InvalidWorkflow, Problem, WorkflowError, did_you_mean
from runner.ground.json_value import Json
from runner.language.schema import Unknown, check_workflow
from runner.language.source import Source
from runner.language.template import ValueTemplate
from runner.workflow.compiler.bodies import BodyReader, NodeKinds
from runner.workflow.compiler.declarations import (
    AgentReader,
    inputs,
    limits,
    models,
    permissions,
    readable,
    tool,
    tool_inputs,
)
from runner.workflow.compiler.files import PATTERN, Files
from runner.workflow.compiler.reader import Notes, resolve_schema
from runner.workflow.compiler.state_keys import state
from runner.workflow.model import Agent, Body, Duration, JsonPath, Tool, Use, Workflow
from runner.workflow.signature import signature_schema

SELF = "self"

_EMPTY = {"wf": 1, "name": "empty", "nodes": {"nothing": {}}}
"""The least that a workflow has beside its agents."""


class Compilation(msgspec.Struct):
    """What one load has read so far. `library` holds every workflow by its key: absolute path, or `pattern:name`.

    `replaced` names the files of agents that take the place of the root file's own.
    """

    files: Files
    kinds: NodeKinds
    root: str
    replaced: Mapping[str, str] = msgspec.field(default_factory=dict)
    library: dict[str, Workflow] = msgspec.field(default_factory=dict)
    sources: dict[str, Source] = msgspec.field(default_factory=dict)
    problems: list[Problem] = msgspec.field(default_factory=list)
    pending: set[str] = msgspec.field(default_factory=set)

    def workflow(self, key: str) -> None:
        """Read and compile the workflow `key`, and those it calls, into the library."""
        if key in self.library or key in self.pending:
            return
        self.pending.add(key)
        source = self.files.source(key)
        self.sources[key] = source
        problems, content = check_workflow(source)
        self.problems.extend(problems)
        if content is None:
            return
        if len(self.sources) == 1:
            self.files.confine(readable(folder_of(key), content))
        self.library[key] = FileReader(self, key, Notes(source, self.problems), content).workflow()


def folder_of(key: str) -> str:
    """The folder of a workflow's file; a pattern has none."""
    return "" if key.startswith(PATTERN) else str(Path(key).parent)


class FileReader:
    """Compiles the content of one file, whose shape has been checked."""

    def __init__(self, compilation: Compilation, key: str, notes: Notes, content: Mapping[str, Json]) -> None:
        self._compilation = compilation
        self._key = key
        self._notes = notes
        self._content = content
        self._folder = folder_of(key)
        self._agents = AgentReader(notes, compilation.files, self._folder, self._content)
        self._bodies = BodyReader(notes, self._content, compilation.kinds, self._agents, self._workflow_of)
        self._uses: list[Use] = []

    def workflow(self) -> Workflow:
        """The file as a Workflow; its mistakes are in the notes."""
        content = self._content
        schemas = self._schemas()
        self._check_default_model()
        body = self._bodies.body(content, (), "main", frozenset())
        return Workflow(
            name=content["name"],
            version=str(content.get("version", "")),
            file=self._key,
            folder=self._folder,
            body=body,
            title=content.get("title", ""),
            description=content.get("description", ""),
            inputs=inputs(self._notes, schemas, self._section("inputs")),
            state=state(self._notes, schemas, self._section("state")),
            models=models(self._section("models")),
            agents=self._declared_agents(),
            tools={name: self._tool(name, entry) for name, entry in self._section("tools").items()},
            schemas=schemas,
            limits=limits(self._section("limits"), self._time_limit()),
            permissions=permissions(self._folder, content["permissions"])
            if content.get("permissions") is not None
            else None,
            rescue=self._side_body("rescue"),
            finally_=self._side_body("finally"),
            outputs=self._outputs(),
            bodies=self._bodies.found,
            library=self._compilation.library,
            uses=tuple(self._uses),
        )

    def _section(self, name: str) -> Mapping[str, Json]:
        return self._content.get(name) or {}

    def _declared_agents(self) -> dict[str, Agent]:
        declared = self._section("agents")
        replaced = self._compilation.replaced if self._key == self._compilation.root else {}
        for name in replaced.keys() - declared.keys():
            words = f"--agent: there is no agent '{name}' to replace{did_you_mean(name, list(declared))}"
            hint = f"the workflow's agents are: {', '.join(declared)}" if declared else "the workflow has no agents"
            self._notes.problems.append(Problem(words, hint=hint, rule="reference"))
        return {
            name: self._replaced(name, replaced[name])
            if name in replaced
            else self._agents.agent(name, entry, ("agents", name))
            for name, entry in declared.items()
        }

    def _replaced(self, name: str, file: str) -> Agent:
        """The agent in a file of its own: with this workflow's models, tools and schemas, and its own folder."""
        source = self._compilation.files.source(file).below("agents", name)
        alone = msgspec.structs.replace(source, data={**_EMPTY, **source.data})
        problems, _ = check_workflow(alone)
        if problems:
            self._notes.problems.extend(problems)
            return Agent(name, "")
        notes = Notes(source, self._notes.problems)
        reader = AgentReader(notes, self._compilation.files, str(Path(file).parent), self._content)
        return reader.agent(name, source.data["agents"][name], ("agents", name))

    def _schemas(self) -> Mapping[str, Json]:
        return {
            name: resolve_schema(self._notes, {}, schema, ("schemas", name))
            for name, schema in self._section("schemas").items()
        }

    def _check_default_model(self) -> None:
        default = self._section("defaults").get("model")
        if default is not None:
            self._agents.check_model(default, ("defaults", "model"))

    def _side_body(self, key: str) -> Body | None:
        if key not in self._content:
            return None
        return self._bodies.body(self._content[key], (key,), key, frozenset({"error"}))

    def _time_limit(self) -> Duration | None:
        reader = self._bodies.reader("limits", self._section("limits"), ("limits",), frozenset(), self._uses)
        return reader.duration("timeout", role="limits")

    def _outputs(self) -> dict[str, ValueTemplate]:
        reader = self._bodies.reader("outputs", self._section("outputs"), ("outputs",), frozenset(), self._uses)
        return {name: reader.value(name, role="outputs") for name in self._section("outputs")}

    def _tool(self, name: str, entry: Mapping[str, Json]) -> Tool:
        at = ("tools", name)
        reader = self._bodies.reader(name, entry, at, frozenset(), self._uses)
        program = reader.program(reader.argv("command", role="tool"), role="tool")
        return tool(name, entry, self._folder, self._tool_schema(entry, at), program)

    def _tool_schema(self, entry: Mapping[str, Json], at: JsonPath) -> Mapping[str, Json]:
        if isinstance(entry, Unknown):
            return {}
        return self._python_schema(entry, at) if "python" in entry else tool_inputs(self._notes, entry, at)

    def _python_schema(self, entry: Mapping[str, Json], at: JsonPath) -> Mapping[str, Json]:
        file, _, function = entry["python"].rpartition(":")
        try:
            path = str(Path(self._folder, file).resolve())
            return signature_schema(path, self._compilation.files.text(path), function)
        except InvalidWorkflow as error:
            self._notes.error(error.problems[0].message, (*at, "python"), hint=error.problems[0].hint)
        except WorkflowError as error:
            self._notes.error(error.message, (*at, "python"), hint=error.hint)
        return {}

    def _workflow_of(self, reference: str, at: JsonPath) -> str:
        if reference == SELF:
            return self._key
        key = reference if reference.startswith(PATTERN) else str(Path(self._folder, reference).resolve())
        try:
            self._compilation.workflow(key)
        except InvalidWorkflow as error:
            problem = error.problems[0]
            if problem.place is None or problem.place.line <= 1:
                self._notes.error(problem.message, at, hint=problem.hint)
            else:
                self._compilation.problems.extend(error.problems)
        return key
