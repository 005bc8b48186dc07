"""What evaluating an expression costs, beside other implementations of CEL: `python -m benchmarks.expressions`.

The peers, `common-expression-language` (in Rust) and `cel-python`, are measured where they are installed. Each round
runs every way once, in turn; a ratio is the median of the rounds' own ratios. Best read on a quiet machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from statistics import median
from typing import Any

from runner.expression import compile_expression, tables

ROUNDS = 15
SECONDS = 0.05
SOURCE = 'score >= 0.8 && retries < 3 || status == "approved"'
SCOPES: tuple[Mapping[str, Any], ...] = (
    {"score": 0.9, "retries": 2, "status": "open"},
    {"score": 0.7, "retries": 2, "status": "approved"},
    {"score": 0.5, "retries": 5, "status": "rejected"},
)
ANSWERS = [True, True, False]
MORE = (
    'nodes.triage.output.severity in ["high", "critical"]',
    'state.findings.filter(f, f.severity == "high").size() > 2',
    'has(state.note) && state.note.startsWith("urgent")',
)
DATA: Mapping[str, Any] = {
    "nodes": {"triage": {"output": {"severity": "low"}}},
    "state": {"findings": [{"severity": "high"}, {"severity": "low"}] * 5, "note": "urgent: look"},
}

Evaluate = Callable[[Mapping[str, Any]], Any]


def ours() -> Evaluate:
    return compile_expression(SOURCE).evaluate


def rust() -> Evaluate:
    """`common-expression-language`, a binding of the Rust implementation; it, too, is given the scope as a dict."""
    execute: Evaluate = import_module("cel").compile(SOURCE).execute
    return execute


def cel_python() -> Evaluate:
    """`cel-python`; turning the scope into its values is part of every evaluation."""
    celpy = import_module("celpy")
    environment = celpy.Environment()
    program = environment.program(environment.compile(SOURCE))
    return lambda scope: program.evaluate({name: celpy.json_to_cel(value) for name, value in scope.items()})


PEERS: Mapping[str, tuple[str, Callable[[], Evaluate]]] = {
    "common-expression-language (Rust)": ("cel", rust),
    "cel-python": ("celpy", cel_python),
}


def rate(act: Callable[[], object]) -> float:
    """How often a second something can be done, over a short while."""
    number = 0
    began = time.perf_counter()
    while (taken := time.perf_counter() - began) < SECONDS:
        for _ in range(20):
            act()
        number += 20
    return number / taken


def over_all_scopes(evaluate: Evaluate) -> Callable[[], object]:
    return lambda: [evaluate(scope) for scope in SCOPES]


def compare() -> None:
    """Print the evaluations a second of each way, and ours as a multiple of each peer's."""
    ways = {"wf": ours()}
    for name, (module, make) in PEERS.items():
        if find_spec(module) is None:
            print(f"  {name} is not installed, and left out")
        else:
            ways[name] = make()
    for name, evaluate in ways.items():
        answers = [bool(evaluate(scope)) for scope in SCOPES]
        assert answers == ANSWERS, f"{name} gives {answers}"
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, evaluate in ways.items():
            rates[name].append(len(SCOPES) * rate(over_all_scopes(evaluate)))
    for name, found in rates.items():
        ratios = [mine / other for mine, other in zip(rates["wf"], found, strict=True)]
        print(f"  {name:36} {median(found):11,.0f}/s   wf is {median(ratios):7.2f} ×")


def alone() -> None:
    """Print what else an expression costs: other sources, compiling, loading the parser's tables."""
    for source in MORE:
        expression = compile_expression(source)
        found = [rate(lambda expression=expression: expression.evaluate(DATA)) for _ in range(ROUNDS)]  # type: ignore[misc]
        print(f"  {source:60} {median(found):11,.0f}/s")
    compiling = median(rate(lambda: compile_expression(SOURCE)) for _ in range(ROUNDS))
    loading = median(rate(lambda: tables.load(object())) for _ in range(ROUNDS))
    print(f"  compiling: {1e6 / compiling:,.0f} us; loading the tables: {1e3 / loading:.1f} ms")


def main() -> None:
    """Compare with the peers, then measure the rest."""
    print(f"{SOURCE}, {ROUNDS} rounds")
    compare()
    alone()


if __name__ == "__main__":
    main()
