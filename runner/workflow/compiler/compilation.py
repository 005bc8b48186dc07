"""One load: a root file and every workflow it calls, each compiled once, into a library of checked workflows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from runner.ground.errors import InvalidWorkflow, Problem, did_you_mean
from runner.ground.json_value import Json
from runner.language.schema import Unknown, check_workflow
from runner.language.source import Source
from runner.workflow.compiler.bodies import BodyReader, Kinds
from runner.workflow.compiler.declarations import approval, inputs, permissions, readable, state
from runner.workflow.compiler.files import PATTERN, Files
from runner.workflow.compiler.reader import NodeReader, OpenFile, parse_duration
from runner.workflow.compiler.servers import mcp_server
from runner.workflow.compiler.shared import Shared
from runner.workflow.model import CHECK, UNKNOWN, Agent, Body, Model, Tool, Use, Workflow
from runner.workflow.model_bounds import ModelBounds
from runner.workflow.money import Price
from runner.workflow.policies import Limits
from runner.workflow.reach import JsonPath

SELF = "self"

_EMPTY = {"wf": 1, "name": "empty", "nodes": {"nothing": {}}}
"""The least that a workflow has beside its agents."""


class Compilation(msgspec.Struct):
    """What one load has read so far. `library` holds every workflow by its key: absolute path, or `pattern:name`.

    `replaced` names the files of agents that take the place of the root file's own. `python` are Python files that are
    permitted beside those that the root file lists, by absolute path.
    """

    files: Files
    kinds: Kinds
    root: str
    replaced: Mapping[str, str] = msgspec.field(default_factory=dict)
    python: tuple[str, ...] = ()
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
        if content is None:
            self.problems.extend(problems)
            return
        if len(self.sources) == 1:
            self.files.confine(readable(folder_of_file(key), content))
        shared = Shared(self.files, folder_of_file(key))
        self.sources[key] = source = shared.taken_in(source, content)
        if shared.folders:
            others, content = check_workflow(source)
            problems = [*problems, *(one for one in others if one not in problems)]
        self.problems.extend(problems + shared.problems)
        if content is None:
            return
        python = self.python if key == self.root else ()
        folder = folder_of_file(key)
        file = OpenFile(
            source,
            self.problems,
            content,
            self.files,
            folder,
            python=python,
            folders=shared.folders,
            built_in=dict(self.kinds.built_in),
        )
        self.library[key] = FileReader(self, key, file).workflow()


def folder_of_file(key: str) -> str:
    """The folder of a workflow's file; a pattern has none."""
    return "" if key.startswith(PATTERN) else str(Path(key).parent)


