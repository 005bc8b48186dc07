"""What stands in a picture's labels: text in which nothing is syntax, and a node's YAML in a few words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from runner.ground.json_value import Json
from runner.ground.plain import one_line
from runner.nodes import KINDS
from runner.record.answers import as_typed
from runner.workflow.model import Node

LONGEST = 120
"""Characters of a title or an argument; a condition is never cut."""

_SYNTAX = re.compile(
    r"[^A-Za-z0-9 ,/=!?'.+_-]"  # what Mermaid or HTML may take for syntax
    r"|(?<![A-Za-z0-9_])\.|\.(?![A-Za-z0-9_])|(?<=[wW]{3})\."  # lists (1. x) and addresses, for Markdown
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # emphasis
    r"|^[-+=]"  # lists, headings
)

_JOINING = ("join", "tolerate", "complete_when", "max_concurrency", "sequential", "cancel_rest", "max_visits", "mutex")
"""Keys that change how a node runs, and are told in its label."""


def escape(text: str, longest: int | None = None) -> str:
    """A label's text on one line, with all that could be syntax as Mermaid's numeric entities."""
    return _SYNTAX.sub(lambda found: f"#{ord(found.group())};", one_line(text, longest or len(text)))


def gist(node: Node, content: Mapping[str, Json]) -> Iterator[str]:
    """What a node's YAML says of it in short, line by line, escaped: its verb and argument, `if`, how it joins."""
    if node.verb in content:
        shown = _in_short(content[node.verb]) if KINDS[node.verb].shape.argument else ""
        argument = escape(f"{node.verb} {shown}".strip(), LONGEST)
        yield f"{argument} as {escape(content['as'])}" if "as" in content else argument
    if "if" in content:
        yield f"if {escape(as_typed(content['if']))}"
    for key in _JOINING:
        if key in content:
            yield f"{escape(key)} {escape(as_typed(content[key]))}"
    if content.get("on_error") == "continue":
        yield "on error continue"


def _in_short(value: Json) -> str:
    """A verb's argument: text, a list of texts, or a few keys; nothing of what is larger."""
    if isinstance(value, str):
        return "" if "\n" in value.strip() else value
    if isinstance(value, list):
        return " ".join(map(as_typed, value))
    if isinstance(value, dict) and all(isinstance(item, str | int | float) for item in value.values()):
        return ", ".join(
            f"{key} {as_typed(item)}" for key, item in value.items() if key not in {"prompt", "instructions"}
        )
    return ""
