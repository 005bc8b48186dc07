"""The parser's tables, made from the grammar once and kept as JSON beside it: `python -m runner.expression.tables`."""

from __future__ import annotations

import json
from typing import Any, cast

from lark import Lark
from lark.grammar import Rule
from lark.lexer import TerminalDef

from runner import resources

_GRAMMAR = resources.data("grammars") / "expression.lark"
_TABLES = resources.data("grammars") / "expression.tables.json"

_SHIFT = 0


def generate() -> str:
    """The tables of the grammar as it is now."""
    parser = Lark(_GRAMMAR.read_text(encoding="utf-8"), parser="lalr", lexer="basic", maybe_placeholders=False)
    tables, memo = parser.memo_serialize([TerminalDef, Rule])
    tables["parser"]["parser"] = _renumber(tables["parser"]["parser"])
    return json.dumps({"data": tables, "memo": memo}, separators=(",", ":"), sort_keys=True) + "\n"


def load(builder: object) -> Lark:
    """A parser that gives what each rule found to the method of `builder` that is named like the rule."""
    tables = json.loads(_TABLES.read_text(encoding="utf-8"))
    automaton = tables["data"]["parser"]["parser"]
    automaton["tokens"] = _by_number(automaton["tokens"])
    automaton["states"] = {int(state): _by_number(actions) for state, actions in automaton["states"].items()}
    tables["memo"] = _by_number(tables["memo"])
    tables["data"]["options"]["transformer"] = builder
    return Lark.load(cast(Any, tables))


def _by_number(names: dict[str, Any]) -> dict[int, Any]:
    """JSON has no numbers as keys."""
    return {int(name): value for name, value in names.items()}


def _renumber(automaton: dict[str, Any]) -> dict[str, Any]:
    """The same automaton, numbered from its start: lark numbers it differently in each process."""
    names = automaton["tokens"]
    tokens = sorted(names.values())
    states = {
        state: {names[token]: action for token, action in actions.items()}
        for state, actions in automaton["states"].items()
    }
    order = _walk(states, list(automaton["start_states"].values()))
    number = {state: position for position, state in enumerate(order)}

    def action(kind: int, argument: Any) -> list[Any]:
        return [kind, number[argument] if kind == _SHIFT else argument]

    return {
        "tokens": dict(enumerate(tokens)),
        "states": {
            number[state]: {tokens.index(token): action(*states[state][token]) for token in sorted(states[state])}
            for state in order
        },
        "start_states": {rule: number[state] for rule, state in automaton["start_states"].items()},
        "end_states": {rule: number[state] for rule, state in automaton["end_states"].items()},
    }


def _walk(states: dict[int, dict[str, Any]], order: list[int]) -> list[int]:
    """All states that can be reached, breadth first, the tokens in alphabetical order."""
    seen = set(order)
    for state in order:
        for _, (kind, target) in sorted(states[state].items()):
            if kind == _SHIFT and target not in seen:
                seen.add(target)
                order.append(target)
    return order


if __name__ == "__main__":
    _TABLES.write_text(generate(), encoding="utf-8")
