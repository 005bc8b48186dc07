"""What a run is started with beside its inputs. A name in it that the workflow does not have is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from runner.ground.errors import Problem, UsageError, did_you_mean
from runner.ground.json_value import Json
from runner.workflow.model import Agent, Node, Workflow
from runner.world.providers.cassette import Cassette, Recording
from runner.world.providers.scripted import Script

Tape = Cassette | Recording
"""What has to do with a cassette: a run is replayed from one, or recorded to one."""


class RunOptions(msgspec.Struct, frozen=True):
    """What a run is started with beside its inputs; recorded, so that a resumption has it too.

    `models` maps aliases to models, `allow` a kind of permission to what is added to it, `deny` to what is taken away,
    `agents` agents to the files that they were replaced by when the workflow was loaded. `tape` is the cassette that it
    is replayed from, or recorded to. `max_cost_usd` wins over the workflow's own.
    """

    models: Mapping[str, str] = msgspec.field(default_factory=dict)
    allow: Mapping[str, Sequence[str]] = msgspec.field(default_factory=dict)
    script: Script | None = None
    name: str = ""
    run: str = ""
    agents: Mapping[str, str] = msgspec.field(default_factory=dict)
    deny: Mapping[str, Sequence[str]] = msgspec.field(default_factory=dict)
    tape: Tape | None = None
    max_cost_usd: float | None = None

    @property
    def offline(self) -> bool:
        """Whether nobody is asked: there are scripted replies, or recorded ones."""
        return self.script is not None or isinstance(self.tape, Cassette)


def reply_options(script: Script | None, tape: Tape | None) -> dict[str, Json]:
    """The options of a run that say who replies from now on; none where nothing is said."""
    if script is not None:
        return {"mock": script.data, "replay": None, "record": None}
    if isinstance(tape, Cassette):
        return {"mock": None, "replay": tape.data, "record": None}
    if tape is not None:
        return {"mock": None, "replay": None, "record": msgspec.to_builtins(tape)}
    return {}


def refuse_unknown_models(root: Workflow, chosen: Mapping[str, str]) -> None:
    """Refuse another model for what nobody uses, or by a name that no model has. Raises UsageError."""
    aliases = {alias for workflow in root.library.values() for alias in workflow.models}
    known = sorted(aliases | set(_models_used(root)))
    for alias, model in chosen.items():
        if alias not in known:
            has = f"its models are: {', '.join(known)}" if known else "it uses no models"
            raise UsageError(f"--model {alias}=…: '{alias}' is no model here{did_you_mean(alias, known)}", has)
        if model not in root.models and "/" not in model:
            hint = "a model is an alias of the file, or provider/name such as openai/gpt-4o-mini"
            raise UsageError(f"--model {alias}={model}: there is no model '{model}'", hint)


def _models_used(root: Workflow) -> Iterator[str]:
    for workflow in root.library.values():
        for agent in workflow.agents.values():
            yield from (agent.model, *agent.fallback)
    for node in _nodes(root):
        for own in node.traits.agents:
            yield from (own.model, *own.fallback) if isinstance(own, Agent) else ()
        yield from node.traits.models


def unused_replies(root: Workflow, script: Script) -> tuple[Problem, ...]:
    """A warning for each key of a mock file that stands for nothing in the workflow."""
    agents = {name for workflow in root.library.values() for name in workflow.agents}
    return script.unused({node.id for node in _nodes(root)} | agents)


def _nodes(root: Workflow) -> Iterator[Node]:
    for workflow in root.library.values():
        yield from workflow.nodes
