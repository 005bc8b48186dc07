"""Calling Python tools: in a process of their own, whatever they do to it; started for the call, or a server's copy."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from runner.workflow.permissions import Permissions
from runner.world.calls import CallFailed, Outcome, PythonCall
from runner.world.processes.process_tree import look_up
from tests.world.tools.performing import MARK, OWN, RUN, Notices, Starting, done, failed, in_time, served
from tests.world.tools.performing import starting as started

TOOLS = """
import asyncio, ctypes, datetime, enum, json, os, sys, threading, time, typing

def echo(value):
    print("this is not the result")
    print("nor is this", file=sys.stderr)
    return value

def named(*, first, second=2):
    return [first, second]

async def later(value):
    await asyncio.sleep(0)
    return value

class Level(enum.StrEnum):
    HIGH = "high"

def odd(kind):
    return {
        "tuple": (1, (2,)), "enum": Level.HIGH, "date": {"when": [datetime.date(2026, 1, 1)]}, "set": {1},
        "key": {"a": {1: 2}}, "nan": [0.0, float("nan")], "large": 2**63, "surrogate": {"a": "\\ud800"},
        "deep": json.loads("[" * 99 + "]" * 99), "deeper": json.loads("[" * 100 + "]" * 100),
        "generator": (x for x in [1]), "huge": "x" * 9_000_000, "coroutine": later,
        "half a name": {"\\ud800": 1}, "self": Level,
    }[kind]

def circle():
    a = []
    a.append(a)
    return a

def inner(reason):
    raise ValueError(reason)

def raises(reason):
    return inner(reason)

async def raises_later(reason):
    return inner(reason)

class Mute(Exception):
    def __str__(self):
        return inner("no words")

def mute():
    raise Mute

def bare():
    raise KeyError

def exits(code):
    sys.exit(code)

def vanishes(code):
    os._exit(code)

def crashes():
    print("about to", flush=True)
    ctypes.string_at(0)

def recurses():
    return recurses()

def floods():
    while True:
        print("x" * 10_000)

def forges():
    for descriptor in range(3, 20):
        try:
            os.write(descriptor, b'{"resu')
        except OSError:
            pass
    os._exit(0)

def reads():
    return [sys.stdin.read(), sys.argv[1:], os.getcwd()]

def sees():
    return dict(os.environ)

def hangs(notices):
    with open(notices, "w") as pipe:
        pipe.write(f"{os.getpid()}\\n")
    while True:
        pass

def neighbour():
    import beside
    return beside.WORD

def module():
    return [__name__, "tools" in sys.modules, os.path.basename(__file__)]

WORD = "not a function"
"""


@pytest.fixture(autouse=True, params=[started, served], ids=["first", "served"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.starting", request.param)


starting: Starting = started
"""How a call is made: by its own process, or by a server's copy."""


def perform(call: PythonCall, **surroundings: Any) -> Outcome:
    return in_time(starting(call, **surroundings))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tools.py").write_text(TOOLS)
    (tmp_path / "beside.py").write_text("WORD = 'neighbour'")
    return tmp_path


def call(folder: Path, function: str, **arguments: Any) -> PythonCall:
    return of_file(folder / "tools.py", function, **arguments)


def of_file(file: Path, function: str, **arguments: Any) -> PythonCall:
    """The call of a tool that is made of all files in its folder."""
    modules = {str(path): path.read_text() for path in file.parent.rglob("*.py")}
    return PythonCall("mine", str(file), function, arguments, str(file.parent), modules=modules)


def calling(folder: Path, function: str, **arguments: Any) -> Outcome:
    return perform(call(folder, function, **arguments), permissions=permitting(folder))


def permitting(*places: Path, **more: Any) -> Permissions:
    return Permissions(python=tuple(str(place.resolve()) for place in places), **more)


