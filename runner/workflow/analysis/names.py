"""Names in expressions and templates: each must be something that can exist where it stands."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from runner.ground.errors import did_you_mean
from runner.language.expression import Expression
from runner.language.reference import Reference
from runner.language.template import ValueTemplate
from runner.workflow.analysis.findings import Findings
from runner.workflow.model import Body, Input, Node, Tool, Use, Workflow
from runner.workflow.reach import JsonPath

ROOTS = ("inputs", "state", "run", "visits", "nodes")
RUN_KEYS = ("id", "name", "steps", "cost_usd", "cost_known", "tokens", "budget_left_usd")
NODE_KEYS = ("output", "status", "error", "visits", "results")
_ELSEWHERE = {
    "output": "a node sees its own output in its `set` and `next`; that of another is nodes.NAME.output",
    "error": "it is seen in `on_error`, `rescue` and `finally`; what a node failed with is nodes.NAME.error",
    "item": "it is seen in the `do` of a `for_each`, where `as` may give it another name",
    "index": "it is seen in the `do` of a `for_each`",
    "results": "it is seen in `complete_when`; those of a node that has ended are nodes.NAME.results",
    "idempotency_key": "it is seen in an `on_crash: {check: …}`; a program finds it in WF_IDEMPOTENCY_KEY",
    "env": "there is no environment here: declare an input with `env: NAME`",
}
"""Where the names stand that can't be seen from everywhere, or what to write in their place."""


_NO_STATE = "the check of a tool sees the tool's own arguments as inputs, and no state"


class _Sight(msgspec.Struct, frozen=True):
    """What a place sees: `nodes`, and what the place around it does, `outer`; and why others are hidden.

    Where it is the branch `branch`, `siblings` are all branches of its node. `inside` are nodes within another.
    `stateless` is where a tool is checked, whoever called it: its arguments are seen, and no state.
    """

    nodes: Mapping[str, Node]
    outer: _Sight | None = None
    branch: str = ""
    siblings: Collection[str] = ()
    inside: Collection[str] = ()
    stateless: bool = False

    def levels(self) -> Iterator[_Sight]:
        """This place and those around it, the innermost first."""
        level: _Sight | None = self
        while level is not None:
            yield level
            level = level.outer

    def find(self, name: str) -> Node | None:
        """The node that a name stands for here."""
        return next((level.nodes[name] for level in self.levels() if name in level.nodes), None)

    def names(self) -> list[str]:
        """The names of all nodes that are seen, the outermost first."""
        return list(dict.fromkeys(name for level in reversed([*self.levels()]) for name in level.nodes))

    def is_stateless(self) -> bool:
        """Whether no state is seen from here."""
        return any(level.stateless for level in self.levels())

    def hides_sibling(self, name: str) -> bool:
        """Whether the name, which is not seen, is that of a branch beside this place or one around it."""
        return any(name in level.siblings and name != level.branch for level in self.levels())


def check_names(findings: Findings) -> None:
    """Check every reference of a workflow."""
    workflow = findings.workflow
    bodies = [workflow.body, *(body for body in (workflow.rescue, workflow.finally_) if body is not None)]
    for body in bodies:
        outer = {} if body is workflow.body else dict(workflow.body.nodes)
        _body(body, _Sight(outer), findings)
    for tool in workflow.tools.values():
        if tool.check is not None:
            _body(tool.check, _Sight({}, stateless=True), _as_seen_by(tool, findings))
    inner = {node.id for node in workflow.nodes}
    whole = {node.id: node for body in reversed(bodies) for node in body.nodes.values()}
    at_end = _Sight(whole, inside=frozenset(inner - whole.keys()))
    for use in workflow.uses:
        if use.role == "tool":
            _tool_names(use, findings)
        elif use.role == "approval":
            _argument_names(use, findings)
        elif use.role in ("limits", "server"):
            _limit_names(use, findings)
        else:
            _use(use, at_end, findings)


def _as_seen_by(tool: Tool, findings: Findings) -> Findings:
    """Where a tool is checked, the inputs are its own arguments, whoever called it, and there is no state."""
    schemas, needed = tool.inputs.get("properties", {}), tool.inputs.get("required", ())
    own = {name: Input(name, schema, name in needed) for name, schema in schemas.items()}
    return replace(findings, workflow=replace(findings.workflow, inputs=own, state={}))


def _body(body: Body, sight: _Sight, findings: Findings) -> None:
    inner = sight if body.single else _Sight(body.nodes, sight)
    for node in body.nodes.values():
        _node(node, inner, findings)


def _node(node: Node, sight: _Sight, findings: Findings) -> None:
    own = sight if sight.find(node.id) is node else _Sight({node.id: node}, sight)
    branches = {body.at: key for key, body in node.bodies.items()}
    for use in (*node.uses, *_agent_uses(findings.workflow, node)):
        _use(use, _sight_of(node, use, branches, own), findings)
    for key, _ in node.set:
        _state_key(key, (*node.at, "set", key), sight, findings)
    for position, key in enumerate(node.reset):
        _state_key(key, (*node.at, "reset", position), sight, findings)
    for key, body in node.bodies.items():
        _body(body, _branch_sight(node, key, own), findings)


def _sight_of(node: Node, use: Use, branches: Mapping[JsonPath, str], own: _Sight) -> _Sight:
    """What a part of a node sees; the `if` of a branch sees what the branch does. `branches` are the keys by place."""
    inside = (branches[use.at[:length]] for length in range(len(use.at) + 1) if use.at[:length] in branches)
    return next((_branch_sight(node, key, own) for key in inside), own)


