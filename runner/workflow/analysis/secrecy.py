"""Secret inputs that reach the arguments of programs, which other users of the machine can read: a warning each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from runner.language.reference import Reference
from runner.language.template import Template, ValueTemplate
from runner.workflow.analysis.findings import Findings
from runner.workflow.model import Node, Tool, Use, Workflow
from runner.workflow.reach import JsonPath

Secret = dict[str, set[str]]
"""The inputs that hold a secret, by the file of the workflow that has them."""

GIVEN = "with"

_FINALLY = "finally"


def check_secrets(findings: Mapping[str, Findings]) -> None:
    """Check every workflow of a library, each with its findings."""
    workflows = [of_one.workflow for of_one in findings.values()]
    secret = _secret_inputs(workflows)
    for of_one in findings.values():
        workflow, names = of_one.workflow, secret[of_one.workflow.file]
        for node in workflow.nodes if names else ():
            for started in node.traits.programs:
                _check_argv((*node.at, *started.at[:-1]), started.argv, names, of_one)
            tool = workflow.tools.get(node.traits.called.tool) if node.traits.called is not None else None
            if tool is not None:
                _check_tool(node, tool, names, of_one)


def read_by_finally(root: Workflow, secrets: Iterable[str]) -> frozenset[str]:
    """The secret inputs that may be read by what still runs when a run is cancelled: each `finally` there is.

    What it reads of state and nodes may hold any of them, and so may all that a called workflow sees.
    """
    known = frozenset(secrets)
    if any(called.finally_ is not None for called in root.library.values() if called.file != root.file):
        return known
    uses = [use for node in root.nodes if node.at[0] == _FINALLY for use in node.uses]
    read = [reference.path for use in uses for reference in _references(use)]
    if any(path in (("inputs",),) or path[0] not in ("inputs", "run", "visits") for path in read):
        return known
    return known & {path[1] for path in read if path[0] == "inputs"}


def _secret_inputs(workflows: list[Workflow]) -> Secret:
    """Those declared so, and those that a caller gives a secret to."""
    secret = {each.file: {entry.name for entry in each.inputs.values() if entry.secret} for each in workflows}
    calls = [(each, node) for each in workflows for node in each.nodes if node.traits.called is not None]
    grows = True
    while grows:
        grows = False
        for workflow, node in calls:
            called = node.traits.called.workflow if node.traits.called is not None else ""
            given = {name for name, _ in _given(node, secret[workflow.file])} if called in workflow.library else set()
            if given and not given <= secret[workflow.library[called].file]:
                secret[workflow.library[called].file] |= given
                grows = True
    return secret


def _given(node: Node, names: set[str]) -> Iterator[tuple[str, JsonPath]]:
    """The arguments of a call that hold a secret, each with its place."""
    place = (*node.at, GIVEN)
    for use in node.uses:
        if use.at[: len(place)] == place and len(use.at) > len(place) and any(_reads(use, names)):
            yield str(use.at[len(place)]), use.at


def _reads(use: Use, names: set[str]) -> Iterator[Reference]:
    return (reference for reference in _references(use) if _is_secret(reference, names))


def _references(use: Use) -> Iterable[Reference]:
    value = use.value
    return (one for _, one in value.references) if isinstance(value, ValueTemplate) else value.references


def _is_secret(reference: Reference, names: set[str]) -> bool:
    """Whether a name is that of a secret input, or of all inputs, among which one is secret."""
    root, *rest = reference.path
    return root == "inputs" and (not rest or rest[0] in names)


def _check_argv(at: JsonPath, argv: tuple[Template, ...], names: set[str], findings: Findings) -> None:
    for position, item in enumerate(argv):
        if secret := next((one for one in item.references if _is_secret(one, names)), None):
            variable = secret.path[-1].upper()
            hint = f'give it by `env:` and let the program read it there, env: {{{variable}: "{{{{ {secret} }}}}"}}'
            _warn(f"secret {secret}", (*at, position), f"{hint}; or by `stdin:`", findings)


def _check_tool(node: Node, tool: Tool, names: set[str], findings: Findings) -> None:
    """Check what a node gives to a tool that is a program."""
    if tool.started is None:
        return
    shown = [one for item in tool.started.argv for one in item.references]
    for name, at in _given(node, names):
        if any(_is_secret(one, {name}) for one in shown):
            words = f"the secret that tool '{tool.name}' is given as '{name}'"
            _warn(words, at, f"let the tool take it by `env:` or `stdin:`, not in its `{tool.started.at[0]}`", findings)


def _warn(what: str, at: JsonPath, hint: str, findings: Findings) -> None:
    words = f"{what} becomes an argument of a program: other users of the machine can read those"
    findings.note(words, findings.source.place(at), hint, "secret", "warning")
