"""The house rules, held by test: floors, imports, sizes, words and names."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

import pytest

from tests.project import ROOT

FLOORS = {
    floor: words.split()
    for floor, words in {
        "ground": "errors clock resources plain plain_file json_value json_text advice",
        "language": "reference secret_text pattern expression template source yaml_writer schema",
        "workflow": """hosts permissions money policies reach approval mcp_servers branching model_bounds model
            signature step_counts fingerprint inputs programs python_files loader_variables compiler permission_hints
            analysis""",
        "record": """usage gates tool_lists event_parts events event_schema address cues reducers remembered paces
            run_state subtrees turns approvals open_states edits node_records rewriting rewinding answers
            merging frames accounts interruptions fold store projection snapshot history retention
            definitions soundness""",
        "world": """large processes calls program_exits http_answers mcp_results checked_outputs kept_outputs
            long_streams told_outputs wanted_calls secrets providers tools""",
        "nodes": """agent_use contract programs requests tools leaves offered_tools requested_input approving context
            model_files delegation
            conversation composites""",
        "engine": """loading run_options needs prices given_answers takeover surroundings given_inputs heartbeat
            recorder scheduler executor cassettes stop tasks inbox timers attempts questions loop runs""",
        "travel": "differences given_edits misfits verdicts resuming forks exports imports",
        "seeing": "diagram subscribers",
        "api": "",
        "cli": "",
    }.items()
}
"""Each floor and what stands on it, lowest first: its modules and folders. A floor's `__init__` stands on top of it.

A module imports from lower floors, or from its left on its own. `runner` itself is the package's own door."""

IMPORTED_LATE = {
    "ctypes": "slow to load; only a template over its time, and a run that hears signals or starts a program, need it",
    "httpx": "takes a tenth of a second; only a live model call needs it",
    "litellm": "takes seconds; only a live model call needs it",
    "re2": "a C++ library that most files have no use for",
    "runner.world.tools.mcp_client": "loads the MCP SDK, which takes most of a second",
    "runner.world.tools.connections": "speaks HTTP by httpx, which only a request that is really sent needs",
    "runner.seeing.subscribers.terminal": "draws with rich, which only a terminal needs",
    "xllamacpp": "a library of 100 MB; only a local model's call needs it",
    "zoneinfo": "slow to load; few expressions ask for another time zone than UTC",
}
"""What may be imported inside a function, and why."""

LOADED_BY_NAME = {
    "runner": "`import runner` stays quick: load, run and arun are fetched when first used",
    "language.schema": "a value that fits needs no jsonschema, which explains why one does not, and is slow to import",
    "language.template": "templates that only insert values do without Jinja, which is slow to import",
    "cli": "`wf --help` stays quick: a command is fetched when it is called",
}
"""Where `import_module` may stand, and why."""

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
MAX_NESTING = 3
MAX_ROOMS = 12
LONG_FOR_MOST = 14
"""Lines that nine functions of ten do not pass."""

NO_NOUNS = {"base", "common", "data", "helper", "helpers", "info", "manager", "managers", "misc", "util", "utils"}
UNSAFE_MODULES = {"cloudpickle", "dill", "marshal", "pickle", "shelve", "yaml"}
UNSAFE_CALLS = {"eval", "exec", "os.popen", "os.system", "yaml.load"}
WRITERS = {"cli.speaking": {"click.echo"}, "seeing.subscribers.terminal": {"Console", "self._console.print"}}
"""The modules that may write to the terminal, and how: what passes by them steers nothing."""
UNFINISHED = "TO~DO FIX~ME XX~X NotImplemented~Error"
UNMENTIONABLE = "/wo~rk/ /.lib~rary pypi~.org pythonhosted~.org npmjs~.org crates~.io"
OUTSIDE = "../sha~red"
"""Words to look for, each with a `~` in it, so that this file is not what is found."""

CACHES = {".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache", "__pycache__"}
LOCKS = {"requirements.lock", "requirements-dev.lock", "requirements-bench.lock", "requirements-local.lock"}
NOT_OURS = {".git", ".venv", ".venv-bench", ".wf", "build", "dist", "out"} | CACHES | LOCKS

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)


