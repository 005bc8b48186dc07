"""Evaluating an expression that was compiled once, beside other implementations of CEL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from time import perf_counter
from typing import Any

from benchmarks.measuring import Row, Target, Way, interleave, is_installed, per_second, speed_ratio
from runner.language.expression import compile_expression

ROUNDS = 15
SECONDS = 0.05
SOURCE = 'score >= 0.8 && retries < 3 || status == "approved"'
SCOPES: tuple[Mapping[str, Any], ...] = (
    {"score": 0.9, "retries": 2, "status": "open"},
    {"score": 0.7, "retries": 2, "status": "approved"},
    {"score": 0.5, "retries": 5, "status": "rejected"},
)
ANSWERS = [True, True, False]

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


PEERS: Mapping[str, tuple[str, Callable[[], Evaluate], Target]] = {
    "CEL in Rust": ("cel", rust, Target(least=0.5)),
    "cel-python": ("celpy", cel_python, Target(least=50)),
}


def rows() -> Iterator[Row]:
    """Ours beside each peer that is installed."""
    peers = {name: make for name, (module, make, _) in PEERS.items() if is_installed(module)}
    ways: dict[str, Way] = {name: _over_all_scopes(name, make()) for name, make in {"wf": ours, **peers}.items()}
    costs = interleave(ways, ROUNDS)
    for name in peers:
        ratio, peer = speed_ratio(costs, "wf", name), f"{name} {per_second(costs[name])}"
        yield Row("an expression, compiled once", per_second(costs["wf"]), peer, ratio, PEERS[name][2])


def _over_all_scopes(name: str, evaluate: Evaluate) -> Way:
    answers = [bool(evaluate(scope)) for scope in SCOPES]
    assert answers == ANSWERS, f"{name} gives {answers}"
    return lambda: _seconds(lambda: [evaluate(scope) for scope in SCOPES]) / len(SCOPES)


def _seconds(act: Callable[[], object]) -> float:
    """How long something takes, on average over a short while."""
    number = 0
    began = perf_counter()
    while (taken := perf_counter() - began) < SECONDS:
        for _ in range(20):
            act()
        number += 20
    return taken / number
