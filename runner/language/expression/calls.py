"""Whether a call is one that CEL knows, and what to say if not."""

from __future__ import annotations

from runner.ground.errors import did_you_mean
from runner.language.expression.faults import Fault
from runner.language.expression.functions import FUNCTIONS, Function
from runner.language.expression.tree import Call

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


def function_of(node: Call) -> Function | None:
    """The function that a call calls, if there is one that takes so many arguments in that form."""
    function = FUNCTIONS.get(node.function)
    known = function and len(node.arguments) in (function.calls if node.target is None else function.methods)
    return function if known else None


def misuse(node: Call) -> Fault:
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


def _wrong_form(node: Call, function: Function) -> str:
    counts = function.calls if node.target is None else function.methods
    if not counts:
        return f"{node.function}() is {'a method' if node.target is None else 'not a method'}"
    wanted = f"{' or '.join(map(str, counts))} argument{'' if counts[-1] == 1 else 's'}"
    return f"{node.function}() takes {wanted}, not {len(node.arguments)}"


def _form(node: Call, function: Function) -> str:
    """How the function is called, in the form that was tried if there is that form."""
    as_method = bool(function.methods) and (node.target is not None or not function.calls)
    counts = function.methods if as_method else function.calls
    arguments = ", ".join("xyz"[as_method : as_method + counts[0]])
    return f"x.{node.function}({arguments})" if as_method else f"{node.function}({arguments})"
