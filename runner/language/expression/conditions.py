"""Where a bool is needed and something else came: nothing is true or false but a bool."""

from __future__ import annotations

from typing import Any

from runner.language.expression.faults import Fault
from runner.language.expression.values import NUMBERS, is_list, is_map, name_of


def not_bool(needs: str, value: Any, *, negated: bool = False) -> Fault:
    """The fault of a value that is no bool; `needs` starts the message: `'!' needs`."""
    return Fault(f"{needs} a bool, and this is {name_of(value)}", _question(value, "==" if negated else "!="))


def _question(value: Any, operator: str) -> str:
    if value is None:
        return f"write x {operator} null"
    if type(value) in NUMBERS:
        return f"write x {operator} {'0.0' if type(value) is float else '0'}"
    if type(value) is str:
        return f'write x {operator} "", or compare with the text that you mean'
    if is_list(value) or is_map(value):
        return f"write size(x) {'==' if operator == '==' else '>'} 0"
    return "compare it with something"
