"""The functions of CEL, how each is called, and what to say of a call that is none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from msgspec import Struct

from runner.ground.errors import did_you_mean
from runner.language.expression import times
from runner.language.expression.conversions import CONVERSIONS
from runner.language.expression.evaluation import Fault
from runner.language.expression.tree import FunctionCall
from runner.language.expression.values import is_list, is_map, name_of
from runner.language.pattern import TooSlow, Unusable, pattern_of, price_to_compile

READ_A_STEP = 64
"""Characters that a function reads for one step."""


def _reading(text: Any, *_: Any) -> int:
    return len(text) // READ_A_STEP if type(text) in (str, bytes) else 0


def _searching(text: Any, pattern: Any) -> int:
    if type(text) is not str or type(pattern) is not str:
        return 0
    to_compile = price_to_compile(pattern)
    try:
        return to_compile + pattern_of(pattern).price(text)
    except Unusable:
        return to_compile


class Function(Struct, frozen=True):
    """`operate` takes the target first; `calls` and `methods` are the numbers of arguments that each form takes.

    `cost` is the number of steps that it takes. One that `passes_on` a text as it is may be given a secret.
    """

    operate: Callable[..., Any]
    calls: tuple[int, ...] = ()
    methods: tuple[int, ...] = ()
    cost: Callable[..., int] = _reading
    passes_on: bool = False


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


def _matches(text: str, pattern: str) -> bool:
    """Whether a part of the text fits the pattern, in a time in proportion to the text: patterns are those of RE2."""
    check_pattern(pattern)
    try:
        return pattern_of(pattern).found_in(text)
    except TooSlow as error:
        raise Fault(str(error), "use contains(), or a shorter text or pattern") from None
    except UnicodeEncodeError:
        raise Fault("this text holds half a character, and has no form in UTF-8") from None


def check_pattern(pattern: str) -> None:
    """A fault, if a text is no pattern, or one that could cost too much."""
    try:
        pattern_of(pattern)
    except Unusable as error:
        raise Fault(error.reason, error.hint) from None


_PASSING_ON = ("dyn", "string", "type")

FUNCTIONS: Mapping[str, Function] = {
    "size": Function(_size, calls=(1,), methods=(0,)),
    "contains": Function(partial(_on_text, "contains", lambda text, part: part in text), methods=(1,)),
    "startsWith": Function(partial(_on_text, "startsWith", str.startswith), methods=(1,)),
    "endsWith": Function(partial(_on_text, "endsWith", str.endswith), methods=(1,)),
    "matches": Function(partial(_on_text, "matches", _matches), calls=(2,), methods=(1,), cost=_searching),
    **{name: Function(convert, calls=(1,), passes_on=name in _PASSING_ON) for name, convert in CONVERSIONS.items()},
    **{name: Function(partial(times.part, name), methods=(0, 1)) for name in times.GETTERS},
}

_OTHER_WORDS = {
    **dict.fromkeys(("len", "length", "count"), "size(x) counts characters, elements and keys"),
    **dict.fromkeys(("str", "toString", "to_string", "String"), "write string(x)"),
    **dict.fromkeys(("float", "number", "Number", "parseFloat"), "write double(x)"),
    **dict.fromkeys(("parseInt", "integer", "round", "floor", "trunc"), "int(x) takes the whole part"),
    **dict.fromkeys(("includes", "include", "has_key", "hasKey", "containsKey"), "in a list or a map: y in x"),
    **dict.fromkeys(("any", "some"), "write list.exists(x, x > 1)"),
    **dict.fromkeys(("every", "forall"), "write list.all(x, x > 1)"),
    **dict.fromkeys(("find", "where", "select"), "write list.filter(x, x > 1)"),
    **dict.fromkeys(("not", "NOT"), "write !x"),
    **dict.fromkeys(("typeof", "isinstance", "instanceof"), "write type(x) == string"),
    **dict.fromkeys(("test", "match", "regex", "search"), 'write x.matches("^[a-z]+$")'),
    **dict.fromkeys(("defined", "isDefined", "is_defined"), "write has(a.b)"),
    **dict.fromkeys(("now", "today", "time", "date"), "an expression has no clock; timestamp(x) reads a text"),
    **dict.fromkeys(("get",), "write has(a.b) ? a.b : other"),
    **dict.fromkeys(("keys",), "write map.map(key, key)"),
    **dict.fromkeys(("first", "head"), "write x[0]"),
    **dict.fromkeys(("last",), "write x[size(x) - 1]"),
    **dict.fromkeys(("min", "max", "sum", "avg", "abs", "lower", "upper", "trim", "join", "split", "replace"), ""),
    **dict.fromkeys(("env", "getenv", "open", "eval", "exec", "import"), "an expression sees only the run's own facts"),
}
_ALL = "functions are size contains startsWith endsWith matches, conversions such as int(x), and macros such as all"
_ELSEWHERE = "CEL has no such function; calculate it in a command or a tool node, or in a template"


def function_of(node: FunctionCall) -> Function | None:
    """The function that a call calls, if there is one that takes so many arguments in that form."""
    function = FUNCTIONS.get(node.function)
    known = function and len(node.arguments) in (function.calls if node.target is None else function.methods)
    return function if known else None


def misuse(node: FunctionCall) -> Fault:
    """What is wrong with a call that calls nothing."""
    name = node.function
    function = FUNCTIONS.get(name)
    if function is not None:
        return Fault(_wrong_form(node, function), f"write {_form(node, function)}").at(node)
    if name in MACRO_FORMS:
        return Fault(f"{name}() is used in another way", MACRO_FORMS[name]).at(node)
    if name in _OTHER_WORDS:
        return Fault(f"there is no function '{name}'", _OTHER_WORDS[name] or _ELSEWHERE).at(node)
    near = did_you_mean(name, (*FUNCTIONS, *MACRO_FORMS))
    return Fault(f"there is no function '{name}'{near}", "" if near else _ALL).at(node)


MACRO_FORMS = {
    "has": "write has(a.b), with a field at the end",
    "all": "write list.all(x, x > 1)",
    "exists": "write list.exists(x, x > 1); for a field, has(a.b)",
    "exists_one": "write list.exists_one(x, x > 1)",
    "filter": "write list.filter(x, x > 1)",
    "map": "write list.map(x, x + 1), or list.map(x, x > 1, x + 1)",
}


def _wrong_form(node: FunctionCall, function: Function) -> str:
    counts = function.calls if node.target is None else function.methods
    if not counts:
        return f"{node.function}() is {'a method' if node.target is None else 'not a method'}"
    wanted = f"{' or '.join(map(str, counts))} argument{'' if counts[-1] == 1 else 's'}"
    return f"{node.function}() takes {wanted}, not {len(node.arguments)}"


def _form(node: FunctionCall, function: Function) -> str:
    """How the function is called, in the form that was tried if there is that form."""
    as_method = bool(function.methods) and (node.target is not None or not function.calls)
    counts = function.methods if as_method else function.calls
    arguments = ", ".join("xyz"[as_method : as_method + counts[0]])
    return f"x.{node.function}({arguments})" if as_method else f"{node.function}({arguments})"
