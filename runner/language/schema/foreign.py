"""Keys that other systems have, and what to use here: the mistakes of the first hour."""

from __future__ import annotations

from collections.abc import Mapping

from runner.ground.json_value import Json
from runner.language.schema.linked import Path
from runner.language.schema.owners import is_node

_PROGRAM = "a program is started by `command: [git, status]`, lines for a shell by `script: |`"
_ORDER = "the order is that of `steps:`, or of `next: NODE`; branches of `parallel` wait by `needs: [BRANCH]`"
_LIST = "`for_each: [a, b]` with `do:` runs a node for each item"
_MODEL = "a model is asked by `agent: NAME` with `prompt:`; agents stand under `agents:`"
_CONDITION = "`if:` skips a node; `next: [{when: …, to: NODE}]` chooses the way"
_ARGUMENTS = "a command has its arguments in its list, an agent its `prompt:`; tools and workflows take `with:`"
_KIND = "the verb itself says the kind: `command: [ls]`, `agent: NAME`, `human: {prompt: …}`"

ON_NODES: Mapping[str, str] = {
    **dict.fromkeys(("run", "cmd", "exec", "bash", "sh", "commands", "shell"), _PROGRAM),
    **dict.fromkeys(("needs", "depends_on", "dependsOn", "depends", "after", "dependencies"), _ORDER),
    **dict.fromkeys(("matrix", "strategy", "foreach", "forEach", "with_items", "loop", "map", "items"), _LIST),
    **dict.fromkeys(("llm", "chain", "ask", "system", "messages", "role"), _MODEL),
    **dict.fromkeys(("when", "condition", "switch", "branches", "choice"), _CONDITION),
    **dict.fromkeys(("goto", "then", "to", "transition", "transitions", "edges"), "the way on is `next: NODE`"),
    **dict.fromkeys(("type", "kind", "action", "uses_tool"), _KIND),
    "uses": "another workflow is run by `workflow: FILE`, a tool by `tool: NAME`",
    "with": _ARGUMENTS,
    "args": _ARGUMENTS,
    "env": "variables are given to `command` and `script` nodes, and to tools",
    "name": "the id is the key under `nodes:`, or `id:` in `steps:`; `title:` is free text",
    "description": "`title:` is what a node is called in pictures and logs",
    "continue_on_error": "`on_error: continue` goes on after a failure",
    "continue-on-error": "`on_error: continue` goes on after a failure",
    "timeout-minutes": "write `timeout: 10m`",
    "timeout_seconds": "write `timeout: 90s`",
    "retries": "write `retry: {max_attempts: 3}`",
    "approval": "a person is asked by `human: {prompt: …, choices: [approve, reject]}`",
    "output": "a node's output is there by itself: `nodes.ID.output`; `set:` writes it to the state",
    "outputs": "a node's output is there by itself: `nodes.ID.output`; `outputs:` belongs to the workflow",
    "python": "a function is called by `tool: NAME`; it is declared by `tools: {NAME: {python: FILE.py:FUNCTION}}`",
    "mcp": "tools of a server are not called here; a program that calls it is, by `command:`",
    "schedule": "wf starts nothing by itself: let cron, or the schedule of a CI, call `wf run`",
    "cache": "nothing is cached; what completed is not repeated when a run is resumed",
    "secrets": "a secret is an input: `inputs: {TOKEN: {secret: true, env: TOKEN}}`",
}
"""By key of a node, what is meant by it elsewhere as one does it here."""

AT_THE_TOP: Mapping[str, str] = {
    **dict.fromkeys(("jobs", "tasks", "stages", "flow", "graph"), "nodes stand under `nodes:` or `steps:`"),
    **dict.fromkeys(("on", "schedule", "triggers", "trigger", "cron"), ON_NODES["schedule"]),
    **dict.fromkeys(("matrix", "strategy"), _LIST),
    **dict.fromkeys(("mcp", "mcpServers"), ON_NODES["mcp"]),
    **dict.fromkeys(("params", "parameters", "args", "arguments", "vars"), "what a run is given: `inputs:`"),
    **dict.fromkeys(("variables", "context", "memory"), "what nodes write: `state:`, each key with a `default`"),
    **dict.fromkeys(
        ("secrets", "env"),
        "a variable is taken by an input, `inputs: {TOKEN: {env: TOKEN, secret: true}}`"
        ", or passed on to a node by its `env:`",
    ),
    **dict.fromkeys(("entry", "entrypoint", "entry_point"), "write `start: NODE`"),
    "edges": ON_NODES["edges"],
    "timeout": "write `limits: {timeout: …}` for the whole run, `defaults: {timeout: …}` for each node",
    "id": "write `name:`",
    "apiVersion": "write `wf: 1`",
    "kind": "write `wf: 1`",
    "needs": _ORDER,
    "uses": "another workflow is run by a node: `workflow: FILE`",
}
"""The same of keys at the top of a file."""


def advice(key: str, where: Path, data: Json) -> str:
    """What to use here in the place of a key of another system; nothing for one that means nothing elsewhere."""
    if not where:
        return AT_THE_TOP.get(key, "")
    return ON_NODES.get(key, "") if is_node(where, data) else ""
