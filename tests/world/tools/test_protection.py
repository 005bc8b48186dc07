"""What no run may write, wherever it may write else."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

import runner
from runner.workflow.permissions import Permissions
from runner.workflow.programs import find_program
from runner.workflow.python_files import installed_folders
from runner.world.calls import Protected
from runner.world.tools.paths import resolve_to_write
from runner.world.tools.refusal import Refusal

HONEST = "honest"
FILES = ("flow.yaml", "parts/child.yaml", "prompts/ask.md", "code/tool.py", "code/helper.py")
PARTS = ["code", "parts", "bin", "far", "near", "alias", "..", ".", ".git", ".GIT", ".wf", "HEAD", "objects", "refs",
         "commondir", "config", "flow.yaml", "Flow.yaml", "child.yaml", "tool.py", "helper.py", "extra.py", "paint",
         "sand", "runs.db", "runs.db-wal", "note.txt", "twin.py", "brush"]  # fmt: skip
PATHS = some.lists(some.sampled_from(PARTS), min_size=1, max_size=4).map("/".join)


def built(folder: Path) -> Protected:
    """A project whose programs, tools and links lie where its run may write."""
    for name in (*FILES, "bin/paint", "runs.db"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(HONEST)
    (folder / "near").mkdir()
    (folder / "alias").symlink_to("code")
    (folder / "near" / "sand").symlink_to("../far/sander")
    (folder / "bin" / "brush").symlink_to("../parts/brush.sh")
    (folder / "parts" / "brush.sh").write_text(f"#!/usr/bin/env paint\n{HONEST}")
    os.link(folder / "code" / "tool.py", folder / "twin.py")
    for program in ("bin/paint", "parts/brush.sh"):
        (folder / program).chmod(0o755)
    search = f"{folder}/near:bin:{folder}/bin"
    files = tuple(str(folder / name) for name in FILES)
    commands = ("paint", "sand", str(folder / "bin" / "brush"))
    return Protected(files, str(folder / "runs.db"), (str(folder / "code"),), commands, search)


def started(folder: Path, protected: Protected) -> dict[str, str | None]:
    """What a run would start and load: the texts, by what they are called for."""
    programs = {name: find_program(name, protected.search, "") for name in protected.commands}
    code = [*(folder / "code").glob("**/*.py")]
    found = [*protected.files, protected.database, *map(str, code), *programs.values()]
    return {path: Path(path).read_text() for path in found if path is not None} | programs


def is_repository(folder: Path) -> bool:
    whole = (folder / "objects").exists() and (folder / "refs").exists()
    return (folder / "HEAD").exists() and (whole or (folder / "commondir").exists())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(paths=some.lists(PATHS, max_size=8))
def test_nothing_that_a_run_may_write_is_ever_started_or_loaded(
    tmp_path_factory: pytest.TempPathFactory, paths: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("project").resolve()
    protected = built(folder)
    before = started(folder, protected)
    for path in paths:
        try:
            real = Path(resolve_to_write(path, str(folder), Permissions(write=(str(folder),)), protected))
            real.parent.mkdir(parents=True, exist_ok=True)
            real.write_text("taken over")
            real.chmod(0o755)
        except (Refusal, OSError):
            continue
    assert started(folder, protected) == before
    assert not any(is_repository(Path(found)) for found, _, _ in os.walk(folder))
    assert not [*folder.rglob(".git"), *folder.rglob(".GIT"), *folder.rglob(".wf")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path.resolve()


def why(path: str, folder: Path, protected: Protected | None = None) -> str:
    """Why a file may not be written, or nothing."""
    roots = Permissions(write=("/",))
    try:
        resolve_to_write(path, str(folder), roots, built(folder) if protected is None else protected)
    except Refusal as refusal:
        said = refusal.message.partition(" may not be written: ")[2]
        return said if refusal.failure.type == "permission_denied" else refusal.failure.type
    return ""


PROGRAM = "it is a program that permissions.commands lists, or would be taken for one"
DEFINITION = "it is part of the workflow's own definition"


@pytest.mark.parametrize(
    ("path", "reason"),
    {
        "notes/plan.md": "",
        "code/words.txt": "",
        "bin/other": "",
        "flow.yaml": DEFINITION,
        "prompts/ask.md": DEFINITION,
        "code/fresh.py": "it is code: permissions.python lists it",
        "alias/fresh.SO": "it is code: permissions.python lists it",
        "twin.py": DEFINITION,
        "bin/paint": PROGRAM,
        "near/paint": PROGRAM,
        "near/PAINT": PROGRAM,
        "far/sander": PROGRAM,
        "parts/brush.sh": PROGRAM,
        "runs.db": "it is the open database",
        "runs.db-journal": "it is the open database",
        "a/.git/hooks/pre-commit": "nothing may be written to .git: git runs what stands there",
        "a/.gIt": "nothing may be written to .git: git runs what stands there",
        ".WF/config.toml": "nothing may be written to .wf: wf keeps its settings and runs there",
        "store/HEAD": "it is one of a git repository's own files, and git runs what stands there",
    }.items(),
)
def test_what_is_protected_says_why(folder: Path, path: str, reason: str) -> None:
    assert why(path, folder) == reason


@pytest.mark.parametrize(
    "name", ["tool/__init__.py", "TOOL/deep/x.py", "tool.so", "tool.cpython-311-x86_64-linux-gnu.so"]
)
def test_what_python_would_load_in_the_place_of_a_listed_file_is_refused(folder: Path, name: str) -> None:
    listed = Protected(python=(str(folder / "loose" / "tool.py"),))
    assert why(f"loose/{name}", folder, listed) == (
        "Python would load it in the place of a file that permissions.python lists"
    )
    assert why("loose/tool/notes.txt", folder, listed) == ""
    assert why("loose/toolbox.py", folder, listed) == ""


@pytest.mark.parametrize("last", ["objects/aa/b", "refs/heads/main", "commondir", "hooks/pre-commit", "config"])
def test_a_repository_without_a_worktree_is_one_too(folder: Path, last: str) -> None:
    (folder / "store" / "objects").mkdir(parents=True)
    (folder / "store" / "refs").mkdir()
    (folder / "store" / "HEAD").write_text("ref: refs/heads/main")
    assert why(f"store/{last}", folder).startswith("it is one of a git repository's own files")


@pytest.mark.parametrize("missing", ["objects", "refs"])
def test_what_would_complete_a_repository_is_refused(folder: Path, missing: str) -> None:
    (folder / "store").mkdir()
    for name in {"objects", "refs"} - {missing}:
        (folder / "store" / name).mkdir()
    (folder / "store" / "HEAD").touch()
    assert why("store/config", folder) == ""
    assert why(f"store/{missing}/x", folder, Protected()).startswith("it is one of a git repository's own files")


@pytest.mark.parametrize("name", ["usercustomize.py", "late.pth", "pack/data.json"])
def test_what_is_installed_is_never_written(folder: Path, name: str) -> None:
    said = "it belongs to wf, or to the Python that runs it"
    places = (*installed_folders(), str(Path(runner.__file__).resolve().parent))
    assert {why(f"{place}/{name}", folder, Protected()) for place in places} == {said}
    assert why(f"other/lib/python3/site-packages/{name}", folder, Protected()) == said


def test_what_runs_tools_and_scripts_is_never_written(folder: Path) -> None:
    (folder / "own").write_text("binary")
    (folder / "script").write_text(f"#!{folder}/own -x\n")
    said = "it runs the programs, or the tools, that the workflow calls"
    assert why("own", folder, Protected(commands=(str(folder / "script"),))) == said
    assert why(os.path.realpath(sys.executable), folder, Protected()) in {
        said, "it belongs to wf, or to the Python that runs it"
    }  # fmt: skip
    (folder / "script").write_text("#!/usr/bin/env -S deep -x\n")
    assert why("deep", folder, Protected(commands=(str(folder / "script"),), search=str(folder))) == said


@pytest.mark.parametrize(
    "line",
    ["{folder}/middle", "/usr/bin/env -S{folder}/out/deep", "/usr/bin/env --split-string={folder}/out/deep -x",
     "/usr/bin/env A=b out/deep", "out/deep", "../out/deep", "x/../../out/deep",
     "/bin/sh {folder}/out/deep", "/usr/bin/env -iS deep"],
)  # fmt: skip
def test_the_interpreter_of_an_interpreter_and_one_by_a_relative_path_are_never_written(
    folder: Path, line: str
) -> None:
    (folder / "out").mkdir()
    (folder / "middle").write_text(f"#!{folder}/out/deep\n")
    (folder / "script").write_text(f"#!{line.format(folder=folder)}\n")
    listed = Protected(commands=(str(folder / "script"),), search=f"{folder}/out")
    said = "it runs the programs, or the tools, that the workflow calls"
    assert why("out/deep", folder, listed) == said
    is_relative = "{folder}" not in line and "out" in line
    assert why("elsewhere/out/deep", folder, listed) == (said if is_relative else "")
    assert why("out/other", folder, listed) == ""


def test_scripts_that_are_each_others_interpreters_come_to_an_end(folder: Path) -> None:
    (folder / "one").write_text(f"#!{folder}/two\n")
    (folder / "two").write_text(f"#!{folder}/one\n")
    assert why("two", folder, Protected(commands=(str(folder / "one"),))) != ""


def test_what_lacks_a_head_is_no_repository(folder: Path) -> None:
    (folder / "store" / "objects").mkdir(parents=True)
    (folder / "store" / "refs").mkdir()
    assert why("store/config", folder, Protected()) == ""


@pytest.mark.parametrize("line", ["  {own} -x", "#!/bin/interpreter own"], ids=["no script", "not by env"])
def test_what_only_looks_like_an_interpreter_may_be_written(folder: Path, line: str) -> None:
    (folder / "own").write_text("text")
    (folder / "script").write_text(line.format(own=folder / "own"))
    assert why("own", folder, Protected(commands=(str(folder / "script"),), search=str(folder))) == ""
