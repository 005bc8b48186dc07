"""Which paths are permitted, and that no link leads out of the permitted folders."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as some

from runner.workflow.permissions import Permissions
from runner.workflow.python_files import is_below
from runner.world.calls import Protected
from runner.world.tools.paths import near_names, opened_file, opened_folder, resolve_to_read, resolve_to_write
from runner.world.tools.refusal import Refusal

PARTS = some.lists(some.sampled_from(["a", "b", "..", ".", "inner", "loop", "out", "a b", ".hidden"]), max_size=8)


def reading(*roots: Path) -> Permissions:
    return Permissions(read=tuple(map(str, roots)))


def resolving(path: str, folder: Path, access: str, *roots: Path) -> str:
    if access == "read":
        return resolve_to_read(path, str(folder), reading(*roots))
    return resolve_to_write(path, str(folder), Permissions(write=tuple(map(str, roots))), Protected())


def refused(path: str, folder: Path, *roots: Path, access: str = "read") -> tuple[str, str]:
    with pytest.raises(Refusal) as refusal:
        resolving(path, folder, access, *roots)
    return refusal.value.failure.type, refusal.value.message


@given(some.lists(some.sampled_from(["a", "ab", "b"])), some.lists(some.sampled_from(["a", "ab", "b"])))
def test_inside_is_by_whole_names(path: list[str], root: list[str]) -> None:
    at, below = "/" + "/".join(path), "/" + "/".join(root)
    assert is_below(at, [below]) == PurePosixPath(at).is_relative_to(below)


@pytest.fixture(scope="module")
def maze(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `root` with links within it, out of it and in a circle."""
    folder = tmp_path_factory.mktemp("maze").resolve()
    (folder / "root" / "a" / "b").mkdir(parents=True)
    (folder / "out").mkdir()
    for name, target in {"inner": "a", "loop": "loop", "out": "../out", "a/out": "../../out", "a/b/a": "../.."}.items():
        (folder / "root" / name).symlink_to(target)
    return folder


@given(parts=PARTS)
def test_what_is_resolved_is_below_and_is_the_place_itself(maze: Path, parts: list[str]) -> None:
    root = maze / "root"
    path = "/".join(parts) or "."
    try:
        real = resolve_to_read(path, str(root), reading(root))
    except Refusal:
        return
    assert is_below(real, [str(root)])
    assert not (root / path).exists() or Path(real).samefile(root / path)


def test_what_leads_out_is_refused_with_the_line_to_add(maze: Path) -> None:
    root = maze / "root"
    said = {
        "../out/x": "'../out/x' is outside the folders that may be read; "
        "to allow it, add it under permissions: read: [., ../out/x]",
        "out/x": f"'out/x', which leads to '{maze}/out/x', is outside the folders that may be read; "
        "to allow it, add it under permissions: read: [., ../out/x]",
        "/etc/passwd": "'../" + os.path.relpath("/etc/passwd", maze) + "' is outside the folders that may be read; "
        "to allow it, add it under permissions: read: [., /etc/passwd]",
    }
    for path, message in said.items():
        assert refused(path, root, root) == ("permission_denied", message)


def test_a_folder_that_begins_alike_is_another(maze: Path) -> None:
    assert refused("../root2/x", maze / "root", maze / "root", access="write")[0] == "permission_denied"


def test_nothing_is_permitted_without_roots(maze: Path) -> None:
    assert refused("a", maze / "root")[0] == "permission_denied"


@pytest.mark.parametrize("path", ["", "a\0b", "x" * 5000, "\ud800"])
def test_what_is_no_path_is_refused(maze: Path, path: str) -> None:
    assert refused(path, maze, maze)[0] == "file_io"


def test_a_link_that_takes_a_folders_place_after_the_check_is_not_followed(tmp_path: Path) -> None:
    root = (tmp_path / "root").resolve()
    (root / "docs").mkdir(parents=True)
    (root / "docs" / "a").write_text("ours")
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "a").write_text("theirs")
    real = resolve_to_read("docs/a", str(root), reading(root))
    (root / "docs").rename(root / "gone")
    (root / "docs").symlink_to(secret)
    with pytest.raises(NotADirectoryError), opened_file(real, "docs/a"):
        pytest.fail("it was opened")
    with pytest.raises(NotADirectoryError), opened_folder(str(root / "docs" / "new"), make=True):
        pytest.fail("it was opened")
    assert sorted(path.name for path in secret.iterdir()) == ["a"]


def test_a_link_that_takes_a_files_place_after_the_check_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("theirs")
    (tmp_path / "a").symlink_to("secret")
    with pytest.raises(OSError, match="symbolic link"), opened_file(str(tmp_path / "a"), "a"):
        pytest.fail("it was opened")


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Refusal, match="'pipe' is not a regular file"), opened_file(str(tmp_path / "pipe"), "pipe"):
        pytest.fail("it was opened")


def test_a_device_is_refused() -> None:
    with pytest.raises(Refusal, match="'zero' is not a regular file"), opened_file("/dev/zero", "zero"):
        pytest.fail("it was opened")


def test_near_names_are_told_of_permitted_folders_alone(tmp_path: Path) -> None:
    (tmp_path / "report.md").touch()
    missing = str(tmp_path / "reprot.md")
    assert near_names(missing, [str(tmp_path)]) == "; did you mean 'report.md'?"
    assert near_names(missing, ["/elsewhere"]) == ""
    assert near_names(str(tmp_path / "none" / "x"), [str(tmp_path)]) == ""
