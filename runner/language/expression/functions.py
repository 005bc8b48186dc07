"""The functions of CEL, and how each is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from msgspec import Struct

from runner.language.expression import times
from runner.language.expression.conversions import CONVERSIONS
from runner.language.expression.faults import Fault
from runner.language.expression.limits import COPIED_A_STEP, READ_A_STEP
from runner.language.expression.patterns import matches
from runner.language.expression.values import is_list, is_map, name_of


def _reading(text: Any, *_: Any) -> int:
    return len(text) // READ_A_STEP if type(text) in (str, bytes) else 0


def _searching(text: Any, pattern: Any) -> int:
    """A long pattern may be tried at every character."""
    return _reading(text) * (1 + len(pattern) // COPIED_A_STEP) if type(pattern) is str else 0


class Function(Struct, frozen=True):
    """`operate` takes the target first; `calls` and `methods` are the numbers of arguments that each form takes.

    `cost` is the number of steps that it takes.
    """

    operate: Callable[..., Any]
    calls: tuple[int, ...] = ()
    methods: tuple[int, ...] = ()
    cost: Callable[..., int] = _reading


def _size(value: Any) -> int:
    if type(value) in (str, bytes) or is_list(value) or is_map(value):
        return len(value)
    hint = "ask first: x != null" if value is None else "size() counts characters, elements, and keys"
    raise Fault(f"size() needs a string, list, map or bytes, not {name_of(value)}", hint)


def _on_text(name: str, operate: Callable[[str, str], bool], text: Any, part: Any) -> bool:
    if type(text) is str and type(part) is str:
        return operate(text, part)
    wrong, which = (text, "what stands before the dot") if type(text) is not str else (part, "its argument")
    hint = "in a list: y in x" if name == "contains" and is_list(text) else "make text of it: string(x)"
    raise Fault(f"{name}() needs strings, and {which} is {name_of(wrong)}", hint)


FUNCTIONS: Mapping[str, Function] = {
    "size": Function(_size, calls=(1,), methods=(0,)),
    "contains": Function(partial(_on_text, "contains", lambda text, part: part in text), methods=(1,)),
    "startsWith": Function(partial(_on_text, "startsWith", str.startswith), methods=(1,)),
    "endsWith": Function(partial(_on_text, "endsWith", str.endswith), methods=(1,)),
    "matches": Function(partial(_on_text, "matches", matches), calls=(2,), methods=(1,), cost=_searching),
    **{name: Function(convert, calls=(1,)) for name, convert in CONVERSIONS.items()},
    **{name: Function(partial(times.part, name), methods=(0, 1)) for name in times.GETTERS},
}