@dataclass(frozen=True)
class Module:
    """A Python file, read."""

    name: str
    path: str
    text: str

    @property
    def unit(self) -> str:
        """Where it stands: its floor, and there its module or folder: `language.schema`, `cli`."""
        return unit_of(self.name)

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)


def read_module(path: Path) -> Module:
    inside = path.relative_to(ROOT)
    parts = inside.with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(name, str(inside), path.read_text(encoding="utf-8"))


def read_modules(folder: str) -> list[Module]:
    return [read_module(path) for path in sorted((ROOT / folder).rglob("*.py"))]


RUNNER = read_modules("runner")
NAMES = {module.name for module in RUNNER}
ALL = [*RUNNER, *read_modules("tests"), *read_modules("benchmarks")]


def own_files() -> Iterator[Path]:
    """Every file of the project that a commit may hold, but for the locks."""
    for top in ROOT.iterdir():
        files = top.rglob("*") if top.is_dir() and top.name not in NOT_OURS else [top]
        yield from (
            path for path in files if path.is_file() and not NOT_OURS.intersection(path.relative_to(ROOT).parts)
        )


def imported(node: ast.AST) -> list[str]:
    """The modules that an import statement names; nothing for another node."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        whole = "." * node.level + (node.module or "")
        parts = [f"{whole}.{alias.name}" for alias in node.names]
        return sorted({part if part in NAMES else whole for part in parts})
    return []


def imports(module: Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module.tree):
        yield from ((node.lineno, name) for name in imported(node) if isinstance(node, ast.stmt))


def unit_of(name: str) -> str:
    """The floor of a module, with the unit on it where the floor has units of its own."""
    floor, *inner = name.removeprefix("runner.").split(".")
    return f"{floor}.{inner[0]}" if inner and FLOORS.get(floor) else floor


def height(unit: str) -> tuple[int, int]:
    """The floor and the place on it; what is on no floor is above them all."""
    floor, _, inner = unit.partition(".")
    if floor not in FLOORS:
        return len(FLOORS), 0
    units = FLOORS[floor]
    return list(FLOORS).index(floor), units.index(inner) if inner in units else len(units)


def upward_imports(module: Module) -> Iterator[str]:
    for line, name in imports(module):
        if name.startswith("."):
            yield f"{module.path}:{line}: relative import of {name}"
        elif name.partition(".")[0] == "runner":
            unit = unit_of(name)
            if unit != module.unit and height(unit) >= height(module.unit):
                yield f"{module.path}:{line}: {module.unit} imports {unit}, which is above it or to its right"


def may_be_late(name: str) -> bool:
    return name in IMPORTED_LATE or name.partition(".")[0] in IMPORTED_LATE


def hidden_imports(module: Module) -> Iterator[str]:
    """Imports that don't stand at the left margin, and modules loaded by name."""
    open_ones = set(module.tree.body)
    for node in ast.walk(module.tree):
        late = [name for name in imported(node) if not may_be_late(name)]
        if late and isinstance(node, ast.stmt) and node not in open_ones:
            yield f"{module.path}:{node.lineno}: hidden import of {', '.join(late)}"
        if isinstance(node, ast.alias) and node.name == "TYPE_CHECKING":
            yield f"{module.path}:{node.lineno}: an import for types only"
        if called(node).endswith(("import_module", "__import__")) and module.unit not in LOADED_BY_NAME:
            yield f"{module.path}:{getattr(node, 'lineno', 0)}: loads a module by name"


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """One circle of the graph, as the names along it; empty when there is none."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        found = next(filter(None, (walk(other, [*path, name]) for other in sorted(graph[name]))), [])
        done.add(name)
        return found

    return next(filter(None, (walk(name, []) for name in sorted(graph))), [])


def functions(module: Module) -> Iterator[Function]:
    return (node for node in ast.walk(module.tree) if isinstance(node, FUNCTIONS))


def long_functions(module: Module) -> Iterator[str]:
    for function in functions(module):
        lines = (function.end_lineno or 0) - function.lineno + 1
        if lines > MAX_FUNCTION_LINES:
            yield f"{module.path}:{function.lineno}: {function.name} has {lines} lines"


def long_files(module: Module) -> Iterator[str]:
    lines = len(module.text.splitlines())
    if lines > MAX_FILE_LINES:
        yield f"{module.path}: has {lines} lines"


def depth(node: ast.AST) -> int:
    """How many blocks stand inside each other below `node`; an `elif` goes no deeper than its `if`."""
    if isinstance(node, ast.If):
        otherwise = node.orelse
        chained = len(otherwise) == 1 and isinstance(otherwise[0], ast.If)
        inner = 1 + max(map(depth, node.body), default=0)
        rest = max(map(depth, otherwise), default=0) + (0 if chained else 1 if otherwise else 0)
        return max(inner, rest)
    below = [depth(child) for child in ast.iter_child_nodes(node) if not isinstance(child, FUNCTIONS)]
    return max(below, default=0) + isinstance(node, BLOCKS)


def deep_functions(module: Module) -> Iterator[str]:
    for function in functions(module):
        deepest = max(map(depth, function.body), default=0)
        if deepest > MAX_NESTING:
            yield f"{module.path}:{function.lineno}: {function.name} nests {deepest} deep"


def purposeless(module: Module) -> Iterator[str]:
    first = next(iter(module.tree.body), None)
    if first is None or first.lineno != 1 or not ast.get_docstring(module.tree):
        yield f"{module.path}:1: the first line does not say what the module is for"


def nameless(module: Module) -> Iterator[str]:
    if NO_NOUNS.intersection(module.name.strip("_").split(".")):
        yield f"{module.path}: the name says nothing"


def called(node: ast.AST) -> str:
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def unsafe_code(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        taken = [name for name in imported(node) if name.partition(".")[0] in UNSAFE_MODULES]
        shells = isinstance(node, ast.keyword) and node.arg == "shell" and ast.unparse(node.value) != "False"
        if taken or shells or called(node) in UNSAFE_CALLS:
            yield f"{module.path}:{getattr(node, 'lineno', 0)}: {ast.unparse(node)}"


def sleeps(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if called(node) in {"time.sleep", "asyncio.sleep", "sleep"} and ast.unparse(node) != "asyncio.sleep(0)":
            yield f"{module.path}:{getattr(node, 'lineno', 0)}: {ast.unparse(node)}"


def other_output(module: Module) -> Iterator[str]:
    allowed = next((calls for name, calls in WRITERS.items() if module.name.endswith(name)), set())
    for node in ast.walk(module.tree):
        call = called(node)
        writes = re.search(r"\bprint$|\becho|\bConsole$|click\.(prompt|confirm|pause)|\bstd(out|err)\.write", call)
        if writes and call not in allowed:
            yield f"{module.path}:{getattr(node, 'lineno', 0)}: {ast.unparse(node)}"


COMMANDS = re.compile(
    r"\bwf (answer|signal|pause|cancel|resume|retry|fork|runs|show|logs|state|checkpoints|gc|doctor)\b(?!`)"
)
"""A command that is spelled with what follows it; in backticks, without more, it is only named."""


def spelled_commands(module: Module) -> Iterator[str]:
    """Commands that messages spell themselves: they lack the database that the person has named."""
    documentation = [node.value for node in ast.walk(module.tree) if isinstance(node, ast.Expr)]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and node not in documentation and module.name != "runner.cli.group":
            text = str(node.value)
            if COMMANDS.search(text) and not text.startswith("\b\nExamples:"):
                yield f"{module.path}:{node.lineno}: {text}"


def lines_with(spelled: str, paths: Iterable[Path]) -> Iterator[str]:
    words = spelled.replace("~", "").split()
    for path in paths:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        for number, line in enumerate(lines, 1):
            yield from (f"{path.relative_to(ROOT)}:{number}: {word}" for word in words if word in line)


Rule = Callable[[Module], Iterator[str]]
RULES: dict[Rule, tuple[list[Module], str]] = {
    upward_imports: (RUNNER, "from runner.engine.loop import run"),
    hidden_imports: (RUNNER, "def f():\n    import json"),
    long_files: (RUNNER, "pass\n" * 401),
    long_functions: (RUNNER, "def f():" + "\n    pass" * 50),
    deep_functions: (RUNNER, "def f():\n  if a:\n    for b in c:\n      with d:\n        while e: pass"),
    purposeless: (ALL, "import json\n'''Too late.'''"),
    nameless: (RUNNER, "pass"),
    spelled_commands: (RUNNER, "hint = f'wf resume {run} goes on'"),
    unsafe_code: (ALL, "run(command, shell=True)"),
    other_output: (RUNNER, "click.echo(foreign)"),
    sleeps: ([module for module in ALL if module.path.startswith("tests")], "time.sleep(1)"),
}
"""Each rule, where it holds, and code that breaks it once."""


def expect_none(breaches: Iterable[str]) -> None:
    found = list(breaches)
    assert not found, "\n" + "\n".join(found)


rules = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)


@rules
def test_the_code_keeps_the_rule(rule: Rule) -> None:
    modules, _ = RULES[rule]
    expect_none(chain.from_iterable(map(rule, modules)))


@rules
def test_the_rule_finds_a_breach(rule: Rule) -> None:
    _, breach = RULES[rule]
    assert len(list(rule(Module("runner.ground.errors.utils", "runner/errors/utils.py", breach)))) == 1


def test_every_module_stands_on_a_floor_and_every_floor_stands() -> None:
    units = {module.unit for module in RUNNER if module.name != "runner"} | {"api"}
    listed = {*FLOORS, *(f"{floor}.{unit}" for floor, inner in FLOORS.items() for unit in inner)}
    expect_none([f"{unit} is on no floor" for unit in sorted(units - listed)])
    expect_none([f"{unit} is on a floor, but not there" for unit in sorted(listed - units)])


def test_the_folders_of_the_package_are_its_floors_and_at_most_twelve() -> None:
    rooms = {path.stem for path in (ROOT / "runner").iterdir() if path.stem not in {"__init__", "py", "__pycache__"}}
    assert rooms == set(FLOORS)
    assert len(rooms) <= MAX_ROOMS


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {module.name: NAMES.intersection(reached_by(module)) for module in RUNNER}
    assert cycle(graph) == []


def reached_by(module: Module) -> Iterator[str]:
    """The modules that a module imports, or loads by a name that is written out; the package's own door apart."""
    yield from (name for _, name in imports(module))
    for node in ast.walk(module.tree):
        words = node.args if isinstance(node, ast.Call) and called(node).endswith("import_module") else ()
        if module.name != "runner":
            yield from (str(word.value) for word in words if isinstance(word, ast.Constant))


