"""Answers that are given before anybody asks: each has to name one node that asks a person, and to be an answer."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import islice

import msgspec

from runner.ground.advice import command_line
from runner.ground.clock import moment
from runner.ground.errors import UsageError, did_you_mean
from runner.record.answers import names_step, node_of, parse_answer
from runner.record.events import APPROVED, ASK, CALL, StepWaiting
from runner.record.store.contract import Store
from runner.workflow.model import CHECK, Body, Node, Workflow

MOST = 10_000
"""Places that are looked at: workflows that call others many times over have more than anybody can name."""

_SHOWN = 4
"""How many of the places that an answer names are told."""


class Asking(msgspec.Struct, frozen=True):
    """A place at which a person is asked: a node, by its path without visits and items.

    One that is `checked` is asked about after a crash, if its check does not find out what a person then says.
    """

    path: str
    node: Node
    checked: bool = False

    def is_named_by(self, key: str) -> bool:
        """Whether a key names it. Below a node that asks in steps of its own, what comes last is theirs."""
        if self.node.traits.asks or self.checked:
            return names_step(_without_items(key), self.path)
        owner, _, own = key.rpartition("/")
        return bool(owner.strip("/") and own) and names_step(_without_items(owner), self.path)


def _without_items(key: str) -> str:
    """A key without the items, visits and attempts that it names: `each/ask` of `each[3]/ask#2`."""
    slash = "/" if key.startswith("/") else ""
    return slash + "/".join(node_of(part) for part in key.removeprefix("/").split("/"))


def refuse_unfit_answers(root: Workflow, answers: Mapping[str, str]) -> None:
    """Refuse an answer that names no node that asks, or several, or that can't be its answer. Raises UsageError."""
    if not answers:
        return
    places = _Places(root)
    found = list(islice(places.all(), MOST))
    for key, answer in answers.items():
        named = [place for place in found if place.is_named_by(key)]
        if not named:
            _refuse_unknown(key, found, leads_back=places.leads_back or len(found) == MOST)
        elif len(named) > 1:
            _refuse_several(key, named)
        elif named[0].node.traits.asks:
            _refuse_misfit(key, answer, named[0])


def answered_steps(store: Store, run: str) -> frozenset[str]:
    """The steps whose answers are recorded, and which the run has not taken yet."""
    return frozenset(message.target for message in store.inbox(run) if message.kind == "answer")


def refuse_late_answer(asked: StepWaiting, answered: Container[str], now: float, goes_on: str, given: str = "") -> None:
    """Refuse an answer to a step that has been answered, or whose time has passed (epoch s). Raises UsageError.

    `goes_on` is the command that goes on without it; `given` says how it was given, if that is not plain.
    """
    if asked.step in answered:
        raise UsageError(f"{given}'{asked.step}' has been answered already", f"the run goes on with that: {goes_on}")
    if asked.until is not None and asked.until <= now:
        words = f"{given}the time to answer '{asked.step}' passed at {moment(asked.until)}"
        raise UsageError(words, f"the run goes on without it: {goes_on}")


def refuse_late_answers(
    asked: Iterable[StepWaiting], answers: Mapping[str, str], answered: Container[str], now: float, goes_on: str
) -> None:
    """Refuse answers given beforehand as `refuse_late_answer` does. Raises UsageError."""
    for key in answers:
        for one in asked:
            if names_step(key, one.step):
                refuse_late_answer(one, answered, now, goes_on, f"--answer {key}=…: ")


def _refuse_unknown(key: str, places: list[Asking], *, leads_back: bool) -> None:
    """A workflow that calls itself has endlessly many paths: there the node alone must be known."""
    asking = sorted({node_of(place.path) for place in places})
    if leads_back and node_of(key) in asking:
        return
    if node_of(key) == ASK:
        hint = f"look at the call, then: {command_line('answer', 'RUN', 'STEP', APPROVED)}"
        raise UsageError(f"--answer {key}=…: a call can't be approved before anybody has seen it", hint)
    asks = f"these ask: {', '.join(asking)}" if asking else "nothing here asks a person"
    raise UsageError(f"--answer {key}=…: '{key}' asks nobody{did_you_mean(node_of(key), asking)}", asks)


