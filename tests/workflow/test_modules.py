"""Which files a Python tool is made of, beside what Python itself loads for it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from runner.ground.errors import InvalidWorkflow
from runner.workflow.compiler import DiskFiles, RecordedFiles
from runner.workflow.compiler.modules import MOST_MODULES, code_hash, modules_of
from runner.workflow.permissions import Permissions
from runner.world.calls import PythonCall
from tests.world.tools.performing import done, perform

PLACES = ["hill.py", "lake.py", *(f"{where}/{name}" for where in ("hill", "lake", "hill/lake") for name in
          ("__init__.py", "hill.py", "lake.py", "tree.py"))]  # fmt: skip
NAMES = ["hill", "lake", "tree", "hill.lake", "lake.hill", "lake.tree", "hill.lake.tree", "nowhere"]
LINES = [
    *(f"import {name}" for name in NAMES),
    *(f"from {name} import {member}" for name in NAMES for member in ("hill", "lake, tree", "*")),
    *(f"from {dots} import {member}" for dots in (".", "..", "...") for member in ("hill", "tree", "*")),
    "from .lake import tree",
    "from ..hill.lake import *",
    "__all__ = ['tree', 'hill']",
    "import importlib; importlib.import_module('lake.tree')",
    "__import__('hill.lake')",
]
LOADED = """
import sys
def loaded():
    files = (getattr(module, "__file__", None) or "" for module in sys.modules.values())
    return sorted(file for file in files if file.startswith({folder!r}))
"""


def tried(lines: list[str]) -> str:
    """Lines any of which may fail; what `*` imports stands at the top level."""
    return "".join(f"try:\n    {line}\nexcept Exception: pass\n" for line in lines)


def by_python(folder: Path) -> list[str]:
    """The files that Python loads where the tool's folder is the first of its path."""
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); import crag, json; print(json.dumps(crag.loaded()))"
    ran = subprocess.run([sys.executable, "-P", "-B", "-c", code], capture_output=True, check=True, text=True)
    found: list[str] = json.loads(ran.stdout)
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(layout=some.dictionaries(some.sampled_from(PLACES), some.lists(some.sampled_from(LINES), max_size=3)),
       own=some.lists(some.sampled_from(LINES), min_size=1, max_size=4))  # fmt: skip
def test_what_is_recorded_is_all_that_python_loads(
    tmp_path_factory: pytest.TempPathFactory, layout: dict[str, list[str]], own: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("layout").resolve()
    for place, lines in {**layout, "crag.py": own}.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(tried(lines))
    tool = folder / "crag.py"
    tool.write_text(tool.read_text() + LOADED.format(folder=str(folder)))
    modules = modules_of(str(tool), DiskFiles(), ())
    assert modules_of(str(tool), RecordedFiles(modules), ()) == modules
    call = PythonCall("t", str(tool), "loaded", {}, str(folder), modules=modules)
    expected = by_python(folder)
    for path in modules:
        Path(path).write_text("raise SystemExit('the disk was read')")
    assert done(perform(call, permissions=Permissions(python=(str(folder),)))) == expected
    assert set(expected) <= modules.keys()


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    def make(**texts: str) -> Path:
        for name, text in texts.items():
            (tmp_path / f"{name}.py").write_text(text)
        return tmp_path.resolve()

    return make


def test_a_neighbour_that_bears_a_name_of_the_library_is_not_taken(made: Callable[..., Path]) -> None:
    folder = made(tool="import queue, decimal", queue="", decimal="")
    assert modules_of(f"{folder}/tool.py", DiskFiles(), ()).keys() == {f"{folder}/tool.py"}


def test_a_listed_file_is_recorded_with_the_packages_around_it(made: Callable[..., Path]) -> None:
    folder = made(tool="")
    (folder / "deep").mkdir()
    (folder / "deep" / "__init__.py").touch()
    (folder / "deep" / "well.py").write_text("from . import water")
    (folder / "deep" / "water.py").touch()
    found = modules_of(f"{folder}/tool.py", DiskFiles(), [f"{folder}/deep/well.py", f"{folder}/absent.py"])
    assert sorted(path.removeprefix(f"{folder}/") for path in found) == [
        "deep/__init__.py", "deep/water.py", "deep/well.py", "tool.py"
    ]  # fmt: skip


def test_a_package_says_what_a_star_imports(made: Callable[..., Path]) -> None:
    folder = made(tool="from deep import *")
    (folder / "deep").mkdir()
    (folder / "deep" / "__init__.py").write_text("__all__ = ['well']")
    (folder / "deep" / "well.py").touch()
    assert f"{folder}/deep/well.py" in modules_of(f"{folder}/tool.py", DiskFiles(), ())


def test_a_link_that_leads_out_of_the_definitions_folders_is_refused(made: Callable[..., Path], tmp_path: Path) -> None:
    folder = made(tool="import beside")
    (folder / "beside.py").symlink_to("/etc/hostname")
    files = DiskFiles()
    files.confine([str(folder)])
    with pytest.raises(InvalidWorkflow, match="is outside the root file's folder"):
        modules_of(f"{folder}/tool.py", files, ())


def test_a_neighbour_that_is_no_python_is_told(made: Callable[..., Path]) -> None:
    folder = made(tool="import beside", beside="def f(:")
    with pytest.raises(InvalidWorkflow, match=r"beside.py:1: invalid syntax"):
        modules_of(f"{folder}/tool.py", DiskFiles(), ())


def test_a_tool_of_very_many_files_is_refused(made: Callable[..., Path]) -> None:
    names = [f"m{number}" for number in range(MOST_MODULES)]
    folder = made(tool=f"import {', '.join(names)}", **dict.fromkeys(names, ""))
    with pytest.raises(InvalidWorkflow, match=f"more than {MOST_MODULES} files"):
        modules_of(f"{folder}/tool.py", DiskFiles(), ())


def test_the_hash_of_the_code_is_that_of_its_texts_wherever_they_lie() -> None:
    one = code_hash("/a/t.py", {"/a/t.py": "1", "/a/b.py": "2"})
    assert one == code_hash("/z/t.py", {"/z/b.py": "2", "/z/t.py": "1"})
    for other in ({"/a/t.py": "1"}, {"/a/t.py": "1", "/a/b.py": "3"}, {"/a/t.py": "1", "/a/c.py": "2"}):
        assert one != code_hash("/a/t.py", other)
