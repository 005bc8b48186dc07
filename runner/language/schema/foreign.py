"""Keys that other systems have, and what to use here: the mistakes of the first hour."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from runner.ground.json_value import Json
from runner.language.schema import other_names
from runner.language.schema.linked import Path
from runner.language.schema.owners import is_node

_PROGRAM = "a program is started by `command: [git, status]`, lines for a shell by `script: |`"
_ORDER = "the order is that of `steps:`, or of `next: NODE`; branches of `parallel` wait by `needs: [BRANCH]`"
_LIST = "`for_each: [a, b]` with `do:` runs a node for each item"
_MODEL = "a model is asked by `agent: NAME` with `prompt:`; agents stand under `agents:`"
_CONDITION = "`if:` skips a node; `next: [{when: …, to: NODE}]` chooses the way"
_ARGUMENTS = "a command has its arguments in its list, an agent its `prompt:`; tools and workflows take `with:`"
_ELSE = "`next: [{when: …, to: NODE}, {to: NODE}]` chooses the way: the last one, without `when`, is for all else"
_LOOP = "a loop is a route back, `next: [{when: …, to: NODE}, {to: exit}]`, which `max_visits:` bounds"
_AT_THE_END = "`on_error: NODE` takes the failure of a node; `rescue:` and `finally:` stand at the top of the file"
_KEY = (
    "keys and addresses stand in no file: the environment has them, such as OPENAI_API_KEY and OPENAI_BASE_URL"
    "; `wf run` names the variable that a provider lacks"
)
_LISTED = "the list is the value of `for_each:` itself; `as: NAME` says what an item is called"
_PERSON = "a person is asked by `human: {prompt: …, choices: [approve, reject]}`"
_REQUEST = "a request is sent by `http: {url: URL}`, with its `method:`, `headers:` and `json:` inside the braces"
_KIND = "the verb itself says the kind: `command: [ls]`, `agent: NAME`, `human: {prompt: …}`"

ON_NODES: Mapping[str, str] = {
    **dict.fromkeys(("run", "cmd", "exec", "bash", "sh", "commands", "shell"), _PROGRAM),
    **dict.fromkeys(("needs", "depends_on", "dependsOn", "depends", "after", "dependencies"), _ORDER),
    **dict.fromkeys(("matrix", "strategy", "foreach", "forEach", "with_items", "loop", "map", "items"), _LIST),
    **dict.fromkeys(("llm", "chain", "ask", "system", "messages", "role"), _MODEL),
    **dict.fromkeys(("when", "condition", "switch", "branches", "choice"), _CONDITION),
    **dict.fromkeys(("else", "elif", "otherwise", "unless"), _ELSE),
    **dict.fromkeys(("while", "until", "repeat", "do_while", "loop_while", "repeat_until"), _LOOP),
    **dict.fromkeys(("finally", "rescue", "ensure", "always", "cleanup"), _AT_THE_END),
    "try": "a node is tried as it is; `on_error: NODE` takes its failure, `retry: 3` tries it three times",
    **dict.fromkeys(("goto", "then", "to", "transition", "transitions", "edges"), "the way on is `next: NODE`"),
    **dict.fromkeys(("type", "kind", "action", "uses_tool"), _KIND),
    **dict.fromkeys(("sleep", "delay", "pause", "wait_for", "wait_until"), "`wait: {for: 10s}` waits"),
    **dict.fromkeys(("fetch", "request", "url", "get", "curl"), _REQUEST),
    **dict.fromkeys(("fail", "raise", "throw", "error", "abort"), "`end: failed` with `message:` ends the workflow"),
    **dict.fromkeys(("break", "stop", "exit", "return"), "`next: exit` ends the body, `end: completed` the workflow"),
    **dict.fromkeys(
        ("print", "echo", "log", "say"), "`command: [echo, TEXT]` prints; what a run gives is under `outputs:`"
    ),
    **dict.fromkeys(("confirm", "approve", "user", "input", "ask_user"), _PERSON),
    **dict.fromkeys(("call", "include", "import", "subflow", "subworkflow"), "`workflow: FILE` runs another workflow"),
    "uses": "another workflow is run by `workflow: FILE`, a tool by `tool: NAME`",
    "with": _ARGUMENTS,
    "args": _ARGUMENTS,
    "env": "variables are given to `command` and `script` nodes, and to tools",
    "name": "the id is the key under `nodes:`, or `id:` in `steps:`; `title:` is free text",
    "description": "`title:` is what a node is called in pictures and logs",
    "continue_on_error": "`on_error: continue` goes on after a failure",
    "continue-on-error": "`on_error: continue` goes on after a failure",
    **dict.fromkeys(("retries", "attempts", "max_attempts", "max_retries"), "write `retry: 3`, the first try included"),
    "approval": _PERSON,
    "output": "a node's output is there by itself: `nodes.ID.output`; `set:` writes it to the state",
    "outputs": "a node's output is there by itself: `nodes.ID.output`; `outputs:` belongs to the workflow",
    "python": "a function is called by `tool: NAME`; it is declared by `tools: {NAME: {python: FILE.py:FUNCTION}}`",
    "mcp": "a tool of a server is called by `tool: SERVER/TOOL`; the server stands under `mcp_servers:` at the top",
    "schedule": "wf starts nothing by itself: let cron, or the schedule of a CI, call `wf run`",
    "cache": "nothing is cached; what completed is not repeated when a run is resumed",
    "secrets": "a secret is an input: `inputs: {TOKEN: {secret: true, env: TOKEN}}`",
}
"""By key of a node, what is meant by it elsewhere as one does it here."""

AT_THE_TOP: Mapping[str, str] = {
    **dict.fromkeys(("jobs", "tasks", "stages", "flow", "graph"), "nodes stand under `nodes:` or `steps:`"),
    **dict.fromkeys(("on", "schedule", "triggers", "trigger", "cron"), ON_NODES["schedule"]),
    **dict.fromkeys(("matrix", "strategy"), _LIST),
    **dict.fromkeys(("mcp", "mcpServers"), "servers stand under `mcp_servers:`, each by its `command` or its `url`"),
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
    **dict.fromkeys(("sleep", "delay", "pause", "wait_for", "wait_until"), "`wait: {for: 10s}` waits"),
    **dict.fromkeys(("http", "fetch", "request", "url", "get", "curl"), f"nodes send requests: {_REQUEST}"),
    **dict.fromkeys(("fail", "raise", "throw", "error", "abort"), "`end: failed` with `message:` ends the workflow"),
    **dict.fromkeys(("break", "stop", "exit", "return"), "`next: exit` ends the body, `end: completed` the workflow"),
    **dict.fromkeys(
        ("print", "echo", "log", "say"), "`command: [echo, TEXT]` prints; what a run gives is under `outputs:`"
    ),
    **dict.fromkeys(("confirm", "approve", "user", "input", "ask_user"), _PERSON),
    **dict.fromkeys(("call", "include", "import", "subflow", "subworkflow"), "`workflow: FILE` runs another workflow"),
    "uses": "another workflow is run by a node: `workflow: FILE`",
}
"""The same of keys at the top of a file."""

BESIDE: Mapping[str, Mapping[str, str]] = {
    "max_reply_tokens": {
        **dict.fromkeys(("api_key", "apiKey", "key", "token", "api_key_env", "key_env", "env"), _KEY),
        **dict.fromkeys(("base_url", "baseUrl", "api_base", "url", "endpoint", "host", "headers"), _KEY),
        **dict.fromkeys(("provider", "engine", "vendor"), "write `model: PROVIDER/NAME`"),
    },
    "instructions": {"name": "its name is its key under `agents:`; a node asks it by `agent: NAME`"},
    "do": {
        **dict.fromkeys(("in", "over", "of", "list", "items", "collection"), _LISTED),
        **dict.fromkeys(
            ("steps", "nodes"), "what is run for each item stands under `do:`, a node, or `do: {steps: […]}`"
        ),
        "concurrent": "items run at the same time, unless `sequential: true` is said",
    },
}
"""By a key that may stand there, the same of the keys beside it."""


def advice(key: str, where: Path, known: Collection[str], data: Json) -> str:
    """What to use here in the place of a key of another system; nothing for one that means nothing elsewhere.

    `known` are the keys that may stand there.
    """
    beside = next((BESIDE[other][key] for other in known if key in BESIDE.get(other, ())), "")
    if beside or other_names.other_name(key, known):
        return beside
    if not where:
        return AT_THE_TOP.get(key, "")
    return ON_NODES.get(key, "") if is_node(where, data) else ""


def is_foreign(key: str) -> bool:
    """Whether a key is a word of other systems, and so hardly a slip of the pen."""
    return key in ON_NODES or key in AT_THE_TOP or other_names.is_name(key)
