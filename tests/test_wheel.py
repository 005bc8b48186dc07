"""The wheel is whole: in a fresh environment with the locked packages and nothing else it runs what it ships."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

from tests.project import ROOT, make_repository

FOLDERS = ("schemas", "grammars", "patterns", "workflows")

NOWHERE = "http://127.0.0.1:9"
OFFLINE = {"PATH": os.environ["PATH"], "HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE, "ALL_PROXY": NOWHERE}
"""All that the programs of this module get of the environment."""


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    ended = subprocess.run(command, cwd=cwd, env=OFFLINE, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{' '.join(map(str, command))}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


def locked() -> Iterator[str]:
    """The packages that requirements.lock names for this machine."""
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if re.match(r"\w", line):
            requirement = Requirement(line.removesuffix("\\"))
            if not requirement.marker or requirement.marker.evaluate():
                yield requirement.name


def link(package: str, site: Path) -> None:
    """Put an installed package into `site`: each of its files and folders there, as a link."""
    installed = distribution(package)
    for top in {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}:
        (site / top).symlink_to(str(installed.locate_file(top)))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", built, ROOT)
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel and what requirements.lock names: no development package, no network."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    site = next(folder.glob("lib/python*/site-packages"))
    for package in locked():
        link(package, site)
    run(sys.executable, "-m", "pip", "--python", folder / "bin/python", "install", "--no-index", "--no-deps", wheel)
    return folder


@pytest.fixture
def repository(fresh: Path, tmp_path: Path) -> Path:
    """A git repository that holds the example workflows as the wheel ships them."""
    make_repository(tmp_path, next(fresh.glob("lib/python*/site-packages/runner/_data/workflows")))
    return tmp_path


def demo() -> list[str]:
    """The arguments that `make demo` gives to `wf`."""
    found = re.search(r"^\t\$\(BIN\)/wf (run .+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found, "the Makefile has no line that runs the demo"
    return found[1].split()


def test_the_wheel_holds_the_shipped_folders_and_its_types(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    shipped = {
        f"runner/_data/{path.relative_to(ROOT)}"
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert shipped - names == set()
    assert all(any(name.startswith(f"runner/_data/{folder}/") for name in names) for folder in FOLDERS)
    assert "runner/py.typed" in names


def test_the_wheel_holds_nothing_but_the_package(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"runner"}


def test_the_installed_wf_tells_its_version(wheel: Path, fresh: Path, tmp_path: Path) -> None:
    _, version, *_ = wheel.name.split("-")
    assert version in run(fresh / "bin/wf", "--version", cwd=tmp_path)


def test_the_installed_wf_runs_the_demo_offline(fresh: Path, repository: Path) -> None:
    ended = json.loads(run(fresh / "bin/wf", *demo(), "--json", cwd=repository))
    assert (ended["workflow"], ended["status"]) == ("bug-triage", "completed")


def test_the_installed_wf_has_the_patterns(fresh: Path, tmp_path: Path) -> None:
    listed = run(fresh / "bin/wf", "patterns", cwd=tmp_path)
    assert [path.stem for path in (ROOT / "patterns").glob("*.yaml") if path.stem not in listed] == []