VALUES: list[Any] = [
    None,
    True,
    0,
    -(2**63),
    2**63 - 1,
    1.5,
    "",
    "é\n\0日本\u2028",
    [],
    {},
    {"a": [1, {"b": None}]},
    "x" * 200_000,
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{value!r:.20}")
def test_json_goes_in_and_comes_out(folder: Path, value: Any) -> None:
    assert done(calling(folder, "echo", value=value)) == value


def test_arguments_go_by_name(folder: Path) -> None:
    assert done(calling(folder, "named", first=1)) == [1, 2]


def test_an_async_function_is_awaited(folder: Path) -> None:
    assert done(calling(folder, "later", value=7)) == 7


def test_what_is_nearly_json_is_taken(folder: Path) -> None:
    assert done(calling(folder, "odd", kind="tuple")) == [1, [2]]
    assert done(calling(folder, "odd", kind="enum")) == "high"
    assert str(done(calling(folder, "odd", kind="deep"))) == "[" * 99 + "]" * 99


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("date", "the result['when'][0] is of type datetime.date, which is not JSON"),
        ("set", "the result is of type set, which is not JSON"),
        ("key", "the result['a'] has the key 1 of type int; the keys of a JSON object are text"),
        ("nan", "the result[1] is nan, which JSON can't hold"),
        ("large", "the result does not fit 64 bits; give it as text"),
        ("surrogate", "the result['a'] holds half a surrogate pair, which is no text"),
        ("half a name", "the result holds half a surrogate pair, which is no text"),
        ("generator", "the result is of type generator, which is not JSON"),
        ("coroutine", "the result is of type function, which is not JSON"),
        ("self", "the result is of type enum.EnumType, which is not JSON"),
    ],
)
def test_a_result_that_is_not_json_is_refused_with_its_place(folder: Path, kind: str, message: str) -> None:
    type_, said = failed(calling(folder, "odd", kind=kind))
    assert (type_, said.partition(";")[0]) == ("output_invalid", f"tool 'mine': {message}".partition(";")[0])


def test_a_result_without_end_is_refused(folder: Path) -> None:
    for outcome in (calling(folder, "circle"), calling(folder, "odd", kind="deeper")):
        type_, said = failed(outcome)
        assert type_ == "output_invalid"
        assert said.endswith("is nested deeper than 99 levels")


def test_a_result_that_is_too_large_is_refused(folder: Path) -> None:
    expected = ("tool_failed", "tool 'mine' wrote more than 8 MiB to its result; write to a file instead")
    assert failed(calling(folder, "odd", kind="huge")) == expected


@pytest.mark.parametrize("function", ["raises", "raises_later"])
def test_an_exception_is_told_with_the_tools_own_traceback(folder: Path, function: str) -> None:
    outcome = calling(folder, function, reason="no such file\nat all")
    assert failed(outcome) == ("tool_failed", "tool 'mine': ValueError: no such file\nat all")
    assert isinstance(outcome, CallFailed)
    details = outcome.failure.details
    assert (details["tool"], details["exception"]) == ("mine", "ValueError")
    assert details["traceback"].splitlines()[0] == "Traceback (most recent call last):"
    assert f"in {function}\n" in details["traceback"]
    assert "in inner\n" in details["traceback"]
    assert "python_host" not in details["traceback"]
    assert "asyncio" not in details["traceback"]


def test_long_messages_and_tracebacks_are_cut(folder: Path) -> None:
    outcome = calling(folder, "raises", reason="word " * 20_000)
    assert isinstance(outcome, CallFailed)
    assert len(outcome.failure.message) < 2100
    assert len(outcome.failure.details["traceback"]) <= 8000
    assert len(outcome.failure.message) > 1900
    outcome = calling(folder, "recurses")
    assert isinstance(outcome, CallFailed)
    assert outcome.failure.message.startswith("tool 'mine': RecursionError: maximum recursion depth exceeded")
    assert len(outcome.failure.details["traceback"]) <= 8000


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        ("exits", {"code": 0}, "tool 'mine': it called sys.exit(0)"),
        ("exits", {"code": "bye"}, "tool 'mine': it called sys.exit('bye')"),
        ("vanishes", {"code": 3}, "tool 'mine' ended with exit code 3 before it gave a result"),
        ("vanishes", {"code": 0}, "tool 'mine' ended with exit code 0 before it gave a result"),
        ("forges", {}, "tool 'mine' ended with exit code 0 before it gave a result"),
        ("floods", {}, "tool 'mine' wrote more than 8 MiB to its stdout; write to a file instead"),
        ("named", {}, "tool 'mine': TypeError: named() missing 1 required keyword-only argument: 'first'"),
        ("mute", {}, "tool 'mine': Mute: its message can't be shown"),
        ("bare", {}, "tool 'mine': KeyError"),
        ("absent", {}, "tool 'mine': AttributeError: there is no function 'absent' in tools.py"),
        ("WORD", {}, "tool 'mine': TypeError: 'str' object is not callable"),
    ],
)
def test_whatever_a_tool_does_its_step_fails_with_words(
    folder: Path, function: str, arguments: dict[str, Any], message: str
) -> None:
    assert failed(calling(folder, function, **arguments)) == ("tool_failed", message)