def test_a_circle_of_imports_is_found() -> None:
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_json_is_defined_once() -> None:
    defined = [module.path for module in ALL for node in module.tree.body if "Json" in assigned(node)]
    assert defined == ["runner/ground/json_value.py"]


def assigned(node: ast.stmt) -> list[str]:
    """The names that a statement assigns."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def test_nothing_is_left_unfinished() -> None:
    expect_none(lines_with(UNFINISHED, own_files()))


def test_no_file_names_the_machine_it_was_written_on() -> None:
    expect_none(lines_with(UNMENTIONABLE, own_files()))


def test_only_tests_look_outside_the_project() -> None:
    expect_none(lines_with(OUTSIDE, (path for path in own_files() if not path.is_relative_to(ROOT / "tests"))))


OTHER_MEANINGS: dict[str, tuple[str, set[str]]] = {
    "agent": (
        "who asks, in a row, an event or a call; a section of a file; tools of ours",
        {
            "cli/story",
            "engine/scheduler/settling",
            "language/schema/owners",
            "record/projection",
            "record/store/tables",
            "workflow/analysis/calls",
            "world/providers/cassette",
            "workflow/mcp_servers",
        },
    ),
    "command": (
        "a key of a tool or a server; what to type; the tag of a call; the kind of a gate",
        {
            "cli/printing",
            "workflow/analysis/programs",
            "workflow/compiler/servers",
            "world/calls",
        },
    ),
    "end": (
        "the end of a tag, of a frame, of an export; a mistake for `exit`",
        {
            "language/template/syntax_errors",
            "seeing/diagram",
            "travel/exports",
            "workflow/compiler/bodies",
        },
    ),
    "http": (
        "a scheme of addresses; the tag of a call, and of its gate; a mistake at the top of a file",
        {
            "language/schema/foreign",
            "workflow/hosts",
            "world/calls",
            "world/providers/endpoints",
            "world/tools/addresses",
        },
    ),
    "none": (
        "no compression, no key; Jinja's None; the word for a node without a verb",
        {
            "cli/settings",
            "language/template/path",
            "language/template/predicates",
            "record/store/form",
            "workflow/model",
        },
    ),
    "read": (
        "a permission, a kind of access, the tag of a call, a built-in tool",
        {
            "cli/options",
            "engine/loading",
            "workflow/compiler/declarations",
            "world/calls",
            "world/tools/file_tools",
            "world/tools/files",
            "world/tools/paths",
        },
    ),
    "tool": (
        "a section of a file; a field of what a model asks for, and of an error; what is counted",
        {
            "cli/mcp_command",
            "language/schema/owners",
            "workflow/analysis/names",
            "workflow/compiler/reader",
            "world/mcp_results",
            "world/wanted_calls",
            "world/providers/contract",
            "world/providers/scripted",
            "world/providers/wire",
        },
    ),
    "workflow": (
        "a field of a document, of a run's row, of what a node says",
        {"cli/printing", "record/soundness", "workflow/fingerprint", "world/providers/cassette"},
    ),
    "write": (
        "a permission, a kind of access, the tag of a call",
        {
            "cli/options",
            "engine/loading",
            "workflow/compiler/declarations",
            "world/calls",
            "world/tools/files",
            "world/tools/paths",
        },
    ),
}
"""Words that are verbs, but mean something else in these modules: what, and where."""


def test_no_verb_is_spelled_outside_its_kind() -> None:
    kinds = importlib.import_module("runner.nodes").KINDS
    spelled: dict[str, dict[str, str]] = {}
    for module in RUNNER:
        place = module.path.removeprefix("runner/").removesuffix(".py").removesuffix("/__init__")
        for node in ast.walk(module.tree) if not place.startswith("nodes") else ():
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in kinds:
                spelled.setdefault(node.value, {})[place] = f"{module.path}:{node.lineno}: {node.value!r}"
    allowed = {word: places for word, (_, places) in OTHER_MEANINGS.items()}
    expect_none(
        said for word, where in spelled.items() for place, said in where.items() if place not in allowed.get(word, ())
    )
    gone = {word: [place for place in places if place not in spelled.get(word, ())] for word, places in allowed.items()}
    expect_none(f"{word} no longer stands in {', '.join(places)}" for word, places in gone.items() if places)


def test_most_functions_are_short() -> None:
    lengths = sorted((node.end_lineno or 0) - node.lineno + 1 for module in RUNNER for node in functions(module))
    assert lengths[int(len(lengths) * 0.9)] <= LONG_FOR_MOST


def test_contributing_names_files_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:runner|schemas|tests)/[\w./]*)`", text)
    expect_none(name for name in named if "ring" not in name and not (ROOT / name).exists())
    assert len(named) > MAX_ROOMS


def test_every_node_kind_has_its_schema_module_test_and_page() -> None:
    kinds = importlib.import_module("runner.nodes").KINDS
    assert {verb: kind.verb for verb, kind in kinds.items()} == {verb: verb for verb in kinds}
    assert sorted(kind_modules()) == sorted(kinds)
    assert stems("schemas/nodes/*.json") == set(kinds)
    assert {stem.removeprefix("test_") for stem in stems("tests/nodes/test_*.py")} == set(kinds)
    assert stems("docs/nodes/*.md") == set(kinds)


def kind_modules() -> Iterator[str]:
    """The verb of every module of a node kind; what only helps kinds has no KIND."""
    for module in RUNNER:
        if module.name.startswith(("runner.nodes.leaves.", "runner.nodes.composites.")):
            kind = getattr(importlib.import_module(module.name), "KIND", None)
            if kind:
                yield kind.verb


def stems(pattern: str) -> set[str]:
    return {path.stem for path in ROOT.glob(pattern) if not path.stem.startswith("_")}