class FileReader:
    """Compiles the content of one file, whose shape has been checked."""

    def __init__(self, compilation: Compilation, key: str, file: OpenFile) -> None:
        self._compilation = compilation
        self._key = key
        self._file = file
        self._bodies = BodyReader(file, compilation.kinds.nodes, self._workflow_of)
        self._uses: list[Use] = []

    def workflow(self) -> Workflow:
        """The file as a Workflow; its mistakes are in the notes."""
        file, content = self._file, self._file.content
        for name, schema in file.section("schemas").items():
            file.schemas[name] = file.schema(schema, ("schemas", name))
        self._reader("defaults").check_models("model")
        limits, outputs = self._reader("limits"), self._reader("outputs")
        return Workflow(
            name=content["name"],
            version=str(content.get("version", "")),
            file=self._key,
            folder=file.folder,
            body=self._bodies.body(content, (), "main", frozenset()),
            title=content.get("title", ""),
            description=content.get("description", ""),
            inputs=inputs(file),
            state=state(file),
            models={alias: _model(entry) for alias, entry in file.section("models").items()},
            agents=self._agents(),
            tools={name: self._tool(name, entry) for name, entry in file.section("tools").items()} | file.built_in,
            mcp_servers={name: mcp_server(self._reader("mcp_servers", name)) for name in file.section("mcp_servers")},
            schemas=file.schemas,
            limits=Limits(**{**limits.content, "timeout": limits.duration("timeout", role="limits")}),
            permissions=permissions(file.folder, content["permissions"], self._key)
            if "permissions" in content
            else None,
            rescue=self._side_body("rescue"),
            finally_=self._side_body("finally"),
            outputs={name: outputs.value(name, role="outputs") for name in outputs.content},
            output_lines={name: file.source.place(("outputs", name), key=True).line for name in outputs.content},
            bodies=self._bodies.found,
            library=self._compilation.library,
            uses=tuple(self._uses),
            texts=self._compilation.files.texts,
        )

    def _reader(self, *at: str) -> NodeReader:
        """A reader for what is declared at a path."""
        content = self._file.content
        for step in at:
            content = content.get(step, {})
        return self._bodies.reader(at[-1], content, at, frozenset(), self._uses)

    def _agents(self) -> dict[str, Agent]:
        declared = self._file.section("agents")
        replaced = self._compilation.replaced if self._key == self._compilation.root else {}
        for name in replaced.keys() - declared.keys():
            words = f"--agent: there is no agent '{name}' to replace{did_you_mean(name, list(declared))}"
            hint = f"the workflow's agents are: {', '.join(declared)}" if declared else "the workflow has no agents"
            self._file.problems.append(Problem(words, hint=hint, rule="reference"))
        return {
            name: self._replaced(name, replaced[name]) if name in replaced else self._agent(name) for name in declared
        }

    def _agent(self, name: str) -> Agent:
        return replace(self._reader("agents", name), uses=[]).whole_agent()

    def _replaced(self, name: str, file: str) -> Agent:
        """The agent in a file of its own: with this workflow's models, tools and schemas, and its own folder."""
        source = self._compilation.files.source(file).below("agents", name)
        problems, _ = check_workflow(replace(source, data={**_EMPTY, **source.data}))
        if problems:
            self._file.problems.extend(problems)
            return Agent(name, "")
        alone = replace(self._file, source=source, folder=str(Path(file).parent), folders={})
        content = source.data["agents"][name]
        return replace(self._reader("agents", name), file=alone, content=content, uses=[]).whole_agent()

    def _side_body(self, key: str) -> Body | None:
        content = self._file.content
        return self._bodies.body(content[key], (key,), key, frozenset({"error"})) if key in content else None

    def _tool(self, name: str, entry: Mapping[str, Json]) -> Tool:
        kinds = {} if isinstance(entry, Unknown) else self._compilation.kinds.tools
        kind = next((kind for key, kind in kinds.items() if key in entry), None)
        reader = self._reader("tools", name)
        if kind is None:
            return Tool(name, "", {}, UNKNOWN, None, reader.at)
        on_crash, check = reader.on_crash(), reader.bodies.get(CHECK)
        return replace(kind.build(reader), approval=approval(reader), on_crash=on_crash, check=check)

    def _workflow_of(self, reference: str, at: JsonPath) -> str:
        if reference == SELF:
            return self._key
        key = reference if reference.startswith(PATTERN) else str(Path(self._file.folder, reference).resolve())
        try:
            self._compilation.workflow(key)
        except InvalidWorkflow as error:
            problem = error.problems[0]
            if problem.place is None or problem.place.line <= 1:
                self._file.error(problem.message, at, hint=problem.hint)
            else:
                self._compilation.problems.extend(error.problems)
        return key


def _model(entry: Json) -> Model:
    """One model: a provider's name, or an object."""
    if isinstance(entry, str):
        return Model(entry)
    times = {key: seconds for key in ("timeout", "idle_timeout") if (seconds := parse_duration(entry.get(key)))}
    bounds = ModelBounds(**{name: float(entry[key]) for key, name in _BOUNDS.items() if key in entry})
    price = Price(**entry["price"]) if "price" in entry else None
    temperature, longest = entry.get("temperature"), entry.get("max_reply_tokens", 4096)
    return Model(entry["model"], temperature, longest, bounds=bounds, price=price, **times)


_BOUNDS = {"max_concurrency": "at_once", "rpm": "calls", "tpm": "tokens"}
"""What bounds the calls of a model, by its key."""
