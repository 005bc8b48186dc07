"""What a node kind's `build` may ask of its node's YAML: compiled, with every mistake noted at its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from runner.ground.errors import ExpressionError, InvalidWorkflow, SourceError, TemplateError, did_you_mean
from runner.ground.json_value import Json
from runner.language.expression import Expression, compile_expression
from runner.language.schema import check_schema
from runner.language.source import place_in_text
from runner.language.template import Template, ValueTemplate, compile_template, compile_value
from runner.workflow.compiler.files import Files, shown_as
from runner.workflow.compiler.notes import Notes
from runner.workflow.mcp_servers import TAKEN, server_of
from runner.workflow.model import CHECK, Agent, Body, ContextBound, Program, Tool, Use
from runner.workflow.money import Budget
from runner.workflow.policies import Duration, OnCrash
from runner.workflow.reach import JsonPath

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhd]))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")

_UNREADABLE = "{{ '' }}"
"""Stands for a template that can't be read: one that can't be taken for plain text."""


def parse_duration(text: Json) -> float | None:
    """Seconds of a duration such as `250ms`, `90s`, `1h30m`, `2d`; None when it is not one."""
    if not isinstance(text, str) or not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * UNITS[unit] for number, unit in _PART.findall(text))


class OpenFile(Notes):
    """A file that is being compiled: its content, whose shape has been checked, and where its texts lie.

    `schemas` are those of its `schemas:`, as they were read. `python` are Python files that its tools may be made of
    beside those that it lists. `folders` are those of the files that hold what is declared at a path.
    `built_in` are the tools that need no declaration.
    """

    content: Mapping[str, Json]
    files: Files
    folder: str
    schemas: dict[str, Mapping[str, Json]] = msgspec.field(default_factory=dict)
    python: tuple[str, ...] = ()
    folders: Mapping[JsonPath, str] = {}
    built_in: dict[str, Tool] = msgspec.field(default_factory=dict)

    def folder_at(self, at: JsonPath) -> str:
        """The folder of the file in which the value at a path stands: where the paths in it begin."""
        return self.folders.get(at[:2], self.folder)

    def section(self, name: str) -> Mapping[str, Json]:
        """What stands under a key of the file."""
        found: Mapping[str, Json] = self.content.get(name, {})
        return found

    def language(self, error: SourceError, at: JsonPath, rule: str) -> None:
        """A mistake in an expression or template, at its offset in the text at a path."""
        self.note(error.message, self.source.place(at, offset=error.offset, width=error.width), error.hint, rule)

    def template(self, text: str, at: JsonPath, file: str = "") -> Template:
        """The text at a path, or of the file called `file`, as a template; another stands for what can't be read."""
        try:
            return compile_template(text)
        except TemplateError as error:
            if file:
                place = place_in_text(file, text, error.offset, error.width)
                self.note(error.message, place, error.hint, "template")
            else:
                self.language(error, at, "template")
            return compile_template(_UNREADABLE)

    def text(self, value: Json, at: JsonPath) -> tuple[Template, str]:
        """A text written in place, or `{file: path}`, as a template; and the file's key among the texts."""
        if isinstance(value, str):
            return self.template(value, at), ""
        path = str(Path(self.folder_at(at), value["file"]).resolve())
        try:
            return self.template(self.files.text(path), at, shown_as(path)), path
        except InvalidWorkflow as error:
            self.error(error.problems[0].message, (*at, "file"), hint=error.problems[0].hint)
        return compile_template(""), ""

    def schema(self, value: Json, at: JsonPath) -> Mapping[str, Json]:
        """A schema in place, or by its name under `schemas:`; {} (which takes anything) after a mistake."""
        if isinstance(value, str):
            if value not in self.schemas:
                near = did_you_mean(value, list(self.schemas))
                hint = "name it under schemas:, or write it here"
                self.error(f"schema '{value}' does not exist{near}", at, hint=hint)
            return dict(self.schemas.get(value, {}))
        mistakes = check_schema(value)
        for path, message in mistakes:
            self.error(message, (*at, *path), rule="schema")
        if mistakes or isinstance(value, bool):
            return {"not": {}} if value is False else {}
        return dict(value)


