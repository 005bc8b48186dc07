"""What stands above a workflow's graph: inputs, state, models, agents, tools, limits, permissions."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from runner.ground.errors import InvalidWorkflow, did_you_mean
from runner.ground.json_value import Json
from runner.language.schema import CompiledSchema, compile_schema
from runner.language.template import Template, compile_template
from runner.workflow.compiler.files import Files, shown_as
from runner.workflow.compiler.reader import Notes, resolve_schema
from runner.workflow.model import (
    Agent,
    Duration,
    Input,
    JsonPath,
    Limits,
    Model,
    Permissions,
    Program,
    Retry,
    Tool,
    Use,
)
from runner.workflow.programs import anchored

Content = Mapping[str, Json]


def schema_of(notes: Notes, schemas: Content, entry: Content, at: JsonPath, extra: tuple[str, ...]) -> Content:
    """The JSON Schema in an input's or a state key's declaration; `schema: name` refers to one under `schemas:`."""
    content = {key: value for key, value in entry.items() if key not in extra}
    named = content.pop("schema", None)
    own = resolve_schema(notes, schemas, content, at)
    return own if named is None else {**resolve_schema(notes, schemas, named, (*at, "schema")), **own}


def checked_default(notes: Notes, schema: Content, entry: Content, at: JsonPath) -> Json:
    default = entry.get("default")
    if "default" not in entry:
        return default
    compiled: CompiledSchema = compile_schema(schema)
    for error in compiled.errors(default):
        notes.error(f"the default does not fit: {error.message}", (*at, "default", *error.path), rule="schema")
    return compiled.normalise(default)


def inputs(notes: Notes, schemas: Content, content: Content) -> dict[str, Input]:
    """`inputs:` as declared."""
    found = {}
    for name, entry in content.items():
        at = ("inputs", name)
        schema = schema_of(notes, schemas, entry, at, ("secret", "env", "default"))
        default = checked_default(notes, schema, entry, at)
        if entry.get("secret") and schema.get("type", "string") != "string":
            notes.error("a secret is text", (*at, "type"), hint="write type: string", rule="schema")
        found[name] = Input(
            name, schema, "default" not in entry, default, entry.get("env", ""), entry.get("secret", False)
        )
    return found


def models(content: Content) -> dict[str, Model]:
    """`models:` by alias."""
    return {alias: model(entry) for alias, entry in content.items()}


def model(entry: Json) -> Model:
    """One model: a provider's name, or an object."""
    if isinstance(entry, str):
        return Model(entry)
    return Model(entry["model"], entry.get("temperature"), entry.get("max_reply_tokens", 4096))


class AgentReader:
    """Reads agents: those under `agents:`, and those written in a node."""

    def __init__(self, notes: Notes, files: Files, folder: str, content: Content) -> None:
        self._notes = notes
        self._files = files
        self._folder = folder
        self._schemas: Content = content.get("schemas", {})
        self._models: Content = content.get("models", {})
        self._default_model = content.get("defaults", {}).get("model", "")
        self._tools: Content = content.get("tools", {})
        self._declared: Content = content.get("agents", {})

    def agent(self, name: str, entry: Content, at: JsonPath) -> Agent:
        """One agent."""
        for position, fallback in enumerate(entry.get("fallback", [])):
            self.check_model(fallback, (*at, "fallback", position))
        model_name = entry.get("model", self._default_model)
        if "model" in entry:
            self.check_model(model_name, (*at, "model"))
        if not model_name:
            self._notes.error(
                f"agent '{name}' has no model", at, key=True, hint="give it `model:`, or set `defaults: {model: …}`"
            )
        schema = entry.get("output_schema")
        uses: list[Use] = []
        return Agent(
            name,
            model_name,
            tuple(entry.get("fallback", ())),
            entry.get("description", ""),
            self._instructions(entry, (*at, "instructions"), uses),
            None if schema is None else resolve_schema(self._notes, self._schemas, schema, (*at, "output_schema")),
            tuple(self._tool(tool, (*at, "tools", position)) for position, tool in enumerate(entry.get("tools", ()))),
            entry.get("temperature"),
            entry.get("max_reply_tokens"),
            tuple(uses),
        )

    def named(self, value: Json, at: JsonPath, name: str) -> str | Agent:
        """The agent that a node names, or the one it writes in place, which is then called `name`."""
        if isinstance(value, dict):
            return self.agent(name, value, at)
        if value not in self._declared:
            self._notes.error(
                f"agent '{value}' does not exist{did_you_mean(str(value), list(self._declared))}",
                at,
                hint="declare it under agents:",
            )
        return str(value)

    def check_model(self, name: str, at: JsonPath) -> None:
        """A model is an alias of `models:` or `provider/name`."""
        if name not in self._models and "/" not in name:
            hint = "a model is an alias under models:, or provider/name such as openai/gpt-4o-mini"
            self._notes.error(f"model '{name}' does not exist{did_you_mean(name, list(self._models))}", at, hint=hint)

    def text(self, value: Json, at: JsonPath) -> tuple[Template, str]:
        """A text written in place, or `{file: path}`, as a template; and the file's key among the texts."""
        if isinstance(value, str):
            return self._notes.template(value, at), ""
        path = str(Path(self._folder, value["file"]).resolve())
        try:
            return self._notes.template(self._files.text(path), at, shown_as(path)), path
        except InvalidWorkflow as error:
            self._notes.error(error.problems[0].message, (*at, "file"), hint=error.problems[0].hint)
        return compile_template(""), ""

    def _instructions(self, entry: Content, at: JsonPath, uses: list[Use]) -> Template | None:
        if "instructions" not in entry:
            return None
        template, file = self.text(entry["instructions"], at)
        uses.append(Use(template, at, file=file))
        return template

    def _tool(self, name: str, at: JsonPath) -> str:
        if name not in self._tools:
            self._notes.error(f"tool '{name}' does not exist{did_you_mean(name, list(self._tools))}", at)
        return name


