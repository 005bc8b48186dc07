"""A run's inputs as they are given: checked as it starts; those that are secret supplied again as it goes on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from runner.engine.loading import pinned
from runner.engine.surroundings import Surroundings
from runner.ground.errors import UsageError, did_you_mean
from runner.ground.json_value import Json
from runner.record.address import ROOT
from runner.record.run_state import RunState
from runner.record.store.contract import Store
from runner.workflow.analysis.secrecy import read_by_finally
from runner.workflow.inputs import InputsInvalid, check_inputs, parse_input
from runner.workflow.model import Input, Workflow
from runner.workflow.permission_hints import variable_to_allow
from runner.world.secrets import Secrets, written_reference


def resolve_inputs(
    workflow: Workflow, given: Mapping[str, Json], environment: Mapping[str, str], nonce: str
) -> tuple[dict[str, Json], Secrets]:
    """A run's inputs, from what was given and the environment, with references in the place of secrets.

    Raises InputsInvalid; UsageError for a secret that is too short.
    """
    _refuse_unlisted(workflow, given, environment)
    named = {**_from_environment(workflow, given, environment), **given}
    values = check_inputs(workflow.inputs, named)
    hidden = {
        name: str(values[name]) for name, entry in workflow.inputs.items() if entry.secret and values[name] is not None
    }
    secrets = Secrets(nonce, hidden)
    shown = {
        name: secrets.reference(name) if hidden.get(name) else secrets.mask(value) for name, value in values.items()
    }
    return shown, secrets


def _refuse_unlisted(workflow: Workflow, given: Mapping[str, Json], environment: Mapping[str, str]) -> None:
    """Raises InputsInvalid for an input whose value stands in a variable that the workflow may not take."""
    for name, entry in workflow.inputs.items():
        if entry.env in environment and name not in given and entry.env not in workflow.granted.env:
            message = f"input '{name}' may not be taken from the environment variable '{entry.env}'"
            mending = variable_to_allow(entry.env, workflow.granted)
            raise InputsInvalid(message, f"{mending}; or give it with -i {name}={'@FILE' if entry.secret else '…'}")


def _from_environment(workflow: Workflow, given: Mapping[str, Json], environment: Mapping[str, str]) -> dict[str, Json]:
    found = {}
    for name, entry in workflow.inputs.items():
        if entry.env in workflow.granted.env and name not in given and entry.env in environment:
            found[name] = parse_input(workflow.inputs, name, environment[entry.env])
    return found


class Supplied(msgspec.Struct, frozen=True):
    """A recorded run's secrets in this process.

    `hidden` are inputs that are secret only from now on, with the references that take their places on paper; `options`
    change with that; `warnings` tell which of them stand in the record before.
    """

    secrets: Secrets
    hidden: dict[str, str] = {}
    options: dict[str, Json] = {}
    warnings: tuple[str, ...] = ()


def secrets_again(
    workflow: Workflow, state: RunState, given: Mapping[str, Json], around: Surroundings, *, cancels: bool = False
) -> Supplied:
    """A recorded run's secrets, supplied again; and those that the workflow, if it is another now, adds.

    A run that is only cancelled needs those that a `finally` may read. Raises UsageError when one is missing or too
    short, InputsInvalid when one that is added does not fit.
    """
    held = _inputs_of(state)
    nonce = nonce_of(state)
    supplied = {**_from_environment(workflow, given, around.environment), **given}
    declared = [entry for entry in workflow.inputs.values() if entry.secret]
    _refuse_unknown_secrets([entry.name for entry in declared], given)
    known = [entry.name for entry in declared if held.get(entry.name) == written_reference(entry.name, nonce)]
    needed = read_by_finally(workflow, known) if cancels else known
    for name in needed:
        if name not in supplied:
            why = ": a `finally` may read it" if cancels else ""
            raise UsageError(f"secret input '{name}' is needed again{why}", how_to_give(workflow, name))
        if supplied[name] == "":
            raise UsageError(
                f"secret input '{name}' is empty, and was not as the run began", how_to_give(workflow, name)
            )
    values = {name: str(supplied[name]) for name in known if supplied.get(name)}
    fresh = {entry.name: _of_new(entry, held, supplied) for entry in declared if entry.name not in known}
    hidden = {name: value for name, value in fresh.items() if value}
    if hidden and not known:
        nonce = around.clock.fresh_id()  # what was recorded before may hold what looks like a reference of the old one
    warnings = tuple(
        f"input '{name}' is secret from now on, but what was recorded before holds its value in clear: "
        "change it, or delete the run when it has ended"
        for name in hidden
        if name in held
    )
    marks = {name: written_reference(name, nonce) for name in hidden}
    options: dict[str, Json] = {"nonce": nonce} if nonce != nonce_of(state) else {}
    return Supplied(Secrets(nonce, values | hidden), marks, options, warnings)


def _refuse_unknown_secrets(declared: Sequence[str], given: Mapping[str, Json]) -> None:
    for name in given:
        if name not in declared:
            known = f"these are: {', '.join(declared)}" if declared else "it has none; leave -i away"
            raise UsageError(f"'{name}' is no secret input of the workflow{did_you_mean(name, declared)}", known)


def how_to_give(workflow: Workflow, name: str) -> str:
    """How a secret input is given: what stands in a command can be read by others."""
    entry = workflow.inputs[name]
    by_file = f"give it with -i {name}=@FILE"
    return f"set {entry.env}, or {by_file}" if entry.env in workflow.granted.env else by_file


def _inputs_of(state: RunState) -> Mapping[str, Json]:
    """The inputs that an open run holds by now."""
    root = state.steps[ROOT].invocation
    assert root is not None, "the run itself is a workflow"
    return root.inputs


def _of_new(entry: Input, held: Mapping[str, Json], supplied: Mapping[str, Json]) -> str:
    """The value of an input that was no secret before: the one that the run holds, or the one given now."""
    if entry.name in held:
        value = held[entry.name]
    elif entry.name in supplied:
        value = check_inputs({entry.name: entry}, {entry.name: supplied[entry.name]})[entry.name]
    else:
        value = entry.default
    return "" if value is None else str(value)


def needed_secrets(store: Store, state: RunState, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The secret inputs that have to be given when an open run goes on: no variable of the environment does."""
    if state.ended or ROOT not in state.steps:
        return ()
    nonce = nonce_of(state)
    known = [name for name, value in _inputs_of(state).items() if value == written_reference(name, nonce)]
    return not_in(environment, pinned(store, state).workflow, known) if known else ()


def not_in(environment: Mapping[str, str], workflow: Workflow, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the secret inputs that no variable of the environment gives."""
    entries = (workflow.inputs.get(name) for name in names)
    return tuple(entry.name for entry in entries if entry is not None and entry.env not in environment)


def nonce_of(state: RunState) -> str:
    """The nonce of a run's references on paper."""
    return str(state.options.get("nonce", ""))
