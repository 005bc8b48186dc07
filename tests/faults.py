"""What may go wrong with a model, row by row: what a run does then, and the tests that say so of themselves.

A test says `@pytest.mark.fault("L3")`; with `"direct"` or `"litellm"` after it, of models that are asked so alone.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping

import msgspec

from tests.project import ROOT

WAYS = ("direct", "litellm")
"""How models are asked: servers of OpenAI's protocol directly, all others through litellm."""


class Fault(msgspec.Struct, frozen=True):
    """A row: the fault, and what comes of it. `asked`: it depends on how a model is asked, and is tried in each way."""

    fault: str
    comes: str
    asked: bool = True


ROWS = {
    "L1": Fault(
        "the server fails (500) twice, then answers",
        "three requests, no more: nobody but the node's `retry` tries again; `llm_down`",
    ),
    "L2": Fault(
        "429, with `Retry-After` (seconds, a date, huge, nonsense) or without",
        "`rate_limit`, tried again: after that time at least, an hour at most, else after the policy's, with jitter",
    ),
    "L3": Fault(
        "401, 403, 400, 404, 413, 422",
        "`authentication` or `request_refused`: one request, no retry, exit code 1, the key in no message",
    ),
    "L4": Fault(
        "nobody listens, the connection is reset, the answer is cut off or is HTML",
        "`network`, or `llm_down` for an answer that is none: tried again, then exit code 1",
    ),
    "L5": Fault(
        "the server is silent, or sends a byte now and then without end",
        "`timeout`, at the model's `idle_timeout` or `timeout`, by the wall",
    ),
    "L6": Fault("an answer's stream ends before its reply does", "`network`: it is not taken for whole"),
    "L7": Fault(
        "no choices, no content, a content filter, a refusal, `length`",
        "`llm_down` or `output_invalid`, never an empty success; a cut text completes with a warning",
    ),
    "L8": Fault(
        "the reply is no JSON, does not fit its schema, is fenced, huge, deep, has NaN or a key twice",
        "a fence is taken off; else asked again twice, then the next model, then `output_invalid` with what is wrong",
        asked=False,
    ),
    "L9": Fault(
        "a tool that there is not, arguments that do not fit, a thousand calls in one reply, calls without end",
        "the model is told; the first 100 are made; at `max_turns` it is `loop_limit`",
        asked=False,
    ),
    "L10": Fault(
        "`wf` is killed after a model was asked, before its answer is recorded",
        "one more request for each crash, with a line in the record: what was in flight is asked again",
        asked=False,
    ),
    "L11": Fault(
        "the budget is used up while many ask",
        "no call starts that it can't pay: what was reserved is never exceeded",
        asked=False,
    ),
    "L12": Fault("nobody knows the price", "the cost is `null`, shown as unknown, never 0"),
    "L13": Fault("the machine is offline", "nothing is connected to but the provider, from the import on"),
    "L14": Fault("none: a real small model", "it answers a workflow: its form is right, its tokens are counted"),
}


def held_by() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """For each row, the tests that hold it, each with the ways in which it asks."""
    found: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for name, test in _tests():
        for row, *ways in _marks(test):
            found[row][name] = tuple(ways) or WAYS
    return found


def _tests() -> Iterator[tuple[str, ast.FunctionDef]]:
    """The tests of files that mark any, by name."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text) if "mark.fault(" in text else ast.Module([], [])
        for test in ast.walk(tree):
            if isinstance(test, ast.FunctionDef):
                yield f"{path.relative_to(ROOT)}::{test.name}", test


def _marks(test: ast.FunctionDef) -> Iterator[list[str]]:
    for decorator in test.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.fault":
            yield [ast.literal_eval(argument) for argument in decorator.args]


def table() -> str:
    """The rows as a table in Markdown."""
    held = held_by()
    lines = ["| row | what goes wrong | what comes of it | held by |", "|---|---|---|---|"]
    for row, fault in ROWS.items():
        tests = "<br>".join(f"`{name}`" for name in held.get(row, {}))
        lines.append(f"| {row} | {fault.fault} | {fault.comes} | {tests} |")
    return "\n".join(lines)
