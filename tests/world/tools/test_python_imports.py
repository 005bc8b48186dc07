"""What a Python tool imports: found as Python would find it, but what is not installed only as it was recorded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from runner.workflow.permissions import Permissions
from runner.world.calls import Outcome, PythonCall
from tests.world.tools.performing import done, failed, perform


def tool_of(folder: Path, text: str, files: dict[str, str] | None = None) -> PythonCall:
    """The call of `f` in a tool that is made of a text and of files beside it."""
    for name, content in {"tools.py": text, **(files or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    modules = {str(path): path.read_text() for path in folder.parent.rglob("*.py")}
    return PythonCall("mine", str(folder / "tools.py"), "f", {}, str(folder), modules=modules)


def called(call: PythonCall) -> Outcome:
    return perform(call, permissions=Permissions(python=("/",)))


@pytest.mark.parametrize(
    ("imports", "found"),
    [
        ("import both as m", "package"),
        ("import both.leaf as m", "leaf of both"),
        ("import space.leaf as m", "leaf of space"),
        ("from both import above as m", "leaf of both, relatively"),
        ("import msgspec as m", "the own one"),
        ("import colorsys as m", "library"),
    ],
)
def test_a_tool_finds_what_python_would_find(tmp_path: Path, imports: str, found: str) -> None:
    files = {
        "leaf.py": "WORD = 'leaf of nothing'",
        "both.py": "WORD = 'file'",
        "both/__init__.py": "WORD = 'package'",
        "both/leaf.py": "WORD = 'leaf of both'",
        "both/above.py": "from . import leaf\nWORD = f'{leaf.WORD}, relatively'",
        "space/leaf.py": "WORD = 'leaf of space'",
        "msgspec.py": "WORD = 'the own one'",
        "colorsys.py": "WORD = 'taken over'",
    }
    made = tool_of(tmp_path / "kit", f"{imports}\ndef f(): return getattr(m, 'WORD', 'library')", files)
    assert done(called(made)) == found


def test_a_tool_finds_what_is_installed_and_the_packages_of_that(tmp_path: Path) -> None:
    made = tool_of(tmp_path / "kit", "import msgspec.json as m\ndef f(): return m.decode(b'1')")
    assert done(called(made)) == 1


def test_the_beginning_of_a_folders_name_is_no_package(tmp_path: Path) -> None:
    made = tool_of(tmp_path / "kit", "def f():\n    import spac", {"space/leaf.py": ""})
    said = failed(called(made))[1]
    assert said == "tool 'mine': ModuleNotFoundError: No module named 'spac'"


def test_the_code_of_a_tool_is_compiled_as_it_stands(tmp_path: Path) -> None:
    made = tool_of(tmp_path / "kit", "def g(a: int): pass\ndef f(): return g.__annotations__['a'] is int")
    assert done(called(made)) is True


@pytest.mark.parametrize(("path", "module"), [("../far.py", "far"), ("near.py", "near"), ("both/leaf.py", "both.leaf")])
def test_what_lies_on_the_disk_and_is_not_recorded_is_no_code_wherever_a_tool_looks(
    tmp_path: Path, path: str, module: str
) -> None:
    """The first lies in a folder that the tool itself adds to those where Python looks."""
    text = f"import sys\nsys.path.insert(0, '{tmp_path}')\ndef f():\n    import {module} as m\n    return m.WORD"
    made = tool_of(tmp_path / "kit", text, {"leaf.py": "", "both/__init__.py": "", path: "WORD = 'taken over'"})
    file = str((tmp_path / "kit" / path).resolve())
    others = {other: text for other, text in made.modules.items() if other != file}
    said = failed(called(replace(made, modules=others)))[1]
    assert said == (
        f"tool 'mine': ModuleNotFoundError: {path} is not recorded with the workflow, so '{module}' can't be imported; "
        f"add it: permissions: {{python: [{path}]}}"
    )
    recorded = replace(made, modules={**others, file: "WORD = 'as recorded'"})
    assert done(called(recorded)) == "as recorded"


def test_a_neighbour_that_is_no_text_can_not_be_recorded_and_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit" / "fast.so").touch()
    made = tool_of(tmp_path / "kit", "def f():\n    import fast")
    said = failed(called(made))[1]
    assert said.endswith(
        "fast.so is not recorded with the workflow, so 'fast' can't be imported; only .py files can be"
    )


def test_a_place_beside_that_of_the_library_is_not_installed(tmp_path: Path) -> None:
    beside = f"{Path(os.__file__).parent}-more"
    made = tool_of(
        tmp_path / "kit", f"import sys\nsys.path.insert(0, '{beside}')\nimport far\ndef f(): return far.WORD"
    )
    recorded = replace(made, modules={**made.modules, f"{beside}/far.py": "WORD = 'as recorded'"})
    assert done(called(recorded)) == "as recorded"


def test_what_lies_below_the_tools_folder_and_is_installed_is_not_looked_for_in_the_record(tmp_path: Path) -> None:
    """As where a project's environment lies in its folder."""
    library = Path(os.__file__).parent
    file = str(library.parent / "tools.py")
    made = PythonCall(
        "mine", file, "f", {}, str(tmp_path), modules={file: "import wave\ndef f(): return wave.__file__"}
    )
    assert done(called(made)) == str(library / "wave.py")