def _refuse_several(key: str, named: list[Asking]) -> None:
    several = ", ".join(place.path for place in named[:_SHOWN]) + (", …" if len(named) > _SHOWN else "")
    number = "two" if len(named) == 2 else str(len(named))  # noqa: PLR2004 - as a word
    whole = f"/{named[0].path}"
    hint = f"name one by more of its path, or by all of it, which begins with a slash: --answer {whole}=…"
    raise UsageError(f"--answer {key}=…: '{key}' names {number} nodes: {several}", hint)


def _refuse_misfit(key: str, answer: str, place: Asking) -> None:
    traits = place.node.traits
    if traits.choices is None:
        return  # only the run knows them
    try:
        parse_answer(StepWaiting(place.path, "person", choices=traits.choices, schema=_form(traits.form)), answer)
    except UsageError as error:
        raise UsageError(f"--answer {key}=…: {error.message}", error.hint) from None


def _form(form: Mapping[str, object] | None) -> dict[str, object] | None:
    return None if form is None else dict(form)


class _Places:
    """Where a workflow and those that it calls ask people. `leads_back`: one of them calls one that it is called by."""

    def __init__(self, root: Workflow) -> None:
        self._root = root
        self.leads_back = False

    def all(self) -> Iterator[Asking]:
        """Every place, in the order of the files."""
        return self._in_workflow(self._root, "", (self._root.file,))

    def _in_workflow(self, workflow: Workflow, place: str, line: tuple[str, ...]) -> Iterator[Asking]:
        for name, body in (("", workflow.body), ("rescue", workflow.rescue), ("finally", workflow.finally_)):
            if body is not None:
                yield from self._in_body(workflow, body, _below(place, name), line)

    def _in_body(self, workflow: Workflow, body: Body, place: str, line: tuple[str, ...]) -> Iterator[Asking]:
        for node in body.nodes.values():
            path = place if body.single and place else _below(place, node.id)
            if node.traits.asks or node.traits.asks_within:
                yield Asking(path, node)
            yield from self._checked(workflow, node, path, line)
            items = node.traits.branching.items if node.traits.branching is not None else ""
            for key, inner in node.bodies.items():
                yield from self._in_body(workflow, inner, path if key == items else _below(path, key), line)
            yield from self._called_by(node, path, line)

    def _checked(self, workflow: Workflow, node: Node, path: str, line: tuple[str, ...]) -> Iterator[Asking]:
        """What may be asked after a crash: about the node's own call, or about the calls of its agent."""
        tool = workflow.tools.get(node.traits.called.tool) if node.traits.called is not None else None
        if node.check is not None or (tool is not None and tool.check is not None):
            yield Asking(path, node, checked=True)
        if tool is not None and tool.check is not None and node.on_crash is None:
            yield from self._in_body(workflow, tool.check, _below(path, CHECK), line)
        if node.traits.agents and any(tool.check is not None for tool in workflow.tools.values()):
            for _ in (node, *workflow.delegates_of(workflow.asked_by(node), node.traits.delegates)):
                path = _below(path, CALL)  # a call, or a call of a delegate, who may delegate in turn
                yield Asking(path, node, checked=True)

    def _called_by(self, node: Node, path: str, line: tuple[str, ...]) -> Iterator[Asking]:
        called = node.traits.called.workflow if node.traits.called is not None else ""
        if called in line:
            self.leads_back = True
        elif called:
            yield from self._in_workflow(self._root.library[called], path, (*line, called))


def _below(place: str, name: str) -> str:
    return "/".join(part for part in (place, name) if part)
