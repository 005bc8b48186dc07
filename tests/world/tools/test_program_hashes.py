"""Programs that a run could overwrite are those that it began with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.workflow.permissions import Permissions
from runner.world.tools.program_hashes import program_hashes, refuse_another
from runner.world.tools.refusal import Refusal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path.resolve()
    (folder / "bin").mkdir()
    for name in ("saw", "plane"):
        (folder / "bin" / name).write_text(f"#!/bin/sh\necho {name}\n")
        (folder / "bin" / name).chmod(0o755)
    return folder


def listing(folder: Path, *commands: str, write: str = ".") -> Permissions:
    return Permissions(commands=frozenset(commands), write=(os.path.realpath(folder / write),))


def test_those_are_known_that_lie_where_one_may_write(folder: Path) -> None:
    own = listing(folder, "saw", f"{folder}/bin/plane", "absent", "cat")
    assert program_hashes(own, f"{folder}/bin").keys() == {"saw", f"{folder}/bin/plane"}
    assert program_hashes(listing(folder, "saw", write="out"), f"{folder}/bin") == {}
    shadowed = program_hashes(listing(folder, "saw", write="out"), f"{folder}/out:{folder}/bin")
    assert shadowed.keys() == {"saw"}


def test_a_link_is_known_by_what_it_leads_to(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "bin" / "saw").rename(folder / "out" / "real")
    (folder / "bin" / "saw").symlink_to("../out/real")
    assert program_hashes(listing(folder, "saw", write="out"), f"{folder}/bin").keys() == {"saw"}


def changed(folder: Path, program: str, cwd: str = "/") -> str:
    """What is said of a program after something was put in the place of `saw`."""
    known = program_hashes(listing(folder, "saw", f"{folder}/bin/plane"), f"{folder}/bin")
    refuse_another(program, f"{folder}/bin/saw", f"{folder}/bin", cwd, known)
    (folder / "bin" / "saw").write_text("#!/bin/sh\necho taken over\n")
    with pytest.raises(Refusal) as refused:
        refuse_another(program, f"{folder}/bin/saw", f"{folder}/bin", cwd, known)
    assert refused.value.failure.type == "permission_denied"
    return refused.value.message


def test_another_one_is_refused_whatever_it_is_called(folder: Path) -> None:
    said = f"program 'saw' ({folder}/bin/saw) is another than when the run began"
    assert changed(folder, "saw").startswith(said)


def test_another_one_is_refused_by_its_path(folder: Path) -> None:
    assert "is another than when the run began" in changed(folder, "bin/../bin/saw", str(folder))


def test_one_that_is_found_elsewhere_is_another(folder: Path) -> None:
    search = f"{folder}/out:{folder}/bin"
    known = program_hashes(listing(folder, "saw", write="out"), search)
    (folder / "out").mkdir()
    (folder / "out" / "saw").write_text("#!/bin/sh\necho taken over\n")
    with pytest.raises(Refusal, match="is another"):
        refuse_another("saw", f"{folder}/out/saw", search, "/", known)
    refuse_another("saw", f"{folder}/bin/saw", search, "/", known)


def test_one_of_the_same_size_and_time_is_another(folder: Path) -> None:
    saw = folder / "bin" / "saw"
    known, status = program_hashes(listing(folder, "saw"), f"{folder}/bin"), saw.stat()
    saw.write_text(saw.read_text().replace("saw", "axe"))
    os.utime(saw, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(Refusal, match="is another"):
        refuse_another("saw", str(saw), f"{folder}/bin", "/", known)