def _agent_uses(workflow: Workflow, node: Node) -> tuple[Use, ...]:
    """What the node's agents, and their delegates, read: instructions are rendered where the node stands."""
    agents = workflow.asked_by(node)
    agents += workflow.delegates_of(agents, node.traits.delegates)
    return tuple(use for agent in agents for use in agent.uses)


def _branch_sight(node: Node, key: str, sight: _Sight) -> _Sight:
    after = node.traits.branching.after if node.traits.branching is not None else {}
    if key not in after:
        return sight
    needed = {name: node.bodies[name].only if node.bodies[name].single else node for name in after[key]}
    return _Sight(needed, sight, key, node.bodies)


def _state_key(key: str, at: JsonPath, sight: _Sight, findings: Findings) -> None:
    known = findings.workflow.state
    if key not in known:
        words = f"state key '{key}' does not exist{did_you_mean(key, list(known))}"
        hint = _NO_STATE if sight.is_stateless() else "declare it under state:"
        findings.error(words, at, rule="name", key=isinstance(at[-1], str), hint=hint)


def _references(use: Use) -> Iterator[tuple[JsonPath, Reference]]:
    """Each name that a use reads, and where in its value."""
    if isinstance(use.value, ValueTemplate):
        yield from use.value.references
    else:
        yield from (((), reference) for reference in use.value.references)


def _use(use: Use, sight: _Sight, findings: Findings) -> None:
    for place, reference in _references(use):
        if trouble := _trouble(findings.workflow, use, reference, sight):
            findings.refer(use, place, reference, trouble)


def _trouble(workflow: Workflow, use: Use, reference: Reference, sight: _Sight) -> tuple[str, str] | None:
    root, *rest = reference.path
    seen = [*ROOTS, *sorted(use.extra)]
    if root in _ELSEWHERE and root not in seen:
        return f"'{root}' is not known here", _ELSEWHERE[root]
    if root not in seen:
        text = f'; a text stands in quotes: "{root}"' if not rest and isinstance(use.value, Expression) else ""
        return f"'{root}' is not known here{did_you_mean(root, seen)}", f"known are: {', '.join(seen)}{text}"
    if root in use.extra or root == "visits":
        return None
    if root == "nodes":
        return _node_trouble(rest, sight)
    known = {"inputs": tuple(workflow.inputs), "state": tuple(workflow.state), "run": RUN_KEYS}[root]
    if not rest or rest[0] in known:
        return None
    what = {"inputs": "input", "state": "state key", "run": "fact of the run"}[root]
    hint = f"declare it under {root}:" if root != "run" else f"known are: {', '.join(RUN_KEYS)}"
    hint = _NO_STATE if root != "run" and sight.is_stateless() else hint
    return f"{what} '{rest[0]}' does not exist{did_you_mean(rest[0], known)}", hint


def _node_trouble(rest: Sequence[str], sight: _Sight) -> tuple[str, str] | None:
    if not rest:
        return "'nodes' needs the name of a node", "write nodes.NAME.output"
    name, *key = rest
    if sight.find(name) is None:
        if sight.hides_sibling(name):
            return (
                f"branch '{name}' is not seen from here",
                f"branches run side by side; say needs: [{name}] to come after it",
            )
        if name in sight.inside:
            return (
                f"node '{name}' is not seen from here: it is inside another",
                "write nodes.OUTER.output, or a state key",
            )
        return f"node '{name}' does not exist here{did_you_mean(name, sight.names())}", ""
    if key and key[0] not in NODE_KEYS:
        return f"a node has no '{key[0]}'{did_you_mean(key[0], NODE_KEYS)}", f"it has: {', '.join(NODE_KEYS)}"
    return None


def _limit_names(use: Use, findings: Findings) -> None:
    for place, reference in _references(use):
        trouble = _trouble(findings.workflow, use, reference, _Sight({}))
        if reference.path[0] != "inputs":
            trouble = f"'{reference.path[0]}' is not known here", f"{_OF_INPUTS[use.role]} may depend on inputs alone"
        if trouble is not None:
            findings.refer(use, place, reference, trouble)


def _tool_names(use: Use, findings: Findings) -> None:
    tool = findings.workflow.tools[str(use.at[1])]
    known = list(tool.inputs.get("properties", {}))
    for place, reference in _references(use):
        if reference.path[0] != "inputs" or (len(reference.path) > 1 and reference.path[1] not in known):
            shown = ".".join(reference.path[:2])
            hint = f"a tool sees its own inputs: {', '.join(known) or 'it has none'}"
            findings.refer(use, place, reference, (f"'{shown}' is not known to tool '{tool.name}'", hint))


def _approved(use: Use, workflow: Workflow) -> Tool:
    """The tool whose calls are approved. What one of a server takes is known only when the server is asked."""
    section, name = str(use.at[0]), str(use.at[1])
    return workflow.tools[name] if section == "tools" else Tool(f"{name}/{use.at[3]}", "", {}, "", None)


_OF_INPUTS = {"limits": "a limit", "server": "a header of a server"}


def _argument_names(use: Use, findings: Findings) -> None:
    """`approval.when` of a tool sees the arguments of the call, and nothing else."""
    tool = _approved(use, findings.workflow)
    known = list(tool.inputs.get("properties", {}))
    closed = tool.inputs.get("additionalProperties") is False
    for place, reference in _references(use):
        root, *rest = reference.path
        if root != "args" or (closed and rest and rest[0] not in known):
            shown = ".".join(reference.path[:2])
            hint = f"write args.NAME; its arguments are: {', '.join(known)}" if known else "write args.NAME"
            findings.refer(use, place, reference, (f"'{shown}' is not known to the approval of '{tool.name}'", hint))
