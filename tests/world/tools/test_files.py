"""Reading and writing files: what is permitted, whole or not at all, in words that help."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from runner.workflow.permissions import Permissions
from runner.world.calls import Outcome, ReadCall, WriteCall
from runner.world.tools import files
from runner.world.tools.globs import is_glob
from tests.world.tools.performing import done, failed, in_time, perform, starting


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "project"
    folder.mkdir()
    return folder


def reading(path: str, project: Path, *roots: Path) -> Outcome:
    permissions = Permissions(read=tuple(str(root) for root in roots or (project,)))
    return perform(
        ReadCall(path, str(project), path if is_glob(path.removeprefix(str(project))) else ""), permissions=permissions
    )


def writing(path: str, content: str, project: Path, *roots: Path) -> Outcome:
    return perform(WriteCall(path, content, str(project)), permissions=writers(*(roots or (project,))))


def writers(*roots: Path) -> Permissions:
    return Permissions(write=tuple(str(root) for root in roots))


def fill(project: Path, *paths: str) -> None:
    for path in paths:
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(f"this is {path}")


def paths(outcome: Outcome) -> list[str]:
    found = done(outcome)
    assert all(entry["text"] == f"this is {entry['path']}" for entry in found)
    return [entry["path"] for entry in found]


def test_a_file_is_read_verbatim(project: Path) -> None:
    text = "\ufeffone\r\n\ttwo\0\n\n日本 🎉"
    (project / "a.txt").write_bytes(text.encode())
    assert done(reading("a.txt", project)) == {"path": "a.txt", "text": text}
    assert done(reading(str(project / "a.txt"), project)) == {"path": "a.txt", "text": text}


@given(text=some.text(some.characters(exclude_categories=["Cs"])))
def test_what_is_written_is_read(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    project = tmp_path_factory.getbasetemp().resolve()
    assert done(writing("deep/er/file", text, project)) == {"path": "deep/er/file"}
    assert done(reading("deep/er/file", project)) == {"path": "deep/er/file", "text": text}


def test_paths_are_relative_to_the_root_files_folder(project: Path) -> None:
    fill(project.parent, "shared/a")
    assert done(reading("../shared/a", project, project.parent))["path"] == "../shared/a"
    assert done(reading(str(project.parent / "shared/a"), project, project.parent))["path"] == "../shared/a"


@pytest.mark.parametrize(
    ("path", "type_", "message"),
    [
        ("docs/reprot.md", "file_io", "'docs/reprot.md' does not exist; did you mean 'report.md'?"),
        ("nodocs/report.md", "file_io", "'nodocs/report.md' does not exist"),
        ("docs", "file_io", "'docs' is a folder; name a file in it"),
        ("docs/report.md/x", "file_io", "can't read 'docs/report.md/x': not a directory"),
        ("loop", "file_io", "can't read 'loop': too many levels of symbolic links"),
        ("binary", "file_io", "'binary' is not UTF-8 text (see its byte 1)"),
        ("pipe", "file_io", "'pipe' is not a regular file"),
        ("huge", "file_io", "'huge' has more than 8 MiB; let a command read it"),
    ],
)
def test_what_can_not_be_read_says_why(project: Path, path: str, type_: str, message: str) -> None:
    fill(project, "docs/report.md")
    (project / "loop").symlink_to("loop")
    (project / "binary").write_bytes(b"a\xff")
    os.mkfifo(project / "pipe")
    with (project / "huge").open("wb") as huge:
        huge.truncate(files.MAX_FILE + 1)
    assert failed(reading(path, project)) == (type_, message)


def test_what_lies_outside_is_not_read(project: Path) -> None:
    fill(project.parent, "secret")
    (project / "link").symlink_to("../secret")
    fill(project, "docs/a", "other/b")
    for path in ("../secret", "link", "/etc/passwd", "docs/../../secret"):
        assert failed(reading(path, project))[0] == "permission_denied"
    assert failed(reading("other/b", project, project / "docs"))[0] == "permission_denied"
    assert failed(perform(ReadCall("docs/a", str(project)), permissions=writers(project)))[0] == "permission_denied"


@pytest.mark.parametrize("name", ["a*.md", "a?.md", "[a-z].md", "[[]a.md", "**", "[*]"])
def test_a_name_is_read_whatever_characters_it_has(project: Path, name: str) -> None:
    fill(project, name, "ab.md", "b.md", "x", "*")
    found = done(perform(ReadCall(name, str(project)), permissions=Permissions(read=(str(project),))))
    assert found == {"path": name, "text": f"this is {name}"}


def test_a_name_with_wildcards_that_is_not_there_says_that_it_is_no_glob(project: Path) -> None:
    fill(project, "ab.md")
    outcome = perform(ReadCall("*.txt", str(project)), permissions=Permissions(read=(str(project),)))
    said = "a template gives is a name, and only what the file itself says can be a glob"
    assert failed(outcome) == ("file_io", f"'*.txt' does not exist; what {said}")


def test_a_file_that_is_only_hashed_may_be_binary_and_has_a_bound(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "b.bin").write_bytes(b"\xff\x00" * 5)
    call = ReadCall("b.bin", str(project), content=False)
    permissions = Permissions(read=(str(project),))
    digest = hashlib.sha256(b"\xff\x00" * 5).hexdigest()
    assert done(perform(call, permissions=permissions)) == {"path": "b.bin", "size": 10, "sha256": digest}
    monkeypatch.setattr(files, "MAX_MEASURED", 9)
    assert failed(perform(call, permissions=permissions))[0] == "file_io"


TREE = ("a.md", "b.txt", "docs/a.md", "docs/deep/er/c.md", "docs/deep/d.txt", "docs/.hidden/e.md", ".f.md", "[x].md")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.md", ["[x].md", "a.md"]),
        ("[[]x].md", ["[x].md"]),
        ("?.*", ["a.md", "b.txt"]),
        ("[a-b].*", ["a.md", "b.txt"]),
        ("[!a].txt", ["b.txt"]),
        ("*", ["[x].md", "a.md", "b.txt"]),
        (".*.md", [".f.md"]),
        ("**/*.md", ["[x].md", "a.md", "docs/a.md", "docs/deep/er/c.md"]),
        ("docs/**", ["docs/a.md", "docs/deep/d.txt", "docs/deep/er/c.md"]),
        ("**/**/c.md", ["docs/deep/er/c.md"]),
        ("docs/**/er/*", ["docs/deep/er/c.md"]),
        ("*/*.md", ["docs/a.md"]),
        ("docs/.*/*", ["docs/.hidden/e.md"]),
        ("./docs//*.md", ["docs/a.md"]),
        ("docs/../*.txt", ["b.txt"]),
        ("*.pdf", []),
        ("nowhere/*.md", []),
        ("a.md/*", []),
    ],
)
def test_a_glob_gives_a_sorted_list(project: Path, pattern: str, expected: list[str]) -> None:
    fill(project, *TREE)
    assert paths(reading(pattern, project)) == expected
    assert paths(reading(f"{project}/{pattern}", project)) == expected


def test_a_bracket_in_the_name_of_the_folder_is_no_glob(tmp_path: Path) -> None:
    project = tmp_path.resolve() / "[project]"
    fill(project, "a")
    assert done(reading(f"{project}/a", project))["path"] == "a"


def test_a_glob_follows_links_inside_the_roots_but_not_by_double_stars(project: Path) -> None:
    fill(project, "docs/a")
    (project / "link").symlink_to("docs")
    (project / "docs" / "circle").symlink_to("..")
    (project / "docs" / "dangling").symlink_to("nowhere")
    os.mkfifo(project / "docs" / "pipe")
    assert [entry["path"] for entry in done(reading("link/*", project))] == ["link/a"]
    assert [entry["path"] for entry in done(reading("**/a", project))] == ["docs/a"]
    assert [entry["path"] for entry in done(reading("**", project))] == ["docs/a"]


def test_a_glob_that_meets_a_link_out_of_the_roots_is_refused(project: Path) -> None:
    fill(project.parent, "secrets/key.md")
    fill(project, "docs/a.md")
    (project / "docs" / "key.md").symlink_to("../../secrets/key.md")
    (project / "out").symlink_to("../secrets")
    assert failed(reading("docs/*.md", project))[0] == "permission_denied"
    assert failed(reading("*/*.md", project))[0] == "permission_denied"
    assert failed(reading("../*/*.md", project))[0] == "permission_denied"
    assert failed(reading("*", project, project / "docs"))[0] == "permission_denied"
    assert paths(reading("docs/a*", project)) == ["docs/a.md"]


def test_a_glob_does_not_climb(project: Path) -> None:
    assert failed(reading("*/../x", project)) == ("file_io", "'..' can't follow a wildcard in '*/../x'")


def test_a_glob_has_bounds(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(project, "a", "b", "c")
    monkeypatch.setattr("runner.world.tools.globs.MAX_FILES", 2)
    assert failed(reading("*", project)) == ("file_io", "'*' matches more than 2 files; match fewer")
    monkeypatch.setattr("runner.world.tools.globs.MAX_SEEN", 2)
    expected = "'*' looks through more than 2 files; start from a narrower folder"
    assert failed(reading("*", project)) == ("file_io", expected)


def test_the_files_of_a_glob_are_bounded_together(project: Path) -> None:
    for number in range(5):
        (project / str(number)).write_bytes(b"x" * files.MAX_FILE)
    assert failed(reading("*", project)) == ("file_io", "the files of '*' have more than 32 MiB together; match fewer")


def test_a_name_that_is_no_text_is_refused(project: Path) -> None:
    (project / os.fsdecode(b"a\xff")).touch()
    assert failed(reading("*", project)) == ("file_io", "the file name 'a\\udcff' is not UTF-8")


def test_a_file_is_replaced_whole_and_keeps_its_mode(project: Path) -> None:
    target = project / "out.txt"
    target.write_text("old and longer")
    target.chmod(0o666)
    before = target.open()
    done(writing("out.txt", "new", project))
    assert (target.read_text(), before.read()) == ("new", "old and longer")
    assert target.stat().st_mode & 0o777 == 0o666
    assert [path.name for path in project.iterdir()] == ["out.txt"]
    before.close()


def test_a_new_file_has_the_mode_that_the_umask_leaves(project: Path) -> None:
    old = os.umask(0o027)
    try:
        done(writing("deep/out.txt", "new", project))
    finally:
        os.umask(old)
    assert (project / "deep" / "out.txt").stat().st_mode & 0o777 == 0o640
    assert (project / "deep").stat().st_mode & 0o777 == 0o750


def test_a_link_inside_the_roots_is_written_through(project: Path) -> None:
    fill(project, "real")
    (project / "link").symlink_to("real")
    assert done(writing("link", "new", project)) == {"path": "link"}
    assert (project / "real").read_text() == "new"
    assert (project / "link").is_symlink()


def test_what_lies_outside_is_not_written(project: Path) -> None:
    fill(project.parent, "theirs")
    (project / "link").symlink_to("../theirs")
    (project / "folder").symlink_to("..")
    (project / "dangling").symlink_to("../new")
    for path in ("../x", "link", "folder/x", "dangling", "/etc/wf-canary", "a/../../x"):
        assert failed(writing(path, "canary", project))[0] == "permission_denied"
    assert failed(perform(WriteCall("x", "", str(project)), permissions=Permissions(read=(str(project),))))[0] == (
        "permission_denied"
    )
    assert sorted(path.name for path in project.parent.iterdir()) == ["project", "theirs"]
    assert (project.parent / "theirs").read_text() == "this is theirs"


def test_a_root_that_is_not_there_yet_is_made(project: Path) -> None:
    assert done(writing("out/report", "x", project, project / "out")) == {"path": "out/report"}


def test_a_root_that_became_a_link_elsewhere_is_not_written(project: Path) -> None:
    (project.parent / "elsewhere").mkdir()
    (project / "out").symlink_to("../elsewhere")
    assert failed(writing("out/x", "canary", project, project / "out"))[0] == "permission_denied"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("docs", "'docs' is a folder; name a file in it"),
        (".", "'.' is a folder; name a file in it"),
        ("docs/a/b", "can't write 'docs/a/b': not a directory"),
        ("pipe", "'pipe' is not a regular file"),
        ("x" * 300, f"can't write '{'x' * 300}': file name too long"),
    ],
)
def test_what_can_not_be_written_says_why(project: Path, path: str, message: str) -> None:
    fill(project, "docs/a")
    os.mkfifo(project / "pipe")
    assert failed(writing(path, "new", project)) == ("file_io", message)
    assert sorted(found.name for found in project.iterdir()) == ["docs", "pipe"]


def test_half_a_character_is_not_written(project: Path) -> None:
    assert failed(writing("a", "x\ud800", project))[0] == "file_io"
    assert list(project.iterdir()) == []


def full(*_arguments: Any) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("step", ["fsync", "rename"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    project: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    fill(project, "a")
    monkeypatch.setattr(os, step, lambda *arguments, **_more: full(*arguments))
    assert failed(writing("a", "new", project)) == ("file_io", "can't write 'a': no space left on device")
    assert [(path.name, path.read_text()) for path in project.iterdir()] == [("a", "this is a")]


def test_what_a_crash_left_is_cleared_away_and_never_followed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(project.parent, "theirs")
    (project / "trap").symlink_to("../theirs")
    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", lambda *_arguments, **_more: None)
        done(writing("a", "half", project))
    left = next(path for path in project.iterdir() if path.name.startswith(".wf-"))
    left.unlink()
    left.symlink_to("../theirs")
    done(writing("a", "whole", project))
    assert (project / "a").read_text() == "whole"
    assert not left.is_symlink()
    assert (project.parent / "theirs").read_text() == "this is theirs"


def test_a_cancelled_write_is_over_when_the_cancel_is(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is slow: the cancel comes while the file is being written."""

    async def scenario() -> None:
        loop, begun, may_go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
        sync: Callable[[int], None] = os.fsync

        def slow(descriptor: int) -> None:
            loop.call_soon_threadsafe(begun.set)
            may_go_on.wait()
            sync(descriptor)

        monkeypatch.setattr(os, "fsync", slow)
        call = WriteCall("a", "whole", str(project))
        task = asyncio.ensure_future(starting(call, permissions=writers(project)))
        await begun.wait()
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        may_go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (project / "a").read_text() == "whole"

    in_time(scenario())


def test_writes_side_by_side_into_one_new_folder_all_succeed(project: Path) -> None:
    async def scenario() -> list[Outcome]:
        calls = [WriteCall(f"new/deep/{number}", str(number), str(project)) for number in range(20)]
        return await asyncio.gather(*(starting(call, permissions=writers(project), step=call.path) for call in calls))

    for outcome in in_time(scenario()):
        done(outcome)
    assert len(list((project / "new" / "deep").iterdir())) == 20
