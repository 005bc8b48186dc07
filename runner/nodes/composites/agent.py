"""`agent`: asks an agent; a conversation of recorded model and tool calls."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec

from runner.ground.errors import RETRYABLE, Failure
from runner.ground.json_value import Json
from runner.language.template import Template, ValueTemplate
from runner.nodes.agent_use import AgentUse, OneOf
from runner.nodes.context import Message
from runner.nodes.contract import Ended, Kind, Opened, Settled, Shape, Stay, StepFailed, View
from runner.nodes.conversation import Conversation
from runner.nodes.delegation import TASK
from runner.nodes.model_files import MAX_FILES
from runner.workflow.compiler import NodeReader
from runner.workflow.model import Agent, Node, Traits
from runner.workflow.money import Budget


class AgentSpec(msgspec.Struct, frozen=True):
    """Who is asked what. `files` are the paths of what the model is given beside the prompt."""

    use: AgentUse
    prompt: Template
    session: Template | None = None
    files: ValueTemplate | None = None


def build(reader: NodeReader) -> AgentSpec:
    use = AgentUse(_asked(reader), **reader.agent_keys())
    session = reader.template("session") if reader.get("session") is not None else None
    files = reader.value("files") if reader.get("files") is not None else None
    return AgentSpec(use, reader.text("prompt"), session, files)


def budget(node: Node, view: View) -> Budget | None:
    """What the agent may take in one visit: as the node says it, else as the agent does."""
    spec: AgentSpec = node.spec
    return view.agent(spec.use).agent.limits


def _asked(reader: NodeReader) -> str | Agent | OneOf:
    names = reader.get("agent", "from")
    if names is None:
        return reader.agent("agent")
    found = [reader.agent("agent", "from", position) for position in range(len(names))]
    name = reader.expression("agent", "name")
    assert name is not None, "the schema asks for it"
    return OneOf(tuple(str(agent) for agent in found), name)


def traits(spec: AgentSpec) -> Traits:
    asked = spec.use.agent
    agents = asked.agents if isinstance(asked, OneOf) else (asked,)
    use = spec.use
    return Traits(agents=agents, delegates=use.agents, model=use.model, fallback=use.fallback, session=spec.session)


def open_(node: Node, view: View) -> Opened:
    return _conversation(node, view).go_on()


def settle(node: Node, view: View, ended: Ended) -> Settled:
    """What follows once all calls of a reply have ended; an answer to a question about one is followed at once."""
    return _conversation(node, view).go_on() if ended.child.approves or not view.open else Stay()


def _conversation(node: Node, view: View) -> Conversation:
    spec: AgentSpec = node.spec
    resolved = view.agent(spec.use)

    task = view.memory.get(TASK)

    def opening() -> list[Message]:
        told = resolved.agent.instructions
        system = [{"role": "system", "content": view.text(told)}] if told is not None else []
        asked: Message = {"role": "user", "content": view.text(spec.prompt) if task is None else task}
        files = _files(spec, view) if task is None else []
        return [*system, {**asked, "files": files} if files else asked]

    return Conversation(resolved, view, opening, _session(spec, view) if task is None else "")


def _files(spec: AgentSpec, view: View) -> list[Json]:
    """The paths of the files that the model is given; they begin at the folder of the file that names them."""
    found = view.value(spec.files) if spec.files is not None else []
    paths = [found] if isinstance(found, str) else found
    if not isinstance(paths, list) or not all(isinstance(path, str) and path for path in paths):
        words = f"files is {json.dumps(found, ensure_ascii=False)[:80]}: expected paths"
        raise StepFailed(Failure("input_invalid", words))
    if len(paths) > MAX_FILES:
        raise StepFailed(Failure("input_invalid", f"files are {len(paths)}: a model is given at most {MAX_FILES}"))
    return [str(Path(view.workflow.folder or view.folder, path)) for path in paths]


def _session(spec: AgentSpec, view: View) -> str:
    """The name of the session that the step goes on with: as it was when the step began."""
    if spec.session is None:
        return ""
    name = str(view.memory.get("session") or view.text(spec.session))
    if not _SESSION.fullmatch(name):
        words = f"session is {json.dumps(name[:80])}: expected 1 to 64 letters, digits, _, - and ."
        raise StepFailed(Failure("input_invalid", words))
    return name


_SESSION = re.compile(r"[A-Za-z0-9_.-]{1,64}")


KIND = Kind(
    verb="agent",
    build=build,
    open=open_,
    settle=settle,
    traits=traits,
    timed_as_whole=True,
    retried_as_whole=False,
    anew_after=frozenset({"output_invalid"}),
    retried=RETRYABLE | {"output_invalid"},
    takes_defaults=True,
    budget=budget,
    shape=Shape(("(", ")")),
)
