"""The parser's tables, made of the grammar by lark.

After a change of it run `python -m runner.language.expression.grammar`.
"""

from __future__ import annotations

from typing import Any

import msgspec
from lark import Lark
from lark.grammar import Rule, Terminal
from lark.lexer import BasicLexer
from lark.parsers.lalr_analysis import Shift

from runner.ground import resources
from runner.language.expression.automaton import TABLES, Tables

GRAMMAR = resources.data("grammars") / "expression.lark"

Actions = dict[str, tuple[Any, Any]]
"""Where a state leads by each symbol: lark's `(Shift, state)` or `(Reduce, rule)`."""


def generate() -> str:
    """The tables of the grammar as it is now, the same in each process."""
    lark: Any = Lark(GRAMMAR.read_text(encoding="utf-8"), parser="lalr", lexer="basic", maybe_placeholders=False)
    table = lark.parser.parser._parse_table
    order = _walk(table.states, table.start_states["start"])
    number = {state: position for position, state in enumerate(order)}
    rule_number = {rule: position for position, rule in enumerate(lark.rules)}
    pattern, words = _terminals(lark.parser.lexer)
    tables = Tables(
        pattern=pattern,
        words=words,
        ignored=lark.ignore_tokens,
        rules=[(str(rule.origin.name), len(rule.expansion), _kept(rule), _method(rule)) for rule in lark.rules],
        states=[_actions(table.states[state], number, rule_number) for state in order],
        accept=number[table.end_states["start"]],
    )
    return msgspec.json.encode(tables, order="sorted").decode() + "\n"


def _terminals(lexer: BasicLexer) -> tuple[str, dict[str, str]]:
    """One pattern for what lark's lexer tries, in its order; and the words that a more general pattern finds."""
    tried = lexer.scanner.allowed_types
    pattern = "|".join(f"(?P<{one.name}>{one.pattern.to_regexp()})" for one in lexer.terminals if one.name in tried)
    return pattern, {one.pattern.value: one.name for one in lexer.terminals if one.name not in tried}


def _kept(rule: Rule) -> list[tuple[int, bool]]:
    """Lark's rules: a sign that stands in the grammar itself is left out, what a `_rule` found is put in its place."""
    return [
        (place, not symbol.is_term and symbol.name.startswith("_"))
        for place, symbol in enumerate(rule.expansion)
        if not (isinstance(symbol, Terminal) and symbol.filter_out)
    ]


def _method(rule: Rule) -> str | None:
    """The builder's method for a rule; empty: the only child as it is; None: the list of children."""
    if rule.alias:
        return str(rule.alias)
    if rule.options.expand1:
        assert len(_kept(rule)) == 1, "what has one child by its sign ? and more has a name of its own"
        return ""
    return None if rule.origin.name.startswith("_") else str(rule.origin.name)


def _actions(actions: Actions, number: dict[Any, int], rules: dict[Rule, int]) -> dict[str, int]:
    return {
        str(symbol): number[target] if kind is Shift else -1 - rules[target]
        for symbol, (kind, target) in sorted(actions.items())
    }


def _walk(states: dict[Any, Actions], start: Any) -> list[Any]:
    """All states that can be reached, breadth first, the symbols in alphabetical order: lark's own order varies."""
    order = [start]
    for state in order:
        targets = (target for _, (kind, target) in sorted(states[state].items()) if kind is Shift)
        order += [target for target in dict.fromkeys(targets) if target not in order]
    return order


if __name__ == "__main__":
    TABLES.write_text(generate(), encoding="utf-8")
