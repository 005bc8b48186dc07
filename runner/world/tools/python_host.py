"""Runs one function of a Python file: a program of its own, started by `python.py`, that imports nothing of `runner`.

It is given `{file, modules, function, arguments}` as JSON on stdin and the number of a pipe's descriptor as its last
argument. `modules` are the texts of the tool's files as they were recorded: these run, whatever the disk holds.
To the pipe it writes `{"result": …}`, `{"refused": why}` or `{"error": {type, message, traceback}}`; what the function
prints stays out of it.

Without a function, it serves calls by copies of itself, and the descriptor is that of a socket: see `python_copies.py`.
"""

from __future__ import annotations

import json
import math
import os
import sys
import traceback
from collections.abc import Callable
from functools import partial
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

AWAITING = str(Path(__file__).with_name("python_awaiting.py"))
COPIES = str(Path(__file__).with_name("python_copies.py"))
RECORDED = str(Path(__file__).with_name("python_recorded.py"))
MAX_DEPTH = 99  # the report around the result is one level more
_LARGEST = 2**63


def main() -> None:
    """Call the function that stdin names, and report."""
    channel = int(sys.argv.pop())
    os.set_inheritable(channel, False)
    request = json.load(sys.stdin)  # to its end: the function finds nothing left
    sys.argv = [request["file"]]
    importing = partial(tool, request["file"], request["modules"])
    if "function" not in request:  # then from here on this is a copy, once for each call
        channel, importing, request = load(COPIES).serve(channel, importing)
    report = answer(importing, request["function"], request["arguments"])
    with os.fdopen(channel, "wb") as pipe:
        pipe.write(report.encode())


def tool(file: str, modules: dict[str, str]) -> ModuleType:
    """The tool's module, from the recorded texts."""
    return load(file, load(RECORDED).serve(file, modules))


def answer(importing: Callable[[], ModuleType], function: str, arguments: dict[str, Any]) -> str:
    """The report, as JSON."""
    try:
        result = call(importing(), function, arguments)
        refused = problem_with(result)
        return json.dumps({"refused": refused} if refused else {"result": result})
    except BaseException as error:  # noqa: BLE001 - SystemExit too: whatever a tool raises is its failure
        return json.dumps({"error": described(error)})


def load(file: str, find: Callable[[str, str], ModuleSpec | None] = spec_from_file_location) -> ModuleType:
    """A file as a module, under its own name where nothing else bears it, so that pickling finds it.

    `find` says, of a name and the file, how it is loaded.
    """
    stem = Path(file).stem
    name = f"wf_tool_{stem}" if stem in sys.modules or stem in sys.stdlib_module_names else stem
    spec = find(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{Path(file).name} is no Python file: its name must end in .py")
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def call(module: ModuleType, function: str, arguments: dict[str, Any]) -> Any:
    """What the function returns; of an async one, what it returns once awaited."""
    if not hasattr(module, function):
        raise AttributeError(f"there is no function '{function}' in {Path(str(module.__file__)).name}")
    result = getattr(module, function)(**arguments)
    return load(AWAITING).wait_for(result) if hasattr(result, "__await__") else result


def problem_with(result: Any) -> str:
    """Why a result can't be handed back, or nothing."""
    fault = fault_in(result, 0)
    return f"the result{fault[0][:200]} {fault[1]}" if fault else ""


def fault_in(value: Any, depth: int) -> tuple[str, str] | None:
    """Where a value is not JSON, and why."""
    if not isinstance(value, (dict, list, tuple)):
        fault = fault_of(value)
        return ("", fault) if fault else None
    if depth == MAX_DEPTH:
        return "", f"is nested deeper than {MAX_DEPTH} levels"
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(value, dict) and (fault := fault_of_key(key)):
            return "", fault
        if found := fault_in(inner, depth + 1):
            return f"[{key!r}]{found[0]}", found[1]
    return None


def fault_of_key(key: Any) -> str:
    if isinstance(key, str):
        return fault_of(key)
    return f"has the key {key!r} of type {type_name(key)}; the keys of a JSON object are text"


def fault_of(value: Any) -> str:
    """Why a value that is no container is not JSON, or nothing."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, int):
        return "" if -_LARGEST <= value < _LARGEST else "does not fit 64 bits; give it as text"
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"is {value}, which JSON can't hold"
    if isinstance(value, str):
        return "" if is_text(value) else "holds half a surrogate pair, which is no text"
    return f"is of type {type_name(value)}, which is not JSON; return dicts, lists, text, numbers, bools or None"


def type_name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def described(error: BaseException) -> dict[str, str]:
    """An exception's type, message and the part of its traceback that is the tool's own."""
    kind = type(error).__name__
    if isinstance(error, SystemExit):
        return {"type": kind, "message": f"it called sys.exit({error.code!r})", "traceback": ""}
    lines = traceback.format_exception(type(error), error, own_part(error.__traceback__), limit=-20)
    message = f"{kind}: {words(error)}".removesuffix(": ")
    return {"type": kind, "message": message, "traceback": "".join(lines)}


def words(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - the code that words it is the tool's own
        return "its message can't be shown"


def own_part(trace: TracebackType | None) -> TracebackType | None:
    """The traceback below this file and the machinery that it uses."""
    machinery = (__file__, AWAITING, RECORDED, "<frozen importlib", str(Path(os.__file__).with_name("asyncio")))
    while trace and trace.tb_frame.f_code.co_filename.startswith(machinery):
        trace = trace.tb_next
    return trace


if __name__ == "__main__":
    main()