class NodeReader(msgspec.Struct):
    """One node's YAML on its way to a Node. Paths are keys below the node: `reader.template("env", "TOKEN")`."""

    file: OpenFile
    id: str
    content: Mapping[str, Json]
    at: JsonPath
    build_body: Callable[[Json, JsonPath, str, frozenset[str]], Body]
    workflow_of: Callable[[str, JsonPath], str]
    variables: frozenset[str]
    uses: list[Use] = msgspec.field(default_factory=list)
    bodies: dict[str, Body] = msgspec.field(default_factory=dict)

    def get(self, *path: str | int, default: Json = None) -> Json:
        """The plain value at a path, or the default."""
        value: Json = self.content
        for step in path:
            found = (isinstance(value, dict) and step in value) or (
                isinstance(value, list) and isinstance(step, int) and step < len(value)
            )
            if not found:
                return default
            value = value[step]
        return value

    def error(self, message: str, *path: str | int, hint: str = "", key: bool = False, rule: str = "reference") -> None:
        """Note a mistake at a path below the node."""
        self.file.error(message, (*self.at, *path), hint=hint, key=key, rule=rule)

    def warn(self, message: str, *path: str | int, hint: str, rule: str) -> None:
        """Note what something of this node can't have been meant to do."""
        self.file.warn(message, (*self.at, *path), hint=hint, rule=rule)

    def language(self, error: TemplateError, *path: str | int) -> None:
        """Note a mistake at its offset in the text at a path below the node."""
        self.file.language(error, (*self.at, *path), "template")

    def expression(self, *path: str | int, extra: Iterable[str] = (), role: str = "") -> Expression | None:
        """The expression at a path; None when there is none. One that does not parse is noted; `true` stands for it."""
        text = self.get(*path)
        if text is None:
            return None
        try:
            expression = compile_expression(text if isinstance(text, str) else str(text).lower())
        except ExpressionError as error:
            self.file.language(error, (*self.at, *path), "expression")
            return compile_expression("true")
        self._use(expression, path, extra, role)
        return expression

    def template(self, *path: str | int, extra: Iterable[str] = (), role: str = "") -> Template:
        """The template at a path (empty when absent). A number or a bool is taken as its JSON text."""
        value = self.get(*path, default="")
        compiled = self.file.template(value if isinstance(value, str) else str(value).lower(), (*self.at, *path))
        self._use(compiled, path, extra, role)
        return compiled

    def text(self, *path: str | int) -> Template:
        """A text at a path, written in place or as `{file: path}`, as a template."""
        template, file = self.file.text(self.get(*path, default=""), (*self.at, *path))
        self._use(template, path, file=file)
        return template

    def check_models(self, key: str) -> None:
        """Each model named under a key is an alias of `models:`, or `provider/name`."""
        value, known = self.get(key, default=[]), self.file.section("models")
        for position, name in enumerate([value] if isinstance(value, str) else value):
            if name not in known and "/" not in name:
                path = (key,) if isinstance(value, str) else (key, position)
                hint = "a model is an alias under models:, or provider/name such as openai/gpt-4o-mini"
                self.error(f"model '{name}' does not exist{did_you_mean(name, list(known))}", *path, hint=hint)

    def value(self, *path: str | int, extra: Iterable[str] = (), role: str = "") -> ValueTemplate:
        """A JSON value at a path whose strings are templates."""
        at = (*self.at, *path)
        compiled = compile_value(self.get(*path), lambda text, place: self.file.template(text, (*at, *place)))
        self._use(compiled, path, extra, role)
        return compiled

    def program(self, argv: tuple[Template, ...], role: str = "") -> Program:
        """A program with what stands beside it: env, stdin, cwd, ok_exit, parse, output_schema."""
        if self.get("output_schema") is not None and self.get("parse") is None:
            words = "`output_schema` is for what was parsed"
            self.error(words, "output_schema", key=True, hint="add `parse: json`", rule="schema")
        set_, passed = self.environment(role)
        return Program(
            argv,
            set_,
            passed,
            self.template("stdin", role=role),
            self.template("cwd", role=role),
            tuple(self.get("ok_exit", default=(0,))),
            self.get("parse", default=""),
            self.schema("output_schema"),
        )

    def environment(self, role: str) -> tuple[dict[str, Template], tuple[str, ...]]:
        """Which variables `env` sets, and which it passes on: a mapping, or a list of names and mappings."""
        env = self.get("env", default=())
        if isinstance(env, dict):
            return {name: self.template("env", name, role=role) for name in env}, ()
        mappings = [(position, entry) for position, entry in enumerate(env) if isinstance(entry, dict)]
        found = {
            name: self.template("env", position, name, role=role) for position, entry in mappings for name in entry
        }
        return found, tuple(entry for entry in env if isinstance(entry, str))

    def argv(self, key: str, role: str = "") -> tuple[Template, ...]:
        """The items of an argument list under a key."""
        return tuple(self.template(key, position, role=role) for position in range(len(self.get(key, default=()))))

    def duration(self, *path: str | int, role: str = "") -> Duration | None:
        """The duration at a path, in seconds or as a template."""
        text = self.get(*path)
        if text is None:
            return None
        seconds = parse_duration(text)
        return Duration(seconds) if seconds is not None else Duration(None, self.template(*path, role=role))

    def body(self, key: str, *path: str | int, name: str = "", variables: Iterable[str] = ()) -> Body:
        """Compile the body at a path, and give it to the node under `key`. A single node is called `name`."""
        seen = self.variables | frozenset(variables)
        body = self.build_body(self.get(*path), (*self.at, *path), name or self.id, seen)
        self.bodies[key] = body
        return body

    def on_crash(self) -> OnCrash | None:
        """What becomes of a call that a crash cut off. The body of a check is among the bodies then."""
        said = self.get("on_crash")
        if isinstance(said, dict) and CHECK in said:
            self.body(CHECK, "on_crash", CHECK, name=CHECK, variables=("idempotency_key",))
            return "check"
        return "fail" if said == "fail" else "retry" if said == "retry" else None

    def agent(self, *path: str | int, name: str = "") -> str | Agent:
        """The agent at a path: a declared name, or one written in place, called `name`, else as the node."""
        value, at, known = self.get(*path), (*self.at, *path), self.file.section("agents")
        if isinstance(value, dict):
            inner = replace(self, id=name or self.id, content=value, at=at, variables=frozenset(), uses=[])
            return inner.whole_agent()
        if value not in known:
            near = did_you_mean(str(value), list(known))
            self.error(f"agent '{value}' does not exist{near}", *path, hint="declare it under agents:")
        return str(value)

    def whole_agent(self) -> Agent:
        """The agent whose keys these are, called by the reader's id."""
        keys = {"model": self.file.section("defaults").get("model", ""), **self.agent_keys()}
        if not keys["model"]:
            hint = "give it `model:`, or set `defaults: {model: …}`"
            self.error(f"agent '{self.id}' has no model", key=True, hint=hint)
        return Agent(self.id, description=self.get("description", default=""), uses=tuple(self.uses), **keys)

    def agent_keys(self) -> dict[str, Any]:
        """Those keys of an agent that stand here, as an Agent and an AgentUse take them."""
        for key in ("model", "fallback"):
            self.check_models(key)
        read: dict[str, Callable[[str], Any]] = {
            **dict.fromkeys(("model", "temperature", "max_reply_tokens", "max_turns"), self.get),
            "fallback": lambda key: tuple(self.get(key)),
            "tools": self._tools,
            "agents": lambda key: tuple(str(self.agent(key, position)) for position in range(len(self.get(key)))),
            "instructions": self.text,
            "output_schema": self.schema,
            "context": self._context,
            "limits": self.budget,
        }
        return {key: read_key(key) for key, read_key in read.items() if key in self.content}

    def budget(self, key: str) -> Budget | None:
        """What the model calls of a node, or of an agent, may take."""
        return Budget(**self.content[key]) if key in self.content else None

    def _context(self, key: str) -> ContextBound:
        bound = dict(self.get(key))
        if "summary" in bound:
            model = replace(self, content=bound["summary"], at=(*self.at, key, "summary"))
            model.check_models("model")
            bound = {"summary": bound["summary"]["model"], "over": bound["summary"]["over"]}
        return ContextBound(**bound)

    def workflow(self, *path: str | int) -> str:
        """The key, in the library, of the workflow named at a path: `self`, `pattern:name`, or a file."""
        return self.workflow_of(self.get(*path), (*self.at, *path))

    def schema(self, *path: str | int) -> Mapping[str, Json] | None:
        """A JSON Schema at a path: written there, or the name of one under `schemas:`."""
        value = self.get(*path)
        return self.file.schema(value, (*self.at, *path)) if value is not None else None

    def tool(self, *path: str | int) -> str:
        """The name of a declared or built-in tool at a path, or `server/tool` of a declared server."""
        name = str(self.get(*path))
        server, built_in = server_of(name)[0], self.file.built_in
        if not server:
            what, named, known, hint = "tool", name, [*self.file.section("tools"), *built_in], ""
        else:
            what, named, known = "MCP server", server, [*self.file.section("mcp_servers")]
            hint = "declare it under mcp_servers:"
        if named not in known:
            near = did_you_mean(named, [*known, *TAKEN] if server else known)
            self.error(f"{what} '{named}' does not exist{near}", *path, hint=hint)
        return name

    def _tools(self, key: str) -> tuple[str, ...]:
        """The names of tools in a list; `files/*` stands for all that begin so."""
        names: list[str] = []
        for position, entry in enumerate(self.get(key)):
            begin = entry.removesuffix("*")
            several = [name for name in self.file.built_in if entry != begin and name.startswith(begin)]
            names += several or [self.tool(key, position)]
        return tuple(dict.fromkeys(names))

    def _use(
        self, value: Any, path: tuple[str | int, ...], extra: Iterable[str] = (), role: str = "", file: str = ""
    ) -> None:
        self.uses.append(Use(value, (*self.at, *path), self.variables | frozenset(extra), role, file))
