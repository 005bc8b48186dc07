"""Which programs may be run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.workflow.programs import anchored, find_program, is_permitted


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with `bin` and `more` on its PATH, and a project with programs of its own."""
    for program in ("bin/git", "bin/cat", "bin/busybox", "more/git", "more/rg", "project/git", "project/tools/run"):
        path = tmp_path / program
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    (tmp_path / "bin" / "ls").symlink_to("busybox")
    (tmp_path / "bin" / "folder").mkdir()
    (tmp_path / "bin" / "data").write_text("no program")
    (tmp_path / "sbin").symlink_to("bin")
    (tmp_path / "project" / "link").symlink_to("../bin/git")
    (tmp_path / "project" / "cat").symlink_to("../bin/cat")
    return tmp_path.resolve()


def search(machine: Path) -> str:
    return f"{machine}/bin:{machine}/more"


def permitted(machine: Path, program: str, *allowed: str) -> bool:
    return is_permitted(program, allowed, search(machine), str(machine / "project"))


def test_a_name_stands_for_the_first_program_on_path(machine: Path) -> None:
    assert find_program("git", search(machine), "/") == f"{machine}/bin/git"
    assert find_program("rg", search(machine), "/") == f"{machine}/more/rg"
    for program in ("folder", "data", "nosuch", "", "git\0", "..", "."):
        assert find_program(program, search(machine), "/") is None


def test_entries_of_path_that_hang_on_the_folder_are_passed_over(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(machine / "project")
    for path in ("", ".", ":", f"project:{os.curdir}:../project"):
        assert find_program("git", path, str(machine / "project")) is None


def test_a_path_stands_for_itself_from_the_folder(machine: Path) -> None:
    assert find_program("./git", search(machine), f"{machine}/project") == f"{machine}/project/./git"
    assert find_program("./nosuch", search(machine), f"{machine}/project") is None


def test_a_name_is_permitted_by_the_list_alone(machine: Path) -> None:
    assert permitted(machine, "git", "git")
    assert permitted(machine, "nosuch", "nosuch"), "whether it exists is another question"
    for program in ("rg", "GIT", "gi", "git ", "", "ls"):
        assert not permitted(machine, program, "git", "cat", "busybox")


def test_a_path_is_permitted_where_it_is_the_place_of_a_listed_name(machine: Path) -> None:
    assert permitted(machine, f"{machine}/bin/git", "git")
    assert permitted(machine, f"{machine}/sbin/git", "git"), "the same folder by another name"
    assert permitted(machine, "../bin/git", "git")
    for program in ("./git", "git/", f"{machine}/more/git", "./link", "./cat", "../bin/busybox", "/git"):
        assert not permitted(machine, program, "git", "cat", "ls")


def test_a_listed_path_permits_itself(machine: Path) -> None:
    allowed = anchored(["./tools/run", "git", "/usr/bin/env"], str(machine / "project"))
    assert allowed == {f"{machine}/project/tools/run", "git", "/usr/bin/env"}
    for program in ("tools/run", "./tools/run", "tools/../tools/run", f"{machine}/project/tools/run"):
        assert permitted(machine, program, *allowed)
    assert not permitted(machine, "run", *allowed)
    assert not permitted(machine, "./run", *allowed)


def test_a_listed_path_permits_the_name_that_leads_to_it(machine: Path) -> None:
    assert permitted(machine, "git", f"{machine}/bin/git")
    assert not permitted(machine, "git", f"{machine}/more/git")


def test_a_relative_entry_that_nobody_anchored_permits_nothing(machine: Path) -> None:
    assert not permitted(machine, "./git", "./git")
    assert not permitted(machine, "tools/run", "tools/run")
