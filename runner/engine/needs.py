"""What a run needs of this machine before it starts: models of known providers, each with its key."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

import msgspec

from runner.engine.run_options import RunOptions
from runner.ground.errors import Failure, InvalidWorkflow, Problem, Severity
from runner.ground.json_value import Json
from runner.workflow.model import Agent, Body, Loaded, Node, Workflow
from runner.world.providers.endpoints import Known, find_endpoint, unknown_provider
from runner.world.providers.own import own_providers

_SHORT = 60.0
"""Seconds: of a longer timeout, loading what asks a model takes little."""


class Asking(msgspec.Struct, frozen=True):
    """A node that asks an agent, and the models that are tried for it, in turn.

    `delegated`: another agent may ask this one, or may not.
    """

    workflow: Workflow
    node: Node
    models: tuple[str, ...]
    agent: Agent
    delegated: bool = False


def look_for_needs(loaded: Loaded, choices: RunOptions, environment: Mapping[str, str]) -> tuple[Problem, ...]:
    """Look for what the models of a run need; what only some ways of it need is given as warnings.

    Raises InvalidWorkflow with what every way needs, or with what is wrong in the user's settings.
    """
    if choices.offline:
        return ()
    own = own_providers(environment)
    found = [(asking, _lacks(asking, environment, own)) for asking in nodes_asking(loaded.workflow, choices.models)]
    lacking = [(asking, lacks) for asking, lacks in found if lacks]
    certain = {node.at for node in _certain(loaded.workflow.body)} if lacking else set()
    errors, warnings = [], []
    for asking, lacks in lacking:
        is_needed = asking.workflow is loaded.workflow and asking.node.at in certain and not asking.delegated
        if is_needed and len(lacks) == len(asking.models):
            errors.append(_problem(loaded, asking, lacks[0], "error"))
        else:
            warnings += [_problem(loaded, asking, lack, "warning") for lack in lacks]
    if errors:
        raise InvalidWorkflow(errors)
    return tuple({problem.message: problem for problem in warnings}.values())


def unknown_providers(loaded: Loaded, environment: Mapping[str, str]) -> tuple[Problem, ...]:
    """A warning for each model of a provider that there is not: whatever key there may be, a call of it fails.

    Raises InvalidWorkflow with what is wrong in the user's settings.
    """
    own = own_providers(environment)
    found = [
        _problem(loaded, asking, Failure("provider_unavailable", words), "warning")
        for asking in nodes_asking(loaded.workflow, {})
        for model in asking.models
        if (words := unknown_provider(model, own))
    ]
    return tuple({problem.message: problem for problem in found}.values())


def refuse_unusable_settings(options: Mapping[str, Json], environment: Mapping[str, str]) -> None:
    """Refuse to go on with a run that asks models, if the user's settings can't be read. Raises InvalidWorkflow."""
    if not (options.get("mock") or options.get("replay")):
        own_providers(environment)


def asked_models(root: Workflow, chosen: Mapping[str, str]) -> dict[str, bool]:
    """The models that a run may ask, and whether a node does that has little time.

    Of a short time, what comes before the first call would take much.
    """
    found: dict[str, bool] = {}
    for asking in nodes_asking(root, chosen):
        bound = asking.node.timeout
        is_in_a_hurry = bound is not None and (bound.seconds is None or bound.seconds < _SHORT)
        found |= {model: is_in_a_hurry or found.get(model, False) for model in asking.models}
    return found


def _lacks(asking: Asking, environment: Mapping[str, str], own: Mapping[str, Known]) -> list[Failure]:
    """What is lacking for the models that a node asks, for each that can't be."""
    found = (find_endpoint(model, environment, own) for model in asking.models)
    return [lack for lack in found if isinstance(lack, Failure)]


def _problem(loaded: Loaded, asking: Asking, lack: Failure, severity: Severity) -> Problem:
    source = loaded.sources.get(asking.workflow.file)
    place = source.place(asking.node.at, key=True) if source is not None else None
    return Problem(lack.message, place, severity=severity, rule="needs")


def nodes_asking(root: Workflow, chosen: Mapping[str, str]) -> Iterator[Asking]:
    """The nodes that ask agents, with their models as a run would have them."""
    for workflow in root.library.values():
        for node, agent in _agents_of(workflow):
            own = node.traits
            names = (own.model or agent.model, *(agent.fallback if own.fallback is None else own.fallback))
            yield Asking(workflow, node, tuple(called(name, workflow, chosen) for name in names), agent)
        for node in workflow.nodes:
            for agent in workflow.delegates_of(workflow.asked_by(node), node.traits.delegates):
                models = tuple(called(name, workflow, chosen) for name in (agent.model, *agent.fallback))
                yield Asking(workflow, node, models, agent, delegated=True)


def _agents_of(workflow: Workflow) -> Iterator[tuple[Node, Agent]]:
    """The nodes that ask agents, each with every agent that it may ask."""
    return ((node, agent) for node in workflow.nodes for agent in workflow.asked_by(node))


def called(name: str, workflow: Workflow, chosen: Mapping[str, str]) -> str:
    """The provider's name for a model, by the aliases of the file and of the command line."""
    name = chosen.get(name, name)
    return workflow.models[name].name if name in workflow.models else name


def _certain(body: Body) -> Iterator[Node]:
    """The nodes that must complete on every way through a body, those in branches that they always open included."""
    for name in _unavoidable(body):
        node = body.nodes[name]
        if node.condition is None and node.on_error is None:
            yield node
            for branch in _always_opened(node):
                yield from _certain(branch)


def _always_opened(node: Node) -> Iterator[Body]:
    """The branches that must complete, and that no condition, no other branch and no empty list keeps from opening."""
    branching = node.traits.branching
    if branching is None or branching.items or branching.quorum is None or not branching.quorum.is_strict:
        return
    for key, branch in node.bodies.items():
        if key not in branching.guarded and not branching.after.get(key):
            yield branch


def _unavoidable(body: Body) -> Iterator[str]:
    """The nodes of one way through a body that no arrow, nor nodes beside that way, lead past: each is seen once."""
    way = _shortest_way(body)
    places, beside, furthest = {name: place for place, name in enumerate(way)}, set[str | None](), 0
    for place, name in enumerate(way[:-1]):
        if furthest <= place and name is not None:
            yield name
        waiting = [name]
        while waiting:
            targets = _targets(body, waiting.pop())
            furthest = max([furthest, *(places[target] for target in targets & places.keys())])
            waiting += targets - places.keys() - beside
            beside |= targets


def _shortest_way(body: Body) -> list[str | None]:
    """Nodes from a body's start to its end, which is None; nothing if it has no end."""
    before: dict[str | None, str | None] = {body.start: None}
    waiting: deque[str | None] = deque([body.start])
    while waiting and None not in before:
        name = waiting.popleft()
        for target in _targets(body, name):
            if target not in before:
                before[target] = name
                waiting.append(target)
    if None not in before:
        return []
    way: list[str | None] = [None, before[None]]
    while way[-1] != body.start:
        way.append(before[way[-1]])
    return way[::-1]


def _targets(body: Body, name: str | None) -> set[str | None]:
    return set() if name is None else set(body.nodes[name].arrows)