def limits(content: Content, timeout: Duration | None) -> Limits:
    """`limits:` over the documented defaults."""
    known = Limits()
    return Limits(
        content.get("max_steps", known.max_steps),
        timeout,
        content.get("max_concurrency", known.max_concurrency),
        content.get("max_depth", known.max_depth),
    )


def retry(defaults: Content, content: Content, interval: Callable[[str], Duration | None]) -> Retry:
    """A node's retry policy: its own keys over those of `defaults`. `interval` reads one that is there."""
    merged = {**defaults, **content}
    known = Retry()
    return Retry(
        merged.get("max_attempts", known.max_attempts),
        interval("initial_interval") or known.initial_interval,
        merged.get("backoff", known.backoff),
        interval("max_interval") or known.max_interval,
        merged.get("jitter", known.jitter),
        frozenset(merged.get("errors", known.errors)),
    )


def _roots(folder: str, paths: list[str]) -> tuple[str, ...]:
    return tuple(os.path.realpath(Path(folder, path)) for path in paths)


def readable(folder: str, content: Content) -> tuple[str, ...]:
    """Where the files that a root workflow is made of may lie: its own folder, and what it may read."""
    own = (os.path.realpath(folder),) if folder else ()
    return (*own, *_roots(folder, (content.get("permissions") or {}).get("read", [])))


def permissions(folder: str, content: Content) -> Permissions:
    """`permissions:` with its paths resolved against the file's folder."""
    return Permissions(
        anchored(content.get("commands", ()), folder or str(Path.cwd())),
        _roots(folder, content.get("read", [])),
        _roots(folder, content.get("write", [])),
        frozenset(content.get("network", ())),
        frozenset(content.get("env", ())),
    )


def tool_inputs(notes: Notes, entry: Content, at: JsonPath) -> Content:
    """The JSON Schema of a command tool's arguments. As with a workflow's inputs, one without a default is required."""
    declared: Content = entry.get("inputs", {})
    properties = {name: resolve_schema(notes, {}, schema, (*at, "inputs", name)) for name, schema in declared.items()}
    for name, schema in properties.items():
        checked_default(notes, schema, declared[name], (*at, "inputs", name))
    required = [name for name, schema in properties.items() if "default" not in schema]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def tool(name: str, entry: Content, folder: str, schema: Content, program: Program) -> Tool:
    """One tool; `schema` is its inputs'."""
    file, _, function = entry.get("python", "").rpartition(":")
    return Tool(
        name,
        entry.get("description", schema.get("description", "")),
        schema,
        program,
        str(Path(folder, file).resolve()) if file else "",
        function,
        ("tools", name),
    )
