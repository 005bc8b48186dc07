"""Which names a workflow may give to its nodes, branches and items."""

from __future__ import annotations

from runner.language.expression import RESERVED_WORDS

EXIT = "exit"

ROOT_NAMES = (
    "inputs",
    "state",
    "run",
    "visits",
    "nodes",
    "output",
    "error",
    "item",
    "index",
    "results",
    "data",
    "messages",
    "round",
)


def name_trouble(name: str) -> str:
    """Why a name can't be an id, a branch or an `as`; empty when it can."""
    if name == EXIT:
        return "'exit' is what a route says to leave the body"
    if name in RESERVED_WORDS:
        return f"'{name}' is a word of the expression language"
    if name in ROOT_NAMES:
        return f"'{name}' is what expressions call {'the ' + name if name != 'nodes' else 'all nodes'}"
    return ""
