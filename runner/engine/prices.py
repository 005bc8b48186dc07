"""What the models of a run cost, as it is recorded with the run: its budgets are kept by these prices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from runner.engine.needs import Asking, called, nodes_asking
from runner.ground.errors import InvalidWorkflow, Problem
from runner.ground.json_value import Json
from runner.workflow.model import Loaded, Workflow
from runner.workflow.money import Price
from runner.world.providers.endpoints import Endpoint, find_endpoint
from runner.world.providers.prices import listed


def prices_of(
    root: Workflow, chosen: Mapping[str, str], max_cost_usd: float | None, environment: Mapping[str, str]
) -> dict[str, Json]:
    """The listed prices of the models that may be asked, in USD per million tokens; none where no budget needs them."""
    if not _needs_prices(root, max_cost_usd):
        return {}
    models = sorted(set(_every_model(root, chosen)))
    found = {model: price for model in models if (price := _price(model, environment)) is not None}
    return {model: [price.input, price.output] for model, price in found.items()}


def _every_model(root: Workflow, chosen: Mapping[str, str]) -> Iterator[str]:
    """The models that may be asked, those too whose agents are put in the place of a child's."""
    for workflow in root.library.values():
        names = [name for node in workflow.nodes for name in node.traits.models]
        for agent in workflow.every_agent:
            summary = agent.context.summary if agent.context is not None else None
            names += [agent.model, *agent.fallback, *([summary] if summary else [])]
        yield from (called(name, workflow, chosen) for name in names)


def refuse_unpriced(
    loaded: Loaded,
    chosen: Mapping[str, str],
    max_cost_usd: float | None,
    environment: Mapping[str, str],
    known: Mapping[str, Json] = MappingProxyType({}),
) -> None:
    """Refuse models whose price is not known, where a budget of money is to bound them. Raises InvalidWorkflow.

    `known` are prices that were recorded before.
    """
    problems = {}
    for one in nodes_asking(loaded.workflow, chosen):
        if max_cost_usd is None and not _is_bounded(loaded.workflow, one):
            continue
        for model, own in _asked_by(one, chosen):
            if own is None and model not in known and _price(model, environment) is None:
                problems[model] = _problem(loaded, one, model)
    if problems:
        raise InvalidWorkflow([*problems.values()])


def _problem(loaded: Loaded, one: Asking, model: str) -> Problem:
    source = loaded.sources.get(one.workflow.file)
    place = source.place(one.node.at, key=True) if source is not None else None
    words = f"what {model} costs is not known, and max_cost_usd bounds it"
    hint = f"say it under models: `ALIAS: {{model: {model}, price: {{input: 0.15, output: 0.6}}}}` (USD per million)"
    return Problem(words, place, hint, rule="needs")


def _needs_prices(root: Workflow, max_cost_usd: float | None) -> bool:
    budgets = (budget for workflow in root.library.values() for budget in workflow.budgets)
    return max_cost_usd is not None or any(budget.max_cost_usd is not None for budget in budgets)


def _is_bounded(root: Workflow, one: Asking) -> bool:
    """Whether a budget of money stands around what a node asks: of its workflow, or the whole run, or in its file."""
    if root.limits.max_cost_usd is not None or one.workflow.limits.max_cost_usd is not None:
        return True
    return any(limit is not None for limit in _inside(one))


def _inside(one: Asking) -> Iterator[float | None]:
    """What the node itself may cost, and those that it stands in."""
    for node in one.workflow.nodes:
        if node.at == one.node.at[: len(node.at)] and node.limits is not None:
            yield node.limits.max_cost_usd
    yield one.agent.limits.max_cost_usd if one.agent.limits is not None else None


def _asked_by(one: Asking, chosen: Mapping[str, str]) -> Iterator[tuple[str, Price | None]]:
    """The models that a node may ask, the one that sums up too, each with what the file says that it costs."""
    own, agent, known = one.node.traits, one.agent, one.workflow.models
    names = [agent.model, *agent.fallback]
    if not one.delegated:  # what a node says is not of those whom its agent delegates to
        names = [own.model or agent.model, *(agent.fallback if own.fallback is None else own.fallback)]
    if agent.context is not None and agent.context.summary is not None:
        names.append(agent.context.summary)
    for name in names:
        model = known.get(chosen.get(name, name))
        yield called(name, one.workflow, chosen), None if model is None else model.price


def _price(model: str, environment: Mapping[str, str]) -> Price | None:
    """What the list says; what runs in this process costs nothing. None where that is not known."""
    if model.startswith("local/"):
        return Price(0.0, 0.0)
    endpoint = find_endpoint(model, environment)
    is_listed = not isinstance(endpoint, Endpoint) or endpoint.has_list_price
    entry = listed(model) if is_listed else {}
    per_prompt, per_reply = entry.get("input_cost_per_token"), entry.get("output_cost_per_token")
    if per_prompt is None or per_reply is None:
        return None
    return Price(round(per_prompt * 1e6, 9), round(per_reply * 1e6, 9))