def test_a_crash_of_the_interpreter_is_told_with_the_line_that_did_it(folder: Path) -> None:
    outcome = calling(folder, "crashes")
    assert failed(outcome)[1].startswith("tool 'mine' was killed by SIGSEGV")
    assert isinstance(outcome, CallFailed)
    assert outcome.failure.details["signal"] == "SIGSEGV"
    assert "in crashes" in outcome.failure.details["stderr"]


def test_a_tool_that_hangs_is_ended(folder: Path, notices: Notices) -> None:
    async def scenario() -> int:
        task = asyncio.ensure_future(
            starting(call(folder, "hangs", notices=notices.path), grace=0.05, permissions=permitting(folder))
        )
        process = await notices.process()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return process

    assert look_up(in_time(scenario())) is None


def test_a_tool_starts_with_nothing_to_read_in_its_own_folder(folder: Path) -> None:
    assert done(calling(folder, "reads")) == ["", [], str(folder)]


def test_a_tool_finds_its_neighbours_but_none_of_our_modules(folder: Path) -> None:
    assert done(calling(folder, "neighbour")) == "neighbour"
    assert done(calling(folder, "module")) == ["tools", True, "tools.py"]
    assert sorted(path.name for path in folder.iterdir()) == ["beside.py", "tools.py"]


def test_a_file_named_like_a_module_of_the_library_takes_nothing_from_it(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("import json\ndef f(): return [__name__, hasattr(json, 'dumps')]")
    made = of_file(tmp_path / "json.py", "f")
    assert done(perform(made, permissions=permitting(tmp_path))) == ["wf_tool_json", True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(:", "tool 'mine': SyntaxError: invalid syntax (tools.py, line 1)"),
        ("1 / 0", "tool 'mine': ZeroDivisionError: division by zero"),
        ("import nosuchmodule", "tool 'mine': ModuleNotFoundError: No module named 'nosuchmodule'"),
    ],
)
def test_a_file_that_can_not_be_loaded_says_why(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "tools.py").write_text(text)
    type_, said = failed(calling(tmp_path, "f"))
    assert type_ == "tool_failed"
    assert said.startswith(message)


def test_a_file_that_is_not_listed_is_not_run(folder: Path) -> None:
    both, beside = [str(folder / name) for name in ("tools.py", "beside.py")], permitting(folder / "beside.py")
    message = (
        f"tool 'mine' may not run '{both[0]}': to allow it, add it under permissions: python: [{both[1]}, {both[0]}]"
    )
    assert failed(perform(call(folder, "module"), permissions=beside)) == ("permission_denied", message)
    tools = permitting(folder / "tools.py")
    assert failed(perform(call(folder, "module"), permissions=tools))[1].startswith(
        f"tool 'mine' may not run '{both[1]}'"
    )


def test_nothing_that_is_installed_is_run_by_itself() -> None:
    file = Path(subprocess.__file__)
    made = PythonCall("mine", str(file), "getoutput", {"cmd": "true"}, "/", modules={str(file): file.read_text()})
    message = f"tool 'mine' may not run '{file}': it belongs to the Python installation"
    assert failed(perform(made, permissions=permitting(Path("/")))) == ("permission_denied", message)


def test_a_tool_sees_what_a_command_sees(folder: Path) -> None:
    made = replace(call(folder, "sees"), env={"A": "1"}, pass_env=("TOKEN",))
    own = {**OWN, "OPENAI_API_KEY": "sk-1", "PYTHONPATH": "/x", "TOKEN": "t"}
    assert failed(perform(made, own=own, permissions=permitting(folder)))[0] == "permission_denied"
    seen = done(perform(made, own=own, permissions=permitting(folder, env=frozenset({"TOKEN"}))))
    assert seen["WF_RUN_MARK"].startswith(f"{MARK}.0.")
    key = f"{RUN}/build"
    step = {
        "WF_RUN_MARK": seen["WF_RUN_MARK"],
        "WF_RUN_ID": RUN,
        "WF_STEP": "build",
        "WF_IDEMPOTENCY_KEY": key,
        "WF_ATTEMPT": "1",
    }
    assert seen == {**OWN, "A": "1", "TOKEN": "t", **step}


def test_a_tool_is_run_by_the_interpreter_that_runs_wf(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text("import sys\ndef f(): return [sys.executable, sys.prefix]")
    assert done(calling(tmp_path, "f")) == [sys.executable, sys.prefix]
